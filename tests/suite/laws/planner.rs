//! Laws of the planner: they hold for every inventory, every use and every policy.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ecr_cleanup::{
    config::Config,
    evidence::UsageIndex,
    image::{ArtifactType, Digest, Image, MediaType, RepositoryName, Status, Tag, Time},
    inventory::{Child, Content, Images, Inventory, Repository},
    plan::{KeepReason, LeftAlone, Plan, PlannedImage, RepositoryPlan, Verdict, plan},
    policy::Policies,
};
use proptest::{collection::vec, prelude::*, sample::subsequence};

use crate::support::{
    HOST, now,
    repository_builder::{home, usage_of},
};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Rules of every kind, to take some of.
const RULES: [&str; 9] = [
    "{name: latest, tags: '^latest$'}",
    "{name: snapshots, tags: 'SNAPSHOT', newest: 2}",
    "{name: releases, tags: '^1[.]', except: 'SNAPSHOT', newest: 2}",
    "{name: versions, tags: '^1[.]', newest: 1, by: version}",
    "{name: branches, tags: '^(?<branch>[a-z]+)-', newest: 1, per: branch, newest_groups: 1}",
    "{name: young, pushed_within: 3d}",
    "{name: pulled, pulled_within: 3d}",
    "{name: settling, untagged: true, pushed_within: 1d}",
    "{name: newest, newest: 1}",
];
const TAGS: [&str; 10] = [
    "latest",
    "1.0",
    "1.1",
    "1.2",
    "1.10",
    "1.0-SNAPSHOT",
    "1.1-SNAPSHOT",
    "main-1",
    "main-2",
    "dev-1",
];

/// Rules about artifacts.
const ARTIFACT_RULES: [&str; 4] = [
    "{name: charts, artifacts: true, type: '*.helm.*', newest: 1}",
    "{name: artifacts, artifacts: true, tags: '^1[.]', newest: 2, by: version}",
    "{name: young artifacts, artifacts: true, pushed_within: 3d}",
    "{name: tagged artifacts, artifacts: true, tags: '^latest$'}",
];

/// An image of a generated repository; numbers stand for other images of it.
#[derive(Debug, Clone)]
struct Slot {
    pushed: Option<i64>,
    pulled: Option<i64>,
    status: Status,
    artifact: bool,
    /// What it names, if it is an index: images before it, since a manifest cannot name what does
    /// not exist yet. An index refers to nothing here, so that nothing belongs to its own part.
    children: Option<Vec<usize>>,
    subject: Option<usize>,
    /// Signs that image by its tag.
    signs: Option<usize>,
    tags: Vec<usize>,
}

#[derive(Debug, Clone)]
struct World {
    repositories: Vec<Vec<Slot>>,
    /// Repository and image, or tag where the last says so.
    uses: Vec<(usize, usize, bool)>,
    rules: Vec<&'static str>,
    delete_unmatched: bool,
}

fn slot() -> impl Strategy<Value = Slot> {
    let hours = || prop_oneof![1 => Just(None), 20 => (-2_i64..240).prop_map(|hours| Some(hours * DAY / 24))];
    let status = prop_oneof![12 => Just(Status::Active), 1 => Just(Status::Archived), 1 => Just(Status::Unknown)];
    let children = prop_oneof![3 => Just(None), 1 => vec(0_usize..12, 0..3).prop_map(Some)];
    let other = |weight| prop_oneof![8 => Just(None), weight => (0_usize..12).prop_map(Some)];
    let tags = vec(0..TAGS.len(), 0..3);
    let artifact = prop::bool::weighted(0.1);
    (
        hours(),
        hours(),
        status,
        artifact,
        children,
        other(1),
        other(1),
        tags,
    )
        .prop_map(
            |(pushed, pulled, status, artifact, children, subject, signs, tags)| Slot {
                pushed,
                pulled,
                status,
                artifact,
                children,
                subject,
                signs,
                tags,
            },
        )
}

fn world() -> impl Strategy<Value = World> {
    let repositories = vec(vec(slot(), 0..12), 1..3);
    let uses = vec((0_usize..2, 0_usize..12, any::<bool>()), 0..3);
    (
        repositories,
        uses,
        subsequence(RULES.to_vec(), 1..4),
        any::<bool>(),
    )
        .prop_map(|(repositories, uses, rules, delete_unmatched)| World {
            repositories,
            uses,
            rules,
            delete_unmatched,
        })
}

/// Returns the digest of an image: its order says nothing of when it was pushed.
fn digest(repository: usize, slot: usize) -> Digest {
    Digest::from_bytes([u8::try_from((slot * 7 + 3) % 12 + repository * 100).unwrap(); 32])
}

