//! Worlds that pages are made of.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{super::Page, data};
use crate::{
    config::{Config, Mode},
    evidence::{Coverage, Evidence, EvidenceKind, SourceStatus, UsageIndex, User, Uses},
    image::{ArtifactType, Digest, Image, MediaType, Registry, RepositoryName, Status, Tag, Time},
    inventory::{Content, Images, Inventory, Repository},
    plan::{Plan, plan},
    policy::Policies,
    report::{Answer, Facts, gather},
};

pub(super) const NOW: i64 = 1_795_262_400_000;
pub(super) const HOUR: i64 = 3_600_000;
const HOST: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";

/// An account, before it is planned.
pub(super) struct World {
    pub(super) repositories: Vec<Repository>,
    /// Users, each with the image that it names.
    pub(super) uses: Vec<(String, String)>,
}

pub(super) fn digest(repository: usize, image: usize) -> Digest {
    let bytes = [repository.to_be_bytes(), image.to_be_bytes()].concat();
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// Returns images, pushed one an hour, newest first.
pub(super) fn images(
    repository: usize,
    numbers: Range<usize>,
    tags: &dyn Fn(usize) -> Vec<String>,
) -> Images {
    let mut stored = Images::default();
    for number in numbers {
        let tags = tags(number).into_iter().map(|tag| Tag::new(&tag).unwrap());
        let hours = 2 + i64::try_from(number).unwrap();
        stored.images.push(Image {
            digest: digest(repository, number),
            tags: tags.collect(),
            pushed_at: Time::from_millis(NOW - HOUR * hours),
            pulled_at: None,
            archival: None,
            bytes: 1_000_000 + number as u64,
            media_type: MediaType::Image,
            artifact_type: ArtifactType::ContainerImage,
            subject: None,
            status: Status::Active,
        });
    }
    stored
}

pub(super) fn repository(name: &str, images: Images) -> Repository {
    Repository {
        name: RepositoryName::new(name).unwrap(),
        policy: Some(0),
        mutable_tags: true,
        content: Content::Complete(images),
    }
}

fn registry() -> Registry {
    Registry {
        account: "111111111111".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    }
}

impl World {
    fn usage(&self) -> UsageIndex {
        let mut uses = Uses::new(Arc::default());
        for (name, image) in &self.uses {
            let user = Arc::new(User {
                location: registry(),
                kind: "ECS service".into(),
                name: name.clone(),
                cluster: None,
                live: true,
                used_at: None,
            });
            let image = format!("{HOST}/{image}");
            let added = uses.add(&user, &image, None, EvidenceKind::Container);
            added.unwrap();
        }
        let status = SourceStatus {
            source: "ecs",
            location: registry(),
            cluster: None,
            coverage: Coverage::Complete,
            references: self.uses.len(),
            note: None,
        };
        UsageIndex::from(vec![Evidence {
            status,
            uses: uses.into_vec(),
            locations: BTreeSet::new(),
            unread: Vec::new(),
        }])
    }

    /// Plans, and returns what `show` makes of it.
    pub(super) fn show<T>(self, show: impl FnOnce(Page<'_>, Answer) -> T) -> T {
        let policies = Config::parse("mode: delete").unwrap().policies;
        let usage = self.usage();
        let inventory = Inventory {
            registry: registry(),
            repositories: self.repositories,
        };
        let now = Time::from_millis(NOW).unwrap();
        let plan = plan(inventory, &usage, &policies, now);
        let answer = answer(&plan, &usage, &policies);
        let page = Page {
            plan: &plan,
            usage: &usage,
            answer: &answer.clone(),
            outcome: None,
            exclusive: None,
            history: None,
        };
        show(page, answer)
    }

    /// Returns the page and the data in it.
    pub(super) fn page(self) -> (String, Value) {
        self.show(|page, _| {
            let html = page.to_html();
            let data = data(&html);
            (html, data)
        })
    }
}

fn answer(plan: &Plan, usage: &UsageIndex, policies: &Policies) -> Answer {
    gather(Facts {
        run_id: "run-1",
        mode: Mode::Plan,
        plan,
        usage,
        policies,
        unread: Vec::new(),
        unexplained_pulls: Config::parse("mode: delete")
            .unwrap()
            .guards
            .unexplained_pulls,
        refusals: &[],
        outcome: None,
        to_restore: 0,
        restoring: &[],
        missing: Vec::new(),
        out_of_time: false,
        is_interrupted: false,
        progress: None,
        usd_per_gb_month: 0.1,
    })
}
