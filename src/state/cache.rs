//! What never changes, read from AWS once in a lifetime.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{
    Digest, Reading,
    object::{Content, Unusable},
    store::{Problem, Store},
};
use crate::inventory::Child;

/// Facts by their names: known from earlier runs, or learnt by this one.
#[derive(Debug)]
pub struct Cache<K, V> {
    known: BTreeMap<K, V>,
    used: Mutex<BTreeMap<K, V>>,
    /// Who reads a fact now; others wait for it.
    turns: Mutex<BTreeMap<K, Arc<tokio::sync::Mutex<()>>>>,
    /// Whether it may be written: not over an object that somebody else, or a newer version, wrote.
    writable: bool,
}

/// The caches of a run. Without a state store they are empty, and forgotten afterwards.
#[derive(Debug, Default)]
pub struct Caches {
    /// The images that each task definition revision names, by ARN.
    pub definitions: Cache<String, Vec<String>>,
    /// The image of each published version of a function, by ARN, number and code.
    pub functions: Cache<String, FunctionImage>,
    /// The children of each index.
    pub indexes: Cache<Digest, Vec<Child>>,
}

/// The image of a Lambda function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionImage {
    /// The reference as it was written.
    pub written: String,
    /// The digest that it was resolved to, if it does not say one itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self {
            known: BTreeMap::new(),
            used: Mutex::default(),
            turns: Mutex::default(),
            writable: true,
        }
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> Cache<K, V> {
    /// The fact of that name, if it is known.
    pub fn get(&self, name: &K) -> Option<V> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fact) = used.get(name) {
            return Some(fact.clone());
        }
        let fact = self.known.get(name)?;
        used.insert(name.clone(), fact.clone());
        Some(fact.clone())
    }

    /// The fact of that name. Where it is not known, or not good, it is read, once, whoever else asks meanwhile.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn get_or_read<E>(
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

    /// Notes a fact that was read.
    pub fn learn(&self, name: K, fact: V) {
        self.used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, fact);
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> Cache<K, V> {
    /// A cache from its object. Whatever is wrong with that, the facts can be read from AWS again.
    pub(super) fn from_found(found: Reading<BTreeMap<K, V>>, warnings: &mut Vec<String>) -> Self
    where
        BTreeMap<K, V>: Content,
    {
        match found {
            Ok(None) => Self::default(),
            Ok(Some(found)) => Self {
                known: found.content,
                ..Self::default()
            },
            Err(problem) => {
                let writable = matches!(
                    problem,
                    Problem::Unusable {
                        why: Unusable::Damaged(_),
                        ..
                    }
                );
                let end = if writable {
                    "it is written anew"
                } else {
                    "it is left as it is, and not used"
                };
                warnings.push(format!("the cache {problem}; {end}"));
                Self {
                    writable,
                    ..Self::default()
                }
            }
        }
    }

    /// Writes the facts that this run used, and the others too if they may be needed again; nothing if nothing changed.
    pub(super) async fn write(&self, store: &Store, keep_unused: bool) -> Result<(), Problem>
    where
        BTreeMap<K, V>: Content,
    {
        let mut facts = self
            .used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if keep_unused {
            for (name, fact) in &self.known {
                facts.entry(name.clone()).or_insert_with(|| fact.clone());
            }
        }
        if !self.writable || facts == self.known {
            return Ok(());
        }
        store.write(&facts).await
    }
}

impl Content for BTreeMap<String, Vec<String>> {
    const SCHEMA: &'static str = "ecr-cleanup/task-definitions";
    const NUMBER: u32 = 1;
    const KEY: &'static str = "task-definitions.json.gz";
}

impl Content for BTreeMap<String, FunctionImage> {
    const SCHEMA: &'static str = "ecr-cleanup/functions";
    const NUMBER: u32 = 1;
    const KEY: &'static str = "functions.json.gz";
}

impl Content for BTreeMap<Digest, Vec<Child>> {
    const SCHEMA: &'static str = "ecr-cleanup/indexes";
    const NUMBER: u32 = 1;
    const KEY: &'static str = "indexes.json.gz";
}
