//! Verdicts as sentences, for a person who asks why.

use std::fmt;

use serde::Serialize;

use super::{DeleteReason, KeepReason, LeftAlone, Plan, RepositoryPlan, Verdict, graph};
use crate::{
    image::{Attachment, Digest, Image, ImageReference, Registry, RepositoryName},
    inventory::NotRead,
    usage::InUse,
};

/// What happens to one image, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The repository.
    pub repository: RepositoryName,
    /// The host of its registry, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The image's digest; none if there is no such image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// All its tags.
    pub tags: Vec<String>,
    /// Whether it would be deleted.
    pub deletes: bool,
    /// Whether it would be moved to the archive.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub archives: bool,
    /// Why, a sentence each.
    pub because: Vec<String>,
    /// The image of the same name in other registries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Explanation>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self
            .host
            .as_ref()
            .map(|host| format!("{host}/"))
            .unwrap_or_default();
        match self.digest {
            None => writeln!(f, "{host}{}: there is no such image", self.repository)?,
            Some(digest) => {
                let fate = match (self.deletes, self.archives) {
                    (true, _) => "goes",
                    (false, true) => "goes to the archive",
                    (false, false) => "stays",
                };
                writeln!(f, "{host}{}@{digest} {fate}", self.repository)?;
                writeln!(
                    f,
                    "  tags: {}",
                    if self.tags.is_empty() {
                        "none".to_owned()
                    } else {
                        self.tags.join(", ")
                    }
                )?;
            }
        }
        for because in &self.because {
            writeln!(f, "  - {because}")?;
        }
        self.also.iter().try_for_each(|other| other.fmt(f))
    }
}

impl Plan {
    /// Explains what happens to the image that a reference means, by its digest if it names one. One that names no
    /// registry of the plan is looked for in all of them.
    #[must_use]
    pub fn explain(&self, reference: &ImageReference) -> Explanation {
        let named = self
            .registries
            .iter()
            .find(|registry| reference.registry.as_ref() == Some(&***registry));
        let registries = named.map_or(self.registries.as_slice(), std::slice::from_ref);
        let all = registries
            .iter()
            .map(|registry| self.explain_in(registry, reference));
        let (found, not_found): (Vec<_>, Vec<_>) =
            all.partition(|explanation| explanation.digest.is_some());
        let mut all = if found.is_empty() { not_found } else { found }.into_iter();
        match all.next() {
            Some(first) => Explanation {
                also: all.collect(),
                ..first
            },
            None => Explanation::unknown(reference, None, "nothing was read".to_owned()),
        }
    }

    fn explain_in(&self, registry: &Registry, reference: &ImageReference) -> Explanation {
        let host = (self.registries.len() > 1).then(|| registry.host());
        let unknown = |because: String| Explanation::unknown(reference, host.clone(), because);
        let Some(repository) = self.repository_in(registry, &reference.repository) else {
            return unknown(format!(
                "there is no repository `{}` in {registry}",
                reference.repository
            ));
        };
        let position = match (&reference.digest, &reference.tag) {
            (Some(digest), _) => {
                graph::position(&repository.stored.images, digest).map(|index| index as usize)
            }
            (None, Some(tag)) => repository
                .stored
                .images
                .iter()
                .position(|image| image.tags.contains(tag)),
            (None, None) => None,
        };
        let Some(position) = position else {
            return unknown(match &repository.left_alone {
                Some(why) => format!("the repository is left alone: {why}"),
                None => format!("no image in the repository is `{reference}`"),
            });
        };
        let image = &repository.stored.images[position];
        let verdict = &repository.verdicts[position];
        let archives = verdict.deletes() && self.archives(image);
        Explanation {
            repository: repository.name.clone(),
            host,
            digest: Some(image.digest),
            tags: image.tags.iter().map(ToString::to_string).collect(),
            deletes: verdict.deletes() && !archives,
            archives,
            because: repository.because(verdict),
            also: Vec::new(),
        }
    }
}

