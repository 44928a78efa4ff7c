//! The answer of a run: one JSON document, read by people in the console and by programs.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{
    AppliedPlan, ExactBytes, Hygiene, Size, Warning, WarningCode,
    size::{Document, cut, cut_texts, fitted, put_incomplete_first},
    usd_a_month,
};
use crate::{
    config::Mode,
    evidence::{SourceStatus, Unread},
    guard::Refusal,
    plan::{Explanation, Missing, UnexplainedPulls},
    policy::Ceiling,
};

/// Answer of a run: what it did, or would do.
#[skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// The result in a few sentences.
    pub summary: String,
    /// The same without what the lists below say.
    #[serde(skip)]
    pub result: String,
    /// What they say of the storage that is freed.
    #[serde(skip)]
    pub(super) freed: String,
    /// End of the run.
    pub status: Status,
    /// The mode that was asked for.
    pub mode: Mode,
    /// The id of the run, in every line of its log.
    pub run_id: String,
    /// The version of the program.
    pub version: &'static str,
    /// The saved plan that it applied. `None` if there was none.
    pub saved_plan: Option<AppliedPlan>,
    /// Number of images, by outcome.
    pub counts: Counts,
    /// Compressed bytes. An upper bound, since images share layers.
    pub bytes: Bytes,
    /// Compressed bytes with each layer counted once. `None` unless requested.
    pub exact_bytes: Option<ExactBytes>,
    /// US dollars a month for the storage of the candidates, or of what was deleted.
    ///
    /// Archiving saves nothing: AWS charges the same for the archive, up to 150 TB.
    pub monthly_savings_usd: f64,
    /// The same for all that is to be deleted, whether or not it was.
    pub possible_monthly_savings_usd: f64,
    /// The usage sources that were read.
    pub in_use: Vec<SourceStatus>,
    /// What may use images and was not read, with the setting or permission that would read it.
    pub unread: Vec<Unread>,
    /// How far reading came. `None` if everything was read.
    pub progress: Option<Progress>,
    /// Reasons for which nothing may be deleted.
    pub refusals: Vec<Refusal>,
    /// The explanation of one image. `None` unless requested.
    pub explanation: Option<Explanation>,
    /// The repositories, those with the largest candidates first.
    pub repositories: Vec<RepositoryLine>,
    /// Repositories that are left alone since images of them may be used where something could not
    /// be read.
    pub held: Vec<Held>,
    /// Candidates that somebody pulled lately though nothing is known to use them, or what is kept
    /// for it, by repository.
    pub unexplained_pulls: Vec<UnexplainedPulls>,
    /// Images in use that cannot be pulled.
    pub missing: Vec<Missing>,
    /// Failures, by code.
    pub failures: Vec<FailureGroup>,
    /// Findings that need attention but stop nothing.
    pub warnings: Vec<Warning>,
    /// Tags and repositories that make it hard to know what runs.
    pub hygiene: Hygiene,
    /// The S3 URI of the full report. `None` if there is none.
    pub report: Option<String>,
    /// Number of entries that the lists above leave out.
    pub omitted: Omitted,
}

/// End of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing was to be changed: a dry run.
    Planned,
    /// Every candidate was deleted or archived.
    Completed,
    /// Some candidates could not be deleted or archived.
    CompletedWithFailures,
    /// Some candidates are left for the next run.
    Truncated,
    /// A guard refused the run.
    Refused,
}

/// Displays the status as in the JSON document.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Number of images, by outcome.
///
/// `candidates` = `deleted` + `archived` + `failed` + `untouched`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Repositories that were read.
    pub repositories: u64,
    /// Repositories of which something could not be read, deleted or archived.
    pub repositories_failed: u64,
    /// Distinct digests, including children and signatures.
    pub images: u64,
    /// Images that are kept.
    pub kept: u64,
    /// Images that are kept because they or their children are in use.
    pub in_use: u64,
    /// Artifacts that are kept because they are no images and attached to none (K8).
    pub artifacts: u64,
    /// Images that nothing keeps.
    pub candidates: u64,
    /// Candidates that this run deleted.
    pub deleted: u64,
    /// Candidates that this run archived.
    pub archived: u64,
    /// Archived images in use that this run restores. They are no candidates.
    pub restored: u64,
    /// Candidates that this run could not delete or archive.
    pub failed: u64,
    /// Candidates that this run did not touch.
    ///
    /// In a dry run all of them, else those that changed since the plan, no longer exist, or are
    /// left for the next run.
    pub untouched: u64,
}

/// Compressed bytes. An index counts as 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// Size of all images that were read.
    pub scanned: u64,
    /// Size of the candidates.
    pub candidates: u64,
    /// Size of what this run deleted.
    pub deleted: u64,
}

