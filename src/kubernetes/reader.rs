//! Reads the objects of a cluster, kind by kind.

use std::{cell::RefCell, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    cluster::{AT_ONCE, Cluster, Settings, in_every_version},
    encoded,
    error::Problem,
    exclusions,
    failure::Failure,
    helm::{Release, Store},
    kind::{DEPLOYMENTS, Kind, PODS, SECRETS, WORKLOADS},
    workload::{Header, Metadata, Workload},
};
use crate::{
    evidence::{EvidenceKind, Hit, TextScanner, User, Uses},
    policy::RepositoryGlobs,
};

/// Objects a page.
const PAGE: u32 = 500;
/// Helm releases a page: one may have a megabyte.
const RELEASES: u32 = 25;
/// Selector of the Secrets in which Helm stores its releases.
const HELM_SECRETS: &str = "&fieldSelector=type%3Dhelm.sh%2Frelease.v1";

/// Built-in kinds that are kept to go back to.
const KEPT_REVISIONS: [&str; 2] = ["ReplicaSet", "ControllerRevision"];

/// Custom kinds that name a repository to make it, to watch it or to rule on it, which uses no image
/// of it.
const WATCHERS: [&str; 11] = [
    "argocd-image-updater.argoproj.io/*",
    "constraints.gatekeeper.sh/*",
    "ecr.aws.crossplane.io/*",
    "ecr.aws.kubeform.com/*",
    "ecr.aws*.upbound.io/*",
    "ecr.services.k8s.aws/*",
    "image.toolkit.fluxcd.io/ImageRepository",
    "kargo.akuity.io/Warehouse",
    "kyverno.io/*",
    "policies.kyverno.io/*",
    "source.toolkit.fluxcd.io/HelmRepository",
];

impl Cluster {
    /// Adds every use of an image.
    pub(crate) async fn read(&self, settings: &Settings, uses: &mut Uses) -> Result<(), Problem> {
        let scanner = TextScanner::new(uses.aliases())
            .map_err(|error| Problem::Scanner(error.to_string()))?;
        let watchers = RepositoryGlobs::new(&WATCHERS.map(str::to_owned))
            .map_err(|_| Problem::Scanner("bad glob".to_owned()))?;
        let reader = Reader {
            cluster: self,
            settings,
            scanner,
            watchers,
            uses: RefCell::new(uses),
        };

        let custom = self.custom_kinds(settings).await?.complete()?;
        let versions = custom.chunk_by(|a, b| a.resource() == b.resource());
        let lists = stream::iter(versions).map(|versions| reader.custom(versions));
        lists.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        for kind in settings.texts() {
            reader.texts(&kind).await?;
        }
        if settings.helm_history {
            reader.secrets().await?;
        }
        let mut shown = 0;
        for kind in WORKLOADS {
            let objects = reader.workloads(&Kind::new(kind)).await?;
            if kind == PODS || kind == DEPLOYMENTS {
                shown += objects;
            }
        }
        if shown == 0 && !settings.may_be_empty {
            return Err(Problem::Empty);
        }
        Ok(())
    }
}

/// Tells whether a text is a field in which no tag means `latest`.
type IsField<'a> = &'a dyn Fn(&str) -> bool;

struct Reader<'a> {
    cluster: &'a Cluster,
    settings: &'a Settings,
    scanner: TextScanner,
    watchers: RepositoryGlobs,
    uses: RefCell<&'a mut Uses>,
}

