//! `git` of a policy: what can be written, checked and compiled, and written back.

use std::num::NonZeroU32;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{
    S3Objects,
    duration::Duration,
    keep_rules::{PatternError, pattern},
    path::Path,
    problems::{Problems, all_of},
    raw::form,
    scalar::{Count, List},
    text::TextError,
};
use crate::policy::{
    Pattern, Policies,
    git::{self, GitRule, GitRules, Limit, RefKind, RefPattern},
};

/// The pattern of `git.commit` that holds if none is written.
const COMMIT: &str = "(?:^|-)(?<commit>[0-9a-f]{7,40})$";
const MAX_AGE: SignedDuration = SignedDuration::from_hours(48);
const UNREACHABLE_GRACE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A rule: kind and names of refs, how many of them, how young in days, and how many images of each.
type DefaultRule = (RefKind, &'static str, Option<u32>, Option<i64>, u32);
/// What is kept if `git.keep` is not written.
const KEEP: [DefaultRule; 5] = [
    (RefKind::Tag, ".*", Some(50), None, 1),
    (RefKind::Branch, ".*", None, None, 1),
    (RefKind::Branch, ".*", None, Some(30), 3),
    (
        RefKind::Branch,
        "main|master|develop|staging|production|release/.*",
        None,
        None,
        20,
    ),
    (RefKind::Pull, ".*", None, None, 1),
];

/// Keeps images that the history of a Git repository needs, besides the keep rules. It only keeps.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `document` and `repository`"
)]
#[schemars(extend("x-required" = ["document", "repository"]))]
pub(super) struct Git {
    /// The document that `ecr-cleanup git export` writes, as `s3://BUCKET/KEY`, or
    /// `s3://ACCOUNT@BUCKET/KEY` to read only from a bucket of that account. Required.
    #[schemars(regex(pattern = form::OBJECT))]
    document: Option<String>,
    /// The name of the Git repository that the document has to be of, such as
    /// `github.com/org/app`. Required.
    repository: Option<String>,
    /// The group `commit` of this regular expression (Rust's `regex` syntax, unanchored) is the
    /// commit in a tag, with 7 digits or more. Default: what ends a tag, alone or after a `-`; none
    /// with `annotation: true`.
    #[schemars(regex(pattern = form::COMMIT_GROUP), extend("format" = "regex"))]
    commit: Option<String>,
    /// Read the commit from the annotation `org.opencontainers.image.revision` of images, indexes and
    /// their children. Needs `state`. Tags name commits besides only if `commit` is written.
    /// Default: false.
    annotation: Option<bool>,
    /// The age from which the document is stale, and everything is kept. Default: 48h.
    max_age: Option<Duration>,
    /// How long after its last push or pull an image is kept whose commit no ref has. Default: 30d.
    unreachable_grace: Option<Duration>,
    /// What becomes of images of which nothing names a commit: they are kept (`keep`), or left to
    /// the keep rules (`ignore`). Default: `keep`.
    unmapped: Option<Unmapped>,
    /// An image is kept if one of these rules keeps it. Default: the newest image of every branch,
    /// pull request and of the 50 newest tags, and more of active and long-lived branches.
    #[schemars(length(min = 1))]
    keep: Option<List<Rule>>,
}

/// Keeps images of some refs. Exactly one of `branches`, `tags` and `pulls` is written.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `branches`, `tags` or `pulls`"
)]
#[schemars(rename = "GitRule", extend(
    "oneOf" = [
        { "required": ["branches"] },
        { "required": ["tags"] },
        { "required": ["pulls"] },
    ],
    "if" = { "properties": { "operator": { "const": "or" } }, "required": ["operator"] },
    "then" = { "required": ["last", "within"] },
))]
struct Rule {
    /// Branches whose whole names match this regular expression.
    #[schemars(extend("format" = "regex"))]
    branches: Option<String>,
    /// Tags whose whole names match this regular expression.
    #[schemars(extend("format" = "regex"))]
    tags: Option<String>,
    /// Pull requests whose numbers match this regular expression.
    #[schemars(extend("format" = "regex"))]
    pulls: Option<String>,
    /// Only so many of these, the newest. Default: any number.
    last: Option<Count>,
    /// Only those whose newest commit, or annotated tag, is at most this old. Default: any age.
    within: Option<Duration>,
    /// Whether both `last` and `within` have to hold (`and`), or one of them (`or`). Default: `and`.
    operator: Option<Operator>,
    /// Which images of each of these are kept. Default: the newest.
    images: Option<Images>,
}

