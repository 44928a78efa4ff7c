//! The recheck right before an attempt: what changed since the plan is kept (A3).

use std::collections::{BTreeSet, HashMap};

use super::{
    BATCH, Change, Stop,
    apply::{RepositoryApplier, Units, digest},
    attempt::Batch,
    images::describe,
    readings::CLOCK_SKEW,
};
use crate::{
    aws::Turn,
    image::{Digest, Image, MediaType, Time},
    plan::{PlannedImage, RepositoryPlan, UnitImage},
};

/// Images that were rechecked a moment ago, with the turn to delete or archive them. Nothing else
/// can be deleted or archived, and only a recheck makes it.
pub(super) struct Rechecked<'p> {
    turn: Turn,
    images: Vec<&'p Image>,
}

impl<'p> Rechecked<'p> {
    pub(super) const fn turn(&self) -> &Turn {
        &self.turn
    }

    pub(super) fn images(&self) -> &[&'p Image] {
        &self.images
    }
}

impl RepositoryApplier<'_, '_> {
    /// Waits for the rate limit, describes the units of a batch again, and returns its images that
    /// may be deleted or archived now; `None` if there are none. Every unit is dropped of which an
    /// image changed or is in use.
    pub(super) async fn recheck<'p>(
        &mut self,
        units: &mut Units<'p>,
        batch: &mut Batch,
    ) -> Result<Option<Rechecked<'p>>, Stop> {
        self.check_time()?;
        let kept = self.kept_by_fresh_usage().await?;
        units.retain(|unit| !unit.iter().any(|it| kept.contains(&digest(it))));
        let calls = batch.calls(units);
        if calls == 0 {
            return Ok(None);
        }
        let turn = self.clients.turn(batch.action.operation(), calls);
        let turn = self.in_time(turn).await?;
        let (stop, described, has_other_policy) = tokio::join!(
            self.check_stop(),
            self.describe_again(units, batch),
            self.has_other_policy()
        );
        stop?;
        self.drop_changed(units, batch, &described?);
        if has_other_policy? {
            self.drop_all(units);
        }
        self.check_time()?;
        let images = batch.images(units);
        Ok((!images.is_empty()).then_some(Rechecked { turn, images }))
    }

    /// Describes all images of the units of a batch and their children again.
    async fn describe_again(
        &self,
        units: &Units<'_>,
        batch: &Batch,
    ) -> Result<HashMap<Digest, Image>, Stop> {
        let repository = self.repository;
        let mut digests: BTreeSet<Digest> = BTreeSet::new();
        for unit in units.iter().filter(|unit| batch.concerns(unit)) {
            digests.extend(unit.iter().map(digest));
            digests.extend(children(repository, unit).map(|child| child.image.digest));
        }
        let digests: Vec<Digest> = digests.into_iter().collect();
        let mut current: HashMap<Digest, Image> = HashMap::with_capacity(digests.len());
        for asked in digests.chunks(BATCH) {
            self.check_time()?;
            let described = describe(self.clients, repository.name(), asked);
            let described = self.in_time(described).await?;
            let described = described.map_err(|error| Stop::from_call(&error))?;
            current.extend(described.into_iter().map(|image| (image.digest, image)));
        }
        Ok(current)
    }

    /// Drops every unit of a batch of which an image or a child changed, and every image that does
    /// not exist any more.
    fn drop_changed(
        &mut self,
        units: &mut Units<'_>,
        batch: &mut Batch,
        current: &HashMap<Digest, Image>,
    ) {
        let repository = self.repository;
        let concerned = units.iter().filter(|unit| batch.concerns(unit));
        let images: Vec<&Image> = concerned.flatten().map(|it| it.planned.image).collect();
        for image in images {
            let now = current.get(&image.digest);
            if batch.is_done(image.digest, now) {
                self.done(units, batch, image);
            } else if now.is_none() {
                self.missing(units, batch, image);
            }
        }
        let (outcome, since) = (&mut self.outcome, self.plan.now());
        units.retain(|unit| {
            let change = change_of_unit(repository, unit, current, since);
            if let Some(change) = change {
                let skipped = unit.iter().map(|it| (digest(it), change));
                outcome.skipped.extend(skipped);
            }
            change.is_none()
        });
    }

    /// Drops all units, since the policy of the repository changed.
    fn drop_all(&mut self, units: &mut Units<'_>) {
        let skipped = units.drain(..).flatten();
        let skipped = skipped.map(|it| (digest(&it), Change::Policy));
        self.outcome.skipped.extend(skipped);
    }
}

