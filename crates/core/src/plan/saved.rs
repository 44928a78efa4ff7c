//! What a saved plan deletes, beside a fresh plan of the same account (A11).

use std::collections::{BTreeMap, HashSet};

use super::{Plan, PlannedImage, RepositoryPlan};
use crate::image::{Digest, Registry, RepositoryName};

/// The images that a saved plan deletes or archives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SavedImages(BTreeMap<Registry, BTreeMap<RepositoryName, HashSet<Digest>>>);

/// The images of a saved plan and of a fresh one, by what becomes of them.
#[derive(Debug, Default)]
pub struct SinceSaved<'a> {
    /// Images that both delete, of which nothing is kept that they belong to.
    pub both: Vec<(&'a RepositoryPlan, PlannedImage<'a>)>,
    /// Images of the saved plan that are kept now.
    pub kept: Vec<(&'a RepositoryPlan, PlannedImage<'a>)>,
    /// Number of images of the saved plan that are not stored any more, or not read now.
    pub absent: u64,
    /// Number of images that the fresh plan alone deletes.
    pub new: u64,
}

impl SavedImages {
    /// Returns the number of images.
    #[must_use]
    pub fn count(&self) -> u64 {
        let repositories = self.0.values().flat_map(BTreeMap::values);
        repositories.map(|images| images.len() as u64).sum()
    }

    /// Returns whether an image of a repository is one of them.
    #[must_use]
    pub fn contains(&self, repository: &RepositoryPlan, image: &Digest) -> bool {
        let repositories = self.0.get(repository.registry());
        let images = repositories.and_then(|it| it.get(repository.name()));
        images.is_some_and(|images| images.contains(image))
    }
}

impl FromIterator<(Registry, RepositoryName, Digest)> for SavedImages {
    fn from_iter<T: IntoIterator<Item = (Registry, RepositoryName, Digest)>>(images: T) -> Self {
        let mut saved = Self::default();
        for (registry, repository, image) in images {
            let repositories = saved.0.entry(registry).or_default();
            repositories.entry(repository).or_default().insert(image);
        }
        saved
    }
}

impl From<&Plan> for SavedImages {
    fn from(plan: &Plan) -> Self {
        let repositories = plan.repositories().iter().filter(|it| it.acts());
        let images = repositories.flat_map(|repository| {
            let candidates = repository.candidates();
            candidates.map(|it| {
                let (registry, name) = (repository.registry(), repository.name());
                (registry.clone(), name.clone(), it.image.digest)
            })
        });
        images.collect()
    }
}

impl Plan {
    /// Compares this plan with one that was saved before.
    #[must_use]
    pub fn since(&self, saved: &SavedImages) -> SinceSaved<'_> {
        let mut since = SinceSaved::default();
        let mut stored = 0;
        for repository in self.repositories() {
            let planned = repository.images();
            let (of_saved, others): (Vec<_>, Vec<_>) =
                planned.partition(|it| saved.contains(repository, &it.image.digest));
            stored += of_saved.len() as u64;
            let kept = of_saved.into_iter().filter(|it| !it.verdict.deletes());
            since.kept.extend(kept.map(|it| (repository, it)));
            if repository.acts() {
                let deleted = others.into_iter().filter(|it| it.verdict.deletes());
                since.new += deleted.count() as u64;
                let units = repository.units_in(Some(saved)).into_iter();
                let both = units.flat_map(|unit| unit.images);
                since.both.extend(both.map(|it| (repository, it.planned)));
            }
        }
        since.absent = saved.count() - stored;
        since
    }
}
