//! The grammar of `in_use`: where use of images is looked for.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_with::skip_serializing_none;

use super::form;
use crate::config::{
    CloudFormation, EcsUse, Service,
    scalar::{List, Switch, WordOrList, Words},
};

/// Where use of images is looked for; `false` switches a source off.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping of `ecs` and other sources"
)]
pub(in crate::config) struct InUse {
    /// Amazon ECS, in every cluster found. Default: on.
    pub(in crate::config) ecs: Switch<EcsUse>,
    /// Amazon EKS, in every cluster found. Default: on.
    pub(in crate::config) eks: Switch<Eks>,
    /// Other Kubernetes clusters, as contexts of kubeconfig files. Default: none.
    pub(in crate::config) kubernetes: List<Context>,
    /// AWS Lambda, every function of a container image with all its published versions. Default:
    /// on.
    pub(in crate::config) lambda: Switch<Lambda>,
    /// Other services: `auto` reads each that answers, and says which did not; `all` and a list
    /// demand theirs; `false` reads none. Each needs rights of its own. Default: `auto`.
    pub(in crate::config) services: WordOrList<ServicesWord, Service>,
    /// The templates of AWS CloudFormation, of every stack and pending change set: `auto` reads them
    /// if it answers, `{}` demands that, `false` reads none. Default: `auto`.
    pub(in crate::config) cloudformation: CloudFormation,
    /// Regions of the caller's own account, besides its own and those of the registries: `auto`
    /// reads each enabled one that answers, and says which did not; `all` and a list demand theirs;
    /// `own` reads no other. Default: `auto`.
    pub(in crate::config) regions: WordOrList<RegionsWord, String>,
    /// Where else to look, besides the caller's own account and Region and those of the registries.
    /// Default: nowhere.
    pub(in crate::config) accounts: List<Account>,
    /// An organization: use is looked for in each of its accounts. Default: none.
    pub(in crate::config) organization: Option<Organization>,
    /// Lists of images in use, as `s3://BUCKET/KEY` with `*` for any part of a name, or
    /// `s3://ACCOUNT@BUCKET/KEY` to read only from a bucket of that account. Default: none.
    #[schemars(inner(regex(pattern = form::OBJECTS)))]
    pub(in crate::config) keep_lists: List<String>,
}

/// Words for services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum ServicesWord {
    Auto,
    All,
    Off,
}

impl Words for ServicesWord {
    const WORDS: &'static [(&'static str, Self)] = &[("auto", Self::Auto), ("all", Self::All)];
    const OFF: Option<Self> = Some(Self::Off);
    const EXPECTED: &'static str = "`auto`, `all`, `false` or a list of services";
}

/// Words for Regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum RegionsWord {
    Auto,
    Own,
    All,
}

impl Words for RegionsWord {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("own", Self::Own), ("all", Self::All)];
    const OFF: Option<Self> = None;
    const EXPECTED: &'static str = "`auto`, `own`, `all` or a list of Regions";

    fn narrow(list: &mut Schema) {
        list.insert("minItems".to_owned(), 1.into());
        list.insert(
            "items".to_owned(),
            json!({ "type": "string", "pattern": form::REGION }),
        );
    }
}

/// Amazon EKS as a source of use.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Eks {
    /// Globs on cluster names, the last of which that matches decides; `!` before one leaves out
    /// what it matches. A name without a wildcard must exist. What a cluster that is left out uses
    /// is not protected. Default: `**`, every cluster.
    #[schemars(length(min = 1), inner(length(min = 1)), extend("prefixItems" = [{ "pattern": "^[^!]" }]))]
    pub(in crate::config) clusters: List<String>,
    /// Names of clusters, of contexts too, that may hold nothing; a cluster with no pods and no
    /// deployments is an error else. Default: none.
    pub(in crate::config) allow_empty: List<String>,
    /// Whether what stored Helm releases could roll back to counts; reading them needs the right to
    /// list Secrets. Default: false.
    pub(in crate::config) helm_history: bool,
    /// Custom resources that name images. Default: every kind.
    pub(in crate::config) custom_resources: CustomResources,
}

