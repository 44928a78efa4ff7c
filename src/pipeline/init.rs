//! Proposes a configuration for what is there.

use std::collections::BTreeSet;

use futures::future::LocalBoxFuture;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Program, Request, git::Histories};
use crate::{
    aws::ApiError,
    config::{Config, Mode},
    evidence::UsageIndex,
    image::Time,
    inventory::Inventory,
    plan::{self, RepositoryPlan},
    policy::{Action, KeepRule, Policies, RepositoryGlobs, Shape},
    report::Proposal,
};

/// Rule for what was pushed a short time ago and has no tag.
const SETTLING: &str = "settling";

impl Program {
    /// Reads what is stored and what is in use, and proposes a configuration. It writes nothing,
    /// whatever the configuration says.
    ///
    /// # Errors
    /// Returns an error as [`Self::plan`] does.
    pub async fn propose(&self, request: Request) -> Result<Proposal, ApiError> {
        // In a box, since the future is large.
        let proposing: LocalBoxFuture<'_, _> = Box::pin(async move {
            let reader = self.with_policies(every_repository(request.only.as_ref()));
            let (run, now) = (reader.begin(), reader.clients.now());
            let own = reader.clients.identity().await?;
            let mut gathered = reader.gather(&request, own, &run).await?;
            let inventories = gathered.inventories.as_deref().unwrap_or_default();
            let rules = rules(inventories, &reader.config.policies, now);
            let mut policies = reader.config.policies.clone();
            for policy in &mut policies.all {
                if let (Action::Keep(keep), Some(rules)) = (&mut policy.action, &rules) {
                    keep.rules.clone_from(rules);
                }
            }
            gathered.histories = Histories::unread(policies.clone());
            let planner = self.with_policies(policies);
            let planned = planner.plan_gathered(request, run, gathered, now).await;
            let is_default = rules.is_none();
            let policy = planner.config.policies.all.first().filter(|_| !is_default);
            Ok(Proposal::new(
                planned.plan(),
                &planned.answer(),
                policy,
                &other_settings(&self.config),
            ))
        });
        proposing.await
    }

    /// Returns this program with other policies. It changes and writes nothing.
    fn with_policies(&self, policies: Policies) -> Self {
        let config = Config {
            mode: Mode::Plan,
            policies,
            state: None,
            report: None,
            publish: None,
            notify: Vec::new(),
            ..self.config.clone()
        };
        Self::new(config, self.clients.clone())
            .with_timeouts(self.timeouts)
            .with_cluster_timeouts(self.cluster_timeouts)
    }
}

/// Returns the default policies, for the repositories that were asked for.
fn every_repository(only: Option<&RepositoryGlobs>) -> Policies {
    let defaults = Config::parse("").map(|config| config.policies);
    let mut policies = defaults.unwrap_or_default();
    for policy in &mut policies.all {
        if let Some(only) = only {
            policy.repositories = only.clone();
        }
    }
    policies
}

/// Returns a rule for each shape of tags; `None` if there is no image.
fn rules(inventories: &[Inventory], policies: &Policies, now: Time) -> Option<Vec<KeepRule>> {
    let plan = plan::plan(inventories.to_vec(), &UsageIndex::default(), policies, now);
    let repositories = plan.repositories().iter();
    let mut images = repositories
        .flat_map(RepositoryPlan::ruled_images)
        .peekable();
    images.peek()?;
    let tags = images.flat_map(|(_, tags)| tags);
    let mut shapes: BTreeSet<Shape> = tags.map(|tag| Shape::of(tag)).collect();
    shapes.insert(Shape::Other);
    let rules = shapes.iter().filter_map(|shape| shape.rule(&shapes).ok());
    let settling = KeepRule {
        untagged: true,
        pushed_within: Some(SignedDuration::from_hours(24)),
        ..KeepRule::new(SETTLING.to_owned())
    };
    Some(rules.chain([settling]).collect())
}

/// Returns what a configuration says besides policies and mode, as far as that is no default.
fn other_settings(config: &Config) -> Vec<(String, Value)> {
    let document = |config: &Config| serde_json::to_value(config).unwrap_or_default();
    let defaults = Config::parse("").map(|config| document(&config));
    let (own, defaults) = (document(config), defaults.unwrap_or_default());
    let keys = own.as_object().into_iter().flatten();
    let mut settings: Vec<(String, Value)> = keys
        .filter(|(key, _)| !["version", "mode", "policies"].contains(&key.as_str()))
        .filter_map(|(key, value)| Some((key.clone(), difference(value, &defaults[key])?)))
        .collect();
    settings.retain(|(_, value)| *value != json!({}));
    settings
}

/// Returns what differs from a default, key by key.
fn difference(value: &Value, default: &Value) -> Option<Value> {
    let (Value::Object(own), Value::Object(of_default)) = (value, default) else {
        return (value != default && !value.is_null()).then(|| value.clone());
    };
    let keys = own
        .iter()
        .filter(|(key, value)| of_default.get(*key) != Some(value));
    Some(Value::Object(
        keys.map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    ))
}
