//! The plan: one verdict for each image, made once, from what is stored, what is in use, the policies and the time.
//!
//! Pure and deterministic (P5). A dry run stops after it; a real run consumes it. A repository is judged by itself,
//! but for one thing: attachments whose images are in another repository are kept while those may be there.

mod explain;
mod graph;
mod judge;
mod lifecycle;
mod missing;
mod order;
mod terms;
mod unread;
mod verdict;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde::Serialize;

use crate::{
    image::{Digest, Image, Registry, RepositoryName, Status, Time},
    inventory::{Content, Images, Inventory, NotRead, Repository},
    policy::{Action, Policies},
    usage::Usage,
};
use judge::Judgement;

pub use explain::Explanation;
pub use lifecycle::Threat;
pub use missing::{Missing, Problem, Stored, missing, missing_from};
pub use order::{Doomed, Unit};
pub use terms::{Archiving, Terms};
pub use verdict::{DeleteReason, KeepReason, LeftAlone, Verdict};

/// What happens to each image of some registries.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The registries.
    pub registries: Vec<Arc<Registry>>,
    /// The time the plan was made for.
    pub now: Time,
    /// How it treats the archive.
    #[serde(skip)]
    pub archive: Archiving,
    /// The repositories, by registry and name.
    pub repositories: Vec<RepositoryPlan>,
}

/// What happens to each image of a repository.
#[derive(Debug, Clone, Serialize)]
pub struct RepositoryPlan {
    /// Its name.
    pub name: RepositoryName,
    /// The registry that it is in.
    pub registry: Arc<Registry>,
    /// Whether there are several registries, so that its name alone does not say which repository it is.
    #[serde(skip)]
    told_apart: bool,
    /// Why nothing of it is deleted, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_alone: Option<LeftAlone>,
    /// Its images in the order of their digests, and the children of its indexes. Empty if it was not read.
    #[serde(skip)]
    pub stored: Images,
    /// A verdict for each image, in the same order.
    pub verdicts: Vec<Verdict>,
    /// The policy that judges it.
    #[serde(skip)]
    pub policy: Option<usize>,
    /// Whether a tag in it can be moved to another image.
    #[serde(skip)]
    pub mutable_tags: bool,
    /// Whether everything in it is known.
    #[serde(skip)]
    read: bool,
}

/// Decides what happens to each image.
#[must_use]
pub fn plan(
    inventories: impl Into<Vec<Inventory>>,
    usage: &Usage,
    policies: &Policies,
    terms: impl Into<Terms>,
) -> Plan {
    let (inventories, terms) = (inventories.into(), terms.into());
    let (told_apart, mut registries, mut repositories) =
        (inventories.len() > 1, Vec::new(), Vec::new());
    for Inventory {
        registry,
        repositories: read,
    } in inventories
    {
        let registry = Arc::new(registry);
        repositories.extend(
            read.into_iter()
                .map(|read| RepositoryPlan::new(read, &registry, told_apart)),
        );
        registries.push(registry);
    }
    repositories.sort_by(|a, b| (&a.registry, &a.name).cmp(&(&b.registry, &b.name)));
    let mut plan = Plan {
        registries,
        now: terms.now,
        archive: terms.archive,
        repositories,
    };
    plan.judge_again(usage, policies);
    plan
}

impl Plan {
    /// Decides anew, after some repositories were left alone: what is attached to their images stays with them.
    pub fn judge_again(&mut self, usage: &Usage, policies: &Policies) {
        let terms = Terms {
            now: self.now,
            archive: self.archive,
        };
        let judged = judge(&self.repositories, usage, policies, terms);
        for (repository, (left_alone, verdicts)) in self.repositories.iter_mut().zip(judged) {
            repository.left_alone = left_alone;
            repository.verdicts = verdicts;
        }
    }

    /// Whether this plan moves a candidate to the archive, rather than deleting it: what is there already is deleted.
    #[must_use]
    pub fn archives(&self, candidate: &Image) -> bool {
        self.archive.candidates && candidate.status != Status::Archived
    }