impl Explanation {
    fn unknown(reference: &ImageReference, host: Option<String>, because: String) -> Self {
        Self {
            repository: reference.repository.clone(),
            host,
            digest: None,
            tags: Vec::new(),
            deletes: false,
            archives: false,
            because: vec![because],
            also: Vec::new(),
        }
    }
}

impl RepositoryPlan {
    /// The reasons of a verdict, a sentence each.
    #[must_use]
    pub fn because(&self, verdict: &Verdict) -> Vec<String> {
        match verdict {
            Verdict::Delete(reason) => vec![self.delete_sentence(reason)],
            Verdict::Keep(reasons) => reasons
                .iter()
                .map(|reason| self.keep_sentence(reason))
                .collect(),
        }
    }

    fn keep_sentence(&self, reason: &KeepReason) -> String {
        match reason {
            KeepReason::RepositoryLeftAlone => match &self.left_alone {
                Some(why) => format!("the repository is left alone: {why}"),
                None => "the repository is left alone".to_owned(),
            },
            KeepReason::InUse(in_use) => in_use_sentence(in_use),
            KeepReason::RepositoryInUse { user } => {
                format!("{user} names its repository, and nothing says for certain that it means another image")
            }
            KeepReason::Rule { rule, tag, place } => {
                let by = tag.as_ref().map(|tag| format!(" by its tag `{tag}`")).unwrap_or_default();
                match place {
                    Some(place) => match place.places {
                        Some(places) => format!("rule `{rule}` keeps it{by}: place {} of {places}", place.place),
                        None => format!("rule `{rule}` keeps it{by}, with its whole group"),
                    },
                    None => format!("rule `{rule}` keeps it{by}"),
                }
            }
            KeepReason::NoVersion { rule, tag } => {
                format!("rule `{rule}` orders by version and `{tag}` holds none, so its place cannot be told")
            }
            KeepReason::PartOf { index, role } => {
                format!("kept as {}part of {}", spaced(role.as_deref()), self.name_of(index))
            }
            KeepReason::PerhapsPartOf { index } => {
                format!("it may be part of {}, which cannot be read since it is archived", self.name_of(index))
            }
            KeepReason::HasPartInUse { part } => format!("its part {} is in use", self.name_of(part)),
            KeepReason::RefersTo { subject, how } => format!("kept with {}, {}", self.name_of(subject), clause(*how)),
            KeepReason::AttachedElsewhere { subject, repository: Some(repository) } => {
                format!("it belongs to {}, which `{repository}` keeps", subject.short())
            }
            KeepReason::AttachedElsewhere { subject, repository: None } => {
                format!("it belongs to {}, which may be in a repository that was not read", subject.short())
            }
            KeepReason::Artifact => "it is no container image and belongs to none, so no rule is about it".to_owned(),
            KeepReason::Archived => "it is archived".to_owned(),
            KeepReason::BeingRestored => "it is being restored from the archive".to_owned(),
            KeepReason::UnknownStatus => "it has a status that this version does not know".to_owned(),
            KeepReason::NoPushTime => "it has no push time, so its age is unknown".to_owned(),
            KeepReason::PushedInFuture => "its push time is still to come, so some clock is wrong".to_owned(),
            KeepReason::JustPushed => {
                "it has no tag yet and was pushed less than an hour ago, perhaps by a push that is still going on"
                    .to_owned()
            }
        }
    }

