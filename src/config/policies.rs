//! Policies and keep rules: what is written, checked and compiled.

use std::collections::HashMap;

use super::{
    path::Path,
    problems::{Problems, Reported},
    raw,
    scalar::List,
    text::quoted,
};
use crate::policy::{
    Action, KeepRule, KeepRules, Order, Pattern, Policies, Policy, RepositoryGlobs,
};

/// The longest name of a rule, in characters.
const LONGEST_NAME: usize = 64;

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

/// Returns all items if none is missing. Every one is made, for its problems to be recorded.
pub(super) fn all_of<T>(items: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    items.collect::<Vec<_>>().into_iter().collect()
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
            rules(written, &path, problems)
        }
        None if leave_alone => Some(Vec::new()),
        None => {
            let written = problems.required(path, "keep", default_keep)?;
            rules(written, &path.key("keep"), problems)
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
        return Some(Action::LeaveAlone);
    }
    Some(Action::Keep(KeepRules {
        rules: rules?,
        delete_unmatched,
    }))
}

fn rules(
    written: &List<raw::KeepRule>,
    path: &Path,
    problems: &mut Problems,
) -> Option<Vec<KeepRule>> {
    let mut names: HashMap<String, usize> = HashMap::new();
    let rules = written.items().map(|(position, written)| {
        let path = path.index(position);
        let name = name(written, position, &path, problems);
        if let Some(first) = names.insert(name.clone(), position) {
            let message = format!(
                "{} is the name of rule [{first}] too: names are unique in a policy",
                quoted(&name)
            );
            problems.add(&path.key("name"), message);
        }
        rule(written, name, &path, problems)
    });
    all_of(rules)
}

fn name(rule: &raw::KeepRule, position: usize, path: &Path, problems: &mut Problems) -> String {
    let Some(name) = &rule.name else {
        return format!("rule {}", position + 1);
    };
    let length = name.chars().count();
    if name.trim().is_empty() || length > LONGEST_NAME || name.chars().any(char::is_control) {
        let found = if length > LONGEST_NAME {
            format!("{length} characters")
        } else {
            quoted(name)
        };
        let message = format!("expected 1 to {LONGEST_NAME} visible characters, found {found}");
        problems.add(&path.key("name"), message);
    }
    name.clone()
}

fn rule(
    written: &raw::KeepRule,
    name: String,
    path: &Path,
    problems: &mut Problems,
) -> Option<KeepRule> {
    check_conditions(written, path, problems);
    let tags = pattern(written.tags.as_ref(), &path.key("tags"), problems);
    let except = pattern(written.except.as_ref(), &path.key("except"), problems);
    if let (Some(per), Ok(Some(tags))) = (&written.per, &tags) {
        check_group(per, tags, &path.key("per"), problems);
    }
    let by = match written.by {
        None | Some(raw::Order::Pushed) => Order::Pushed,
        Some(raw::Order::Version) => Order::Version,
    };
    Some(KeepRule {
        name,
        tags: tags.ok()?,
        except: except.ok()?,
        untagged: written.untagged.unwrap_or(false),
        pushed_within: written.pushed_within.map(|duration| duration.0),
        pulled_within: written.pulled_within.map(|duration| duration.0),
        newest: written.newest.map(|count| count.0),
        per: written.per.clone(),
        newest_groups: written.newest_groups.map(|count| count.0),
        by,
    })
}

/// Checks what the keys of a rule need of each other.
fn check_conditions(rule: &raw::KeepRule, path: &Path, problems: &mut Problems) {
    if problems.knows(path) {
        // A key may only seem to be missing, because its value was wrong or its name misspelt.
        return;
    }
    let needs = needs(rule);
    let is_untagged = rule.untagged == Some(true);
    let has_age = rule.pushed_within.is_some() || rule.pulled_within.is_some();
    if needs.is_empty() && !(rule.tags.is_some() || is_untagged || has_age || counts(rule)) {
        let keys = "`tags`, `untagged: true`, `pushed_within`, `pulled_within` or `newest`";
        problems.add(path, format!("has no condition: write {keys}"));
    }
    for (key, message) in needs {
        problems.add(&path.key(key), message);
    }
    if rule.tags.is_some() && is_untagged {
        let message = "`tags` contradicts `untagged: true`: make it two rules";
        problems.add(path, message);
    }
}

const fn counts(rule: &raw::KeepRule) -> bool {
    rule.newest.is_some() || rule.newest_groups.is_some()
}

/// Returns the keys of a rule that need another key, and what they need.
fn needs(rule: &raw::KeepRule) -> Vec<(&'static str, &'static str)> {
    let (lacks_tags, lacks_count) = (rule.tags.is_none(), !counts(rule));
    let mut needs = Vec::new();
    if rule.except.is_some() && lacks_tags {
        let message = "needs `tags`, which it narrows; every tag is `tags: '.'`";
        needs.push(("except", message));
    }
    if rule.per.is_some() && lacks_tags {
        needs.push(("per", "needs `tags` with a group of that name"));
    }
    if rule.per.is_some() && lacks_count {
        let message = "needs `newest` or `newest_groups`, which count by it";
        needs.push(("per", message));
    }
    if rule.newest_groups.is_some() && rule.per.is_none() {
        needs.push(("newest_groups", "needs `per`, whose values it counts"));
    }
    if rule.by == Some(raw::Order::Version) && lacks_tags {
        needs.push(("by", "`version` needs `tags`, which have the versions"));
    }
    if rule.by.is_some() && lacks_count {
        let message = "needs `newest` or `newest_groups`, which count in that order";
        needs.push(("by", message));
    }
    needs
}

/// Reason for which a text is no regex on tags.
#[derive(Debug, thiserror::Error)]
enum PatternError {
    #[error(
        "expected a smaller regex: this one takes more than 1 MiB; write `[0-9]` for `\\d`, and repeat less"
    )]
    TooBig,
    #[error("bad regex {}: {}", quoted(.0), reason(.1))]
    Syntax(String, regex::Error),
}

/// Returns what is wrong, which is on the last line of a syntax error.
fn reason(error: &regex::Error) -> String {
    let lines = error.to_string();
    let last = lines.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Compiles the regex, if one is written.
fn pattern(
    written: Option<&String>,
    path: &Path,
    problems: &mut Problems,
) -> Result<Option<Pattern>, Reported> {
    let Some(text) = written else { return Ok(None) };
    let pattern = Pattern::new(text).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PatternError::TooBig,
        error => PatternError::Syntax(text.clone(), error),
    });
    problems.parsed(path, pattern).map(Some)
}

/// Checks that `per` is a group of `tags`.
fn check_group(per: &str, tags: &Pattern, path: &Path, problems: &mut Problems) {
    if tags.group_names().any(|name| name == per) {
        return;
    }
    let names: Vec<String> = tags.group_names().map(quoted).collect();
    let names = if names.is_empty() {
        "it has none; write one as `(?<name>...)`".to_owned()
    } else {
        format!("it has {}", names.join(", "))
    };
    let found = quoted(per);
    let message = format!("expected a named group of `tags`, found {found}: {names}");
    problems.add(path, message);
}
