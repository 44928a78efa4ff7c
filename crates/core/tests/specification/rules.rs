//! Rule sets that cover every condition of a rule.

use std::{collections::BTreeMap, num::NonZeroU32};

use ecr_cleanup_core::policy::{
    Action, KeepRule, KeepRules, Limits, Order, Pattern, Policies, Policy, RepositoryGlobs,
    git::Unmapped, wildcard::Wildcard,
};
use jiff::SignedDuration;

use crate::git;

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days * 24)
}

/// Returns a rule without conditions.
fn rule() -> KeepRule {
    KeepRule::new("rule".to_owned())
}

fn tags(text: &str) -> KeepRule {
    KeepRule { tags: Some(pattern(text)), ..rule() }
}

fn newest(newest: u32, of: KeepRule) -> KeepRule {
    KeepRule { newest: NonZeroU32::new(newest), ..of }
}

/// Number of rule sets about artifacts, which are the last.
pub(crate) const OF_ARTIFACTS: usize = 6;

/// Returns rule sets about artifacts, some of which are about images too.
fn of_artifacts() -> [(bool, Vec<KeepRule>); OF_ARTIFACTS] {
    let about = |types: &str, rule| KeepRule { artifacts: Some(Wildcard::new(types)), ..rule };
    let recent = || KeepRule { pulled_within: Some(days(5)), ..rule() };
    [
        (false, vec![about("*", newest(1, rule()))]),
        (false, vec![about("*helm*", tags("rc10"))]),
        (false, vec![about("*helm*", newest(1, rule())), tags("rc2")]),
        (true, vec![about("*", newest(1, tags("."))), newest(1, rule())]),
        (true, vec![about("*buildkit*", recent()), tags("^nothing$")]),
        (false, vec![about("*", newest(1, recent())), about("*helm*", tags("rc2")), tags("rc2")]),
    ]
}

/// Returns the rule sets that Git history is asked with (K14).
fn by_git() -> [KeepRules; 3] {
    let untagged = KeepRule { untagged: true, ..rule() };
    let sets = [
        (tags("rc2"), git::rules(1, Unmapped::Ignore)),
        (newest(1, untagged), git::rules(2, Unmapped::Ignore)),
        (tags("rc2"), git::rules(1, Unmapped::Keep)),
    ];
    sets.map(|(rule, git)| {
        let git = Some(Box::new(git));
        KeepRules { rules: vec![rule], at_least: None, delete_unmatched: true, git }
    })
}

/// Returns a policy for each rule set; the first keeps nothing by a rule, and the second is left
/// alone for it (K7).
pub(crate) fn policies() -> Policies {
    let per = || KeepRule { per: Some("name".to_owned()), ..tags("(?<name>rc[0-9]+|^[a-z]+)") };
    let groups = |groups| KeepRule { newest_groups: NonZeroU32::new(groups), ..per() };
    let untagged = || KeepRule { untagged: true, ..rule() };
    let by_version = |rule| KeepRule { by: Order::Version, ..rule };
    let by_use = |rule| KeepRule { by: Order::Used, ..rule };
    let by_tag = |rule| KeepRule { by: Order::Tagged, ..rule };
    let used_within = |ago, rule| KeepRule { used_within: Some(days(ago)), ..rule };
    let tagged_within = |ago, rule| KeepRule { tagged_within: Some(days(ago)), ..rule };
    let rc10 = Some(pattern("rc10"));
    let version = Some(pattern("[a-z]-(?<version>[0-9]+)$"));
    let all_tags = vec![pattern("^v"), pattern("rc|2$")];
    let no_tag = Some(pattern("rc2"));
    let sets = vec![
        (true, vec![tags("^nothing$")]),
        (false, vec![tags("^nothing$")]),
        (false, vec![tags("rc2")]),
        (true, vec![newest(1, tags("."))]),
        (true, vec![newest(2, tags("."))]),
        (true, vec![newest(1, KeepRule { except: Some(pattern("rc2")), ..tags(".") })]),
        (true, vec![newest(1, rule())]),
        (true, vec![newest(1, untagged()), tags("rc2")]),
        (true, vec![KeepRule { pushed_within: Some(days(5)), ..untagged() }]),
        (true, vec![KeepRule { pulled_within: Some(days(5)), ..rule() }]),
        (true, vec![newest(1, KeepRule { pulled_within: Some(days(5)), ..rule() })]),
        (true, vec![newest(1, per())]),
        (true, vec![groups(1)]),
        (true, vec![newest(1, groups(1))]),
        (true, vec![newest(1, by_version(tags(".")))]),
        (false, vec![newest(1, rule())]),
        (true, vec![newest(1, by_version(KeepRule { version, ..tags(".") }))]),
        (true, vec![newest(1, KeepRule { by: Order::Pulled, no_tag, ..rule() })]),
        (true, vec![newest(1, by_use(rule()))]),
        (true, vec![newest(2, by_use(tags("rc"))), used_within(8, untagged())]),
        (true, vec![newest(1, used_within(40, tags("^v")))]),
        (true, vec![newest(1, by_tag(tags("rc")))]),
        (true, vec![newest(1, by_tag(per())), tagged_within(5, tags("rc2"))]),
        (
            true,
            vec![tagged_within(40, rule()), newest(1, by_tag(KeepRule { no_tag: rc10, ..rule() }))],
        ),
        (false, vec![KeepRule { all_tags, ..rule() }]),
    ];
    // The last of images keeps the newest image, whatever its rules say (K9).
    let last = sets.len() - 1;
    let by_rules = sets.into_iter().chain(of_artifacts()).enumerate().map(
        |(position, (delete_unmatched, rules))| {
            let at_least = (position == last).then(|| Box::new(newest(1, rule())));
            KeepRules { rules, at_least, delete_unmatched, git: None }
        },
    );
    let policies = by_rules.chain(by_git()).enumerate();
    let all = policies.map(|(position, rules)| Policy {
        position,
        name: None,
        repositories: RepositoryGlobs::none(),
        repository_tags: BTreeMap::new(),
        pull_through_cache: false,
        limits: Limits::default(),
        action: Action::Keep(rules),
    });
    Policies { all: all.collect(), tag: None }
}
