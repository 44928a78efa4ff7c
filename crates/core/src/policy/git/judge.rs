//! Which images the history needs, and why.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use jiff::SignedDuration;

use super::{
    CommitId, GitReason, GitRule, GitRules, History, HistoryError, Unmapped,
    history::Ref,
    select::age,
    walk::{Hits, merge},
};
use crate::image::Time;

/// An image as Git history sees it.
#[derive(Debug, Clone, Copy)]
pub struct GitImage<'a> {
    /// Ordinary tags.
    pub tags: &'a [&'a str],
    /// Whether it takes a rank from others (K5).
    pub counts: bool,
    /// Revisions that its annotations name; `None` if these are not known.
    pub revisions: Option<&'a [&'a str]>,
    /// Time of its push.
    pub pushed_at: Option<Time>,
    /// Last pull of it or of one of its children.
    pub pulled_at: Option<Time>,
}

/// The commits that an image is of.
#[derive(Default)]
struct Mapped {
    known: Vec<u32>,
    /// Whether it names a commit that the document does not have.
    unknown: bool,
}

/// The images of each commit.
#[derive(Default)]
struct Built {
    images: Vec<usize>,
    /// Latest of the times at which they were pushed; `None` if one is not known.
    pushed_at: Option<Time>,
    /// Whether one of them takes a rank from others.
    counts: bool,
}

/// A reason to keep the images of a commit, with what makes it a better one than others: the default
/// branch, a low rank, an early rule.
struct Needed<'h> {
    by: &'h Ref,
    rank: Option<usize>,
    order: (bool, usize),
}

