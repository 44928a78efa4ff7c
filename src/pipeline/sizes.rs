//! Sizes beyond what ECR tells: of layers that images share, and of what repositories stored before.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::Planned;
use crate::{
    aws::ApiError,
    counted::Counted,
    image::{Digest, Image, MediaType, Status, Time},
    inventory::Layer,
    plan::RepositoryPlan,
    registry::{self, Known, Readings},
    report::{Answer, ExactSizes},
    state::KnownLayers,
};

/// Layers of images.
type Layers = BTreeMap<Digest, Vec<Layer>>;

impl Planned<'_> {
    /// Reads the layers that no earlier run has read, and counts each once.
    pub(super) async fn read_sizes(&self) -> Result<ExactSizes, ApiError> {
        let known = match &self.state {
            Some(state) => state.layers().await.map_err(|error| {
                tracing::warn!(event = "facts_not_read", "{error}");
            }),
            None => Ok(KnownLayers::default()),
        };
        let (mut sizes, mut read) = (ExactSizes::default(), Layers::new());
        let mut outcome = Ok(());
        let nothing = KnownLayers::default();
        let told = known.as_ref().unwrap_or(&nothing);
        let unknown = self.plan.repositories().iter();
        Counted::Manifests.expect(unknown.map(|it| unread(it, told).len()).sum());
        for repository in self.plan.repositories() {
            outcome = self
                .add_sizes(repository, told, &mut read, &mut sizes)
                .await;
            if outcome.is_err() {
                break;
            }
        }
        sizes.total.manifests_read = read.len() as u64;
        // What another version wrote is left as it is.
        if let (Some(state), Ok(_), false) = (&self.state, &known, read.is_empty()) {
            let present = self.plan.repositories().iter();
            let present = present.flat_map(RepositoryPlan::images);
            let present: BTreeSet<Digest> = present.map(|it| it.image.digest).collect();
            let is_whole = self.request.only.is_none();
            let recorded = state.record_layers(&read, is_whole.then_some(&present));
            if let Err(error) = recorded.await {
                tracing::warn!(event = "facts_not_saved", "{error}");
            }
        }
        outcome.map(|()| sizes)
    }

    async fn add_sizes(
        &self,
        repository: &RepositoryPlan,
        known: &KnownLayers,
        read: &mut Layers,
        sizes: &mut ExactSizes,
    ) -> Result<(), ApiError> {
        let (registry, name) = (repository.registry(), repository.name());
        let Some(clients) = self.locations.registries.get(registry) else {
            return Ok(());
        };
        let unknown = unread(repository, known);
        let readings = Known::of(&self.caches, self.state.is_some());
        let readings = Readings::of(readings, registry, name);
        let new = registry::layers(clients, name, &unknown, &readings).await?;
        let layers = with_layers(repository).filter_map(|image| {
            let layers = new.get(&image.digest).or_else(|| known.get(&image.digest));
            Some((image.digest, layers?.clone()))
        });
        let layers: HashMap<Digest, Vec<Layer>> = layers.collect();
        sizes.add(repository, &layers);
        read.extend(new);
        Ok(())
    }

    /// Returns by how many bytes each repository grew in a month, by what earlier runs reported; empty
    /// if none did a week ago.
    pub async fn growth(&self, answer: &Answer) -> BTreeMap<String, i64> {
        let Some(state) = &self.state else {
            return BTreeMap::new();
        };
        let sizes = match state.sizes().await {
            Ok(sizes) => sizes,
            Err(error) => {
                tracing::warn!(event = "facts_not_read", "{error}");
                return BTreeMap::new();
            }
        };
        let today = date(self.plan.now());
        let growth = answer.repositories.iter().filter_map(|line| {
            let growth = sizes.growth(&line.name, line.bytes, today)?;
            Some((line.name.clone(), growth))
        });
        growth.collect()
    }
}

/// Returns the images of a repository that have layers of their own.
fn with_layers(repository: &RepositoryPlan) -> impl Iterator<Item = &Image> {
    let images = repository.stored_images().iter();
    images.filter(|image| image.media_type != MediaType::Index)
}

/// Returns those whose layers are not known, and can be read.
fn unread<'p>(repository: &'p RepositoryPlan, known: &KnownLayers) -> Vec<&'p Image> {
    let is_unread =
        |image: &&Image| image.status == Status::Active && known.get(&image.digest).is_none();
    with_layers(repository).filter(is_unread).collect()
}

/// Returns what each repository stores, as far as that is known.
pub(super) fn stored(answer: &Answer) -> BTreeMap<String, u64> {
    let read = answer.repositories.iter().filter(|line| line.images > 0);
    read.map(|line| (line.name.clone(), line.bytes)).collect()
}

/// Returns the day of a time, in UTC.
pub(super) fn date(time: Time) -> Date {
    let time = Timestamp::from_millisecond(time.millis()).unwrap_or_default();
    time.to_zoned(TimeZone::UTC).date()
}
