//! What one run may delete (A1).

use std::collections::{BTreeMap, BTreeSet};

use ecr_cleanup_core::{
    guard::{self, RepositorySelection},
    image::Digest,
    plan::{self, Unit},
    policy::{Ceiling, Limits, Policies, Policy},
};
use proptest::{collection::vec, option, prelude::*};

use crate::{
    guards::{NOBODY, input, settings},
    support::{HOST, days_ago, digest, inventory, keeping, plan_of, usage},
};

/// Two repositories with units of one, two and three images.
const APP: &str = "a 9 | tag old | index b
                   b 20
                   c 15 | tag older";
const WEB: &str = "d 30 | tag oldest
                   e 1 | tag young
                   f 2 | of e
                   g 3 | of f
                   h 90 | tag keep";

fn select(repositories: &[(&str, &str)], limit: u64) -> (Vec<String>, u64, u64) {
    let used = usage(&[&format!("{HOST}/other:1")]);
    let plan = plan_of(inventory(repositories), &used, days_ago(0));
    let guards = guard::Guards { max_deletions_per_run: limit, ..settings() };
    let memory = guard::Memory::default();
    let input = guard::GuardInput {
        plan: &plan,
        saved: None,
        usage: &used,
        guards: &guards,
        memory: &memory,
        pulling: &NOBODY,
        now: days_ago(0),
        preconditions: &[],
    };
    let mut selection = guard::select(input);
    let taken = selection.take();
    let images = taken.iter().map(RepositorySelection::images).sum();
    (units(&taken), selection.beyond_limit(), images)
}

/// Returns the units, each with the images that may be deleted, and the others in brackets.
fn units(taken: &[RepositorySelection<'_>]) -> Vec<String> {
    let letter = |digest| ('a'..='z').find(|it| self::digest(&it.to_string()) == digest).unwrap();
    let repositories = taken.iter();
    let units =
        repositories.flat_map(|it| it.units.iter().map(|unit| (it.repository.name(), unit)));
    let units = units.map(|(name, unit)| {
        let letters = unit.images.iter().map(|it| letter(it.planned.image.digest));
        let letters: String = letters.collect();
        let (allowed, others) = letters.split_at(unit.allowed);
        let others = if others.is_empty() { String::new() } else { format!("({others})") };
        format!("{name}: {allowed}{others}")
    });
    units.collect()
}

#[test]
fn the_oldest_units_that_fit_are_deleted_first() {
    let all = ["app: ab", "app: c", "web: d", "web: efg"];
    for (limit, expected, beyond) in [
        (0, &[][..], 7),
        (1, &["web: d"], 6),
        // The next unit does not fit, and nothing overtakes it.
        (2, &["web: d"], 6),
        (3, &["app: ab", "web: d"], 4),
        (4, &["app: ab", "app: c", "web: d"], 3),
        (6, &["app: ab", "app: c", "web: d"], 3),
        (7, &all, 0),
        (u64::MAX, &all, 0),
    ] {
        let (units, beyond_limit, images) = select(&[("app", APP), ("web", WEB)], limit);
        assert_eq!(units, expected, "{limit}");
        assert_eq!((beyond_limit, images), (beyond, 7 - beyond), "{limit}");
    }
}

#[test]
fn only_a_unit_that_is_larger_than_the_limit_is_cut() {
    let table = "e 9 | tag old\n f 8 | of e\n g 8 | of f\n h 3";
    for (limit, expected, beyond) in [
        (1, &["web: e(fg)"][..], 3),
        (2, &["web: ef(g)"], 2),
        (3, &["web: efg"], 1),
        (4, &["web: efg", "web: h"], 0),
    ] {
        let (units, beyond_limit, images) = select(&[("web", table)], limit);
        assert_eq!(units, expected, "{limit}");
        assert_eq!((beyond_limit, images), (beyond, 4 - beyond), "{limit}");
    }
}

/// What becomes of a unit that was taken.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Deleted,
    /// It changed since the plan.
    Skipped,
    /// So many of its images are deleted, and then its repository stops.
    Fails(u64),
}

/// A unit: its repository, its age in days, its size and its fate.
type DrawnUnit = (usize, i64, usize, Fate);

const NAMES: [&str; 3] = ["api", "app", "web"];

fn drawn_units() -> impl Strategy<Value = Vec<DrawnUnit>> {
    let fate = prop_oneof![
        4 => Just(Fate::Deleted),
        1 => Just(Fate::Skipped),
        1 => (0_u64..3).prop_map(Fate::Fails),
    ];
    vec((0..NAMES.len(), 1..90_i64, 1..4_usize, fate), 1..9)
}

