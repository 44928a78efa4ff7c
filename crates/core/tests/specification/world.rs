//! Worlds to plan: what is stored, what is in use, the rules and the settings. Both planners get
//! the same values.

use std::{collections::BTreeSet, sync::Arc};

use ecr_cleanup_core::{
    evidence::{
        Coverage, Doubt, Evidence, EvidenceKind, SourceStatus, UsageIndex, Use as UseValue,
        UsedImage, User,
    },
    image::{
        Aliases, ArtifactType, Digest, Image, ImageReference, MediaType, Registry, RepositoryName,
        Status, Tag, Time,
    },
    inventory::{Child, Content, Inventory, OwnReadings, Repository, Role},
    plan::{Plan, PlanSettings, Veto},
    policy::{Action, KeepRule, KeepRules, Policies},
};

pub(crate) use crate::set::Set;
use crate::{history::History, planner::verdicts};

/// 2026-11-21T12:00:00Z.
pub(crate) const NOW: i64 = 1_795_262_400_000;
pub(crate) const HOUR: i64 = 3_600_000;

/// A use of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Use {
    Digest(Digest),
    Tag(RepositoryName, Tag),
    Repository(RepositoryName),
    /// Images of a repository, it is not known which.
    InDoubt(RepositoryName),
}

/// A repository of a world.
#[derive(Debug)]
pub(crate) struct Home<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) name: &'a RepositoryName,
    /// Its rules; `None` if it is left alone whatever they are.
    pub(crate) rules: Option<&'a KeepRules>,
    /// Whether everything in it is known.
    pub(crate) read: bool,
}

/// The images of a world, by position, and what is known of them.
#[derive(Debug)]
pub(crate) struct World<'a> {
    pub(crate) homes: Vec<Home<'a>>,
    pub(crate) images: Vec<&'a Image>,
    /// Repository of each image.
    pub(crate) home: Vec<usize>,
    /// Pulls by this program itself, of the repository of each image.
    pub(crate) own: Vec<Option<&'a OwnReadings>>,
    /// Children of each index; `None` if they are not known.
    pub(crate) children: Vec<Option<&'a [Child]>>,
    /// Indexes of the same repository that name an image.
    pub(crate) parents: Vec<Set>,
    /// Images that somebody names.
    pub(crate) used: Set,
    pub(crate) archived: Set,
    /// Images that are no container images.
    pub(crate) artifacts: Set,
    /// Indexes whose children are not known.
    pub(crate) opaque: Set,
    /// What runs saw before.
    pub(crate) history: History,
    pub(crate) settings: PlanSettings,
}

impl<'a> World<'a> {
    pub(crate) fn new(
        inventories: &'a [Inventory],
        uses: &[Use],
        policies: &'a Policies,
        settings: PlanSettings,
    ) -> Self {
        let (homes, images, home, own, children) = (vec![], vec![], vec![], vec![], vec![]);
        let none = Set::default();
        let mut world = Self {
            homes,
            images,
            home,
            own,
            children,
            parents: vec![],
            used: none,
            archived: none,
            artifacts: none,
            opaque: none,
            history: History::default(),
            settings,
        };
        for inventory in inventories {
            for repository in &inventory.repositories {
                world.add(inventory, repository, policies);
            }
        }
        // A repository is left alone if images of it are in use, it is not known which (U2).
        for home in &mut world.homes {
            let in_doubt = uses.contains(&Use::InDoubt(home.name.clone()));
            home.rules = home.rules.filter(|_| !in_doubt);
        }
        let parents = (0..world.images.len()).map(|i| {
            let digest = world.images[i].digest;
            let names = |all: &[Child]| all.iter().any(|child| child.digest == digest);
            world.beside(i) & world.set(|j| world.children[j].is_some_and(names))
        });
        world.parents = parents.collect();
        world.used = world.set(|i| {
            let (image, name) = (world.images[i], world.homes[world.home[i]].name);
            uses.iter().any(|used| match used {
                Use::Digest(digest) => *digest == image.digest,
                Use::Tag(of, tag) => of == name && image.tags.contains(tag),
                Use::Repository(of) => of == name,
                Use::InDoubt(_) => false,
            })
        });
        world.archived = world.set(|i| world.images[i].status == Status::Archived);
        let is_image = |i: usize| world.images[i].artifact_type == ArtifactType::ContainerImage;
        world.artifacts = world.set(|i| !is_image(i));
        let is_index = |i: usize| world.images[i].media_type == MediaType::Index;
        world.opaque = world.set(|i| is_index(i) && world.children[i].is_none());
        world
    }

