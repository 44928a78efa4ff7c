//! Totals of a plan and its outcome, by repository.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashSet},
};

use super::{Bytes, Counts, FailureGroup, RepositoryLine, Warning, WarningCode};
use crate::{
    image::{Digest, Image, MediaType},
    inventory::NotRead,
    plan::{LeftAlone, Plan, PlannedImage, RepositoryKey, RepositoryPlan},
    registry::{CallFailure, Outcome, RepositoryOutcome, Restoring, Stop},
};

/// The most repositories that a failure names.
const NAMED: usize = 10;

/// The numbers and lists of an answer.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) counts: Counts,
    pub(super) bytes: Bytes,
    /// Candidates that are to be archived rather than deleted.
    pub(super) to_archive: u64,
    /// Bytes of the candidates that are to be deleted.
    pub(super) bytes_to_delete: u64,
    /// Bytes that this run archived.
    pub(super) bytes_archived: u64,
    /// The repositories, those with the largest candidates first.
    pub(super) lines: Vec<RepositoryLine>,
    /// Failures by their codes.
    pub(super) failures: BTreeMap<String, FailureGroup>,
    pub(super) warnings: Vec<Warning>,
    /// Repositories of which something failed.
    failed: BTreeSet<RepositoryKey>,
}

impl Totals {
    /// Counts the images of a plan and what became of them.
    pub(super) fn new(plan: &Plan, outcome: Option<&Outcome>, restoring: &[Restoring]) -> Self {
        let mut totals = Self::default();
        let outcomes = outcome.iter().flat_map(|outcome| &outcome.repositories);
        let outcomes: BTreeMap<_, _> = outcomes.map(|of| (&of.repository, of)).collect();
        for repository in plan.repositories() {
            let outcome = outcomes.get(repository.key()).copied();
            totals.add(plan, repository, outcome);
        }
        for of in restoring {
            totals.add_restoring(plan, of);
        }
        let lines = &mut totals.lines;
        lines.sort_by_cached_key(|line| (Reverse(line.candidate_bytes), line.name.clone()));
        let counts = &mut totals.counts;
        let tried = counts.deleted + counts.archived + counts.failed;
        counts.repositories_failed = totals.failed.len() as u64;
        counts.untouched = counts.candidates.saturating_sub(tried);
        totals
    }

    fn add(
        &mut self,
        plan: &Plan,
        repository: &RepositoryPlan,
        outcome: Option<&RepositoryOutcome>,
    ) {
        if repository.left_alone() == Some(&LeftAlone::NotRead(NotRead::NotAsked)) {
            return;
        }
        let mut line = self.count_images(plan, repository);
        if let Some(outcome) = outcome {
            line.deleted = outcome.deleted.len() as u64;
            line.archived = outcome.archived.len() as u64;
            self.add_outcome(repository, outcome);
        }
        if repository.images().any(|it| it.verdict.is_unmatched()) {
            let (name, why) = (&line.name, LeftAlone::NoTagMatched);
            let message = format!("images of `{name}` are left alone: {why}");
            let code = WarningCode::UnmatchedTags;
            self.warnings.push(Warning::about(name, code, message));
        }
        match repository.left_alone() {
            Some(why @ LeftAlone::NotRead(NotRead::UnknownPolicy { .. })) => {
                self.warnings.push(left_alone(&line.name, why));
            }
            None | Some(LeftAlone::NotRead(_) | LeftAlone::Vanished) => {}
            Some(why) => {
                if let Some(code) = why.failure_code() {
                    self.fail(repository, code, &why.to_string(), 0);
                } else {
                    self.warnings.push(left_alone(&line.name, why));
                }
            }
        }
        let counts = &mut self.counts;
        counts.repositories += u64::from(repository.was_read());
        counts.images += line.images;
        counts.kept += line.kept;
        counts.in_use += line.in_use;
        counts.candidates += line.candidates;
        counts.deleted += line.deleted;
        counts.archived += line.archived;
        self.bytes.candidates += line.candidate_bytes;
        self.lines.push(line);
    }

