//! The commit graph, in the order in which commits are counted.

use std::{cmp::Reverse, collections::BTreeMap, ops::Range};

use serde::{Deserialize, Serialize};

use super::{
    CommitId, RefKind,
    document::{Commits, HistoryError, clamped},
};

/// The history of a Git repository: its commits, newest first, and its refs.
///
/// A commit comes before its parents even if a clock was wrong: it counts as a second newer than
/// they do, if its own time is not later.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    ids: Vec<CommitId>,
    /// Committer times, in seconds since 1970.
    times: Vec<i64>,
    parents: Vec<Vec<u32>>,
    /// Positions in the order of the ids.
    by_id: Vec<u32>,
    refs: Vec<Ref>,
    default_branch: String,
    counts: Counts,
    is_whole: bool,
}

/// A branch, tag or pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ref {
    pub(super) kind: RefKind,
    /// Short name; the number of a pull request.
    pub(super) name: String,
    /// Time by which it is ranked, in seconds since 1970.
    pub(super) time: i64,
    /// Commits that it names: a pull request has a head and a merge.
    pub(super) tips: Vec<u32>,
}

/// Sizes of a document, to notice when they shrink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Commits.
    pub commits: usize,
    /// Refs.
    pub refs: usize,
}

/// Sizes of the documents that were accepted, by address and Git repository.
pub type DocumentSizes = BTreeMap<String, Counts>;

impl History {
    /// Orders the commits of a document that was checked.
    pub(super) fn new(
        commits: &Commits,
        mut refs: Vec<Ref>,
        default_branch: String,
        counts: Counts,
        is_whole: bool,
    ) -> Result<Self, HistoryError> {
        let parents: Vec<Vec<u32>> = commits.parents.iter().map(|it| inside(it)).collect();
        let times: Vec<i64> = commits.time.iter().map(|&time| clamped(time)).collect();
        let dates = corrected(&times, &parents)?;
        let mut order: Vec<u32> = positions(dates.len()).collect();
        order.sort_unstable_by_key(|&it| {
            let it = it as usize;
            (Reverse(dates[it]), commits.id[it])
        });
        let mut place = vec![0; order.len()];
        for (new, &old) in (0..).zip(&order) {
            place[old as usize] = new;
        }
        let moved = |old: &u32| place[*old as usize];
        let in_order = order.iter().map(|&old| old as usize);
        let ids: Vec<CommitId> = in_order.clone().map(|old| commits.id[old]).collect();
        for it in &mut refs {
            it.tips = it.tips.iter().map(moved).collect();
        }
        let mut by_id: Vec<u32> = positions(ids.len()).collect();
        by_id.sort_unstable_by_key(|&it| ids[it as usize]);
        Ok(Self {
            times: in_order.clone().map(|old| times[old]).collect(),
            parents: in_order
                .map(|old| parents[old].iter().map(moved).collect())
                .collect(),
            ids,
            by_id,
            refs,
            default_branch,
            counts,
            is_whole,
        })
    }

    /// Returns the sizes of its document.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns whether it has every commit, and not only new ones.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    pub(super) fn refs(&self) -> &[Ref] {
        &self.refs
    }

    pub(super) fn is_default_branch(&self, it: &Ref) -> bool {
        it.kind == RefKind::Branch && it.name == self.default_branch
    }

    /// Returns the positions of its commits, from the newest to the oldest.
    pub(super) fn positions(&self) -> Range<u32> {
        positions(self.ids.len())
    }

    /// Returns the parents of each commit. A parent has a higher position than its children.
    pub(super) fn parents(&self) -> &[Vec<u32>] {
        &self.parents
    }

    /// Returns the committer time of a commit in seconds since 1970.
    pub(super) fn time(&self, position: u32) -> i64 {
        self.times[position as usize]
    }

    /// Returns the number of digits of its ids.
    pub(super) fn digits(&self) -> u8 {
        self.ids.first().map_or(0, CommitId::digits)
    }

    /// Returns every commit whose id is this or begins with it.
    pub(super) fn find(&self, id: &CommitId) -> impl Iterator<Item = u32> {
        let of = |position: &u32| &self.ids[*position as usize];
        let first = self.by_id.partition_point(|it| id.is_after(of(it)));
        let rest = self.by_id[first..].iter();
        rest.take_while(move |it| id.begins(of(it))).copied()
    }
}

/// Returns the positions of so many commits, which are far fewer than a `u32` can count.
fn positions(commits: usize) -> Range<u32> {
    0..u32::try_from(commits).unwrap_or(u32::MAX)
}

/// Returns the parents that are in the document.
fn inside(parents: &[i64]) -> Vec<u32> {
    let inside = parents.iter().filter_map(|&it| u32::try_from(it).ok());
    inside.collect()
}

/// Returns for each commit its time, or if later one second after the latest of its parents.
fn corrected(times: &[i64], parents: &[Vec<u32>]) -> Result<Vec<i64>, HistoryError> {
    let mut dates = times.to_vec();
    let mut children: Vec<Vec<u32>> = vec![Vec::new(); times.len()];
    let mut open: Vec<usize> = parents.iter().map(Vec::len).collect();
    for (position, parents) in (0..).zip(parents) {
        for &parent in parents {
            children[parent as usize].push(position);
        }
    }
    let mut ready: Vec<u32> = (0..)
        .zip(&open)
        .filter(|it| *it.1 == 0)
        .map(|it| it.0)
        .collect();
    let mut dated = 0;
    while let Some(position) = ready.pop() {
        dated += 1;
        let date = dates[position as usize];
        for &child in &children[position as usize] {
            let child_at = child as usize;
            dates[child_at] = dates[child_at].max(date + 1);
            open[child_at] -= 1;
            if open[child_at] == 0 {
                ready.push(child);
            }
        }
    }
    if dated == times.len() {
        Ok(dates)
    } else {
        Err(HistoryError::Cycle)
    }
}