impl GitRules {
    /// Returns for each image why Git history keeps it; `None` if it has nothing against deletion.
    ///
    /// # Errors
    /// Returns an error if there is no history, or not one image is of a commit in it.
    pub fn judge(
        &self,
        images: &[GitImage<'_>],
        now: Time,
    ) -> Result<Vec<Option<GitReason>>, HistoryError> {
        let history = match &self.history {
            Some(Ok(history)) => history,
            Some(Err(error)) => return Err(error.clone()),
            None => return Err(HistoryError::NotRead),
        };
        let mapped: Vec<Mapped> = images.iter().map(|it| self.map(it, history)).collect();
        let any = images.iter().any(GitImage::is_judged);
        if any && mapped.iter().all(|it| it.known.is_empty()) {
            return Err(HistoryError::MapsNone);
        }
        let mut built: HashMap<u32, Built> = HashMap::new();
        for (image, mapped) in mapped.iter().enumerate() {
            for &commit in &mapped.known {
                built.entry(commit).or_default().add(image, images);
            }
        }
        let needed = self.needed(history, &built, now);
        let mut reasons: Vec<Option<GitReason>> = images
            .iter()
            .zip(&mapped)
            .map(|(image, mapped)| self.doubt(image, mapped, history, now))
            .collect();
        let mut found: Vec<(u32, Needed<'_>)> = needed.into_iter().collect();
        // The best reason is written last.
        found.sort_by_key(|(commit, it)| (Reverse(it.order), *commit));
        for (commit, Needed { by, rank, .. }) in found {
            for &image in &built[&commit].images {
                reasons[image] = Some(GitReason::Needed {
                    kind: by.kind,
                    name: by.name.as_str().into(),
                    rank: rank.map(|rank| u32::try_from(rank).unwrap_or(u32::MAX)),
                });
            }
        }
        Ok(reasons)
    }

    /// Returns the commits that an image is of: of those that begin with what it names, all.
    fn map(&self, image: &GitImage<'_>, history: &History) -> Mapped {
        let in_tags = self.commit.iter().flat_map(|pattern| {
            let tags = image.tags.iter();
            tags.flat_map(move |tag| pattern.groups(tag, "commit"))
        });
        let mut mapped = Mapped::default();
        let in_annotations = image.revisions.into_iter().flatten().copied();
        for text in in_tags.chain(in_annotations) {
            let Ok(id) = CommitId::parse(text) else {
                continue;
            };
            if id.digits() > history.digits() {
                continue;
            }
            let before = mapped.known.len();
            mapped.known.extend(history.find(&id));
            // What begins like a commit of a slice may be one that it leaves out.
            let is_sure = history.is_whole() || id.is_whole();
            mapped.unknown |= mapped.known.len() == before || !is_sure;
        }
        mapped.known.sort_unstable();
        mapped.known.dedup();
        mapped
    }

    /// Returns why an image is kept of whose commits too little is known.
    fn doubt(
        &self,
        image: &GitImage<'_>,
        mapped: &Mapped,
        history: &History,
        now: Time,
    ) -> Option<GitReason> {
        if image.revisions.is_none() {
            return Some(GitReason::NotRead);
        }
        let young = |at: Option<Time>| at.is_some_and(|at| at.age(now) <= self.unreachable_grace);
        if mapped.unknown {
            if !history.is_whole() {
                return Some(GitReason::NotInSlice);
            }
            let kept =
                image.pushed_at.is_none() || young(image.pushed_at) || young(image.pulled_at);
            return kept.then_some(GitReason::Unreachable);
        }
        let keeps = mapped.known.is_empty() && image.is_judged() && self.unmapped == Unmapped::Keep;
        keeps.then_some(GitReason::Unmapped)
    }

    /// Returns the commits whose images are needed.
    fn needed<'h>(
        &self,
        history: &'h History,
        built: &HashMap<u32, Built>,
        now: Time,
    ) -> HashMap<u32, Needed<'h>> {
        let selected: Vec<(&GitRule, Vec<&Ref>)> = self
            .keep
            .iter()
            .map(|rule| (rule, rule.select(history, now)))
            .collect();
        let most = self.keep.iter().filter_map(|it| it.images.last).max();
        let most = most.map_or(0, |most| most.get() as usize);
        let refs = selected.iter().flat_map(|(_, refs)| refs);
        let tips: HashSet<u32> = refs.flat_map(|it| it.tips.iter().copied()).collect();
        let hits: Hits = built
            .iter()
            .map(|(commit, it)| (*commit, it.counts))
            .collect();
        let newest = match most {
            0 => HashMap::new(),
            most => history.newest_of(&tips, &hits, most),
        };
        let age = |commit: u32| built[&commit].age(history.time(commit), now);
        let mut needed: HashMap<u32, Needed<'h>> = HashMap::new();
        let mut keep = |commit: u32, by: &'h Ref, rank: Option<usize>| {
            let order = (!history.is_default_branch(by), rank.unwrap_or(usize::MAX));
            let best = needed.entry(commit).or_insert(Needed { by, rank, order });
            if order < best.order {
                *best = Needed { by, rank, order };
            }
        };
        for (rule, refs) in selected {
            for &by in refs.iter().filter(|_| rule.images.last.is_some()) {
                let lists = by.tips.iter().filter_map(|tip| newest.get(tip));
                let newest = merge(lists.flat_map(|list| list.iter()), &hits, most);
                let mut rank = 0;
                for commit in newest {
                    if rule.images.holds(rank, age(commit)) {
                        keep(commit, by, Some(rank + 1));
                    }
                    rank += usize::from(hits[&commit]);
                }
            }
            if rule.images.is_open() {
                history.visit_each(&refs, |commit, by| {
                    let is_young = || rule.images.holds(usize::MAX, age(commit));
                    if hits.contains_key(&commit) && is_young() {
                        keep(commit, by, None);
                    }
                });
            }
        }
        needed
    }
}

impl GitImage<'_> {
    /// Returns whether an image may name a commit. One without tags and annotations may not: rules
    /// decide on it alone.
    const fn is_judged(&self) -> bool {
        !self.tags.is_empty() || !matches!(self.revisions, Some([]))
    }
}

impl Built {
    fn add(&mut self, image: usize, images: &[GitImage<'_>]) {
        let pushed_at = images[image].pushed_at;
        self.pushed_at = if self.images.is_empty() {
            pushed_at
        } else {
            self.pushed_at.zip(pushed_at).map(|(a, b)| a.max(b))
        };
        self.counts |= images[image].counts;
        self.images.push(image);
    }

    /// Returns how long ago the commit or its newest image was made. An unknown time is within
    /// every limit (P4).
    fn age(&self, committed_at: i64, now: Time) -> SignedDuration {
        let pushed = self.pushed_at.map_or(SignedDuration::MIN, |at| at.age(now));
        pushed.min(age(committed_at, now))
    }
}
