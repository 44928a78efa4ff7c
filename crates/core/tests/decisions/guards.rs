//! Every guard, one by one (A1).

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use ecr_cleanup_core::{
    evidence::{
        Coverage, Evidence, EvidenceKind, SourceError, SourceStatus, Unread, UnreadKind,
        UsageIndex, Use, UsedImage, User,
    },
    guard::{
        self, ChangeWindow, Guard, GuardInput, Guards, KnownPullers, Memory, PullAction, PullGuard,
        PullingAccounts, Refusal, TrustedPullers, UnreadPullers, UsageCounts,
    },
    plan::Plan,
};
use jiff::{SignedDuration, civil::Weekday, tz::TimeZone};

use crate::support::{
    days_ago, digest, inventory, name, plan_of, registry, source, usage, usage_of,
};

/// No account that may pull.
pub(crate) static NOBODY: LazyLock<PullingAccounts> = LazyLock::new(PullingAccounts::default);

pub(crate) const ONE: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/app:1";

pub(crate) fn settings() -> Guards {
    Guards {
        expected_accounts: vec![],
        allow_no_usage: false,
        max_deletions_per_run: 10,
        max_percent_per_repository: 100,
        max_usage_drop_percent: 50,
        min_usage_drop: 3,
        unread_pull_accounts: UnreadPullers::Refuse,
        trusted_pullers: TrustedPullers::default(),
        unexplained_pulls: PullGuard {
            within: SignedDuration::from_hours(14 * 24),
            action: PullAction::Warn,
        },
        soak: SignedDuration::ZERO,
        evidence_max_age: SignedDuration::from_mins(30),
        change_window: None,
    }
}

pub(crate) fn plan() -> Plan {
    plan_of(inventory(&[("app", "a 9 | tag old\n b 8 | tag keep")]), &usage(&[]), days_ago(0))
}

fn names(refusals: &[Refusal]) -> Vec<Guard> {
    refusals.iter().map(|refusal| refusal.guard).collect()
}

/// Returns the guards that trip.
fn tripped(guards: &Guards, usage: &UsageIndex, counts: Option<UsageCounts>) -> Vec<Guard> {
    let (plan, memory) = (plan(), Memory { ledger: None, counts });
    let input = input(&plan, guards, usage, &memory);
    let refusals = guard::refusals(input);
    match guard::evaluate(input) {
        Ok(clearance) => {
            assert_eq!(clearance.plan(), &plan);
            assert_eq!(clearance.into_selection().beyond_limit(), 1);
            assert!(refusals.is_empty());
        }
        Err(others) => assert_eq!(refusals, others),
    }
    names(&refusals)
}

pub(crate) fn input<'a>(
    plan: &'a Plan,
    guards: &'a Guards,
    usage: &'a UsageIndex,
    memory: &'a Memory,
) -> GuardInput<'a> {
    let pulling = &NOBODY;
    GuardInput {
        plan,
        saved: None,
        usage,
        guards,
        memory,
        pulling,
        now: days_ago(0),
        preconditions: &[],
    }
}

#[test]
fn without_an_objection_a_plan_is_cleared() {
    assert_eq!(tripped(&settings(), &usage(&[ONE]), None), []);
}

#[test]
fn no_use_at_all_is_refused_unless_that_is_allowed() {
    assert_eq!(tripped(&settings(), &usage(&[]), None), [Guard::NoUsage]);
    let guards = Guards { allow_no_usage: true, ..settings() };
    assert_eq!(tripped(&guards, &usage(&[]), None), []);
    assert_eq!(tripped(&guards, &usage(&[ONE]), None), []);
}

/// What is named, and whether that is an image of the registry that is cleaned.
const USES: [(&str, bool); 6] = [
    (ONE, true),
    ("111111111111.dkr.ecr.eu-west-1.amazonaws.com/none:1", true),
    ("602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/coredns:v1", false),
    ("docker.io/library/nginx:1", false),
    ("a", true),
    ("x", false),
];

