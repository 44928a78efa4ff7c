//! Random worlds of up to 60 images.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ecr_cleanup_core::{
    image::{Archival, ArtifactType, Digest, Image, MediaType, RepositoryName, Status, Tag},
    inventory::{
        Child, Content, Images, Inventory, NotRead, OwnReading, OwnReadings, Repository, Role,
        Unclear,
    },
    plan::{self, Archiving, LeftAlone, Plan, PlanSettings, Veto},
};
use jiff::SignedDuration;
use proptest::{collection::vec, option, prelude::*};

use crate::{
    history::History,
    planner::verdicts,
    rules::policies,
    world::{Use, World, hours_ago, registry, usage},
};

const NAMES: [&str; 4] = ["mirror/app", "signatures", "team/app", "team/other"];
const TAGS: [&str; 15] = [
    "v1.0-rc2",
    "v1.0-rc10",
    "v1.0",
    "v1.0-3",
    "v1.2",
    "v1.10",
    "main-1",
    "main-2",
    "dev-1",
    "latest",
    "sha-9f31c02",
    "java21-v10",
    "sha-1111111",
    "sha-2222222",
    "sha-3333333",
];
const ENDINGS: [&str; 7] = ["", ".sig", ".att", ".sbom", ".imgpkg", "-soci", "0"];
const TYPES: [&str; 5] = [
    "application/vnd.cncf.helm.config.v1+json",
    "application/vnd.docker.attestation.manifest.v1+json",
    "application/vnd.amazon.soci.index.v2+json",
    "application/vnd.cncf.notary.signature",
    "application/vnd.buildkit.cacheconfig.v0",
];
const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64/v8"];
const ARTIFACTS: [&str; 2] = ["attestation", "application/spdx+json"];
/// Without optimization, a world takes twenty times as long.
pub(crate) const CASES: u32 = if cfg!(debug_assertions) { 100 } else { 2_000 };
/// Images are numbered below this; those of a repository have different numbers.
const NUMBERS: usize = 24;

/// When an image was archived, and whether it was restored when it was pushed.
#[derive(Debug, Clone, Copy)]
struct Archived {
    archived: Option<i64>,
    restored: bool,
}

/// An image, whose relations are numbers.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    home: usize,
    number: usize,
    tags: Vec<usize>,
    signed: Option<(usize, usize)>,
    subject: Option<usize>,
    children: Option<Vec<(usize, usize)>>,
    kind: Option<usize>,
    status: Status,
    pushed: Option<i64>,
    pulled: Option<i64>,
    archival: Option<Archived>,
    /// Reading that is its last pull, and the pull before.
    own: Option<(i64, Option<i64>)>,
    /// Last use that a run saw, and first sight of its tags.
    seen: (Option<i64>, Option<i64>),
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let hours = || option::weighted(0.95, -2..300_i64);
    let status = prop_oneof![
        12 => Just(Status::Active),
        4 => Just(Status::Archived),
        1 => Just(Status::Restoring),
        1 => Just(Status::Unknown),
    ];
    let number = 0..NUMBERS;
    let place = (0..NAMES.len(), number.clone());
    let tags = (
        vec(0..TAGS.len(), 0..3),
        option::weighted(0.25, (number.clone(), 0..ENDINGS.len())),
        option::weighted(0.2, number.clone()),
    );
    let kind = (
        option::weighted(0.35, vec((number, 0..5_usize), 0..5)),
        option::weighted(0.2, 0..TYPES.len()),
        status,
    );
    let archival = (hours(), prop::bool::weighted(0.3));
    let archival = archival.prop_map(|(archived, restored)| Archived { archived, restored });
    let own = option::weighted(0.4, (0..60_i64, hours()));
    let seen = (option::of(0..2_000_i64), option::weighted(0.3, 0..2_000_i64));
    let times = (hours(), hours(), option::weighted(0.3, archival), own, seen);
    (place, tags, kind, times).prop_map(
        |(
            (home, number),
            (tags, signed, subject),
            (children, kind, status),
            (pushed, pulled, archival, own, seen),
        )| Drawn {
            home,
            number,
            tags,
            signed,
            subject,
            children,
            kind,
            status,
            pushed,
            pulled,
            archival,
            own,
            seen,
        },
    )
}

/// What is known of the program's own readings.
#[derive(Debug, Clone, Copy)]
enum Own {
    Unknown,
    NotRecorded,
    Known,
}

/// What is known of a repository.
#[derive(Debug, Clone, Copy)]
enum Known {
    All,
    Unclear,
    NotRead,
    Failed,
    Vanished,
    Vetoed,
}

