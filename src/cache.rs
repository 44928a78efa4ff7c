//! Facts that never change, read from AWS once in a lifetime.

mod index_manifest;
mod template_body;

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use litemap::LiteMap;
use serde::{Deserialize, Serialize};

pub(crate) use index_manifest::IndexManifest;
pub(crate) use template_body::TemplateBody;

use crate::{
    counted::Counted,
    image::{Digest, Registry, Time},
    inventory::Revisions,
};

/// Facts by their names, known from earlier runs or learnt by this one.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    /// `None` once they were released.
    facts: Mutex<Option<BTreeMap<K, Known<V>>>>,
    /// Locks of the facts that are being read.
    turns: Mutex<BTreeMap<K, Arc<tokio::sync::Mutex<()>>>>,
}

/// A fact that is known.
#[derive(Debug)]
struct Known<V> {
    fact: V,
    /// Whether this run asked for it.
    is_used: bool,
    /// Whether it is stored as it is.
    is_stored: bool,
}

/// The caches of every location that is read. Without a state store they are empty, and forgotten
/// afterwards.
#[derive(Debug, Default)]
pub(crate) struct AllCaches(BTreeMap<Registry, Arc<Caches>>);

/// The caches of a location.
#[derive(Debug, Default)]
pub(crate) struct Caches {
    /// Images of each task definition revision, by ARN.
    pub(crate) definitions: Cache<String, Vec<String>>,
    /// Image of each published version of a function, by ARN, number and code.
    pub(crate) functions: Cache<String, FunctionImage>,
    /// Templates of each state of a stack, by its ID, status and time of update, and of each change
    /// set, by its ID.
    pub(crate) templates: Cache<String, StackTemplate>,
    /// A task definition of which AWS Config does not say what ECS says.
    pub(crate) misrecorded: OnceLock<String>,
    /// Number of task definitions that count, and of those that were read.
    pub(crate) progress: Progress,
    /// Manifest of each index, which can be checked against its digest.
    pub(crate) indexes: Cache<Digest, IndexManifest>,
    /// When manifests were read, by repository.
    pub(crate) readings: ReadingCache,
    /// Commits that annotations of images name.
    pub(crate) revisions: Cache<Digest, Revisions>,
    /// What was found out lately, by operation and, if it is about one, repository.
    pub(crate) findings: FindingCache,
}

/// Findings by their names.
pub(crate) type FindingCache = Cache<String, Finding>;

/// Something that was found out, and may be otherwise in some days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// When, in milliseconds since 1970.
    at: i64,
    pub(crate) what: FindingKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FindingKind {
    /// Rate that a service bears.
    Rate(FoundRate),
    /// It was asked, whatever it answered.
    Asked,
    /// A repository has no such policy.
    NoPolicy,
    /// It has one now.
    HasPolicy,
}

/// Rate of calls that a service bears, and what else was found out of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct FoundRate {
    /// Calls a second.
    pub(crate) rate: f64,
    /// Whether more were throttled.
    pub(crate) is_most: bool,
    /// Whether it was measured by what was answered between throttled calls, not guessed.
    #[serde(default)]
    pub(crate) is_measured: bool,
    /// Calls at once after a pause, if more were throttled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) burst: Option<f64>,
}

impl Finding {
    pub(crate) const fn new(what: FindingKind, now: Time) -> Self {
        let at = now.millis();
        Self { at, what }
    }

    /// Returns whether it is younger than a week. One from the future is not believed.
    pub(crate) const fn is_fresh(&self, now: Time) -> bool {
        let age = now.millis() - self.at;
        0 <= age && age < 7 * 24 * 60 * 60 * 1000
    }
}

/// Readings of manifests, by host and repository.
pub(crate) type ReadingCache = Cache<String, RepositoryReadings>;

/// Readings of manifests of a repository: a list of them, sorted, takes half of what a tree does.
pub(crate) type RepositoryReadings = LiteMap<Digest, ManifestReading>;

