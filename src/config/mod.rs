//! The configuration: from the document a person wrote to what the program uses.
//!
//! 1. `Source` says where the document is and reads its text.
//! 2. `document` turns the text, YAML or JSON, into a tree; a duplicate key is an error.
//! 3. What is written is laid over the defaults (`default.yaml`): keys left out keep their
//!    defaults, at every level; a list is replaced whole. A policy without `keep` gets the default
//!    rules.
//! 4. `read` checks the tree against the grammar in `raw`: every unknown key, wrong type and
//!    impossible value at once.
//! 5. `compile` builds globs and regexes, and finds what is wrong between keys.
//!
//! Every problem carries its path (`policies[1].keep[0].newest`), and all of them are reported
//! together in one [`ConfigError`], before anything else happens.

mod accounts;
mod aws_rates;
mod cloudformation;
mod clusters;
mod compile;
mod document;
mod duration;
mod effective;
mod error;
mod exclude;
mod git;
mod guards;
mod in_use;
mod keep_rules;
mod location;
mod mismatch;
mod nearest;
mod node;
mod notify;
mod path;
mod policies;
mod problems;
mod raw;
mod read;
mod registry;
mod scalar;
mod schema;
mod source;
mod text;
pub mod yaml;

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use strum::{IntoStaticStr, VariantArray};

pub use self::nearest::nearest_name;
pub use self::{
    aws_rates::AwsRates,
    cloudformation::CloudFormation,
    clusters::ClusterGlobs,
    error::ConfigError,
    location::{S3Bucket, S3Location, S3Objects},
    notify::Recipient,
    schema::schema,
    source::Fetch,
    text::TextError,
};
pub(crate) use self::{duration::parse as duration, nearest::nearest, notify::is_webhook};
use crate::{
    guard::Guards,
    image::{AccountId, Arn, Region},
    policy::{Policies, RepositoryGlobs},
};

/// The defaults as a commented document: their definition, and a template to copy.
const TEMPLATE: &str = include_str!("default.yaml");

/// A valid configuration, ready for use.
///
/// It serializes as a document in the grammar it was read from, with every default written out:
/// what `check-config` prints, and what [`Config::parse`] reads back to an equal value.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The most a run may do.
    pub mode: Mode,
    /// The registries that are cleaned. Empty for that of the caller's own account and Region.
    pub registries: Vec<Registry>,
    /// The keep rules of repositories. The first policy that matches applies.
    pub policies: Policies,
    /// The usage sources.
    pub in_use: InUse,
    /// Host names that stand for the configured registries, in lower case, with a port if one was
    /// written.
    pub registry_aliases: Vec<String>,
    /// Guards, which make a run refuse or stop.
    pub guards: Guards,
    /// Location of the state; `None` if there is none.
    pub state: Option<S3Location>,
    /// Location of full reports; `None` if none are written.
    pub report: Option<S3Location>,
    /// Location of the evidence that every run publishes; `None` if none is.
    pub publish: Option<S3Location>,
    /// Who is told of runs.
    pub notify: Vec<Recipient>,
    /// Treatment of images in the archive storage class.
    pub archive: Archive,
    /// Rates of calls.
    pub aws: AwsRates,
    /// Price of storage in US dollars for one GB and month.
    pub usd_per_gb_month: f64,
}

/// A registry to clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// The Region. `None` for the caller's.
    pub region: Option<Region>,
    /// The role to assume. `None` for the caller's own account.
    pub role: Option<Role>,
}

/// A role to assume in another account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role {
    /// Its ARN.
    pub arn: Arn,
    /// The account that the ARN names.
    pub account: AccountId,
    /// The external id that it asks for.
    pub external_id: Option<String>,
}

/// Another account to look for use in, or more Regions of the caller's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The role to assume. `None` for the caller's own account.
    pub role: Option<Role>,
    /// The Regions. Empty for the caller's.
    pub regions: Vec<Region>,
}

/// An organization whose accounts are found and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// The name of the role that reads in each account, with its path.
    pub role_name: String,
    /// The external id that the roles ask for.
    pub external_id: Option<String>,
    /// The role that lists the accounts. `None` for the caller's own.
    pub list_role: Option<Role>,
    /// The Regions that are read in each account. Empty for the caller's.
    pub regions: Vec<Region>,
    /// Accounts that are not read.
    pub exclude: Vec<AccountId>,
}

/// The most that a run may do with candidates, from the least to the most.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Deserialize,
    Serialize,
    JsonSchema,
    strum::Display,
    strum::EnumString,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
#[schemars(inline)]
pub enum Mode {
    /// Only show what would be deleted.
    Plan,
    /// Move to the archive storage class.
    Archive,
    /// Delete.
    Delete,
}

/// The usage sources. `None` if a source is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    /// Amazon ECS, in every cluster found.
    pub ecs: Option<EcsUse>,
    /// Amazon EKS, in every cluster found.
    pub eks: Option<EksUse>,
    /// Other Kubernetes clusters.
    pub kubernetes: Vec<KubernetesUse>,
    /// AWS Lambda, every function of a container image.
    pub lambda: bool,
    /// Other services.
    pub services: Services,
    /// The templates of AWS CloudFormation.
    pub cloudformation: CloudFormation,
    /// Regions of the caller's own account, besides its own and those of the registries.
    pub regions: Regions,
    /// Further accounts and Regions to look in.
    pub accounts: Vec<Account>,
    /// An organization, in each account of which use is read.
    pub organization: Option<Organization>,
    /// Lists of images in use that something else writes.
    pub keep_lists: Vec<S3Objects>,
}