fn name(repository: usize) -> RepositoryName {
    RepositoryName::new(["team/app", "team/other"][repository]).unwrap()
}

impl World {
    fn images(&self, repository: usize) -> Images {
        let mut taken = BTreeSet::new();
        let mut images = Images::default();
        for (position, slot) in self.repositories[repository].iter().enumerate() {
            let digest = digest(repository, position);
            let other = |other: usize| self::digest(repository, other);
            // A tag belongs to one image.
            let mut tags: BTreeSet<Tag> = slot
                .tags
                .iter()
                .filter(|&&tag| taken.insert(tag))
                .map(|&tag| Tag::new(TAGS[tag]).unwrap())
                .collect();
            let index = slot.children.is_some();
            let earlier = |other: &usize| !index && *other < position;
            if let (Some(signed), true) = (slot.signs.filter(earlier), tags.is_empty()) {
                tags.insert(Tag::new(&format!("sha256-{}.sig", other(signed).hex())).unwrap());
            }
            if let Some(children) = &slot.children {
                let children = children.iter().filter(|&&child| child < position);
                let children = children.map(|&child| Child {
                    digest: other(child),
                    role: None,
                });
                // An archived index cannot be read.
                if slot.status != Status::Archived {
                    images.children.insert(digest, children.collect());
                }
            }
            images.images.push(Image {
                digest,
                tags: tags.into_iter().collect(),
                pushed_at: slot
                    .pushed
                    .and_then(|ago| Time::from_millis(now().millis() - ago)),
                pulled_at: slot
                    .pulled
                    .and_then(|ago| Time::from_millis(now().millis() - ago)),
                bytes: 1,
                media_type: if index {
                    MediaType::Index
                } else {
                    MediaType::Image
                },
                artifact_type: if slot.artifact {
                    ArtifactType::HelmChart
                } else {
                    ArtifactType::ContainerImage
                },
                subject: slot
                    .subject
                    .filter(earlier)
                    .map(|subject| Box::new(other(subject))),
                archival: None,
                status: slot.status,
            });
        }
        images
    }

    fn inventory(&self) -> Inventory {
        let repositories = (0..self.repositories.len()).map(|repository| Repository {
            name: name(repository),
            policy: Some(0),
            mutable_tags: true,
            content: Content::Complete(self.images(repository)),
        });
        Inventory {
            registry: home(),
            repositories: repositories.collect(),
        }
    }

    fn references(&self) -> Vec<String> {
        let uses = self.uses.iter().map(|&(repository, image, by_tag)| {
            let (name, digest) = (name(repository), digest(repository, image));
            let tag = TAGS[image % TAGS.len()];
            if by_tag {
                format!("{HOST}/{name}:{tag}")
            } else {
                format!("{HOST}/{name}@{digest}")
            }
        });
        uses.collect()
    }

    fn usage(&self) -> UsageIndex {
        usage_of(self.references())
    }

    fn policies(&self) -> Policies {
        let rules = self.rules.join(", ");
        let unmatched = self.delete_unmatched;
        let text = format!(
            "policies: [{{repositories: ['**'], keep: [{rules}], delete_unmatched: {unmatched}}}]"
        );
        Config::parse(&text).unwrap().policies
    }

    fn plan(&self) -> Plan {
        plan(self.inventory(), &self.usage(), &self.policies(), now())
    }
}

type Candidates = BTreeSet<(String, Digest)>;

fn candidates(plan: &Plan) -> Candidates {
    let images = plan.repositories().iter().flat_map(|repository| {
        let candidates = repository.candidates();
        candidates.map(|planned| (repository.name().to_string(), planned.image.digest))
    });
    images.collect()
}

/// Returns the candidates of each unit, in the order of their deletion, each with its level.
fn units(repository: &RepositoryPlan) -> Vec<Vec<(u32, Digest)>> {
    let units = repository.units();
    let images = units.iter().map(|unit| unit.images.iter());
    images
        .map(|images| {
            images
                .map(|it| (it.level, it.planned.image.digest))
                .collect()
        })
        .collect()
}

fn unmatched(repository: &RepositoryPlan) -> bool {
    repository.left_alone() == Some(&LeftAlone::NoTagMatched)
}

