//! The one reason by which a page groups an image, of all that its verdict has.

use std::borrow::Cow;

use serde::Serialize;

use crate::plan::{DeleteReason, KeepReason, PlannedImage, RepositoryPlan, Verdict};

/// The most steps from a part to what it belongs to.
const DEPTH: usize = 8;

/// Reason of a group of images.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub(crate) struct Reason {
    pub(super) kind: Kind,
    pub(super) text: Cow<'static, str>,
}

/// What becomes of a group of images, and why in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Delete,
    InUse,
    Rule,
    LeftAlone,
    Other,
}

impl Reason {
    pub(super) fn new(kind: Kind, text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        Self { kind, text }
    }

    /// Returns the reason of an image. What is kept or deleted with an image it belongs to has the
    /// reason of that one.
    pub(super) fn of(repository: &RepositoryPlan, planned: PlannedImage<'_>) -> Self {
        let mut verdict = planned.verdict;
        for _ in 0..DEPTH {
            match whole(repository, verdict) {
                Some(whole) => verdict = whole.verdict,
                None => break,
            }
        }
        match verdict {
            Verdict::Keep(reasons) => {
                first(reasons).map_or_else(|| Self::new(Kind::Other, "kept"), kept)
            }
            Verdict::Delete(reason) => Self::new(Kind::Delete, deleted(reason)),
        }
    }
}

/// Returns the image that another one is kept or deleted with.
fn whole<'a>(repository: &'a RepositoryPlan, verdict: &Verdict) -> Option<PlannedImage<'a>> {
    let digest = match verdict {
        Verdict::Keep(reasons) => match first(reasons)? {
            KeepReason::HasPartInUse { part } => part,
            KeepReason::PartOf { index, .. } => index,
            KeepReason::RefersTo { subject, .. } => subject,
            _ => return None,
        },
        Verdict::Delete(DeleteReason::PartOf { index, .. }) => index,
        Verdict::Delete(DeleteReason::RefersTo { subject, .. }) => subject,
        Verdict::Delete(_) => return None,
    };
    let whole = repository.image(digest)?;
    (whole.verdict.deletes() == verdict.deletes()).then_some(whole)
}

/// Returns the reason to keep an image that says most: its own use before that of its parts, and
/// anything of its own before what it belongs to.
fn first(reasons: &[KeepReason]) -> Option<&KeepReason> {
    reasons.iter().min_by_key(|reason| match reason {
        KeepReason::InUse(_) => 0,
        KeepReason::HasPartInUse { .. } => 1,
        KeepReason::RepositoryInUse { .. } => 2,
        KeepReason::RepositoryLeftAlone => 3,
        KeepReason::PartOf { .. } => 5,
        KeepReason::RefersTo { .. } => 6,
        _ => 4,
    })
}

fn kept(reason: &KeepReason) -> Reason {
    match reason {
        KeepReason::InUse(in_use) => {
            Reason::new(Kind::InUse, format!("in use by {}", in_use.user.kind))
        }
        KeepReason::HasPartInUse { .. } => Reason::new(Kind::InUse, "a part of it is in use"),
        KeepReason::RepositoryInUse { .. } => {
            Reason::new(Kind::InUse, "its repository is used without a tag")
        }
        KeepReason::RepositoryLeftAlone => Reason::new(Kind::LeftAlone, "left alone"),
        KeepReason::Rule { rule, .. } => Reason::new(Kind::Rule, named(rule)),
        KeepReason::NoVersion { rule, .. } => {
            Reason::new(Kind::Rule, format!("{}, without a version", named(rule)))
        }
        other => Reason::new(Kind::Other, name(other)),
    }
}

fn deleted(reason: &DeleteReason) -> Cow<'static, str> {
    match reason {
        DeleteReason::Superseded { rule, .. } => format!("beyond {}", named(rule)).into(),
        DeleteReason::NoRule => "no rule keeps it".into(),
        DeleteReason::Untagged => "untagged".into(),
        DeleteReason::PartOf { .. } | DeleteReason::RefersTo { .. } => {
            "belongs to an image that is deleted".into()
        }
        DeleteReason::Orphan { .. } => "belongs to an image that no longer exists".into(),
        DeleteReason::Archived { .. } => "archived long ago".into(),
    }
}

/// Returns what a rule is called; one without a name is called `rule 2` already.
fn named(rule: &str) -> String {
    match rule.strip_prefix("rule ") {
        Some(_) => rule.to_owned(),
        None => format!("rule {rule}"),
    }
}

/// Returns the name of a reason, `no_push_time` for instance, as words.
fn name(reason: &KeepReason) -> String {
    let value = serde_json::to_value(reason).unwrap_or_default();
    let name = value["reason"].as_str().unwrap_or("kept");
    name.replace('_', " ")
}
