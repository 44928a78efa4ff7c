//! The order of deletions (A4).

use ecr_cleanup_core::{
    image::Registry,
    inventory::{Content, Images, Inventory, Repository},
    plan::{Archiving, PlanSettings, plan},
};
use jiff::SignedDuration;

use crate::support::{days_ago, digest, inventory, keeping, plan_of, repository, usage};

/// Images, and the units that are deleted: in each the images with their levels.
const UNITS: [(&str, &[&str]); 11] = [
    ("a 9", &["a0"]),
    ("a 9\n b 9 | tag keep", &["a0"]),
    // The oldest first, then by digest.
    ("b 9\n a 9\n c 10", &["c0", "a0", "b0"]),
    // An index before its children, an image before its referrers, to any depth.
    ("a 9\n b 9 | index a\n c 9 | index b", &["c0 b1 a2"]),
    ("c 9\n b 9 | of c\n a 9 | of b", &["c0 b1 a2"]),
    // The longest way counts.
    ("a 9\n b 9 | index a\n c 9 | index a b", &["c0 b1 a2"]),
    ("a 9 | of c\n b 9 | index a\n c 9 | index b", &["c0 b1 a2"]),
    // What shares a child is one unit, as old as its oldest image.
    ("a 9\n b 8 | index a\n c 7 | index a\n d 8", &["b0 c0 a1", "d0"]),
    // What is kept is in no unit, and joins none.
    ("a 9 | index b\n b 9 | tag keep\n c 9 | index b", &["a0", "c0"]),
    // A cycle comes last, together.
    ("a 9 | of b\n b 9 | of a\n c 9 | of a\n d 9 | index a", &["d0 a2 b2 c2"]),
    // An image without a push time is kept; one of a unit says nothing of its age.
    ("a 9\n b 9 | no time", &["a0"]),
];

fn units(table: &str, settings: PlanSettings) -> Vec<String> {
    let letter = |digest| ('a'..='z').find(|it| self::digest(&it.to_string()) == digest).unwrap();
    let plan = plan_of(inventory(&[("app", table)]), &usage(&[]), settings);
    let units = plan.repository("app").unwrap().units();
    let units = units.iter().map(|unit| {
        assert_eq!(unit.allowed, unit.images.len());
        assert_eq!(
            unit.oldest,
            unit.images.iter().filter_map(|it| it.planned.image.pushed_at).min()
        );
        let images = unit.images.iter();
        let images = images.map(|it| format!("{}{}", letter(it.planned.image.digest), it.level));
        images.collect::<Vec<_>>().join(" ")
    });
    units.collect()
}

#[test]
fn an_index_comes_before_its_children_and_an_image_before_its_referrers() {
    for (table, expected) in UNITS {
        assert_eq!(units(table, days_ago(0).into()), expected, "{table}");
    }
}

/// What an archived index may name waits for it, and belongs to it (G7).
#[test]
fn a_possible_child_comes_after_the_archived_indexes_that_may_name_it() {
    let archive =
        Archiving { candidates: true, delete_after: Some(SignedDuration::from_hours(24 * 10)) };
    let settings = PlanSettings { archive, ..days_ago(0).into() };
    for (table, expected) in [
        ("a 90 | archived 30\n b 90 | index | archived 30", &["b0 a1"][..]),
        ("a 90 | archived 40\n b 90 | index | archived 30", &["a0", "b0"]),
        (
            "a 92 | archived 30\n b 91 | index | archived 30\n c 90 | index | archived 35",
            &["b0 c0 a1"],
        ),
        ("a 80 | archived 30\n b 90 | index | archived 30", &["b0", "a0"]),
        ("a 90\n b 90 | index | archived 30", &["a0", "b0"]),
        ("a 90 | archived 30\n b 90 | archived 30", &["a0", "b0"]),
    ] {
        assert_eq!(units(table, settings), expected, "{table}");
    }
}