/// Which other services are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Services {
    /// Every one that answers; one that denies its first call or cannot be reached is unread.
    Auto,
    /// These and no other; one that cannot be read is a failure.
    Demanded(Vec<Service>),
}

/// Which Regions of the caller's own account are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Regions {
    /// Every enabled one that can be asked; the others are unread.
    Auto,
    /// The caller's own and no other.
    Own,
    /// Every enabled one; one that cannot be read is a failure.
    All,
    /// The caller's own and these; one that cannot be read is a failure.
    Named(Vec<Region>),
}

/// A service besides Amazon ECS, Amazon EKS and AWS Lambda that can use images.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Deserialize,
    Serialize,
    JsonSchema,
    strum::Display,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schemars(inline)]
pub enum Service {
    /// AWS App Runner.
    AppRunner,
    /// AWS Batch.
    Batch,
    /// Amazon Bedrock `AgentCore`.
    BedrockAgentcore,
    /// AWS `CodeBuild`.
    Codebuild,
    /// Rules of Amazon EventBridge.
    Eventbridge,
    /// Containers of Amazon Lightsail.
    Lightsail,
    /// Amazon EventBridge Pipes.
    Pipes,
    /// Amazon `SageMaker` AI.
    Sagemaker,
    /// Amazon EventBridge Scheduler.
    Scheduler,
    /// AWS Step Functions.
    StepFunctions,
}

impl Service {
    /// All services, in the order of their names.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns the name as it is written in a configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The use that counts in Amazon EKS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EksUse {
    /// The clusters that are read, by name.
    pub clusters: ClusterGlobs,
    /// The names of clusters that may have no workloads.
    pub allow_empty: Vec<String>,
    /// Whether the images of stored Helm releases are in use.
    pub helm_history: bool,
    /// Kinds and objects that are not read, as `GROUP/KIND` and `GROUP/KIND/NAMESPACE/NAME`.
    pub exclude: RepositoryGlobs,
}

/// A Kubernetes cluster that a kubeconfig describes. What is `None` is as [`EksUse`] says, or else
/// its defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesUse {
    /// The path of the file.
    pub kubeconfig: String,
    /// The name of the context in it.
    pub context: String,
    /// Whether it may have no workloads.
    pub allow_empty: Option<bool>,
    /// Whether the images of stored Helm releases are in use.
    pub helm_history: Option<bool>,
    /// Kinds and objects that are not read.
    pub exclude: Option<RepositoryGlobs>,
}

/// Amazon ECS as a source of use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ecs")]
pub struct EcsUse {
    /// Which task definition revisions count besides those that a task, service, deployment or task
    /// set names: every ACTIVE one (`active`), none (`referenced`), or the newest N ACTIVE ones of
    /// each family. Default: `active`.
    pub task_definitions: TaskDefinitions,
    /// Whether the text of task definitions is asked of AWS Config, a hundred in a call, where many
    /// are to be described (`auto`), or never (`off`). Default: `off`.
    pub config_recorder: ConfigRecorder,
}

/// Whether AWS Config is asked for the text of task definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ConfigRecorder {
    /// Where many are to be described, if it answers.
    Auto,
    /// Never.
    Off,
}

/// Which task definition revisions count as use.
///
/// It is written as `active`, `referenced` or `{ newest: N }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskDefinitions {
    /// Every ACTIVE revision, and all that are referenced.
    Active,
    /// Only those that a task, service, deployment or task set names.
    Referenced,
    /// The newest N ACTIVE revisions of each family, and all that are referenced.
    Newest(NonZeroU32),
}

/// Treatment of images in the archive storage class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Time from archiving a candidate to deleting it. `None` for never.
    pub delete_after: Option<SignedDuration>,
    /// Whether mode `archive` restores what something live needs.
    pub restore_in_use: bool,
}

impl Config {
    /// Returns a name of what use is read: the same for configurations that read the same.
    pub(crate) fn use_name(&self) -> String {
        let document = serde_json::to_value(self).unwrap_or_default();
        let read = ["in_use", "registries", "registry_aliases"].map(|key| &document[key]);
        let hash = Sha256::digest(serde_json::json!(read).to_string());
        hex::encode(&hash[..8])
    }

    /// Reads a document, YAML or JSON; an empty one is the defaults.
    ///
    /// # Errors
    ///
    /// Returns all problems of the document at once.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let written = document::parse(text)?;
        let defaults = document::parse(TEMPLATE)?;
        let mut problems = problems::Problems::default();
        let tree = read::check(&defaults, written, &mut problems);
        let (document, defaults) = (read::accepted(&tree)?, read::accepted(&defaults)?);
        let config = compile::compile(&document, &defaults, &mut problems);
        problems.finish(config)
    }

    /// Reads the document that `spec` names (see `Source::parse`). `None` for the defaults.
    ///
    /// `sha256`, when given, is the hexadecimal SHA-256 digest the bytes of the document must have.
    ///
    /// # Errors
    ///
    /// Returns all problems of the document at once, or why it could not be read.
    pub async fn load(
        spec: Option<&str>,
        sha256: Option<&str>,
        fetch: &impl Fetch,
    ) -> Result<Self, ConfigError> {
        let source = source::Source::parse(spec.unwrap_or_default())?;
        let text = source.read(sha256, fetch).await?;
        Self::parse(&text)
    }
}