#[derive(Debug, Clone)]
pub(crate) struct Drawing {
    pub(crate) images: Vec<Drawn>,
    /// Rule set of each repository, and what is known of it.
    homes: Vec<(usize, Known, Own)>,
    pub(crate) uses: Vec<(usize, usize, usize)>,
    later: Vec<(usize, usize, usize)>,
    candidates: bool,
    delete_after: Option<i64>,
    pulled_within: Option<i64>,
    has_others: bool,
    /// First run that wrote what it saw.
    began: Option<i64>,
}

pub(crate) fn drawing() -> impl Strategy<Value = Drawing> {
    let known = prop_oneof![
        20 => Just(Known::All),
        1 => Just(Known::Unclear),
        1 => Just(Known::NotRead),
        1 => Just(Known::Failed),
        1 => Just(Known::Vanished),
        2 => Just(Known::Vetoed),
    ];
    let own = prop_oneof![Just(Own::Unknown), Just(Own::NotRecorded), Just(Own::Known)];
    let homes = vec((0..policies().all.len(), known, own), NAMES.len());
    let used = || vec((0..30_usize, 0..NAMES.len(), 0..NUMBERS), 0..5);
    let images = vec(drawn(), 0..=60);
    let hours = || option::of(0..300_i64);
    let times = (hours(), hours(), option::weighted(0.9, 0..2_000_i64));
    let modes = (any::<bool>(), proptest::bool::weighted(0.1));
    (images, homes, used(), used(), modes, times).prop_map(
        |(images, homes, uses, later, modes, (delete_after, pulled_within, began))| Drawing {
            images,
            homes,
            uses,
            later,
            candidates: modes.0,
            delete_after,
            pulled_within,
            has_others: modes.1,
            began,
        },
    )
}

impl Drawing {
    /// Returns the plan of the world.
    pub(crate) fn plan(&self) -> Plan {
        let (policies, uses) = (policies(), uses(&self.uses));
        let evidence = usage(&uses).with_ledger(self.history().ledger(&self.inventories()));
        let plan = plan::candidates(self.inventories(), &evidence, &policies, self.settings());
        plan.decide(self.vetoes())
    }
}

fn digest(number: usize) -> Digest {
    Digest::from_bytes([u8::try_from(number * 7 % NUMBERS).unwrap(); 32])
}

fn name(home: usize) -> RepositoryName {
    RepositoryName::new(NAMES[home]).unwrap()
}

impl Drawn {
    /// Returns the image, with those of its tags that are not taken.
    fn image(&self, taken: &mut BTreeSet<usize>) -> Image {
        let own =
            self.tags.iter().filter(|&&tag| taken.insert(tag)).map(|&tag| TAGS[tag].to_owned());
        let signed = self
            .signed
            .map(|(to, ending)| format!("sha256-{}{}", digest(to).hex(), ENDINGS[ending]));
        let tags: BTreeSet<Tag> = own.chain(signed).map(|tag| Tag::new(&tag).unwrap()).collect();
        let archival = self.archival.map(|it| {
            let archived_at = it.archived.map(hours_ago);
            let restored_at = self.pushed.filter(|_| it.restored).map(hours_ago);
            Box::new(Archival { archived_at, restored_at })
        });
        Image {
            digest: digest(self.number),
            tags: tags.into_iter().collect(),
            pushed_at: self.pushed.map(hours_ago),
            pulled_at: self.pulled.map(hours_ago),
            archival,
            bytes: 1,
            media_type: match self.children {
                Some(_) => MediaType::Index,
                None => MediaType::Image,
            },
            artifact_type: ArtifactType::new(self.kind.map(|kind| TYPES[kind])),
            subject: self.subject.map(|subject| Box::new(digest(subject))),
            status: self.status,
        }
    }

    /// Returns the children, unless it is an index that cannot be read.
    fn children(&self) -> Option<Vec<Child>> {
        let is_opaque = self.status == Status::Archived && self.number.is_multiple_of(2);
        let children = self.children.as_ref().filter(|_| !is_opaque)?;
        let child = |&(number, role): &(usize, usize)| Child {
            digest: digest(number),
            role: match role {
                0 | 1 => Some(Role::Platform(PLATFORMS[role].into())),
                2 | 3 => Some(Role::Artifact(ARTIFACTS[role - 2].into())),
                _ => None,
            },
        };
        // No manifest holds its own digest.
        let others = children.iter().filter(|it| it.0 != self.number);
        Some(others.map(child).collect())
    }
}

