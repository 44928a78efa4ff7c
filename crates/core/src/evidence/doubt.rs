//! Doubts: images in use of which only the repository is known, or what its name may be.
//!
//! Such a repository is left alone, and no other (U2). What no repository can be named is pulled by
//! nobody, and keeps nothing.

use std::collections::HashSet;

use super::{
    User,
    path::{Host, MirroredPath},
    template::{Template, begins_placeholder},
};
use crate::image::{Aliases, Digest, ImageReference, Parsed, Registry, RepositoryName, escaped};

/// Beginnings of the hosts of registries, however they go on.
const HOSTS: [&str; 2] = ["dkr.ecr", "dkr-ecr"];

/// Images in use of a repository, it is not known which.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Doubt {
    pub(super) about: About,
    /// Reason.
    pub(super) why: Box<str>,
}

/// Repositories that a text may mean.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum About {
    /// Those that a path may stand for.
    Path(MirroredPath),
    /// Those whose names begin and end like this.
    Around(Box<str>, Box<str>),
    /// None: no repository can have that name.
    Nothing,
}

impl Doubt {
    /// Creates a doubt about the repositories that a text names or may mean; `None` if that may be
    /// any. `why` says what is not known.
    #[must_use]
    pub fn of(text: &str, aliases: &Aliases, why: &str) -> Option<Self> {
        let about = About::of(text, aliases)?;
        let why = why.into();
        Some(Self { about, why })
    }

    /// Returns who uses the images, and what is not known.
    pub(super) fn title(&self, user: &User) -> String {
        format!("{user}: {}", escaped(&self.why))
    }
}

impl About {
    /// Returns what a text may mean; `None` if that may be any repository.
    pub(super) fn of(text: &str, aliases: &Aliases) -> Option<Self> {
        match ImageReference::parse(text, aliases) {
            Ok(Parsed::Ecr(image)) => {
                let host = Host::Ecr(image.registry);
                Some(Self::path(host, &image.repository))
            }
            Ok(Parsed::Elsewhere { host, image, .. }) => {
                let path = image.map(|image| Self::path(Host::Elsewhere(host), &image.repository));
                Some(path.unwrap_or(Self::Nothing))
            }
            Ok(Parsed::Digest(_)) => None,
            Err(_) => Self::of_unreadable(text, aliases),
        }
    }

    /// Returns what a text may mean that is no reference: it is written in capitals, a part of it is
    /// still to be filled in, or its tag is none.
    fn of_unreadable(text: &str, aliases: &Aliases) -> Option<Self> {
        let (registry, path) = ImageReference::split(text, aliases)?;
        let path = path.to_ascii_lowercase();
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
        let rest = path.trim_start_matches(is_name);
        let name = &path[..path.len() - rest.len()];
        let aliases = aliases.hosts().iter().map(String::as_str);
        let mut hosts = HOSTS.into_iter().chain(aliases);
        // Several images in one text may be of any repositories.
        if path.is_empty() || hosts.any(|host| path.contains(host)) {
            return None;
        }
        if begins_placeholder(rest) {
            let (begin, end) = match Template::read(name, rest)?.0 {
                Template::Beginning(begin) => (begin, Box::default()),
                Template::Around(around) => around,
            };
            let may_be_any = begin.is_empty() && end.is_empty();
            return (!may_be_any).then_some(Self::Around(begin, end));
        }
        let name = RepositoryName::new(name);
        Some(name.map_or(Self::Nothing, |name| Self::path(Host::Ecr(registry), &name)))
    }

    fn path(host: Host, path: &RepositoryName) -> Self {
        let path = (**path).into();
        Self::Path(MirroredPath { host, path })
    }

