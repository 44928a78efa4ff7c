//! Builds repositories of named images, and plans them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use ecr_cleanup::{
    config::Config,
    evidence::{Coverage, Evidence, EvidenceKind, SourceStatus, UsageIndex, User, Uses},
    image::{
        Archival, ArtifactType, Digest, Image, MediaType, Registry, RepositoryName, Status, Tag,
        Tags, Time,
    },
    inventory::{Child, Content, Images, Inventory, Repository, Role},
    plan::{Plan, PlanSettings, plan},
    policy::Policies,
};
use sha2::{Digest as _, Sha256};

use super::HOST;

/// 2026-11-21T12:00:00Z.
const NOW: i64 = 1_795_262_400_000;
const HOUR: i64 = 3_600_000;

/// The artifact types of what is attached to images.
pub(crate) const NOTATION: &str = "application/vnd.cncf.notary.signature";
pub(crate) const SPDX: &str = "application/spdx+json";
pub(crate) const ATTESTATION: &str = "application/vnd.docker.attestation.manifest.v1+json";
pub(crate) const SOCI_V2: &str = "application/vnd.amazon.soci.index.v2+json";
pub(crate) const HELM: &str = "application/vnd.cncf.helm.config.v1+json";

/// Returns the moment so many hours ago.
pub(crate) fn hours_ago(hours: i64) -> Time {
    Time::from_millis(NOW - hours * HOUR).unwrap()
}

/// Returns the digest of the image of that name.
pub(crate) fn digest(name: &str) -> Digest {
    Digest::from_bytes(Sha256::digest(name).into())
}

/// Builds a repository of named images.
#[derive(Clone, Debug, Default)]
pub(crate) struct RepositoryBuilder {
    images: Vec<Image>,
    children: HashMap<Digest, Vec<Child>>,
    names: BTreeMap<Digest, String>,
}

/// Describes the image that was added last.
pub(crate) struct ImageBuilder<'a> {
    repository: &'a mut RepositoryBuilder,
    name: &'a str,
}

impl RepositoryBuilder {
    /// Adds an untagged image, pushed so many hours ago.
    pub(crate) fn image<'a>(&'a mut self, name: &'a str, hours: i64) -> ImageBuilder<'a> {
        self.names.insert(digest(name), name.to_owned());
        self.images.push(Image {
            digest: digest(name),
            tags: Tags::default(),
            pushed_at: Some(hours_ago(hours)),
            pulled_at: None,
            archival: None,
            bytes: 10,
            media_type: MediaType::Image,
            artifact_type: ArtifactType::ContainerImage,
            subject: None,
            status: Status::Active,
        });
        ImageBuilder {
            repository: self,
            name,
        }
    }

    /// Reads images, one a line: `9d name | tag 1.0 | index one=linux/amd64, other`. That is the
    /// age in days and hours, the name, and what else [`ImageBuilder`] sets.
    pub(crate) fn read(table: &str) -> Self {
        let mut repository = Self::default();
        let lines = table.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut properties = line.split('|').map(str::trim);
            let (age, name) = properties.next().unwrap().split_once(' ').unwrap();
            let mut image = repository.image(name.trim(), hours(age));
            for property in properties {
                image = image.set(property);
            }
        }
        repository
    }

    /// Removes images.
    pub(crate) fn without(mut self, removed: &BTreeSet<Digest>) -> Self {
        self.images.retain(|image| !removed.contains(&image.digest));
        self.children.retain(|digest, _| !removed.contains(digest));
        self
    }

    /// Returns what people call a digest here.
    pub(crate) fn name(&self, digest: &Digest) -> &str {
        &self.names[digest]
    }

    /// Returns the names, in the order of the digests.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.values().map(String::as_str)
    }

    pub(crate) fn images(&self) -> &[Image] {
        &self.images
    }

    pub(crate) fn children(&self) -> &HashMap<Digest, Vec<Child>> {
        &self.children
    }
}

/// Returns the hours of an age such as `2d` or `2d1h`.
fn hours(age: &str) -> i64 {
    let (days, hours) = age.split_once('d').unwrap();
    let hours = hours.trim_end_matches('h');
    days.parse::<i64>().unwrap() * 24 + format!("0{hours}").parse::<i64>().unwrap()
}

