//! Policies: what is written, checked and compiled.

use super::{
    keep_rules::{self, keep_at_least},
    path::Path,
    problems::{Problems, all_of},
    raw,
    scalar::List,
    text::quoted,
};
use crate::policy::{Action, KeepRules, Policies, Policy, RepositoryGlobs};

/// Returns the policies as they are written; `default_keep` is for those without `keep`.
pub(super) fn compile(
    written: &List<raw::Policy>,
    default_keep: Option<&List<raw::KeepRule>>,
    problems: &mut Problems,
) -> Option<Policies> {
    let path = Path::of("policies");
    if written.0.is_empty() {
        problems.add(
            &path,
            "expected a policy; leave the key out for the default ones",
        );
    }
    let policies = written.items().map(|(position, written)| {
        let path = path.index(position);
        let repositories = repositories(written, &path, problems);
        let action = action(written, default_keep, &path, problems);
        Some(Policy {
            position,
            repositories: repositories?,
            pull_through_cache: written.pull_through_cache.unwrap_or(false),
            action: action?,
        })
    });
    let policies = all_of(policies).map(Policies)?;
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

fn repositories(
    policy: &raw::Policy,
    path: &Path,
    problems: &mut Problems,
) -> Option<RepositoryGlobs> {
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
        let mut contradicts = |key| {
            let message = format!("`leave_alone: true` contradicts `{key}`: leave one of them out");
            problems.add(path, message);
        };
        if policy.keep.is_some() {
            contradicts("keep");
        }
        if delete_unmatched {
            contradicts("delete_unmatched");
        }
        if policy.keep_at_least.is_some() {
            contradicts("keep_at_least");
        }
        return Some(Action::LeaveAlone);
    }
    Some(Action::Keep(KeepRules {
        rules: rules?,
        at_least: policy.keep_at_least.and_then(keep_at_least).map(Box::new),
        delete_unmatched,
    }))
}