/// The images of a repository, by outcome.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RepositoryLine {
    /// The repository, with the host of its registry if there are several.
    pub name: String,
    /// The name of its policy. `None` if it has none.
    pub policy: Option<String>,
    /// The most that its policy lets a run do. `None` if that is what the run may do.
    pub mode: Option<Ceiling>,
    /// All images.
    pub images: u64,
    /// Images that are kept.
    pub kept: u64,
    /// Images that are kept because they are in use.
    pub in_use: u64,
    /// Images that nothing keeps.
    pub candidates: u64,
    /// Candidates that this run deleted.
    pub deleted: u64,
    /// Candidates that this run archived.
    pub archived: u64,
    /// Compressed bytes of all images.
    #[serde(skip)]
    pub bytes: u64,
    /// Tags of all images.
    #[serde(skip)]
    pub tags: u64,
    /// Compressed bytes of the candidates.
    pub candidate_bytes: u64,
    /// Reason for which nothing in it is deleted. `None` if it is cleaned.
    pub left_alone: Option<String>,
}

/// How far a run came that had no time to read everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Task definitions, which are read once if there is a state.
    pub task_definitions: Share,
}

/// A part of what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Number that was read, in this run or an earlier one.
    pub read: usize,
    /// Number that was found so far.
    pub of: usize,
}

/// A repository that is left alone since images of it may be used where something could not be
/// read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The repository, with the host of its registry if there are several.
    pub repository: String,
    /// Why it is left alone, and what to do.
    pub why: String,
    /// What could not be read.
    pub by: Vec<String>,
}

/// Failures with the same code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureGroup {
    /// ECR's failure code, the error code of the call, or a code of this program.
    pub code: String,
    /// The message of the first failure.
    pub message: String,
    /// Number of images. 0 if whole repositories failed.
    pub images: u64,
    /// The first repositories.
    pub repositories: Vec<String>,
}

/// Number of entries that each list leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Omitted {
    /// Entries of `in_use`. Those that are incomplete are left out last.
    pub in_use: usize,
    /// Entries of `unread`.
    pub unread: usize,
    /// Entries of `refusals`.
    pub refusals: usize,
    /// Entries of `repositories`.
    pub repositories: usize,
    /// Entries of `held`.
    pub held: usize,
    /// Entries of `unexplained_pulls`.
    pub unexplained_pulls: usize,
    /// Entries of `missing`.
    pub missing: usize,
    /// Entries of `failures`.
    pub failures: usize,
    /// Entries of `warnings`.
    pub warnings: usize,
}

impl Answer {
    pub(crate) fn warn(&mut self, code: WarningCode, message: String) {
        self.warnings.push(Warning::new(code, message));
    }

    /// Takes in the exact sizes, which the summary names from then on.
    pub fn set_exact(&mut self, bytes: ExactBytes, usd_per_gb_month: f64) {
        let mut freed = Size(bytes.candidates).to_string();
        if self.freed.contains('$') {
            let usd = usd_a_month(bytes.candidates, usd_per_gb_month);
            freed += &format!(", about ${usd:.2} a month");
        }
        for text in [&mut self.summary, &mut self.result] {
            *text = text.replace(&self.freed, &freed);
        }
        self.freed = freed;
        self.exact_bytes = Some(bytes);
    }

    /// Takes in the saved plan that was applied, which the summary says from then on.
    pub(crate) fn apply_saved(&mut self, saved: Option<AppliedPlan>) {
        if let Some(saved) = &saved {
            self.summary += &format!(" {saved}");
        }
        self.saved_plan = saved;
    }

    /// Returns the answer as JSON, with lists cut to fit the size limit.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        fitted(self)
    }
}

impl Document for Answer {
    fn cut(&mut self, most: usize) {
        put_incomplete_first(&mut self.in_use, most);
        self.omitted = Omitted {
            in_use: cut(&mut self.in_use, most),
            unread: cut(&mut self.unread, most),
            refusals: cut(&mut self.refusals, most),
            repositories: cut(&mut self.repositories, most),
            held: cut(&mut self.held, most),
            unexplained_pulls: cut(&mut self.unexplained_pulls, most),
            missing: cut(&mut self.missing, most),
            failures: cut(&mut self.failures, most),
            warnings: cut(&mut self.warnings, most),
        };
        self.hygiene.cap(most);
        for held in &mut self.held {
            cut_texts(&mut held.by, most);
        }
        for missing in &mut self.missing {
            cut_texts(&mut missing.users, most);
        }
        if let Some(explanation) = &mut self.explanation {
            cut_explanation(explanation, most);
        }
    }
}

fn cut_explanation(explanation: &mut Explanation, most: usize) {
    cut_texts(&mut explanation.tags, most);
    cut_texts(&mut explanation.because, most);
    cut(&mut explanation.also, most);
    for other in &mut explanation.also {
        cut_explanation(other, most / 10);
    }
}
