//! The second look: what changed since the plan is not deleted (A3).

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::{BATCH, Cleaning, Doomed, Stop};
use crate::{
    image::{Digest, Image, MediaType, Time},
    inventory::{self, Images},
    plan::RepositoryPlan,
};

/// What about an image changed between the plan and the moment it was to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Its tags.
    Tags,
    /// Its status: it was archived or restored.
    Status,
    /// It was pulled.
    Pulled,
    /// It was pushed anew.
    Pushed,
}

/// How far the clock of this program and that of ECR may be apart, in milliseconds.
const CLOCK_SKEW: i64 = 120_000;

impl Cleaning<'_, '_> {
    /// Describes all images of these units and their parts again, and drops every unit of which one changed. Images
    /// that are gone drop out by themselves.
    pub(super) async fn drop_changed(&mut self, units: &mut Vec<Vec<Doomed>>) -> Result<(), Stop> {
        let repository = self.repository;
        let images = &repository.stored.images;
        let doomed = units
            .iter()
            .flatten()
            .map(|doomed| images[doomed.index as usize].digest);
        let parts_of_all = units
            .iter()
            .flat_map(|unit| parts(repository, unit))
            .map(|part| part.digest);
        let digests: Vec<Digest> = doomed
            .chain(parts_of_all)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let mut current: HashMap<Digest, Image> = HashMap::with_capacity(digests.len());
        for batch in digests.chunks(BATCH) {
            self.check_time()?;
            let described = inventory::describe(self.clients, &self.repository.name, batch);
            let described = self
                .in_time(described)
                .await?
                .map_err(|error| Stop::from_call(&error))?;
            current.extend(described.into_iter().map(|image| (image.digest, image)));
        }
        let outcome = &mut self.outcome;
        let stored = &repository.stored;
        units.retain_mut(|unit| {
            let pulled = parts(repository, unit).any(|part| {
                current
                    .get(&part.digest)
                    .is_some_and(|now| is_pulled(stored, part, now))
            });
            unit.retain(|doomed| {
                let there = current.contains_key(&images[doomed.index as usize].digest);
                if !there {
                    outcome.gone.push(doomed.index);
                }
                there
            });
            let change = unit.iter().find_map(|doomed| {
                let planned = &images[doomed.index as usize];
                change(stored, planned, current.get(&planned.digest)?)
            });
            let change = change.or(pulled.then_some(Change::Pulled));
            if let Some(change) = change {
                outcome
                    .spared
                    .extend(unit.iter().map(|doomed| (doomed.index, change)));
            }
            change.is_none() && !unit.is_empty()
        });
        Ok(())
    }
}

/// The parts of the indexes among these images, to any depth: they tell whether an index was pulled, also where they
/// are kept by something else, or left to the next run.
fn parts<'a>(repository: &'a RepositoryPlan, unit: &[Doomed]) -> impl Iterator<Item = &'a Image> {
    let stored = &repository.stored;
    let mut seen = BTreeSet::new();
    let mut pending: Vec<Digest> = unit
        .iter()
        .map(|doomed| stored.images[doomed.index as usize].digest)
        .collect();
    while let Some(digest) = pending.pop() {
        for child in stored.children.get(&digest).into_iter().flatten() {
            if seen.insert(child.digest) {
                pending.push(child.digest);
            }
        }
    }
    seen.into_iter()
        .filter_map(|digest| repository.image(&digest))
}

/// What changed about an image.
fn change(stored: &Images, planned: &Image, current: &Image) -> Option<Change> {
    if planned.tags != current.tags {
        Some(Change::Tags)
    } else if planned.status != current.status {
        Some(Change::Status)
    } else if planned.pushed_at != current.pushed_at {
        Some(Change::Pushed)
    } else if is_pulled(stored, planned, current) {
        Some(Change::Pulled)
    } else {
        None
    }
}

/// Whether somebody else pulled an image since the plan.
fn is_pulled(stored: &Images, planned: &Image, current: &Image) -> bool {
    planned.pulled_at != current.pulled_at && !is_our_reading(stored, planned, current.pulled_at)
}

/// Reading an index's manifest counts as a pull, and this program did that. Whoever else pulls an index pulls one of
/// its children too, which this program does not.
fn is_our_reading(stored: &Images, planned: &Image, pulled_at: Option<Time>) -> bool {
    match (&stored.manifests_read, pulled_at) {
        (Some(read), Some(pulled_at)) if planned.media_type == MediaType::Index => {
            let millis = pulled_at.millis();
            read.start().millis() - CLOCK_SKEW <= millis
                && millis <= read.end().millis() + CLOCK_SKEW
        }
        _ => false,
    }
}
