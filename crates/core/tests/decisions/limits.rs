//! What one run may delete (A1).

use ecr_cleanup_core::{
    guard::{self, Selection},
    plan,
};

use crate::{
    guards::{NOBODY, settings},
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
        usage: &used,
        guards: &guards,
        memory: &memory,
        pulling: &NOBODY,
        now: days_ago(0),
        preconditions: &[],
    };
    let selection = guard::select(input);
    (units(&selection), selection.beyond_limit, selection.images())
}

/// Returns the units, each with the images that may be deleted, and the others in brackets.
fn units(selection: &Selection<'_>) -> Vec<String> {
    let letter = |digest| ('a'..='z').find(|it| self::digest(&it.to_string()) == digest).unwrap();
    let repositories = selection.repositories.iter();
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
        let why = expected.map(|percent| plan::LeftAlone::TooMuch { percent, limit });
        assert_eq!(whys, why.iter().map(|why| ("app", why)).collect::<Vec<_>>(), "{case:?}");
        let counts: Vec<_> = candidates.counts().map(|it| (it.1, it.2)).collect();
        let some = (deleted > 0).then_some((deleted as u64, all as u64));
        assert_eq!(counts, some.into_iter().collect::<Vec<_>>(), "{case:?}");
        let plan = candidates.decide(vetoes);
        let app = plan.repository("app").unwrap();
        assert_eq!(app.left_alone(), why.as_ref(), "{case:?}");
        let expected = if why.is_some() { 0 } else { deleted };
        assert_eq!(app.candidates().count(), expected, "{case:?}");
    }
}
