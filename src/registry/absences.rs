//! Policies that a repository lately did not have, which are not asked for again within a week.

use crate::{
    aws::Operation,
    cache::{Finding, FindingCache, FindingKind},
    image::{RepositoryName, Time},
};

/// Policies that the repositories of a registry do not have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Absences<'a> {
    pub(super) findings: &'a FindingCache,
    pub(super) now: Time,
    /// Whether they are believed.
    pub(super) are_believed: bool,
}

impl Absences<'_> {
    /// Returns whether a repository lately had no such policy.
    pub(super) fn knows(self, operation: Operation, name: &RepositoryName) -> bool {
        let found = self.findings.get(&key(operation, name));
        let is_absence =
            |found: Finding| found.what == FindingKind::NoPolicy && found.is_fresh(self.now);
        self.are_believed && found.is_some_and(is_absence)
    }

    /// Remembers whether a repository has no such policy.
    pub(super) fn note(self, operation: Operation, name: &RepositoryName, is_absent: bool) {
        let key = key(operation, name);
        if is_absent {
            self.findings
                .learn(key, Finding::new(FindingKind::NoPolicy, self.now));
        } else if self.findings.get(&key).is_some() {
            self.findings
                .learn(key, Finding::new(FindingKind::HasPolicy, self.now));
        }
    }
}

fn key(operation: Operation, name: &RepositoryName) -> String {
    format!("{operation} {name}")
}
