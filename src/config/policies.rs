//! Policies: what is written, checked and compiled.

use std::collections::{BTreeMap, HashMap};

use super::{
    Config, Mode, git, guards,
    keep_rules::{self, check_name, keep_at_least},
    path::Path,
    problems::{Problems, all_of},
    raw,
    scalar::List,
    text::quoted,
};
use crate::policy::{
    Action, Ceiling, KeepRules, Limits, PROTECT, Policies, Policy, RepositoryGlobs,
    wildcard::Wildcard,
};

impl Config {
    /// Returns whether any image has to soak.
    pub(crate) fn soaks(&self) -> bool {
        let policies = self.policies.all.iter();
        let of_policies = policies.filter_map(|policy| policy.limits.soak);
        let mut all = of_policies.chain([self.guards.soak]);
        all.any(|soak| !soak.is_zero())
    }
}

/// Returns the policies as they are written; `default_keep` is for those without `keep`. Some keys
/// need the state store.
pub(super) fn compile(
    document: &raw::Document,
    default_keep: Option<&List<raw::KeepRule>>,
    has_state: bool,
    problems: &mut Problems,
) -> Option<Policies> {
    let (path, written) = (Path::of("policies"), &document.policies);
    let tag = policy_tag(document.policy_tag.as_ref(), problems);
    if written.0.is_empty() {
        problems.add(
            &path,
            "expected a policy; leave the key out for the default ones",
        );
    }
    let mut names = HashMap::new();
    let policies = written.items().map(|(position, written)| {
        let path = path.index(position);
        check_unique_name(written, position, &mut names, &path, problems);
        check_protected(written, tag.as_deref(), &path, problems);
        let repository_tags = repository_tags(written, &path.key("repository_tags"), problems);
        let repositories = repositories(written, &path, problems);
        let action = action(written, default_keep, &path, problems);
        Some(Policy {
            position,
            name: written.name.clone(),
            repositories: repositories?,
            repository_tags: repository_tags?,
            pull_through_cache: written.pull_through_cache.unwrap_or(false),
            action: action?,
            limits: limits(written, has_state, &path, problems),
        })
    });
    let all = all_of(policies)?;
    let policies = Policies { all, tag };
    for (policy, covering) in policies.covered() {
        let path = path.index(policy.position).key("repositories");
        let globs = covering.repositories.patterns().iter().take(3);
        let globs: Vec<String> = globs.map(|glob| quoted(glob)).collect();
        let message = format!(
            "never applies: `policies[{}]` ({}) comes first and matches every repository that it matches; put it before that one",
            covering.position,
            globs.join(", ")
        );
        problems.add(&path, message);
    }
    Some(policies)
}

fn check_unique_name<'a>(
    policy: &'a raw::Policy,
    position: usize,
    names: &mut HashMap<&'a str, usize>,
    path: &Path,
    problems: &mut Problems,
) {
    let Some(name) = &policy.name else { return };
    check_name(name, path, problems);
    if let Some(first) = names.insert(name, position) {
        let message = format!(
            "{} is the name of `policies[{first}]` too: names are unique",
            quoted(name)
        );
        problems.add(&path.key("name"), message);
    }
}

/// Checks that a policy is not called like the value that leaves a repository alone.
fn check_protected(policy: &raw::Policy, tag: Option<&str>, path: &Path, problems: &mut Problems) {
    if let Some(tag) = tag
        && policy.name.as_deref() == Some(PROTECT)
    {
        let message = format!(
            "`{PROTECT}` in the AWS tag {} leaves a repository alone: choose another name",
            quoted(tag)
        );
        problems.add(&path.key("name"), message);
    }
}

fn policy_tag(written: Option<&String>, problems: &mut Problems) -> Option<String> {
    if written.is_some_and(|key| key.trim().is_empty()) {
        let message = "expected the key of an AWS tag, such as `ecr-cleanup`";
        problems.add(&Path::of("policy_tag"), message);
    }
    written.cloned()
}

fn repository_tags(
    policy: &raw::Policy,
    path: &Path,
    problems: &mut Problems,
) -> Option<BTreeMap<String, Wildcard>> {
    let Some(written) = &policy.repository_tags else {
        return Some(BTreeMap::new());
    };
    if written.is_empty() && !problems.knows(path) {
        let message =
            "expected a tag, such as `{ team: \"payments*\" }`; leave the key out for any";
        problems.add(path, message);
        return None;
    }
    let tags = written.iter();
    let tags = tags.map(|(key, glob)| (key.clone(), Wildcard::new(glob)));
    Some(tags.collect())
}

