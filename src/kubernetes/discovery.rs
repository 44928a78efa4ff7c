//! Discovery: which kinds there are besides the built-in ones.
//!
//! One request where the server offers the aggregated form, and otherwise one for each group. The
//! groups of Kubernetes itself hold no images but in the kinds that `kind` names and in policies that
//! change pods, so everything else that can be listed is a custom resource, and any of them may name
//! an image, in any version that is served (U6).

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    client::{Client, Failure, JSON},
    error::Problem,
    kind::Kind,
    present,
};
use crate::policy::RepositoryGlobs;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// The groups of Kubernetes itself, whose workloads are read by name.
const BUILT_IN: [&str; 26] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "custom.metrics.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "external.metrics.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "metrics.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// Kinds of these groups that add containers to pods.
const MUTATING: (&str, &str) = ("admissionregistration.k8s.io", "mutatingadmissionpolicies");

/// Groups that never hold an image that is to run: networks and identities, and reports, which
/// repeat the images of what runs.
const IMAGELESS: [&str; 8] = [
    "aquasecurity.github.io",
    "cilium.io",
    "crd.k8s.amazonaws.com",
    "networking.k8s.aws",
    "reports.kyverno.io",
    "snapshot.storage.k8s.io",
    "vpcresources.k8s.aws",
    "wgpolicyk8s.io",
];

/// The groups, in the aggregated form or the older one. `null` is an empty list; a list that is
/// missing is an error.
#[derive(Deserialize)]
struct Groups {
    kind: String,
    #[serde(alias = "groups", deserialize_with = "present")]
    items: Option<Vec<Group>>,
}

#[derive(Deserialize)]
struct Group {
    /// Of the aggregated form; the older one has the name itself.
    metadata: Option<Named>,
    name: Option<String>,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "version")]
    name: String,
    freshness: Option<String>,
    /// Of the aggregated form; the older one has them by themselves.
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(deserialize_with = "present")]
    resources: Option<Vec<Resource>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    #[serde(alias = "resource")]
    name: String,
    kind: Option<String>,
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize)]
struct ResponseKind {
    kind: String,
}

/// Returns every custom kind that can be listed and is not left out, in each version that is served:
/// one may drop what another shows.
pub(crate) async fn custom_kinds(
    client: &Client,
    cluster: &str,
    exclude: &RepositoryGlobs,
) -> Result<Vec<Kind>, Problem> {
    let groups: Groups = get(client, cluster, "/apis", AGGREGATED).await?;
    let is_aggregated = match groups.kind.as_str() {
        "APIGroupDiscoveryList" => true,
        "APIGroupList" => false,
        other => {
            let problem = format!("`/apis` answered with a `{other}`");
            return Err(Problem::Discovery(problem));
        }
    };
    let mut kinds: Vec<Kind> = Vec::new();
    for group in groups.items.unwrap_or_default() {
        let name = group.metadata.map(|metadata| metadata.name).or(group.name);
        let name = name.ok_or_else(|| Problem::Discovery("a group has no name".to_owned()))?;
        if name != MUTATING.0 && (BUILT_IN.contains(&&*name) || IMAGELESS.contains(&&*name)) {
            continue;
        }
        for Version {
            name: version,
            freshness,
            mut resources,
        } in group.versions
        {
            // The server behind the group did not answer: what it holds is not known.
            if freshness.as_deref() == Some("Stale") && !exclude.matches(&format!("{name}/any")) {
                let problem = format!("the API group `{name}/{version}` does not answer");
                return Err(Problem::Discovery(problem));
            }
            if !is_aggregated {
                let path = format!("/apis/{name}/{version}");
                let answer: Resources = get(client, cluster, &path, JSON).await?;
                resources = answer.resources.unwrap_or_default();
            }
            let listable = resources
                .into_iter()
                .filter_map(|it| it.listable(&name, &version));
            kinds.extend(listable.filter(|kind| {
                (name != MUTATING.0 || kind.plural == MUTATING.1) && !is_excluded(exclude, kind)
            }));
        }
    }
    kinds.sort_by(|a, b| a.resource().cmp(&b.resource()));
    Ok(kinds)
}

impl Resource {
    /// Returns its kind; `None` if it cannot be listed or is a part of another, such as `/status`.
    fn listable(self, group: &str, version: &str) -> Option<Kind> {
        let plural = self.name;
        let name = self.response_kind.map(|it| it.kind).or(self.kind);
        let name = name.as_ref().unwrap_or(&plural);
        let can_list = self.verbs.iter().any(|verb| verb == "list") && !plural.contains('/');
        can_list.then(|| Kind::new((group, version, &plural, name)))
    }
}

/// Returns whether a setting leaves a kind out, by `GROUP/Kind` or `GROUP/plural`.
pub(crate) fn is_excluded(exclude: &RepositoryGlobs, kind: &Kind) -> bool {
    let group = kind.group_name();
    exclude.matches(&format!("{group}/{}", kind.name))
        || exclude.matches(&format!("{group}/{}", kind.plural))
}

async fn get<T: DeserializeOwned>(
    client: &Client,
    cluster: &str,
    path: &str,
    accept: &str,
) -> Result<T, Problem> {
    let body = client.get(path, accept).await;
    let body = body.map_err(|failure| match failure {
        Failure::Status(401, message) => Problem::Unauthorized {
            kind: "API groups".to_owned(),
            cluster: cluster.to_owned(),
            message,
        },
        failure => Problem::Discovery(format!("`{path}`: {failure}")),
    })?;
    serde_json::from_slice(&body).map_err(|error| Problem::Discovery(format!("`{path}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_its_list_is_an_error_and_null_is_an_empty_one() {
        let groups = |list: &str| {
            let text = format!(r#"{{"kind": "APIGroupList"{list}}}"#);
            serde_json::from_str::<Groups>(&text).is_ok()
        };
        assert!(!groups(""));
        for list in ["groups", "items"] {
            assert!(groups(&format!(r#", "{list}": []"#)), "{list}");
            assert!(groups(&format!(r#", "{list}": null"#)), "{list}");
        }
        let resources = |text: &str| serde_json::from_str::<Resources>(text).is_ok();
        assert!(!resources("{}"));
        assert!(resources(r#"{"resources": []}"#) && resources(r#"{"resources": null}"#));
    }
}
