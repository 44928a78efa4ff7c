//! Small worlds in which the planner once differed from the rules, found by the specification.

use std::num::NonZeroU32;

use ecr_cleanup_core::{
    inventory::{Content, NotRead},
    plan::{Archiving, PlanSettings, plan},
    policy::{Action, Policies},
};

use jiff::SignedDuration;

use crate::support::{days_ago, digest, inventory, keeping, plan_of, repository, usage};

/// Returns the letters of what is deleted, or archived, of the first repository.
fn deleted(table: &str, used: &[&str], settings: impl Into<PlanSettings>) -> String {
    let used: Vec<String> = used.iter().map(|letter| digest(letter).to_string()).collect();
    let used: Vec<&str> = used.iter().map(String::as_str).collect();
    let plan = plan_of(inventory(&[("app", table)]), &usage(&used), settings);
    let app = plan.repository("app").unwrap();
    let is_deleted = |letter: &char| {
        let image = app.image(&digest(&letter.to_string()));
        image.is_some_and(|it| it.verdict.deletes())
    };
    ('a'..='z').filter(is_deleted).collect()
}

fn archiving(delete_after: Option<i64>) -> PlanSettings {
    let delete_after = delete_after.map(|days| SignedDuration::from_hours(24 * days));
    let archive = Archiving { candidates: true, delete_after };
    PlanSettings { archive, ..days_ago(0).into() }
}

/// It refers to its subject alone, and not to what an ordinary tag of it names (G2, K5).
#[test]
fn an_attachment_with_the_digest_of_another_image_as_its_tag_is_deleted_with_its_subject() {
    let gone = digest("x").hex();
    let table = format!("a 9\n b 9 | of a | tag sha256-{gone}");
    assert_eq!(deleted(&table, &[], days_ago(0)), "ab");
    let table = format!("a 9\n b 9 | of a | tag sha256-{gone}.sig");
    assert_eq!(deleted(&table, &[], days_ago(0)), "a", "an attachment of that too");
}

/// Being archived is no reason for others to stay active; being part of what is used is (G7).
#[test]
fn what_is_archived_and_part_of_an_image_in_use_keeps_its_own_active() {
    let table = "a 90
                 b 90 | archived 5
                 c 90 | of b
                 d 90 | index | archived 10";
    assert_eq!(deleted(table, &["d"], archiving(None)), "a");
    assert_eq!(deleted(table, &[], archiving(None)), "ac");
}

/// The order in which reasons are found does not matter.
#[test]
fn what_is_archived_with_an_archived_image_keeps_nothing_active() {
    let table = "a 90 | archived 5
                 b 90 | of a | archived 50
                 c 90 | of b
                 d 90 | index | of a | archived 50
                 e 90 | archived 40";
    assert_eq!(deleted(table, &[], archiving(Some(30))), "c");
}

/// A child that an index keeps takes no rank, also if that is kept for an image elsewhere (K5, G2).
#[test]
fn a_child_of_an_index_that_an_image_elsewhere_keeps_takes_no_rank() {
    let mut policies: Policies = keeping("^v");
    let Action::Keep(rules) = &mut policies.all[0].action else { panic!() };
    rules.rules[0].newest = NonZeroU32::new(1);
    let table = "a 9 | tag v1
                 b 8 | tag v2
                 c 7 | index b | of x";
    let mut stored = inventory(&[("app", table)]);
    let candidates = |stored| {
        let plan = plan(stored, &usage(&[]), &policies, days_ago(0));
        let app = plan.repository("app").unwrap();
        app.candidates().map(|it| it.image.digest).collect::<Vec<_>>()
    };
    assert_eq!(candidates(stored.clone()), [digest("a"), digest("c")], "its subject is gone");
    let cold = repository("cold", Content::NotRead(NotRead::NotAsked));
    stored.repositories.push(cold);
    assert_eq!(candidates(stored), [], "its subject may be elsewhere");
}
