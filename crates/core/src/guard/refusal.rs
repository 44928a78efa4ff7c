//! Refusals: what stopped a run, why, and what to do next. They are read by a worried person at
//! night.

use std::{fmt, sync::Arc};

use serde::Serialize;
use strum::Display;

use super::{ChangeWindow, Guards, usage_counts};
use crate::{
    evidence::{Gap, SourceError, SourceStatus},
    image::{AccountId, Registry, Time},
    plan::first_of,
};

/// Sources that `in_use: {SOURCE: false}` switches off; the others are named in `in_use.services`.
const WITH_A_SWITCH: [&str; 4] = ["cloudformation", "ecs", "eks", "lambda"];
/// Sources that `in_use: {SOURCE: []}` lists.
const LISTED: [&str; 2] = ["keep_lists", "kubernetes"];

/// Name of a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Guard {
    /// A source could not be read completely.
    SourceIncomplete,
    /// No image was found to be in use.
    NoUsage,
    /// A source found much less than in the last run.
    UsageDrop,
    /// Deletion is not allowed at this time.
    ChangeWindow,
    /// Another run is deleting.
    Locked,
    /// The account is not one that is expected.
    WrongAccount,
    /// The state of earlier runs cannot be read, or that of this one cannot be written.
    StateUnreadable,
    /// The report cannot be written.
    ReportUnwritable,
    /// A person stopped deletion.
    Stopped,
}

impl Guard {
    /// Returns whether it stops the restoring of images too, which takes away nothing (A7).
    #[must_use]
    pub const fn stops_restoring(self) -> bool {
        match self {
            Self::Locked | Self::WrongAccount | Self::StateUnreadable | Self::Stopped => true,
            Self::SourceIncomplete
            | Self::NoUsage
            | Self::UsageDrop
            | Self::ChangeWindow
            | Self::ReportUnwritable => false,
        }
    }
}

/// Reason for which a run may not delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Guard.
    pub guard: Guard,
    /// Observation.
    pub observed: String,
    /// Reason for which the observation stops the run.
    pub why: &'static str,
    /// Advice.
    pub next: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.guard, self.sentences())
    }
}

impl Refusal {
    /// Returns what was observed, why that refuses a run, and what to do.
    #[must_use]
    pub fn sentences(&self) -> String {
        // What AWS says may end with a full stop.
        let observed = self.observed.trim_end_matches('.');
        format!("{observed}. {} {}", self.why, self.next)
    }
}

/// Kind of a failure to use the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateProblem {
    /// The program's role lacks a permission.
    AccessDenied,
    /// An object is damaged, or another version wrote it.
    Unusable,
    /// A call failed.
    Failed,
}

impl Refusal {
    /// Creates the refusal for a source, if it is incomplete.
    #[must_use]
    pub fn source_incomplete(status: &SourceStatus) -> Option<Self> {
        let error = status.error()?;
        let SourceStatus {
            source, location, ..
        } = status;
        if status.is_listing() {
            return Some(Self::unlisted(error));
        }
        if matches!(error, SourceError::Unreachable(_)) {
            return Some(Self::unreachable(status, error));
        }
        let next = match error {
            SourceError::Cluster {
                advice: Some(advice),
                ..
            } => format!(
                "Do this and run it again: {advice}. `ecr-cleanup check-config --access` tries every other kind too."
            ),
            SourceError::AccessDenied(_) => {
                "Grant the action named above to the program's role and run it again.".to_owned()
            }
            SourceError::OutOfTime => {
                "Run it again, or give it more time; with `state`, the next run goes on where this one ended.".to_owned()
            }
            SourceError::Gap(Gap::NotInSnapshot(_)) => {
                "A run reads it, so only this plan lacks it.".to_owned()
            }
            SourceError::Gap(_) => {
                "Run it again, so that everything is read anew. Evidence that an account publishes is written by its own runs: see why the last one did not.".to_owned()
            }
            _ if status.cluster.is_some() => {
                "Do what the message says, or if the cluster was only failing for a while, nothing, and run it again; `ecr-cleanup check-config --access` prints every permission that is missing.".to_owned()
            }
            _ => {
                let without = if WITH_A_SWITCH.contains(source) {
                    format!("`in_use: {{{source}: false}}`")
                } else if LISTED.contains(source) {
                    format!("`in_use.{source}` without it")
                } else {
                    format!("`in_use.services` without `{source}`")
                };
                format!(
                    "Run it again if AWS was failing. If it stays, fix what the message names; {without} leaves {source} out, and its images unprotected."
                )
            }
        };
        let problem = error.problem();
        Some(Self {
            guard: Guard::SourceIncomplete,
            observed: format!(
                "what `{source}` uses in {location} could not be read completely: {problem}"
            ),
            why: "An image that is in use may not have been seen, so nothing is deleted.",
            next,
        })
    }

    fn unlisted(error: &SourceError) -> Self {
        Self {
            guard: Guard::SourceIncomplete,
            observed: format!("the accounts of the organization could not be listed: {error}"),
            why: "What is in use in them is not known, so nothing is deleted.",
            next: "Do what the message says and run it again. Without `in_use.organization` none of them is read for it, and what they use is not protected.".to_owned(),
        }
    }

    fn unreachable(status: &SourceStatus, error: &SourceError) -> Self {
        let (account, region) = (status.location.account, &status.location.region);
        Self {
            guard: Guard::SourceIncomplete,
            observed: format!("account {account} could not be reached in {region}: {error}"),
            why: "What is in use there is not known, so nothing is deleted anywhere.",
            next: "Do what the message says and run it again; `ecr-cleanup check-config --access` assumes every role. An account that is taken out of the configuration is not read, and what it uses is not protected.".to_owned(),
        }
    }

