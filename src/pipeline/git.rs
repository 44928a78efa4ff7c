//! Git histories of the policies, and warnings about those that are not believed (K14).

use std::collections::BTreeMap;

use super::Program;
use crate::{
    plan::{LeftAlone, Plan, first_of},
    policy::{
        Policies,
        git::{DocumentSizes, HistoryError},
    },
    report::{Warning, WarningCode, count},
    sources::git,
    state::State,
};

/// The most repositories that a warning names.
const NAMED: usize = 5;

/// The policies of a run.
pub(super) struct Histories {
    /// Policies, each with the Git history that it asks for.
    pub(super) policies: Policies,
    /// Sizes of the documents that were accepted, if they are to be written down.
    pub(super) changed: Option<DocumentSizes>,
}

impl Histories {
    /// Returns policies without the histories that they ask for.
    pub(super) const fn unread(policies: Policies) -> Self {
        Self {
            policies,
            changed: None,
        }
    }
}

impl Program {
    /// Reads the Git histories that the policies ask for.
    pub(super) async fn histories(&self, state: Option<&State>) -> Histories {
        let policies = &self.config.policies;
        if policies.all.iter().all(|policy| policy.git().is_none()) {
            return Histories::unread(policies.clone());
        }
        let last = match state {
            Some(state) => state.documents().await,
            None => Ok(DocumentSizes::new()),
        };
        let last = last.map_err(|error| HistoryError::Unreadable(error.to_string()));
        let policies = git::with_histories(policies, &self.clients, &last, self.now()).await;
        let accepted = git::accepted(&policies);
        let is_known = |(key, sizes)| last.as_ref().is_ok_and(|last| last.get(key) == Some(sizes));
        let is_new = !accepted.iter().all(is_known);
        Histories {
            policies,
            changed: is_new.then_some(accepted),
        }
    }
}

/// Returns a warning for each Git history that is not believed.
pub(super) fn unbelieved(plan: &Plan) -> Vec<Warning> {
    let mut left_alone: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for repository in plan.repositories() {
        if let Some(why @ LeftAlone::Git { .. }) = repository.left_alone() {
            let policy = repository.policy().unwrap_or_default();
            let titles = left_alone.entry(format!("policies[{policy}]: {why}"));
            titles
                .or_default()
                .push(format!("`{}`", repository.title()));
        }
    }
    let warning = |(why, titles): (String, Vec<String>)| {
        let count = count(titles.len() as u64, "repository is", "repositories are");
        let named = first_of(&titles, NAMED);
        let message = format!("{why}; {count} left alone: {named}");
        Warning::new(WarningCode::GitDocument, message)
    };
    left_alone.into_iter().map(warning).collect()
}
