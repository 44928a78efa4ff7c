//! The reasons of every verdict.

use std::num::NonZeroU32;

use ecr_cleanup_core::{
    inventory::Unclear,
    plan::{Archiving, LeftAlone, PlanSettings, plan},
    policy::{Action, Order},
};
use jiff::SignedDuration;

use crate::support::{days_ago, digest, inventory, keeping, usage};

/// Repositories, of which image `u` is in use, and the two newest images with a tag `keep` are
/// kept.
const WORLDS: [&str; 19] = [
    "a 9\n b 9 | tag old",
    "a 9 | tag keep1\n b 8 | tag keep2\n c 7 | tag keep3",
    // Parts and attachments of what is deleted.
    "a 9\n b 9 | tag old | index a=linux/amd64",
    "a 9\n b 9 | tag old | index a",
    "a 9 | of b\n b 9 | tag old",
    "a 9 | signs b\n b 9 | tag old",
    "a 9 | signs x\n b 9 | tag old",
    "a 9 | of x\n b 9 | tag old",
    // An attachment that a list of attachments names, and what that names besides.
    "a 9 | of b\n b 9 | tag old\n c 9 | index a d | of b\n d 9",
    "a 9 | of b\n b 9\n c 9 | tag old | index a b",
    // Parts and attachments of what is kept.
    "u 9 | tag old | index a=linux/amd64\n a 9\n b 9 | of a\n c 9 | signs u\n d 9 | index u",
    "a 200 | archived 50\n u 200 | index | archived 60\n b 200",
    // In doubt.
    "a 0\n b 0 | signs a\n c -1 | tag old\n d 9 | no time\n e 9 | artifact",
    "a 9 | status restoring\n b 9 | status unknown\n c 9 | archived 5",
    // Archived for long, and charged until 90 days are over.
    "a 200 | archived 30",
    "a 200 | archived 31",
    "a 200 | archived 89",
    "a 200 | archived 90",
    "a 200 | tag keep1 | archived 31\n b 9 | tag keep2\n c 9 | tag keep3",
];

#[test]
fn every_verdict_has_its_reason() {
    let mut policies = keeping("^keep");
    let Action::Keep(rules) = &mut policies.all[0].action else { panic!() };
    rules.rules[0].newest = NonZeroU32::new(2);
    let delete_after = Some(SignedDuration::from_hours(24 * 30));
    let archive = Archiving { candidates: false, delete_after };
    let settings = PlanSettings { archive, ..days_ago(0).into() };
    let mut lines = Vec::new();
    for table in WORLDS {
        let used = usage(&[&digest("u").to_string()]);
        let plan = plan(inventory(&[("app", table)]), &used, &policies, settings);
        let app = plan.repository("app").unwrap();
        for line in table.lines() {
            let planned = app.image(&digest(line.trim())).unwrap();
            let verdict = if planned.verdict.deletes() { "-" } else { "+" };
            lines.push(format!("{verdict} {}", line.trim()));
            let because = app.because(planned.verdict).into_iter();
            lines.extend(because.map(|reason| format!("      {reason}")));
        }
        lines.push(String::new());
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_tag_without_a_version_is_a_reason() {
    let mut policies = keeping(".");
    let Action::Keep(rules) = &mut policies.all[0].action else { panic!() };
    rules.rules[0].newest = NonZeroU32::new(1);
    rules.rules[0].by = Order::Version;
    let stored = inventory(&[("app", "a 9 | tag stable\n b 9 | tag 1.0")]);
    let plan = plan(stored, &usage(&[]), &policies, days_ago(0));
    let app = plan.repository("app").unwrap();
    let because = |letter| app.because(app.image(&digest(letter)).unwrap().verdict);
    assert_eq!(because("a"), ["rule `kept` ranks by version, but tag `stable` has no version"]);
    assert_eq!(because("b"), ["kept by rule `kept` (tag `1.0`): rank 1 of 1"]);
}

/// An artifact that belongs to no image (K8).
#[test]
fn an_artifact_of_its_own_is_told_from_images_and_attachments() {
    let table =
        "a 9 | artifact\n b 9 | of c | artifact\n c 9 | tag keep\n d 9 | artifact | tag old";
    let plan = plan(inventory(&[("app", table)]), &usage(&[]), &keeping("^keep"), days_ago(0));
    let images = plan.repository("app").unwrap().images();
    let artifacts: Vec<bool> = images.map(|it| it.verdict.is_of_artifact()).collect();
    assert_eq!(artifacts, [true, false, false, true]);
}

/// What AWS denied or did not answer is a failure, and what follows from what was read is none.
#[test]
fn a_repository_that_could_not_be_read_has_the_code_of_a_failure() {
    let digest = digest("a");
    let problem = "denied".to_owned();
    for (why, code) in [
        (LeftAlone::Failed { error: problem.clone() }, Some("not_listed")),
        (LeftAlone::TagsUnread { error: problem.clone() }, Some("tags_not_read")),
        (LeftAlone::PullersUnknown { error: problem.clone() }, Some("pullers_unknown")),
        (
            LeftAlone::Unclear(Unclear::Unread { digest, problem: problem.clone() }),
            Some("index_not_read"),
        ),
        (LeftAlone::Unclear(Unclear::Index { digest, problem }), None),
        (LeftAlone::NoTagMatched, None),
        (LeftAlone::Vanished, None),
    ] {
        assert_eq!(why.failure_code(), code, "{why:?}");
    }
}

#[test]
fn an_image_of_a_repository_that_is_left_alone_says_why_that_is() {
    let mut policies = keeping("^keep");
    let Action::Keep(rules) = &mut policies.all[0].action else { panic!() };
    rules.delete_unmatched = false;
    let plan = plan(inventory(&[("app", "a 9 | tag old")]), &usage(&[]), &policies, days_ago(0));
    let app = plan.repository("app").unwrap();
    let because = app.because(app.images().next().unwrap().verdict).remove(0);
    assert!(because.starts_with("the repository is left alone: none of its tags "), "{because}");
}