impl Drawing {
    fn inventories(&self) -> Vec<Inventory> {
        let of_registry = |number: usize| Inventory {
            registry: registry(number),
            repositories: (number * 3..NAMES.len().min(number * 3 + 3))
                .map(|it| self.repository(it))
                .collect(),
        };
        vec![of_registry(0), of_registry(1)]
    }

    fn repository(&self, home: usize) -> Repository {
        let drawn = self.images.iter().filter(|it| it.home == home);
        let drawn: BTreeMap<Digest, &Drawn> = drawn.map(|it| (digest(it.number), it)).collect();
        let mut taken = BTreeSet::new();
        let (rules, known, own) = self.homes[home];
        let readings = drawn.iter().filter_map(|(digest, it)| {
            let (at, earlier) = it.own?;
            let (at, earlier) = (hours_ago(at), earlier.map(hours_ago));
            Some((*digest, OwnReading { at, earlier }))
        });
        let images = Images {
            own_readings: match own {
                Own::Unknown => OwnReadings::Unknown,
                Own::NotRecorded => OwnReadings::NotRecorded,
                Own::Known => OwnReadings::Known(readings.collect()),
            },
            images: drawn.values().map(|it| it.image(&mut taken)).collect(),
            children: drawn
                .iter()
                .filter_map(|(digest, it)| Some((*digest, it.children()?)))
                .collect(),
            ..Images::default()
        };
        Repository {
            name: name(home),
            policy: Some(rules),
            mutable_tags: true,
            content: match known {
                Known::All | Known::Vetoed => Content::Complete(images),
                Known::Unclear => Content::Unclear { images, why: Unclear::NoDigest },
                Known::NotRead => Content::NotRead(NotRead::NotAsked),
                Known::Failed => Content::Failed("denied".to_owned()),
                Known::Vanished => Content::Vanished,
            },
        }
    }

    fn history(&self) -> History {
        let seen = self.images.iter().map(|it| (digest(it.number), it.seen)).collect();
        History { began: self.began, seen }
    }

    fn vetoes(&self) -> Vec<Veto> {
        let vetoed = (0..NAMES.len()).filter(|&it| matches!(self.homes[it].1, Known::Vetoed));
        let veto = |home| Veto {
            repository: (Arc::new(registry(home / 3)), name(home)),
            why: LeftAlone::TooMuch { percent: 2, limit: 1, policy: None },
        };
        vetoed.map(veto).collect()
    }

    fn settings(&self) -> PlanSettings {
        PlanSettings {
            now: hours_ago(0),
            archive: Archiving {
                candidates: self.candidates,
                delete_after: self.delete_after.map(SignedDuration::from_hours),
            },
            keep_pulled_within: self.pulled_within.map(SignedDuration::from_hours),
            has_others: self.has_others,
        }
    }
}

/// Returns uses: most of a digest or of a tag, and a few of a whole repository, or of one in
/// doubt.
fn uses(drawn: &[(usize, usize, usize)]) -> Vec<Use> {
    let used = |&(kind, home, number): &(usize, usize, usize)| match kind {
        0 if number % 3 == 0 => Use::InDoubt(name(home)),
        0 => Use::Repository(name(home)),
        1..=9 => Use::Tag(name(home), Tag::new(TAGS[number % TAGS.len()]).unwrap()),
        _ => Use::Digest(digest(number)),
    };
    drawn.iter().map(used).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_worlds_have_the_verdicts_of_the_rules(drawing in drawing()) {
        let (inventories, policies, settings) = (drawing.inventories(), policies(), drawing.settings());
        let (uses, later) = (self::uses(&drawing.uses), self::uses(&drawing.later));
        let world = |uses| {
            let mut world = World::new(&inventories, uses, &policies, settings);
            world.veto(&drawing.vetoes());
            world.history = drawing.history();
            world
        };
        let ledger = drawing.history().ledger(&inventories);
        let (now, then) = (world(&uses), world(&later));
        let evidence = usage(&uses).with_ledger(ledger.clone());
        let plan = plan::candidates(inventories.clone(), &evidence, &policies, settings);
        let plan = plan.decide(drawing.vetoes());
        prop_assert_eq!(now.difference(&plan), None);
        // What was to be deleted, and is kept by use that was read later.
        let kept = plan.kept_by(&usage(&later).with_ledger(ledger), &policies);
        for i in 0..now.images.len() {
            let home = &now.homes[now.home[i]];
            let kept = kept.iter().any(|((registry, name), kept)| {
                **registry == *home.registry && name == home.name && kept.contains(&now.images[i].digest)
            });
            prop_assert_eq!(kept, verdicts(&then).0.has(i) && !verdicts(&now).0.has(i), "image {}", i);
        }
    }
}
