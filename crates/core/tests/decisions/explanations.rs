//! Explanations of single images.

use ecr_cleanup_core::{
    image::{Aliases, TypedImage},
    inventory::{Content, Inventory, NotRead},
    plan::{Archiving, Plan, PlanSettings},
};

use crate::support::{
    HOST, days_ago, digest, images, inventory, plan_of, registry, repository, usage,
};

const APP: &str = "a 9 | tag 1.0 keep
                   b 9 | tag old
                   c 9";

fn explain(plan: &Plan, reference: &str) -> String {
    let reference = TypedImage::parse(reference, &Aliases::default()).unwrap();
    plan.explain(&reference).to_string()
}

#[test]
fn an_image_is_explained_by_tag_or_digest() {
    let mut stored = inventory(&[("app", APP)]);
    stored.repositories.push(repository("cold", Content::NotRead(NotRead::NotAsked)));
    let plan = plan_of(stored, &usage(&[&format!("{HOST}/app:1.0")]), days_ago(0));
    let by_digest = format!("app:old@{}", digest("c"));
    let unknown = format!("app@{}", digest("x"));
    let all = ["app:1.0", "app:old", &by_digest, &unknown, "app:2.0", "web:1.0", "cold:1.0"];
    let all: Vec<String> = all.iter().map(|reference| explain(&plan, reference)).collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn in_mode_archive_candidates_are_archived() {
    let archive = Archiving { candidates: true, delete_after: None };
    let settings = PlanSettings { archive, ..days_ago(0).into() };
    let plan = plan_of(inventory(&[("app", APP)]), &usage(&[]), settings);
    insta::assert_snapshot!(explain(&plan, "app:old"));
}

#[test]
fn an_image_is_looked_for_in_every_registry_that_the_reference_may_mean() {
    let other = Inventory {
        registry: registry(1),
        repositories: vec![repository("app", Content::Complete(images("a 9 | tag old")))],
    };
    let stored = vec![inventory(&[("app", APP)]), other];
    let plan = plan_of(stored, &usage(&[]), days_ago(0));
    let named = format!("{HOST}/app:old");
    let all = ["app:old", "app:1.0", "app:2.0", &named];
    let mut all: Vec<String> = all.iter().map(|reference| explain(&plan, reference)).collect();
    all.push(explain(&Plan::empty(days_ago(0)), "app:1.0"));
    let app = plan.repository("app").unwrap();
    all.push(format!("{} in {}", app.title(), app.host().unwrap()));
    insta::assert_snapshot!(all.join("\n"));
}