/// Which images of a branch, tag or pull request are kept. Images of one commit count as one.
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `last` or `within`")]
#[schemars(rename = "GitImages", extend(
    "if" = { "properties": { "operator": { "const": "or" } }, "required": ["operator"] },
    "then" = { "required": ["last", "within"] },
))]
struct Images {
    /// The newest so many. Default: 1, or any number where `within` is written.
    last: Option<Count>,
    /// Those whose commit or push is at most this old. Default: any age.
    within: Option<Duration>,
    /// Whether both have to hold (`and`), or one of them (`or`). Default: `and`.
    operator: Option<Operator>,
}

/// What becomes of images of which nothing names a commit.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Unmapped {
    /// They are kept.
    Keep,
    /// They are left to the keep rules.
    Ignore,
}

/// How `last` and `within` are combined.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Operator {
    /// Both have to hold.
    And,
    /// One has to hold.
    Or,
}

/// Returns what Git history keeps, as it is written.
pub(super) fn compile(written: &Git, path: &Path, problems: &mut Problems) -> Option<GitRules> {
    let document = problems.required(path, "document", written.document.as_ref());
    let document = document.and_then(|text| {
        let parsed = object(text);
        problems.parsed(&path.key("document"), parsed).ok()
    });
    let repository = problems.required(path, "repository", written.repository.clone());
    let annotation = written.annotation.unwrap_or(false);
    let default = (!annotation).then(|| COMMIT.to_owned());
    let commit = written.commit.clone().or(default);
    let commit = pattern(commit.as_ref(), &path.key("commit"), problems);
    let has_group = |commit: &Pattern| commit.group_names().any(|name| name == "commit");
    if let Ok(Some(commit)) = &commit
        && !has_group(commit)
    {
        let message = "needs a group `commit`: write it as `(?<commit>[0-9a-f]{7,40})`";
        problems.add(&path.key("commit"), message);
    }
    let keep = match &written.keep {
        Some(rules) => self::rules(rules, &path.key("keep"), problems),
        None => Some(KEEP.into_iter().filter_map(default_rule).collect()),
    };
    Some(GitRules {
        document: document?.to_string(),
        repository: repository?,
        commit: commit.ok()?,
        annotation,
        max_age: written.max_age.map_or(MAX_AGE, |age| age.0),
        unreachable_grace: written
            .unreachable_grace
            .map_or(UNREACHABLE_GRACE, |grace| grace.0),
        unmapped: match written.unmapped {
            None | Some(Unmapped::Keep) => git::Unmapped::Keep,
            Some(Unmapped::Ignore) => git::Unmapped::Ignore,
        },
        keep: keep?,
        history: None,
    })
}

/// Checks that there is a state where annotations are read.
pub(super) fn need_state(policies: &Policies, problems: &mut Problems) {
    for policy in &policies.all {
        if policy.git().is_some_and(|git| git.annotation) {
            let path = Path::of("policies").index(policy.position);
            let message = "needs `state`, which remembers them: reading a manifest is a pull of it";
            problems.add(&path.key("git").key("annotation"), message);
        }
    }
}

/// Returns the address of one object.
fn object(text: &str) -> Result<S3Objects, TextError> {
    let object: S3Objects = text.parse()?;
    if object.is_one() {
        return Ok(object);
    }
    Err(TextError::new("`s3://BUCKET/KEY` of one document", text))
}

fn rules(written: &List<Rule>, path: &Path, problems: &mut Problems) -> Option<Vec<GitRule>> {
    if written.0.is_empty() {
        let message = "keeps nothing: say what to keep, or leave the key out for the default rules";
        problems.add(path, message);
    }
    let rules = written
        .items()
        .map(|(position, written)| rule(written, &path.index(position), problems));
    all_of(rules)
}

