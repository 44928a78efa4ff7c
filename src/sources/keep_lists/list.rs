//! A keep list as a document.

use std::{io, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    config::{TextError, duration},
    evidence::{CLOCK_SKEW, DocumentError, Reference, UsageIndex, User},
    image::{AccountId, Region, Registry, RepositoryName, Time},
};

/// Schema that this version reads and writes.
const SCHEMA: &str = "ecr-cleanup/keep-list/1";
/// Time for which a list that this program writes holds.
pub(crate) const MAX_AGE: &str = "24h";

/// Images that are in use, as another program or another account knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepList {
    schema: String,
    /// Time at which its content was true.
    generated_at: Timestamp,
    /// Time for which it may be relied upon.
    max_age: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<AccountId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<Region>,
    /// References to images, and digests.
    pub(super) images: Vec<String>,
}

/// Reason for which there is no keep list, or none that can be relied upon.
#[derive(Debug, thiserror::Error)]
pub enum KeepListError {
    /// It is not JSON, or has no schema.
    #[error("it is no keep list: {0}")]
    NotAList(#[source] serde_json::Error),
    /// It is of another schema.
    #[error("it is of the schema `{0}`, and this version reads `{SCHEMA}`")]
    Schema(String),
    /// It is not of the form of its schema.
    #[error("it is malformed: {0}")]
    Malformed(#[source] serde_json::Error),
    /// Its `max_age` is not a duration.
    #[error("`max_age`: {0}")]
    MaxAge(#[from] TextError),
    /// It is older than its `max_age`.
    #[error("it is stale: generated at {generated_at}, for at most {max_age}")]
    Stale {
        /// Time of its generation.
        generated_at: Timestamp,
        /// Time for which it holds.
        max_age: String,
    },
    /// It was generated in the future.
    #[error("it was generated at {0}, which is still to come")]
    Future(Timestamp),
    /// It is evidence, and cannot be used.
    #[error(transparent)]
    Evidence(#[from] DocumentError),
    /// It cannot be decompressed.
    #[error(transparent)]
    Decompress(#[from] io::Error),
    /// Not everything that is in use is known, so that a list would leave something out.
    #[error("not everything that is in use is known")]
    Incomplete,
    /// A user names a repository alone, which a list cannot express.
    #[error("something uses an image of `{0}` without its tag, and a list cannot say that")]
    Mention(RepositoryName),
    /// A user names a registry apart from what is stored in it.
    #[error("{0} names a registry and may make up the names of images, and a list cannot say that")]
    Parts(Arc<User>),
    /// No calendar has the time.
    #[error(transparent)]
    Time(#[from] jiff::Error),
}

impl KeepList {
    /// Makes the list of what is in use, for another account to keep. `generated_at` is when
    /// reading began.
    ///
    /// # Errors
    /// Returns an error if a list would protect less than it seems to.
    pub(crate) fn of(
        usage: &UsageIndex,
        home: &Registry,
        generated_at: Time,
    ) -> Result<Self, KeepListError> {
        if usage.sources().is_empty() || !usage.is_complete() {
            return Err(KeepListError::Incomplete);
        }
        let image = |reference: &Reference| match reference {
            Reference::Digest(digest) => Ok(digest.to_string()),
            Reference::Image(image) => {
                let registry = image.registry.as_ref().unwrap_or(home);
                Ok(format!("{}/{image}", registry.host()))
            }
            Reference::Repository(repository) => Err(KeepListError::Mention(repository.clone())),
        };
        let images = usage.references().map(|(reference, _)| image(reference));
        let images = images.collect::<Result<_, _>>()?;
        if let Some((user, _)) = usage.unmatched_parts([]).next() {
            return Err(KeepListError::Parts(Arc::clone(user)));
        }
        Ok(Self {
            schema: SCHEMA.to_owned(),
            generated_at: Timestamp::from_millisecond(generated_at.millis())?,
            max_age: MAX_AGE.to_owned(),
            account: Some(home.account),
            region: Some(home.region.clone()),
            images,
        })
    }

    /// Returns the account and Region whose use it lists; `None` if it does not name both, since an
    /// account is read in a Region (U16).
    pub(super) fn location(&self) -> Option<Registry> {
        Some(Registry {
            account: self.account?,
            region: self.region.clone()?,
        })
    }

    /// Parses a list that holds at a time.
    pub(super) fn parse(text: &[u8], now: Time) -> Result<Self, KeepListError> {
        #[derive(Deserialize)]
        struct Header {
            schema: String,
        }
        let header: Header = serde_json::from_slice(text).map_err(KeepListError::NotAList)?;
        if header.schema != SCHEMA {
            return Err(KeepListError::Schema(header.schema));
        }
        let list: Self = serde_json::from_slice(text).map_err(KeepListError::Malformed)?;
        let age = Time::from(list.generated_at).age(now);
        if age > duration(&list.max_age)? {
            return Err(KeepListError::Stale {
                generated_at: list.generated_at,
                max_age: list.max_age,
            });
        }
        if age < -CLOCK_SKEW {
            return Err(KeepListError::Future(list.generated_at));
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> Option<String> {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let parsed = KeepList::parse(text.as_bytes(), Time::from(now));
        parsed.err().map(|error| error.to_string())
    }

    fn list(schema: &str, generated_at: &str, max_age: &str) -> String {
        format!(
            r#"{{"schema": "{schema}", "generated_at": "{generated_at}", "max_age": "{max_age}", "images": []}}"#
        )
    }

    #[test]
    fn a_list_holds_for_its_age_and_not_a_moment_longer() {
        assert_eq!(problem(&list(SCHEMA, "2026-11-20T12:00:00Z", "24h")), None);
        let stale = "it is stale: generated at 2026-11-20T11:59:59Z, for at most 24h";
        let future = "it was generated at 2026-11-21T12:05:01Z, which is still to come";
        for (generated_at, max_age, expected) in [
            ("2026-11-20T11:59:59Z", "24h", stale),
            ("2026-11-21T12:05:01Z", "24h", future),
            ("2026-11-21T12:00:00Z", "1y", "`max_age`: expected"),
            ("yesterday", "24h", "it is malformed"),
        ] {
            let problem = problem(&list(SCHEMA, generated_at, max_age)).unwrap();
            assert!(problem.starts_with(expected), "{problem}");
        }
    }

    #[test]
    fn nothing_else_is_a_list() {
        let good = list(SCHEMA, "2026-11-21T12:00:00Z", "1h");
        let newer = good.replace("list/1", "list/2");
        let schema = "it is of the schema `ecr-cleanup/keep-list/2`";
        for (text, expected) in [
            ("", "it is no keep list"),
            ("[]", "it is no keep list"),
            (r#"{"images": []}"#, "it is no keep list"),
            (&newer, schema),
            (&good.replace("images", "imgs"), "it is malformed"),
            (&good.replace("[]", "[1]"), "it is malformed"),
        ] {
            let problem = problem(text).unwrap();
            assert!(problem.starts_with(expected), "{problem}");
        }
    }
}
