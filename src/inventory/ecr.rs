//! Reading ECR: repositories, images of every status, and the manifests of indexes.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageDetail, ImageIdentifier, ImageStatus, ImageStatusFilter,
    ImageTagMutability,
};
use aws_smithy_types::{DateTime, retry::RetryConfig};
use futures::{StreamExt, stream};

use super::{
    Child, Content, Images, Inventory, Lifecycle, NotRead, Repository, Unclear,
    lifecycle::lifecycle, manifest,
};
use crate::{
    aws::{ApiError, Bucket, Clients, all_pages},
    image::{
        Archival, ArtifactType, Digest, Image, MANIFEST_MEDIA_TYPES, MediaType, Registry,
        RepositoryName, Status, Tag, Time,
    },
    policy::{Action, Policies, RepositoryGlobs},
    state::Cache,
};

/// The largest page of ECR's lists.
const PAGE: i32 = 1000;
/// The most images that one call may name.
pub(super) const BATCH: usize = 100;
/// How many repositories are read at once: enough for the pace of calls where an answer takes half a second.
const AT_ONCE: usize = 16;

/// Which repositories are read.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The policies: what they leave alone is not read.
    pub policies: &'a Policies,
    /// The repositories this run was asked for; none: all.
    pub only: Option<&'a RepositoryGlobs>,
    /// The children of indexes that are known already.
    pub indexes: &'a Cache<Digest, Vec<Child>>,
}

/// Reads a registry: all its repositories, and the images of those in scope.
///
/// # Errors
/// Where the repositories themselves cannot be listed. What goes wrong in one repository is its own content.
pub async fn read(
    clients: &Clients,
    registry: Registry,
    scope: Scope<'_>,
) -> Result<Inventory, ApiError> {
    let names = described_repositories(clients).await?;
    let caches = if names.is_empty() {
        Vec::new()
    } else {
        pull_through_cache_prefixes(clients).await?
    };
    let repositories = stream::iter(names)
        .map(|(name, mutable_tags)| read_repository(clients, scope, &caches, name, mutable_tags))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    Ok(Inventory {
        registry,
        repositories,
    })
}

async fn read_repository(
    clients: &Clients,
    scope: Scope<'_>,
    caches: &[String],
    name: RepositoryName,
    mutable_tags: bool,
) -> Repository {
    let is_cache = caches.iter().any(|prefix| is_below(&name, prefix));
    let policy = scope.policies.of(&name, is_cache);
    let content = match policy {
        _ if scope.only.is_some_and(|only| !only.matches(&name)) => {
            Content::NotRead(NotRead::NotAsked)
        }
        None if scope.policies.of(&name, false).is_some() => {
            Content::NotRead(NotRead::PullThroughCache)
        }
        None => Content::NotRead(NotRead::NoPolicy),
        Some(policy) if policy.action == Action::LeaveAlone => Content::NotRead(NotRead::Policy {
            policy: policy.position,
        }),
        // Asked for together, since nothing else of a run would have to wait for the lifecycle policy.
        Some(_) => match tokio::join!(
            read_images(clients, &name, scope.indexes),
            lifecycle(clients, &name)
        ) {
            (Ok(content), lifecycle) => content.with(lifecycle),
            (Err(error), _) if error.is("RepositoryNotFoundException") => Content::Vanished,
            (Err(error), _) => Content::Failed(error.to_string()),
        },
    };
    let policy = policy.map(|policy| policy.position);
    tracing::info!(event = "repository_read", repository = %name, images = image_count(&content), "read a repository");
    Repository {
        name,
        policy,
        mutable_tags,
        content,
    }
}

impl Content {
    fn with(mut self, lifecycle: Lifecycle) -> Self {
        if let Self::Complete(images) | Self::Unclear { images, .. } = &mut self {
            images.lifecycle = lifecycle;
        }
        self
    }
}

fn image_count(content: &Content) -> usize {
    match content {
        Content::Complete(images) | Content::Unclear { images, .. } => images.images.len(),
        Content::NotRead(_) | Content::Vanished | Content::Failed(_) => 0,
    }
}

