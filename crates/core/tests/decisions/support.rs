//! Repositories that are read from a table, and their plans.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use ecr_cleanup_core::{
    evidence::{Coverage, Evidence, EvidenceKind, SourceStatus, UsageIndex, User, Uses},
    image::{
        Archival, ArtifactType, Digest, Image, MediaType, Registry, RepositoryName, Status, Tag,
        Tags, Time,
    },
    inventory::{Child, Content, Images, Inventory, Repository, Role},
    plan::{self, Plan, PlanSettings},
    policy::{Action, KeepRule, KeepRules, Limits, Pattern, Policies, Policy, RepositoryGlobs},
};

/// 2026-11-21T12:00:00Z.
const NOW: i64 = 1_795_262_400_000;
const DAY: i64 = 24 * 60 * 60 * 1000;
pub(crate) const HOST: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";

pub(crate) fn days_ago(days: i64) -> Time {
    Time::from_millis(NOW - days * DAY).unwrap()
}

/// Returns a registry of the first account, or of the second for 1.
pub(crate) fn registry(number: usize) -> Registry {
    Registry {
        account: ["111111111111", "222222222222"][number].parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    }
}

pub(crate) fn name(text: &str) -> RepositoryName {
    RepositoryName::new(text).unwrap()
}

/// Returns the digest of the image of a name: the letter, many times.
pub(crate) fn digest(name: &str) -> Digest {
    Digest::from_bytes([name.bytes().next().unwrap(); 32])
}

/// Reads images, one a line: its letter, its age in days, and what else it is: `tag 1.0`, `index a
/// b=linux/amd64`, `of a` (its subject), `signs a`, `archived 5` (days ago).
pub(crate) fn images(table: &str) -> Images {
    let mut all = Images::default();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = line.split('|').map(|part| part.split_whitespace().collect::<Vec<_>>());
        let [name, days] = parts.next().unwrap()[..] else { panic!("{line}") };
        let mut image = Image {
            digest: digest(name),
            tags: Tags::default(),
            pushed_at: Some(days_ago(days.parse().unwrap())),
            pulled_at: None,
            archival: None,
            bytes: 10,
            media_type: MediaType::Image,
            artifact_type: ArtifactType::ContainerImage,
            subject: None,
            status: Status::Active,
        };
        let mut children = HashMap::new();
        for part in parts {
            match part[..] {
                ["tag", ref tags @ ..] => {
                    image.tags = tags.iter().map(|tag| Tag::new(tag).unwrap()).collect();
                }
                ["index", ref names @ ..] => {
                    image.media_type = MediaType::Index;
                    let child = |name: &&str| {
                        let (name, platform) = name.split_once('=').unwrap_or((name, ""));
                        let role = Some(Role::Platform(platform.into()));
                        let role = role.filter(|_| !platform.is_empty());
                        Child { digest: digest(name), role }
                    };
                    children.insert(image.digest, names.iter().map(child).collect());
                }
                ["signs", name] => {
                    let tag = format!("sha256-{}.sig", digest(name).hex());
                    image.tags = [Tag::new(&tag).unwrap()].into();
                }
                ["of", subject] => image.subject = Some(Box::new(digest(subject))),
                ["archived", days] => {
                    image.status = Status::Archived;
                    let archived_at = Some(days_ago(days.parse().unwrap()));
                    image.archival = Some(Box::new(Archival { archived_at, restored_at: None }));
                    children.clear();
                }
                ["status", "restoring"] => image.status = Status::Restoring,
                ["status", "unknown"] => image.status = Status::Unknown,
                ["artifact"] => image.artifact_type = ArtifactType::HelmChart,
                ["no", "time"] => image.pushed_at = None,
                _ => panic!("{line}"),
            }
        }
        all.images.push(image);
        all.children.extend(children);
    }
    all
}

pub(crate) fn repository(repository: &str, content: Content) -> Repository {
    Repository { name: name(repository), policy: Some(0), mutable_tags: true, content }
}

/// Returns the first registry with these repositories of images.
pub(crate) fn inventory(repositories: &[(&str, &str)]) -> Inventory {
    let repositories = repositories.iter();
    let repositories =
        repositories.map(|(name, it)| repository(name, Content::Complete(images(it))));
    Inventory { registry: registry(0), repositories: repositories.collect() }
}

/// Returns policies whose one rule keeps what has a tag that matches.
pub(crate) fn keeping(tags: &str) -> Policies {
    let tags = Some(Pattern::new(tags).unwrap());
    let rule = KeepRule { tags, ..KeepRule::new("kept".to_owned()) };
    let rules = KeepRules { rules: vec![rule], at_least: None, delete_unmatched: true, git: None };
    let repositories = RepositoryGlobs::none();
    let policy = Policy {
        position: 0,
        name: None,
        repositories,
        pull_through_cache: false,
        action: Action::Keep(rules),
        limits: Limits::default(),
        repository_tags: BTreeMap::new(),
    };
    Policies { all: vec![policy], tag: None }
}

/// Returns a source with so many references.
pub(crate) fn source(source: &'static str, references: usize) -> SourceStatus {
    SourceStatus {
        source,
        location: registry(0),
        cluster: None,
        coverage: Coverage::Complete,
        references,
        note: None,
    }
}

/// Returns use of these references by live services or, where they begin with `old`, by an old task
/// definition, as found by a source.
pub(crate) fn usage_of(status: SourceStatus, references: &[&str]) -> UsageIndex {
    let mut uses = Uses::new(Arc::default());
    for reference in references {
        let old = reference.strip_prefix("old ");
        let user = User {
            location: registry(0),
            kind: "ECS service".into(),
            name: "web".to_owned(),
            cluster: None,
            live: old.is_none(),
            used_at: None,
        };
        let reference = old.unwrap_or(reference);
        uses.add(&Arc::new(user), reference, None, EvidenceKind::Field).unwrap();
    }
    let uses = uses.into_vec();
    let locations = BTreeSet::new();
    UsageIndex::from(vec![Evidence { status, uses, locations, unread: Vec::new() }])
}

pub(crate) fn usage(references: &[&str]) -> UsageIndex {
    usage_of(source("ecs", references.len()), references)
}

pub(crate) fn plan_of(
    inventories: impl Into<Vec<Inventory>>,
    usage: &UsageIndex,
    settings: impl Into<PlanSettings>,
) -> Plan {
    plan::plan(inventories, usage, &keeping("^keep"), settings)
}
