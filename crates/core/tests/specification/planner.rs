//! The rules of docs/design/rules.md about what is kept, as sets and fixpoints: slow, and short
//! enough to be read beside them. It shares nothing with the planner but the values.

use ecr_cleanup_core::{
    image::{Digest, Image, Status, Tag, Time},
    policy::KeepRule,
};
use jiff::SignedDuration;

use crate::{
    ranks::is_about,
    world::{Set, World, digest_in},
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Returns the images that are kept, and of each repository whether it is left alone.
pub(crate) fn verdicts(world: &World<'_>) -> (Set, Vec<bool>) {
    let mut naive = Naive {
        world,
        tags: vec![],
        subjects: vec![],
        links: vec![],
        counting: world.set(|i| world.parents[i].is_empty()),
        images_left: vec![],
    };
    for (i, image) in world.images.iter().enumerate() {
        // Nothing is attached to itself (K5).
        let link = |tag: &&Tag| digest_in(tag).filter(|it| it.0 != image.digest);
        let signs = |tag: &&Tag| link(tag).is_some_and(|it| it.1 || world.lists_attachments(i));
        let (signatures, tags): (Vec<&Tag>, Vec<&Tag>) = image.tags.iter().partition(signs);
        let subject = image.subject.as_deref().copied().filter(|it| *it != image.digest);
        let digests =
            |tags: &[&Tag]| tags.iter().filter_map(link).map(|it| it.0).chain(subject).collect();
        naive.subjects.push(digests(&signatures));
        naive.links.push(digests(&[signatures, tags.clone()].concat()));
        naive.tags.push(tags);
    }
    naive.images_left = (0..world.homes.len()).map(|home| naive.leaves_images(home)).collect();
    let left_alone: Vec<bool> =
        (0..world.homes.len()).map(|home| naive.leaves_alone(home)).collect();
    loop {
        let kept = naive.kept(world.set(|i| left_alone[world.home[i]]));
        // A child that outlives the indexes that name it counts like any other image (K5).
        let alone = kept & world.set(|i| !world.parents[i].meets(kept));
        if alone & naive.counting == alone {
            return (kept, left_alone);
        }
        naive.counting = naive.counting | alone;
    }
}

pub(crate) struct Naive<'a> {
    pub(crate) world: &'a World<'a>,
    /// Ordinary tags (K5).
    pub(crate) tags: Vec<Vec<&'a Tag>>,
    /// What an image is attached to, in whichever repository that is (K5).
    pub(crate) subjects: Vec<Vec<Digest>>,
    /// The same, and what an ordinary tag names (G3).
    links: Vec<Vec<Digest>>,
    /// Images that are not taken for children of an index (K5).
    pub(crate) counting: Set,
    /// Of each repository, whether its images are left alone.
    images_left: Vec<bool>,
}