fn default_rule((kind, names, last, days, images): DefaultRule) -> Option<GitRule> {
    Some(GitRule {
        kind,
        names: RefPattern::new(names).ok()?,
        refs: Limit {
            last: last.and_then(NonZeroU32::new),
            within: days.map(|days| SignedDuration::from_hours(days * 24)),
            ..Limit::default()
        },
        images: Limit {
            last: NonZeroU32::new(images),
            ..Limit::default()
        },
    })
}

fn rule(written: &Rule, path: &Path, problems: &mut Problems) -> Option<GitRule> {
    let kinds = [
        (RefKind::Branch, "branches", &written.branches),
        (RefKind::Tag, "tags", &written.tags),
        (RefKind::Pull, "pulls", &written.pulls),
    ];
    let mut kinds = kinds
        .into_iter()
        .filter_map(|(kind, key, text)| Some((kind, key, text.as_ref()?)));
    let (first, second) = (kinds.next(), kinds.next());
    if first.is_none() || second.is_some() {
        let message = "expected one of `branches`, `tags` and `pulls`; write a rule for each";
        problems.add_unless_known(path, message);
    }
    let names = first.and_then(|(kind, key, text)| {
        let pattern = RefPattern::new(text).map_err(|error| PatternError::of(text, error));
        Some((kind, problems.parsed(&path.key(key), pattern).ok()?))
    });
    let refs = limit(
        written.last,
        written.within,
        written.operator,
        path,
        problems,
    );
    let images = written.images.as_ref().map_or_else(Limit::default, |it| {
        limit(
            it.last,
            it.within,
            it.operator,
            &path.key("images"),
            problems,
        )
    });
    let (kind, names) = names?;
    Some(GitRule {
        kind,
        names,
        refs,
        images: Limit {
            last: images
                .last
                .or(images.within.is_none().then_some(NonZeroU32::MIN)),
            ..images
        },
    })
}

fn limit(
    last: Option<Count>,
    within: Option<Duration>,
    operator: Option<Operator>,
    path: &Path,
    problems: &mut Problems,
) -> Limit {
    if matches!(operator, Some(Operator::Or)) && (last.is_none() || within.is_none()) {
        let message =
            "`or` needs both `last` and `within`: with one of them it would keep everything";
        problems.add_unless_known(&path.key("operator"), message);
    }
    Limit {
        last: last.map(|count| count.0),
        within: within.map(|within| within.0),
        operator: match operator {
            None | Some(Operator::And) => git::Operator::And,
            Some(Operator::Or) => git::Operator::Or,
        },
    }
}

/// Returns what was written, with every default.
pub(super) fn written(git: &GitRules) -> Git {
    Git {
        document: Some(git.document.clone()),
        repository: Some(git.repository.clone()),
        commit: git.commit.as_ref().map(|it| it.as_str().to_owned()),
        annotation: git.annotation.then_some(true),
        max_age: Some(Duration(git.max_age)),
        unreachable_grace: Some(Duration(git.unreachable_grace)),
        unmapped: Some(match git.unmapped {
            git::Unmapped::Keep => Unmapped::Keep,
            git::Unmapped::Ignore => Unmapped::Ignore,
        }),
        keep: Some(git.keep.iter().map(written_rule).collect()),
    }
}

fn written_rule(rule: &GitRule) -> Rule {
    let names = |kind| (rule.kind == kind).then(|| rule.names.as_str().to_owned());
    let operator = |limit: &Limit| match limit.operator {
        git::Operator::And => Operator::And,
        git::Operator::Or => Operator::Or,
    };
    let (refs, images) = (&rule.refs, &rule.images);
    Rule {
        branches: names(RefKind::Branch),
        tags: names(RefKind::Tag),
        pulls: names(RefKind::Pull),
        last: refs.last.map(Count),
        within: refs.within.map(Duration),
        operator: Some(operator(refs)),
        images: Some(Images {
            last: images.last.map(Count),
            within: images.within.map(Duration),
            operator: Some(operator(images)),
        }),
    }
}
