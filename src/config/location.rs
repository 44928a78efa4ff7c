//! Locations in Amazon S3.

use std::{
    fmt::{self, Display, Formatter},
    str::FromStr,
};

use super::text::TextError;
use crate::{image::AccountId, policy::wildcard};

/// A bucket of Amazon S3.
///
/// A name that is given up can be taken by anybody. A call that names the owner it expects reaches
/// no other's bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Bucket {
    /// Its name.
    pub name: String,
    /// The account that owns it; `None` if that is not known.
    pub owner: Option<AccountId>,
}

/// Displays the bucket as in an address.
impl Display for S3Bucket {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(owner) = &self.owner {
            write!(f, "{owner}@")?;
        }
        f.write_str(&self.name)
    }
}

/// A bucket, and a prefix of keys in it that may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Location {
    /// The bucket.
    pub bucket: S3Bucket,
    /// The prefix, without a slash at either end.
    pub prefix: String,
}

impl S3Location {
    /// Returns the key of something below this location.
    #[must_use]
    pub fn key(&self, rest: &str) -> String {
        if self.prefix.is_empty() {
            rest.to_owned()
        } else {
            format!("{}/{rest}", self.prefix)
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, TextError> {
        let (bucket, prefix) = split(text, "`s3://BUCKET/PREFIX`")?;
        Ok(Self {
            bucket,
            prefix: prefix.trim_matches('/').to_owned(),
        })
    }
}

impl Display for S3Location {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

/// Objects in a bucket, by a key in which `*` stands for any part of a name between slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Objects {
    /// The bucket.
    pub bucket: S3Bucket,
    /// The key.
    pub key: String,
}

impl S3Objects {
    /// Returns the prefix of every key that matches.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.key.split('*').next().unwrap_or_default()
    }

    /// Returns whether it is one object, without a `*`.
    #[must_use]
    pub fn is_one(&self) -> bool {
        !self.key.contains('*')
    }

    /// Returns whether it includes the object of a key.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        let (patterns, names) = (self.key.split('/'), key.split('/'));
        patterns.clone().count() == names.clone().count()
            && patterns
                .zip(names)
                .all(|(pattern, name)| wildcard::matches(pattern, name))
    }

    /// Parses one object.
    ///
    /// # Errors
    /// Returns an error if the text names none, or several.
    pub fn one(text: &str) -> Result<Self, TextError> {
        let one = Self::parse(text).ok().filter(Self::is_one);
        one.ok_or_else(|| TextError::new("`s3://BUCKET/KEY` of one object", text))
    }

    pub(super) fn parse(text: &str) -> Result<Self, TextError> {
        let (bucket, key) = split(text, "`s3://BUCKET/KEY`")?;
        if key.is_empty() || key.ends_with('/') {
            let expected = "`s3://BUCKET/KEY`, with `*` for any part of a name";
            return Err(TextError::new(expected, text));
        }
        Ok(Self {
            bucket,
            key: key.to_owned(),
        })
    }
}

impl FromStr for S3Objects {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::parse(text)
    }
}

impl Display for S3Objects {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// Returns the bucket and what follows it.
fn split<'t>(text: &'t str, form: &'static str) -> Result<(S3Bucket, &'t str), TextError> {
    let rest = text.strip_prefix("s3://");
    let parts = rest.map(|rest| rest.split_once('/').unwrap_or((rest, "")));
    let parts = parts.and_then(|(bucket, rest)| {
        let (owner, name) = match bucket.split_once('@') {
            Some((owner, name)) => (Some(owner.parse().ok()?), name),
            None => (None, bucket),
        };
        let name = name.to_owned();
        Some((S3Bucket { name, owner }, rest))
    });
    let is_bucket = |bucket: &str| {
        let good =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        (3..=63).contains(&bucket.len()) && bucket.bytes().all(good)
    };
    let parts =
        parts.filter(|(bucket, key)| is_bucket(&bucket.name) && !key.chars().any(char::is_control));
    parts.ok_or_else(|| TextError::new(form, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_a_part_of_one_name() {
        let objects = S3Objects::parse("s3://bucket/in-use/*-prod*.json").unwrap();
        assert_eq!((objects.prefix(), objects.is_one()), ("in-use/", false));
        for (key, expected) in [
            ("in-use/a-prod.json", true),
            ("in-use/-prod-2.json", true),
            ("in-use/a/b-prod.json", false),
            ("in-use/a-test.json", false),
            ("in-use/a-prod.json.bak", false),
        ] {
            assert_eq!(objects.matches(key), expected, "{key}");
        }
        assert!(S3Objects::parse("s3://bucket/a.json").unwrap().is_one());
        for text in [
            "s3://bucket",
            "s3://bucket/",
            "s3://bucket/a/",
            "https://bucket/a",
            "s3:///a",
            "s3://BUCKET/a",
        ] {
            assert!(S3Objects::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_prefix_may_be_empty() {
        let key = |text| S3Location::parse(text).unwrap().key("x");
        assert_eq!(key("s3://bucket"), "x");
        assert_eq!(key("s3://bucket/"), "x");
        assert_eq!(key("s3://bucket/a/b/"), "a/b/x");
        assert!(S3Location::parse("bucket/a").is_err());
    }

    #[test]
    fn the_owner_of_a_bucket_may_be_written_before_it() {
        let text = "s3://222222222222@bucket/a";
        let location = S3Location::parse(text).unwrap();
        let owner = location.bucket.owner.map(|owner| owner.to_string());
        assert_eq!(owner.as_deref(), Some("222222222222"));
        assert_eq!(
            (location.bucket.name.as_str(), location.to_string()),
            ("bucket", text.to_owned())
        );
        for text in [
            "s3://@bucket/a",
            "s3://22@bucket/a",
            "s3://222222222222@/a",
            "s3://a@b@bucket/a",
        ] {
            assert!(S3Location::parse(text).is_err(), "{text}");
        }
    }
}
