//! Keep rules: what is written, checked and compiled.

use std::{collections::HashMap, num::NonZeroU32};

use super::{
    path::Path,
    problems::{Problems, Reported, all_of},
    raw,
    scalar::List,
    text::quoted,
};
use crate::policy::{KeepRule, Order, Pattern, VERSION_GROUP, wildcard::Wildcard};

/// The longest name of a rule or policy, in characters.
const LONGEST_NAME: usize = 64;

/// Returns the rule that keeps the newest images whatever the others say; `None` for no image.
pub(super) fn keep_at_least(images: u32) -> Option<KeepRule> {
    let newest = Some(NonZeroU32::new(images)?);
    Some(KeepRule {
        newest,
        ..KeepRule::new("keep_at_least".to_owned())
    })
}

/// Returns the keep rules as they are written.
pub(super) fn compile(
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

/// Finds the rules that need the state store, where what they ask for is written down.
pub(super) fn check_without_state(policies: &List<raw::Policy>, problems: &mut Problems) {
    for (position, policy) in policies.items() {
        let path = Path::of("policies").index(position).key("keep");
        for (position, rule) in policy.keep.iter().flat_map(List::items) {
            let by = match rule.by {
                Some(raw::Order::Used) => Some("used"),
                Some(raw::Order::Tagged) => Some("tagged"),
                _ => None,
            };
            let written = [
                ("used_within", rule.used_within.map(|_| "used_within")),
                ("tagged_within", rule.tagged_within.map(|_| "tagged_within")),
                ("by", by),
            ];
            let name = rule.name.clone();
            let name = name.unwrap_or_else(|| format!("rule {}", position + 1));
            for (key, what) in written.iter().filter_map(|(key, it)| Some((key, (*it)?))) {
                let message = format!(
                    "`{what}` of rule {} needs `state`, where it is written down when images were seen in use: write `state: s3://BUCKET/PREFIX`",
                    quoted(&name)
                );
                problems.add(&path.index(position).key(key), message);
            }
        }
    }
}

fn name(rule: &raw::KeepRule, position: usize, path: &Path, problems: &mut Problems) -> String {
    let Some(name) = &rule.name else {
        return format!("rule {}", position + 1);
    };
    check_name(name, path, problems);
    name.clone()
}

/// Checks the name of the rule or policy at `path`.
pub(super) fn check_name(name: &str, path: &Path, problems: &mut Problems) {
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
}

fn rule(
    written: &raw::KeepRule,
    name: String,
    path: &Path,
    problems: &mut Problems,
) -> Option<KeepRule> {
    check_conditions(written, path, problems);
    let artifacts = artifacts(written, &path.key("type"), problems);
    let tags = pattern(written.tags.as_ref(), &path.key("tags"), problems);
    let except = pattern(written.except.as_ref(), &path.key("except"), problems);
    let no_tag = pattern(written.no_tag.as_ref(), &path.key("no_tag"), problems);
    let all_tags = all_tags(written, &path.key("all_tags"), problems);
    let version = pattern(written.version.as_ref(), &path.key("version"), problems);
    if let (Some(per), Ok(Some(tags))) = (&written.per, &tags) {
        check_group(per, tags, "tags", &path.key("per"), problems);
    }
    if let Ok(Some(version)) = &version {
        check_group(
            VERSION_GROUP,
            version,
            "version",
            &path.key("version"),
            problems,
        );
    }
    let by = match written.by {
        None | Some(raw::Order::Pushed) => Order::Pushed,
        Some(raw::Order::Version) => Order::Version,
        Some(raw::Order::Pulled) => Order::Pulled,
        Some(raw::Order::Used) => Order::Used,
        Some(raw::Order::Tagged) => Order::Tagged,
    };
    Some(KeepRule {
        name,
        artifacts: artifacts.ok()?,
        tags: tags.ok()?,
        except: except.ok()?,
        all_tags: all_tags?,
        no_tag: no_tag.ok()?,
        untagged: written.untagged.unwrap_or(false),
        pushed_within: written.pushed_within.map(|duration| duration.0),
        pulled_within: written.pulled_within.map(|duration| duration.0),
        used_within: written.used_within.map(|duration| duration.0),
        tagged_within: written.tagged_within.map(|duration| duration.0),
        newest: written.newest.map(|count| count.0),
        per: written.per.clone(),
        newest_groups: written.newest_groups.map(|count| count.0),
        by,
        version: version.ok()?,
    })
}

/// Returns the type of artifacts that a rule is about; `None` if it is about images.
fn artifacts(
    rule: &raw::KeepRule,
    path: &Path,
    problems: &mut Problems,
) -> Result<Option<Wildcard>, Reported> {
    let written = rule.artifact_type.as_deref();
    if written.is_some_and(str::is_empty) {
        problems.add(path, "expected a glob; leave the key out for every type");
        return Err(Reported);
    }
    let types = written.map_or_else(Wildcard::any, Wildcard::new);
    Ok((rule.artifacts == Some(true)).then_some(types))
}

fn all_tags(rule: &raw::KeepRule, path: &Path, problems: &mut Problems) -> Option<Vec<Pattern>> {
    let Some(written) = &rule.all_tags else {
        return Some(Vec::new());
    };
    if written.0.is_empty() {
        problems.add(path, "expected a regex; every tag is `'.'`");
    }
    all_of(written.items().map(|(index, text)| {
        let pattern = pattern(Some(text), &path.index(index), problems);
        pattern.ok().flatten()
    }))
}

/// Checks what the keys of a rule need of each other.
fn check_conditions(rule: &raw::KeepRule, path: &Path, problems: &mut Problems) {
    if problems.knows(path) {
        // A key may only seem to be missing, because its value was wrong or its name misspelt.
        return;
    }
    let needs = needs(rule);
    let is_untagged = rule.untagged == Some(true);
    let ages = [
        rule.pushed_within,
        rule.pulled_within,
        rule.used_within,
        rule.tagged_within,
    ];
    let has_age = ages.iter().any(Option::is_some);
    let about_tags = rule.tags.is_some() || rule.all_tags.is_some() || rule.no_tag.is_some();
    let about_artifacts = rule.artifacts == Some(true);
    if needs.is_empty()
        && !(about_artifacts || about_tags || is_untagged || has_age || counts(rule))
    {
        let keys = "`tags`, `all_tags`, `no_tag`, `untagged: true`, `pushed_within`, `pulled_within`, `used_within`, `tagged_within` or `newest`";
        problems.add(path, format!("has no condition: write {keys}"));
    }
    for (key, message) in needs {
        problems.add(&path.key(key), message);
    }
    let written = [
        ("tags", rule.tags.is_some()),
        ("all_tags", rule.all_tags.is_some()),
        ("no_tag", rule.no_tag.is_some()),
        ("tagged_within", rule.tagged_within.is_some()),
        ("by: tagged", rule.by == Some(raw::Order::Tagged)),
    ];
    for (key, _) in written
        .iter()
        .filter(|(_, is_written)| *is_written && is_untagged)
    {
        let message = format!("`{key}` contradicts `untagged: true`: make it two rules");
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
    if rule.artifact_type.is_some() && rule.artifacts != Some(true) {
        let message = "needs `artifacts: true`: images have no type; with it, the rule is about artifacts of that type and no images";
        needs.push(("type", message));
    }
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
    if rule.version.is_some() && rule.by != Some(raw::Order::Version) {
        let message = "needs `by: version`, which orders by it";
        needs.push(("version", message));
    }
    if rule.by.is_some() && lacks_count {
        let message = "needs `newest` or `newest_groups`, which count in that order";
        needs.push(("by", message));
    }
    needs
}

/// Reason for which a text is no regex on tags.
#[derive(Debug, thiserror::Error)]
pub(super) enum PatternError {
    #[error(
        "expected a smaller regex: this one takes more than 1 MiB; write `[0-9]` for `\\d`, and repeat less"
    )]
    TooBig,
    #[error("bad regex {}: {}", quoted(.0), reason(.1))]
    Syntax(String, regex::Error),
}