/// A reading of a manifest, which ECR counts as a pull. Times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestReading {
    /// Time before the call.
    pub(crate) from: i64,
    /// Time after it.
    pub(crate) to: i64,
    /// Last pull by somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) earlier: Option<i64>,
}

impl FromIterator<(Registry, Arc<Caches>)> for AllCaches {
    fn from_iter<I: IntoIterator<Item = (Registry, Arc<Caches>)>>(caches: I) -> Self {
        Self(caches.into_iter().collect())
    }
}

impl AllCaches {
    /// Returns the caches of a location.
    pub(crate) fn of(&self, location: &Registry) -> Arc<Caches> {
        self.0.get(location).cloned().unwrap_or_default()
    }

    /// Returns the caches of a location that is read.
    pub(crate) fn get(&self, location: &Registry) -> Option<&Caches> {
        self.0.get(location).map(AsRef::as_ref)
    }

    /// Gives back the memory of the manifests of indexes, once every index was read.
    pub(crate) fn release_indexes(&self) {
        self.0.values().for_each(|caches| caches.indexes.release());
    }

    /// Returns each location with the task definition of which AWS Config does not say there what
    /// ECS says.
    pub(crate) fn misrecorded(&self) -> impl Iterator<Item = (&Registry, &str)> {
        self.0.iter().filter_map(|(location, caches)| {
            let arn = caches.misrecorded.get()?;
            Some((location, arn.as_str()))
        })
    }

    /// Returns the number of task definitions that were read, and of those that were found.
    pub(crate) fn progress(&self) -> (usize, usize) {
        let of_each = self.0.values().map(|caches| caches.progress.so_far());
        of_each.fold((0, 0), |(read, of), more| (read + more.0, of + more.1))
    }
}

/// How far task definitions were read.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    read: AtomicUsize,
    of: AtomicUsize,
}

impl Progress {
    pub(crate) fn expect(&self, definitions: usize) {
        self.of.fetch_add(definitions, Ordering::Relaxed);
        Counted::TaskDefinitions.expect(definitions);
    }

    pub(crate) fn advance(&self) {
        self.read.fetch_add(1, Ordering::Relaxed);
        Counted::TaskDefinitions.done(1);
    }

    fn so_far(&self) -> (usize, usize) {
        let [read, of] = [&self.read, &self.of].map(|number| number.load(Ordering::Relaxed));
        (read, of)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FunctionImage {
    /// Reference, as it is written.
    pub(crate) written: String,
    /// Digest that it was resolved to; `None` if the reference has one itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<String>,
}

/// Templates of a state of a stack, in each stage, with the values of parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StackTemplate {
    pub(crate) bodies: Vec<TemplateBody>,
    pub(crate) parameters: BTreeMap<String, String>,
}

impl<V> Known<V> {
    /// A fact of an earlier run.
    const fn stored(fact: V) -> Self {
        Self {
            fact,
            is_used: false,
            is_stored: true,
        }
    }
}

impl<K: Ord, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self::new(BTreeMap::new())
    }
}

impl<K: Ord, V> Cache<K, V> {
    /// Creates a cache with the facts of earlier runs.
    pub(crate) fn new(stored: BTreeMap<K, V>) -> Self {
        let facts = stored.into_iter();
        let facts = facts.map(|(name, fact)| (name, Known::stored(fact)));
        Self {
            facts: Mutex::new(Some(facts.collect())),
            turns: Mutex::new(BTreeMap::new()),
        }
    }

    fn facts(&self) -> MutexGuard<'_, Option<BTreeMap<K, Known<V>>>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives back the memory of facts that are not needed any more, and learns no others.
    pub(crate) fn release(&self) {
        *self.facts() = None;
    }
}

