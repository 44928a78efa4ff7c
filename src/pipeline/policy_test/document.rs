//! The form of policy tests, each part with its line.

use std::{collections::BTreeMap, fmt};

use jiff::SignedDuration;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_saphyr::{MessageFormatter, Spanned, UserMessageFormatter};

use crate::{config::duration, policy::RepositoryTags};

/// A document of policy tests is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct PolicyTestError {
    /// Line, from 1.
    pub line: u64,
    problem: String,
}

impl PolicyTestError {
    pub(super) fn new(line: u64, problem: impl Into<String>) -> Self {
        let problem = problem.into();
        Self { line, problem }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    tests: Vec<Written<Test>>,
}

/// A part of the document.
#[derive(Debug)]
pub(super) struct Written<T> {
    /// Line, from 1.
    pub(super) line: u64,
    pub(super) value: T,
}

/// A test: images of a repository, what uses them, and what becomes of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    pub(super) name: Option<String>,
    pub(super) repository: Written<String>,
    /// AWS tags of the repository.
    #[serde(default)]
    pub(super) repository_tags: RepositoryTags,
    pub(super) images: BTreeMap<String, Written<WrittenImage>>,
    #[serde(default)]
    pub(super) in_use: Vec<Written<String>>,
    pub(super) expect: BTreeMap<String, Written<Expected>>,
}

/// An image: its age alone, or more.
#[derive(Debug)]
pub(super) struct WrittenImage {
    /// Time since its push.
    pub(super) pushed: SignedDuration,
    /// Time since its last pull.
    pub(super) pulled: Option<SignedDuration>,
    /// Tags; `None` if its name is one.
    pub(super) tags: Option<Vec<String>>,
    pub(super) digest: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageFields {
    pushed: Age,
    pulled: Option<Age>,
    tags: Option<Vec<String>>,
    digest: Option<String>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Age(SignedDuration);

/// An expectation: `keep` or `delete`, or with a reason.
#[derive(Debug)]
pub(super) struct Expected {
    verdict: ExpectedVerdict,
    pub(super) reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ExpectedVerdict {
    Keep,
    Delete,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedFields {
    verdict: ExpectedVerdict,
    reason: Option<String>,
}

/// Reads the tests of a document.
pub(super) fn parse(text: &str) -> Result<Vec<Written<Test>>, PolicyTestError> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let document = serde_saphyr::from_str_with_options::<Document>(text, options);
    let document = document.map_err(|error| {
        let error = error.without_snippet();
        let message = UserMessageFormatter.format_message(error);
        let message: Vec<&str> = message.split_whitespace().collect();
        let line = error.location().map_or(1, |location| location.line());
        PolicyTestError::new(line, message.join(" ").trim_end_matches('.'))
    })?;
    if document.tests.is_empty() {
        return Err(PolicyTestError::new(1, "there is no test"));
    }
    Ok(document.tests)
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        Ok(Self {
            line: spanned.referenced.line(),
            value: spanned.value,
        })
    }
}

impl Expected {
    pub(super) fn is_kept(&self) -> bool {
        self.verdict == ExpectedVerdict::Keep
    }
}

impl TryFrom<String> for Age {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        duration(&text).map(Self).map_err(|error| error.to_string())
    }
}

impl<'de> Deserialize<'de> for WrittenImage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ImageVisitor)
    }
}

struct ImageVisitor;

impl<'de> Visitor<'de> for ImageVisitor {
    type Value = WrittenImage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the age of an image such as `30d`, or `{ pushed: 30d, ... }`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<WrittenImage, E> {
        Ok(WrittenImage {
            pushed: duration(text).map_err(E::custom)?,
            pulled: None,
            tags: None,
            digest: None,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenImage, A::Error> {
        let fields = ImageFields::deserialize(MapAccessDeserializer::new(map))?;
        Ok(WrittenImage {
            pushed: fields.pushed.0,
            pulled: fields.pulled.map(|age| age.0),
            tags: fields.tags,
            digest: fields.digest,
        })
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExpectedVisitor)
    }
}

struct ExpectedVisitor;

impl<'de> Visitor<'de> for ExpectedVisitor {
    type Value = Expected;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`keep`, `delete` or `{ verdict: keep, reason: NAME }`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Expected, E> {
        let verdict = match text {
            "keep" => ExpectedVerdict::Keep,
            "delete" => ExpectedVerdict::Delete,
            other => return Err(E::invalid_value(de::Unexpected::Str(other), &self)),
        };
        let reason = None;
        Ok(Expected { verdict, reason })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Expected, A::Error> {
        let fields = ExpectedFields::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Expected {
            verdict: fields.verdict,
            reason: fields.reason,
        })
    }
}
