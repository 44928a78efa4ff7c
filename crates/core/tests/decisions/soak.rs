//! What lasts between runs: the counts of references and the soak ledger (A2).

use ecr_cleanup_core::{
    guard::{self, GuardInput, Guards, Memory, SoakLedger, UsageCounts},
    image::Time,
    inventory::{Content, NotRead},
    plan,
};
use jiff::SignedDuration;

use crate::{
    guards::{ONE, input, plan, settings},
    support::{days_ago, digest, inventory, keeping, plan_of, source, usage},
};

#[test]
fn references_are_counted_by_source_and_location() {
    let counts = UsageCounts::of(&[source("ecs", 2), source("eks", 3), source("eks", 4)]);
    let place = |source: &str| format!("{source} in 111111111111 eu-west-1");
    let (ecs, eks) = (place("ecs"), place("eks"));
    assert_eq!(counts.iter().collect::<Vec<_>>(), [(&*ecs, 2), (&*eks, 7)]);
    assert_eq!((counts.get(&eks), counts.get("lambda")), (Some(7), None));
    assert_eq!(counts.names().collect::<Vec<_>>(), ["ecs", "eks"]);
    assert_eq!(counts.of_name("eks"), UsageCounts::of(&[source("eks", 7)]));
    let mut replaced = counts.clone();
    replaced.replace("eks", &UsageCounts::of(&[source("ecs", 1), source("eks", 1)]));
    assert_eq!(replaced, UsageCounts::of(&[source("ecs", 2), source("eks", 1)]));
}

/// A candidate soaks from the first run that found it, as long as every run does (A2).
#[test]
fn a_candidate_soaks_until_it_is_none() {
    let of = |table: &str, now: Time| plan_of(inventory(&[("app", table)]), &usage(&[]), now);
    let (candidate, kept) = ("a 90 | tag old\n b 90 | tag keep", "a 90 | tag keep");
    let repository = of(candidate, days_ago(0));
    let soaked = |ledger: &SoakLedger, days: i64, now| {
        let soak = SignedDuration::from_hours(24 * days);
        ledger.has_soaked(&repository.repositories()[0], &digest("a"), soak, now)
    };
    let mut ledger = SoakLedger::default();
    ledger.observe(&of(candidate, days_ago(9)), false);
    assert!(!soaked(&ledger, 0, days_ago(9)), "without complete evidence nothing begins to soak");
    ledger.observe(&of(candidate, days_ago(8)), true);
    ledger.observe(&of(candidate, days_ago(5)), true);
    assert!(soaked(&ledger, 8, days_ago(0)) && !soaked(&ledger, 9, days_ago(0)));
    ledger.observe(&of(candidate, days_ago(4)), false);
    assert!(soaked(&ledger, 8, days_ago(0)), "it goes on to soak");
    let not_asked = {
        let mut inventory = inventory(&[("app", candidate)]);
        inventory.repositories[0].content = Content::NotRead(NotRead::NotAsked);
        plan_of(inventory, &usage(&[]), days_ago(3))
    };
    ledger.observe(&not_asked, true);
    assert!(soaked(&ledger, 8, days_ago(0)), "a run for other repositories says nothing of it");
    let other = SoakLedger::default();
    assert!(!soaked(&other, 0, days_ago(0)));
    ledger.observe(&of(kept, days_ago(2)), true);
    ledger.observe(&of(candidate, days_ago(1)), true);
    assert!(soaked(&ledger, 1, days_ago(0)) && !soaked(&ledger, 2, days_ago(0)), "it begins anew");
    // A clock that was ahead keeps nothing for long.
    ledger.observe(&of(candidate, days_ago(0)), true);
    let mut ahead = SoakLedger::default();
    ahead.observe(&of(candidate, days_ago(-50)), true);
    ahead.observe(&of(candidate, days_ago(2)), true);
    assert!(soaked(&ahead, 2, days_ago(0)));
}

/// Deployments with other rules or for other repositories do not reset each other, and with other
/// rules an image begins anew (A2).
#[test]
fn each_set_of_rules_soaks_by_itself() {
    let of = |tags: &str, repository: &str, now: Time| {
        let mut stored = inventory(&[("app", "a 90 | tag old"), ("web", "a 90 | tag old")]);
        for other in stored.repositories.iter_mut().filter(|it| &*it.name != repository) {
            (other.policy, other.content) = (None, Content::NotRead(NotRead::NoPolicy));
        }
        plan::plan(stored, &usage(&[]), &keeping(tags), now)
    };
    let mut ledger = SoakLedger::default();
    let days = |ledger: &SoakLedger, tags: &str, repository: &str| {
        let plan = of(tags, repository, days_ago(0));
        let soaked = |days: &i64| {
            let soak = SignedDuration::from_hours(24 * days);
            let repository = plan.repository(repository).unwrap();
            ledger.has_soaked(repository, &digest("a"), soak, days_ago(0))
        };
        (0..90).rev().find(soaked)
    };
    let all = [("^keep", "app", 9), ("^keep", "web", 8), ("^other", "app", 7), ("^old", "app", 6)];
    for _ in 0..2 {
        for (tags, repository, since) in all {
            ledger.observe(&of(tags, repository, days_ago(since)), true);
        }
    }
    for (tags, repository, since) in all {
        let expected = Some(since).filter(|_| tags != "^old");
        assert_eq!(days(&ledger, tags, repository), expected, "{tags} {repository}");
    }
    assert_eq!(days(&ledger, "^new", "app"), None);
    // What no run decided on by the same rules for long is forgotten.
    ledger.observe(&of("^keep", "web", days_ago(-27)), true);
    assert_eq!(days(&ledger, "^keep", "app"), None);
    assert_eq!(days(&ledger, "^keep", "web"), Some(8));
    assert_eq!(days(&ledger, "^other", "app"), Some(7));
    ledger.observe(&plan_of(inventory(&[("app", "a 90")]), &usage(&[]), days_ago(-27)), true);
    assert_eq!(days(&ledger, "^keep", "web"), None, "there is no such repository any more");
}

#[test]
fn with_soak_only_what_has_soaked_is_selected() {
    let (plan, guards) = (plan(), Guards { soak: SignedDuration::from_hours(48), ..settings() });
    let used = usage(&[ONE]);
    let images = |ledger: Option<SoakLedger>| {
        let memory = Memory { ledger, counts: None };
        let selection = guard::select(input(&plan, &guards, &used, &memory));
        (selection.beyond_limit(), selection.soaking())
    };
    assert_eq!(images(None), (0, 1), "without a ledger nothing has soaked");
    for (since, expected) in [(2, (1, 0)), (1, (0, 1))] {
        let mut ledger = SoakLedger::default();
        let earlier = inventory(&[("app", "a 90 | tag old")]);
        ledger.observe(&plan_of(earlier, &usage(&[]), days_ago(since)), true);
        assert_eq!(images(Some(ledger)), expected);
    }
    let (memory, without) = (Memory::default(), settings());
    let selection =
        guard::select(GuardInput { guards: &without, ..input(&plan, &guards, &used, &memory) });
    assert_eq!(
        (selection.beyond_limit(), selection.soaking()),
        (1, 0),
        "without soak none is asked for"
    );
}
