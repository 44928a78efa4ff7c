//! Discovery: which kinds there are besides the built-in ones.
//!
//! One request where the server offers the aggregated form, and otherwise one for each group. The
//! groups of Kubernetes itself hold no images but in the kinds that `kind` names and in policies that
//! change pods, so everything else that can be listed is a custom resource, and any of them may name
//! an image, in any version that is served (U6).

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    client::{Client, JSON},
    error::{DiscoveryError, Problem},
    exclusions::Exclusions,
    failure::Failure,
    kind::Kind,
    present,
};

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

/// Custom kinds that were discovered.
#[derive(Default)]
pub(crate) struct Discovered {
    /// Every kind that can be listed and is not left out, in each version that is served: one may
    /// drop what another shows.
    pub(crate) kinds: Vec<Kind>,
    /// A problem for each group whose kinds are not known.
    pub(crate) problems: Vec<Problem>,
}

impl Discovered {
    /// Returns the kinds.
    ///
    /// # Errors
    /// Returns an error if those of a group are not known.
    pub(crate) fn complete(self) -> Result<Vec<Kind>, Problem> {
        self.problems.into_iter().next().map_or(Ok(self.kinds), Err)
    }
}

/// Discovers the custom kinds. Of a group that is left out as a whole nothing is asked.
pub(crate) async fn custom_kinds(
    client: &Client,
    exclusions: &Exclusions,
) -> Result<Discovered, Problem> {
    let groups: Groups = get(client, "/apis", AGGREGATED).await?;
    let is_aggregated = match groups.kind.as_str() {
        "APIGroupDiscoveryList" => true,
        "APIGroupList" => false,
        other => return Err(DiscoveryError::Kind(other.to_owned()).into()),
    };
    let mut discovered = Discovered::default();
    for group in groups.items.unwrap_or_default() {
        let name = group.metadata.map(|metadata| metadata.name).or(group.name);
        let name = name.ok_or(DiscoveryError::Nameless)?;
        if name != MUTATING.0 && (BUILT_IN.contains(&&*name) || IMAGELESS.contains(&&*name)) {
            continue;
        }
        if exclusions.leave_out_group(&name) {
            continue;
        }
        for version in group.versions {
            let kinds = version.kinds(client, &name, is_aggregated).await;
            match kinds {
                Ok(kinds) => discovered.kinds.extend(kinds.into_iter().filter(|kind| {
                    (name != MUTATING.0 || kind.plural == MUTATING.1)
                        && !exclusions.leave_out_kind(kind)
                })),
                Err(problem @ Problem::Group { .. }) => discovered.problems.push(problem),
                Err(problem) => return Err(problem),
            }
        }
    }
    let kinds = &mut discovered.kinds;
    kinds.sort_by(|a, b| a.resource().cmp(&b.resource()));
    Ok(discovered)
}

impl Version {
    /// Returns the kinds of this version of a group that can be listed.
    async fn kinds(
        self,
        client: &Client,
        group: &str,
        is_aggregated: bool,
    ) -> Result<Vec<Kind>, Problem> {
        let version = self.name;
        let dead = |error| Problem::Group {
            group: group.to_owned(),
            version: version.clone(),
            error,
        };
        // The server behind the group did not answer: what it holds is not known.
        if self.freshness.as_deref() == Some("Stale") {
            return Err(dead(None));
        }
        let resources = if is_aggregated {
            self.resources
        } else {
            let path = format!("/apis/{group}/{version}");
            let answer: Result<Resources, _> = get(client, &path, JSON).await;
            let answer = answer.map_err(|problem| match problem {
                Problem::Discovery(error) if error.is_of_group() => dead(Some(error)),
                problem => problem,
            });
            answer?.resources.unwrap_or_default()
        };
        let listable = resources.into_iter();
        Ok(listable
            .filter_map(|it| it.listable(group, &version))
            .collect())
    }
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

async fn get<T: DeserializeOwned>(client: &Client, path: &str, accept: &str) -> Result<T, Problem> {
    let body = client.get(path, accept).await;
    let body = body.map_err(|failure| match failure {
        Failure::Status(401, message) => Problem::Unauthorized {
            what: "API groups".to_owned(),
            message,
        },
        failure => DiscoveryError::Failed(path.to_owned(), failure).into(),
    })?;
    let answer = serde_json::from_slice(&body);
    answer.map_err(|error| DiscoveryError::Json(path.to_owned(), error).into())
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