/// Which custom resources are read.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `exclude`")]
pub(in crate::config) struct CustomResources {
    /// Kinds to leave out, as `GROUP/KIND` with `*` for any kind, and single objects, as
    /// `GROUP/KIND/NAMESPACE/NAME` or, in no namespace, `GROUP/KIND/NAME`. Of the built-in kinds
    /// `core/ConfigMap`, `core/Namespace` and `core/PersistentVolume` can be left out. Of a workload
    /// that is named only what cannot be read is passed over. Default: none.
    pub(in crate::config) exclude: List<String>,
}

/// A Kubernetes cluster that is not of EKS. What is not written is as `in_use.eks` says, or its
/// defaults if that is `false`.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `kubeconfig` and `context`"
)]
#[schemars(extend("x-required" = ["kubeconfig", "context"]))]
#[expect(
    clippy::struct_field_names,
    reason = "a context of a kubeconfig is called that"
)]
pub(in crate::config) struct Context {
    /// The path of the kubeconfig file. Required.
    pub(in crate::config) kubeconfig: Option<String>,
    /// The name of the context in it. Required.
    pub(in crate::config) context: Option<String>,
    /// Whether it may hold nothing. Default: if `in_use.eks.allow_empty` names the context.
    pub(in crate::config) allow_empty: Option<bool>,
    /// Whether what stored Helm releases could roll back to counts. Default: as for EKS.
    pub(in crate::config) helm_history: Option<bool>,
    /// Custom resources that name images. Default: as for EKS.
    pub(in crate::config) custom_resources: Option<CustomResources>,
}

/// AWS Lambda as a source of use.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Lambda {}

/// Another account to look for use in, or more Regions of the caller's own. At least one of
/// `role_arn` and `regions` is written.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping of an account's settings")]
#[schemars(extend(
    "anyOf" = [{ "required": ["role_arn"] }, { "required": ["regions"] }],
    "dependentRequired" = { "external_id": ["role_arn"] },
))]
pub(in crate::config) struct Account {
    /// The ARN of the role to assume there, which reads. Default: none, for the caller's own
    /// account.
    #[schemars(regex(pattern = form::ROLE))]
    pub(in crate::config) role_arn: Option<String>,
    /// The external id the role asks for. Default: none.
    #[schemars(regex(pattern = form::EXTERNAL_ID))]
    pub(in crate::config) external_id: Option<String>,
    /// The AWS Regions to look in. Default: the caller's.
    #[schemars(length(min = 1), inner(regex(pattern = form::REGION)))]
    pub(in crate::config) regions: Option<List<String>>,
}

/// An organization of AWS Organizations. A repository whose policy lets it pull is cleaned if each of
/// its accounts is read, or trusted by `guards.trusted_pullers`.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping of an organization's settings"
)]
#[schemars(extend("x-required" = ["role_name"]))]
pub(in crate::config) struct Organization {
    /// The name of the role to assume in each account, with its path if it has one. An account that
    /// `accounts` or `registries` name is read with the role that is named there. Required.
    #[schemars(length(min = 1))]
    pub(in crate::config) role_name: Option<String>,
    /// The external id the roles ask for. Default: none.
    #[schemars(regex(pattern = form::EXTERNAL_ID))]
    pub(in crate::config) external_id: Option<String>,
    /// The ARN of the role to assume to list the accounts: one of the management account or of a
    /// delegated administrator. Default: none, where the caller's own account is one of these.
    #[schemars(regex(pattern = form::ROLE))]
    pub(in crate::config) list_role_arn: Option<String>,
    /// The AWS Regions to look in, in each account. Default: the caller's.
    #[schemars(length(min = 1), inner(regex(pattern = form::REGION)))]
    pub(in crate::config) regions: Option<List<String>>,
    /// Account ids, 12 digits each, in quotes: accounts that are not read. That alone does not let a
    /// repository be cleaned from which they may pull. Default: none.
    #[schemars(inner(regex(pattern = form::ACCOUNT)))]
    pub(in crate::config) exclude: Option<List<String>>,
}