#[test]
fn only_use_of_the_registries_that_are_cleaned_counts() {
    for (text, is_used) in USES {
        let reference = if text.len() == 1 { digest(text).to_string() } else { text.to_owned() };
        let refusals = if is_used { vec![] } else { vec![Guard::NoUsage] };
        assert_eq!(tripped(&settings(), &usage(&[&reference]), None), refusals, "{text}");
    }
    for (repository, refusals) in [("app", vec![]), ("web", vec![Guard::NoUsage])] {
        let user = User {
            location: registry(0),
            kind: "ConfigMap".into(),
            name: "a".to_owned(),
            cluster: None,
            live: false,
            used_at: None,
        };
        let image =
            UsedImage::Mention { repository: name(repository), narrowing: [Arc::default()].into() };
        let evidence = EvidenceKind::Text;
        let used = Use { user: Arc::new(user), image, resolved: None, evidence };
        let (status, locations) = (source("eks", 1), BTreeSet::new());
        let found = Evidence { status, uses: vec![used], locations, unread: Vec::new() };
        let usage = UsageIndex::from(vec![found]);
        assert_eq!(tripped(&settings(), &usage, None), refusals, "{repository}");
    }
}

/// Source, number of the account, who may pull, treatment, and whether the run is refused: what a
/// source of another account has not seen concerns only what that account may pull (U17).
const SCOPES: [(&str, usize, &str, UnreadPullers, bool); 6] = [
    ("ecs", 1, "222222222222", UnreadPullers::Refuse, false),
    ("ecs", 1, "*", UnreadPullers::Refuse, false),
    ("ecs", 1, "333333333333", UnreadPullers::Refuse, true),
    ("ecs", 1, "222222222222", UnreadPullers::Warn, true),
    ("ecs", 0, "111111111111", UnreadPullers::Refuse, true),
    ("keep_lists", 1, "222222222222", UnreadPullers::Refuse, true),
];

#[test]
fn what_is_missing_of_another_account_concerns_what_that_may_pull() {
    for (of, account, pulls, unread_pull_accounts, refused) in SCOPES {
        let case = (of, account, pulls, unread_pull_accounts);
        let mut pulling = PullingAccounts::default();
        let policy = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Principal": {{"AWS": "{pulls}"}}, "Action": "*"}}}}"#
        );
        let trusted = &TrustedPullers::default();
        let known = KnownPullers { own: &registry(0), organization: None, trusted };
        pulling.add(&policy, &(Arc::new(registry(0)), name("app")), &known);
        let guards = Guards { unread_pull_accounts, ..settings() };
        let status = SourceStatus { location: registry(account), ..source(of, 0) };
        let coverage = Coverage::Incomplete(SourceError::Call("timeout".to_owned()));
        let incomplete = SourceStatus { coverage, ..status.clone() };
        let (complete, incomplete) = (usage_of(status, &[ONE]), usage_of(incomplete, &[ONE]));
        let (plan, memory) = (plan(), Memory::default());
        let refusals = if refused { vec![Guard::SourceIncomplete] } else { vec![] };
        let held = GuardInput { pulling: &pulling, ..input(&plan, &guards, &incomplete, &memory) };
        assert_eq!(names(&guard::refusals(held)), refusals, "{case:?}");
        assert_eq!(names(&guard::fresh_usage_refusals(held, &incomplete)), refusals, "{case:?}");
        // The plan that was made from complete evidence holds nothing for it.
        let began = GuardInput { usage: &complete, ..held };
        let fresh = guard::fresh_usage_refusals(began, &incomplete);
        assert_eq!(names(&fresh), [Guard::SourceIncomplete], "{case:?}");
    }
}

