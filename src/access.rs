//! Access: which rights the configuration needs and the program does not have, on AWS and in every cluster.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    aws::{Clients, Outcome},
    config::{Config, Mode},
    usage::{ClusterSource, SourceError, eks::Eks, services::OtherService},
};

/// What was found out about the program's rights.
#[derive(Debug, Default, Serialize)]
pub struct Access {
    /// Actions of AWS that are denied, as IAM names them.
    pub denied_actions: Vec<&'static str>,
    /// The statement that allows them, for the policy of the program's role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Value>,
    /// Rules that are missing in clusters, as lines of a `ClusterRole`, by the cluster's name.
    pub missing_rules: BTreeMap<String, Vec<String>>,
    /// What could not be tried, or not to its end.
    pub problems: Vec<String>,
    /// Actions that are needed and were not tried, since trying them is doing them, or since nothing shows them yet.
    pub untried: Vec<&'static str>,
    /// How many actions were tried.
    pub actions: usize,
    /// How many clusters were asked.
    pub clusters: usize,
}

impl Access {
    /// Whether nothing is known to be missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.denied_actions.is_empty() && self.missing_rules.is_empty() && self.problems.is_empty()
    }
}

/// Tries every right that the configuration needs.
pub(crate) async fn check(
    clients: &Clients,
    config: &Config,
    eks: Option<Eks>,
    contexts: impl Iterator<Item = ClusterSource>,
    services: Vec<OtherService>,
) -> Access {
    let mut access = Access::default();
    let mut actions = clients.try_actions(&config.in_use).await;
    for service in services {
        match service.try_calls().await {
            Ok(tried) => {
                actions.extend(tried.tried);
                access.untried.extend(tried.untried);
            }
            Err(error) => access.problems.push(error.to_string()),
        }
    }
    for tried in actions {
        access.actions += 1;
        match tried.outcome {
            Outcome::Allowed => {}
            Outcome::Denied if access.denied_actions.contains(&tried.action) => {}
            Outcome::Denied => access.denied_actions.push(tried.action),
            Outcome::Unknown(problem) => access.problems.push(problem),
        }
    }
    if config.mode != Mode::Plan {
        access.untried.push("ecr:BatchDeleteImage");
    }
    if config.in_use.ecs.is_some() {
        access.untried.extend([
            "ecs:ListDaemons",
            "ecs:DescribeDaemon",
            "ecs:DescribeDaemonDeployments",
            "ecs:DescribeDaemonRevisions",
            "ecs:DescribeExpressGatewayService",
        ]);
    }
    if !access.denied_actions.is_empty() {
        access.statement = Some(json!({"Effect": "Allow", "Action": access.denied_actions, "Resource": "*"}));
    }
    let found = match &eks {
        None => Ok(Vec::new()),
        Some(eks) => eks.clusters().await,
    };
    let mut clusters: Vec<ClusterSource> = contexts.collect();
    match found {
        Ok(found) => clusters.extend(found),
        // A denied action is said already.
        Err(SourceError::Api(error)) if access.denied_actions.contains(&error.operation) => {}
        Err(error) => access.problems.push(error.to_string()),
    }
    for cluster in clusters {
        access.clusters += 1;
        match cluster.missing_rights().await {
            Ok(rules) if rules.is_empty() => {}
            Ok(rules) => {
                let mut by_group: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for rule in rules {
                    by_group.entry(rule.group).or_default().push(rule.resource);
                }
                let lines = by_group.iter().map(|(group, resources)| {
                    let resources = resources.join(", ");
                    format!("- {{ apiGroups: [\"{group}\"], resources: [{resources}], verbs: [list] }}")
                });
                access.missing_rules.insert(cluster.cluster.clone(), lines.collect());
            }
            Err(error) => access.problems.push(error.to_string()),
        }
    }
    access
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Tried {} actions of AWS, and asked {} clusters.", self.actions, self.clusters)?;
        if let Some(statement) = &self.statement {
            writeln!(f, "\nDenied on AWS. Add this statement to the policy of the program's role:\n{statement:#}")?;
        }
        for (cluster, rules) in &self.missing_rules {
            writeln!(f, "\nDenied in cluster `{cluster}`. Add these rules to the ClusterRole `ecr-cleanup-reader`:")?;
            for rule in rules {
                writeln!(f, "{rule}")?;
            }
        }
        if !self.problems.is_empty() {
            writeln!(f, "\nCould not be found out:")?;
            for problem in &self.problems {
                writeln!(f, "- {problem}")?;
            }
        }
        if !self.untried.is_empty() {
            writeln!(f, "\nNeeded too, and not tried: {}", self.untried.join(", "))?;
        }
        if self.is_complete() { writeln!(f, "\nNothing is missing.") } else { Ok(()) }
    }
}
