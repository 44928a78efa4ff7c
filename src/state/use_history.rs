//! The use ledger, as an object: when images were seen in use, and tags on images.

use std::sync::Arc;

use jiff::SignedDuration;

use super::{
    Reading,
    object::StateObject,
    store::{Condition, Found, StateError, Store},
};
use crate::{
    evidence::{Listed, UsageIndex, UseLedger},
    image::Time,
    inventory::Inventory,
    plan::Plan,
};

/// Time for which an image that is gone is remembered at least.
const SHORTEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What earlier runs saw.
pub(crate) struct UseHistory {
    /// Ledger as it was stored, without what the use has of it; `None` if there was none.
    stored: Option<Found<UseLedger>>,
    /// Longest time that a rule asks for.
    window: SignedDuration,
}

impl StateObject for UseLedger {
    const NAME: &'static str = "use-ledger";
}

impl UseHistory {
    pub(super) fn new(
        found: Reading<UseLedger>,
        window: Option<SignedDuration>,
    ) -> Result<Self, StateError> {
        let stored = found?;
        let window = window.unwrap_or_default().max(SHORTEST);
        Ok(Self { stored, window })
    }

    /// Returns the use with what earlier runs saw, and this one.
    pub(crate) fn add_to(
        &mut self,
        usage: UsageIndex,
        inventories: &[Inventory],
        now: Time,
    ) -> UsageIndex {
        let repositories = inventories.iter().flat_map(|inventory| {
            let repositories = inventory.repositories.iter();
            repositories.map(|repository| Listed {
                registry: &inventory.registry,
                name: &repository.name,
                images: repository.images().map(|it| &*it.images),
            })
        });
        let listed: Vec<Listed<'_>> = repositories.collect();
        // It may be large, and the use has it from now on.
        let stored = self.stored.as_mut();
        let mut ledger = stored.map(|found| std::mem::take(&mut found.content));
        let ledger = ledger.get_or_insert_default();
        ledger.forget(&listed, self.window, now);
        ledger.merge(ledger.observe(&listed, &usage, now));
        usage.with_ledger(Arc::new(std::mem::take(ledger)))
    }

    /// Writes down what this run saw, on top of what others wrote meanwhile.
    pub(super) async fn record(
        &self,
        store: &Store,
        plan: &Plan,
        usage: &UsageIndex,
    ) -> Result<(), StateError> {
        // Mostly nobody wrote meanwhile, and what the use has is all there is: it is written as it
        // is, since another one of it takes much memory.
        let mut stored = self.stored.clone();
        if stored.as_ref().is_none_or(|it| it.content.is_empty()) {
            let etag = stored.as_ref().map(|it| &*it.etag);
            let condition = etag.map_or(Condition::Absent, Condition::Unchanged);
            if store
                .write_if(&**usage.ledger(), condition)
                .await?
                .is_some()
            {
                return Ok(());
            }
            stored = store.read().await?;
        }
        let listed = plan.repositories().iter().map(|repository| Listed {
            registry: repository.registry(),
            name: repository.name(),
            images: repository.was_read().then(|| repository.stored_images()),
        });
        let listed: Vec<Listed<'_>> = listed.collect();
        let change = |ledger: &mut UseLedger| {
            ledger.forget(&listed, self.window, plan.now());
            ledger.merge(UseLedger::clone(usage.ledger()));
        };
        store.update(stored, change).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Write};

    use super::{super::object, *};
    use crate::{
        evidence::{Coverage, Evidence, EvidenceKind, SourceStatus, User, Uses},
        image::{ArtifactType, Digest, Image, MediaType, Registry, RepositoryName, Status, Tag},
    };

    const IMAGES: u64 = 200_000;

    /// Returns bytes that nothing compresses.
    fn digest(number: u64) -> Digest {
        use sha2::Digest as _;
        Digest::from_bytes(sha2::Sha256::digest(number.to_be_bytes()).into())
    }

    fn image(number: u64) -> Image {
        let tag = digest(number).hex();
        Image {
            digest: digest(number),
            tags: [Tag::new(&tag).unwrap()].into(),
            pushed_at: Time::from_millis(1),
            pulled_at: None,
            archival: None,
            bytes: 1,
            media_type: MediaType::Image,
            artifact_type: ArtifactType::ContainerImage,
            subject: None,
            status: Status::Active,
        }
    }

    /// A large account is a few megabytes, of which each run reads and writes all.
    #[test]
    fn the_ledger_of_a_large_account_is_small() {
        let location = Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let mut uses = Uses::new(Arc::default());
        for number in 0..IMAGES / 20 {
            let mut name = String::new();
            write!(name, "service-{number}").unwrap();
            let user = Arc::new(User {
                location: location.clone(),
                kind: "ECS service".into(),
                name,
                cluster: Some("prod".to_owned()),
                live: true,
                used_at: None,
            });
            let image = digest(number).to_string();
            uses.add(&user, &image, None, EvidenceKind::Field).unwrap();
        }
        let usage = UsageIndex::from(vec![Evidence {
            status: SourceStatus {
                source: "ecs",
                location: location.clone(),
                cluster: None,
                coverage: Coverage::Complete,
                references: 1,
                note: None,
            },
            uses: uses.into_vec(),
            locations: BTreeSet::new(),
            unread: Vec::new(),
        }]);
        let name = RepositoryName::new("team/app").unwrap();
        let images: Vec<Image> = (0..IMAGES).map(image).collect();
        let listed = [Listed {
            registry: &location,
            name: &name,
            images: Some(&images),
        }];
        let now = Time::from_millis(1_795_262_400_000).unwrap();
        let ledger = UseLedger::default().observe(&listed, &usage, now);
        let bytes = object::encode(&ledger).unwrap();
        assert!(bytes.len() < 3 << 20, "{} bytes", bytes.len());
        assert_eq!(object::decode::<UseLedger>(&bytes), Ok(ledger));
    }
}
