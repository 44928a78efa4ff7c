//! Verifying: every image in use can still be pulled (U10).
//!
//! It asks ECR itself, by listing the repositories that something in use names, and nothing else. What ECR could not be
//! asked is told apart from what is missing.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use futures::{StreamExt, future::LocalBoxFuture, stream};
use serde::Serialize;

use crate::{
    aws::Clients,
    image::{Digest, Image, ImageReference, Registry, RepositoryName, Tag},
    inventory,
    plan::{Missing, Plan, Stored, missing_from},
    report::VERSION,
    usage::{Coverage, Reference, Usage},
};

/// How many repositories are listed at once.
const AT_ONCE: usize = 8;
/// The most entries of a list.
const CAP: usize = 200;

/// Whether the images in use can be pulled.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// Everything in a sentence or two.
    pub summary: String,
    /// Whether everything could be asked, and nothing that is live is missing.
    pub verified: bool,
    /// The run's id.
    pub run_id: String,
    /// The version of the program.
    pub version: &'static str,
    /// The references in use that the registries should serve.
    pub references: usize,
    /// Images in use that cannot be pulled.
    pub missing: Vec<Missing>,
    /// The repositories that ECR did not answer for, with the reason; with their hosts where there are several registries.
    pub not_asked: BTreeMap<String, String>,
    /// Where use was looked for.
    pub in_use: Vec<Coverage>,
    /// How many entries `missing` leaves out.
    pub omitted: usize,
}

impl Verification {
    /// How many images that something live uses cannot be pulled.
    #[must_use]
    pub fn live_missing(&self) -> usize {
        self.missing.iter().filter(|missing| missing.live).count()
    }

    /// Whether everything could be asked.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.not_asked.is_empty() && self.in_use.iter().all(|coverage| coverage.complete)
    }
}

/// A repository of one of the registries.
pub(crate) type Named = (Arc<Registry>, RepositoryName);

/// The images of a repository that something in use names.
#[derive(Debug, Default)]
pub(crate) struct Used<'a> {
    digests: HashSet<Digest>,
    tags: HashSet<&'a Tag>,
}

impl Used<'_> {
    fn names(&self, image: &Image) -> bool {
        self.digests.contains(&image.digest) || image.tags.iter().any(|tag| self.tags.contains(tag))
    }
}

/// What some repositories hold now of the images in use: all that they hold would take as much memory as the plan.
#[derive(Debug, Default)]
pub(crate) struct Listing(BTreeMap<Named, Result<Option<Vec<Image>>, String>>);

impl Listing {
    /// The repositories that could not be listed, with the reason.
    pub(crate) fn failures(&self, told_apart: bool) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().filter_map(move |((registry, name), images)| {
            let title = if told_apart {
                format!("{}/{name}", registry.host())
            } else {
                name.to_string()
            };
            Some((title, images.as_ref().err()?.as_str()))
        })
    }

    /// What is known of a repository; none if it was not listed.
    fn stored(&self, registry: &Registry, name: &RepositoryName) -> Option<Stored<'_>> {
        Some(
            match self.0.get(&(Arc::new(registry.clone()), name.clone()))? {
                Ok(Some(images)) => Stored::Images(images),
                Ok(None) => Stored::NoRepository,
                Err(_) => return None,
            },
        )
    }
}

/// Lists repositories, for what they hold now of the images in use.
pub(crate) async fn list(
    clients: &BTreeMap<Registry, Clients>,
    repositories: BTreeMap<Named, Used<'_>>,
) -> Listing {
    let listings = stream::iter(repositories).map(|((registry, name), used)| async move {
        let images = match clients.get(&*registry) {
            None => Err(format!("nothing lets the program into {registry}")),
            Some(clients) => match inventory::list(clients, &name).await {
                Ok((mut images, None)) => {
                    images.retain(|image| used.names(image));
                    images.shrink_to_fit();
                    Ok(Some(images))
                }
                Ok((_, Some(unclear))) => Err(unclear.to_string()),
                Err(error) if error.is("RepositoryNotFoundException") => Ok(None),
                Err(error) => Err(error.to_string()),
            },
        };
        ((registry, name), images)
    });
    Listing(listings.buffer_unordered(AT_ONCE).collect().await)
}

/// The repositories of some registries that something in use names, each with the images it names there.
pub(crate) fn used<'a>(
    registries: &'a [Arc<Registry>],
    usage: &'a Usage,
) -> BTreeMap<Named, Used<'a>> {
    let mut repositories = BTreeMap::<_, Used<'_>>::new();
    for (registry, reference) in references(registries, usage) {
        let used = repositories
            .entry((Arc::clone(registry), reference.repository.clone()))
            .or_default();
        used.digests.extend(reference.digest);
        used.tags.extend(&reference.tag);
    }
    repositories
}

fn references<'a>(
    registries: &'a [Arc<Registry>],
    usage: &'a Usage,
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

/// What is missing now, where some repositories have been listed again since the plan. What could not be listed again
/// was not deleted by this program: it holds what the plan saw.
pub(crate) fn missing_now(plan: &Plan, usage: &Usage, listing: &Listing) -> Vec<Missing> {
    missing_from(&plan.registries, usage, |registry, name| {
        listing
            .stored(registry, name)
            .unwrap_or_else(|| plan.stored(registry, name))
    })
}

/// Asks ECR for every image in use.
pub(crate) fn verify<'a>(
    clients: &'a BTreeMap<Registry, Clients>,
    usage: &'a Usage,
    run_id: &'a str,
) -> LocalBoxFuture<'a, Verification> {
    Box::pin(async move {
        let registries: Vec<Arc<Registry>> = clients.keys().cloned().map(Arc::new).collect();
        let listing = list(clients, used(&registries, usage)).await;
        let mut missing = missing_from(&registries, usage, |registry, name| {
            listing.stored(registry, name).unwrap_or(Stored::Unknown)
        });
        let omitted = missing.len().saturating_sub(CAP);
        let failures = listing.failures(registries.len() > 1);
        let not_asked: BTreeMap<String, String> = failures
            .map(|(title, problem)| (title, problem.to_owned()))
            .collect();
        let references = references(&registries, usage).count();
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
                " {} more are only kept for later, and their images are gone.",
                later.len()
            );
        }
        let incomplete = usage
            .coverage()
            .iter()
            .filter(|coverage| !coverage.complete)
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
            in_use: usage.coverage().to_vec(),
            omitted,
        }
    })
}