    /// The images that this plan deletes and that what is in use by now keeps: for each repository their positions.
    #[must_use]
    pub fn spared(&self, usage: &Usage, policies: &Policies) -> Vec<HashSet<u32>> {
        let terms = Terms {
            now: self.now,
            archive: self.archive,
        };
        judge(&self.repositories, usage, policies, terms)
            .into_iter()
            .zip(&self.repositories)
            .map(|((_, verdicts), repository)| {
                let both = (0..).zip(verdicts.iter().zip(&repository.verdicts));
                both.filter(|(_, (now, planned))| planned.deletes() && !now.deletes())
                    .map(|(index, _)| index)
                    .collect()
            })
            .collect()
    }

    /// A plan for nothing, since nothing was read.
    #[must_use]
    pub const fn empty(now: Time) -> Self {
        let archive = Archiving {
            candidates: false,
            delete_after: None,
        };
        Self {
            registries: Vec::new(),
            now,
            archive,
            repositories: Vec::new(),
        }
    }

    /// The repository of that name, in the first registry that has one.
    #[must_use]
    pub fn repository(&self, name: &str) -> Option<&RepositoryPlan> {
        self.registries
            .iter()
            .find_map(|registry| self.repository_in(registry, name))
    }

    /// The repository of that name in a registry.
    #[must_use]
    pub fn repository_in(&self, registry: &Registry, name: &str) -> Option<&RepositoryPlan> {
        let order = |repository: &RepositoryPlan| {
            (&*repository.registry, &*repository.name).cmp(&(registry, name))
        };
        let position = self.repositories.binary_search_by(order).ok()?;
        self.repositories.get(position)
    }
}

/// Judges each repository by itself, and then the attachments whose images are in another one.
fn judge(
    repositories: &[RepositoryPlan],
    usage: &Usage,
    policies: &Policies,
    terms: Terms,
) -> Vec<(Option<LeftAlone>, Vec<Verdict>)> {
    let mut judgements: Vec<Judged<'_>> = repositories
        .iter()
        .map(|repository| {
            let judgement = match repository
                .policy
                .map(|position| &policies.0[position].action)
            {
                _ if repository.left_alone.is_some() => Err(repository.left_alone.clone()),
                Some(Action::Keep(rules)) => {
                    Judgement::new(repository, rules, usage, terms).map_err(Some)
                }
                Some(Action::LeaveAlone) | None => Err(Some(LeftAlone::NotRead(NotRead::NoPolicy))),
            };
            match judgement {
                Ok(judgement) => Judged::new(judgement),
                Err(why) => Judged::Done(why, keep_all(repository.stored.images.len())),
            }
        })
        .collect();
    keep_attached_elsewhere(&mut judgements, repositories);
    judgements.into_iter().map(Judged::verdicts).collect()
}

/// The judgement on a repository, open only as long as another repository has a say in it: it takes much more room than
/// the verdicts.
enum Judged<'a> {
    Open(Box<Judgement<'a>>),
    Done(Option<LeftAlone>, Vec<Verdict>),
}

impl<'a> Judged<'a> {
    fn new(judgement: Judgement<'a>) -> Self {
        if judgement.attached_elsewhere().next().is_some() {
            Self::Open(Box::new(judgement))
        } else {
            Self::Done(None, judgement.verdicts())
        }
    }

    fn keeps(&self, index: u32) -> bool {
        match self {
            Self::Open(judgement) => judgement.keeps(index),
            Self::Done(_, verdicts) => !verdicts[index as usize].deletes(),
        }
    }

    fn verdicts(self) -> (Option<LeftAlone>, Vec<Verdict>) {
        match self {
            Self::Open(judgement) => (None, judgement.verdicts()),
            Self::Done(why, verdicts) => (why, verdicts),
        }
    }
}