#[test]
fn a_plan_finds_its_repositories_and_images() {
    let plan = plan_of(
        inventory(&[("web", "a 9"), ("app", "b 9 | tag keep 1.0\n a 9")]),
        &usage(&[]),
        days_ago(0),
    );
    let names: Vec<&str> = plan.repositories().iter().map(|it| &**it.name()).collect();
    assert_eq!(names, ["app", "web"]);
    let app = plan.repository("app").unwrap();
    let registry: &Registry = app.registry();
    assert_eq!((registry, plan.registries().len()), (&crate::support::registry(0), 1));
    assert_eq!((&*app.key().0, &app.key().1), (registry, app.name()));
    assert_eq!((app.title(), app.host()), ("app".to_owned(), None));
    assert_eq!((app.policy(), app.has_mutable_tags(), app.left_alone()), (Some(0), true, None));
    assert_eq!(app.images().len(), 2);
    let image = |letter: &str| app.image(&digest(letter)).map(|it| it.image.digest);
    assert_eq!((image("a"), image("c")), (Some(digest("a")), None));
    let candidates: Vec<_> = app.candidates().map(|it| it.image.digest).collect();
    assert_eq!(candidates, [digest("a")]);
    assert!(plan.repository("none").is_none());
    assert_eq!((plan.now(), plan.is_archiving_any()), (days_ago(0), false));
    assert!(!plan.archives(app, app.image(&digest("a")).unwrap().image));
}

/// Attachments, artifacts and archived images are no subject of rules (K5).
#[test]
fn a_plan_tells_what_rules_match_and_what_is_attached_to_images_elsewhere() {
    let table = "a 9 | tag old keep
                 b 9 | signs x
                 c 9 | of a
                 d 90 | tag cold | archived 5
                 e 9 | tag chart | artifact
                 f 9 | tag signed | of x";
    let plan = plan_of(inventory(&[("app", table)]), &usage(&[]), days_ago(0));
    let app = plan.repository("app").unwrap();
    let tags: Vec<&str> = app.ruled_tags().map(|tag| &**tag).collect();
    assert_eq!(tags, ["old", "keep"]);
    let elsewhere = |letter: &str| {
        let image = &app.image(&digest(letter)).unwrap().image;
        app.subjects_elsewhere(image).collect::<Vec<_>>()
    };
    assert_eq!(elsewhere("b"), [digest("x")]);
    assert_eq!(elsewhere("f"), [digest("x")]);
    assert_eq!((elsewhere("a"), elsewhere("c")), (vec![], vec![]));
}

#[test]
fn a_plan_knows_what_was_read_and_when() {
    let read_at = days_ago(2)..=days_ago(1);
    let manifests_read = Some(read_at.clone());
    let read = Content::Complete(Images { manifests_read, ..Images::default() });
    let failed = Repository { policy: None, ..repository("failed", Content::Failed("no".into())) };
    let second = Repository { policy: Some(1), mutable_tags: false, ..repository("second", read) };
    let repositories = vec![failed, repository("gone", Content::Vanished), second];
    let stored = Inventory { registry: crate::support::registry(0), repositories };
    let mut policies = keeping("^keep");
    policies.all.push(policies.all[0].clone());
    let plan = plan(stored, &usage(&[]), &policies, days_ago(0));
    let facts = |name: &str| {
        let it = plan.repository(name).unwrap();
        (it.policy(), it.has_mutable_tags(), it.was_read(), it.manifests_read().cloned())
    };
    assert_eq!(facts("failed"), (None, true, false, None));
    assert_eq!(facts("gone"), (Some(0), true, true, None));
    assert_eq!(facts("second"), (Some(1), false, true, Some(read_at)));
}

/// In mode `archive`, what is archived already is deleted (A7).
#[test]
fn only_what_is_active_is_archived() {
    let archive = Archiving { candidates: true, delete_after: Some(SignedDuration::ZERO) };
    let settings = PlanSettings { archive, ..days_ago(0).into() };
    let plan = plan_of(inventory(&[("app", "a 9\n b 9 | archived 1")]), &usage(&[]), settings);
    let app = plan.repository("app").unwrap();
    let archives: Vec<bool> = app.candidates().map(|it| plan.archives(app, it.image)).collect();
    assert_eq!(archives, [true, false]);
    assert!(plan.is_archiving_any());
}
