//! Access: permissions that the configuration needs and the program lacks, in every account and
//! cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Program, unread};
use crate::{
    aws::{ApiError, Clients, Operation, Outcome, ResourceConfig, Tried},
    config::{Config, ConfigRecorder, InUse, Mode},
    evidence::{Unread, UsageIndex},
    image::{AccountId, Registry},
    kubernetes::ClusterError,
    registry,
    sources::{
        ClusterSource,
        eks::{self, Eks},
        services::TriedService,
    },
};

/// Permissions that are missing.
#[derive(Debug, Default, Serialize)]
pub struct Access {
    /// Actions of AWS that are denied in the caller's own account, as IAM names them.
    pub denied_actions: Vec<&'static str>,
    /// The statement that allows them, for the policy of the program's role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Value>,
    /// Actions that are denied to the roles in other accounts, by account and Region.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub denied_elsewhere: BTreeMap<String, Vec<&'static str>>,
    /// Rules that are missing in clusters, as lines of a `ClusterRole`, by the cluster's name.
    pub missing_rules: BTreeMap<String, Vec<String>>,
    /// What is not read, though nothing that is demanded is missing.
    pub unread: Vec<Unread>,
    /// Problems: what could not be tried, or not to its end.
    pub problems: Vec<String>,
    /// Actions that are needed and were not tried, since trying them is doing them, or since
    /// nothing shows them yet.
    pub untried: Vec<&'static str>,
    /// Advice: what works without being done, and works better with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<String>,
    /// Number of actions that were tried.
    pub actions: usize,
    /// Number of clusters that were asked.
    pub clusters: usize,
    /// The caller's own account.
    #[serde(skip)]
    own: Option<AccountId>,
    /// The clusters that the configuration names, as far as they have not been found.
    #[serde(skip)]
    expected: BTreeSet<String>,
}

impl Program {
    /// Returns which permissions are missing.
    ///
    /// # Errors
    /// Returns an error if the identity of the program cannot be determined.
    pub async fn access(&self) -> Result<Access, ApiError> {
        let own = self.clients.identity().await?;
        let locations = self.locations(own, &self.begin()).await?;
        let pages = eks::pages();
        let mut access = Access::new(&self.config, &locations.own.registry);
        for (registry, clients) in &locations.registries {
            let reads_tags = self.config.policies.read_tags();
            access.record(registry, clients.try_ecr(reads_tags).await);
            if self.config.policies.use_pull_times() {
                let excluded = registry::is_excluded(clients, &locations.own).await;
                access.advise_exclusion(registry, excluded);
            }
        }
        for (location, clients) in &locations.read {
            let eks = self.eks_in(location, clients, &pages);
            let in_use = &self.config.in_use;
            access.try_sources(location, clients, in_use, eks).await;
            let recorder = in_use.ecs.as_ref().map(|ecs| ecs.config_recorder);
            if recorder == Some(ConfigRecorder::Auto) {
                access.advise_recorder(location, clients).await;
            }
            for service in self.services_in(location, clients, &locations, &Arc::default()) {
                access.record_service(location, service.try_calls().await);
            }
            let stacks = self.cloudformation_in(location, clients, &locations, &Arc::default());
            if let Some(stacks) = stacks {
                access.record_service(location, stacks.try_calls().await);
            }
        }
        let unreachable = locations.unreachable();
        let unreachable = unreachable.map(|unreachable| unreachable.error.to_string());
        access.problems.extend(unreachable);
        let listing = locations
            .listing()
            .and_then(|listing| listing.outcome.err());
        access
            .problems
            .extend(listing.map(|error| error.to_string()));
        let in_use = &self.config.in_use;
        let left_out = unread::left_out(in_use, &locations, &UsageIndex::default());
        access.unread.extend(left_out);
        for cluster in self.contexts(&locations.own.registry, &pages) {
            access.try_cluster(cluster).await;
        }
        access.conclude();
        Ok(access)
    }
}

impl Access {
    /// Creates a result in which nothing is known yet.
    fn new(config: &Config, own: &Registry) -> Self {
        let mut access = Self {
            own: Some(own.account),
            ..Self::default()
        };
        if config.mode != Mode::Plan {
            access.untried.push(Operation::BatchDeleteImage.name());
        }
        if config.in_use.ecs.is_some() {
            let express = Operation::DescribeExpressGatewayService;
            access.untried.push(express.name());
        }
        if let Some(eks) = &config.in_use.eks {
            let names = eks.clusters.names().map(str::to_owned);
            access.expected.extend(names);
        }
        access
    }

