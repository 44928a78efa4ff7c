//! What a run counts while it works, for those who watch it: events of the log at level `trace`.

use strum::IntoStaticStr;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Counted {
    /// Repositories that are read.
    Repositories,
    /// Images that were found in them.
    Images,
    /// Sources of use that are read.
    Sources,
    /// Task definitions that are read.
    TaskDefinitions,
    /// Manifests that are read for their layers.
    Manifests,
    /// Candidates that are deleted or archived.
    Candidates,
}

impl Counted {
    /// Says that so many more are to be done.
    pub(crate) fn expect(self, more: usize) {
        self.log(more, 0);
    }

    /// Says that so many more are done.
    pub(crate) fn done(self, more: usize) {
        self.log(0, more);
    }

    fn log(self, expected: usize, done: usize) {
        let counted: &str = self.into();
        let (expected, done) = (expected as u64, done as u64);
        tracing::trace!(event = "progress", counted, expected, done);
    }
}
