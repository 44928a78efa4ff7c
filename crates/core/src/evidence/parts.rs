//! Names in parts: a registry, perhaps with the beginning of a name, apart from the name or what
//! completes it.
//!
//! Which repositories there are is not known where an object is read. So what could be a name is
//! kept, and a repository is mentioned if its name, or what is behind the beginning, stands in the
//! same object (U12).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use super::{Narrowing, Words, path::last_part};

/// Narrows to nothing: any image of the repository may be meant.
static ANY: LazyLock<Narrowing> = LazyLock::new(|| [Words::default()].into());

/// Parts of names that stand in an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Parts {
    /// Registries, as they are written.
    pub(super) hosts: BTreeSet<Box<str>>,
    /// Beginnings of names, empty or with a `/` at the end.
    pub(super) beginnings: BTreeSet<Box<str>>,
    /// Names with a placeholder: what is before and what is behind it.
    pub(super) templates: BTreeMap<(Box<str>, Box<str>), Narrowing>,
    /// Words where an image is named, with what is told of it.
    pub(super) named: BTreeMap<Arc<str>, Narrowing>,
    /// All other words that could be a name.
    pub(super) words: BTreeSet<Arc<str>>,
    /// Words that are no mention, since the object names their repository with its tag.
    pub(super) in_full: BTreeSet<Arc<str>>,
}

impl Parts {
    /// Returns what is told of a repository, once for each way in which it is mentioned.
    pub(super) fn mentions_of(&self, name: &str) -> impl Iterator<Item = &Narrowing> {
        let fits = move |begin: &str, end: &str| {
            let rest = name.strip_prefix(begin);
            rest.is_some_and(|rest| rest.ends_with(end))
        };
        let templates = self.templates.iter();
        let templates = templates.filter(move |((begin, end), _)| fits(begin, end));
        let beginnings = self.beginnings.iter();
        let by_words =
            beginnings.filter_map(move |beginning| self.told_of(name.strip_prefix(&**beginning)?));
        templates.map(|(_, told)| told).chain(by_words)
    }

    /// Returns whether the object is known to mean this repository, by a mention or in full.
    pub(super) fn means(&self, name: &str) -> bool {
        let is_whole = |beginning: &str| beginning.strip_suffix('/') == Some(name);
        self.mentions_of(name).next().is_some()
            || self.beginnings.iter().any(|beginning| is_whole(beginning))
            || self.in_full.contains(last_part(name))
            || self.in_full.contains(name)
    }

    /// Returns what is told of a name, or of a part of one, that stands in the object: as one word,
    /// or as several that make it up.
    fn told_of(&self, name: &str) -> Option<&Narrowing> {
        let whole = self.named.get(name);
        whole
            .or_else(|| self.words.contains(name).then(|| &*ANY))
            .or_else(|| {
                let mut heads = name.match_indices('/').map(|(at, _)| name.split_at(at));
                heads.find_map(|(head, tail)| {
                    let stands = self.named.contains_key(head) || self.words.contains(head);
                    stands.then(|| self.told_of(tail.strip_prefix('/')?))?
                })
            })
    }

    /// Returns the last parts of the names that it may make up.
    pub(super) fn last_parts(&self) -> BTreeSet<&str> {
        let words = self.named.keys().chain(&self.words).chain(&self.in_full);
        let words = words.map(|word| last_part(word));
        let wholes = self.beginnings.iter();
        let wholes = wholes.map(|beginning| last_part(beginning.trim_end_matches('/')));
        words.chain(wholes).collect()
    }

    /// Returns whether it names a registry at all.
    pub(super) fn names_registry(&self) -> bool {
        !self.beginnings.is_empty() || !self.templates.is_empty()
    }

    /// Returns the registries, as they are written.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(|host| &**host)
    }

    /// Adds the parts of an object that was made from the same template.
    pub(super) fn merge(&mut self, more: Self) {
        self.hosts.extend(more.hosts);
        self.beginnings.extend(more.beginnings);
        for (template, narrowing) in more.templates {
            self.templates
                .entry(template)
                .or_default()
                .extend(narrowing);
        }
        for (word, narrowing) in more.named {
            self.named.entry(word).or_default().extend(narrowing);
        }
        self.words.extend(more.words);
        self.in_full.extend(more.in_full);
    }
}
