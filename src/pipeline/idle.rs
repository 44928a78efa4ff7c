//! Warnings about what of the policies does nothing (K11): globs that match no repository, and rules
//! that keep no image. Mostly, it was written for something that has another name.

use std::{collections::BTreeSet, sync::LazyLock};

use crate::{
    aws::idle_rates,
    config::{AwsRates, Config, nearest},
    inventory::NotRead,
    plan::{KeepReason, LeftAlone, Plan, RepositoryPlan, Verdict},
    policy::{Action, KeepRule, KeepRules, Policies, Policy},
    report::{Warning, WarningCode},
};

/// The rules of policies without any. They are for whatever there may be, so one that keeps nothing
/// is no mistake.
static DEFAULT_RULES: LazyLock<Vec<KeepRule>> = LazyLock::new(|| {
    let policies = Config::parse("").map(|config| config.policies.all);
    let rules = policies
        .into_iter()
        .flatten()
        .flat_map(|policy| match policy.action {
            Action::Keep(keep) => keep.rules,
            Action::LeaveAlone => Vec::new(),
        });
    rules.collect()
});

/// Returns the warnings of a plan for every repository that there is.
pub(super) fn warnings(plan: &Plan, policies: &Policies) -> Vec<Warning> {
    let repositories = plan.repositories().iter();
    let names: BTreeSet<&str> = repositories.map(|it| &**it.name()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let mut warnings = Vec::new();
    for policy in &policies.all {
        let path = format!("policies[{}]", policy.position);
        for glob in policy.repositories.unmatched(names.iter().copied()) {
            let meant = meant(glob, &names);
            let question = meant.map(|name| format!("; did you mean `{name}`?"));
            let question = question.unwrap_or_default();
            let message =
                format!("`{glob}` in `{path}.repositories` matches no repository{question}");
            warnings.push(Warning::new(WarningCode::IdleGlob, message));
        }
        if is_untaken(plan, policy) {
            let message = format!(
                "no repository takes `{path}`: none that its globs match has its `repository_tags`, or an earlier policy takes those"
            );
            warnings.push(Warning::new(WarningCode::IdlePolicy, message));
        }
        if let Action::Keep(keep) = &policy.action {
            for rule in idle_rules(plan, policy.position, keep) {
                let name = &rule.name;
                let message = format!("rule `{name}` in `{path}.keep` keeps no image");
                warnings.push(Warning::new(WarningCode::IdleRule, message));
            }
        }
    }
    warnings
}

/// Returns a warning for each rate that concerns no call.
pub(super) fn rates(rates: &AwsRates) -> impl Iterator<Item = Warning> {
    idle_rates(rates).map(|name| {
        let what = "for which the program has no rate of its own";
        let message = format!("`aws.rates` names `{name}`, {what}");
        Warning::new(WarningCode::IdleRate, message)
    })
}

/// Returns a warning for each registry in which repositories are left alone since a pull-through
/// cache rule may fill any (K1).
pub(super) fn root_caches(plan: &Plan) -> impl Iterator<Item = Warning> + '_ {
    plan.registries().iter().filter_map(|registry| {
        let is_left = |it: &&RepositoryPlan| {
            let for_rule = it.left_alone() == Some(&LeftAlone::NotRead(NotRead::RootCache));
            for_rule && *it.registry() == **registry
        };
        let left = plan.repositories().iter().filter(is_left).count();
        (left > 0).then(|| {
            let message = format!(
                "a pull-through cache rule in {registry} has the prefix `ROOT`, so that any repository may be a cache, and {left} are left alone for it: to clean them, set `pull_through_cache: true` in their policy"
            );
            Warning::new(WarningCode::RootCache, message)
        })
    })
}

