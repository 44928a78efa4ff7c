//! What there is to call in a service, as data: one file a service, in `tables`.
//!
//! A step is a call for a list, or for one thing, and what follows for each item of its answer. The
//! files are compared with the services' own models by a test, so that no name in them is only
//! almost right.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{aws::Endpoint, config::Service};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    pub(super) title: String,
    /// Name in the SDKs.
    pub(super) id: String,
    /// Beginning of its host names.
    pub(super) endpoint: String,
    pub(super) signing: String,
    pub(super) protocol: Protocol,
    /// Whether a repository that is named without a tag or digest, other than as an image, is
    /// pushed to rather than used.
    #[serde(default)]
    pub(super) names_repositories_to_push: bool,
    pub(super) read: Vec<Step>,
}

/// Form of requests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub(super) enum Protocol {
    /// Everything in the body, the operation in a header.
    Json {
        /// `1.0` or `1.1`.
        version: String,
        /// Text before the operation.
        target: String,
    },
    Rest,
}

/// A call, and what follows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// The operation, as IAM names it.
    pub(super) call: String,
    /// Method, path and query, with the members that stand there in braces. Only with paths and
    /// queries.
    pub(super) http: Option<String>,
    /// Members that are always the same.
    #[serde(default)]
    pub(super) with: Map<String, Value>,
    /// Members that come from the item of the step before, by the name they have there; empty is
    /// the item itself.
    #[serde(default)]
    pub(super) from: BTreeMap<String, String>,
    /// A member for each of whose values a call is made.
    pub(super) each: Option<Each>,
    /// One call for many items of the step before.
    pub(super) batch: Option<Batch>,
    pub(super) pages: Option<Pages>,
    /// The list in the answer; without it, the answer is one item.
    pub(super) list: Option<String>,
    /// The member that the one item is in.
    pub(super) item: Option<String>,
    /// Field that tells items of the list apart; empty for the item itself.
    pub(super) id: Option<String>,
    /// Members without which an item says nothing.
    #[serde(default)]
    pub(super) needs: Vec<String>,
    /// Only for items of the step before with that value.
    #[serde(default)]
    pub(super) only: BTreeMap<String, String>,
    /// Not for items of the step before with that value.
    #[serde(default)]
    pub(super) except: BTreeMap<String, String>,
    /// Error codes that say that what the call is about is not there.
    #[serde(default)]
    pub(super) not_found: Vec<String>,
    pub(super) user: UserOf,
    /// Calls for each item.
    #[serde(default)]
    pub(super) then: Vec<Step>,
}

/// A member with several values.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Each {
    pub(super) member: String,
    pub(super) values: Vec<Value>,
}

/// A list member, where its values come from, and how many fit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    pub(super) member: String,
    pub(super) field: String,
    pub(super) most: usize,
}

/// The members for paging.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pages {
    /// Number of items that are asked for: the most that can be.
    pub(super) size: Option<(String, u32)>,
    /// The token of the next page, in the request and in the answer.
    pub(super) token: (String, String),
}

/// User of what an item names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserOf {
    pub(super) kind: String,
    /// Members that make its name together; empty is the item itself.
    pub(super) name: Vec<String>,
    pub(super) live: bool,
}

/// Reason for which the table of a service cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpecError {
    #[error("it has no table")]
    NoTable,
    #[error(transparent)]
    Malformed(&'static serde_json::Error),
}

impl Spec {
    /// Returns what reading the service takes, as IAM names it.
    pub(super) fn actions(&self) -> Vec<&str> {
        fn add<'a>(steps: &'a [Step], actions: &mut BTreeSet<&'a str>) {
            for step in steps {
                actions.insert(&step.call);
                add(&step.then, actions);
            }
        }
        let mut actions = BTreeSet::new();
        add(&self.read, &mut actions);
        actions.into_iter().collect()
    }

    /// Returns where the service is.
    pub(super) fn endpoint(&self) -> Endpoint<'_> {
        Endpoint {
            id: &self.id,
            prefix: &self.endpoint,
            signing: &self.signing,
        }
    }

    /// Returns what there is to call in a service.
    ///
    /// A test excludes that its table cannot be read.
    pub(super) fn of(service: Service) -> Result<&'static Self, SpecError> {
        static SPECS: LazyLock<Vec<(Service, serde_json::Result<Spec>)>> = LazyLock::new(|| {
            let read = |service| (service, serde_json::from_str(table(service)));
            Service::ALL.iter().copied().map(read).collect()
        });
        let found = SPECS.iter().find(|(known, _)| *known == service);
        let (_, spec) = found.ok_or(SpecError::NoTable)?;
        spec.as_ref().map_err(SpecError::Malformed)
    }
}

const fn table(service: Service) -> &'static str {
    match service {
        Service::AppRunner => include_str!("tables/app_runner.json"),
        Service::Batch => include_str!("tables/batch.json"),
        Service::BedrockAgentcore => include_str!("tables/bedrock_agentcore.json"),
        Service::Codebuild => include_str!("tables/codebuild.json"),
        Service::Eventbridge => include_str!("tables/eventbridge.json"),
        Service::Lightsail => include_str!("tables/lightsail.json"),
        Service::Pipes => include_str!("tables/pipes.json"),
        Service::Sagemaker => include_str!("tables/sagemaker.json"),
        Service::Scheduler => include_str!("tables/scheduler.json"),
        Service::StepFunctions => include_str!("tables/step_functions.json"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(step: &Step, has_paths: bool) {
        let (call, is_list) = (&step.call, step.list.is_some());
        assert_eq!(step.http.is_some(), has_paths, "{call}");
        assert!(
            !is_list || step.id.is_some(),
            "{call}: items are told apart"
        );
        assert!(
            !is_list || step.item.is_none(),
            "{call}: a list or one item"
        );
        assert!(is_list || step.pages.is_none(), "{call}: pages of a list");
        assert!(
            is_list || step.batch.is_none(),
            "{call}: a batch is answered by a list"
        );
        step.then.iter().for_each(|step| check(step, has_paths));
    }

    #[test]
    fn every_table_makes_sense() {
        for &service in Service::ALL {
            let spec = Spec::of(service).unwrap_or_else(|error| panic!("{service:?}: {error}"));
            let has_paths = matches!(spec.protocol, Protocol::Rest);
            spec.read.iter().for_each(|step| check(step, has_paths));
        }
    }
}
