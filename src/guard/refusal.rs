//! Refusals: what stopped a run, why, and what to do next. They are read by a worried person at night.

use std::fmt;

use serde::Serialize;

use crate::usage::Coverage;

/// The name of a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// A source of use could not be read completely.
    SourceIncomplete,
    /// Nothing at all is in use.
    NoUsage,
    /// This is not an account that was expected.
    WrongAccount,
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SourceIncomplete => "source_incomplete",
            Self::NoUsage => "no_usage",
            Self::WrongAccount => "wrong_account",
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
        write!(f, "{}: {}. {} {}", self.guard, self.observed, self.why, self.next)
    }
}

impl Refusal {
    pub(crate) fn source_incomplete(coverage: &Coverage) -> Self {
        let Coverage { source, account, region, error, .. } = coverage;
        let error = error.as_deref().unwrap_or("no error was given");
        let next = if error.contains("AccessDenied") || error.contains("not authorized") {
            "Grant the action named above to the program's role and run it again.".to_owned()
        } else if coverage.cluster.is_some() {
            "Do what the message says and run it again; `ecr-cleanup check-config --access` prints every right that is missing.".to_owned()
        } else {
            format!(
                "Run it again if AWS was failing. If it stays, fix what the message names; `in_use: {{{source}: false}}` leaves {source} out, and its images unprotected."
            )
        };
        Self {
            guard: Guard::SourceIncomplete,
            observed: format!("what `{source}` uses in {account} {region} could not be read completely: {error}"),
            why: "An image that is in use may not have been seen, so nothing is deleted.",
            next,
        }
    }

    pub(crate) fn no_usage(coverage: &[Coverage]) -> Self {
        let sources: Vec<String> = coverage
            .iter()
            .map(|coverage| format!("`{}` in {} {}", coverage.source, coverage.account, coverage.region))
            .collect();
        let sources = if sources.is_empty() { "no source, since all are off".to_owned() } else { sources.join(", ") };
        Self {
            guard: Guard::NoUsage,
            observed: format!("no image in ECR is in use anywhere (looked in: {sources})"),
            why: "That is more often a wrong account or Region than the truth, so nothing is deleted.",
            next: "Check where your workloads run. If nothing uses these images, set `guards: {allow_no_usage: true}`."
                .to_owned(),
        }
    }

    pub(crate) fn wrong_account(account: &str, expected: &[String]) -> Self {
        Self {
            guard: Guard::WrongAccount,
            observed: format!("this is account {account}; expected {}", expected.join(" or ")),
            why: "The configuration was written for another account, so nothing is deleted.",
            next: "Use that account's credentials, or add this one to `guards.expected_accounts`.".to_owned(),
        }
    }
}
