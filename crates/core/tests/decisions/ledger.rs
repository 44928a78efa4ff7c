//! The use ledger: what runs see, and what becomes of it (K9).

use std::{collections::BTreeSet, sync::Arc};

use ecr_cleanup_core::{
    evidence::{
        Coverage, Evidence, EvidenceKind, Listed, SourceError, UsageIndex, UseLedger, User, Uses,
    },
    image::{Image, Tag, Time},
};
use jiff::SignedDuration;
use proptest::{collection::vec, prelude::*};

use crate::support::{days_ago, digest, images, name, registry, source, usage};

const WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Returns what a ledger becomes by a run that lists these images in `app`.
fn seen(mut ledger: UseLedger, table: &str, usage: &UsageIndex, now: Time) -> UseLedger {
    let images = images(table).images;
    let name = name("app");
    let all = [Listed { registry: &registry(0), name: &name, images: Some(&images) }];
    ledger.forget(&all, WINDOW, now);
    ledger.merge(ledger.observe(&all, usage, now));
    ledger
}

/// Returns the last use of an image of `app`, in days ago.
fn last_use(ledger: &UseLedger, image: &str) -> Option<i64> {
    let used = ledger.of(&registry(0), "app")?.last_use(&digest(image))?;
    Some(used.at.age(days_ago(0)).as_hours() / 24)
}

/// Returns for how many days use of `app` is known.
fn age(ledger: &UseLedger) -> i64 {
    let ledger = ledger.of(&registry(0), "app");
    ledger.map_or(0, |it| it.age(days_ago(0)).as_hours() / 24)
}

/// Returns when a tag of the first image of a table was first seen, in days ago.
fn tagged(ledger: &UseLedger, table: &str, tag: &str) -> i64 {
    let image: Image = images(table).images.swap_remove(0);
    let ledger = ledger.of(&registry(0), "app").unwrap();
    let at = ledger.tagged_at(&image, &Tag::new(tag).unwrap()).unwrap();
    at.age(days_ago(0)).as_hours() / 24
}

/// Returns use of `a` by its digest, by a user of this kind.
fn by(kind: &'static str, live: bool, used_at: Option<Time>) -> UsageIndex {
    let user = User {
        location: registry(0),
        kind: kind.into(),
        name: "web".to_owned(),
        cluster: None,
        live,
        used_at,
    };
    let mut uses = Uses::new(Arc::default());
    let digest = digest("a").to_string();
    uses.add(&Arc::new(user), &digest, None, EvidenceKind::Field).unwrap();
    let (status, locations) = (source("ecs", 1), BTreeSet::new());
    let uses = uses.into_vec();
    UsageIndex::from(vec![Evidence { status, uses, locations, unread: Vec::new() }])
}

fn incomplete() -> UsageIndex {
    let mut status = source("ecs", 0);
    status.coverage = Coverage::Incomplete(SourceError::OutOfTime);
    let locations = BTreeSet::new();
    UsageIndex::from(vec![Evidence { status, uses: Vec::new(), locations, unread: Vec::new() }])
}

#[test]
fn the_last_use_is_that_of_the_last_run_that_saw_it() {
    let table = "a 90 | tag 1\n b 90";
    let tag = format!("{}/app:1", crate::support::HOST);
    let ledger = seen(UseLedger::default(), table, &usage(&[&tag]), days_ago(9));
    let ledger = seen(ledger, table, &usage(&[&tag]), days_ago(5));
    let ledger = seen(ledger, table, &usage(&[&digest("b").to_string()]), days_ago(2));
    assert_eq!([last_use(&ledger, "a"), last_use(&ledger, "b")], [Some(5), Some(2)]);
    let by = ledger.of(&registry(0), "app").unwrap().last_use(&digest("a")).unwrap().by;
    assert_eq!(&*by, "ECS service `web`");
    assert_eq!(age(&ledger), 9);
}

/// A definition runs nothing by itself; what is kept from the past was used then, unless its image
/// was pushed since.
#[test]
fn what_is_only_registered_or_past_is_not_used_now() {
    let (now, past) = (Some(0), Some(days_ago(20)));
    for (kind, live, used_at, age, expected) in [
        ("ECS service", true, None, 90, now),
        ("ECS service", false, None, 90, now),
        ("ECS task definition", true, None, 90, None),
        ("ECS daemon task definition", false, None, 90, None),
        ("Batch job definition", false, None, 90, None),
        ("Batch job definition", true, None, 90, now),
        ("ReplicaSet", false, past, 90, Some(20)),
        ("ECS service", true, past, 20, Some(20)),
        ("ReplicaSet", false, past, 19, None),
    ] {
        let usage = by(kind, live, used_at);
        let ledger = seen(UseLedger::default(), &format!("a {age}"), &usage, days_ago(0));
        assert_eq!(last_use(&ledger, "a"), expected, "{kind} {live} {used_at:?} {age}");
    }
}