impl PatternError {
    /// Says why a text is no regex.
    pub(super) fn of(text: &str, error: regex::Error) -> Self {
        match error {
            regex::Error::CompiledTooBig(_) => Self::TooBig,
            error => Self::Syntax(text.to_owned(), error),
        }
    }
}

/// Returns what is wrong, which is on the last line of a syntax error.
fn reason(error: &regex::Error) -> String {
    let lines = error.to_string();
    let last = lines.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Compiles the regex, if one is written.
pub(super) fn pattern(
    written: Option<&String>,
    path: &Path,
    problems: &mut Problems,
) -> Result<Option<Pattern>, Reported> {
    let Some(text) = written else { return Ok(None) };
    let pattern = Pattern::new(text).map_err(|error| PatternError::of(text, error));
    problems.parsed(path, pattern).map(Some)
}

/// Checks that a regex, which is the value of `key`, has a group of this name.
fn check_group(name: &str, regex: &Pattern, key: &str, path: &Path, problems: &mut Problems) {
    if regex.group_names().any(|group| group == name) {
        return;
    }
    let names: Vec<String> = regex.group_names().map(quoted).collect();
    let names = if names.is_empty() {
        "it has none; write one as `(?<name>...)`".to_owned()
    } else {
        format!("it has {}", names.join(", "))
    };
    let found = quoted(name);
    let message = format!("expected a named group of `{key}`, found {found}: {names}");
    problems.add(path, message);
}
