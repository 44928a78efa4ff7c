//! Discovery: which kinds there are besides the built-in ones.
//!
//! One request where the server offers the aggregated form, and otherwise one for each group. The
//! groups of Kubernetes itself hold no images but in the kinds that `kind` names, so everything
//! else that can be listed is a custom resource, and any of them may name an image (U6).

use serde::Deserialize;

use super::{
    client::{Client, Failure},
    error::Problem,
    kind::Kind,
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

#[derive(Deserialize)]
struct Groups {
    kind: String,
    /// Of the aggregated form.
    #[serde(default)]
    items: Vec<Group>,
    /// Of the older one.
    #[serde(default, rename = "groups")]
    old: Vec<OldGroup>,
}

#[derive(Deserialize)]
struct Group {
    metadata: Named,
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
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    #[serde(rename = "resource")]
    plural: String,
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize)]
struct ResponseKind {
    kind: String,
}

#[derive(Deserialize)]
struct OldGroup {
    name: String,
    #[serde(default)]
    versions: Vec<OldVersion>,
}

#[derive(Deserialize)]
struct OldVersion {
    version: String,
}

#[derive(Deserialize)]
struct OldResources {
    #[serde(default)]
    resources: Vec<OldResource>,
}

#[derive(Deserialize)]
struct OldResource {
    name: String,
    kind: String,
    #[serde(default)]
    verbs: Vec<String>,
}

/// Every custom kind that can be listed and is not left out.
pub(crate) async fn custom_kinds(
    client: &Client,
    cluster: &str,
    exclude: &RepositoryGlobs,
) -> Result<Vec<Kind>, Problem> {
    let groups: Groups = get(client, cluster, "/apis", AGGREGATED).await?;
    let mut kinds = Vec::new();
    match groups.kind.as_str() {
        "APIGroupDiscoveryList" => {
            for group in groups
                .items
                .iter()
                .filter(|group| !is_skipped(&group.metadata.name))
            {
                kinds.extend(listable(group, exclude)?);
            }
        }
        "APIGroupList" => {
            for group in groups.old.iter().filter(|group| !is_skipped(&group.name)) {
                kinds.extend(old_listable(client, cluster, group, exclude).await?);
            }
        }
        other => {
            return Err(Problem::Discovery(format!(
                "`/apis` answered with a `{other}`"
            )));
        }
    }
    kinds.sort_by(|a, b| (&a.group, &a.plural).cmp(&(&b.group, &b.plural)));
    Ok(kinds)
}

fn is_skipped(group: &str) -> bool {
    BUILT_IN.contains(&group) || IMAGELESS.contains(&group)
}

/// Whether a setting leaves a kind out, by `GROUP/Kind` or `GROUP/plural`.
pub(crate) fn is_excluded(exclude: &RepositoryGlobs, kind: &Kind) -> bool {
    let group = kind.group_name();
    exclude.matches(&format!("{group}/{}", kind.name))
        || exclude.matches(&format!("{group}/{}", kind.plural))
}

/// The kinds of a group, each in the first version that offers it: the one the server prefers.
fn listable(group: &Group, exclude: &RepositoryGlobs) -> Result<Vec<Kind>, Problem> {
    let name = &group.metadata.name;
    let mut kinds: Vec<Kind> = Vec::new();
    for version in &group.versions {
        // The server behind the group did not answer: what it holds is not known.
        if version.freshness.as_deref() == Some("Stale") && !exclude.matches(&format!("{name}/any"))
        {
            return Err(Problem::Discovery(format!(
                "the API group `{name}/{}` does not answer",
                version.name
            )));
        }
        for resource in &version.resources {
            let kind = resource
                .response_kind
                .as_ref()
                .map_or(&resource.plural, |kind| &kind.kind);
            add(
                &mut kinds,
                name,
                &version.name,
                (&resource.plural, kind),
                &resource.verbs,
                exclude,
            );
        }
    }
    Ok(kinds)
}

async fn old_listable(
    client: &Client,
    cluster: &str,
    group: &OldGroup,
    exclude: &RepositoryGlobs,
) -> Result<Vec<Kind>, Problem> {
    let mut kinds = Vec::new();
    for OldVersion { version } in &group.versions {
        let path = format!("/apis/{}/{version}", group.name);
        let resources: OldResources = get(client, cluster, &path, "application/json").await?;
        for resource in resources
            .resources
            .iter()
            .filter(|resource| !resource.name.contains('/'))
        {
            add(
                &mut kinds,
                &group.name,
                version,
                (&resource.name, &resource.kind),
                &resource.verbs,
                exclude,
            );
        }
    }
    Ok(kinds)
}

fn add(
    kinds: &mut Vec<Kind>,
    group: &str,
    version: &str,
    (plural, name): (&str, &str),
    verbs: &[String],
    exclude: &RepositoryGlobs,
) {
    let kind = Kind::new((group, version, plural, name));
    let known = kinds.iter().any(|known| known.plural == plural);
    if !known && verbs.iter().any(|verb| verb == "list") && !is_excluded(exclude, &kind) {
        kinds.push(kind);
    }
}

async fn get<T: for<'de> Deserialize<'de>>(
    client: &Client,
    cluster: &str,
    path: &str,
    accept: &str,
) -> Result<T, Problem> {
    let body = client
        .get(path, accept)
        .await
        .map_err(|failure| match failure {
            Failure::Status { status: 401, .. } => {
                Problem::of_list(&Kind::new(("", "", "API groups", "")), cluster, failure)
            }
            failure => Problem::Discovery(format!("`{path}`: {failure}")),
        })?;
    serde_json::from_slice(&body).map_err(|error| Problem::Discovery(format!("`{path}`: {error}")))
}
