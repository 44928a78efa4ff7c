//! Reads the objects of a cluster, kind by kind.

use std::{cell::RefCell, sync::Arc};

use super::{
    cluster::{Cluster, Settings},
    discovery,
    error::Problem,
    helm::{Release, Store},
    kind::{Kind, SECRETS},
    list::{Ended, List, Lister},
    workload::{Header, Metadata, Workload},
};
use crate::{
    evidence::{EvidenceKind, Hit, TextScanner, User, Uses, Words},
    policy::RepositoryGlobs,
};

/// Objects a page.
const PAGE: u32 = 500;
/// Helm releases a page: one may have a megabyte.
const RELEASES: u32 = 25;
/// Selector of the Secrets in which Helm stores its releases.
const HELM_SECRETS: &str = "fieldSelector=type%3Dhelm.sh%2Frelease.v1";

/// A cluster while it is being read.
pub(super) struct Reader<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) settings: &'a Settings,
    pub(super) scanner: TextScanner,
    pub(super) watchers: RepositoryGlobs,
    pub(super) uses: RefCell<&'a mut Uses>,
}

/// Meaning of a repository that is named without a tag.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mention {
    /// An image of it is used.
    Uses,
    /// No image of it is used.
    Watches,
}

impl Reader<'_> {
    fn lister(&self) -> Lister<'_> {
        Lister {
            client: &self.cluster.client,
            cluster: &self.cluster.name,
            pages: &self.cluster.pages,
        }
    }

    fn user(&self, kind: &str, name: String, live: bool) -> Arc<User> {
        let Cluster {
            name: cluster,
            location,
            ..
        } = self.cluster;
        let (kind, cluster) = (kind.to_owned().into(), Some(cluster.clone()));
        Arc::new(User {
            location: location.clone(),
            kind,
            name,
            cluster,
            live,
        })
    }

    /// Reads a built-in kind that holds pods or their templates, and returns the number of objects.
    pub(super) async fn workloads(&self, kind: &Kind) -> Result<usize, Problem> {
        let list = List {
            kind,
            limit: PAGE,
            selector: None,
        };
        let ended = self
            .lister()
            .each(&list, |object| self.workload(kind, object))
            .await;
        ended.map_err(|ended| self.problem(kind, ended))
    }

    fn workload(&self, kind: &Kind, object: &str) -> Result<(), Problem> {
        let workload: Workload<'_> =
            serde_json::from_str(object).map_err(|error| Problem::Object {
                object: format!("{} `{}`", kind.name, title(object)),
                problem: error.to_string(),
            })?;
        let name = workload.metadata.path();
        let user = self.user(&kind.name, name.clone(), workload.is_live());
        let images = workload.images();
        for image in images.iter().filter(|image| !image.is_empty()) {
            self.add(&user, image, EvidenceKind::Field)?;
        }
        for (image, reported) in workload.pulls() {
            self.uses
                .borrow_mut()
                .add_container(&user, image, reported)
                .map_err(Problem::reference(&user))?;
        }
        // What else its text names may be a thing of the past, which is no reason for an alarm.
        self.text(
            object.as_bytes(),
            || self.user(&kind.name, name.clone(), false),
            &images,
            Mention::Uses,
        )
    }

    /// Reads a custom kind.
    pub(super) async fn custom(&self, kind: &Kind) -> Result<(), Problem> {
        let watches = discovery::is_excluded(&self.watchers, kind);
        let mention = if watches {
            Mention::Watches
        } else {
            Mention::Uses
        };
        let list = List {
            kind,
            limit: PAGE,
            selector: None,
        };
        let object = |object: &str| {
            let user = || self.user(&kind.name, title(object), false);
            self.text(object.as_bytes(), user, &[], mention)
        };
        match self.lister().each(&list, object).await {
            Ok(_) => Ok(()),
            // Its definition may have been deleted since the discovery.
            Err(Ended::NotFound(failure)) => {
                let still_there = self
                    .cluster
                    .custom_kinds(self.settings)
                    .await?
                    .contains(kind);
                if still_there {
                    Err(self.problem(kind, Ended::NotFound(failure)))
                } else {
                    Ok(())
                }
            }
            Err(ended) => Err(self.problem(kind, ended)),
        }
    }

    pub(super) async fn config_maps(&self, kind: &Kind) -> Result<(), Problem> {
        let list = List {
            kind,
            limit: PAGE,
            selector: None,
        };
        let object = |object: &str| {
            if self.settings.helm_history && Release::is_in(object) {
                return self.release(object, Store::ConfigMap);
            }
            self.text(
                object.as_bytes(),
                || self.user(&kind.name, title(object), false),
                &[],
                Mention::Uses,
            )
        };
        self.lister()
            .each(&list, object)
            .await
            .map(drop)
            .map_err(|ended| self.problem(kind, ended))
    }

    pub(super) async fn secrets(&self) -> Result<(), Problem> {
        let kind = Kind::new(SECRETS);
        let list = List {
            kind: &kind,
            limit: RELEASES,
            selector: Some(HELM_SECRETS),
        };
        let listed = self
            .lister()
            .each(&list, |object| self.release(object, Store::Secret))
            .await;
        listed.map(drop).map_err(|ended| self.problem(&kind, ended))
    }

    fn release(&self, object: &str, store: Store) -> Result<(), Problem> {
        let stored = title(object);
        let release = Release::read(object, store).map_err(|problem| Problem::Release {
            release: stored.clone(),
            problem,
        })?;
        let namespace = stored.split('/').next().unwrap_or_default();
        for manifest in release.manifests() {
            let user = || self.user("Helm release", release.title(namespace), false);
            self.text(manifest.as_bytes(), user, &[], Mention::Uses)?;
        }
        Ok(())
    }

    /// Adds every image that a text names. `known` are the images of the exact fields, in which a
    /// repository without a tag means `latest`.
    fn text(
        &self,
        text: &[u8],
        user: impl Fn() -> Arc<User>,
        known: &[String],
        mention: Mention,
    ) -> Result<(), Problem> {
        let mut whose: Option<Arc<User>> = None;
        let mut words: Option<Option<Words>> = None;
        for hit in self.scanner.scan(text) {
            let user = whose.get_or_insert_with(&user);
            match hit {
                Hit::Reference(reference) => self.add(user, &reference, EvidenceKind::Text)?,
                Hit::Digest(digest) => self.uses.borrow_mut().add_digest(user, digest),
                Hit::Repository(written, name) => {
                    if mention == Mention::Uses
                        && !known.iter().any(|known| known.trim().ends_with(&written))
                    {
                        let words =
                            words.get_or_insert_with(|| self.scanner.words(text).map(Arc::new));
                        let words = words.clone();
                        self.uses.borrow_mut().add_mention(user, name, words);
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&self, user: &Arc<User>, image: &str, evidence: EvidenceKind) -> Result<(), Problem> {
        let added = self.uses.borrow_mut().add(user, image, None, evidence);
        added.map(drop).map_err(Problem::reference(user))
    }

    fn problem(&self, kind: &Kind, ended: Ended) -> Problem {
        match ended {
            Ended::Problem(problem) => problem,
            Ended::NotFound(failure) => Problem::of_list(kind, &self.cluster.name, failure),
        }
    }
}

/// Returns the namespace and name of an object.
fn title(object: &str) -> String {
    let header = serde_json::from_str::<Header>(object);
    header.map_or_else(
        |_| Metadata::default().path(),
        |header| header.metadata.path(),
    )
}
