//! The recheck right before deletion: what changed since the plan is kept (A3).

use std::collections::{BTreeSet, HashMap};

use super::{BATCH, Change, Stop, apply::RepositoryApplier, images::describe};
use crate::{
    image::{Digest, Image, MediaType, Time},
    plan::{PlannedImage, RepositoryPlan, UnitImage},
};

/// Difference between the clocks of this program and ECR that is tolerated, in milliseconds.
const CLOCK_SKEW: i64 = 120_000;

impl RepositoryApplier<'_, '_> {
    /// Describes all images of these units and their children again, and drops every unit of which
    /// one changed, and every image that does not exist any more.
    pub(super) async fn drop_changed(
        &mut self,
        units: &mut Vec<Vec<UnitImage<'_>>>,
    ) -> Result<(), Stop> {
        let repository = self.repository;
        let candidates = units.iter().flatten().map(|it| it.planned.image.digest);
        let of_units = units.iter().flat_map(|unit| children(repository, unit));
        let of_units = of_units.map(|child| child.image.digest);
        let digests: BTreeSet<Digest> = candidates.chain(of_units).collect();
        let digests: Vec<Digest> = digests.into_iter().collect();
        let mut current: HashMap<Digest, Image> = HashMap::with_capacity(digests.len());
        for batch in digests.chunks(BATCH) {
            self.check_time()?;
            let described = describe(self.clients, repository.name(), batch);
            let described = self.in_time(described).await?;
            let images = described.map_err(|error| Stop::from_call(&error))?;
            current.extend(images.into_iter().map(|image| (image.digest, image)));
        }
        let outcome = &mut self.outcome;
        units.retain_mut(|unit| {
            let now = |planned: &PlannedImage| current.get(&planned.image.digest);
            let pulled = children(repository, unit).any(|child| {
                now(child).is_some_and(|now| is_pulled(repository, &child.image, now))
            });
            unit.retain(|it| {
                let exists = now(it.planned).is_some();
                if !exists {
                    outcome.missing.push(it.planned.image.digest);
                }
                exists
            });
            let changed =
                |it: &UnitImage<'_>| change(repository, &it.planned.image, now(it.planned)?);
            let change = unit.iter().find_map(changed);
            let change = change.or(pulled.then_some(Change::Pulled));
            if let Some(change) = change {
                let skipped = unit.iter().map(|it| (it.planned.image.digest, change));
                outcome.skipped.extend(skipped);
            }
            change.is_none() && !unit.is_empty()
        });
        Ok(())
    }
}

/// Returns the children of the indexes among these images, to any depth.
///
/// They tell whether an index was pulled, also if something else keeps them or the limit leaves
/// them to the next run.
fn children<'a>(
    repository: &'a RepositoryPlan,
    unit: &[UnitImage<'_>],
) -> impl Iterator<Item = &'a PlannedImage> {
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

/// Returns how an image changed.
fn change(repository: &RepositoryPlan, planned: &Image, current: &Image) -> Option<Change> {
    if planned.tags != current.tags {
        Some(Change::Tags)
    } else if planned.status != current.status {
        Some(Change::Status)
    } else if planned.pushed_at != current.pushed_at {
        Some(Change::Pushed)
    } else if is_pulled(repository, planned, current) {
        Some(Change::Pulled)
    } else {
        None
    }
}

/// Returns whether an image was pulled by another client since the plan.
fn is_pulled(repository: &RepositoryPlan, planned: &Image, current: &Image) -> bool {
    planned.pulled_at != current.pulled_at
        && !is_own_reading(repository, planned, current.pulled_at)
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