fn limits(policy: &raw::Policy, has_state: bool, path: &Path, problems: &mut Problems) -> Limits {
    let soak = policy.soak.map(|soak| soak.0);
    if soak.is_some_and(|soak| !soak.is_zero()) && !has_state {
        problems.add(&path.key("soak"), guards::SOAK_NEEDS_STATE);
    }
    Limits {
        mode: policy.mode.and_then(|mode| match mode {
            Mode::Plan => Some(Ceiling::Plan),
            Mode::Archive => Some(Ceiling::Archive),
            Mode::Delete => None,
        }),
        max_percent: policy.max_percent,
        max_deletions: policy.max_deletions,
        soak,
    }
}

fn repositories(
    policy: &raw::Policy,
    path: &Path,
    problems: &mut Problems,
) -> Option<RepositoryGlobs> {
    if policy.repositories.is_none() && policy.repository_tags.is_some() {
        return RepositoryGlobs::new(&["**".to_owned()]).ok();
    }
    let written = problems.required(path, "repositories", policy.repositories.as_ref())?;
    let path = path.key("repositories");
    if written.0.is_empty() {
        problems.add(&path, "expected a glob; every repository is `**`");
        return None;
    }
    globs(written, &path, problems)
}

/// Compiles the globs of a list.
pub(super) fn globs(
    written: &List<String>,
    path: &Path,
    problems: &mut Problems,
) -> Option<RepositoryGlobs> {
    // The index of a glob among all items. A blank is one of them, and a problem already.
    let items = written.items().map(|(index, text)| (index, text.clone()));
    let (indexes, texts): (Vec<usize>, Vec<String>) = items.unzip();
    let globs = RepositoryGlobs::new(&texts).map_err(|errors| {
        for (position, error) in errors {
            problems.add(&path.index(indexes[position]), error.to_string());
        }
    });
    globs.ok()
}

fn action(
    policy: &raw::Policy,
    default_keep: Option<&List<raw::KeepRule>>,
    path: &Path,
    problems: &mut Problems,
) -> Option<Action> {
    let leave_alone = policy.leave_alone.unwrap_or(false);
    let delete_unmatched = policy.delete_unmatched.unwrap_or(false);
    let git = policy.git.as_ref();
    let git = git.map(|written| git::compile(written, &path.key("git"), problems));
    let rules = match &policy.keep {
        Some(written) => {
            let path = path.key("keep");
            if written.0.is_empty() {
                let message = "keeps nothing: say what to keep; to leave repositories alone write `leave_alone: true`";
                problems.add(&path, message);
            }
            keep_rules::compile(written, &path, problems)
        }
        None if leave_alone => Some(Vec::new()),
        None => {
            let written = problems.required(path, "keep", default_keep)?;
            keep_rules::compile(written, &path.key("keep"), problems)
        }
    };
    if leave_alone {
        let others = [
            ("keep", policy.keep.is_some()),
            ("delete_unmatched", delete_unmatched),
            ("keep_at_least", policy.keep_at_least.is_some()),
            ("git", policy.git.is_some()),
            ("mode", policy.mode.is_some()),
            ("max_percent", policy.max_percent.is_some()),
            ("max_deletions", policy.max_deletions.is_some()),
            ("soak", policy.soak.is_some()),
        ];
        for (key, _) in others.iter().filter(|(_, is_written)| *is_written) {
            let message = format!("`leave_alone: true` contradicts `{key}`: leave one of them out");
            problems.add(path, message);
        }
        return Some(Action::LeaveAlone);
    }
    let rules = KeepRules {
        rules: rules?,
        at_least: policy.keep_at_least.and_then(keep_at_least).map(Box::new),
        delete_unmatched,
        git: match git {
            Some(git) => Some(Box::new(git?)),
            None => None,
        },
    };
    if delete_unmatched && rules.are_about_artifacts_alone() {
        let message = "needs a rule about images: every rule in `keep` has `artifacts: true`, so images are left alone";
        problems.add(&path.key("delete_unmatched"), message);
    }
    Some(Action::Keep(rules))
}
