//! What to do about a cluster that was not read: literally, and where something may be left out, what
//! then is not protected. It is read by a worried person at night.

use super::{
    cluster::Settings,
    error::{DiscoveryError, Problem},
    exclusions::list,
    failure::Failure,
    kind::{CONFIG_MAPS, Kind, SECRETS},
};

/// Where a cluster comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Eks(EksAccess),
    /// A context of a kubeconfig.
    Context,
}

/// How Amazon EKS lets callers in to a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EksAccess {
    pub(crate) region: String,
    /// Whether the `ConfigMap` `aws-auth` alone says who is let in.
    pub(crate) is_by_config_map: bool,
    pub(crate) endpoint: Endpoint,
    /// The globs of `in_use.eks.clusters`.
    pub(crate) clusters: Vec<String>,
}

/// From where the endpoint of a cluster can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Anywhere,
    /// From these addresses alone, as CIDR blocks.
    From(Vec<String>),
    /// From its VPC alone.
    Vpc {
        vpc: String,
        security_group: String,
    },
}

/// A cluster, as advice about it depends on it.
pub(crate) struct Advisor<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) settings: &'a Settings,
    /// ARN of the role or user that the program is to the cluster, as far as it is known.
    pub(crate) principal: Option<&'a str>,
}

impl Advisor<'_> {
    /// Returns what to do about a problem, as a clause. `None` if the problem itself says it.
    pub(crate) fn advice(&self, problem: &Problem) -> Option<String> {
        match problem {
            Problem::Unauthorized { .. } => Some(self.let_in()),
            Problem::Discovery(DiscoveryError::Failed(_, Failure::Unreachable(_)))
            | Problem::List {
                failure: Failure::Unreachable(_),
                ..
            } => self.reach(),
            Problem::Discovery(DiscoveryError::Failed(_, Failure::Status(403, _))) => Some(
                "let the program's role discover the API: `kubectl create clusterrolebinding ecr-cleanup-discovery --clusterrole system:discovery --group ecr-cleanup:readers`".to_owned(),
            ),
            Problem::List {
                failure: Failure::Token(_) | Failure::Request(_),
                ..
            } => None,
            Problem::Denied { kind, .. } => Some(self.denied(kind)),
            Problem::List { kind, .. } | Problem::Page { kind, .. } => {
                let shown = format!("`kubectl get {kind} --all-namespaces` shows more");
                Some(match self.without(kind) {
                    Some(without) => format!("mend that ({shown}), or {without}"),
                    None => format!("mend that ({shown}): this kind is always read"),
                })
            }
            Problem::Group { group, version, .. } => {
                let rest = "what only its objects name";
                let without = self.excluding(&format!("{group}/*"), rest);
                Some(format!("mend the server behind it (`kubectl get apiservice {version}.{group}` says what is wrong), or {without}"))
            }
            Problem::InObject { kind, id: Some(id), .. } => Some(self.object(kind, id)),
            _ => None,
        }
    }

    /// Returns how the program is let in to the cluster.
    fn let_in(&self) -> String {
        let cluster = self.cluster;
        let Origin::Eks(eks) = &self.settings.origin else {
            return format!(
                "check the token or the certificate of context `{cluster}` in the kubeconfig"
            );
        };
        let principal = self.principal.unwrap_or("ROLE_ARN");
        let region = &eks.region;
        if eks.is_by_config_map {
            let (list, arn) = if principal.contains(":user/") {
                ("mapUsers", "userarn")
            } else {
                ("mapRoles", "rolearn")
            };
            format!(
                "its authentication mode is CONFIG_MAP, which knows no access entries: run `kubectl edit configmap aws-auth --namespace kube-system` and add below `{list}: |` the entry `- {{ {arn}: \"{principal}\", username: ecr-cleanup, groups: [\"ecr-cleanup:readers\"] }}` (the ARN of a role without its path)"
            )
        } else {
            format!(
                "give it an access entry: `aws eks create-access-entry --region {region} --cluster-name {cluster} --principal-arn {principal} --type STANDARD --kubernetes-groups ecr-cleanup:readers` (the ARN of a role with its path, if it has one). If there is one already, the role was deleted and made again: first `aws eks delete-access-entry --region {region} --cluster-name {cluster} --principal-arn {principal}`"
            )
        }
    }

    /// Returns how the cluster is reached. `None` if it should answer from anywhere.
    fn reach(&self) -> Option<String> {
        let Origin::Eks(eks) = &self.settings.origin else {
            return None;
        };
        let (cluster, region) = (self.cluster, &eks.region);
        let reach = match &eks.endpoint {
            Endpoint::Anywhere => return None,
            Endpoint::Vpc {
                vpc,
                security_group,
            } => format!(
                "its endpoint is private (`endpointPublicAccess` is false), so only its VPC `{vpc}` and networks connected to that reach it: run the function in subnets there (`vpc` of the Terraform module), and let its security group in to `{security_group}` on port 443"
            ),
            Endpoint::From(blocks) => {
                let blocks = blocks.join(",");
                format!(
                    "its endpoint lets in only {blocks} (`publicAccessCidrs`): let the function leave from a fixed ADDRESS, that of a NAT gateway, and add it: `aws eks update-cluster-config --region {region} --name {cluster} --resources-vpc-config publicAccessCidrs={blocks},ADDRESS/32`"
                )
            }
        };
        let left_out = format!("!{cluster}");
        let clusters = eks.clusters.iter().map(String::as_str);
        let clusters = list(clusters.chain([left_out.as_str()]));
        Some(format!(
            "{reach}; or leave it out: below `in_use.eks` write `clusters: {clusters}`, and what only this cluster uses is not protected"
        ))
    }

    fn denied(&self, kind: &Kind) -> String {
        let Kind { group, plural, .. } = kind;
        let grant = format!(
            "grant `list` on `{plural}` (`apiGroups: [\"{group}\"]`) in all namespaces: add `- {{ apiGroups: [\"{group}\"], resources: [{plural}], verbs: [list] }}` to the rules of the ClusterRole `ecr-cleanup-reader`"
        );
        match self.without(kind) {
            Some(without) => format!("{grant}, or {without}"),
            None => grant,
        }
    }

    fn object(&self, kind: &Kind, id: &str) -> String {
        if kind.is_workload() {
            let passed_over = self.excluding(id, "what cannot be read in it");
            return format!("correct or delete it, or {passed_over}; all else in it still counts");
        }
        let without = self.excluding(id, "what only it names");
        format!("correct or delete it, or {without}")
    }

    /// Returns how a kind is left out. `None` if it is always read.
    fn without(&self, kind: &Kind) -> Option<String> {
        if kind.is_workload() {
            return None;
        }
        if *kind == Kind::new(SECRETS) {
            let below = self.below();
            return Some(format!(
                "{below} write `helm_history: false`, and what only stored Helm releases name is not protected"
            ));
        }
        let [exclusion, _] = kind.names();
        let mut rest = format!("what only a `{}` names", kind.name);
        if *kind == Kind::new(CONFIG_MAPS) && self.settings.helm_history {
            rest += ", Helm releases that are stored there included,";
        }
        Some(self.excluding(&exclusion, &rest))
    }

    /// Returns how something is left out, with what then is not protected.
    fn excluding(&self, exclusion: &str, rest: &str) -> String {
        let exclude = self.settings.exclusions.with(exclusion);
        let below = self.below();
        format!(
            "leave it out: {below} write `custom_resources: {{ exclude: {exclude} }}`, and {rest} is not protected"
        )
    }

    /// Returns where the settings of the cluster are written.
    fn below(&self) -> String {
        match self.settings.origin {
            Origin::Eks(_) => "below `in_use.eks`".to_owned(),
            Origin::Context => {
                let cluster = self.cluster;
                format!("in the entry of context `{cluster}` in `in_use.kubernetes`")
            }
        }
    }
}
