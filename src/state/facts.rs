//! The caches of each location, as objects: facts that never change.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use futures::{StreamExt, stream};

use super::{
    Reading,
    object::{StateObject, Unusable},
    store::{StateError, Store},
};
use crate::{
    cache::{
        Cache, Caches, Finding, FunctionImage, IndexManifest, Progress, RepositoryReadings,
        StackTemplate,
    },
    image::{Digest, Registry},
    inventory::Revisions,
};

/// Which caches of a location are read: those that are not stay as they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Facts about what uses images.
    pub(crate) usage: bool,
    /// Facts about what is stored.
    pub(crate) stored: bool,
    /// What annotations of stored images say.
    pub(crate) annotations: bool,
}

/// Number of locations whose objects are read or written at once.
const AT_ONCE: usize = 24;

/// The caches of a location, with what is stored of them.
pub(super) struct Facts {
    store: Store,
    pub(super) location: Registry,
    pub(super) caches: Arc<Caches>,
    pub(super) warnings: Vec<String>,
    versions: Versions,
    /// Caches that must not be written over what another program, or a newer version, wrote.
    foreign: Vec<&'static str>,
}

/// Versions of the caches, as they are stored. One writer at a time has each.
#[derive(Default)]
struct Versions {
    definitions: Version,
    functions: Version,
    templates: Version,
    indexes: Version,
    readings: Version,
    revisions: Version,
    findings: Version,
}

/// Version of an object; `None` if there is none that can be used.
type Version = tokio::sync::Mutex<Option<String>>;

impl Facts {
    /// Reads the caches of locations.
    pub(super) async fn read_all(
        store: &Store,
        locations: impl Iterator<Item = (&Registry, Wanted)>,
    ) -> Vec<Self> {
        let read = |(location, wanted): (&Registry, Wanted)| {
            let store = store.of(location);
            Self::read(store, location.clone(), wanted)
        };
        let reading = locations.map(read);
        let reading: Vec<_> = reading.collect();
        stream::iter(reading).buffered(AT_ONCE).collect().await
    }

    /// Reads the caches of a location.
    async fn read(store: Store, location: Registry, wanted: Wanted) -> Self {
        let Wanted {
            usage,
            stored,
            annotations,
        } = wanted;
        let (definitions, functions, templates, indexes, readings, revisions, findings) = tokio::join!(
            read_if(usage, &store),
            read_if(usage, &store),
            read_if(usage, &store),
            read_if(stored, &store),
            read_if(stored, &store),
            read_if(stored && annotations, &store),
            read_if(stored, &store)
        );
        let versions = Versions {
            definitions: version(&definitions),
            functions: version(&functions),
            templates: version(&templates),
            indexes: version(&indexes),
            readings: version(&readings),
            revisions: version(&revisions),
            findings: version(&findings),
        };
        let (mut warnings, mut foreign) = (Vec::new(), Vec::new());
        let caches = Caches {
            definitions: cache(definitions, &mut warnings, &mut foreign),
            functions: cache(functions, &mut warnings, &mut foreign),
            templates: cache(templates, &mut warnings, &mut foreign),
            indexes: cache(indexes, &mut warnings, &mut foreign),
            readings: cache(readings, &mut warnings, &mut foreign),
            revisions: cache(revisions, &mut warnings, &mut foreign),
            findings: cache(findings, &mut warnings, &mut foreign),
            misrecorded: OnceLock::new(),
            progress: Progress::default(),
        };
        Self {
            store,
            location,
            caches: Arc::new(caches),
            warnings,
            versions,
            foreign,
        }
    }

    /// Writes down what was learnt, of every location even if one fails.
    pub(super) async fn save_all(all: &[Self], keep_unused: bool) -> Result<(), StateError> {
        at_once(all.iter().map(|facts| facts.save(keep_unused))).await
    }

    /// Writes down the manifests of indexes of every location.
    pub(super) async fn save_indexes(all: &[Self], keep_unused: bool) -> Result<(), StateError> {
        let saving = all.iter().map(|facts| {
            let (caches, versions) = (&facts.caches, &facts.versions);
            facts.save_cache(&caches.indexes, &versions.indexes, keep_unused)
        });
        at_once(saving).await
    }

