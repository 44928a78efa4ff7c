//! Keep lists (U9): what something else writes down to be in use, as JSON objects in S3.
//!
//! ```json
//! {"schema": "ecr-cleanup/keep-list/1", "generated_at": "2026-11-21T07:00:00Z", "max_age": "24h",
//!  "images": ["111111111111.dkr.ecr.eu-west-1.amazonaws.com/app:1.0"]}
//! ```
//!
//! Anything that can write JSON can protect images so, and the use of one account can protect the registry of another.
//! A list that is missing, stale, of another schema or malformed makes the source incomplete: whoever relies on a list
//! must not lose images because its writer stopped.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt, future::LocalBoxFuture, stream};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Collector, Reference, Source, SourceError, Usage, User};
use crate::{
    aws::{ApiError, Clients},
    config::{S3Objects, duration},
    image::{AccountId, Aliases, ImageReference, Parsed, Region, Registry, Time},
};

/// The schema that this version reads and writes.
const SCHEMA: &str = "ecr-cleanup/keep-list/1";
/// How long a list that this program writes holds.
const MAX_AGE: &str = "24h";
/// How far ahead the clock of a list's writer may be.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How many lists are read at once.
const AT_ONCE: usize = 8;

/// Images that are in use, in the words of whoever knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepList {
    schema: String,
    /// When what it says was true.
    generated_at: Timestamp,
    /// How long it may be relied upon.
    max_age: String,
    /// The account that the images are used in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<AccountId>,
    /// The Region that they are used in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
    /// References to images, and digests.
    images: Vec<String>,
}

impl KeepList {
    /// The list of what is in use, for another account to keep. `generated_at` is when reading began.
    ///
    /// # Errors
    /// Where a list would protect less than it seems to, in words: not everything is known, or something uses an image
    /// of a repository without saying which.
    pub fn of(usage: &Usage, place: &Registry, generated_at: Time) -> Result<Self, String> {
        if usage.coverage().is_empty() || usage.coverage().iter().any(|coverage| !coverage.complete)
        {
            return Err("not everything that is in use is known".to_owned());
        }
        let images = usage.references().map(|(reference, _)| match reference {
            Reference::Digest(digest) => Ok(digest.to_string()),
            Reference::Image(image) => Ok(format!("{}/{image}", image.registry.as_ref().unwrap_or(place).host())),
            Reference::Repository(repository) => Err(format!(
                "something uses an image of `{repository}` without saying which, and a list cannot say that"
            )),
        });
        Ok(Self {
            schema: SCHEMA.to_owned(),
            generated_at: Timestamp::from_millisecond(generated_at.millis())
                .map_err(|error| error.to_string())?,
            max_age: MAX_AGE.to_owned(),
            account: Some(place.account),
            region: Some(place.region.clone()),
            images: images.collect::<Result<_, _>>()?,
        })
    }

    /// A list from its text, if it holds at that time.
    fn parse(text: &[u8], now: Time) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let head: Head =
            serde_json::from_slice(text).map_err(|error| format!("it is no keep list: {error}"))?;
        if head.schema != SCHEMA {
            return Err(format!(
                "it is of the schema `{}`, and this version reads `{SCHEMA}`",
                head.schema
            ));
        }
        let list: Self =
            serde_json::from_slice(text).map_err(|error| format!("it is malformed: {error}"))?;
        let max_age = duration(&list.max_age).map_err(|problem| format!("`max_age`: {problem}"))?;
        let age = Time::from(list.generated_at).age(now);
        if age > max_age {
            return Err(format!(
                "it is stale: generated at {}, for at most {}",
                list.generated_at, list.max_age
            ));
        }
        if age < -CLOCK_SKEW {
            return Err(format!(
                "it was generated at {}, which is still to come",
                list.generated_at
            ));
        }
        Ok(list)
    }
}

/// The keep lists that the configuration names.
pub struct KeepLists {
    /// The clients.
    pub clients: Clients,
    /// The program's own account and Region.
    pub place: Registry,
    /// Where the lists are.
    pub objects: Vec<S3Objects>,
    /// Names that stand for the registries.
    pub aliases: Arc<Aliases>,
}

impl Source for KeepLists {
    fn name(&self) -> &'static str {
        "keep_lists"
    }

    fn place(&self) -> &Registry {
        &self.place
    }

    fn read<'a>(&'a self, found: &'a mut Collector) -> LocalBoxFuture<'a, Result<(), SourceError>> {
        async {
            for objects in &self.objects {
                let keys = self.keys(objects).await?;
                let lists = stream::iter(keys).map(|key| self.read_list(&objects.bucket, key));
                let mut lists = lists.buffer_unordered(AT_ONCE);
                while let Some((address, list)) = lists.try_next().await? {
                    self.add(&address, list, found)?;
                }
            }
            Ok(())
        }
        .boxed_local()
    }
}