    fn delete_sentence(&self, reason: &DeleteReason) -> String {
        match reason {
            DeleteReason::Superseded { rule, place } => match place.places {
                Some(places) => format!(
                    "place {} by rule `{rule}`, which keeps {places}; nobody uses it",
                    place.place
                ),
                None => format!(
                    "its group is not among the newest that rule `{rule}` keeps; nobody uses it"
                ),
            },
            DeleteReason::NoRule => "no rule keeps any of its tags; nobody uses it".to_owned(),
            DeleteReason::Untagged => "it has no tag, and nobody uses it".to_owned(),
            DeleteReason::PartOf { index, role } => {
                format!(
                    "goes with {}, whose {}part it is",
                    self.name_of(index),
                    spaced(role.as_deref())
                )
            }
            DeleteReason::RefersTo { subject, how } => {
                format!("goes with {}, {}", self.name_of(subject), clause(*how))
            }
            DeleteReason::Orphan { subject, how } => {
                format!("{}, {}, is gone", subject.short(), clause(*how))
            }
            DeleteReason::Archived {
                since,
                charged_until,
            } => {
                let charge = charged_until
                    .map(|until| format!("; AWS charges for it until {until} all the same, 90 days being the least"))
                    .unwrap_or_default();
                format!(
                    "archived since {since}, longer than `archive.delete_after`{charge}; nobody uses it"
                )
            }
        }
    }

    /// What people call an image: by its first tag, else by its digest.
    fn name_of(&self, digest: &Digest) -> String {
        match self.image(digest).map(Image::name) {
            Some(name) => format!("{}{name}", self.name),
            None => format!("{}@{}", self.name, digest.short()),
        }
    }
}

fn spaced(role: Option<&str>) -> String {
    role.map(|role| format!("{role} ")).unwrap_or_default()
}

/// What an image is to another one, as a clause about that.
const fn clause(how: Attachment) -> &'static str {
    match how {
        Attachment::Signs => "which it signs",
        Attachment::Attests => "which it attests",
        Attachment::Describes => "which it describes",
        Attachment::IndexesLayers => "whose layers it indexes",
        Attachment::ListsReferrers => "whose referrers it lists",
        Attachment::RefersTo => "to which it refers",
    }
}

fn in_use_sentence(in_use: &InUse) -> String {
    let InUse { tag, user, users } = in_use;
    let by = match tag {
        Some(tag) => format!("by the tag `{tag}`"),
        None => "by its digest".to_owned(),
    };
    match users - 1 {
        0 => format!("{user} uses it {by}"),
        1 => format!("{user} and one more use it {by}"),
        more => format!("{user} and {more} more use it {by}"),
    }
}

impl fmt::Display for LeftAlone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRead(why) => why.fmt(f),
            Self::NoTagMatched => write!(
                f,
                "not one of its tags is what any rule of its policy is about; to clean it all the same, give that policy `delete_unmatched: true`"
            ),
            Self::Unclear(why) => why.fmt(f),
            Self::TooMuch { percent, limit } => write!(
                f,
                "{percent} % of its images would go, and `guards.max_percent_per_repository` allows {limit} %"
            ),
            Self::PulledFrom { by } => write!(
                f,
                "its policy lets {} pull, and what is in use there is not read: add it to `in_use.accounts` or give a keep list its `account`; `guards.unread_pull_accounts: warn` cleans the repository all the same",
                by.join(" and ")
            ),
            Self::Repeated { places } => write!(
                f,
                "replication repeats its deletions in {}, and what is in use there is not read: add it to `in_use.accounts`; `guards.unread_pull_accounts: warn` cleans the repository all the same",
                places.join(" and ")
            ),
            Self::PullersUnknown { error } => {
                write!(f, "who may pull from it could not be found out: {error}")
            }
            Self::Vanished => write!(f, "it was deleted meanwhile"),
            Self::Failed { error } => write!(f, "its images could not be listed: {error}"),
        }
    }
}

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPolicy => write!(f, "no policy matches it"),
            Self::Policy { policy } => write!(f, "`policies[{policy}]` says so"),
            Self::PullThroughCache => {
                write!(
                    f,
                    "it is a pull-through cache, and no policy names it without a wildcard"
                )
            }
            Self::NotAsked => write!(f, "this run was asked for other repositories"),
        }
    }
}
