//! Reports: the answer, the metrics, the logs and the notification of a run.

mod answer;
mod difference;
mod escape;
mod exact;
mod format;
mod gather;
mod handled;
mod html;
mod hygiene;
mod idle_definitions;
mod imported;
pub mod log;
mod merged;
mod merged_metrics;
mod metrics;
mod notify;
mod proposal;
mod publish;
mod saved_plan;
mod size;
mod summary;
mod totals;
mod verification;
mod warning;

pub use answer::{
    Answer, Bytes, Counts, FailureGroup, Held, Progress, RepositoryLine, Share, Status,
};
pub use difference::{Changed, Difference, Verdicts, VerdictsError};
pub use escape::Escaped;
pub use exact::{ExactBytes, ExactSizes};
pub use format::{Size, count, thousands, usd_a_month};
pub use gather::{Facts, gather};
pub(crate) use handled::handled;
pub use handled::{Handled, HandledImage};
pub use html::ExclusiveBytes;
pub(crate) use html::Page;
pub use hygiene::{Findings, Hygiene, MovedTag, PulledByTag};
pub use imported::{ImportedPolicies, ImportedPolicy};
pub(crate) use merged::{RegistryAnswer, RunAnswer, RunEnd};
pub(crate) use merged_metrics::{LocationMetrics, MergedEnd};
pub use metrics::{DISTRIBUTED_METRICS, Extent, METRICS, Metrics, NAMESPACE, Trigger};
pub(crate) use notify::notify;
pub use proposal::Proposal;
pub use publish::image_lines;
pub(crate) use publish::{Publication, PublishError, failed};
pub(crate) use saved_plan::ToSave;
pub use saved_plan::{AppliedPlan, SavedImage, SavedPlan, SavedPlanError};
pub(crate) use size::shortened;
pub use totals::{own_bytes, repository_lines};
pub use verification::Verification;
pub use warning::{Warning, WarningCode};

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
