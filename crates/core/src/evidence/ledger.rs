//! The use ledger: when each image was seen in use, and when each tag was first seen on it (K9).
//!
//! A run sees what is in use now. What it saw is written down and merged with what others saw, so
//! that rules may ask for the images that were deployed lately. Things that are kept from the past
//! (an old `ReplicaSet`, a stored Helm release, the revision before a deployment) tell of the time
//! before the first run.

use std::collections::{BTreeMap, BTreeSet, HashSet, btree_map::Entry};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{UsageIndex, User, first_sights::FirstSights};
use crate::image::{Digest, Image, Registry, RepositoryName, Tag, Time};

/// Time after which a repository begins anew that no run observed: what was used meanwhile is not
/// known.
const LONGEST_GAP: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Stands for a tag that was there when the ledger began: it is as old as the push of its image.
const FROM_THE_BEGINNING: i64 = 0;

/// What earlier runs saw of each repository, by registry and name. Times are in milliseconds since
/// 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UseLedger(BTreeMap<String, BTreeMap<String, RepositoryLedger>>);

/// What earlier runs saw of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryLedger {
    /// First and last run that saw all its images and all use of them; `None` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observed: Option<(i64, i64)>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    used: BTreeMap<Digest, Seen>,
    /// First sight of each tag, by tag and digest in a number. Most images have a tag, and few are
    /// ever used: this is what must be small.
    #[serde(default, skip_serializing_if = "FirstSights::is_empty")]
    tags: FirstSights,
}

/// When an image was seen in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    first: i64,
    last: i64,
    /// User that was seen last.
    by: Box<str>,
}

/// The last use of an image that is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LastUse {
    /// Time.
    pub at: Time,
    /// User.
    pub by: Box<str>,
}

/// A repository that a registry lists.
#[derive(Debug)]
pub struct Listed<'a> {
    /// Registry.
    pub registry: &'a Registry,
    /// Name.
    pub name: &'a RepositoryName,
    /// All its images; `None` if they were not read.
    pub images: Option<&'a [Image]>,
}