/// Whether a repository is one that a pull-through cache rule of that prefix fills. The prefix `ROOT` fills any.
fn is_below(repository: &str, prefix: &str) -> bool {
    prefix == "ROOT"
        || repository
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// The repositories by name, each with whether a tag in it can be moved to another image.
async fn described_repositories(
    clients: &Clients,
) -> Result<BTreeMap<RepositoryName, bool>, ApiError> {
    const OPERATION: &str = "ecr:DescribeRepositories";
    let repositories = all_pages(OPERATION, "", |token| async move {
        clients.paced(Bucket::EcrRead).await;
        let request = clients
            .ecr
            .describe_repositories()
            .max_results(PAGE)
            .set_next_token(token);
        let answer = request
            .send()
            .await
            .map_err(|error| ApiError::new(OPERATION, "", &error))?;
        Ok((answer.repositories, answer.next_token))
    })
    .await?;
    let described = repositories.iter().map(|detail| {
        let is_immutable = detail.image_tag_mutability() == Some(&ImageTagMutability::Immutable);
        RepositoryName::new(detail.repository_name().unwrap_or_default())
            .map(|name| (name, !is_immutable))
    });
    described.collect::<Result<_, _>>().map_err(|error| {
        ApiError::answer(
            OPERATION,
            "",
            format!("a repository has no usable name: {error}"),
        )
    })
}

/// The prefixes that pull-through cache rules fill. An endpoint that does not know the operation has no such caches.
async fn pull_through_cache_prefixes(clients: &Clients) -> Result<Vec<String>, ApiError> {
    const OPERATION: &str = "ecr:DescribePullThroughCacheRules";
    let rules = all_pages(OPERATION, "", |token| async move {
        clients.paced(Bucket::EcrRead).await;
        let request = clients
            .ecr
            .describe_pull_through_cache_rules()
            .max_results(PAGE)
            .set_next_token(token);
        let quick = aws_sdk_ecr::config::Builder::new()
            .retry_config(RetryConfig::standard().with_max_attempts(3));
        let answer = request.customize().config_override(quick).send().await;
        let answer = answer.map_err(|error| ApiError::new(OPERATION, "", &error))?;
        Ok((answer.pull_through_cache_rules, answer.next_token))
    })
    .await;
    match rules {
        Ok(rules) => rules
            .into_iter()
            .map(|rule| rule.ecr_repository_prefix)
            .collect::<Option<_>>()
            .ok_or_else(|| ApiError::answer(OPERATION, "", "a rule has no prefix")),
        Err(error) if error.unknown_operation => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Reads all images of one repository, and the children of its indexes.
///
/// # Errors
/// Where the images cannot be listed.
pub(crate) async fn read_images(
    clients: &Clients,
    repository: &str,
    indexes: &Cache<Digest, Vec<Child>>,
) -> Result<Content, ApiError> {
    let (images, mut unclear) = list(clients, repository).await?;
    let mut images = Images {
        images,
        ..Images::default()
    };
    if let Some(image) = images
        .images
        .iter()
        .find(|image| matches!(image.media_type, MediaType::Unknown(_)))
        && let MediaType::Unknown(media_type) = &image.media_type
    {
        unclear = unclear.or(Some(Unclear::MediaType {
            digest: image.digest,
            media_type: media_type.clone(),
        }));
    }
    if unclear.is_none() {
        unclear = read_children(clients, repository, &mut images, indexes).await;
    }
    Ok(match unclear {
        None => Content::Complete(images),
        Some(why) => Content::Unclear { images, why },
    })
}

/// Lists the images of a repository by their digests, and says what of the list could not be understood.
///
/// # Errors
/// Where a page fails.
pub(crate) async fn list(
    clients: &Clients,
    repository: &str,
) -> Result<(Vec<Image>, Option<Unclear>), ApiError> {
    const OPERATION: &str = "ecr:DescribeImages";
    let details = all_pages(OPERATION, repository, |token| async move {
        clients.paced(Bucket::EcrRead).await;
        let request = clients
            .ecr
            .describe_images()
            .repository_name(repository)
            .max_results(PAGE);
        let request = request.filter(every_status()).set_next_token(token);
        let answer = request
            .send()
            .await
            .map_err(|error| ApiError::new(OPERATION, repository, &error))?;
        // Converted page by page: an image takes a fraction of the room of what was read.
        let images = answer
            .image_details
            .map(|details| details.iter().map(image_of).collect());
        Ok((images, answer.next_token))
    })
    .await?;
    let mut unclear = None;
    let mut images: BTreeMap<Digest, Image> = BTreeMap::new();
    for detail in details {
        match detail {
            Ok(image) => merge(&mut images, image),
            Err(why) => unclear = unclear.or(Some(why)),
        }
    }
    Ok((images.into_values().collect(), unclear))
}

/// Without it, only active images are described.
fn every_status() -> DescribeImagesFilter {
    DescribeImagesFilter::builder()
        .image_status(ImageStatusFilter::Any)
        .build()
}

/// A digest that two pages report is one image with the tags of both: while images are pushed, pages may overlap.
fn merge(images: &mut BTreeMap<Digest, Image>, image: Image) {
    if let Some(known) = images.get_mut(&image.digest) {
        let tags: BTreeSet<Tag> = known.tags.iter().chain(&image.tags).cloned().collect();
        known.tags = tags.into_iter().collect();
    } else {
        images.insert(image.digest, image);
    }
}

/// Reads the manifest of every index whose children are not known, and says what could not be read. Archived ones cannot
/// be read: what they name is archived with them.
async fn read_children(
    clients: &Clients,
    repository: &str,
    images: &mut Images,
    known: &Cache<Digest, Vec<Child>>,
) -> Option<Unclear> {
    let is_readable =
        |image: &&Image| image.media_type == MediaType::Index && image.status == Status::Active;
    let mut unknown = Vec::new();
    for image in images.images.iter().filter(is_readable) {
        match known.get(&image.digest) {
            Some(children) => {
                images.children.insert(image.digest, children);
            }
            None => unknown.push(image.digest),
        }
    }
    let start = clients.now();
    for batch in unknown.chunks(BATCH) {
        let mut manifests = match manifests(clients, repository, batch).await {
            Ok(manifests) => manifests,
            Err(error) => {
                return Some(Unclear::Index {
                    digest: batch[0],
                    problem: error.to_string(),
                });
            }
        };
        images.manifests_read = Some(start..=clients.now());
        for &digest in batch {
            let children = match manifests.remove(&digest) {
                Some(manifest) => manifest.and_then(|manifest| manifest::children(&manifest)),
                None => Err("`ecr:BatchGetImage` did not answer for it".to_owned()),
            };
            match children {
                Ok(children) => {
                    known.learn(digest, children.clone());
                    images.children.insert(digest, children);
                }
                Err(problem) => return Some(Unclear::Index { digest, problem }),
            }
        }
    }
    None
}

/// The manifests of at most 100 images: text, or why there is none. Reading one counts as a pull.
pub(super) async fn manifests(
    clients: &Clients,
    repository: &str,
    digests: &[Digest],
) -> Result<BTreeMap<Digest, Result<String, String>>, ApiError> {
    const OPERATION: &str = "ecr:BatchGetImage";
    let request = clients
        .ecr
        .batch_get_image()
        .repository_name(repository)
        .set_image_ids(Some(digests.iter().map(identifier).collect()))
        .set_accepted_media_types(Some(MANIFEST_MEDIA_TYPES.map(str::to_owned).to_vec()));
    let answer = request
        .send()
        .await
        .map_err(|error| ApiError::new(OPERATION, repository, &error))?;
    let digest_of = |id: Option<&ImageIdentifier>| id?.image_digest()?.parse::<Digest>().ok();
    let mut manifests = BTreeMap::new();
    for failure in answer.failures() {
        if let Some(digest) = digest_of(failure.image_id()) {
            let code = failure
                .failure_code()
                .map_or("no code", |code| code.as_str());
            let reason = failure.failure_reason().unwrap_or("no reason given");
            manifests.insert(digest, Err(format!("{code}: {reason}")));
        }
    }
    for image in answer.images() {
        if let (Some(digest), Some(manifest)) =
            (digest_of(image.image_id()), image.image_manifest())
        {
            manifests.insert(digest, Ok(manifest.to_owned()));
        }
    }
    Ok(manifests)
}

/// How a call names an image: by digest alone.
pub(crate) fn identifier(digest: &Digest) -> ImageIdentifier {
    ImageIdentifier::builder()
        .image_digest(digest.to_string())
        .build()
}

/// Describes at most 100 images again. Those that are gone are left out.
///
/// # Errors
/// Where the call fails, or an answer cannot be understood.
pub(crate) async fn describe(
    clients: &Clients,
    repository: &str,
    digests: &[Digest],
) -> Result<Vec<Image>, ApiError> {
    const OPERATION: &str = "ecr:DescribeImages";
    // One image that is gone makes the whole call fail, without saying surely which: halves find it.
    let mut pending = vec![digests];
    let mut images = Vec::with_capacity(digests.len());
    while let Some(digests) = pending.pop() {
        clients.paced(Bucket::EcrRead).await;
        let request = clients
            .ecr
            .describe_images()
            .repository_name(repository)
            .filter(every_status());
        let request = request.set_image_ids(Some(digests.iter().map(identifier).collect()));
        match request
            .send()
            .await
            .map_err(|error| ApiError::new(OPERATION, repository, &error))
        {
            Ok(answer) => {
                for detail in answer.image_details() {
                    let image = image_of(detail);
                    images.push(
                        image.map_err(|why| {
                            ApiError::answer(OPERATION, repository, why.to_string())
                        })?,
                    );
                }
            }
            Err(error) if error.is("ImageNotFoundException") => {
                if digests.len() > 1 {
                    let (left, right) = digests.split_at(digests.len() / 2);
                    pending.extend([left, right]);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(images)
}

/// An image as ECR describes it.
fn image_of(detail: &ImageDetail) -> Result<Image, Unclear> {
    let digest = detail
        .image_digest()
        .unwrap_or_default()
        .parse()
        .map_err(|_| Unclear::NoDigest)?;
    let tags: Result<BTreeSet<Tag>, _> = detail
        .image_tags()
        .iter()
        .map(|tag| Tag::new(tag))
        .collect();
    let tags = tags.map_err(|error| Unclear::Tag {
        digest,
        problem: error.to_string(),
    })?;
    let subject = match detail.subject_manifest_digest() {
        None => None,
        Some(subject) => {
            let subject = subject.parse().map_err(|_| Unclear::Subject {
                digest,
                subject: subject.into(),
            })?;
            Some(Box::new(subject))
        }
    };
    // A restored image is as new as its restoring (K3).
    let pushed_at = time(detail.image_pushed_at())
        .map(|pushed| Some(pushed).max(time(detail.last_activated_at())));
    let archival = Archival {
        archived_at: time(detail.last_archived_at()),
        restored_at: time(detail.last_activated_at()),
    };
    Ok(Image {
        digest,
        tags: tags.into_iter().collect(),
        pushed_at: pushed_at.flatten(),
        pulled_at: time(detail.last_recorded_pull_time()),
        archival: (archival.archived_at.is_some() || archival.restored_at.is_some())
            .then(|| Box::new(archival)),
        bytes: detail
            .image_size_in_bytes()
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or_default(),
        media_type: MediaType::new(detail.image_manifest_media_type()),
        artifact_type: ArtifactType::new(detail.artifact_media_type()),
        subject,
        status: match detail.image_status() {
            None | Some(ImageStatus::Active) => Status::Active,
            Some(ImageStatus::Archived) => Status::Archived,
            Some(ImageStatus::Activating) => Status::Restoring,
            Some(_) => Status::Unknown,
        },
    })
}

fn time(time: Option<&DateTime>) -> Option<Time> {
    Time::from_millis(time?.to_millis().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_prefix_reaches_what_is_below_it_only() {
        assert!(is_below("docker-hub/library/nginx", "docker-hub"));
        assert!(!is_below("docker-hub-copy/nginx", "docker-hub"));
        assert!(!is_below("docker-hub", "docker-hub"));
        assert!(is_below("anything", "ROOT"));
    }

    #[test]
    fn what_ecr_leaves_out_is_unknown_or_absent() {
        let digest = Digest::from_bytes([7; 32]);
        let bare = ImageDetail::builder()
            .image_digest(digest.to_string())
            .build();
        let image = image_of(&bare).unwrap();
        assert_eq!(
            (image.pushed_at, image.pulled_at, image.status),
            (None, None, Status::Active)
        );
        assert!(matches!(image.media_type, MediaType::Unknown(_)));
        assert_eq!(
            image_of(&ImageDetail::builder().build()),
            Err(Unclear::NoDigest)
        );
        let strange = ImageDetail::builder()
            .image_digest(digest.to_string())
            .image_status("FROZEN".into())
            .build();
        assert_eq!(image_of(&strange).unwrap().status, Status::Unknown);
    }

    #[test]
    fn a_restored_image_is_as_new_as_its_restoring() {
        let digest = Digest::from_bytes([7; 32]);
        let detail = ImageDetail::builder()
            .image_digest(digest.to_string())
            .image_pushed_at(DateTime::from_secs(100))
            .last_activated_at(DateTime::from_secs(200))
            .build();
        assert_eq!(
            image_of(&detail).unwrap().pushed_at,
            Time::from_millis(200_000)
        );
    }

    #[test]
    fn pages_that_overlap_add_up_their_tags() {
        let detail = |tag: &str| {
            let digest = Digest::from_bytes([7; 32]).to_string();
            image_of(
                &ImageDetail::builder()
                    .image_digest(digest)
                    .image_tags(tag)
                    .build(),
            )
            .unwrap()
        };
        let mut images = BTreeMap::new();
        merge(&mut images, detail("a"));
        merge(&mut images, detail("b"));
        let tags: Vec<_> = images
            .values()
            .flat_map(|image| &image.tags)
            .map(ToString::to_string)
            .collect();
        assert_eq!(tags, ["a", "b"]);
    }
}