/// Returns how a unit changed: one of its images, or a child of one that was pulled. `since` is the
/// time from which on evidence was read.
fn change_of_unit(
    repository: &RepositoryPlan,
    unit: &[UnitImage<'_>],
    current: &HashMap<Digest, Image>,
    since: Time,
) -> Option<Change> {
    let now = |planned: PlannedImage<'_>| current.get(&planned.image.digest);
    let is_pulled = |planned: PlannedImage<'_>, now: &Image| {
        is_pulled(repository, planned.image, now) || is_pulled_since(since, now)
    };
    let changed = |it: &UnitImage<'_>| {
        let now = now(it.planned)?;
        let pulled = is_pulled(it.planned, now).then_some(Change::Pulled);
        change(it.planned.image, now).or(pulled)
    };
    let mut children = children(repository, unit);
    let pulled = |child: PlannedImage<'_>| now(child).is_some_and(|now| is_pulled(child, now));
    let change = unit.iter().find_map(changed);
    change.or_else(|| children.any(pulled).then_some(Change::Pulled))
}

/// Returns the children of the indexes among these images, to any depth.
///
/// They tell whether an index was pulled, also if something else keeps them or the limit leaves
/// them to the next run.
fn children<'a>(
    repository: &'a RepositoryPlan,
    unit: &[UnitImage<'_>],
) -> impl Iterator<Item = PlannedImage<'a>> {
    let mut seen = BTreeSet::new();
    let mut pending: Vec<Digest> = unit.iter().map(|it| it.planned.image.digest).collect();
    while let Some(digest) = pending.pop() {
        for child in repository.children().get(&digest).into_iter().flatten() {
            if seen.insert(child.digest) {
                pending.push(child.digest);
            }
        }
    }
    seen.into_iter()
        .filter_map(|digest| repository.image(&digest))
}

/// Returns how an image changed, besides being pulled.
fn change(planned: &Image, current: &Image) -> Option<Change> {
    if planned.tags != current.tags {
        Some(Change::Tags)
    } else if planned.status != current.status {
        Some(Change::Status)
    } else if planned.pushed_at != current.pushed_at {
        Some(Change::Pushed)
    } else {
        None
    }
}

/// Returns whether an image was pulled by another client since the plan.
fn is_pulled(repository: &RepositoryPlan, planned: &Image, current: &Image) -> bool {
    planned.pulled_at != current.pulled_at
        && !is_own_reading(repository, planned, current.pulled_at)
}

/// Returns whether an image was pulled after reading of the evidence began. What pulled it may have
/// started right after it would have been listed, and before the image was described for the plan.
///
/// Of an index it is known by its children, since this program reads it too.
fn is_pulled_since(since: Time, current: &Image) -> bool {
    let pulled_at = current.pulled_at.map(Time::millis);
    let late = pulled_at.is_some_and(|pulled_at| pulled_at >= since.millis() - CLOCK_SKEW);
    late && current.media_type != MediaType::Index
}

/// Returns whether a pull is this program's reading of the manifest of an index, which ECR counts
/// as one. Another client that pulls an index pulls one of its children too.
fn is_own_reading(repository: &RepositoryPlan, planned: &Image, pulled_at: Option<Time>) -> bool {
    match (repository.manifests_read(), pulled_at) {
        (Some(read), Some(pulled_at)) if planned.media_type == MediaType::Index => {
            let millis = pulled_at.millis();
            read.start().millis() - CLOCK_SKEW <= millis
                && millis <= read.end().millis() + CLOCK_SKEW
        }
        _ => false,
    }
}
