//! Images in use that cannot be pulled (U10).

use ecr_cleanup_core::{
    inventory::{Content, Inventory, NotRead},
    plan::{self, Missing, Stored},
};

use crate::support::{
    HOST, days_ago, digest, images, inventory, plan_of, registry, repository, usage,
};

const APP: &str = "a 9 | tag 1.0
                   b 9 | tag 0.9 | archived 5
                   c 9 | tag 0.8 | status restoring
                   d 9 | tag 0.7 | status unknown";

fn lines(missing: &[Missing]) -> Vec<String> {
    let line = |it: &Missing| {
        let live = if it.live { "live" } else { "old" };
        format!("{}: {} ({live}, {})", it.title(), it.problem, it.users.join(", "))
    };
    missing.iter().map(line).collect()
}

/// A reference to the first registry, and why its image is missing.
const CASES: [(&str, Option<&str>); 13] = [
    ("app:1.0", None),
    ("app:0.9", Some("it is archived")),
    ("app:0.8", Some("it is archived")),
    ("app:0.7", None),
    ("app:2.0", Some("there is no such image")),
    ("none:1.0", Some("there is no such repository")),
    ("gone:1.0", Some("there is no such repository")),
    ("cold:1.0", None),
    ("failed:1.0", None),
    ("unread:1.0", None),
    // The digest counts, and not the tag beside it.
    ("app:2.0@a", None),
    ("app:1.0@x", Some("there is no such image")),
    ("app@b", Some("it is archived")),
];

fn stored() -> Inventory {
    let mut stored = inventory(&[("app", APP)]);
    stored.repositories.extend([
        repository("gone", Content::Vanished),
        repository("cold", Content::NotRead(NotRead::NotAsked)),
        repository("failed", Content::Failed("denied".to_owned())),
        repository("unread", Content::TagsUnread("denied".to_owned())),
    ]);
    stored
}

fn reference(text: &str) -> String {
    match text.split_once('@') {
        Some((name, letter)) => format!("{HOST}/{name}@{}", digest(letter)),
        None => format!("{HOST}/{text}"),
    }
}

#[test]
fn an_image_is_missing_if_it_cannot_be_pulled() {
    for (text, expected) in CASES {
        let used = usage(&[&reference(text)]);
        let plan = plan_of(stored(), &used, days_ago(0));
        let missing = plan::missing(&plan, &used);
        let problems: Vec<String> = missing.iter().map(|it| it.problem.to_string()).collect();
        assert_eq!(problems, expected.into_iter().collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn live_users_come_first() {
    let old = format!("old {}", reference("app:1.9"));
    let elsewhere = "222222222222.dkr.ecr.eu-west-1.amazonaws.com/app:1.0";
    let used = usage(&[
        &old,
        &reference("app:2.0"),
        &reference("none:1"),
        elsewhere,
        &digest("x").to_string(),
    ]);
    let plan = plan_of(stored(), &used, days_ago(0));
    let expected = [
        "app:2.0: there is no such image (live, ECS service `web`)",
        "none:1: there is no such repository (live, ECS service `web`)",
        "app:1.9: there is no such image (old, ECS service `web`)",
    ];
    assert_eq!(lines(&plan::missing(&plan, &used)), expected);
}

#[test]
fn each_registry_has_its_own_images() {
    let other = Inventory {
        registry: registry(1),
        repositories: vec![repository("app", Content::Complete(images("a 9 | tag 2.0")))],
    };
    let there = "222222222222.dkr.ecr.eu-west-1.amazonaws.com/app:2.0";
    let used = usage(&[&reference("app:2.0"), there]);
    let plan = plan_of(vec![stored(), other], &used, days_ago(0));
    let expected = [format!("{HOST}/app:2.0: there is no such image (live, ECS service `web`)")];
    assert_eq!(lines(&plan::missing(&plan, &used)), expected);
}

#[test]
fn more_users_than_fit_are_counted() {
    let used = usage(&[&reference("app:2.0")]);
    let plan = plan_of(stored(), &used, days_ago(0));
    let mut missing = plan::missing(&plan, &used).remove(0);
    missing.users = ["a", "b", "c"].map(ToOwned::to_owned).to_vec();
    let texts = [0, 1, 2, 3, 4].map(|most| missing.first_users(most));
    assert_eq!(texts, [" and 3 more", "a and 2 more", "a, b and 1 more", "a, b, c", "a, b, c"]);
}

/// Use by an old task definition and by a service together is live; a user is named once.
#[test]
fn users_are_named_once() {
    let used = usage(&[&reference("app:2.0"), &format!("old {}", reference("app:2.0"))]);
    let registries = plan_of(stored(), &used, days_ago(0)).registries().to_vec();
    let missing = plan::missing_from(&registries, &used, |_, _| Stored::Images(vec![]));
    assert_eq!(lines(&missing), ["app:2.0: there is no such image (live, ECS service `web`)"]);
    let unknown = plan::missing_from(&registries, &used, |_, _| Stored::Unknown);
    assert_eq!(unknown, []);
}
