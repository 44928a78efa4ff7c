//! What a run says: the answer, the metrics and the logs.

mod answer;
mod exact;
mod gather;
mod hygiene;
pub mod log;
mod metrics;
mod notify;
mod publish;

pub use answer::{Answer, Bytes, Counts, FailureGroup, RepositoryLine, Status};
pub use exact::ExactBytes;
pub use gather::{Facts, gather};
pub use hygiene::{Findings, Hygiene, MovedTag, PulledByTag};
pub use metrics::{METRICS, Metrics, NAMESPACE};
pub(crate) use notify::notify;
pub use publish::image_lines;
pub(crate) use publish::{Publication, failed};

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