impl KeepLists {
    /// The keys of the lists that are meant; never none.
    async fn keys(&self, objects: &S3Objects) -> Result<Vec<String>, ApiError> {
        const OPERATION: &str = "s3:ListBucket";
        if objects.is_one() {
            return Ok(vec![objects.key.clone()]);
        }
        let name = objects.to_string();
        let pages = self
            .clients
            .s3
            .list_objects_v2()
            .bucket(&objects.bucket)
            .prefix(objects.prefix());
        let mut pages = pages.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| ApiError::new(OPERATION, &name, &error))?;
            let listed = page
                .contents()
                .iter()
                .map(|object| object.key().map(ToOwned::to_owned));
            let listed: Option<Vec<String>> = listed.collect();
            let listed = listed.ok_or_else(|| {
                ApiError::answer(OPERATION, &name, "an object came without its key")
            })?;
            keys.extend(listed.into_iter().filter(|key| objects.matches(key)));
        }
        if keys.is_empty() {
            return Err(ApiError::answer(OPERATION, &name, "there is no such list"));
        }
        Ok(keys)
    }

    async fn read_list(&self, bucket: &str, key: String) -> Result<(String, KeepList), ApiError> {
        const OPERATION: &str = "s3:GetObject";
        let address = format!("s3://{bucket}/{key}");
        let request = self.clients.s3.get_object().bucket(bucket).key(key);
        let answer = Box::pin(request.send()).await;
        let answer = answer.map_err(|error| ApiError::new(OPERATION, &address, &error))?;
        let bytes = answer.body.collect().await;
        let bytes =
            bytes.map_err(|error| ApiError::answer(OPERATION, &address, error.to_string()))?;
        let list = KeepList::parse(&bytes.into_bytes(), self.clients.now());
        let list = list.map_err(|problem| ApiError::answer("keep_list", &address, problem))?;
        Ok((address, list))
    }

    fn add(&self, address: &str, list: KeepList, found: &mut Collector) -> Result<(), SourceError> {
        let account = list.account.unwrap_or(self.place.account);
        let region = list.region.unwrap_or_else(|| self.place.region.clone());
        let place = Registry { account, region };
        found.add_account(place.account);
        let user = Arc::new(User {
            place,
            kind: "keep list".into(),
            name: address.to_owned(),
            cluster: None,
            live: false,
        });
        for image in &list.images {
            // Elsewhere, an image outside ECR is passed over. Somebody who puts one here believes that it protects.
            let problem = match ImageReference::parse(image, &self.aliases) {
                Ok(Parsed::Elsewhere(None)) => {
                    "it names no image of ECR; write the host too".to_owned()
                }
                Ok(_) => match found.add(&user, image, None) {
                    Ok(()) => continue,
                    Err(error) => error.to_string(),
                },
                Err(error) => error.to_string(),
            };
            return Err(
                ApiError::answer("keep_list", address, format!("`{image}`: {problem}")).into(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<KeepList, String> {
        KeepList::parse(
            text.as_bytes(),
            Time::from("2026-11-21T12:00:00Z".parse::<Timestamp>().unwrap()),
        )
    }

    fn list(schema: &str, generated_at: &str, max_age: &str) -> String {
        format!(
            r#"{{"schema": "{schema}", "generated_at": "{generated_at}", "max_age": "{max_age}", "images": []}}"#
        )
    }

    #[test]
    fn a_list_holds_for_its_age_and_not_a_moment_longer() {
        assert!(parse(&list(SCHEMA, "2026-11-20T12:00:00Z", "24h")).is_ok());
        for (generated_at, max_age, problem) in [
            (
                "2026-11-20T11:59:59Z",
                "24h",
                "it is stale: generated at 2026-11-20T11:59:59Z, for at most 24h",
            ),
            (
                "2026-11-21T12:05:01Z",
                "24h",
                "it was generated at 2026-11-21T12:05:01Z, which is still to come",
            ),
            ("2026-11-21T12:00:00Z", "1y", "`max_age`: expected"),
            ("yesterday", "24h", "it is malformed"),
        ] {
            let error = parse(&list(SCHEMA, generated_at, max_age)).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
        }
    }

    #[test]
    fn nothing_else_is_a_list() {
        for (text, problem) in [
            ("", "it is no keep list"),
            ("[]", "it is no keep list"),
            (r#"{"images": []}"#, "it is no keep list"),
            (
                &list("ecr-cleanup/keep-list/2", "2026-11-21T12:00:00Z", "1h"),
                "it is of the schema `ecr-cleanup/keep-list/2`",
            ),
            (
                &list(SCHEMA, "2026-11-21T12:00:00Z", "1h").replace("images", "imgs"),
                "it is malformed",
            ),
            (
                &list(SCHEMA, "2026-11-21T12:00:00Z", "1h").replace("[]", "[1]"),
                "it is malformed",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
        }
    }
}
