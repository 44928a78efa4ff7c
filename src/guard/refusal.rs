//! Refusals: what stopped a run, why, and what to do next. They are read by a worried person at night.

use std::fmt;

use serde::Serialize;

use crate::{
    config::Service,
    image::AccountId,
    usage::{ACCOUNT, Coverage},
};

/// The name of a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// A source of use could not be read completely.
    SourceIncomplete,
    /// Nothing at all is in use.
    NoUsage,
    /// A source found much less than last time.
    UsageDrop,
    /// Deletion is not allowed at this time.
    ChangeWindow,
    /// Another run acts.
    Locked,
    /// This is not an account that was expected.
    WrongAccount,
    /// What earlier runs wrote down cannot be read, or nothing can be written down.
    StateUnreadable,
    /// The report of what would be deleted cannot be written.
    ReportUnwritable,
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SourceIncomplete => "source_incomplete",
            Self::NoUsage => "no_usage",
            Self::UsageDrop => "usage_drop",
            Self::ChangeWindow => "change_window",
            Self::Locked => "locked",
            Self::WrongAccount => "wrong_account",
            Self::StateUnreadable => "state_unreadable",
            Self::ReportUnwritable => "report_unwritable",
        })
    }
}

/// Why a run may not act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The guard that tripped.
    pub guard: Guard,
    /// What it saw.
    pub observed: String,
    /// Why that stops the run.
    pub why: &'static str,
    /// What to do next.
    pub next: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}. {} {}",
            self.guard, self.observed, self.why, self.next
        )
    }
}

impl Refusal {
    pub(crate) fn source_incomplete(coverage: &Coverage) -> Self {
        let Coverage {
            source,
            account,
            region,
            error,
            ..
        } = coverage;
        let error = error.as_deref().unwrap_or("no error was given");
        if *source == ACCOUNT {
            return Self {
                guard: Guard::SourceIncomplete,
                observed: format!("account {account} could not be entered in {region}: {error}"),
                why: "What is in use there is not known, so nothing is deleted anywhere.",
                next: "Do what the message says and run it again; `ecr-cleanup check-config --access` enters every role. An account that is taken out of the configuration is not read, and what it uses is not protected.".to_owned(),
            };
        }
        let next = if error.contains("AccessDenied") || error.contains("not authorized") {
            "Grant the action named above to the program's role and run it again.".to_owned()
        } else if coverage.cluster.is_some() {
            "Do what the message says and run it again; `ecr-cleanup check-config --access` prints every right that is missing.".to_owned()
        } else {
            let without = if Service::ALL.iter().any(|service| service.name() == *source) {
                format!("`in_use.services` without `{source}`")
            } else {
                format!("`in_use: {{{source}: false}}`")
            };
            format!(
                "Run it again if AWS was failing. If it stays, fix what the message names; {without} leaves {source} out, and its images unprotected."
            )
        };
        Self {
            guard: Guard::SourceIncomplete,
            observed: format!(
                "what `{source}` uses in {account} {region} could not be read completely: {error}"
            ),
            why: "An image that is in use may not have been seen, so nothing is deleted.",
            next,
        }
    }

    pub(crate) fn no_usage(coverage: &[Coverage]) -> Self {
        let sources: Vec<String> = coverage
            .iter()
            .map(|coverage| {
                format!(
                    "`{}` in {} {}",
                    coverage.source, coverage.account, coverage.region
                )
            })
            .collect();
        let sources = if sources.is_empty() {
            "no source, since all are off".to_owned()
        } else {
            sources.join(", ")
        };
        Self {
            guard: Guard::NoUsage,
            observed: format!("no image in ECR is in use anywhere (looked in: {sources})"),
            why: "That is more often a wrong account or Region than the truth, so nothing is deleted.",
            next: "Check where your workloads run. If nothing uses these images, set `guards: {allow_no_usage: true}`."
                .to_owned(),
        }
    }

    pub(crate) fn wrong_account(account: AccountId, expected: &[AccountId]) -> Self {
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

    pub(crate) fn usage_drop(
        source: &str,
        now: Option<usize>,
        before: usize,
        when: &str,
        limit: u8,
    ) -> Self {
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
            next: "Check with `ecr-cleanup in-use` that nothing is missing. If that much use has really ended, run it once with `guards: {max_usage_drop_percent: 100}`."
                .to_owned(),
        }
    }

    pub(crate) fn change_window(clock: &str, window: &str) -> Self {
        Self {
            guard: Guard::ChangeWindow,
            observed: format!("it is {clock}, outside the window {window}"),
            why: "Somebody wants to be around when images are deleted, so nothing is deleted now.",
            next: "Run it again inside the window, or move the schedule or `guards.change_window`."
                .to_owned(),
        }
    }

    pub(crate) fn locked(observed: &str, name: &str) -> Self {
        Self {
            guard: Guard::Locked,
            observed: observed.to_owned(),
            why: "Two runs at once could not keep the limits, so this one deletes nothing.",
            next: format!(
                "Wait for the other run. If it was killed, the lock ends by itself; to go on at once, make sure that no run is going on and delete `{name}`."
            ),
        }
    }

    pub(crate) fn state_unreadable(problem: &str) -> Self {
        let next = if problem.contains("AccessDenied") || problem.contains("not authorized") {
            "Grant `s3:GetObject`, `s3:PutObject` and, so that a missing object can be told from a forbidden one, `s3:ListBucket` on what `state` names.".to_owned()
        } else if problem.contains("cannot be used") {
            "See who wrote that object. An older version of this program must not follow a newer one; if the object is damaged, delete it, and what it remembered begins anew.".to_owned()
        } else {
            "Run it again if S3 was failing. If it stays, check the bucket and the key that `state` names.".to_owned()
        };
        Self {
            guard: Guard::StateUnreadable,
            observed: format!(
                "what earlier runs remembered, or what this one has to, is out of reach: {problem}"
            ),
            why: "Guards that depend on it cannot be judged, so nothing is deleted.",
            next,
        }
    }

    pub(crate) fn report_unwritable(problem: &str) -> Self {
        Self {
            guard: Guard::ReportUnwritable,
            observed: format!("the report could not be written: {problem}"),
            why: "Nobody could read afterwards what was deleted and why, so nothing is deleted.",
            next: "Grant `s3:PutObject` on what `report` names, or correct or leave out `report`."
                .to_owned(),
        }
    }
}
