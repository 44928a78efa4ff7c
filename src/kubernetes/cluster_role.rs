//! The `ClusterRole` that lets everything in a cluster be read, kind by kind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value;

use super::{Client, cluster::Settings, discovery, error::Problem, kind::Kind};

/// What may be listed in a cluster, and its binding to the group of the readers.
#[derive(Debug)]
pub struct ClusterRole {
    cluster: String,
    /// Plurals by API group, which is empty for the core.
    rules: BTreeMap<String, BTreeSet<String>>,
}

impl ClusterRole {
    /// Discovers what a cluster has now.
    pub(crate) async fn discover(
        cluster: &str,
        client: &Client,
        settings: &Settings,
    ) -> Result<Self, Problem> {
        let custom = discovery::custom_kinds(client, &settings.exclusions).await?;
        let mut rules: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for Kind { group, plural, .. } in settings.built_in().chain(custom.complete()?) {
            rules.entry(group).or_default().insert(plural);
        }
        Ok(Self {
            cluster: cluster.to_owned(),
            rules,
        })
    }
}

impl fmt::Display for ClusterRole {
    /// Writes it as YAML. What the cluster named is written as JSON, which YAML is too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cluster = Value::from(self.cluster.as_str());
        writeln!(
            f,
            "# What ecr-cleanup may do in the cluster {cluster}: list the kinds that it has now, and nothing else."
        )?;
        f.write_str(
            "# Print it again where kinds were added: `ecr-cleanup check-config --access` names them.\n\
             apiVersion: rbac.authorization.k8s.io/v1\n\
             kind: ClusterRole\n\
             metadata:\n  name: ecr-cleanup-reader\n\
             rules:\n",
        )?;
        for (group, plurals) in &self.rules {
            let group = Value::from(group.as_str());
            let plurals: Vec<String> = plurals
                .iter()
                .map(|plural| Value::from(plural.as_str()).to_string())
                .collect();
            let plurals = plurals.join(", ");
            writeln!(
                f,
                "  - apiGroups: [{group}]\n    resources: [{plurals}]\n    verbs: [list]"
            )?;
        }
        f.write_str(
            "---\n\
             apiVersion: rbac.authorization.k8s.io/v1\n\
             kind: ClusterRoleBinding\n\
             metadata:\n  name: ecr-cleanup-reader\n\
             roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: ClusterRole\n  name: ecr-cleanup-reader\n\
             subjects:\n  - apiGroup: rbac.authorization.k8s.io\n    kind: Group\n    name: ecr-cleanup:readers\n",
        )
    }
}
