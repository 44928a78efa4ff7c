//! The order of deletions.
//!
//! Candidates that belong together form a unit: an index, its children and its referrers. A unit is
//! deleted as one, so that a change seen in a part of it keeps all of it. Within it an index comes
//! before its children, whose deletion ECR refuses while it exists, and an image before its
//! referrers: a signature without its image is of no use, an image without its signature may be
//! refused by the runtime.

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
};

use super::{PlannedImage, RepositoryPlan, SavedImages, graph::Graph, opaque_index::OpaqueIndexes};
use crate::image::{Status, Time};

/// Candidates that belong together, in the order of their deletion.
#[derive(Debug, Clone, Default)]
pub struct Unit<'a> {
    /// Images, by level and digest.
    pub images: Vec<UnitImage<'a>>,
    /// Number of images, from the first, that may be deleted in this run. All of them are
    /// rechecked.
    pub allowed: usize,
    /// Push time of the oldest image.
    pub oldest: Option<Time>,
}

/// A candidate of a unit.
#[derive(Debug, Clone, Copy)]
pub struct UnitImage<'a> {
    /// Number of images, one after the other, that have to be deleted before.
    pub level: u32,
    /// Image.
    pub planned: PlannedImage<'a>,
}

impl RepositoryPlan {
    /// Returns the candidates in units, the oldest unit first.
    #[must_use]
    pub fn units(&self) -> Vec<Unit<'_>> {
        self.units_in(None)
    }

    /// Returns the candidates that a saved plan deletes too, or all without one, in units. Where a
    /// candidate is not in the saved plan, what belongs to it is left out like itself (A11).
    #[must_use]
    pub fn units_in(&self, saved: Option<&SavedImages>) -> Vec<Unit<'_>> {
        let images = self.stored_images();
        let graph = Graph::new(images, self.children());
        let left_out = saved.map(|saved| self.left_out(&graph, saved));
        let left_out = left_out.unwrap_or_default();
        let deletes = |index: &u32| {
            self.image_at(*index as usize).verdict.deletes() && !left_out.contains(index)
        };
        let candidates: Vec<u32> = (0..)
            .zip(images)
            .map(|(index, _)| index)
            .filter(deletes)
            .collect();
        let slots: HashMap<u32, usize> = candidates
            .iter()
            .enumerate()
            .map(|(slot, &index)| (index, slot))
            .collect();
        let dependents = |slot: usize| {
            let dependents = graph.dependents(candidates[slot]);
            dependents.filter_map(|index| slots.get(&index).copied())
        };
        let planned = |slot: usize| self.image_at(candidates[slot] as usize);

        let mut sets = Sets::new(candidates.len());
        let base = self.hold_possible_children(candidates.len(), planned, &mut sets);
        for slot in 0..candidates.len() {
            for dependent in dependents(slot) {
                sets.join(slot, dependent);
            }
        }
        let levels = levels(base, dependents);
        let mut units: HashMap<usize, Unit<'_>> = HashMap::new();
        for (slot, &level) in levels.iter().enumerate() {
            let planned = planned(slot);
            let image = UnitImage { level, planned };
            units.entry(sets.root(slot)).or_default().add(image);
        }
        let mut units: Vec<Unit<'_>> = units.into_values().collect();
        units.iter_mut().for_each(Unit::sort);
        units.sort_unstable_by(Unit::cmp);
        units
    }

    /// Returns the candidates that a saved plan does not have, with all that belongs to them.
    fn left_out(&self, graph: &Graph, saved: &SavedImages) -> HashSet<u32> {
        let candidates = || {
            let all = (0..).zip(self.images());
            all.filter(|(_, it)| it.verdict.deletes())
        };
        let new = candidates().filter(|(_, it)| !saved.contains(self, &it.image.digest));
        let mut open: Vec<u32> = new.map(|(index, _)| index).collect();
        let opaque = open
            .iter()
            .map(|&index| self.image_at(index as usize).image);
        let opaque = OpaqueIndexes::new(opaque.filter(|image| self.is_opaque(image)));
        if let Some(indexes) = opaque {
            let archived = candidates().filter(|(_, it)| it.image.status == Status::Archived);
            let possible = archived.filter(|(_, it)| indexes.may_name(it.image));
            open.extend(possible.map(|(index, _)| index));
        }
        let mut left_out: HashSet<u32> = open.iter().copied().collect();
        while let Some(index) = open.pop() {
            let deletes = |it: &u32| self.image_at(*it as usize).verdict.deletes();
            let dependents = graph.dependents(index).filter(deletes);
            open.extend(dependents.filter(|it| left_out.insert(*it)));
        }
        left_out
    }

    /// Returns a level for each slot such that an archived image which may be the child of an
    /// archived index waits for all of these, and joins them: their children are not known.
    fn hold_possible_children<'a>(
        &self,
        slots: usize,
        planned: impl Fn(usize) -> PlannedImage<'a>,
        sets: &mut Sets,
    ) -> Vec<u32> {
        let (opaque, others): (Vec<usize>, Vec<usize>) = (0..slots)
            .filter(|&slot| planned(slot).image.status == Status::Archived)
            .partition(|&slot| self.is_opaque(planned(slot).image));
        let mut base = vec![0; slots];
        let indexes = OpaqueIndexes::new(opaque.iter().map(|&slot| planned(slot).image));
        let Some(indexes) = indexes else { return base };
        let children = others.into_iter();
        for child in children.filter(|&slot| indexes.may_name(planned(slot).image)) {
            base[child] = 1;
            sets.join(opaque[0], child);
        }
        for &index in &opaque {
            sets.join(opaque[0], index);
        }
        base
    }
}

