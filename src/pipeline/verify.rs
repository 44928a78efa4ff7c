//! Verifies that every image in use can be pulled (U10).
//!
//! It lists the repositories that are in use in ECR, and nothing else. A repository that cannot be
//! listed is told apart from an image that is missing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{StreamExt, future::LocalBoxFuture, stream};

use crate::{
    aws::{ApiError, Cause, Clients},
    evidence::{Reference, UsageIndex},
    image::{Digest, Image, ImageReference, Registry, RepositoryName, Tag},
    inventory::Unclear,
    plan::{Missing, Plan, RepositoryKey, Stored, missing_from},
    policy::RepositoryGlobs,
    registry,
    report::{VERSION, Verification},
};

/// Number of repositories that are listed at once: as many as calls may be under way.
const AT_ONCE: usize = 20;
/// Number of entries of a list.
const CAP: usize = 200;

/// Images of a repository that users name.
#[derive(Debug, Default)]
pub(super) struct Named<'a> {
    digests: BTreeSet<Digest>,
    tags: BTreeSet<&'a Tag>,
}

impl Named<'_> {
    fn includes(&self, image: &Image) -> bool {
        self.digests.contains(&image.digest) || image.tags.iter().any(|tag| self.tags.contains(tag))
    }
}

/// The images in use that repositories store now. All their images would take as much memory as the
/// plan.
#[derive(Debug, Default)]
pub(super) struct Listing(BTreeMap<RepositoryKey, Result<Found, ListingError>>);

/// Images that users name, as far as a repository stores them now.
#[derive(Debug)]
pub(super) enum Found {
    /// All of them, and they are active.
    Everything,
    /// These, with others of their tags and digests.
    Images(Vec<Image>),
    NoRepository,
}

/// Reason for which a repository cannot be listed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListingError {
    /// Its registry is not one of the configuration.
    #[error("nothing lets the program into {0}")]
    NoClients(Registry),
    /// There is a doubt about its images.
    #[error(transparent)]
    Unclear(#[from] Unclear),
    /// A call failed.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl Listing {
    /// Takes in what is in a repository now, instead of what was there.
    pub(super) fn add(&mut self, repository: RepositoryKey, found: Result<Found, ListingError>) {
        self.0.insert(repository, found);
    }

    /// Takes in what is in others.
    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Forgets what was in a repository.
    pub(super) fn remove(&mut self, repository: &RepositoryKey) {
        self.0.remove(repository);
    }

    /// Returns whether a repository was listed, or that was tried.
    pub(super) fn includes(&self, repository: &RepositoryKey) -> bool {
        self.0.contains_key(repository)
    }

    /// Returns the repositories that could not be listed, with the reason.
    pub(super) fn failures(
        &self,
        told_apart: bool,
    ) -> impl Iterator<Item = (String, &ListingError)> {
        self.0.iter().filter_map(move |((registry, name), images)| {
            let title = if told_apart {
                format!("{}/{name}", registry.host())
            } else {
                name.to_string()
            };
            Some((title, images.as_ref().err()?))
        })
    }

    /// Returns the content of a repository; `None` if it was not listed.
    fn stored(&self, registry: &Registry, name: &RepositoryName) -> Option<Stored<'_>> {
        Some(
            match self.0.get(&(Arc::new(registry.clone()), name.clone()))? {
                Ok(Found::Everything) => Stored::Everything,
                Ok(Found::Images(images)) => Stored::Images(images.iter().collect()),
                Ok(Found::NoRepository) => Stored::NoRepository,
                Err(_) => return None,
            },
        )
    }
}

/// A way to find the images of a repository that users name.
type Find = for<'a> fn(
    &'a BTreeMap<Registry, Clients>,
    &'a RepositoryKey,
    &'a Named<'_>,
) -> LocalBoxFuture<'a, Result<Found, ListingError>>;

/// Looks up the images in use that repositories store now, in each with `find`.
pub(super) async fn list(
    clients: &BTreeMap<Registry, Clients>,
    repositories: BTreeMap<RepositoryKey, Named<'_>>,
    find: Find,
) -> Listing {
    let listings = stream::iter(repositories).map(|(key, named)| async move {
        let found = find(clients, &key, &named).await;
        (key, found)
    });
    Listing(listings.buffer_unordered(AT_ONCE).collect().await)
}

/// Finds the images of a repository that users name after others went: in a list of what is active,
/// which draws from a bucket that nothing else draws from. What that does not show, such as where
/// nobody may list, is described.
pub(super) fn look<'a>(
    clients: &'a BTreeMap<Registry, Clients>,
    key: &'a RepositoryKey,
    named: &'a Named<'_>,
) -> LocalBoxFuture<'a, Result<Found, ListingError>> {
    Box::pin(async move {
        if let Some(clients) = clients.get(&*key.0)
            && let Ok(true) =
                registry::are_active(clients, &key.1, &named.digests, &named.tags).await
        {
            return Ok(Found::Everything);
        }
        find(clients, key, named).await
    })
}