#[test]
fn what_is_gone_is_forgotten_after_the_longest_window() {
    let [used, unused] = [usage(&[&digest("a").to_string()]), usage(&[])];
    let ledger = seen(UseLedger::default(), "a 90", &used, days_ago(31));
    for (day, table, expected) in [(1, "b 90", true), (0, "a 90", true), (0, "b 90", false)] {
        let ledger = seen(ledger.clone(), table, &unused, days_ago(day));
        assert_eq!(last_use(&ledger, "a").is_some(), expected, "{day} {table}");
    }
    let mut ledger = ledger;
    let (registry, other) = (registry(0), name("other"));
    ledger.forget(
        &[Listed { registry: &registry, name: &other, images: None }],
        WINDOW,
        days_ago(0),
    );
    assert_eq!(ledger.of(&registry, "app"), None, "the repository was deleted");
}

/// What was used while no run saw all use is not known: the ledger begins anew.
#[test]
fn a_ledger_with_a_gap_begins_anew() {
    let used = usage(&[&digest("a").to_string()]);
    let of = |days: &[(i64, bool)]| {
        days.iter().fold(UseLedger::default(), |ledger, &(day, complete)| {
            let usage = if complete { &used } else { &incomplete() };
            seen(ledger, "a 90", usage, days_ago(day))
        })
    };
    for (days, expected) in [
        (&[(40, true), (26, true), (12, true)][..], 40),
        (&[(40, true), (25, true), (12, true)], 25),
        (&[(40, true), (30, false), (20, false), (12, true)], 12),
        (&[(40, false)], 0),
    ] {
        assert_eq!(age(&of(days)), expected, "{days:?}");
    }
    assert_eq!(last_use(&of(&[(40, true), (12, false)]), "a"), Some(40), "it is not forgotten");
}

#[test]
fn a_tag_is_new_that_no_run_saw_on_its_image() {
    let (before, after) = ("a 90 | tag 1", "a 90 | tag 1 prod");
    let begin = || seen(UseLedger::default(), before, &usage(&[]), days_ago(9));
    let ledger = seen(begin(), after, &usage(&[]), days_ago(5));
    let ledger = seen(ledger, after, &usage(&[]), days_ago(2));
    assert_eq!([tagged(&ledger, after, "1"), tagged(&ledger, after, "prod")], [90, 5]);
    // It was taken away, and comes back.
    let ledger = seen(ledger, before, &usage(&[]), days_ago(1));
    let ledger = seen(ledger, after, &usage(&[]), days_ago(0));
    assert_eq!(tagged(&ledger, after, "prod"), 0);
    // On another image it is another tag.
    let ledger = seen(begin(), "b 80 | tag 1", &usage(&[]), days_ago(4));
    assert_eq!(tagged(&ledger, "b 80 | tag 1", "1"), 4);
    // While no run saw everything, no tag is told to be new.
    let ledger = seen(UseLedger::default(), before, &incomplete(), days_ago(9));
    let ledger = seen(ledger, after, &usage(&[]), days_ago(5));
    assert_eq!(tagged(&ledger, after, "prod"), 90);
}

fn ledgers() -> impl Strategy<Value = UseLedger> {
    let run = (0..6_i64, 0..4_usize, 0..4_usize, any::<bool>());
    vec(run, 0..4).prop_map(|mut runs| {
        runs.sort_by_key(|(day, ..)| -day);
        runs.into_iter().fold(UseLedger::default(), |ledger, (day, used, tags, complete)| {
            let table = ["a 90\n b 9", "a 90 | tag 1\n b 9", "b 9 | tag 1 2", "a 90 | tag 2"][tags];
            let usage = match (complete, used) {
                (false, _) => incomplete(),
                (_, 0) => usage(&[]),
                (_, 1) => by("ReplicaSet", false, Some(days_ago(10))),
                (_, 2) => by("Pod", true, None),
                _ => usage(&[&digest("a").to_string(), &digest("b").to_string()]),
            };
            seen(ledger, table, &usage, days_ago(day))
        })
    })
}

fn merged(a: &UseLedger, b: &UseLedger) -> UseLedger {
    let mut merged = a.clone();
    merged.merge(b.clone());
    merged
}

proptest! {
    /// Runs may write in any order, and again (K9).
    #[test]
    fn ledgers_merge_in_any_order(a in ledgers(), b in ledgers(), c in ledgers()) {
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(&merged(&a, &a), &a);
        prop_assert_eq!(&merged(&a, &UseLedger::default()), &a);
    }

    #[test]
    fn a_ledger_is_read_back_as_it_was_written(ledger in ledgers()) {
        let text = serde_json::to_string(&ledger).unwrap();
        prop_assert_eq!(serde_json::from_str::<UseLedger>(&text).unwrap(), ledger);
    }
}