    fn add(
        &mut self,
        inventory: &'a Inventory,
        repository: &'a Repository,
        policies: &'a Policies,
    ) {
        let action = repository.policy.map(|policy| &policies.all[policy].action);
        let rules = match (action, &repository.content) {
            (Some(Action::Keep(rules)), Content::Complete(_)) => Some(rules),
            _ => None,
        };
        let stored = repository.images();
        for image in stored.iter().flat_map(|stored| &stored.images) {
            let children = stored.and_then(|stored| stored.children.get(&image.digest));
            self.images.push(image);
            self.home.push(self.homes.len());
            self.own.push(stored.map(|stored| &stored.own_readings));
            self.children.push(children.map(Vec::as_slice));
        }
        let read = matches!(repository.content, Content::Complete(_) | Content::Vanished);
        let (registry, name) = (&inventory.registry, &repository.name);
        self.homes.push(Home { registry, name, rules, read });
    }

    /// Leaves repositories alone.
    pub(crate) fn veto(&mut self, vetoes: &[Veto]) {
        for home in &mut self.homes {
            let is_it = |veto: &Veto| {
                *veto.repository.0 == *home.registry && veto.repository.1 == *home.name
            };
            home.rules = home.rules.filter(|_| !vetoes.iter().any(is_it));
        }
    }

    pub(crate) fn set(&self, holds: impl Fn(usize) -> bool) -> Set {
        Set::of(self.images.len(), holds)
    }

    /// Returns the other images of the same repository.
    pub(crate) fn beside(&self, i: usize) -> Set {
        self.set(|j| j != i && self.home[j] == self.home[i])
    }

    /// Returns the images with a digest, in all repositories.
    pub(crate) fn with(&self, digest: Digest) -> Set {
        self.set(|i| self.images[i].digest == digest)
    }

    /// Returns whether it is an artifact, or an index without runnable platforms.
    pub(crate) fn lists_attachments(&self, i: usize) -> bool {
        let subject = |j: usize| self.images[j].subject.as_deref();
        let refers = |j: usize| subject(j).is_some_and(|it| *it != self.images[j].digest);
        let refers = self.artifacts | self.set(refers);
        let is_part = |digest| (self.beside(i) & self.with(digest)).meets(refers);
        let runs_nothing = |it: &Child| match it.role {
            Some(Role::Platform(_)) => false,
            Some(Role::Artifact(_)) => true,
            None => is_part(it.digest),
        };
        self.artifacts.has(i) || self.children[i].is_some_and(|all| all.iter().all(runs_nothing))
    }

    /// Returns the last pull of an image by itself: one that may be somebody else's, or surely is
    /// (K12).
    pub(crate) fn pull(&self, i: usize, may_be: bool) -> Option<Time> {
        let image = self.images[i];
        let index = image.media_type == MediaType::Index;
        let parts = self
            .set(|part| self.parents[part].has(i) && self.images[part].status == Status::Active);
        let hidden = may_be && parts.is_empty();
        match self.own[i]? {
            OwnReadings::Unknown if index && !hidden => None,
            OwnReadings::Known(own) => match own.get(&image.digest) {
                Some(own) if !hidden || own.at < hours_ago(24) => own.earlier,
                _ => image.pulled_at,
            },
            _ => image.pulled_at,
        }
    }

