//! A world with what is to become of its images.

use std::collections::{BTreeMap, BTreeSet};

use simulated_aws::World;

use crate::{Account, Use};

/// Repository and digest of an image of the home account and Region.
pub type ImageKey = (String, String);

/// A world, with what a run in mode `delete` under the default rules has to leave of it.
#[derive(Debug)]
pub struct Scenario {
    /// The world.
    pub world: World,
    /// What people call the images.
    pub labels: BTreeMap<ImageKey, String>,
    /// The images that are kept.
    pub kept: BTreeSet<ImageKey>,
    /// The images that are deleted.
    pub deleted: BTreeSet<ImageKey>,
    /// The kept images that ECS uses.
    pub in_use: BTreeSet<ImageKey>,
}

impl Scenario {
    /// Makes a scenario of an account in which exactly the images with these names are deleted.
    ///
    /// # Panics
    /// If a repository has no image, or more than one, of such a name: the scenario is wrong.
    pub(crate) fn of(account: Account, deleted: &[(&str, &[&str])]) -> Self {
        let Account { world, labels } = account;
        let mut expected = BTreeSet::new();
        for (repository, names) in deleted {
            for name in *names {
                let named = |(key, label): &(&ImageKey, &String)| {
                    key.0 == *repository && label.as_str() == *name
                };
                let found: Vec<_> = labels.iter().filter(named).collect();
                let [(key, _)] = found.as_slice() else {
                    panic!("{repository} has {} images called `{name}`", found.len())
                };
                expected.insert((*key).clone());
            }
        }
        let in_use = crate::uses(&world)
            .iter()
            .filter_map(|one: &Use| Some((one.repository.clone(), crate::digest_of(&world, one)?)))
            .collect();
        Self {
            kept: Self::images(&world)
                .difference(&expected)
                .cloned()
                .collect(),
            deleted: expected,
            in_use,
            world,
            labels,
        }
    }

    /// Returns the images of the home account and Region, archived ones too.
    #[must_use]
    pub fn images(world: &World) -> BTreeSet<ImageKey> {
        let home = world.regions.get(&world.home);
        let repositories = home.into_iter().flat_map(|home| &home.ecr.repositories);
        repositories
            .flat_map(|(name, stored)| {
                let digests = stored.digests().into_iter();
                digests.map(move |digest| (name.clone(), digest))
            })
            .collect()
    }

    /// Returns the digest of the image that people call that.
    #[must_use]
    pub fn labelled(&self, repository: &str, label: &str) -> Option<&ImageKey> {
        let mut labels = self.labels.iter();
        labels
            .find(|(key, name)| key.0 == repository && *name == label)
            .map(|(key, _)| key)
    }
}
