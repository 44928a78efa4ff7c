//! The grammar: what can be written, each key in one place. The descriptions are those of the JSON
//! Schema.
//!
//! Every key may be left out. What has a default gets it before this is read; what has none is an
//! `Option`.

pub(super) mod form;
mod guards;
mod in_use;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{
    AwsRates, Mode,
    duration::Duration,
    git::Git,
    notify::OneOrMore,
    scalar::{self, Count, List},
};

pub(super) use guards::*;
pub(super) use in_use::*;

/// Which images of Amazon ECR are kept, where their use is looked for, and what makes a run refuse.
///
/// Every key may be left out and then has its default, at every level; a list is replaced whole.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping of settings")]
#[schemars(title = "ecr-cleanup configuration")]
pub(super) struct Document {
    /// The version of this grammar: 1, which is also the default.
    #[schemars(range(min = 1, max = 1))]
    pub(super) version: Count,
    /// The most a run may do: `plan` only shows what would be deleted, `archive` moves it to the
    /// archive storage class, where it cannot be pulled until it is restored, `delete` deletes it.
    /// Default: `plan`.
    pub(super) mode: Mode,
    /// Where the images are: the registries that are cleaned. Default: that of the caller's own
    /// account and Region.
    #[schemars(length(min = 1))]
    pub(super) registries: Option<List<Registry>>,
    /// The AWS tag of a repository whose value is the name of its policy, or `protect`, which leaves
    /// it alone. A name that there is not leaves it alone too. Default: none, and no tag is read.
    #[schemars(length(min = 1, max = 128))]
    pub(super) policy_tag: Option<String>,
    /// What is kept, by repository. The first policy whose globs match a repository applies to it;
    /// a repository that none matches is left alone. Default: one policy for all repositories, with
    /// the default keep rules.
    #[schemars(length(min = 1))]
    pub(super) policies: List<Policy>,
    /// Where use of images is looked for. An image in use is never deleted.
    pub(super) in_use: InUse,
    /// Host names (CNAMEs, proxies) that stand for these registries, with a port where references
    /// have one. Default: none.
    #[schemars(inner(regex(pattern = form::ALIAS)))]
    pub(super) registry_aliases: List<String>,
    /// What makes a run refuse or stop.
    pub(super) guards: Guards,
    /// What becomes of images in the archive storage class.
    pub(super) archive: Archive,
    /// Where caches, the soak and use ledgers, the run lock and the last counts are kept, as
    /// `s3://BUCKET/PREFIX`, or `s3://ACCOUNT@BUCKET/PREFIX` if the bucket belongs to another
    /// account. Default: nowhere.
    #[schemars(regex(pattern = form::BUCKET))]
    pub(super) state: Option<String>,
    /// Where the full report of every run is written, as `s3://BUCKET/PREFIX`, or
    /// `s3://ACCOUNT@BUCKET/PREFIX` to write only to a bucket of that account. Default: nowhere.
    #[schemars(regex(pattern = form::BUCKET))]
    pub(super) report: Option<String>,
    /// Where every run writes what it found to be in use, for `in_use.keep_lists` of other accounts,
    /// as `s3://BUCKET/PREFIX` or `s3://ACCOUNT@BUCKET/PREFIX`. Default: nowhere.
    #[schemars(regex(pattern = form::BUCKET))]
    pub(super) publish: Option<String>,
    /// Who is told of runs, one or several: the ARN of an SNS topic; the address of a webhook
    /// (Slack, Microsoft Teams, or what takes `{"text": ...}`) as `https://...`, or, since who knows
    /// it can write there, the name of what holds it, as `ssm:PARAMETER` or `secret:SECRET`. Default:
    /// none.
    pub(super) notify: Option<OneOrMore>,
    /// How many calls a second the program makes.
    pub(super) aws: AwsRates,
    /// What storage costs.
    pub(super) cost: Cost,
}

/// A registry to clean: an account's images in one Region.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping of a registry's settings")]
#[schemars(extend("dependentRequired" = { "external_id": ["role_arn"] }))]
pub(super) struct Registry {
    /// The AWS Region. Default: the caller's.
    #[schemars(regex(pattern = form::REGION))]
    pub(super) region: Option<String>,
    /// The ARN of the role to assume there, which reads and deletes. Default: none, for the
    /// caller's own account.
    #[schemars(regex(pattern = form::ROLE))]
    pub(super) role_arn: Option<String>,
    /// The external id the role asks for. Default: none.
    #[schemars(regex(pattern = form::EXTERNAL_ID))]
    pub(super) external_id: Option<String>,
}