    fn count_images(&mut self, plan: &Plan, repository: &RepositoryPlan) -> RepositoryLine {
        let mut line = RepositoryLine {
            name: repository.title(),
            policy: repository.policy_title().map(str::to_owned),
            mode: repository.limits().mode,
            left_alone: repository.left_alone().map(ToString::to_string),
            ..RepositoryLine::default()
        };
        for PlannedImage { image, verdict } in repository.images() {
            let bytes = own_bytes(image);
            line.images += 1;
            line.tags += image.tags.len() as u64;
            line.bytes += bytes;
            line.in_use += u64::from(verdict.in_use());
            self.bytes.scanned += bytes;
            if verdict.deletes() {
                line.candidates += 1;
                line.candidate_bytes += bytes;
                if plan.archives(repository, image) {
                    self.to_archive += 1;
                } else {
                    self.bytes_to_delete += bytes;
                }
            }
            self.counts.artifacts += u64::from(verdict.is_of_artifact());
        }
        line.kept = line.images - line.candidates;
        line
    }

    fn add_outcome(&mut self, repository: &RepositoryPlan, outcome: &RepositoryOutcome) {
        let bytes_of = |done: &[Digest]| {
            let images = done.iter().filter_map(|digest| repository.image(digest));
            images.map(|planned| own_bytes(planned.image)).sum::<u64>()
        };
        self.bytes.deleted += bytes_of(&outcome.deleted);
        self.bytes_archived += bytes_of(&outcome.archived);
        let failed = outcome.failed.iter().map(|failure| failure.digest);
        let failed: HashSet<Digest> = failed.collect();
        self.counts.failed += failed.len() as u64;
        for failure in &outcome.failed {
            let CallFailure { code, message } = &failure.why;
            self.fail(repository, code, message, 1);
        }
        match &outcome.stopped {
            Some(Stop::Failure(CallFailure { code, message })) if outcome.failed.is_empty() => {
                self.fail(repository, code, message, 0);
            }
            Some(Stop::Protected(message)) => {
                let message = format!(
                    "`{}` is protected by an explicit deny, so its images are kept: {message}",
                    repository.name()
                );
                let (title, code) = (repository.title(), WarningCode::DeletionDenied);
                self.warnings.push(Warning::about(title, code, message));
            }
            _ => {}
        }
    }

    fn add_restoring(&mut self, plan: &Plan, restoring: &Restoring) {
        self.counts.restored += restoring.restored;
        let (registry, name) = &restoring.repository;
        if let Some(CallFailure { code, message }) = &restoring.failure
            && let Some(repository) = plan.repository_in(registry, name)
        {
            let message = format!("an archived image in use could not be restored: {message}");
            self.fail(repository, code, &message, 1);
        }
    }

    fn fail(&mut self, repository: &RepositoryPlan, code: &str, message: &str, images: u64) {
        let group = self.failures.entry(code.to_owned());
        let group = group.or_insert_with(|| FailureGroup {
            code: code.to_owned(),
            message: message.to_owned(),
            images: 0,
            repositories: Vec::new(),
        });
        group.images += images;
        self.failed.insert(repository.key().clone());
        let name = repository.title();
        if group.repositories.len() < NAMED && !group.repositories.contains(&name) {
            group.repositories.push(name);
        }
    }
}

fn left_alone(name: &str, why: &LeftAlone) -> Warning {
    let message = format!("`{name}` is left alone: {why}");
    Warning::about(name, WarningCode::LeftAlone, message)
}

/// Returns the repositories of a plan, those with the largest candidates first.
#[must_use]
pub fn repository_lines(plan: &Plan) -> Vec<RepositoryLine> {
    Totals::new(plan, None, &[]).lines
}

/// Returns the size of an image without its children. The size that ECR gives for an index is that
/// of its largest child.
#[must_use]
pub fn own_bytes(image: &Image) -> u64 {
    if image.media_type == MediaType::Index {
        0
    } else {
        image.bytes
    }
}
