//! Decides on all repositories: each by itself, then attachments of images in other repositories.

use std::collections::{HashMap, HashSet};

use super::{
    KeepReason, LeftAlone, PlanSettings, Verdict, keep_reasons::KeepReasons, subject::Subject,
};
use crate::{
    evidence::{StoredUsage, UsageIndex},
    image::{Digest, RepositoryName},
    inventory::NotRead,
    policy::{Action, Policies},
};

/// The decision on a repository.
type Decision = (Option<LeftAlone>, Vec<Verdict>);

/// Decides on each repository.
pub(super) fn decide(
    subjects: &[Subject<'_>],
    usage: &UsageIndex,
    policies: &Policies,
    settings: PlanSettings,
) -> Vec<Decision> {
    let images = subjects.iter().flat_map(|subject| subject.images);
    let usage = &usage.with_stored(images);
    let begin = |subject| Progress::new(subject, usage, policies, settings);
    let mut progress: Vec<Progress<'_>> = subjects.iter().map(begin).collect();
    loop {
        // What is kept so may have attachments elsewhere in its turn.
        while keep_attached_elsewhere(&mut progress, subjects, settings.has_others) {}
        if keep_unexplained_pulls(&mut progress) {
            while keep_attached_elsewhere(&mut progress, subjects, settings.has_others) {}
        }
        if !release_orphans(&mut progress, subjects, usage) {
            break;
        }
    }
    progress.into_iter().map(Progress::into_decision).collect()
}

/// The decision on a repository. Reasons take much more memory than verdicts, and are kept only
/// while another repository matters to this one.
enum Progress<'a> {
    Open(Box<KeepReasons<'a>>),
    Done(Decision),
}

impl<'a> Progress<'a> {
    fn new(
        subject: &'a Subject<'a>,
        usage: &StoredUsage<'_>,
        policies: &'a Policies,
        settings: PlanSettings,
    ) -> Self {
        let doubts = usage.doubts_about(subject.registry, subject.name);
        let policy = subject.policy.map(|position| &policies.all[position]);
        let settings = settings.within(policy.map(|it| it.limits).unwrap_or_default());
        let reasons = match policy.map(|policy| &policy.action) {
            _ if subject.left_alone.is_some() => Err(subject.left_alone.cloned()),
            Some(Action::Keep(_)) if !doubts.is_empty() => {
                Err(Some(LeftAlone::InDoubt { by: doubts }))
            }
            Some(Action::Keep(rules)) => {
                KeepReasons::new(subject, rules, usage, settings).map_err(Some)
            }
            Some(Action::LeaveAlone) | None => Err(Some(LeftAlone::NotRead(NotRead::NoPolicy))),
        };
        match reasons {
            Ok(reasons) if reasons.depends_on_others() => Self::Open(Box::new(reasons)),
            Ok(mut reasons) => {
                reasons.keep_unexplained_pulls();
                while reasons.release_orphans() {
                    reasons.collect(subject, usage);
                    reasons.keep_unexplained_pulls();
                }
                Self::Done((None, reasons.into_verdicts()))
            }
            Err(why) => Self::Done((why, keep_all(subject.images.len()))),
        }
    }

    fn keeps(&self, index: u32) -> bool {
        match self {
            Self::Open(reasons) => reasons.keeps(index),
            Self::Done((_, verdicts)) => !verdicts[index as usize].deletes(),
        }
    }

    fn attached_elsewhere(&self) -> impl Iterator<Item = (u32, Digest)> + '_ {
        let open = match self {
            Self::Open(reasons) => Some(reasons),
            Self::Done(_) => None,
        };
        open.into_iter()
            .flat_map(|reasons| reasons.attached_elsewhere())
    }

    fn into_decision(self) -> Decision {
        match self {
            Self::Open(reasons) => (None, reasons.into_verdicts()),
            Self::Done(decision) => decision,
        }
    }
}

