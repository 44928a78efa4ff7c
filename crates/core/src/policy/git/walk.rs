//! Walks over the history, shared by all refs: their number does not count.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use super::history::{History, Ref};

/// Newest commits with images, newest first.
type Newest = Rc<[u32]>;

/// Commits with images, and whether they count: others are ranked, and take no rank from others
/// (K5).
pub(super) type Hits = HashMap<u32, bool>;

impl History {
    /// Returns for each of these commits the `most` newest commits that count among it and its
    /// ancestors, newest first, with those between them that do not count.
    ///
    /// The newest of a commit are those of itself and of the newest of its parents, so that one pass
    /// from the oldest commit to the newest finds them for all.
    pub(super) fn newest_of(
        &self,
        tips: &HashSet<u32>,
        hits: &Hits,
        most: usize,
    ) -> HashMap<u32, Newest> {
        let parents = self.parents();
        let mut found = HashMap::new();
        let mut children = vec![0_u32; parents.len()];
        for &parent in parents.iter().flatten() {
            children[parent as usize] += 1;
        }
        let mut newest: Vec<Option<Newest>> = vec![None; parents.len()];
        for position in self.positions().rev() {
            let parents = &parents[position as usize];
            let own = hits.contains_key(&position).then_some(position);
            let of_parents = parents.iter().filter_map(|it| newest[*it as usize].clone());
            let all = merged(own, of_parents.collect(), hits, most);
            if let Some(all) = all.as_ref().filter(|_| tips.contains(&position)) {
                found.insert(position, Rc::clone(all));
            }
            for &parent in parents {
                children[parent as usize] -= 1;
                if children[parent as usize] == 0 {
                    newest[parent as usize] = None;
                }
            }
            if children[position as usize] > 0 {
                newest[position as usize] = all;
            }
        }
        found
    }

    /// Calls `visit` once for each commit of these refs, with the first of them that has it.
    pub(super) fn visit_each<'r>(&self, refs: &[&'r Ref], mut visit: impl FnMut(u32, &'r Ref)) {
        let parents = self.parents();
        let mut seen = vec![false; parents.len()];
        for it in refs {
            let mut open = it.tips.clone();
            while let Some(position) = open.pop() {
                if !std::mem::replace(&mut seen[position as usize], true) {
                    visit(position, it);
                    open.extend(&parents[position as usize]);
                }
            }
        }
    }
}

/// Returns the newest commits of several lists, each once; `None` if there are none.
fn merged(own: Option<u32>, mut lists: Vec<Newest>, hits: &Hits, most: usize) -> Option<Newest> {
    if own.is_none() && lists.len() < 2 {
        return lists.pop();
    }
    let lists = lists.iter().flat_map(|list| list.iter());
    let newest = merge(own.iter().chain(lists), hits, most);
    (!newest.is_empty()).then(|| newest.into())
}

/// Returns the newest of these commits, each once, up to the last that counts among `most`.
pub(super) fn merge<'a>(all: impl Iterator<Item = &'a u32>, hits: &Hits, most: usize) -> Vec<u32> {
    let mut all: Vec<u32> = all.copied().collect();
    all.sort_unstable();
    all.dedup();
    let mut counted = 0;
    all.retain(|commit| {
        let is_in = counted < most;
        counted += usize::from(hits[commit]);
        is_in
    });
    all
}