impl<V: Clone + PartialEq> Cache<String, V> {
    /// Returns the facts whose names begin like this, known from earlier or learnt by this run.
    pub(crate) fn all_of(&self, beginning: &str) -> Vec<(String, V)> {
        let facts = self.facts();
        let bounds = (Bound::Included(beginning), Bound::Unbounded);
        let names = facts.iter().flat_map(|it| it.range::<str, _>(bounds));
        let names = names.map(|(name, _)| name.clone());
        let names = names.take_while(|name| name.starts_with(beginning));
        let names: Vec<String> = names.collect();
        drop(facts);
        let facts = names.into_iter();
        let facts = facts.filter_map(|name| self.get(&name).map(|fact| (name, fact)));
        facts.collect()
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> Cache<K, V> {
    /// Returns a fact, if it is known.
    pub(crate) fn get(&self, name: &K) -> Option<V> {
        let mut facts = self.facts();
        let known = facts.as_mut()?.get_mut(name)?;
        known.is_used = true;
        Some(known.fact.clone())
    }

    /// Returns a fact, which is read if it is not known or not good: once, however many ask for it
    /// meanwhile.
    pub(crate) async fn get_or_read<E>(
        &self,
        name: K,
        is_good: impl Fn(&V) -> bool,
        read: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(name.clone()).or_default())
        };
        let _turn = turn.lock().await;
        if let Some(fact) = self.get(&name).filter(is_good) {
            return Ok(fact);
        }
        let fact = read.await?;
        self.learn(name, fact.clone());
        Ok(fact)
    }

    /// Adds a fact that was read.
    pub(crate) fn learn(&self, name: K, fact: V) {
        if let Some(facts) = self.facts().as_mut() {
            let is_same = |known: &Known<V>| known.is_stored && known.fact == fact;
            let is_stored = facts.get(&name).is_some_and(is_same);
            let known = Known {
                fact,
                is_used: true,
                is_stored,
            };
            facts.insert(name, known);
        }
    }

    /// Returns the facts to write down: those that this run used, and the others too if they may be
    /// needed again; `None` if nothing changed.
    pub(crate) fn changed(&self, keep_unused: bool) -> Option<BTreeMap<K, V>> {
        let facts = self.facts();
        let facts = facts.as_ref()?;
        let is_kept = |known: &Known<V>| known.is_used || keep_unused;
        let mut all = facts.values();
        if all.all(|known| known.is_stored && is_kept(known)) {
            return None;
        }
        let kept = facts.iter().filter(|(_, known)| is_kept(known));
        let kept = kept.map(|(name, known)| (name.clone(), known.fact.clone()));
        Some(kept.collect())
    }

    /// Remembers what is stored now. What was learnt meanwhile is not.
    pub(crate) fn stored(&self, mut stored: BTreeMap<K, V>) {
        let mut facts = self.facts();
        let Some(facts) = facts.as_mut() else { return };
        facts.retain(|name, known| {
            let now = stored.remove(name);
            known.is_stored = now.as_ref() == Some(&known.fact);
            known.is_used || now.is_some()
        });
        let others = stored.into_iter();
        facts.extend(others.map(|(name, fact)| (name, Known::stored(fact))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_written_once_and_what_is_released_is_gone() {
        let facts = |names: &[&'static str]| -> BTreeMap<&str, usize> {
            names.iter().map(|name| (*name, name.len())).collect()
        };
        let cache = Cache::new(facts(&["old", "used"]));
        assert_eq!(cache.changed(true), None);
        assert_eq!(cache.get(&"used"), Some(4));
        assert_eq!(cache.changed(false), Some(facts(&["used"])));
        cache.learn("used", 4);
        assert_eq!(cache.changed(true), None, "it is the same");
        cache.learn("learnt", 6);
        let written = facts(&["old", "used", "learnt"]);
        assert_eq!(cache.changed(true).as_ref(), Some(&written));
        // Meanwhile this run learns more, and others wrote more.
        cache.learn("learnt later", 12);
        cache.stored(facts(&["old", "used", "learnt", "of others"]));
        assert_eq!(cache.get(&"of others"), Some(9));
        let all = facts(&["old", "used", "learnt", "learnt later", "of others"]);
        assert_eq!(cache.changed(true).as_ref(), Some(&all));
        cache.stored(all);
        assert_eq!(cache.changed(true), None);
        cache.release();
        cache.learn("learnt", 6);
        assert_eq!((cache.get(&"learnt"), cache.changed(false)), (None, None));
    }
}
