//! The order in which doomed images go.
//!
//! Images that belong together form a unit: an index, its children and what refers to them. A unit goes as one, so
//! that a change seen in any part of it at the last moment spares the whole. Within it an index goes before its
//! children, which are refused while it exists, and an image before what refers to it: a signature without its image
//! is garbage, an image without its signature may be refused by whoever wants to run it.

use std::collections::HashMap;

use super::{RepositoryPlan, graph::Graph};
use crate::image::{Status, Time};

/// Doomed images that belong together, in the order in which they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The images, by level.
    pub images: Vec<Doomed>,
    /// How many of them may go in one run, from the first; the others are looked at all the same.
    pub may_go: usize,
    /// When the oldest of them was pushed.
    pub oldest: Option<Time>,
}

/// A doomed image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doomed {
    /// How many images, one after the other, have to go before it.
    pub level: u32,
    /// Its position among the repository's images.
    pub index: u32,
}

impl RepositoryPlan {
    /// The doomed images in units, the oldest unit first.
    #[must_use]
    pub fn units(&self) -> Vec<Unit> {
        let graph = Graph::new(&self.stored.images, &self.stored.children);
        let doomed: Vec<u32> = (0..)
            .zip(&self.verdicts)
            .filter(|(_, verdict)| verdict.deletes())
            .map(|(index, _)| index)
            .collect();
        let slots: HashMap<u32, usize> = doomed
            .iter()
            .enumerate()
            .map(|(slot, &index)| (index, slot))
            .collect();
        let dependents = |slot: usize| {
            graph
                .dependents(doomed[slot])
                .filter_map(|index| slots.get(&index).copied())
        };

        // What an index in the archive names is not known, so every archived image that may be part of one waits for all.
        let image = |slot: usize| &self.stored.images[doomed[slot] as usize];
        let is_archived = |slot: &usize| image(*slot).status == Status::Archived;
        let (unread, parts): (Vec<usize>, Vec<usize>) = (0..doomed.len())
            .filter(is_archived)
            .filter(|&slot| self.stored.is_unread(image(slot)) || image(slot).may_be_part())
            .partition(|&slot| self.stored.is_unread(image(slot)));
        let mut base = vec![0; doomed.len()];
        let mut sets = Sets::new(doomed.len());
        if let Some(&first) = unread.first() {
            for &part in &parts {
                base[part] = 1;
            }
            for &slot in unread.iter().chain(&parts) {
                sets.join(first, slot);
            }
        }

        let levels = levels(base, dependents);
        for slot in 0..doomed.len() {
            for dependent in dependents(slot) {
                sets.join(slot, dependent);
            }
        }
        let mut units: HashMap<usize, Unit> = HashMap::new();
        for (slot, &index) in doomed.iter().enumerate() {
            let unit = units.entry(sets.root(slot)).or_insert_with(|| Unit {
                images: Vec::new(),
                may_go: 0,
                oldest: None,
            });
            unit.images.push(Doomed {
                level: levels[slot],
                index,
            });
            let pushed_at = self.stored.images[index as usize].pushed_at;
            unit.oldest = unit.oldest.into_iter().chain(pushed_at).min();
        }
        let mut units: Vec<Unit> = units.into_values().collect();
        for unit in &mut units {
            unit.images.sort_unstable();
            unit.may_go = unit.images.len();
        }
        units.sort_unstable_by(|a, b| {
            a.oldest
                .cmp(&b.oldest)
                .then_with(|| a.images.cmp(&b.images))
        });
        units
    }
}

/// The level of each slot: at least its own, and one more than the highest of what it depends on. Those on a cycle come last, together.
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