    /// Creates the refusal for a run that found nothing in use of the registries that it cleans.
    #[must_use]
    pub fn no_usage(registries: &[Arc<Registry>], sources: &[SourceStatus]) -> Self {
        let registries: Vec<String> = registries.iter().map(|it| it.host()).collect();
        let registries = registries.join(" or ");
        let sources: Vec<String> = sources
            .iter()
            .map(|status| format!("`{}` in {}", status.source, status.location))
            .collect();
        let sources = if sources.is_empty() {
            "no source, since all are off".to_owned()
        } else {
            first_of(&sources, 10)
        };
        Self {
            guard: Guard::NoUsage,
            observed: format!("no image of {registries} is in use anywhere (looked in: {sources})"),
            why: "That is more often a wrong account or Region than the truth, so nothing is deleted.",
            next: "Check where your workloads run. A host that stands for the registry belongs into `registry_aliases`. If nothing uses these images, set `guards: {allow_no_usage: true}`."
                .to_owned(),
        }
    }

    /// Creates the refusal for an account that is not expected.
    #[must_use]
    pub fn wrong_account(account: AccountId, expected: &[AccountId]) -> Self {
        Self {
            guard: Guard::WrongAccount,
            observed: format!(
                "this is account {account}; expected {}",
                expected
                    .iter()
                    .map(|account| &**account)
                    .collect::<Vec<_>>()
                    .join(" or ")
            ),
            why: "The configuration was written for another account, so nothing is deleted.",
            next: "Use that account's credentials, or add this one to `guards.expected_accounts`."
                .to_owned(),
        }
    }

    /// Creates the refusal for a source that found much less than before.
    #[must_use]
    pub fn usage_drop(
        source: &str,
        now: Option<usize>,
        before: usize,
        when: &str,
        guards: &Guards,
    ) -> Self {
        let limit = guards.max_usage_drop_percent;
        let name = usage_counts::name(source);
        let now = match now {
            Some(now) => format!("found {now} references to images"),
            None => "is not read any more".to_owned(),
        };
        Self {
            guard: Guard::UsageDrop,
            observed: format!(
                "`{source}` {now}, and found {before} {when}; `guards.max_usage_drop_percent` allows a drop of {limit} %"
            ),
            why: "So much use seldom ends at once: a missing permission or a wrong configuration looks the same, so nothing is deleted.",
            next: format!(
                "Check with `ecr-cleanup in-use` that nothing is missing. If that much use has really ended, accept it with `ecr-cleanup accept-use {name}`."
            ),
        }
    }

    /// Creates the refusal for a time outside the change window.
    #[must_use]
    pub fn change_window(window: &ChangeWindow, now: Time) -> Self {
        let time = window.local_time(now);
        Self {
            guard: Guard::ChangeWindow,
            observed: format!("it is {time}, outside the window {window}"),
            why: "Somebody wants to be around when images are deleted, so nothing is deleted now.",
            next: "Run it again inside the window, or move the schedule or `guards.change_window`."
                .to_owned(),
        }
    }

    /// Creates the refusal for a lock that another run holds; `name` is that of its object.
    #[must_use]
    pub fn locked(observed: &str, name: &str) -> Self {
        Self {
            guard: Guard::Locked,
            observed: observed.to_owned(),
            why: "Two runs at once could not keep the limits, so this one deletes nothing.",
            next: format!(
                "Wait for the other run. If it was killed, the lock ends by itself; to go on at once, make sure that no run is going on and delete `{name}`."
            ),
        }
    }

    /// Creates the refusal for state that cannot be used.
    #[must_use]
    pub fn state_unreadable(kind: StateProblem, error: &impl fmt::Display) -> Self {
        let next = match kind {
            StateProblem::AccessDenied => {
                "Grant `s3:GetObject`, `s3:PutObject` and, so that a missing object can be told from a forbidden one, `s3:ListBucket` on what `state` names. If its bucket belongs to another account, write that too: `state: s3://ACCOUNT@BUCKET/PREFIX`."
            }
            StateProblem::Unusable => {
                "See who wrote that object. An older version of this program must not follow a newer one; if the object is damaged, delete it, and what it remembered begins anew."
            }
            StateProblem::Failed => {
                "Run it again if S3 was failing. If it stays, check the bucket and the key that `state` names."
            }
        };
        Self {
            guard: Guard::StateUnreadable,
            observed: format!(
                "what earlier runs remembered, or what this one has to, is out of reach: {error}"
            ),
            why: "Guards that depend on it cannot be evaluated, so nothing is deleted.",
            next: next.to_owned(),
        }
    }

    /// Creates the refusal for a stop that a person wrote; `text` is what it holds.
    #[must_use]
    pub fn stopped(address: &str, text: &str) -> Self {
        let text = if text.is_empty() {
            String::new()
        } else {
            format!(": {text}")
        };
        Self {
            guard: Guard::Stopped,
            observed: format!("`{address}` stops deletion{text}"),
            why: "Somebody does not want images to be deleted now, so nothing more is deleted.",
            next: "When the reason is gone, `ecr-cleanup go` removes it.".to_owned(),
        }
    }

    /// Creates the refusal for a report that cannot be written.
    #[must_use]
    pub fn report_unwritable(problem: &impl fmt::Display) -> Self {
        Self {
            guard: Guard::ReportUnwritable,
            observed: format!("the report could not be written: {problem}"),
            why: "Nobody could read afterwards what was deleted and why, so nothing is deleted.",
            next: "Grant `s3:PutObject` on what `report` names, or correct or leave out `report`."
                .to_owned(),
        }
    }
}