    async fn save(&self, keep_unused: bool) -> Result<(), StateError> {
        let (caches, versions) = (&*self.caches, &self.versions);
        let (definitions, functions, templates, indexes, readings, revisions, findings) = tokio::join!(
            self.save_cache(&caches.definitions, &versions.definitions, keep_unused),
            self.save_cache(&caches.functions, &versions.functions, keep_unused),
            self.save_cache(&caches.templates, &versions.templates, keep_unused),
            self.save_cache(&caches.indexes, &versions.indexes, keep_unused),
            self.save_cache(&caches.readings, &versions.readings, keep_unused),
            self.save_cache(&caches.revisions, &versions.revisions, keep_unused),
            self.save_cache(&caches.findings, &versions.findings, keep_unused)
        );
        let saved = [
            definitions,
            functions,
            templates,
            indexes,
            readings,
            revisions,
            findings,
        ];
        saved.into_iter().collect()
    }

    async fn save_cache<K, V>(
        &self,
        cache: &Cache<K, V>,
        version: &Version,
        keep_unused: bool,
    ) -> Result<(), StateError>
    where
        K: Ord + Clone,
        V: Clone + PartialEq,
        BTreeMap<K, V>: StateObject,
    {
        if self.foreign.contains(&BTreeMap::<K, V>::NAME) {
            return Ok(());
        }
        let mut version = version.lock().await;
        if let Some(facts) = cache.changed(keep_unused) {
            let (facts, written) = self.store.merge(facts, version.take()).await?;
            *version = Some(written);
            cache.stored(facts);
        }
        Ok(())
    }
}

/// Does all, whichever fails.
async fn at_once(
    saving: impl Iterator<Item = impl Future<Output = Result<(), StateError>>>,
) -> Result<(), StateError> {
    let saving: Vec<_> = saving.collect();
    let saving = stream::iter(saving).buffer_unordered(AT_ONCE);
    let saved: Vec<_> = saving.collect().await;
    saved.into_iter().collect()
}

async fn read_if<C: StateObject>(is_wanted: bool, store: &Store) -> Reading<C> {
    if is_wanted {
        store.read().await
    } else {
        Ok(None)
    }
}

/// Makes a cache of its object. Whatever is wrong with that, the facts can be read from AWS again.
fn cache<K: Ord, V>(
    found: Reading<BTreeMap<K, V>>,
    warnings: &mut Vec<String>,
    foreign: &mut Vec<&'static str>,
) -> Cache<K, V>
where
    BTreeMap<K, V>: StateObject,
{
    match found {
        Ok(None) => Cache::default(),
        Ok(Some(found)) => Cache::new(found.content),
        Err(error) => {
            let damaged = |why: &Unusable| matches!(why, Unusable::Damaged(_));
            let end = if matches!(&error, StateError::Unusable { why, .. } if damaged(why)) {
                "it is written anew"
            } else {
                foreign.push(BTreeMap::<K, V>::NAME);
                "it is left as it is, and not used"
            };
            warnings.push(format!("the cache {error}; {end}"));
            Cache::default()
        }
    }
}

fn version<C>(found: &Reading<C>) -> Version {
    let found = found.as_ref().ok().and_then(Option::as_ref);
    Version::new(found.map(|found| found.etag.clone()))
}

impl StateObject for BTreeMap<String, Vec<String>> {
    const NAME: &'static str = "task-definitions";
}

impl StateObject for BTreeMap<String, FunctionImage> {
    const NAME: &'static str = "functions";
}

impl StateObject for BTreeMap<String, StackTemplate> {
    const NAME: &'static str = "stack-templates";
}

impl StateObject for BTreeMap<Digest, IndexManifest> {
    const NAME: &'static str = "index-manifests";
}

impl StateObject for BTreeMap<String, RepositoryReadings> {
    const NAME: &'static str = "manifest-readings";
}

impl StateObject for BTreeMap<Digest, Revisions> {
    const NAME: &'static str = "image-revisions";
}

impl StateObject for BTreeMap<String, Finding> {
    const NAME: &'static str = "findings";
}