/// Returns what has to be kept of a repository since it is used: the used images, the indexes they
/// are parts of, and everything that those need or that refers to them. Written without the
/// program's graph.
fn closure_of_use(world: &World, repository: &RepositoryPlan) -> BTreeSet<Digest> {
    let references: BTreeSet<String> = world.references().into_iter().collect();
    let images = repository.images();
    let images: Vec<&Image> = images.map(|planned| planned.image).collect();
    let children = repository.children();
    let named = |image: &Image| {
        let (digest, name) = (image.digest.to_string(), repository.name());
        let by_tag = |tag: &Tag| references.contains(&format!("{HOST}/{name}:{tag}"));
        references.iter().any(|it| it.ends_with(&digest)) || image.tags.iter().any(by_tag)
    };
    let used = images.iter().filter(|image| named(image));
    let mut used: BTreeSet<Digest> = used.map(|image| image.digest).collect();
    loop {
        let has_used = |parts: &[Child]| parts.iter().any(|one| used.contains(&one.digest));
        let parents = children.iter().filter(|(_, parts)| has_used(parts));
        let parents = parents.map(|(parent, _)| *parent);
        let parents: Vec<Digest> = parents.filter(|it| !used.contains(it)).collect();
        if parents.is_empty() {
            break;
        }
        used.extend(parents);
    }
    loop {
        let before = used.len();
        let parts = used.iter().filter_map(|digest| children.get(digest));
        let parts: Vec<Digest> = parts.flatten().map(|child| child.digest).collect();
        used.extend(parts);
        let refers = |image: &&Image| image.subjects().any(|subject| used.contains(&subject));
        let referrers = images.iter().copied().filter(refers);
        let referrers: Vec<Digest> = referrers.map(|image| image.digest).collect();
        used.extend(referrers);
        if used.len() == before {
            return used;
        }
    }
}

/// Returns the world as it is after the candidates were deleted.
fn without(plan: &Plan) -> Inventory {
    let deleted = candidates(plan);
    let repositories = plan.repositories().iter().map(|repository| {
        let kept = |digest: &Digest| !deleted.contains(&(repository.name().to_string(), *digest));
        let images = repository
            .images()
            .map(|planned| planned.image.clone())
            .filter(|image| kept(&image.digest))
            .collect();
        let children = repository
            .children()
            .iter()
            .filter(|(digest, _)| kept(digest));
        let children: HashMap<_, _> = children
            .map(|(digest, children)| (*digest, children.clone()))
            .collect();
        Repository {
            name: repository.name().clone(),
            policy: Some(0),
            mutable_tags: true,
            content: Content::Complete(Images {
                images,
                children,
                ..Images::default()
            }),
        }
    });
    Inventory {
        registry: (*plan.registries()[0]).clone(),
        repositories: repositories.collect(),
    }
}