impl Reader<'_> {
    fn user(&self, kind: &str, name: String, live: bool) -> Arc<User> {
        Arc::new(User {
            location: self.cluster.location.clone(),
            kind: kind.to_owned().into(),
            name,
            cluster: Some(self.cluster.name.clone()),
            live,
            used_at: None,
        })
    }

    /// Lists a kind, reads every object that is not left out, and returns the number of objects.
    async fn list(
        &self,
        kind: &Kind,
        (limit, selector): (u32, &str),
        read: impl Fn(&str) -> Result<(), Problem>,
    ) -> Result<usize, Problem> {
        let object = |object: &str| {
            let is_left_out = self.settings.exclusions.leave_out_object(kind, object);
            // What can be read of a workload counts all the same: its name may be that of another
            // one tomorrow.
            if is_left_out && !kind.is_workload() {
                return Ok(());
            }
            match read(object) {
                Err(problem) if !is_left_out => Err(Problem::InObject {
                    kind: Box::new(kind.clone()),
                    id: exclusions::id(&kind.names()[0], object),
                    problem: Box::new(problem),
                }),
                _ => Ok(()),
            }
        };
        self.cluster.list(kind, limit, selector, object).await
    }

    /// Reads a built-in kind that holds pods or their templates, and returns the number of objects.
    async fn workloads(&self, kind: &Kind) -> Result<usize, Problem> {
        let object = |object: &str| self.workload(kind, object);
        self.list(kind, (PAGE, ""), object).await
    }

    /// Adds every use of a workload, whatever of it cannot be read.
    fn workload(&self, kind: &Kind, object: &str) -> Result<(), Problem> {
        let workload = serde_json::from_str(object).map_err(|problem| Problem::Object {
            object: format!("{} `{}`", kind.name, title(object)),
            problem,
        });
        let (workload, mut read): (Workload<'_>, _) = match workload {
            Ok(workload) => (workload, Ok(())),
            Err(problem) => (Workload::default(), Err(problem)),
        };
        let name = match &read {
            Ok(()) => workload.metadata.path(),
            Err(_) => title(object),
        };
        let user = self.user(&kind.name, name.clone(), workload.is_live());
        // An old revision was made when its images were used.
        let is_old = !user.live && KEPT_REVISIONS.contains(&kind.name.as_str());
        let created_at = workload.metadata.created_at().filter(|_| is_old);
        let user = user.up_to(created_at);
        let images = workload.images();
        for image in images.iter().filter(|image| !image.is_empty()) {
            read = read.and(self.add(&user, image, EvidenceKind::Field));
        }
        for (image, reported) in workload.pulls() {
            let mut uses = self.uses.borrow_mut();
            let added = uses.add_container(&user, image, reported);
            read = read.and(added.map_err(Problem::reference(&user)));
        }
        // What else its text names may be a thing of the past, which is no reason for an alarm. In
        // a field, a repository without a tag means `latest`.
        let user = || (self.user(&kind.name, name.clone(), false)).up_to(created_at);
        let is_field = |text: &str| images.iter().any(|image| image == text);
        read.and(self.text(object, user, Some(&is_field)))
    }

    /// Reads a custom kind in every version that is served.
    async fn custom(&self, versions: &[Kind]) -> Result<(), Problem> {
        in_every_version(versions, async |kind| self.custom_version(kind).await).await
    }

    /// Reads a custom kind in one version, and returns whether there still is such a kind.
    async fn custom_version(&self, kind: &Kind) -> Result<bool, Problem> {
        let mut names = kind.names().into_iter();
        let watches = names.any(|name| self.watchers.matches(&name));
        let object = |object: &str| {
            let user = || self.user(&kind.name, title(object), false);
            let uses: Option<IsField<'_>> = if watches { None } else { Some(&|_| false) };
            self.text(object, user, uses)
        };
        let listed = self.list(kind, (PAGE, ""), object).await;
        if let Err(Problem::List { failure, .. }) = &listed
            && matches!(failure, Failure::Status(404, _))
        {
            // Its definition may have been deleted since the discovery.
            let kinds = self.cluster.custom_kinds(self.settings).await?.complete()?;
            if !kinds.contains(kind) {
                return Ok(false);
            }
        }
        listed.map(|_| true)
    }

    async fn texts(&self, kind: &Kind) -> Result<(), Problem> {
        let object = |object: &str| {
            if self.settings.helm_history && Release::is_in(object) {
                return self.release(object, Store::ConfigMap);
            }
            let user = || self.user(&kind.name, title(object), false);
            self.text_and_encoded(object, user)
        };
        self.list(kind, (PAGE, ""), object).await.map(drop)
    }

    async fn secrets(&self) -> Result<(), Problem> {
        let object = |object: &str| self.release(object, Store::Secret);
        let kind = Kind::new(SECRETS);
        let listed = self.list(&kind, (RELEASES, HELM_SECRETS), object);
        listed.await.map(drop)
    }

    fn release(&self, object: &str, store: Store) -> Result<(), Problem> {
        let stored = title(object);
        let release = Release::read(object, store).map_err(|error| Problem::Release {
            release: stored.clone(),
            error,
        })?;
        let namespace = stored.split('/').next().unwrap_or_default();
        let deployed_at = release.deployed_at();
        let title = release.title(namespace);
        let user = || (self.user("Helm release", title.clone(), false)).up_to(deployed_at);
        let mut manifests = release.manifests();
        manifests.try_for_each(|manifest| self.text_and_encoded(manifest, user))
    }

    /// Adds every image that a text names, also within base64.
    fn text_and_encoded(
        &self,
        text: &str,
        user: impl Fn() -> Arc<User> + Copy,
    ) -> Result<(), Problem> {
        self.text(text, user, Some(&|_| false))?;
        encoded::texts(text).try_for_each(|decoded| self.text(&decoded, user, Some(&|_| false)))
    }

    /// Adds every image that a text names. `is_field` tells which fields are exact; `None` if a
    /// repository without a tag means nothing.
    fn text(
        &self,
        text: &str,
        user: impl Fn() -> Arc<User>,
        is_field: Option<IsField<'_>>,
    ) -> Result<(), Problem> {
        let mut whose = None;
        let mut mentions = false;
        let mut read = Ok(());
        for hit in self.scanner.scan(text.as_bytes()) {
            let user = whose.get_or_insert_with(&user);
            match hit {
                Hit::Reference(reference) => {
                    read = read.and(self.add(user, &reference, EvidenceKind::Text));
                }
                Hit::Digest(digest) => self.uses.borrow_mut().add_digest(user, digest),
                Hit::Mention => mentions = true,
            }
        }
        if let (Some(user), Some(is_field), true) = (&whose, is_field, mentions) {
            let mentions = self.scanner.mentions(text, is_field);
            self.uses.borrow_mut().add_mentions(user, mentions);
        }
        read
    }

    fn add(&self, user: &Arc<User>, image: &str, evidence: EvidenceKind) -> Result<(), Problem> {
        let added = self.uses.borrow_mut().add(user, image, None, evidence);
        added.map(drop).map_err(Problem::reference(user))
    }
}

/// Returns the namespace and name of an object.
fn title(object: &str) -> String {
    let header = serde_json::from_str::<Header>(object);
    header
        .map_or_else(|_| Metadata::default(), |header| header.metadata)
        .path()
}