/// What is kept in the repositories whose names match.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `repositories`")]
#[schemars(extend(
    "anyOf" = [{ "required": ["repositories"] }, { "required": ["repository_tags"] }],
    "not" = {
        "properties": { "leave_alone": { "const": true } },
        "required": ["leave_alone"],
        "anyOf": [
            { "required": ["keep"] },
            { "required": ["keep_at_least"] },
            { "required": ["mode"] },
            { "required": ["max_percent"] },
            { "required": ["max_deletions"] },
            { "required": ["soak"] },
            { "required": ["git"] },
            { "properties": { "delete_unmatched": { "const": true } }, "required": ["delete_unmatched"] },
        ],
    },
))]
pub(super) struct Policy {
    /// What explanations and reports call the policy, 1 to 64 characters, unique. Default: `policy
    /// N`, counted from 1.
    #[schemars(length(min = 1, max = 64))]
    pub(super) name: Option<String>,
    /// Globs on whole repository names: `*` and `?` do not cross a `/`, `**` does; `**` alone is
    /// every repository. A repository of a pull-through cache is matched only by a glob without a
    /// wildcard, unless `pull_through_cache` is set. Required, unless `repository_tags` is written.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub(super) repositories: Option<List<String>>,
    /// AWS tags of the repository, each with a glob on its value, in which `*` is any text; where
    /// `repositories` is written too, both have to match. Default: none.
    #[schemars(extend("minProperties" = 1))]
    pub(super) repository_tags: Option<BTreeMap<String, String>>,
    /// Let wildcards match repositories of pull-through caches too. Default: false.
    pub(super) pull_through_cache: Option<bool>,
    /// The most a run may do in these repositories; what the configuration or an event allows is
    /// never exceeded. Default: what they allow.
    pub(super) mode: Option<Mode>,
    /// Percentage, 0 to 100, of a repository's images that one run may delete, instead of
    /// `guards.max_percent_per_repository`.
    #[serde(default, deserialize_with = "scalar::some_percent")]
    #[schemars(range(min = 0, max = 100))]
    pub(super) max_percent: Option<u8>,
    /// Images of a repository that one run may delete; the next run continues. 0 deletes nothing.
    /// Default: as many as `guards.max_deletions_per_run`.
    #[serde(default, deserialize_with = "scalar::some_limit")]
    pub(super) max_deletions: Option<u64>,
    /// How long an image must have been a candidate in every run before it is deleted, instead of
    /// `guards.soak`. Needs `state`.
    pub(super) soak: Option<Duration>,
    /// An image is kept if one of these rules keeps it, or if it is in use. Default: the rules of
    /// the default configuration.
    #[schemars(length(min = 1))]
    pub(super) keep: Option<List<KeepRule>>,
    /// Leave these repositories as they are. Excludes `keep`, `delete_unmatched` and `git`.
    /// Default: false.
    pub(super) leave_alone: Option<bool>,
    /// Clean a repository even though not one of its tags is matched by any rule; else such a
    /// repository is left alone and reported. Needs a rule about images. Default: false.
    pub(super) delete_unmatched: Option<bool>,
    /// So many of the newest images of each repository are kept, whatever the rules say. Excludes
    /// `leave_alone`. Default: 0.
    #[serde(default, deserialize_with = "scalar::number")]
    #[schemars(range(min = 0))]
    pub(super) keep_at_least: Option<u32>,
    /// What Git history keeps besides. Default: nothing.
    pub(super) git: Option<Git>,
}