    pub(crate) fn is_partly_read(&self) -> bool {
        self.settings.has_others || self.homes.iter().any(|home| !home.read)
    }

    /// Returns every rule of every repository.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (usize, &KeepRule)> {
        let homes = self.homes.iter().enumerate();
        homes.flat_map(|(home, it)| {
            it.rules.into_iter().flat_map(move |all| all.all().map(move |rule| (home, rule)))
        })
    }

    /// Returns the first verdict of a plan that is not that of the rules.
    pub(crate) fn difference(&self, plan: &Plan) -> Option<String> {
        let (kept, left_alone) = verdicts(self);
        for (home, expected) in self.homes.iter().zip(left_alone) {
            let found = plan.repository_in(home.registry, home.name)?.left_alone();
            if found.is_some() != expected {
                return Some(format!(
                    "`{}` is left alone: expected {expected}, found {found:?}",
                    home.name
                ));
            }
        }
        (0..self.images.len()).find_map(|i| {
            let home = &self.homes[self.home[i]];
            let repository = plan.repository_in(home.registry, home.name)?;
            let found = &repository.image(&self.images[i].digest)?.verdict;
            let expected = if kept.has(i) { "keep" } else { "delete" };
            (found.deletes() == kept.has(i))
                .then(|| format!("image {i}: expected {expected}, found {found:?}"))
        })
    }
}

/// Returns the same uses as evidence.
pub(crate) fn usage(uses: &[Use]) -> UsageIndex {
    let location = registry(0);
    let user = Arc::new(User {
        location: location.clone(),
        kind: "ECS service".into(),
        name: "web".to_owned(),
        cluster: None,
        live: true,
        used_at: None,
    });
    let image = |used: &Use| match used {
        Use::Digest(digest) => UsedImage::Digest(*digest),
        Use::Tag(repository, tag) => UsedImage::Ecr(ImageReference {
            registry: Some(location.clone()),
            repository: repository.clone(),
            tag: Some(tag.clone()),
            digest: None,
        }),
        Use::Repository(repository) => {
            UsedImage::Mention {
                repository: repository.clone(),
                // One place, and nothing beside it.
                narrowing: [Arc::default()].into(),
            }
        }
        Use::InDoubt(repository) => {
            let text = format!("{}/{repository}", location.host());
            UsedImage::InDoubt(Doubt::of(&text, &Aliases::default(), "no digest").unwrap())
        }
    };
    let uses = uses.iter().map(|used| UseValue {
        user: Arc::clone(&user),
        image: image(used),
        resolved: None,
        evidence: EvidenceKind::Field,
    });
    let status = SourceStatus {
        source: "ecs",
        location: location.clone(),
        cluster: None,
        coverage: Coverage::Complete,
        references: uses.len(),
        note: None,
    };
    UsageIndex::from(vec![Evidence {
        status,
        uses: uses.collect(),
        locations: BTreeSet::new(),
        unread: Vec::new(),
    }])
}

pub(crate) fn registry(number: usize) -> Registry {
    Registry {
        account: "111111111111".parse().unwrap(),
        region: ["eu-west-1", "us-east-1"][number].parse().unwrap(),
    }
}

/// Returns the time so many hours ago.
pub(crate) fn hours_ago(hours: i64) -> Time {
    Time::from_millis(NOW - hours * HOUR).unwrap()
}

/// Returns the digest in a tag that begins like that of a signature, and whether it ends like one.
pub(crate) fn digest_in(tag: &Tag) -> Option<(Digest, bool)> {
    let (hex, ending) = tag.strip_prefix("sha256-")?.split_at_checked(64)?;
    let digest = Digest::from_hex(hex).ok()?;
    let is_known = [".sig", ".att", ".sbom"].contains(&ending);
    (ending.is_empty() || ending.starts_with(['.', '-'])).then_some((digest, is_known))
}
