//! What the configuration leaves out of a cluster: groups, kinds and single objects. Each exclusion
//! that leaves something out is remembered, since what is not read is said (P7).

use std::{cell::RefCell, collections::BTreeSet};

use serde_json::Value;

use super::{kind::Kind, workload::Header};
use crate::policy::RepositoryGlobs;

#[derive(Debug, Clone)]
pub(crate) struct Exclusions {
    globs: RepositoryGlobs,
    /// Whether a glob may match single objects.
    have_objects: bool,
    /// The globs that left something out.
    used: RefCell<BTreeSet<String>>,
}

impl Exclusions {
    pub(crate) fn new(globs: RepositoryGlobs) -> Self {
        let mut texts = globs.patterns().iter();
        Self {
            have_objects: texts.any(|text| text.matches('/').count() > 1),
            globs,
            used: RefCell::default(),
        }
    }

    /// Returns whether all kinds of a group are left out, whichever it has.
    pub(super) fn leave_out_group(&self, group: &str) -> bool {
        let all = format!("{group}/*");
        let group = RepositoryGlobs::new(std::slice::from_ref(&all));
        group.is_ok_and(|group| self.globs.cover(&group)) && self.leave_out(&all)
    }

    /// Returns whether a kind is left out, by `GROUP/Kind` or `GROUP/plural`.
    pub(super) fn leave_out_kind(&self, kind: &Kind) -> bool {
        kind.names().iter().any(|name| self.leave_out(name))
    }

    /// Returns whether an object of a kind is left out. One of a workload kind is only by its whole
    /// name.
    pub(super) fn leave_out_object(&self, kind: &Kind, object: &str) -> bool {
        if !self.have_objects {
            return false;
        }
        let ids = kind.names().map(|kind| id(&kind, object));
        let may_be = |id: &String| !kind.is_workload() || self.globs.names_exactly(id);
        let mut ids = ids.into_iter().flatten().filter(may_be);
        ids.any(|id| self.leave_out(&id))
    }

    fn leave_out(&self, name: &str) -> bool {
        let matching: Vec<&str> = self.globs.matching(name).collect();
        let used = matching.iter().map(ToString::to_string);
        self.used.borrow_mut().extend(used);
        !matching.is_empty()
    }

    /// Returns the exclusions that left something out so far.
    pub(crate) fn used(&self) -> BTreeSet<String> {
        self.used.borrow().clone()
    }

    /// Returns all exclusions and one more, as a list in a configuration.
    pub(super) fn with(&self, more: &str) -> String {
        let written = self.globs.patterns().iter().map(String::as_str);
        list(written.chain([more]))
    }
}

/// Returns what an exclusion calls an object of a kind: `GROUP/Kind/NAMESPACE/NAME`, or without a
/// namespace if it is in none. `None` if it has no name that can be read.
pub(super) fn id(kind: &str, object: &str) -> Option<String> {
    let header: Header = serde_json::from_str(object).ok()?;
    Some(format!("{kind}/{}", header.metadata.full_name()?))
}

/// Returns texts as a list in a configuration.
pub(super) fn list<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let texts: Vec<String> = texts.map(|text| Value::from(text).to_string()).collect();
    format!("[{}]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        kubernetes::kind::{PODS, TEXTS, WORKLOADS},
    };

    fn exclusions(texts: &[&str]) -> Exclusions {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        Exclusions::new(RepositoryGlobs::new(&texts).unwrap())
    }

    /// What a group has that does not answer is not known, so only what leaves out all of it does
    /// (U6).
    #[test]
    fn a_group_is_left_out_only_as_a_whole() {
        for (exclusion, is_whole) in [
            ("a.b/*", true),
            ("a.b/**", true),
            ("a.b/{*,x}", true),
            ("a.b/any", false),
            ("a.b/a*", false),
            ("a.b/[!x]*", false),
            ("a.b/?", false),
            ("a.b/*/*", false),
            ("a.b.c/*", false),
        ] {
            let exclusions = exclusions(&[exclusion]);
            assert_eq!(exclusions.leave_out_group("a.b"), is_whole, "{exclusion}");
            assert_eq!(
                exclusions.used().len(),
                usize::from(is_whole),
                "{exclusion}"
            );
        }
    }

    /// An object is left out by its own name, and a workload by nothing shorter (U5, U6).
    #[test]
    fn an_object_is_left_out_by_its_name() {
        let widget = Kind::new(("a.b", "v1", "widgets", "Widget"));
        let object = r#"{"metadata": {"namespace": "shop", "name": "web", "generateName": "w"}}"#;
        for (exclusion, kind, is_left_out) in [
            ("a.b/Widget/shop/web", &widget, true),
            ("a.b/Widget/shop/*", &widget, true),
            ("a.b/widgets/shop/web", &widget, true),
            ("a.b/Widget/**", &widget, true),
            ("a.b/Widget/shop/web-1", &widget, false),
            ("a.b/Widget/web", &widget, false),
            ("a.b/Widget", &widget, false),
            ("core/Pod/shop/web", &Kind::new(PODS), true),
            ("core/Pod/shop/*", &Kind::new(PODS), false),
            ("**", &Kind::new(PODS), false),
        ] {
            let exclusions = exclusions(&[exclusion]);
            let left_out = exclusions.leave_out_object(kind, object);
            assert_eq!(left_out, is_left_out, "{exclusion}");
        }
        assert!(!exclusions(&["a.b/Widget/*"]).leave_out_object(&widget, "{}"));
    }

    /// The configuration knows the built-in kinds by name, and no workload can be left out (U5).
    #[test]
    fn no_workload_is_left_out_by_kind() {
        let parsed = |exclusion: &str| {
            let exclude = format!("custom_resources: {{ exclude: ['{exclusion}'] }}");
            Config::parse(&format!("in_use: {{ eks: {{ {exclude} }} }}"))
        };
        for kind in WORKLOADS.map(Kind::new) {
            let [name, plural] = kind.names();
            for text in [&name, &plural, &format!("{}/*", kind.group_name())] {
                assert!(parsed(text).is_err(), "{text}");
            }
            assert!(parsed(&format!("{name}/shop/web")).is_ok(), "{name}");
        }
        for kind in TEXTS.map(Kind::new) {
            let [name, _] = kind.names();
            assert!(parsed(&name).is_ok(), "{name}");
        }
    }
}