    /// Returns whether nothing is known to be missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.denied_actions.is_empty()
            && self.denied_elsewhere.is_empty()
            && self.missing_rules.is_empty()
            && self.problems.is_empty()
    }

    /// Advises to exclude the program's role from the pull times of a registry (K12).
    fn advise_exclusion(&mut self, registry: &Registry, excluded: Result<bool, ApiError>) {
        // An error is said already.
        if excluded.is_ok_and(|excluded| !excluded) {
            let region = &registry.region;
            self.advice.push(format!(
                "rules have `pulled_within`, and in {registry} ECR records what the program reads as pulls: exclude its role with `aws ecr register-pull-time-update-exclusion --region {region} --principal-arn ROLE_ARN`"
            ));
        }
    }

    /// Advises to let AWS Config be asked, if it cannot.
    async fn advise_recorder(&mut self, location: &Registry, clients: &Clients) {
        let asked = match ResourceConfig::new(clients) {
            Ok(service) => service.task_definitions(None).await.err(),
            Err(error) => Some(error),
        };
        self.advice.extend(asked.map(|error| {
            format!(
                "in {location} AWS Config cannot be asked for task definitions, so all are described: {error}"
            )
        }));
    }

    /// Tries every permission that the sources of a location need.
    async fn try_sources(
        &mut self,
        location: &Registry,
        clients: &Clients,
        in_use: &InUse,
        eks: Option<Eks>,
    ) {
        self.record(location, clients.try_sources(in_use).await);
        let Some(eks) = eks else { return };
        match eks.clusters().await {
            Ok(clusters) => {
                for cluster in clusters {
                    self.expected.remove(&cluster.cluster);
                    self.try_cluster(cluster).await;
                }
            }
            // A denied action is said already.
            Err(error) if self.is_denied(location, error.operation) => {}
            Err(error) => self.problems.push(error.to_string()),
        }
    }

    /// Records what trying the calls of another service showed.
    fn record_service(&mut self, location: &Registry, tried: Result<TriedService, ApiError>) {
        match tried {
            Ok(tried) => {
                self.record(location, tried.tried);
                self.unread.extend(tried.unread);
                self.untried.extend(
                    tried
                        .untried
                        .into_iter()
                        .filter(|action| !self.untried.contains(action))
                        .collect::<Vec<_>>(),
                );
            }
            Err(error) => self.problems.push(error.to_string()),
        }
    }

    /// Tries every permission that a cluster needs.
    async fn try_cluster(&mut self, cluster: ClusterSource) {
        self.clusters += 1;
        let (rules, errors) = cluster.missing().await;
        let errors = errors.iter().map(ToString::to_string);
        self.problems.extend(errors);
        let mut by_group: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for rule in rules {
            by_group.entry(rule.group).or_default().push(rule.resource);
        }
        let lines = by_group.iter().map(|(group, resources)| {
            let resources = resources.join(", ");
            format!("- {{ apiGroups: [\"{group}\"], resources: [{resources}], verbs: [list] }}")
        });
        if !by_group.is_empty() {
            let missing = self.missing_rules.entry(cluster.cluster).or_default();
            missing.extend(lines);
        }
    }

    /// Adds what follows from all that was tried.
    fn conclude(&mut self) {
        if !self.denied_actions.is_empty() {
            self.statement =
                Some(json!({"Effect": "Allow", "Action": self.denied_actions, "Resource": "*"}));
        }
        for cluster in &self.expected {
            self.problems
                .push(ClusterError::unknown(cluster).to_string());
        }
    }

    fn record(&mut self, location: &Registry, tried: Vec<Tried>) {
        for tried in tried {
            self.actions += 1;
            let denied = match tried.outcome {
                Outcome::Allowed => continue,
                Outcome::Unknown(error) => {
                    self.problems.push(error.to_string());
                    continue;
                }
                Outcome::Denied if Some(location.account) == self.own => &mut self.denied_actions,
                Outcome::Denied => self
                    .denied_elsewhere
                    .entry(location.to_string())
                    .or_default(),
            };
            let action = tried.action.name();
            if !denied.contains(&action) {
                denied.push(action);
            }
        }
    }

    fn is_denied(&self, location: &Registry, action: Operation) -> bool {
        let elsewhere = self
            .denied_elsewhere
            .get(&location.to_string())
            .into_iter()
            .flatten();
        self.denied_actions
            .iter()
            .chain(elsewhere)
            .any(|denied| *denied == action.name())
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Tried {} actions of AWS, and asked {} clusters.",
            self.actions, self.clusters
        )?;
        if let Some(statement) = &self.statement {
            writeln!(
                f,
                "\nDenied on AWS. Add this statement to the policy of the program's role:\n{statement:#}"
            )?;
        }
        for (location, actions) in &self.denied_elsewhere {
            writeln!(
                f,
                "\nDenied in {location}. Allow to the role there: {}",
                actions.join(", ")
            )?;
        }
        for (cluster, rules) in &self.missing_rules {
            writeln!(
                f,
                "\nDenied in cluster `{cluster}`. Add these rules to the ClusterRole `ecr-cleanup-reader`:"
            )?;
            for rule in rules {
                writeln!(f, "{rule}")?;
            }
        }
        if !self.unread.is_empty() {
            writeln!(f, "\nNot read, which stops nothing:")?;
            for unread in &self.unread {
                writeln!(f, "- {unread}")?;
            }
        }
        if !self.problems.is_empty() {
            writeln!(f, "\nCould not be found out:")?;
            for problem in &self.problems {
                writeln!(f, "- {problem}")?;
            }
        }
        if !self.untried.is_empty() {
            writeln!(
                f,
                "\nNeeded too, and not tried: {}",
                self.untried.join(", ")
            )?;
        }
        for advice in &self.advice {
            writeln!(f, "\nAdvice: {advice}")?;
        }
        if self.is_complete() {
            writeln!(f, "\nNothing is missing.")
        } else {
            Ok(())
        }
    }
}