/// What is in doubt is left alone by itself: it refuses nothing, and hides no drop (U2).
#[test]
fn a_source_in_doubt_about_a_repository_is_counted_like_a_complete_one() {
    let coverage = Coverage::Incomplete(SourceError::InDoubt("no digest".to_owned()));
    let status = SourceStatus { coverage, ..source("ecs", 10) };
    let usage = usage_of(status, &[ONE]);
    for (before, refusals) in [(10, &[][..]), (100, &[Guard::UsageDrop])] {
        let counts = UsageCounts::of(&[source("ecs", before)]);
        assert_eq!(tripped(&settings(), &usage, Some(counts)), refusals, "{before}");
    }
    let (plan, guards, memory) = (plan(), settings(), Memory::default());
    let remembered = guard::counts_to_remember(input(&plan, &guards, &usage, &memory));
    assert_eq!(remembered, UsageCounts::of(&[source("ecs", 10)]));
}

#[test]
fn an_incomplete_source_is_refused_and_says_enough() {
    let coverage = Coverage::Incomplete(SourceError::Call("timeout".to_owned()));
    let status = SourceStatus { coverage, ..source("ecs", 0) };
    let counts = UsageCounts::of(&[source("ecs", 100)]);
    let found = tripped(&settings(), &usage_of(status, &[]), Some(counts));
    assert_eq!(found, [Guard::SourceIncomplete], "neither `no_usage` nor `usage_drop`");
    let coverage = Coverage::Incomplete(SourceError::Call("timeout".to_owned()));
    let partly = usage_of(SourceStatus { coverage, ..source("ecs", 99) }, &[]);
    let (plan, guards) = (plan(), settings());
    let counts = Some(UsageCounts::of(&[source("ecs", 100), source("eks", 1)]));
    let memory = Memory { ledger: None, counts };
    let remembered = guard::counts_to_remember(input(&plan, &guards, &partly, &memory));
    assert_eq!(remembered, UsageCounts::of(&[source("ecs", 100)]), "as the last run saw it");
}

#[test]
fn only_expected_accounts_are_cleaned() {
    for (expected, refused) in [(0, false), (1, true)] {
        let expected_accounts = vec![registry(expected).account];
        let guards = Guards { expected_accounts, ..settings() };
        let refusals = if refused { vec![Guard::WrongAccount] } else { vec![] };
        assert_eq!(tripped(&guards, &usage(&[ONE]), None), refusals);
        assert_eq!(guard::unexpected(registry(0).account, &guards).is_some(), refused);
    }
    let both = vec![registry(1).account, registry(0).account];
    let guards = Guards { expected_accounts: both, ..settings() };
    assert_eq!(tripped(&guards, &usage(&[ONE]), None), []);
}

/// 2026-11-21 is a Saturday.
#[test]
fn a_closed_change_window_is_refused() {
    for (day, refusals) in
        [(Weekday::Saturday, vec![]), (Weekday::Monday, vec![Guard::ChangeWindow])]
    {
        let window = ChangeWindow {
            timezone: TimeZone::UTC,
            days: vec![day],
            from: "08:00".parse().unwrap(),
            to: "18:00".parse().unwrap(),
        };
        let guards = Guards { change_window: Some(window), ..settings() };
        assert_eq!(tripped(&guards, &usage(&[ONE]), None), refusals);
    }
}

#[test]
fn what_the_run_met_before_is_refused_too() {
    let (plan, guards, used, memory) = (plan(), settings(), usage(&[ONE]), Memory::default());
    let preconditions = [Refusal::locked("another run holds the lock", "s3://bucket/lock")];
    let input =
        GuardInput { preconditions: &preconditions, ..input(&plan, &guards, &used, &memory) };
    assert_eq!(guard::refusals(input), preconditions);
}

/// References before and now, the two limits, and whether that is refused.
const DROPS: [(usize, Option<usize>, u8, usize, bool); 12] = [
    (10, Some(5), 50, 3, false),
    (10, Some(4), 50, 3, true),
    (10, Some(4), 50, 6, true),
    (10, Some(4), 50, 7, false),
    (10, Some(10), 0, 0, false),
    (10, Some(9), 0, 1, true),
    (10, Some(12), 0, 1, false),
    (10, Some(0), 100, 1, false),
    (10, None, 50, 3, true),
    (2, None, 50, 3, false),
    (0, None, 50, 0, false),
    (3, Some(0), 99, 3, true),
];

