//! The grammar of `guards`: what makes a run refuse or stop.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use strum::VariantArray;

use super::form;
use crate::{
    config::{
        duration::Duration,
        scalar::{self, List},
    },
    guard,
};

/// What becomes of a repository from which an account may pull whose use is not read.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(remote = "guard::UnreadPullers", rename_all = "lowercase")]
#[schemars(inline)]
enum UnreadPullers {
    /// It is left alone.
    Refuse,
    /// It is cleaned, with a warning.
    Warn,
}

/// What becomes of candidates that somebody pulled, though nothing is known to use them.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(remote = "guard::PullAction", rename_all = "lowercase")]
#[schemars(inline)]
enum PullAction {
    /// They are counted and listed, with a warning.
    Warn,
    /// They are kept.
    Keep,
    /// Nothing.
    Off,
}

/// Candidates that somebody pulled, though nothing is known to use them: a sign of use that is not
/// read.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `within` and `action`"
)]
pub(in crate::config) struct UnexplainedPulls {
    /// How long ago the pull was at most. Default: 14d.
    pub(in crate::config) within: Duration,
    /// What becomes of them: there is a warning (`warn`), they are kept (`keep`), or nothing (`off`).
    /// Default: `warn`.
    #[serde(with = "PullAction")]
    pub(in crate::config) action: guard::PullAction,
}

/// What makes a run refuse or stop.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping of guards")]
pub(in crate::config) struct Guards {
    /// Account ids, 12 digits each, in quotes: refuse to run in any other. Default: whatever
    /// account it is.
    #[schemars(inner(regex(pattern = form::ACCOUNT)))]
    pub(in crate::config) expected_accounts: List<String>,
    /// Delete although no use of any image was found. Default: false.
    pub(in crate::config) allow_no_usage: bool,
    /// Images one run may delete; the next run continues. 0 deletes nothing. Default: 10000.
    #[serde(deserialize_with = "scalar::limit")]
    pub(in crate::config) max_deletions_per_run: u64,
    /// Percentage, 0 to 100, of a repository's images that one run may delete; a repository with
    /// more to delete is skipped. Default: 100.
    #[serde(deserialize_with = "scalar::percent")]
    #[schemars(range(min = 0, max = 100))]
    pub(in crate::config) max_percent_per_repository: u8,
    /// Percentage, 0 to 100, by which use may shrink, in any one source, from one run to the next.
    /// Needs `state`. Default: 50.
    #[serde(deserialize_with = "scalar::percent")]
    #[schemars(range(min = 0, max = 100))]
    pub(in crate::config) max_usage_drop_percent: u8,
    /// References that a source must have lost besides that percentage. Default: 3.
    #[serde(deserialize_with = "scalar::limit")]
    pub(in crate::config) min_usage_drop: u64,
    /// Candidates that somebody pulled, though nothing is known to use them.
    pub(in crate::config) unexplained_pulls: UnexplainedPulls,
    /// How long an image must have been a candidate in every run before it is deleted. Needs
    /// `state`. Default: 0d.
    pub(in crate::config) soak: Duration,
    /// Age up to which evidence counts in a distributed run, from when reading began. Default: 30m.
    pub(in crate::config) evidence_max_age: Duration,
    /// What becomes of a repository from which an account may pull whose use is not read, as its
    /// policy says, or whose deletions are repeated in such an account by replication: it is left
    /// alone (`refuse`), or there is a warning and no more (`warn`). Default: `refuse`.
    #[serde(with = "UnreadPullers")]
    pub(in crate::config) unread_pull_accounts: guard::UnreadPullers,
    /// Who may pull without being read, since nothing of it needs protection: account ids,
    /// organization ids (`o-example`), services (`codebuild.amazonaws.com`), ARNs and paths of an
    /// organization exactly as policies write them, or `*` for anybody whom a policy lets in without
    /// naming an account. Default: none.
    #[schemars(inner(regex(pattern = form::PULLER)))]
    pub(in crate::config) trusted_pullers: List<String>,
    /// When deletion is allowed. Default: always.
    pub(in crate::config) change_window: Option<ChangeWindow>,
}

/// When deletion is allowed, in local time. All four keys are written.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `timezone`, `days`, `from` and `to`"
)]
#[schemars(extend("x-required" = ["timezone", "days", "from", "to"]))]
pub(in crate::config) struct ChangeWindow {
    /// The IANA name of the time zone, such as `Europe/Berlin`.
    pub(in crate::config) timezone: Option<String>,
    /// Days of the week on which it opens.
    #[schemars(length(min = 1))]
    pub(in crate::config) days: Option<List<Day>>,
    /// When it opens, as `"HH:MM"`.
    #[schemars(regex(pattern = form::TIME))]
    pub(in crate::config) from: Option<String>,
    /// When it closes, as `"HH:MM"`; on the day after, where that is not later than `from`.
    #[schemars(regex(pattern = form::TIME))]
    pub(in crate::config) to: Option<String>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, VariantArray)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}