impl UseLedger {
    /// Returns what a run sees now: of each repository that it read, the images that are in use,
    /// and all tags. Where earlier runs saw all tags, one that they did not see is new.
    #[must_use]
    pub fn observe(&self, listed: &[Listed<'_>], usage: &UsageIndex, now: Time) -> Self {
        let images = listed.iter().filter_map(|it| it.images).flatten();
        let stored = usage.with_stored(images);
        let mut all = Self::default();
        for Listed {
            registry,
            name,
            images,
        } in listed
        {
            let Some(images) = images else { continue };
            let mut seen = RepositoryLedger::new();
            let known = self.of(registry, name);
            let resolved = stored.resolved_to(images);
            let tags = images
                .iter()
                .flat_map(|image| first_sights(image, known, now));
            seen.tags = tags.collect();
            for image in *images {
                let users = stored.named_by(registry, name, image);
                let users = users.chain(resolved.users_of(image)).flatten();
                seen.see_use(image, users.map(AsRef::as_ref), now);
            }
            if !usage.has_gaps() && stored.doubts_about(registry, name).is_empty() {
                seen.observed = Some((now.millis(), now.millis()));
            }
            let of_registry = all.0.entry(registry.to_string()).or_default();
            of_registry.insert(name.to_string(), seen);
        }
        all
    }

    /// Takes in what others saw.
    pub fn merge(&mut self, other: Self) {
        for (registry, repositories) in other.0 {
            let of_registry = self.0.entry(registry).or_default();
            for (name, seen) in repositories {
                match of_registry.entry(name) {
                    Entry::Vacant(vacant) => drop(vacant.insert(seen)),
                    Entry::Occupied(mut known) => known.get_mut().merge(seen),
                }
            }
        }
    }

    /// Returns whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets what cannot matter any more: repositories that do not exist, tags that are gone, and
    /// images that are gone and were used longer ago than `window`. A repository that no run
    /// observed for long begins anew.
    pub fn forget(&mut self, listed: &[Listed<'_>], window: SignedDuration, now: Time) {
        let is_past = |at: i64, limit| Time::from_millis(at).is_none_or(|it| it.age(now) > limit);
        let mut names: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for Listed {
            registry,
            name,
            images,
        } in listed
        {
            let registry = registry.to_string();
            let of_registry = self.0.get_mut(&registry);
            let ledger = of_registry.and_then(|it| it.get_mut(&***name));
            if let (Some(ledger), Some(images)) = (ledger, images) {
                ledger.forget(images, |at| is_past(at, window));
            }
            names.entry(registry).or_default().insert(name);
        }
        for (registry, repositories) in &mut self.0 {
            let exist = names.get(registry);
            repositories.retain(|name, ledger| {
                ledger.observed = ledger
                    .observed
                    .filter(|(_, last)| !is_past(*last, LONGEST_GAP));
                exist.is_none_or(|exist| exist.contains(&**name))
            });
        }
    }

    /// Returns what earlier runs saw of a repository.
    #[must_use]
    pub fn of(&self, registry: &Registry, repository: &str) -> Option<&RepositoryLedger> {
        self.0.get(&registry.to_string())?.get(repository)
    }
}

impl RepositoryLedger {
    /// Creates the ledger of a repository of which nothing is known.
    pub(crate) const fn new() -> Self {
        Self {
            observed: None,
            used: BTreeMap::new(),
            tags: FirstSights::new(),
        }
    }

    /// Returns for how long runs have seen all use of the repository.
    #[must_use]
    pub fn age(&self, now: Time) -> SignedDuration {
        let began = self
            .observed
            .and_then(|(first, _)| Time::from_millis(first));
        began.map_or(SignedDuration::ZERO, |began| began.age(now))
    }

    /// Returns the last use of an image that is known.
    #[must_use]
    pub fn last_use(&self, image: &Digest) -> Option<LastUse> {
        let seen = self.used.get(image)?;
        let at = Time::from_millis(seen.last)?;
        Some(LastUse {
            at,
            by: seen.by.clone(),
        })
    }

    /// Returns when a tag was first seen on an image.
    #[must_use]
    pub fn tagged_at(&self, image: &Image, tag: &Tag) -> Option<Time> {
        let first = self.tags.get(number(image, tag));
        first.and_then(Time::from_millis).max(image.pushed_at)
    }

    fn see_use<'u>(&mut self, image: &Image, users: impl Iterator<Item = &'u User>, now: Time) {
        // What was used before this image was pushed was another one: its tag has moved since.
        let is_it = |at: &Time| image.pushed_at.is_none_or(|pushed_at| pushed_at <= *at);
        for user in users {
            let Some(at) = user.last_used(now).filter(is_it) else {
                continue;
            };
            let (first, last) = (at.millis(), at.millis());
            let seen = Seen {
                first,
                last,
                by: user.to_string().into(),
            };
            merge_seen(&mut self.used, image.digest, &seen);
        }
    }

    fn merge(&mut self, other: Self) {
        self.observed = match (self.observed, other.observed) {
            (Some(own), Some(others)) => Some((own.0.min(others.0), own.1.max(others.1))),
            (own, others) => own.or(others),
        };
        for (image, seen) in &other.used {
            merge_seen(&mut self.used, *image, seen);
        }
        self.tags.merge(other.tags);
    }

    fn forget(&mut self, images: &[Image], is_past: impl Fn(i64) -> bool) {
        let stored: HashSet<&Digest> = images.iter().map(|image| &image.digest).collect();
        self.used
            .retain(|digest, seen| stored.contains(digest) || !is_past(seen.last));
        let tags = images
            .iter()
            .flat_map(|image| image.tags.iter().map(move |tag| (image, tag)));
        let tags: HashSet<u64> = tags.map(|(image, tag)| number(image, tag)).collect();
        self.tags.retain(|number| tags.contains(&number));
    }
}

/// Takes in that an image was seen in use: the earliest and the latest of both, with its user.
fn merge_seen(used: &mut BTreeMap<Digest, Seen>, image: Digest, seen: &Seen) {
    let known = used.entry(image).or_insert_with(|| seen.clone());
    known.first = known.first.min(seen.first);
    if (seen.last, &*known.by) > (known.last, &*seen.by) {
        (known.last, known.by) = (seen.last, seen.by.clone());
    }
}

/// Returns when each tag of an image was first seen.
fn first_sights<'a>(
    image: &'a Image,
    known: Option<&'a RepositoryLedger>,
    now: Time,
) -> impl Iterator<Item = (u64, i64)> + 'a {
    // Where no run saw all tags before, a tag cannot be told to be new.
    let was_complete = known.is_some_and(|known| known.observed.is_some());
    let new = if was_complete {
        now.millis()
    } else {
        FROM_THE_BEGINNING
    };
    image.tags.iter().map(move |tag| {
        let number = number(image, tag);
        let first = known.and_then(|known| known.tags.get(number));
        (number, first.unwrap_or(new))
    })
}

/// Returns the number of a tag on an image: bytes of the digest, and of a hash of the tag (FNV-1a),
/// which tells apart the few tags of one image.
fn number(image: &Image, tag: &Tag) -> u64 {
    let hash = tag.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    image.digest.first_bytes() ^ hash
}