/// Keeps signatures and the like that are stored apart from their images: while the image is kept in another
/// repository, and in a repository of attachments alone while not everything was read. Again and again, since what is
/// kept so may have attachments elsewhere in its turn.
fn keep_attached_elsewhere(judgements: &mut [Judged<'_>], repositories: &[RepositoryPlan]) {
    while keep_some_attached_elsewhere(judgements, repositories) {}
}

/// One round; whether it kept anything.
fn keep_some_attached_elsewhere(
    judgements: &mut [Judged<'_>],
    repositories: &[RepositoryPlan],
) -> bool {
    let attached: Vec<(usize, u32, Digest)> = judgements
        .iter()
        .enumerate()
        .filter_map(|(repository, judged)| match judged {
            Judged::Open(judgement) => Some((repository, judgement)),
            Judged::Done(..) => None,
        })
        .flat_map(|(repository, judgement)| {
            judgement
                .attached_elsewhere()
                .map(move |(index, subject)| (repository, index, subject))
        })
        .collect();
    if attached.is_empty() {
        return false;
    }
    let wanted: HashSet<Digest> = attached.iter().map(|&(_, _, subject)| subject).collect();
    let mut kept_in: HashMap<Digest, &RepositoryName> = HashMap::new();
    for (judged, repository) in judgements.iter().zip(repositories) {
        for (index, image) in (0..).zip(&repository.stored.images) {
            if wanted.contains(&image.digest) && judged.keeps(index) {
                kept_in.insert(image.digest, &repository.name);
            }
        }
    }
    let everything_read = repositories.iter().all(|repository| repository.read);
    let mut any = false;
    for (repository, index, subject) in attached {
        let Judged::Open(judgement) = &mut judgements[repository] else {
            continue;
        };
        let holder = kept_in.get(&subject).map(|&name| name.clone());
        if holder.is_some() || (!everything_read && !judgement.has_ordinary_images()) {
            judgement.keep(
                index,
                KeepReason::AttachedElsewhere {
                    subject,
                    repository: holder,
                },
            );
            any = true;
        }
    }
    any
}

fn keep_all(images: usize) -> Vec<Verdict> {
    vec![Verdict::Keep(Box::new([KeepReason::RepositoryLeftAlone])); images]
}

impl RepositoryPlan {
    fn new(repository: Repository, registry: &Arc<Registry>, told_apart: bool) -> Self {
        let (mut stored, left_alone, read) = match repository.content {
            Content::Complete(images) => (images, None, true),
            Content::Unclear { images, why } => (images, Some(LeftAlone::Unclear(why)), true),
            Content::NotRead(why) => (Images::default(), Some(LeftAlone::NotRead(why)), false),
            Content::Vanished => (Images::default(), Some(LeftAlone::Vanished), true),
            Content::Failed(error) => (Images::default(), Some(LeftAlone::Failed { error }), false),
        };
        stored.images.sort_unstable_by_key(|image| image.digest);
        Self {
            name: repository.name,
            registry: Arc::clone(registry),
            told_apart,
            left_alone,
            stored,
            verdicts: Vec::new(),
            policy: repository.policy,
            mutable_tags: repository.mutable_tags,
            read,
        }
    }

    /// What people call it: its name, with its host where there are several registries.
    #[must_use]
    pub fn title(&self) -> String {
        self.host().map_or_else(
            || self.name.to_string(),
            |host| format!("{host}/{}", self.name),
        )
    }

    /// The host of its registry, where there are several registries.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        self.told_apart.then(|| self.registry.host())
    }

    /// Whether any of its images goes.
    #[must_use]
    pub fn has_candidates(&self) -> bool {
        self.verdicts.iter().any(Verdict::deletes)
    }

    /// Whether everything in it is known.
    #[must_use]
    pub const fn was_read(&self) -> bool {
        self.read
    }

    /// The images with their verdicts.
    pub fn images(&self) -> impl Iterator<Item = (&Image, &Verdict)> {
        self.stored.images.iter().zip(&self.verdicts)
    }

    /// The image of that digest.
    #[must_use]
    pub fn image(&self, digest: &Digest) -> Option<&Image> {
        let position = graph::position(&self.stored.images, digest)?;
        self.stored.images.get(position as usize)
    }

    /// Leaves the repository alone after all.
    pub fn leave_alone(&mut self, why: LeftAlone) {
        self.verdicts = keep_all(self.stored.images.len());
        self.left_alone = Some(why);
    }
}
