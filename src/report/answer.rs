//! The answer: one JSON document, read by people in the console and by programs.

use std::fmt;

use serde::Serialize;

use super::{ExactBytes, Hygiene};
use crate::{
    config::Mode,
    guard::Refusal,
    plan::{Explanation, Missing},
    usage::Coverage,
};

/// The most bytes of an answer, so that it fits wherever answers go.
const MAX_BYTES: usize = 200_000;
/// The most entries of a list in an answer.
pub(super) const CAP: usize = 50;

/// What a run did, or would do.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// Everything in a sentence or two.
    pub summary: String,
    /// How it ended.
    pub status: Status,
    /// What it was to do.
    pub mode: Mode,
    /// The run's own id, in every line it logs.
    pub run_id: String,
    /// The version of the program.
    pub version: &'static str,
    /// Images, by what became of them.
    pub counts: Counts,
    /// Compressed bytes, an upper bound of what is stored, since images share layers.
    pub bytes: Bytes,
    /// The same with each layer counted once, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact_bytes: Option<ExactBytes>,
    /// What the candidates' storage costs a month in US dollars; of what was deleted, if the run acted. Archiving is no
    /// saving: AWS charges the same for the archive, up to 150 TB.
    pub monthly_savings_usd: f64,
    /// Where use was looked for.
    pub in_use: Vec<Coverage>,
    /// Why the run may not act.
    pub refusals: Vec<Refusal>,
    /// What was asked to be explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// The repositories with the most to gain.
    pub repositories: Vec<RepositoryLine>,
    /// Images in use that cannot be pulled.
    pub missing: Vec<Missing>,
    /// What could not be done, by its reason.
    pub failures: Vec<FailureGroup>,
    /// What somebody should look at.
    pub warnings: Vec<String>,
    /// What makes it hard to say what runs.
    pub hygiene: Hygiene,
    /// Where the full report is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// How many entries the lists above leave out.
    pub omitted: Omitted,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A dry run.
    Planned,
    /// Everything was done.
    Completed,
    /// Everything was tried, and some of it failed.
    CompletedWithFailures,
    /// Some of it is left for the next run.
    Truncated,
    /// A guard refused to let it act.
    Refused,
}

/// As it stands in the answer.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Images, by what became of them. `candidates` = `deleted` + `archived` + `failed` + `untouched`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Repositories that were read.
    pub repositories: u64,
    /// Distinct digests, children and signatures included.
    pub images: u64,
    /// Those that stay.
    pub kept: u64,
    /// Those that stay since they, or a part of them, are in use.
    pub in_use: u64,
    /// Those that stay since they are no images and belong to none (K8).
    pub artifacts: u64,
    /// Those that nobody needs.
    pub candidates: u64,
    /// Those that this run deleted.
    pub deleted: u64,
    /// Those that this run archived.
    pub archived: u64,
    /// Those that it tried to delete or archive without success.
    pub failed: u64,
    /// Candidates that it did not touch: in a dry run all, else those that changed meanwhile, were gone already, or
    /// are left for the next run.
    pub untouched: u64,
}

/// Compressed bytes. An index counts nothing itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// Of everything that was read.
    pub scanned: u64,
    /// Of what nobody needs.
    pub candidates: u64,
    /// Of what this run deleted.
    pub deleted: u64,
}

/// What happens to the images of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepositoryLine {
    /// Its name, with its host where there are several registries.
    pub name: String,
    /// All its images.
    pub images: u64,
    /// Those that stay.
    pub kept: u64,
    /// Those that stay since they are in use.
    pub in_use: u64,
    /// Those that nobody needs.
    pub candidates: u64,
    /// Those that this run deleted.
    pub deleted: u64,
    /// Those that this run archived.
    pub archived: u64,
    /// Compressed bytes of those that nobody needs.
    pub candidate_bytes: u64,
    /// Why nothing of it is deleted, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_alone: Option<String>,
}

/// Failures of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureGroup {
    /// The code: ECR's, that of the call, or this program's own.
    pub code: String,
    /// What was said of the first of them.
    pub message: String,
    /// How many images it concerns; 0 where it concerns whole repositories.
    pub images: u64,
    /// The repositories, the first few.
    pub repositories: Vec<String>,
}

/// How many entries a list leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Omitted {
    /// Of `repositories`.
    pub repositories: usize,
    /// Of `missing`.
    pub missing: usize,
    /// Of `failures`.
    pub failures: usize,
    /// Of `warnings`.
    pub warnings: usize,
}

impl Answer {
    /// The answer as JSON, with lists short enough for its greatest size.
    #[must_use]
    pub fn to_json(mut self) -> serde_json::Value {
        let mut cap = CAP;
        self.cap(cap);
        loop {
            let json = serde_json::to_value(&self)
                .unwrap_or_else(|error| serde_json::json!({"summary": error.to_string()}));
            if cap == 0 || json.to_string().len() <= MAX_BYTES {
                return json;
            }
            cap /= 2;
            self.cap(cap);
        }
    }

    fn cap(&mut self, cap: usize) {
        fn cut<T>(list: &mut Vec<T>, cap: usize, omitted: &mut usize) {
            *omitted += list.len().saturating_sub(cap);
            list.truncate(cap);
        }
        cut(&mut self.repositories, cap, &mut self.omitted.repositories);
        cut(&mut self.missing, cap, &mut self.omitted.missing);
        cut(&mut self.failures, cap, &mut self.omitted.failures);
        cut(&mut self.warnings, cap, &mut self.omitted.warnings);
        self.hygiene.cap(cap);
        for missing in &mut self.missing {
            missing.users.truncate(cap);
        }
    }
}