impl ImageBuilder<'_> {
    /// Sets a property of a line that [`RepositoryBuilder::read`] reads.
    fn set(self, property: &str) -> Self {
        let (name, value) = property.split_once(' ').unwrap_or((property, ""));
        match name {
            "tag" => self.tag(value),
            "subject" => self.subject(value),
            "artifact" => self.artifact(value),
            "archived" => self.archived(hours(value)),
            "restored" => self.restored(hours(value)),
            "pulled" => self.pulled(hours(value)),
            "index" => {
                let children = value.split(',').map(str::trim);
                self.index(&children.filter(|it| !it.is_empty()).collect::<Vec<_>>())
            }
            "attached" => {
                let (to, suffix) = value.split_once(" +").unwrap();
                self.attached_to(to, suffix.trim())
            }
            _ => panic!("{property}"),
        }
    }

    fn record(&mut self) -> &mut Image {
        self.repository.images.last_mut().unwrap()
    }

    pub(crate) fn tag(mut self, tag: &str) -> Self {
        let mut tags: Vec<Tag> = self.record().tags.to_vec();
        tags.push(Tag::new(tag).unwrap());
        tags.sort_unstable();
        self.record().tags = tags.into();
        self
    }

    /// Adds a tag that attaches it to another image: `sha256-<hex>` and a suffix.
    pub(crate) fn attached_to(self, name: &str, suffix: &str) -> Self {
        self.tag(&format!("sha256-{}{suffix}", digest(name).hex()))
    }

    /// Makes it an index of these, each `name` or `name=role`.
    pub(crate) fn index(mut self, children: &[&str]) -> Self {
        self.record().media_type = MediaType::Index;
        let children = children.iter().map(|child| {
            let (name, role) = child.split_once('=').unwrap_or((child, ""));
            Child {
                digest: digest(name),
                role: match role {
                    "" => None,
                    "attestation" => Some(Role::Artifact(role.into())),
                    _ if role.starts_with("application/") => Some(Role::Artifact(role.into())),
                    _ => Some(Role::Platform(role.into())),
                },
            }
        });
        let children = children.collect();
        self.repository.children.insert(digest(self.name), children);
        self
    }

    pub(crate) fn subject(mut self, name: &str) -> Self {
        self.record().subject = Some(Box::new(digest(name)));
        self
    }

    pub(crate) fn pulled(mut self, hours: i64) -> Self {
        self.record().pulled_at = Some(hours_ago(hours));
        self
    }

    pub(crate) fn artifact(mut self, artifact_type: &str) -> Self {
        self.record().artifact_type = ArtifactType::new(Some(artifact_type));
        self
    }

    /// Archives it so many hours ago; what an index names is then not known.
    pub(crate) fn archived(mut self, hours: i64) -> Self {
        self.record().status = Status::Archived;
        self.record().archival = Some(Box::new(Archival {
            archived_at: Some(hours_ago(hours)),
            restored_at: None,
        }));
        self.repository.children.remove(&digest(self.name));
        self
    }

    /// Was archived, and restored at its push time.
    pub(crate) fn restored(mut self, archived_hours: i64) -> Self {
        let restored_at = self.record().pushed_at;
        let archival = Archival {
            archived_at: Some(hours_ago(archived_hours)),
            restored_at,
        };
        self.record().archival = Some(Box::new(archival));
        self
    }
}

pub(crate) fn policies(document: &str) -> Policies {
    Config::parse(document)
        .unwrap_or_else(|error| panic!("{document}\n{error}"))
        .policies
}

/// Returns use of these: `repository:tag`, or the name of an image for its digest.
pub(crate) fn usage(uses: &[&str]) -> UsageIndex {
    usage_of(uses.iter().map(|text| match text.split_once(':') {
        Some(_) => format!("{HOST}/{text}"),
        None => digest(text).to_string(),
    }))
}

/// Returns the home registry.
pub(crate) fn home() -> Registry {
    Registry {
        account: "111111111111".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    }
}

/// Returns use of these references by a service, and nothing else to know.
pub(crate) fn usage_of(references: impl IntoIterator<Item = String>) -> UsageIndex {
    let location = home();
    let service = Arc::new(User {
        location: location.clone(),
        kind: "ECS service".into(),
        name: "web".to_owned(),
        cluster: None,
        live: true,
        used_at: None,
    });
    let mut uses = Uses::new(Arc::default());
    for reference in references {
        uses.add(&service, &reference, None, EvidenceKind::Container)
            .unwrap();
    }
    let status = SourceStatus {
        source: "ecs",
        references: uses.count_references(&BTreeSet::from([location.account])),
        location,
        cluster: None,
        coverage: Coverage::Complete,
        note: None,
    };
    UsageIndex::from(vec![Evidence {
        status,
        uses: uses.into_vec(),
        locations: BTreeSet::new(),
        unread: Vec::new(),
    }])
}

/// Plans these repositories, all of them by the first policy.
pub(crate) fn plan_all(
    builders: &[(&str, &RepositoryBuilder)],
    usage: &UsageIndex,
    policies: &Policies,
    settings: impl Into<PlanSettings>,
) -> Plan {
    plan(inventory(builders), usage, policies, settings)
}

/// Returns a registry with these repositories, all of them matched by the first policy.
pub(crate) fn inventory(builders: &[(&str, &RepositoryBuilder)]) -> Inventory {
    let repositories = builders.iter().map(|(name, builder)| Repository {
        name: RepositoryName::new(name).unwrap(),
        policy: Some(0),
        mutable_tags: true,
        content: Content::Complete(Images {
            images: builder.images.clone(),
            children: builder.children.clone(),
            ..Images::default()
        }),
    });
    Inventory {
        registry: home(),
        repositories: repositories.collect(),
    }
}

/// Plans one repository, `team/app`.
pub(crate) fn plan_one(builder: &RepositoryBuilder, uses: &[&str], document: &str) -> Plan {
    let (usage, policies) = (usage(uses), policies(document));
    plan_all(&[("team/app", builder)], &usage, &policies, hours_ago(0))
}

/// Returns the digests that a plan deletes of a repository.
pub(crate) fn candidates(plan: &Plan, repository: &str) -> BTreeSet<Digest> {
    let candidates = plan.repository(repository).unwrap().candidates();
    candidates.map(|planned| planned.image.digest).collect()
}

/// Returns the names of what a plan deletes of a repository, sorted.
pub(crate) fn candidate_names(
    plan: &Plan,
    repository: &str,
    builder: &RepositoryBuilder,
) -> Vec<String> {
    let candidates = candidates(plan, repository);
    let names = candidates.iter().map(|digest| builder.name(digest));
    let mut names: Vec<String> = names.map(ToOwned::to_owned).collect();
    names.sort_unstable();
    names
}

/// Returns why an image is kept or deleted, a sentence each.
pub(crate) fn because(plan: &Plan, repository: &str, name: &str) -> Vec<String> {
    let repository = plan.repository(repository).unwrap();
    repository.because(repository.image(&digest(name)).unwrap().verdict)
}