impl Naive<'_> {
    /// Returns whether a repository is left alone, for K7, K14 or a reason of its own.
    fn leaves_alone(&self, home: usize) -> bool {
        let Some(rules) = self.world.homes[home].rules else { return true };
        rules.git.is_some() && self.is_unmapped(home)
            || self.images_left[home] && rules.rules.iter().all(|rule| rule.artifacts.is_none())
    }

    /// Returns whether the images of a repository are left alone, but those that belong to artifacts
    /// that rules are about (K7).
    fn leaves_images(&self, home: usize) -> bool {
        let Some(rules) = self.world.homes[home].rules else { return false };
        let mut of_images = rules.rules.iter().filter(|rule| rule.artifacts.is_none()).peekable();
        let is_alone = of_images.peek().is_none();
        let of_images: Vec<&KeepRule> = of_images.collect();
        let images = (0..self.tags.len()).filter(|&i| self.world.home[i] == home);
        let images = images.filter(|&i| !self.is_ruled_artifact(i));
        let tags: Vec<&Tag> = images.flat_map(|i| self.tags[i].iter().copied()).collect();
        let about_all = of_images
            .iter()
            .any(|rule| rule.tags.is_none() && rule.all_tags.is_empty() && !rule.untagged);
        let is_named = |tag: &&Tag| about_all || of_images.iter().any(|rule| is_about(rule, tag));
        is_alone || !tags.is_empty() && !tags.iter().any(is_named) && !rules.delete_unmatched
    }

    /// Returns whether it is an artifact that belongs to none, of a type that a rule is about (K8).
    pub(crate) fn is_ruled_artifact(&self, i: usize) -> bool {
        self.is_artifact(i) && self.counting.has(i) && self.is_ruled_type(i)
    }

    fn is_ruled_type(&self, i: usize) -> bool {
        let rules = self.world.homes[self.world.home[i]].rules;
        let mut rules = rules.into_iter().flat_map(|it| &it.rules);
        rules.any(|rule| self.is_of_type(rule, i))
    }

    /// Returns whether a rule is about artifacts of its type.
    pub(crate) fn is_of_type(&self, rule: &KeepRule, i: usize) -> bool {
        let text = self.world.images[i].artifact_type.text();
        rule.artifacts.as_ref().is_some_and(|types| types.matches(text))
    }

    /// Returns whether it is an artifact that is attached to none, and not useless by itself (K13).
    pub(crate) fn is_artifact(&self, i: usize) -> bool {
        let image = self.world.images[i];
        let kind = &image.artifact_type;
        let garbage = kind.is_child() || kind.is_build_cache() && image.tags.is_empty();
        self.world.artifacts.has(i) && !garbage && self.subjects[i].is_empty()
    }

    /// Returns what is left alone beside artifacts that rules are about (K7).
    fn left_images(&self) -> Set {
        let world = self.world;
        let tagged = world.set(|i| !world.artifacts.has(i) && !self.tags[i].is_empty());
        let belongs = |set: Set| {
            let to = |i: usize| {
                let beside = world.beside(i) & set;
                world.parents[i].meets(set)
                    || self.links[i].iter().any(|digest| world.with(*digest).meets(beside))
            };
            set | world.set(to) & tagged.complement()
        };
        let artifacts = world.set(|i| self.is_ruled_artifact(i));
        let artifacts = world.images.iter().fold(artifacts, |set, _| belongs(set));
        world.set(|i| self.images_left[world.home[i]]) & artifacts.complement()
    }

    /// Returns what is kept: for itself, and for what it belongs to.
    fn kept(&self, left_alone: Set) -> Set {
        let world = self.world;
        // A child in use keeps the indexes that name it (G2).
        let name =
            |set: Set| world.set(|index| world.set(|i| world.parents[i].has(index)).meets(set));
        let used = world.images.iter().fold(world.used, |used, _| used | name(used));
        let ruled = world.rules().fold(used, |all, (home, rule)| all | self.ruled(home, rule));
        let git = world.homes.iter().map(|home| home.rules.and_then(|rules| rules.git.as_deref()));
        let ruled = git.enumerate().fold(ruled, |all, (home, git)| {
            all | git.map_or_else(Set::default, |git| self.needed(home, git))
        });
        let archived = world.set(|i| self.is_newly_archived(i));
        let held = left_alone | self.left_images() | ruled | world.set(|i| self.is_in_doubt(i));
        let kept = self.with_belongings(held, archived);
        // What nothing keeps and others pulled (U13).
        let pulled = world.set(|i| !kept.1.has(i) && self.is_pulled(i));
        self.with_belongings(kept.0 | pulled, kept.1).1
    }

    /// Returns the same images with all that belongs to them.
    fn with_belongings(&self, mut held: Set, mut kept: Set) -> (Set, Set) {
        let world = self.world;
        loop {
            // In mode `archive`, being archived is no reason for others to stay active.
            let owners = if world.settings.archive.candidates { held } else { kept };
            let more =
                world.set(|i| self.belongs(i, owners) || self.is_attached_elsewhere(i, kept));
            let both = (
                held | more,
                kept | held | more | world.archived & world.set(|i| self.belongs(i, kept)),
            );
            if both == (held, kept) {
                return both;
            }
            (held, kept) = both;
        }
    }

    /// Returns whether it belongs to one of these (G1, G3), or may, where one cannot be read (G7).
    fn belongs(&self, i: usize, set: Set) -> bool {
        let (world, beside) = (self.world, self.world.beside(i) & set);
        let links = self.links[i].iter().any(|digest| world.with(*digest).meets(beside));
        let part = world.archived.has(i) || !world.settings.archive.candidates;
        let named =
            |p: usize| (beside & world.opaque).has(p) && may_name(world.images[p], world.images[i]);
        links || world.parents[i].meets(set) || part && (0..self.tags.len()).any(named)
    }

    /// Returns whether what it belongs to is kept elsewhere, or may be (G2, G3).
    fn is_attached_elsewhere(&self, i: usize, kept: Set) -> bool {
        let (world, here) = (self.world, self.world.beside(i) | Set::one(i));
        let ordinary = world.set(|j| !self.tags[j].is_empty() && self.subjects[j].is_empty());
        let apart = (here & ordinary).is_subset(world.artifacts);
        let unknown = |found: Set| world.is_partly_read() || found.is_empty() && apart;
        let there = |it: &Digest| Some(world.with(*it)).filter(|it| !it.meets(here));
        self.links[i].iter().filter_map(there).any(|found| found.meets(kept))
            || self.subjects[i].iter().filter_map(there).any(unknown)
    }

    /// Returns whether it is archived, and not for longer than `archive.delete_after` (G7).
    pub(crate) fn is_newly_archived(&self, i: usize) -> bool {
        let (image, settings) = (self.world.images[i], self.world.settings);
        let over = |(limit, at): (SignedDuration, Time)| at.age(settings.now) > limit;
        self.world.archived.has(i)
            && !settings.archive.delete_after.zip(image.archived_at()).is_some_and(over)
    }

    /// Returns whether too little is known of it (P4, K8, K13, G4).
    fn is_in_doubt(&self, i: usize) -> bool {
        let (image, now) = (self.world.images[i], self.world.settings.now);
        let is_part = !self.world.parents[i].is_empty();
        let artifact = self.is_artifact(i) && !is_part && !self.is_ruled_type(i);
        let loose = self.tags[i].is_empty() || !self.subjects[i].is_empty();
        let young = |at: Time| at > now || loose && at.age(now) < HOUR;
        matches!(image.status, Status::Restoring | Status::Unknown)
            || !self.is_newly_archived(i) && (artifact || image.pushed_at.is_none_or(young))
    }
}

/// Returns whether an index that cannot be read may name an image (G7).
fn may_name(index: &Image, image: &Image) -> bool {
    let known = index.archived_at().filter(|_| index.restored_at().is_none());
    let late = index.pushed_at.zip(image.pushed_at).is_some_and(|(a, b)| a.age(b) > HOUR);
    let with_it = image.archived_at().zip(known).is_none_or(|(at, archived)| at >= archived);
    let before = image.archived_at().zip(index.pushed_at).is_none_or(|(at, pushed)| at < pushed);
    match (image.status, &image.archival) {
        (Status::Archived, _) => with_it && (image.restored_at().is_some() || !late),
        (_, Some(_)) => before || with_it,
        (_, None) => !late,
    }
}
