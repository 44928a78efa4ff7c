//! Decides on all repositories: each by itself, then attachments of images in other repositories.

use std::collections::{HashMap, HashSet};

use super::{KeepReason, LeftAlone, PlanSettings, Verdict, judgement::Judgement};
use crate::{
    evidence::UsageIndex,
    image::{Digest, Image, Registry, RepositoryName},
    inventory::{Child, NotRead},
    policy::{Action, Policies},
};

/// A repository to decide on.
pub(super) struct Subject<'a> {
    pub(super) name: &'a RepositoryName,
    pub(super) registry: &'a Registry,
    pub(super) left_alone: Option<&'a LeftAlone>,
    /// In the order of their digests.
    pub(super) images: Vec<&'a Image>,
    pub(super) children: &'a HashMap<Digest, Vec<Child>>,
    pub(super) policy: Option<usize>,
    pub(super) read: bool,
}

/// The decision on a repository.
type Decision = (Option<LeftAlone>, Vec<Verdict>);

/// Decides on each repository.
pub(super) fn judge(
    subjects: &[Subject<'_>],
    usage: &UsageIndex,
    policies: &Policies,
    settings: PlanSettings,
) -> Vec<Decision> {
    let judge_one = |subject| Judged::new(subject, usage, policies, settings);
    let mut judged: Vec<Judged<'_>> = subjects.iter().map(judge_one).collect();
    // What is kept so may have attachments elsewhere in its turn.
    while keep_attached_elsewhere(&mut judged, subjects) {}
    judged.into_iter().map(Judged::into_decision).collect()
}

/// A judgement, which takes much more memory than the verdicts and is open only as long as another
/// repository matters to it.
enum Judged<'a> {
    Open(Box<Judgement<'a>>),
    Done(Decision),
}

impl<'a> Judged<'a> {
    fn new(
        subject: &'a Subject<'a>,
        usage: &UsageIndex,
        policies: &Policies,
        settings: PlanSettings,
    ) -> Self {
        let judgement = match subject.policy.map(|position| &policies.0[position].action) {
            _ if subject.left_alone.is_some() => Err(subject.left_alone.cloned()),
            Some(Action::Keep(rules)) => {
                Judgement::new(subject, rules, usage, settings).map_err(Some)
            }
            Some(Action::LeaveAlone) | None => Err(Some(LeftAlone::NotRead(NotRead::NoPolicy))),
        };
        match judgement {
            Ok(judgement) if judgement.attached_elsewhere().next().is_some() => {
                Self::Open(Box::new(judgement))
            }
            Ok(judgement) => Self::Done((None, judgement.into_verdicts())),
            Err(why) => Self::Done((why, keep_all(subject.images.len()))),
        }
    }

    fn keeps(&self, index: u32) -> bool {
        match self {
            Self::Open(judgement) => judgement.keeps(index),
            Self::Done((_, verdicts)) => !verdicts[index as usize].deletes(),
        }
    }

    fn attached_elsewhere(&self) -> impl Iterator<Item = (u32, Digest)> + '_ {
        let open = match self {
            Self::Open(judgement) => Some(judgement),
            Self::Done(_) => None,
        };
        open.into_iter()
            .flat_map(|judgement| judgement.attached_elsewhere())
    }

    fn into_decision(self) -> Decision {
        match self {
            Self::Open(judgement) => (None, judgement.into_verdicts()),
            Self::Done(decision) => decision,
        }
    }
}

fn keep_all(images: usize) -> Vec<Verdict> {
    vec![Verdict::Keep(Box::new([KeepReason::RepositoryLeftAlone])); images]
}

/// Keeps attachments of images in other repositories, and returns whether there were any to keep.
///
/// An attachment is kept while its image is kept in another repository, and in a repository of
/// attachments alone while not everything was read.
fn keep_attached_elsewhere(judged: &mut [Judged<'_>], subjects: &[Subject<'_>]) -> bool {
    let attached: Vec<(usize, u32, Digest)> = judged
        .iter()
        .enumerate()
        .flat_map(|(repository, judged)| {
            let attached = judged.attached_elsewhere();
            attached.map(move |(index, subject)| (repository, index, subject))
        })
        .collect();
    let wanted: HashSet<Digest> = attached.iter().map(|&(_, _, subject)| subject).collect();
    if wanted.is_empty() {
        return false;
    }
    let holders = holders(&wanted, judged, subjects);
    let everything_read = subjects.iter().all(|subject| subject.read);
    let mut any = false;
    for (repository, index, subject) in attached {
        let Judged::Open(judgement) = &mut judged[repository] else {
            continue;
        };
        let holder = holders.get(&subject).map(|&name| name.clone());
        if holder.is_some() || (!everything_read && !judgement.has_ordinary_images()) {
            let reason = KeepReason::AttachedElsewhere {
                subject,
                repository: holder,
            };
            judgement.keep(index, reason);
            any = true;
        }
    }
    any
}

/// Returns the repository that keeps each of these images.
fn holders<'a>(
    wanted: &HashSet<Digest>,
    judged: &[Judged<'_>],
    subjects: &'a [Subject<'_>],
) -> HashMap<Digest, &'a RepositoryName> {
    let mut holders = HashMap::new();
    for (judged, subject) in judged.iter().zip(subjects) {
        for (index, image) in (0..).zip(&subject.images) {
            if wanted.contains(&image.digest) && judged.keeps(index) {
                holders.insert(image.digest, subject.name);
            }
        }
    }
    holders
}