/// Keeps the images for which all its conditions hold. At least one of `artifacts: true`, `tags`,
/// `all_tags`, `no_tag`, `untagged: true`, `pushed_within`, `pulled_within`, `used_within`,
/// `tagged_within`, `newest` and
/// `newest_groups` is written.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with the conditions of a rule"
)]
#[schemars(extend(
    "anyOf" = [
        { "required": ["tags"] },
        { "required": ["all_tags"] },
        { "required": ["no_tag"] },
        { "properties": { "untagged": { "const": true } }, "required": ["untagged"] },
        { "required": ["pushed_within"] },
        { "required": ["pulled_within"] },
        { "required": ["used_within"] },
        { "required": ["tagged_within"] },
        { "required": ["newest"] },
        { "required": ["newest_groups"] },
    ],
    "not" = {
        "properties": { "untagged": { "const": true } },
        "required": ["untagged"],
        "anyOf": [
            { "required": ["tags"] },
            { "required": ["all_tags"] },
            { "required": ["no_tag"] },
            { "required": ["tagged_within"] },
            { "properties": { "by": { "const": "tagged" } }, "required": ["by"] },
        ],
    },
    "dependentRequired" = { "except": ["tags"], "per": ["tags"], "newest_groups": ["per"], "version": ["by"] },
))]
pub(super) struct KeepRule {
    /// What explanations call the rule, 1 to 64 characters, unique in its policy. Default: `rule
    /// N`, counted from 1.
    #[schemars(length(min = 1, max = 64))]
    pub(super) name: Option<String>,
    /// The rule is about artifacts (Helm charts, build caches) instead of images, and artifacts of its
    /// `type` are cleaned; without such a rule they are left alone. Default: false.
    pub(super) artifacts: Option<bool>,
    /// The type of the artifacts that the rule is about, as `DescribeImages` has it in
    /// `artifactMediaType`; `*` is any text. Needs `artifacts: true`. Default: any type.
    #[serde(rename = "type")]
    #[schemars(length(min = 1))]
    pub(super) artifact_type: Option<String>,
    /// Some tag matches this regular expression (Rust's `regex` syntax, unanchored).
    #[schemars(extend("format" = "regex"))]
    pub(super) tags: Option<String>,
    /// That same tag does not match this regular expression. Needs `tags`.
    #[schemars(extend("format" = "regex"))]
    pub(super) except: Option<String>,
    /// Each of these regular expressions matches some tag, not all of them the same one.
    #[schemars(length(min = 1), extend("items" = { "type": "string", "format": "regex" }))]
    pub(super) all_tags: Option<List<String>>,
    /// No tag matches this regular expression; an image without a tag meets that too.
    #[schemars(extend("format" = "regex"))]
    pub(super) no_tag: Option<String>,
    /// The image has no tag. Excludes `tags`, `all_tags`, `no_tag`, `tagged_within` and `by: tagged`.
    /// Default: false.
    pub(super) untagged: Option<bool>,
    /// The image was pushed at most this long ago.
    pub(super) pushed_within: Option<Duration>,
    /// The image was pulled at most this long ago; one never pulled counts from its push.
    pub(super) pulled_within: Option<Duration>,
    /// The image was seen in use at most this long ago. Needs `state`, where that is written down.
    pub(super) used_within: Option<Duration>,
    /// A tag that the rule is about was first seen on the image at most this long ago. Excludes
    /// `untagged`. Needs `state`, where that is written down.
    pub(super) tagged_within: Option<Duration>,
    /// The image is among this many newest that meet the other conditions. 1 or more.
    pub(super) newest: Option<Count>,
    /// The name of a group of `tags`, such as a branch: `newest` counts for each of its values.
    /// Needs `tags`.
    pub(super) per: Option<String>,
    /// Only so many values of `per` are kept, those with the newest images. 1 or more. Needs `per`.
    pub(super) newest_groups: Option<Count>,
    /// What makes an image newer than another: its push time, the version in its tag (needs
    /// `tags`), its last pull, which is its push time if it was never pulled, its last use, or the
    /// first sight of a tag on it. An image that was never used, or has no tag, is not counted by
    /// these two, nor kept; they need `state`. Default: `pushed`.
    pub(super) by: Option<Order>,
    /// The part of a tag that is its version: the group `version` of this regular expression. Needs
    /// `by: version`. Default: what looks like a version.
    #[schemars(extend("format" = "regex"))]
    pub(super) version: Option<String>,
}

/// An order of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum Order {
    Pushed,
    Version,
    Pulled,
    Used,
    Tagged,
}

/// What becomes of images in the archive storage class.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `delete_after` and `restore_in_use`"
)]
pub(super) struct Archive {
    /// Time from archiving a candidate to deleting it. AWS charges for 90 days of archive at least.
    /// Default: never.
    pub(super) delete_after: Option<Duration>,
    /// Whether mode `archive` restores what something live needs. Default: true.
    pub(super) restore_in_use: bool,
}

/// What storage costs.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `usd_per_gb_month`")]
pub(super) struct Cost {
    /// US dollars for one GB and month. Default: 0.10.
    #[serde(deserialize_with = "scalar::price")]
    #[schemars(range(min = 0))]
    pub(super) usd_per_gb_month: f64,
}