/// Returns the table of a repository, and the fate of each unit by its first image.
fn table(units: &[DrawnUnit], repository: usize) -> (String, BTreeMap<Digest, Fate>) {
    let (mut table, mut fates, mut letters) = (String::new(), BTreeMap::new(), 'a'..='z');
    for &(_, days, size, fate) in units.iter().filter(|it| it.0 == repository) {
        let first = letters.next().unwrap();
        fates.insert(digest(&first.to_string()), fate);
        table += &format!("{first} {days} | tag old-{first}\n");
        for _ in 1..size {
            table += &format!("{} {days} | of {first}\n", letters.next().unwrap());
        }
    }
    (table, fates)
}

proptest! {
    /// Whatever fails, no more is deleted than the limit allows, and all that it allows of what can
    /// be deleted, the oldest first (A12).
    #[test]
    fn what_is_not_deleted_uses_up_no_limit(drawn in drawn_units(), limit in 0_u64..12) {
        let tables: Vec<_> = (0..NAMES.len()).map(|it| table(&drawn, it)).collect();
        let stored: Vec<_> = NAMES.iter().zip(&tables).map(|(name, it)| (*name, &*it.0)).collect();
        let used = usage(&[&format!("{HOST}/other:1")]);
        let plan = plan_of(inventory(&stored), &used, days_ago(0));
        let guards = guard::Guards { max_deletions_per_run: limit, ..settings() };
        let memory = guard::Memory::default();
        let mut selection = guard::select(input(&plan, &guards, &used, &memory));
        let (mut deleted, mut stopped, mut seen) = (0, BTreeSet::new(), BTreeSet::new());
        let mut youngest = None;
        loop {
            let taken = selection.take();
            if taken.is_empty() {
                break;
            }
            let asked: u64 = taken.iter().map(RepositorySelection::images).sum();
            prop_assert!(deleted + asked <= limit);
            for RepositorySelection { repository, units } in taken {
                let (key, mut of_repository, mut stops) = (repository.key(), 0, false);
                let fates = NAMES.iter().position(|name| *name == &**repository.name()).unwrap();
                prop_assert!(!stopped.contains(key));
                for unit in units {
                    let first = unit.images[0].planned.image.digest;
                    prop_assert!(seen.insert((key.clone(), first)), "it was taken twice");
                    youngest = youngest.max(unit.oldest);
                    let allowed = unit.allowed as u64;
                    of_repository += match tables[fates].1[&first] {
                        _ if stops => 0,
                        Fate::Deleted => allowed,
                        Fate::Skipped => 0,
                        Fate::Fails(after) => {
                            stops = true;
                            after.min(allowed)
                        }
                    };
                }
                selection.settle(key, of_repository, stops);
                deleted += of_repository;
                if stops {
                    stopped.insert(key.clone());
                }
            }
        }
        prop_assert!(deleted <= limit);
        let repositories = plan.repositories().iter().filter(|it| !stopped.contains(it.key()));
        let left = repositories.flat_map(|it| it.units().into_iter().map(|unit| (it.key(), unit)));
        let first = |unit: &Unit<'_>| unit.images[0].planned.image.digest;
        let left = left.filter(|(key, unit)| !seen.contains(&((*key).clone(), first(unit))));
        if let Some((_, oldest)) = left.min_by_key(|(_, unit)| unit.oldest) {
            prop_assert!(youngest <= oldest.oldest, "the oldest are taken first");
            prop_assert!(oldest.images.len() as u64 > limit - deleted, "it would have fitted");
        }
    }
}