/// Returns whether an index is deleted and leaves a part that something else keeps: as an image of
/// its own, it has a rank from then on.
fn frees_a_part(plan: &Plan) -> bool {
    let deleted = candidates(plan);
    plan.repositories().iter().any(|repository| {
        let is_deleted =
            |digest: &Digest| deleted.contains(&(repository.name().to_string(), *digest));
        let freed = repository
            .children()
            .iter()
            .filter(|(index, _)| is_deleted(index))
            .flat_map(|(_, parts)| parts);
        let mut freed = freed.filter(|part| !is_deleted(&part.digest));
        freed.any(|part| repository.image(&part.digest).is_some())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// No image is in two lists or in none (P2).
    #[test]
    fn each_image_has_one_verdict_with_its_reasons(world in world()) {
        let plan = world.plan();
        for (position, repository) in plan.repositories().iter().enumerate() {
            let stored: BTreeSet<Digest> = world.images(position).images.iter().map(|image| image.digest).collect();
            let planned: Vec<Digest> = repository.images().map(|planned| planned.image.digest).collect();
            prop_assert_eq!(planned.len(), stored.len());
            prop_assert_eq!(planned.into_iter().collect::<BTreeSet<_>>(), stored);
            for PlannedImage { verdict, .. } in repository.images() {
                if let Verdict::Keep(reasons) = verdict {
                    prop_assert!(!reasons.is_empty());
                }
                prop_assert!(repository.left_alone().is_none() || !verdict.deletes());
            }
        }
    }

    #[test]
    fn nothing_in_the_closure_of_use_is_deleted(world in world()) {
        for repository in world.plan().repositories() {
            let needed = closure_of_use(&world, repository);
            for PlannedImage { image, verdict } in repository.images() {
                prop_assert!(!verdict.deletes() || !needed.contains(&image.digest), "{}", image.digest);
            }
        }
    }

    #[test]
    fn what_a_rule_without_newest_matches_is_kept(world in world()) {
        let young = |time: Option<Time>| time.is_none_or(|time| now().millis() - time.millis() <= 3 * DAY);
        for repository in world.plan().repositories() {
            for PlannedImage { image, verdict } in repository.images() {
                let has = |rule: &str| world.rules.iter().any(|text| text.starts_with(&format!("{{name: {rule},")));
                let matched = (has("latest") && image.tags.iter().any(|tag| &**tag == "latest"))
                    || (has("young") && young(image.pushed_at))
                    // The pull of an index may be this program's reading of it.
                    || (has("pulled") && image.media_type != MediaType::Index && young(image.pulled_at.or(image.pushed_at)));
                prop_assert!(!matched || !verdict.deletes(), "{}", image.digest);
            }
        }
    }

    /// Images that count towards `newest` are kept by their rank (K3, K5).
    #[test]
    fn the_newest_of_a_rule_are_kept(world in world()) {
        let rule = |text: &&&str| text.contains("name: snapshots");
        for repository in world.plan().repositories().iter().filter(|_| world.rules.iter().any(|text| rule(&text))) {
            let snapshot = |image: &Image| image.tags.iter().any(|tag| tag.contains("SNAPSHOT"));
            let mut snapshots: Vec<_> = repository.images().filter(|planned| snapshot(planned.image)).collect();
            snapshots.sort_by_key(|it| (std::cmp::Reverse(it.image.pushed_at), it.image.digest));
            let counts = |image: &Image| {
                image.status != Status::Archived && image.artifact_type == ArtifactType::ContainerImage && !image.is_attachment(true)
            };
            for PlannedImage { image, verdict } in snapshots.into_iter().filter(|it| counts(it.image)).take(2) {
                prop_assert!(!verdict.deletes(), "{}", image.digest);
            }
        }
    }

    /// Neither an unknown push time nor an unknown status is a reason to delete (P4).
    #[test]
    fn what_is_not_known_is_kept(world in world()) {
        for repository in world.plan().repositories() {
            for PlannedImage { image, verdict } in repository.images() {
                let known = image.status == Status::Active && image.pushed_at.is_some_and(|pushed| pushed <= now());
                prop_assert!(known || !verdict.deletes(), "{}", image.digest);
            }
        }
    }

    /// One more rule only keeps more (P3), but for a repository that was left alone since no rule
    /// was about it (K7): such a rule says that it may be cleaned. And but for a part that the rule
    /// keeps while its index is deleted, which has a rank from then on.
    #[test]
    fn one_more_rule_never_deletes_more(world in world(), more in subsequence(RULES.to_vec(), 1..3)) {
        let before = world.plan();
        let rules = world.rules.iter().copied().chain(more);
        let rules: Vec<_> = rules.collect::<BTreeSet<_>>().into_iter().collect();
        let after = World { rules, ..world }.plan();
        prop_assume!(!frees_a_part(&after));
        for (before, after) in before.repositories().iter().zip(after.repositories()) {
            for (before_image, after_image) in before.images().zip(after.images()) {
                let more = after_image.verdict.deletes() && !before_image.verdict.deletes();
                prop_assert!(unmatched(before) || !more, "{}", after_image.image.digest);
            }
        }
    }

    /// Rules about artifacts change no verdict on an image, and rules about images none on an artifact
    /// that a rule is about, in a repository in which no image belongs to an artifact or the other way
    /// round (K8).
    #[test]
    fn rules_about_artifacts_and_about_images_do_not_meet(
        world in world(),
        more in subsequence(RULES.to_vec(), 1..4),
        about in subsequence(ARTIFACT_RULES.to_vec(), 1..3),
    ) {
        let with = |rules: &[&'static str], about: &[&'static str]| {
            let rules = rules.iter().chain(about).copied().collect();
            World { rules, delete_unmatched: true, ..world.clone() }.plan()
        };
        let alone = with(&world.rules, &[]);
        let [one, other] = [&world.rules, &more].map(|rules| with(rules, &about));
        for repository in alone.repositories() {
            let is_artifact = |digest: &Digest| {
                let stored = repository.image(digest).map(|it| &it.image.artifact_type);
                stored.map(|it| *it != ArtifactType::ContainerImage)
            };
            let is_mixed = |planned: PlannedImage<'_>| {
                let (image, children) = (planned.image, repository.children());
                let children = children.get(&image.digest).into_iter().flatten();
                let mut linked = image.subjects().chain(children.map(|child| child.digest));
                linked.any(|to| is_artifact(&to).is_some_and(|it| Some(it) != is_artifact(&image.digest)))
            };
            if repository.images().any(is_mixed) {
                continue;
            }
            let deletes = |plan: &Plan, digest: &Digest| {
                let repository = plan.repository(repository.name()).unwrap();
                repository.image(digest).unwrap().verdict.deletes()
            };
            let named: BTreeSet<Digest> =
                repository.children().values().flatten().map(|child| child.digest).collect();
            for PlannedImage { image, .. } in repository.images() {
                let digest = &image.digest;
                if is_artifact(digest) == Some(false) {
                    prop_assert_eq!(deletes(&alone, digest), deletes(&one, digest), "image {}", digest);
                } else if !named.contains(digest) && !image.is_attachment(false) {
                    prop_assert_eq!(deletes(&one, digest), deletes(&other, digest), "artifact {}", digest);
                }
            }
        }
    }

    /// Use only ever keeps more (P3).
    #[test]
    fn one_more_use_never_deletes_more(world in world(), more in vec((0_usize..2, 0_usize..12, any::<bool>()), 1..3)) {
        let before = candidates(&world.plan());
        let mut used = world.clone();
        used.uses.extend(more);
        let after = candidates(&used.plan());
        prop_assert!(after.is_subset(&before), "{:?}", after.difference(&before).collect::<Vec<_>>());
    }

    /// A tag can push another image down in rank, and make an untagged image one that is matched by
    /// its tag. What it cannot do is harm an image that is kept for a use or for a tag it has
    /// already.
    #[test]
    fn one_more_tag_never_costs_an_image_what_keeps_it(world in world(), tag in 0..TAGS.len()) {
        let before = world.plan();
        let by_name = |reason: &KeepReason| {
            matches!(reason, KeepReason::InUse(_) | KeepReason::Rule { tag: Some(_), .. } | KeepReason::NoVersion { .. })
        };
        for (repository, plan) in before.repositories().iter().enumerate() {
            let taken = plan.images().any(|it| it.image.tags.iter().any(|known| &**known == TAGS[tag]));
            let kept = plan.images().filter(|planned| match planned.verdict {
                Verdict::Keep(reasons) => reasons.iter().any(by_name),
                Verdict::Delete(_) => false,
            });
            for PlannedImage { image, .. } in kept.filter(|_| !taken) {
                let slots = 0..world.repositories[repository].len();
                let slot = slots.into_iter().find(|&slot| digest(repository, slot) == image.digest).unwrap();
                let mut tagged = world.clone();
                tagged.repositories[repository][slot].tags.push(tag);
                let deleted = candidates(&tagged.plan());
                prop_assert!(!deleted.contains(&(plan.name().to_string(), image.digest)), "{}", image.digest);
            }
        }
    }

    /// The plan depends on its inputs alone (P5).
    #[test]
    fn the_order_of_what_is_read_changes_nothing(world in world(), seed in any::<u64>()) {
        let mut shuffled = world.inventory();
        shuffled.repositories.reverse();
        for repository in &mut shuffled.repositories {
            if let Content::Complete(images) = &mut repository.content {
                let key = |image: &Image| u64::from(image.digest.hex().as_bytes()[1]).wrapping_mul(seed | 1);
                images.images.sort_by_key(key);
            }
        }
        let (one, other) = (world.plan(), plan(shuffled, &world.usage(), &world.policies(), now()));
        prop_assert_eq!(&one, &other);
        for (one, other) in one.repositories().iter().zip(other.repositories()) {
            prop_assert_eq!(units(one), units(other));
        }
    }

    /// But for an index that is deleted and leaves a part that something else keeps, which has a
    /// rank from then on.
    #[test]
    fn a_second_plan_right_after_deletes_nothing(world in world()) {
        let first = world.plan();
        prop_assume!(!frees_a_part(&first));
        let second = plan(without(&first), &world.usage(), &world.policies(), now());
        prop_assert_eq!(candidates(&second), Candidates::new());
    }

    #[test]
    fn each_candidate_is_deleted_once_and_after_the_indexes_that_name_it(world in world()) {
        for repository in world.plan().repositories() {
            let mut levels = BTreeMap::new();
            for (unit, of) in units(repository).iter().enumerate() {
                prop_assert!(of.is_sorted());
                for &(level, digest) in of {
                    prop_assert!(levels.insert(digest, (unit, level)).is_none(), "{} twice", digest);
                }
            }
            prop_assert_eq!(levels.len(), repository.candidates().count());
            for (index, children) in repository.children() {
                for child in children {
                    if let (Some((unit, level)), Some((child_unit, child_level))) = (levels.get(index), levels.get(&child.digest)) {
                        prop_assert!(unit == child_unit && level < child_level);
                    }
                }
            }
        }
    }
}