/// Keeps what somebody pulled although nothing else keeps it, and returns whether there was any.
fn keep_unexplained_pulls(progress: &mut [Progress<'_>]) -> bool {
    let open = progress.iter_mut().map(|progress| match progress {
        Progress::Open(reasons) => reasons.keep_unexplained_pulls(),
        Progress::Done(_) => false,
    });
    // Of all of them, not only up to the first.
    open.filter(|any| *any).count() > 0
}

/// Lets children count that are kept without any index that names them, and returns whether there
/// were any. What was kept so far may not be kept any more.
fn release_orphans(
    progress: &mut [Progress<'_>],
    subjects: &[Subject<'_>],
    usage: &StoredUsage<'_>,
) -> bool {
    let open = progress.iter_mut().zip(subjects);
    let mut open: Vec<_> = open
        .filter_map(|(progress, subject)| match progress {
            Progress::Open(reasons) => Some((reasons, subject)),
            Progress::Done(_) => None,
        })
        .collect();
    let released = open
        .iter_mut()
        .map(|(reasons, _)| reasons.release_orphans());
    // Of all of them, not only up to the first.
    let any = released.filter(|released| *released).count() > 0;
    for (reasons, subject) in open.iter_mut().filter(|_| any) {
        reasons.collect(subject, usage);
    }
    any
}

fn keep_all(images: usize) -> Vec<Verdict> {
    vec![Verdict::Keep(KeepReason::RepositoryLeftAlone.into()); images]
}

/// Keeps attachments of images in other repositories, and returns whether there were any to keep
/// (G2).
///
/// An image that only may be an attachment is kept with its image, and not for an image that is
/// nowhere.
fn keep_attached_elsewhere(
    progress: &mut [Progress<'_>],
    subjects: &[Subject<'_>],
    has_others: bool,
) -> bool {
    let attached: Vec<(usize, u32, Digest)> = progress
        .iter()
        .enumerate()
        .flat_map(|(repository, progress)| {
            let attached = progress.attached_elsewhere();
            attached.map(move |(index, subject)| (repository, index, subject))
        })
        .collect();
    let wanted: HashSet<Digest> = attached.iter().map(|&(_, _, subject)| subject).collect();
    if wanted.is_empty() {
        return false;
    }
    let holders = holders(&wanted, progress, subjects);
    let everything_known = !has_others && subjects.iter().all(|subject| subject.known);
    let mut any = false;
    for (repository, index, subject) in attached {
        let Progress::Open(reasons) = &mut progress[repository] else {
            continue;
        };
        let holder = holders.get(&subject);
        let kept_in = holder.copied().flatten();
        let may_be_elsewhere = || {
            let is_nowhere = holder.is_none();
            reasons.is_attached_to(index, &subject)
                && (!everything_known || is_nowhere && !reasons.has_tagged_images())
        };
        if kept_in.is_some() || may_be_elsewhere() {
            let reason = KeepReason::AttachedElsewhere {
                subject: Box::new(subject),
                repository: kept_in.cloned(),
            };
            reasons.keep(index, reason);
            any = true;
        }
    }
    for progress in progress.iter_mut().filter(|_| any) {
        if let Progress::Open(reasons) = progress {
            reasons.settle();
        }
    }
    any
}

/// Returns the repository that keeps each of these images, as far as they are stored; `None` if
/// none keeps it.
fn holders<'a>(
    wanted: &HashSet<Digest>,
    progress: &[Progress<'_>],
    subjects: &'a [Subject<'_>],
) -> HashMap<Digest, Option<&'a RepositoryName>> {
    let mut holders = HashMap::new();
    for (progress, subject) in progress.iter().zip(subjects) {
        for (index, image) in (0..).zip(subject.images) {
            if wanted.contains(&image.digest) {
                let holder = holders.entry(image.digest).or_default();
                if progress.keeps(index) {
                    *holder = Some(subject.name);
                }
            }
        }
    }
    holders
}
