//! `DescribeRepositories`, `DescribeImages`, `ListImages`.

use crate::ecr::image::Image;
use crate::ecr::repository::Repository;
use crate::error::{Answer, ApiError, json};
use crate::input::{list as list_of, text};
use crate::moment::Moment;
use crate::page::{Page, Paging};
use crate::world::Region;
use serde::Serialize;
use serde_json::Value;
use std::ops::Bound;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Repositories<'a> {
    repositories: Vec<RepositoryDetail<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryDetail<'a> {
    repository_arn: String,
    registry_id: &'a str,
    repository_name: &'a str,
    repository_uri: String,
    created_at: Moment,
    image_tag_mutability: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Images<'a> {
    image_details: Vec<ImageDetail<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// What `DescribeImages` tells of one image; what is not set is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageDetail<'a> {
    registry_id: &'a str,
    repository_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_digest: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    image_tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    image_size_in_bytes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_pushed_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_manifest_media_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_media_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_recorded_pull_time: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_manifest_digest: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    image_status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_archived_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_activated_at: Option<Moment>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageIds<'a> {
    image_ids: Vec<ImageId<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// A digest, and one of its tags.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageId<'a> {
    pub(crate) image_digest: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_tag: Option<&'a str>,
}

pub(crate) fn repositories(region: &Region, body: &Value) -> Answer {
    let all = &region.ecr.repositories;
    let page = if let Some(names) = list_of(body, "repositoryNames", 100)? {
        refuse_paging(body)?;
        let account = &region.location.account;
        let named = names
            .iter()
            .filter_map(Value::as_str)
            .map(|name| all.get(name).ok_or_else(|| super::not_found(name, account)));
        Page {
            items: named.collect::<Result<_, _>>()?,
            next_token: None,
        }
    } else {
        let paging = Paging::read(body, "repositories", 100, 1000)?;
        paging.take(all.range::<str, _>(paging.bounds()))
    };
    json(&Repositories {
        repositories: page.items.into_iter().map(repository_detail).collect(),
        next_token: page.next_token,
    })
}

fn repository_detail(repository: &Repository) -> RepositoryDetail<'_> {
    RepositoryDetail {
        repository_arn: repository.arn(),
        registry_id: &repository.location.account,
        repository_name: &repository.name,
        repository_uri: repository.uri(),
        created_at: repository.created_at,
        image_tag_mutability: &repository.tag_mutability,
    }
}

pub(crate) fn images(repository: &Repository, body: &Value) -> Answer {
    let page = if let Some(ids) = list_of(body, "imageIds", 100)? {
        refuse_paging(body)?;
        let mut found: Vec<(&str, &Image)> = Vec::with_capacity(ids.len());
        for id in ids {
            let (digest, tag) = (text(id, "imageDigest"), text(id, "imageTag"));
            let known = repository
                .resolve(digest, tag)
                .and_then(|digest| repository.images.get_key_value(&digest))
                .ok_or_else(|| image_not_found(repository, digest, tag))?;
            if !found.iter().any(|(digest, _)| *digest == known.0) {
                found.push((known.0, known.1));
            }
        }
        Page {
            items: found,
            next_token: None,
        }
    } else {
        let paging = Paging::read(body, format!("images/{}", repository.name), 100, 1000)?;
        let shown = repository
            .images
            .range::<str, _>(paging.bounds())
            .filter(|(_, image)| shows(body, image));
        paging.take(shown.map(|(digest, image)| (digest, (digest.as_str(), image))))
    };
    let details = page.items.into_iter();
    json(&Images {
        image_details: details
            .map(|(digest, image)| detail(repository, digest, image))
            .collect(),
        next_token: page.next_token,
    })
}

fn detail<'a>(repository: &'a Repository, digest: &'a str, image: &'a Image) -> ImageDetail<'a> {
    ImageDetail {
        registry_id: &repository.location.account,
        repository_name: &repository.name,
        image_digest: (!image.without_digest).then_some(digest),
        image_tags: &image.tags,
        image_size_in_bytes: image.size,
        image_pushed_at: image.pushed_at,
        image_manifest_media_type: image.media_type.as_deref(),
        artifact_media_type: image.artifact_media_type.as_deref(),
        last_recorded_pull_time: image.pulled_at,
        subject_manifest_digest: image.subject.as_deref(),
        image_status: &image.status,
        last_archived_at: image.archived_at,
        last_activated_at: image.activated_at,
    }
}

pub(crate) fn list(repository: &Repository, body: &Value) -> Answer {
    let paging = Paging::read(body, format!("ids/{}", repository.name), 100, 1000)?;
    // The key of an element is its digest and the position of its tag.
    let after = paging.after().and_then(|after| after.split_once('#'));
    let (digest, position) = after.map_or(("", ""), |(digest, position)| (digest, position));
    let shown = repository
        .images
        .range::<str, _>((Bound::Included(digest), Bound::Unbounded))
        .filter(|(_, image)| shows(body, image))
        .flat_map(|(digest, image)| {
            let untagged = image.tags.is_empty().then_some(None);
            let tags = image.tags.iter().map(|tag| Some(tag.as_str()));
            let tags = untagged.into_iter().chain(tags).enumerate();
            tags.map(move |(position, image_tag)| {
                let image_digest = digest.as_str();
                (
                    format!("{position:04}"),
                    ImageId {
                        image_digest,
                        image_tag,
                    },
                )
            })
        })
        .filter(|(at, id)| (id.image_digest, at.as_str()) > (digest, position))
        .map(|(at, id)| (format!("{}#{at}", id.image_digest), id));
    let page = paging.take(shown);
    json(&ImageIds {
        image_ids: page.items,
        next_token: page.next_token,
    })
}

fn shows(body: &Value, image: &Image) -> bool {
    let filter = |member| body.get("filter").and_then(|filter| text(filter, member));
    image.has_status(filter("imageStatus")) && image.has_tag_status(filter("tagStatus"))
}

fn refuse_paging(body: &Value) -> Result<(), ApiError> {
    let given = |member| body.get(member).is_some_and(|value| !value.is_null());
    if given("nextToken") || given("maxResults") {
        return Err(ApiError::invalid(
            "Invalid parameter: paging is not possible when identifiers are given",
        ));
    }
    Ok(())
}

/// Returns the error of a call that asks for an image that is not there.
pub(crate) fn image_not_found(
    repository: &Repository,
    digest: Option<&str>,
    tag: Option<&str>,
) -> ApiError {
    ApiError::new(
        "ImageNotFoundException",
        format!(
            "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository \
             with name '{}' in the registry with id '{}'",
            digest.unwrap_or("null"),
            tag.unwrap_or("null"),
            repository.name,
            repository.location.account
        ),
    )
}