/// Finds the images of a repository that users name: by themselves, or else among all.
fn find<'a>(
    clients: &'a BTreeMap<Registry, Clients>,
    (registry, name): &'a RepositoryKey,
    named: &'a Named<'_>,
) -> LocalBoxFuture<'a, Result<Found, ListingError>> {
    Box::pin(async move {
        let clients = clients.get(&**registry);
        let clients = clients.ok_or_else(|| ListingError::NoClients((**registry).clone()))?;
        match stored(clients, name, named).await {
            Ok((mut images, None)) => {
                images.retain(|image| named.includes(image));
                images.shrink_to_fit();
                Ok(Found::Images(images))
            }
            Ok((_, Some(unclear))) => Err(unclear.into()),
            Err(error) if error.cause == Cause::RepositoryNotFound => Ok(Found::NoRepository),
            Err(error) => Err(error.into()),
        }
    })
}

/// Returns the images of a repository that users name, with others if one of these does not exist.
async fn stored(
    clients: &Clients,
    name: &RepositoryName,
    named: &Named<'_>,
) -> Result<(Vec<Image>, Option<Unclear>), ApiError> {
    if let Some(images) = registry::find(clients, name, &named.digests, &named.tags).await? {
        return Ok((images, None));
    }
    let listed = registry::list(clients, name).await?;
    Ok((listed.images, listed.unclear))
}

/// The repositories of some registries that something in use names, each with the images it names
/// there.
pub(super) fn named<'a>(
    registries: &'a [Arc<Registry>],
    usage: &'a UsageIndex,
) -> BTreeMap<RepositoryKey, Named<'a>> {
    let mut repositories = BTreeMap::<_, Named<'_>>::new();
    for (registry, reference) in references(registries, usage) {
        let named = repositories
            .entry((Arc::clone(registry), reference.repository.clone()))
            .or_default();
        named.digests.extend(reference.digest);
        named.tags.extend(&reference.tag);
    }
    repositories
}

fn references<'a>(
    registries: &'a [Arc<Registry>],
    usage: &'a UsageIndex,
) -> impl Iterator<Item = (&'a Arc<Registry>, &'a ImageReference)> {
    usage
        .references()
        .filter_map(move |(reference, _)| match reference {
            Reference::Image(image) => {
                let registry = registries
                    .iter()
                    .find(|registry| image.registry.as_ref() == Some(&***registry))?;
                Some((registry, image))
            }
            Reference::Digest(_) | Reference::Repository(_) => None,
        })
}

/// Returns what is missing now, if some repositories were listed since the plan. The others are as
/// the plan saw them.
pub(super) fn missing_now(plan: &Plan, usage: &UsageIndex, listing: &Listing) -> Vec<Missing> {
    missing_from(plan.registries(), usage, |registry, name| {
        listing
            .stored(registry, name)
            .unwrap_or_else(|| plan.stored(registry, name))
    })
}

/// Looks up every image in use in ECR.
pub(super) fn verify<'a>(
    clients: &'a BTreeMap<Registry, Clients>,
    usage: &'a UsageIndex,
    only: Option<&'a RepositoryGlobs>,
    run_id: &'a str,
) -> LocalBoxFuture<'a, Verification> {
    Box::pin(async move {
        let registries: Vec<Arc<Registry>> = clients.keys().cloned().map(Arc::new).collect();
        let is_selected = |name: &RepositoryName| only.is_none_or(|only| only.matches(name));
        let mut repositories = named(&registries, usage);
        repositories.retain(|(_, name), _| is_selected(name));
        let listing = list(clients, repositories, find).await;
        let mut missing = missing_from(&registries, usage, |registry, name| {
            listing.stored(registry, name).unwrap_or(Stored::Unknown)
        });
        let omitted = missing.len().saturating_sub(CAP);
        let failures = listing.failures(registries.len() > 1);
        let not_asked: BTreeMap<String, String> = failures
            .map(|(title, problem)| (title, problem.to_string()))
            .collect();
        let references = references(&registries, usage);
        let references = references.filter(|(_, it)| is_selected(&it.repository));
        let references = references.count();
        let (live, later): (Vec<_>, Vec<_>) = missing.iter().partition(|missing| missing.live);
        let mut summary = match live.len() {
            0 => format!(
                "Of {references} references in use, everything live that could be asked for can be pulled."
            ),
            live => {
                format!("{live} of {references} references in use cannot be pulled: see `missing`.")
            }
        };
        if !later.is_empty() {
            summary += &format!(
                " {} more are only kept for later, and their images are missing.",
                later.len()
            );
        }
        let incomplete = usage
            .sources()
            .iter()
            .filter(|status| !status.is_complete())
            .count();
        if incomplete > 0 || !not_asked.is_empty() {
            summary += &format!(
                " Not everything could be asked: {} repositories did not answer, {incomplete} sources of use are incomplete.",
                not_asked.len()
            );
        }
        let verified = live.is_empty() && incomplete == 0 && not_asked.is_empty();
        missing.truncate(CAP);
        Verification {
            summary,
            verified,
            run_id: run_id.to_owned(),
            version: VERSION,
            references,
            missing,
            not_asked,
            in_use: usage.sources().to_vec(),
            omitted,
            omitted_not_asked: 0,
            omitted_in_use: 0,
        }
    })
}
