//! Settings of the guards.

use jiff::{
    SignedDuration,
    civil::{Time, Weekday},
    tz::TimeZone,
};

use super::TrustedPullers;
use crate::image::AccountId;

/// Settings of the guards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guards {
    /// Accounts that the program may run in; empty for any account.
    pub expected_accounts: Vec<AccountId>,
    /// Whether a run may delete although no image was found to be in use.
    pub allow_no_usage: bool,
    /// Number of images that one run may delete.
    pub max_deletions_per_run: u64,
    /// Percentage, 0 to 100, of the images of a repository that one run may delete.
    pub max_percent_per_repository: u8,
    /// Percentage, 0 to 100, by which the references of a source may shrink from one run to the
    /// next.
    pub max_usage_drop_percent: u8,
    /// Number of references that a source must have lost besides.
    pub min_usage_drop: usize,
    /// Treatment of a repository from which an account may pull whose use is not read.
    pub unread_pull_accounts: UnreadPullers,
    /// Pullers of which nothing needs to be read.
    pub trusted_pullers: TrustedPullers,
    /// Treatment of candidates that somebody pulled.
    pub unexplained_pulls: PullGuard,
    /// Time for which an image must have been a candidate in every run before it is deleted.
    pub soak: SignedDuration,
    /// Age up to which evidence counts in a distributed run (A14).
    pub evidence_max_age: SignedDuration,
    /// Time of the week in which deletion is allowed; `None` for any time.
    pub change_window: Option<ChangeWindow>,
}

/// Treatment of a repository from which an account may pull whose use is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadPullers {
    /// It is left alone.
    Refuse,
    /// It is cleaned, with a warning.
    Warn,
}

/// Treatment of candidates that somebody pulled, though nothing is known to use them (U13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullGuard {
    /// Age up to which a pull counts.
    pub within: SignedDuration,
    /// What becomes of them.
    pub action: PullAction,
}

impl PullGuard {
    /// Returns the age up to which a pull keeps a candidate; `None` if it keeps none.
    #[must_use]
    pub fn kept_within(self) -> Option<SignedDuration> {
        (self.action == PullAction::Keep).then_some(self.within)
    }
}

/// What becomes of candidates that somebody pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullAction {
    /// They are counted, and the run warns.
    Warn,
    /// They are kept.
    Keep,
    /// Nothing, and they are not counted.
    Off,
}

/// Time of the week in which deletion is allowed, in the local time of a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeWindow {
    /// Time zone.
    pub timezone: TimeZone,
    /// Days on which it opens, in the order in which they were written.
    pub days: Vec<Weekday>,
    /// Time at which it opens.
    pub from: Time,
    /// Time at which it closes, on the next day if it is not later than `from`.
    pub to: Time,
}
