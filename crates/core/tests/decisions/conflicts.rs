//! Lifecycle policies that may expire what is kept (A8).

use ecr_cleanup_core::{
    inventory::{Content, LifecyclePolicy},
    plan::Plan,
};

use crate::support::{HOST, days_ago, images, inventory, plan_of, registry, usage};

/// Kept by use, by a rule, as a child and as an attachment; deleted; archived.
const APP: &str = "a 9 | tag 1.0
                   b 9 | tag keep-b
                   c 9 | tag keep-c prod-c | index d
                   d 9
                   e 9 | of b
                   f 9 | tag old
                   g 9 | tag keep-g | archived 3";

fn plan(policy: LifecyclePolicy) -> Plan {
    let mut stored = inventory(&[("app", "")]);
    let content = Content::Complete(images(APP)).with_lifecycle(policy);
    stored.repositories[0].content = content;
    plan_of(stored, &usage(&[&format!("{HOST}/app:1.0")]), days_ago(0))
}

/// Rules as `PRIORITY | ACTION | SELECTION`, and the images that they may expire, with the rule.
const CASES: [(&[&str], &[&str]); 14] = [
    (
        &[r#"1 | expire | "tagStatus": "any""#],
        &["app:1.0 1", "app:keep-b 1", "app:keep-c 1", "app@e 1"],
    ),
    (&[r#"1 | expire | "tagStatus": "untagged""#], &["app@e 1"]),
    (&[r#"1 | expire | "tagStatus": "tagged""#], &["app:1.0 1", "app:keep-b 1", "app:keep-c 1"]),
    (
        &[r#"1 | expire | "tagStatus": "tagged", "tagPrefixList": ["keep"]"#],
        &["app:keep-b 1", "app:keep-c 1"],
    ),
    (
        &[r#"1 | expire | "tagStatus": "tagged", "tagPrefixList": ["keep", "prod"]"#],
        &["app:keep-c 1"],
    ),
    (
        &[r#"1 | expire | "tagStatus": "tagged", "tagPatternList": ["*-c", "k*"]"#],
        &["app:keep-c 1"],
    ),
    (&[r#"1 | expire | "tagStatus": "tagged", "tagPatternList": ["1.0"]"#], &["app:1.0 1"]),
    (&[r#"1 | expire | "tagStatus": "tagged", "tagPatternList": ["1"]"#], &[]),
    (
        &[
            r#"1 | expire | "tagStatus": "tagged", "tagPrefixList": ["keep"], "tagPatternList": ["*-b"]"#,
        ],
        &["app:keep-b 1"],
    ),
    (
        &[r#"1 | transition | "tagStatus": "any", "storageClass": "standard""#],
        &["app:1.0 1", "app:keep-b 1", "app:keep-c 1", "app@e 1"],
    ),
    (&[r#"1 | expire | "tagStatus": "any", "storageClass": "archive""#], &[]),
    // The first that selects it by priority, wherever that stands.
    (
        &[r#"9 | expire | "tagStatus": "any""#, r#"2 | expire | "tagStatus": "untagged""#],
        &["app:1.0 9", "app:keep-b 9", "app:keep-c 9", "app@e 2"],
    ),
    (&[r#"1 | expire | "tagStatus": "tagged", "tagPrefixList": ["none"]"#], &[]),
    (&[], &[]),
];

fn policy(rules: &[&str]) -> String {
    let rules = rules.iter().map(|rule| {
        let [priority, action, selection] = rule.split(" | ").collect::<Vec<_>>()[..] else { panic!("{rule}") };
        format!(r#"{{"rulePriority": {priority}, "selection": {{{selection}}}, "action": {{"type": "{action}"}}}}"#)
    });
    format!(r#"{{"rules": [{}]}}"#, rules.collect::<Vec<_>>().join(", "))
}

#[test]
fn a_kept_image_that_the_first_rule_for_it_may_expire_is_a_conflict() {
    for (rules, expected) in CASES {
        let plan = plan(LifecyclePolicy::Text(policy(rules).into()));
        let conflicts = plan.repository("app").unwrap().lifecycle_conflicts();
        let conflicts = conflicts.unwrap().unwrap();
        let found = conflicts.iter().map(|it| {
            assert_eq!(it.in_use, it.image == "app:1.0");
            assert!(it.action == "transition" || rules.iter().any(|rule| rule.contains("expire")));
            let short = it.image.split_once("@sha256:").map(|(name, _)| format!("{name}@e"));
            format!("{} {}", short.unwrap_or_else(|| it.image.clone()), it.rule)
        });
        assert_eq!(found.collect::<Vec<_>>(), expected, "{rules:?}");
    }
}

#[test]
fn a_conflict_says_why_the_image_is_kept() {
    let text = policy(&[r#"3 | transition | "tagStatus": "tagged", "tagPrefixList": ["1."]"#]);
    let plan = plan(LifecyclePolicy::Text(text.into()));
    let conflicts = plan.repository("app").unwrap().lifecycle_conflicts();
    let conflict = conflicts.unwrap().unwrap().remove(0);
    assert_eq!((conflict.rule, &*conflict.action, conflict.in_use), (3, "transition", true));
    assert_eq!(conflict.because, ["in use by ECS service `web` (tag `1.0`)"]);
}

#[test]
fn a_policy_that_cannot_be_compared_is_an_error() {
    let conflicts = |policy| {
        let plan = plan(policy);
        let conflicts = plan.repository("app").unwrap().lifecycle_conflicts();
        conflicts.map(|it| it.unwrap_err().to_string())
    };
    let none =
        plan(LifecyclePolicy::None).repository("app").unwrap().lifecycle_conflicts().is_none();
    assert!(none);
    assert_eq!(conflicts(LifecyclePolicy::Unreadable("denied".into())).unwrap(), "denied");
    assert_eq!(
        conflicts(LifecyclePolicy::Text("{}".into())).unwrap(),
        "missing field `rules` at line 1 column 2"
    );
}

#[test]
fn the_host_is_named_where_there_are_several_registries() {
    let mut stored = vec![inventory(&[("app", "")]), inventory(&[])];
    stored[1].registry = registry(1);
    let text = policy(&[r#"1 | expire | "tagStatus": "any""#]).into();
    let content = Content::Complete(images("a 9 | tag keep"));
    stored[0].repositories[0].content = content.with_lifecycle(LifecyclePolicy::Text(text));
    let plan = plan_of(stored, &usage(&[]), days_ago(0));
    let conflicts = plan.repository("app").unwrap().lifecycle_conflicts();
    assert_eq!(conflicts.unwrap().unwrap()[0].image, format!("{HOST}/app:keep"));
}
