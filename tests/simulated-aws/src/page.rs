//! Paging: a token names the last key that was answered, and says so only to this fake.

use crate::error::ApiError;
use crate::input::text;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::ops::Bound;

/// One page that was asked for.
pub(crate) struct Paging {
    scope: String,
    after: Option<String>,
    limit: usize,
}

/// One page, and the token of the next.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_token: Option<String>,
}

impl Paging {
    /// Reads `nextToken` and `maxResults`. A token is good only within its `scope`.
    pub(crate) fn read(
        body: &Value,
        scope: impl Into<String>,
        default: usize,
        most: usize,
    ) -> Result<Self, ApiError> {
        let scope = scope.into();
        let limit = match body.get("maxResults").filter(|value| !value.is_null()) {
            None => default,
            Some(value) => value
                .as_u64()
                .and_then(|limit| usize::try_from(limit).ok())
                .filter(|limit| (1..=most).contains(limit))
                .ok_or_else(|| {
                    ApiError::invalid(format!(
                        "Invalid parameter at 'maxResults' failed to satisfy constraint: \
                         'Member must have value between 1 and {most}'"
                    ))
                })?,
        };
        let after = match text(body, "nextToken") {
            None => None,
            Some(token) => Some(open(&scope, token).ok_or_else(|| {
                ApiError::invalid("Invalid parameter at 'nextToken': the token is not valid")
            })?),
        };
        Ok(Self {
            scope,
            after,
            limit,
        })
    }

    /// Returns the key the page before ended with.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Returns where to begin in a map ordered by key.
    pub(crate) fn bounds(&self) -> (Bound<&str>, Bound<&str>) {
        let from = self
            .after
            .as_deref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        (from, Bound::Unbounded)
    }

    /// Cuts a page off items in key order that begin after the page before.
    pub(crate) fn take<K: AsRef<str>, T>(
        &self,
        mut items: impl Iterator<Item = (K, T)>,
    ) -> Page<T> {
        let mut page = Vec::new();
        let mut last = None;
        while page.len() < self.limit {
            let Some((key, item)) = items.next() else {
                return Page {
                    items: page,
                    next_token: None,
                };
            };
            page.push(item);
            last = Some(key);
        }
        let next_token = last
            .filter(|_| items.next().is_some())
            .map(|key| seal(&self.scope, key.as_ref()));
        Page {
            items: page,
            next_token,
        }
    }
}

fn seal(scope: &str, key: &str) -> String {
    let mut token = hex::encode(&mark(scope, key)[..8]);
    token.push_str(&hex::encode(key));
    token
}

fn open(scope: &str, token: &str) -> Option<String> {
    let (seal, key) = token.split_at_checked(16)?;
    let key = String::from_utf8(hex::decode(key).ok()?).ok()?;
    (seal == hex::encode(&mark(scope, &key)[..8])).then_some(key)
}

fn mark(scope: &str, key: &str) -> impl std::ops::Deref<Target = [u8]> + use<> {
    Sha256::new()
        .chain_update(scope)
        .chain_update([0])
        .chain_update(key)
        .finalize()
        .to_vec()
}