    /// Returns whether this may mean a repository; `hosts` are those that stand for its registry.
    pub(super) fn may_mean(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        hosts: &HashSet<&str>,
    ) -> bool {
        match self {
            Self::Path(path) => {
                path.means(repository) || path.may_mean(registry, repository, hosts)
            }
            Self::Around(begin, end) => {
                let rest = repository.strip_prefix(&**begin);
                rest.is_some_and(|rest| rest.ends_with(&**end))
            }
            Self::Nothing => false,
        }
    }
}

/// Returns the digest in a text that is no reference, if that can be read.
pub(super) fn readable_digest(text: &str) -> Option<Digest> {
    let (at, _) = text.match_indices("sha256:").last()?;
    text.get(at..at + 71)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
    const REPOSITORIES: [&str; 5] = ["team/app", "app", "app-prod", "proxy/team/app", "web"];

    /// Returns the repositories that a text may mean; `None` if any.
    fn meant(text: &str) -> Option<Vec<&'static str>> {
        let aliases = Aliases::new(&["registry.example.com".to_owned()]);
        let about = About::of(&text.replace("HOST", HOST), &aliases)?;
        let registry = Registry::of_host(HOST).unwrap();
        let may_mean = |name: &&str| {
            let name = RepositoryName::new(name).unwrap();
            about.may_mean(&registry, &name, &HashSet::new())
        };
        Some(REPOSITORIES.into_iter().filter(may_mean).collect())
    }

    /// What cannot be pulled as it is written means the repositories that it may become (U2).
    #[test]
    fn a_text_may_mean_what_its_readable_part_names() {
        let app = &["app"][..];
        let team = &["team/app"][..];
        let mirrored = &["team/app", "app", "proxy/team/app"][..];
        for (text, expected) in [
            ("HOST/app:${TAG}", app),
            ("HOST/app:", app),
            ("HOST/app:1:2", app),
            ("HOST/app@sha256:12", app),
            ("HOST/app 1", app),
            (" docker://HOST/App:1", app),
            ("HOST/Team/App:1", team),
            ("HOST/team/app:{{ .Values.tag }}", team),
            ("HOST/app-${ENV}:1", &["app-prod"]),
            ("HOST/app-${ENV:-x}:1", &["app-prod"]),
            ("HOST/App-$(ENV)", &["app-prod"]),
            ("HOST/{{ team }}/app:1", &["team/app", "proxy/team/app"]),
            ("HOST/<team>/app", &["team/app", "proxy/team/app"]),
            ("HOST/team/%s:1", team),
            // A webhook may swap the host, a proxy or a cache put a prefix before the path.
            (
                "222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/App:1",
                mirrored,
            ),
            (
                "vpce-1.dkr.ecr.eu-west-1.vpce.amazonaws.com/team/app:1",
                mirrored,
            ),
            ("registry.example.com/team/app:${TAG}", mirrored),
            ("HOST/gone:", &[]),
            ("HOST/_app:1", &[]),
            ("HOST/team//app:1", &[]),
            ("HOST/app/:1", &[]),
            ("HOST/?", &[]),
        ] {
            assert_eq!(meant(text).as_deref(), Some(expected), "{text}");
        }
        let any = [
            "HOST",
            "HOST/",
            "HOST/${IMAGE}",
            "HOST/{{ image }}:1",
            "HOST/app:1,HOST/web:2",
            "HOST/app:1 registry.example.com/web:2",
        ];
        for text in any {
            assert_eq!(meant(text), None, "{text}");
        }
    }

    #[test]
    fn a_digest_that_can_be_read_is_read() {
        let hex = "0a".repeat(32);
        let digest = Digest::from_hex(&hex).ok();
        for (text, expected) in [
            (format!("HOST/App@sha256:{hex}"), digest),
            (format!("HOST/app:${{TAG}}@sha256:{hex} "), digest),
            (format!("HOST/App@sha512:{hex}"), None),
            ("HOST/App@sha256:12".to_owned(), None),
            ("HOST/App".to_owned(), None),
        ] {
            assert_eq!(readable_digest(&text), expected, "{text}");
        }
    }
}