impl<'a> Unit<'a> {
    fn add(&mut self, image: UnitImage<'a>) {
        let pushed_at = image.planned.image.pushed_at;
        self.oldest = self.oldest.into_iter().chain(pushed_at).min();
        self.images.push(image);
        self.allowed += 1;
    }

    fn sort(&mut self) {
        // There are many units, and most have one image.
        self.images.shrink_to_fit();
        self.images.sort_unstable_by_key(UnitImage::key);
    }

    /// Compares by age, and then by images.
    fn cmp(&self, other: &Self) -> Ordering {
        let keys = |unit: &Self| -> Vec<_> { unit.images.iter().map(UnitImage::key).collect() };
        let by_age = self.oldest.cmp(&other.oldest);
        by_age.then_with(|| keys(self).cmp(&keys(other)))
    }
}

impl UnitImage<'_> {
    fn key(&self) -> (u32, crate::image::Digest) {
        (self.level, self.planned.image.digest)
    }
}

/// Returns the level of each slot: at least its own, and one more than the highest of what it
/// depends on. The slots of a cycle come last, together.
fn levels<I: Iterator<Item = usize>>(
    mut levels: Vec<u32>,
    dependents: impl Fn(usize) -> I,
) -> Vec<u32> {
    let slots = levels.len();
    let mut waiting = vec![0_u32; slots];
    for slot in 0..slots {
        for dependent in dependents(slot) {
            waiting[dependent] += 1;
        }
    }
    let mut free: Vec<usize> = (0..slots).filter(|&slot| waiting[slot] == 0).collect();
    while let Some(slot) = free.pop() {
        for dependent in dependents(slot) {
            levels[dependent] = levels[dependent].max(levels[slot] + 1);
            waiting[dependent] -= 1;
            if waiting[dependent] == 0 {
                free.push(dependent);
            }
        }
    }
    let last = levels.iter().max().map_or(0, |level| level + 1);
    for slot in 0..slots {
        if waiting[slot] > 0 {
            levels[slot] = last;
        }
    }
    levels
}

/// Disjoint sets of slots.
struct Sets(Vec<usize>);

impl Sets {
    fn new(slots: usize) -> Self {
        Self((0..slots).collect())
    }

    fn root(&mut self, mut slot: usize) -> usize {
        while self.0[slot] != slot {
            self.0[slot] = self.0[self.0[slot]];
            slot = self.0[slot];
        }
        slot
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
