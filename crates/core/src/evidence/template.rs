//! Names of images that a template, a script or an operator completes.

use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::{Words, text::PLACEHOLDERS};
use crate::image::{Digest, Tag};

/// Finds what a template, a script or an operator fills in, at the beginning of a text.
#[expect(
    clippy::expect_used,
    reason = "the expression is constant, and tests use it"
)]
static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?:\{\{[^}]*\}\}|[$%]?\{[^{}]*\}|\$\([^()]*\)|\$[A-Za-z_][A-Za-z0-9_]*|<[^<>]*>|%[a-z])",
    )
    .expect("an expression")
});

/// Returns whether a text goes on with what a template, a script or an operator fills in.
pub(super) fn begins_placeholder(text: &str) -> bool {
    text.starts_with(PLACEHOLDERS)
}

/// Returns the tag or digest that a text begins with, right behind a name.
pub(super) fn behind(text: &str) -> Option<Words> {
    if let Some(digest) = text.strip_prefix('@') {
        let digest: Digest = digest.get(..71)?.parse().ok()?;
        return Some(Arc::new([digest.to_string().into()].into()));
    }
    let text = text.strip_prefix(':')?;
    let is_tag = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let rest = text.trim_start_matches(is_tag);
    let tag = &text[..text.len() - rest.len()];
    if begins_placeholder(rest) && !tag.is_empty() {
        return Some(Arc::new([format!("{tag}*").into()].into()));
    }
    let trimmed = tag.trim_end_matches(['.', '_', '-']);
    Tag::new(tag).ok()?;
    Some(Arc::new([tag.into(), trimmed.into()].into()))
}

/// A name with a placeholder.
pub(super) enum Template {
    /// Anything may follow this beginning.
    Beginning(Box<str>),
    /// Texts before the first placeholder and behind the last one.
    Around((Box<str>, Box<str>)),
}

impl Template {
    /// Reads what follows a path, if that goes on with a placeholder, with the tag behind it.
    pub(super) fn read(path: &str, rest: &str) -> Option<(Self, Option<Words>)> {
        let literal = |text: &str| {
            let is_name =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._/-".contains(c);
            text.len() - text.trim_start_matches(is_name).len()
        };
        let (mut end, mut rest) = rest.split_at(literal(rest));
        let begin = format!("{path}{end}");
        let begin = begin.trim_start_matches('/');
        if !begins_placeholder(rest) {
            return None;
        }
        while begins_placeholder(rest) {
            let placeholder = PLACEHOLDER.find(rest);
            rest = &rest[placeholder.map_or(rest.len(), |it| it.end())..];
            (end, rest) = rest.split_at(literal(rest));
        }
        let is_open = end.is_empty() && (begin.is_empty() || begin.ends_with('/'));
        let name = if is_open {
            Self::Beginning(begin.into())
        } else {
            Self::Around((begin.into(), end.into()))
        };
        Some((name, behind(rest)))
    }
}