/// Returns whether a policy by AWS tags applies to none of the repositories that its globs match, as
/// far as their tags are known.
fn is_untaken(plan: &Plan, policy: &Policy) -> bool {
    let named = plan.repositories().iter();
    let mut named = named
        .filter(|it| policy.repositories.matches(it.name()))
        .peekable();
    let may_have = |it: &RepositoryPlan| {
        let is_unread = matches!(it.left_alone(), Some(LeftAlone::TagsUnread { .. }));
        is_unread || it.policy() == Some(policy.position)
    };
    !policy.repository_tags.is_empty() && named.peek().is_some() && !named.any(may_have)
}

/// Returns the rules of a policy that keep no image, as far as that is known.
fn idle_rules<'a>(plan: &Plan, policy: usize, keep: &'a KeepRules) -> Vec<&'a KeepRule> {
    let repositories = plan.repositories().iter();
    let of_policy = repositories.filter(|it| it.policy() == Some(policy));
    let of_policy: Vec<&RepositoryPlan> = of_policy
        .filter(|it| it.left_alone() != Some(&LeftAlone::Vanished))
        .collect();
    let images = of_policy.iter().flat_map(|it| it.images());
    let mut kept = BTreeSet::new();
    let mut any = false;
    for planned in images {
        any = true;
        let Verdict::Keep(reasons) = planned.verdict else {
            continue;
        };
        kept.extend(reasons.iter().filter_map(|reason| match reason {
            KeepReason::Rule { rule, .. }
            | KeepReason::NoVersion { rule, .. }
            | KeepReason::YoungLedger { rule, .. } => Some(&**rule),
            _ => None,
        }));
    }
    // Where a repository is left alone, its rules were not asked; or they match no tag of it.
    let is_known = |rule: &KeepRule| {
        let mut reasons = of_policy.iter().filter_map(|it| it.left_alone());
        reasons.all(|why| *why == LeftAlone::NoTagMatched && rule.tags.is_some())
    };
    let is_idle = |rule: &&KeepRule| {
        let is_for_anything = rule.is_for_the_rest() || DEFAULT_RULES.contains(rule);
        any && !kept.contains(&*rule.name) && is_known(rule) && !is_for_anything
    };
    keep.rules.iter().filter(is_idle).collect()
}

/// Returns the repository whose name is nearest to a glob, as far as it has no wildcards.
fn meant<'n>(glob: &str, names: &BTreeSet<&'n str>) -> Option<&'n str> {
    let parts: Vec<&str> = glob.split('/').collect();
    let is_plain = |part: &&&str| !part.contains(['*', '?', '[', '{', '\\']);
    let first = parts.iter().take_while(is_plain).count();
    let last = parts[first..].iter().rev().take_while(is_plain).count();
    let ends = |name: &str| {
        let parts: Vec<&str> = name.split('/').collect();
        let middle = parts.len().checked_sub(first + last)?;
        let ends = [&parts[..first], &parts[first + middle..]].concat();
        // `nearest` takes the two for one.
        Some(ends.join("/").replace('-', "_"))
    };
    let written = ends(glob).filter(|written| !written.is_empty())?;
    let ends: Vec<(String, &str)> = names
        .iter()
        .filter_map(|name| Some((ends(name)?, *name)))
        .collect();
    let texts: Vec<&str> = ends.iter().map(|(text, _)| text.as_str()).collect();
    let text = nearest(&written, &texts)?;
    ends.iter()
        .find(|(of, _)| of == text)
        .map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_meant_by_what_is_written_without_wildcards() {
        let names = ["platform/api", "platform/api-gateway", "team/web", "web"];
        let names = BTreeSet::from(names);
        for (glob, expected) in [
            ("platfrom/**", Some("platform/api")),
            ("platform/apo", Some("platform/api")),
            ("platform/api_gateway", Some("platform/api-gateway")),
            ("**/wbe", Some("team/web")),
            ("webb", Some("web")),
            ("platform/*/*", Some("platform/api")),
            ("charts/**", None),
            ("**", None),
        ] {
            assert_eq!(meant(glob, &names), expected, "{glob}");
        }
    }
}