proptest! {
    /// The limit of the run and that of each repository hold, nothing is taken of what a policy only
    /// shows, and all that fits into both limits is, the oldest first (A1).
    #[test]
    fn each_repository_has_its_own_limit(
        drawn in drawn_units(),
        limit in 0_u64..12,
        own in vec((option::of(0_u64..5), prop::bool::weighted(0.2)), NAMES.len()),
    ) {
        let tables: Vec<_> = (0..NAMES.len()).map(|it| table(&drawn, it).0).collect();
        let stored: Vec<_> = NAMES.iter().copied().zip(tables.iter().map(String::as_str)).collect();
        let mut stored = inventory(&stored);
        for (position, repository) in stored.repositories.iter_mut().enumerate() {
            repository.policy = Some(position);
        }
        let policies = own.iter().enumerate().map(|(position, &(max_deletions, is_shown))| Policy {
            position,
            limits: Limits {
                mode: is_shown.then_some(Ceiling::Plan),
                max_deletions,
                ..Limits::default()
            },
            ..keeping("^keep").all.remove(0)
        });
        let (used, policies) = (usage(&[&format!("{HOST}/other:1")]), Policies { all: policies.collect(), tag: None });
        let plan = plan::plan(stored, &used, &policies, days_ago(0));
        let guards = guard::Guards { max_deletions_per_run: limit, ..settings() };
        let memory = guard::Memory::default();
        let mut selection = guard::select(input(&plan, &guards, &used, &memory));
        let (mut taken_of, mut seen) = ([0; NAMES.len()], BTreeSet::new());
        for RepositorySelection { repository, units } in selection.take() {
            let position = repository.policy().unwrap();
            for unit in units {
                taken_of[position] += unit.allowed as u64;
                seen.insert((position, unit.images[0].planned.image.digest));
            }
            selection.settle(repository.key(), taken_of[position], false);
        }
        prop_assert!(selection.take().is_empty(), "everything was deleted");
        let all: u64 = taken_of.iter().sum();
        prop_assert!(all <= limit);
        let mut waiting = Vec::new();
        for (repository, &(max, is_shown)) in plan.repositories().iter().zip(&own) {
            let taken = taken_of[repository.policy().unwrap()];
            prop_assert!(taken <= max.unwrap_or(u64::MAX) && (taken == 0 || !is_shown));
            let units = repository.units().into_iter().filter(|_| !is_shown);
            let first = |unit: &Unit<'_>| unit.images[0].planned.image.digest;
            let position = repository.policy().unwrap();
            let left: Vec<_> = units.filter(|it| !seen.contains(&(position, first(it)))).collect();
            let fits = |unit: &Unit<'_>| {
                max.is_none_or(|max| taken == 0 || unit.images.len() as u64 <= max - taken)
            };
            // Of a repository, nothing overtakes what does not fit.
            waiting.extend(left.into_iter().min_by_key(|it| it.oldest).filter(fits));
        }
        if let Some(oldest) = waiting.iter().min_by_key(|unit| unit.oldest) {
            let fits = all + oldest.images.len() as u64 <= limit;
            let is_none = own.contains(&(Some(0), false));
            prop_assert!(!fits || is_none, "it would have fitted");
        }
        let acting = plan.repositories().iter().filter(|it| it.acts());
        let candidates: u64 = acting.map(|it| it.candidates().count() as u64).sum();
        prop_assert_eq!(selection.beyond_limit(), candidates - all);
    }
}

/// Candidates, images, the limit, and the percentage that is reported.
const PERCENTAGES: [(usize, usize, u8, Option<u8>); 9] = [
    (1, 2, 50, None),
    (1, 2, 49, Some(50)),
    (1, 3, 33, Some(34)),
    (1, 3, 34, None),
    (2, 3, 66, Some(67)),
    (3, 3, 100, None),
    (3, 3, 99, Some(100)),
    (1, 9, 0, Some(12)),
    (0, 3, 0, None),
];

#[test]
fn a_repository_of_which_too_much_would_be_deleted_is_left_alone() {
    for (deleted, all, limit, expected) in PERCENTAGES {
        let image = |number: usize| {
            let letter = char::from(b'a' + u8::try_from(number).unwrap());
            let tag = if number < deleted { "old" } else { "keep" };
            format!("{letter} 9 | tag {tag}{number}\n")
        };
        let table: String = (0..all).map(image).collect();
        let (used, policies) = (usage(&[]), keeping("^keep"));
        let stored = inventory(&[("app", &table), ("web", "a 9 | tag keep")]);
        let candidates = plan::candidates(stored, &used, &policies, days_ago(0));
        let vetoes = guard::too_many_candidates(&candidates, limit);
        let case = (deleted, all, limit);
        let whys: Vec<_> = vetoes.iter().map(|veto| (&*veto.repository.1, &veto.why)).collect();
        let why = expected.map(|percent| plan::LeftAlone::TooMuch { percent, limit, policy: None });
        assert_eq!(whys, why.iter().map(|why| ("app", why)).collect::<Vec<_>>(), "{case:?}");
        let counts: Vec<_> = candidates.counts().map(|it| (it.candidates, it.images)).collect();
        let some = (deleted > 0).then_some((deleted as u64, all as u64));
        assert_eq!(counts, some.into_iter().collect::<Vec<_>>(), "{case:?}");
        let plan = candidates.decide(vetoes);
        let app = plan.repository("app").unwrap();
        assert_eq!(app.left_alone(), why.as_ref(), "{case:?}");
        let expected = if why.is_some() { 0 } else { deleted };
        assert_eq!(app.candidates().count(), expected, "{case:?}");
    }
}