#[test]
fn a_source_that_finds_much_less_than_before_is_refused() {
    for (before, now, max_usage_drop_percent, min_usage_drop, refused) in DROPS {
        let guards = Guards { max_usage_drop_percent, min_usage_drop, ..settings() };
        let counts = UsageCounts::of(&[source("ecs", before)]);
        let status = now.map_or_else(|| source("lambda", 7), |now| source("ecs", now));
        let used = usage_of(status, &[ONE]);
        let refusals = if refused { vec![Guard::UsageDrop] } else { vec![] };
        let case = (before, now, max_usage_drop_percent, min_usage_drop);
        assert_eq!(tripped(&guards, &used, Some(counts.clone())), refusals, "{case:?}");
        let (plan, memory) = (plan(), Memory { ledger: None, counts: Some(counts.clone()) });
        let input = input(&plan, &guards, &used, &memory);
        let remembered = guard::counts_to_remember(input);
        let expected = if refused { Some(before) } else { now };
        assert_eq!(remembered.get("ecs in 111111111111 eu-west-1"), expected, "{case:?}");
        // Use that is read again during the run is held against what the run began with.
        let nothing = Memory::default();
        let began = usage_of(source("ecs", before), &[ONE]);
        let input = GuardInput { usage: &began, memory: &nothing, ..input };
        assert_eq!(names(&guard::fresh_usage_refusals(input, &used)), refusals, "{case:?}");
        let input = GuardInput { memory: &memory, ..input };
        assert_eq!(names(&guard::fresh_usage_refusals(input, &used)), refusals, "{case:?}");
    }
}

#[test]
fn a_drop_is_no_reason_where_nothing_would_be_deleted() {
    let plan = plan_of(inventory(&[("app", "a 9 | tag keep")]), &usage(&[]), days_ago(0));
    let counts = Some(UsageCounts::of(&[source("ecs", 10)]));
    let (guards, used, memory) = (settings(), usage(&[ONE]), Memory { ledger: None, counts });
    assert_eq!(guard::refusals(input(&plan, &guards, &used, &memory)), []);
}

/// A service that was read when the run began fails closed when it is read again (A3).
#[test]
fn what_was_read_and_cannot_be_asked_any_more_is_refused() {
    let (plan, memory) = (plan(), Memory::default());
    let guards = Guards { allow_no_usage: true, ..settings() };
    let read = |status: SourceStatus| {
        let why = "no answer in time";
        let kind = UnreadKind::Service;
        let unread = vec![Unread::new(kind, "batch", Some(&registry(0)), why, "wait")];
        let (uses, locations) = (Vec::new(), BTreeSet::new());
        UsageIndex::from(vec![Evidence { status, uses, locations, unread }])
    };
    let began = read(source("batch", 0));
    for (coverage, refusals) in
        [(Coverage::Complete, vec![]), (Coverage::Unread, vec![Guard::SourceIncomplete])]
    {
        let fresh = read(SourceStatus { coverage, ..source("batch", 0) });
        let found = guard::fresh_usage_refusals(input(&plan, &guards, &began, &memory), &fresh);
        assert_eq!(names(&found), refusals);
    }
}

#[test]
fn fresh_use_that_is_incomplete_is_refused() {
    let coverage = Coverage::Incomplete(SourceError::AccessDenied("no".to_owned()));
    let fresh = usage_of(SourceStatus { coverage, ..source("ecs", 0) }, &[]);
    let (plan, guards, used, memory) = (plan(), settings(), usage(&[ONE]), Memory::default());
    let refusals = guard::fresh_usage_refusals(input(&plan, &guards, &used, &memory), &fresh);
    assert_eq!(names(&refusals), [Guard::SourceIncomplete]);
}
