//! Commits and their parents.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
};

use gix::ObjectId;

/// A commit.
#[derive(Debug)]
pub(super) struct Node {
    /// Committer time in seconds since 1970.
    pub(super) time: i64,
    pub(super) parents: Vec<ObjectId>,
}

/// Commits by id.
#[derive(Debug, Default)]
pub(super) struct Graph(HashMap<ObjectId, Node>);

/// Positions of the commits in a document.
type Positions = HashMap<ObjectId, i64>;

impl Graph {
    pub(super) fn insert(&mut self, id: ObjectId, node: Node) {
        self.0.insert(id, node);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn node(&self, id: &ObjectId) -> Option<&Node> {
        self.0.get(id)
    }

    /// Returns all commits, newest first.
    pub(super) fn all(&self) -> Positions {
        self.numbered(self.0.keys().copied().collect())
    }

    /// Returns what a slice has: the newest `most` commits of each tip, and all that are not older
    /// than `since`.
    pub(super) fn slice(
        &self,
        tips: impl Iterator<Item = ObjectId>,
        since: i64,
        most: usize,
    ) -> Positions {
        let young = self.0.iter().filter(|(_, node)| node.time >= since);
        let mut slice: HashSet<ObjectId> = young.map(|(id, _)| *id).collect();
        for tip in tips {
            slice.extend(self.newest(tip, most));
        }
        self.numbered(slice)
    }

    /// Returns a commit and its newest ancestors.
    fn newest(&self, tip: ObjectId, most: usize) -> Vec<ObjectId> {
        let time = |id: &ObjectId| self.node(id).map(|node| node.time);
        let (mut open, mut seen) = (BinaryHeap::from([(time(&tip), tip)]), HashSet::from([tip]));
        let mut newest = Vec::new();
        while let Some((_, id)) = open.pop().filter(|_| newest.len() < most) {
            newest.push(id);
            let parents = self.node(&id).into_iter().flat_map(|node| &node.parents);
            for parent in parents.filter(|it| seen.insert(**it)) {
                open.push((time(parent), *parent));
            }
        }
        newest
    }

    fn numbered(&self, commits: HashSet<ObjectId>) -> Positions {
        let mut commits: Vec<ObjectId> = commits.into_iter().collect();
        let time = |id: &ObjectId| self.node(id).map(|node| node.time);
        commits.sort_unstable_by_key(|id| (Reverse(time(id)), *id));
        commits.into_iter().zip(0..).collect()
    }
}
