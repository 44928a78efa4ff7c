//! Habits that make it hard to say what runs, and policies that do nothing, are reported; nothing is
//! deleted for them.

use ecr_cleanup::{
    config::Mode,
    pipeline::Request,
    policy::RepositoryGlobs,
    report::{Answer, Hygiene},
};
use simulated_aws::{Container, Fault, PullThroughCacheRule, Push, SimulatedAws, World, days_ago};

use crate::support::{WorldExt, answer, plan, program, request, run};

const APP: &str = "team/app";

fn container(image: String, digest: &str) -> Container {
    Container {
        name: "app".to_owned(),
        image: Some(image),
        image_digest: Some(digest.to_owned()),
    }
}

/// Runs a task whose only container was started from a tag and got a digest.
fn run_from_tag(world: &mut World, id: &str, tag: &str, digest: &str) {
    let image = format!("{}:{tag}", world.home().repository(APP).uri());
    let definition = world.home().ecs.register(id, [&image]);
    let task = world.home().cluster("prod").task(id);
    task.task_definition_arn = Some(definition);
    task.containers = vec![container(image, digest)];
}

async fn hygiene(edit: impl FnOnce(&mut World)) -> Hygiene {
    let aws = SimulatedAws::start().await;
    aws.edit(edit);
    plan(&aws, "mode: plan").await.hygiene
}

#[tokio::test]
async fn a_tag_that_moved_under_a_running_task_is_named_with_both_digests() {
    let mut digests = Vec::new();
    let hygiene = hygiene(|world| {
        let old = world.tagged(APP, "prod", 20);
        run_from_tag(world, "web", "prod", &old);
        let [index, child, _] = world.multi_arch(APP, 10);
        world.home().repository(APP).tag(&index, "multi");
        run_from_tag(world, "platform", "multi", &child);
        run_from_tag(world, "whole", "multi", &index);
        let configuration = format!("sha256:{:064}", 7);
        run_from_tag(world, "by-its-configuration", "prod", &configuration);
        let new = world.tagged(APP, "prod", 5);
        digests = vec![old, new];
    })
    .await;
    assert_eq!(hygiene.moved_tags.count, 1, "{:?}", hygiene.moved_tags);
    let moved = &hygiene.moved_tags.first[0];
    assert_eq!(moved.image, "team/app:prod");
    assert_eq!([moved.runs.to_string(), moved.now.to_string()], digests[..]);
    assert_starts!(moved.user, "ECS task `");
    assert_eq!(hygiene.pulled_by_tag.count, 2, "{hygiene:?}");
    assert_eq!(hygiene.pulled_by_tag.first[1].users, 2);
}

#[tokio::test]
async fn a_digest_is_no_tag_and_what_is_for_later_pulls_nothing_now() {
    let hygiene = hygiene(|world| {
        let image = world.tagged(APP, "1.0", 20);
        let pinned = format!("{}:1.0@{image}", world.home().repository(APP).uri());
        world.home().ecs.register("pinned", [&pinned]);
        world.define("for-later", APP, "1.0");
        let task = world.home().cluster("prod").task("pinned");
        task.containers = vec![container(pinned, &image)];
    })
    .await;
    assert_eq!(hygiene.pulled_by_tag.count, 0, "{hygiene:?}");
}

#[tokio::test]
async fn repositories_with_mutable_tags_and_tags_without_a_rule_are_counted_and_the_first_are_listed()
 {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.in_use_elsewhere();
        for number in 0..25 {
            world.tagged(APP, &format!("odd-{number:02}"), 50);
        }
        world.tagged(APP, "v1.0", 30);
        let signed = world.tagged("team/locked", "v1.0", 30);
        world.home().repository("team/locked").tag_mutability = "IMMUTABLE".into();
        let signature = Push::image().tag(format!("{}.sig", signed.replace(':', "-")));
        world.home().repository("team/locked").push(signature);
    });
    let config = "{mode: delete, policies: [{repositories: ['**'], keep: [{tags: '^(v|1$)'}]}]}";
    let answer = run(&aws, config).await;
    let mutable = &answer.hygiene.mutable_repositories.first;
    assert!(mutable.contains(&APP.to_owned()));
    assert!(!mutable.contains(&"team/locked".to_owned()), "{mutable:?}");
    let unmatched = &answer.hygiene.unmatched_tags;
    assert_eq!((unmatched.count, unmatched.first.len()), (25, 20));
    let mut unmatched = unmatched.first.iter();
    assert!(unmatched.all(|tag| tag.starts_with("team/app:odd-")));
    let json = answer.to_json();
    assert_eq!(json["hygiene"]["unmatched_tags"]["count"], 25);
}

/// Old revisions that nothing runs are told apart from what is needed.
#[tokio::test]
async fn images_that_only_old_task_definitions_keep_are_counted_with_what_belongs_to_them() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        let [index, ..] = world.multi_arch(APP, 100);
        world.home().repository(APP).tag(&index, "old");
        for tag in ["runs", "newest"] {
            world.tagged(APP, tag, 100);
        }
        for tag in ["old", "runs", "newest"] {
            world.define("web", APP, tag);
        }
        let definition = "web:2";
        world.deploy("prod", "web", definition);
        world.tagged("team/tools", "latest", 100);
        world.define("tools", "team/tools", "latest");
    });
    let policy = "{repositories: ['**'], keep: [{tags: '^kept$'}], delete_unmatched: true}";
    let answer = plan(&aws, &format!("{{policies: [{policy}]}}")).await;
    let idle = &answer.hygiene.kept_by_idle_task_definitions.first;
    let idle: Vec<_> = idle.iter().map(|it| (&*it.repository, it.images)).collect();
    assert_eq!(idle, [(APP, 3)]);
}

#[tokio::test]
async fn repositories_that_nobody_uses_are_named() {
    let hygiene = hygiene(|world| {
        world.in_use_elsewhere();
        world.home().repository("empty");
        world.tagged("old", "latest", 91);
        world.tagged("new", "latest", 89);
        world.tagged("in-use", "1", 91);
        world.define("web", "in-use", "1");
        let pulled = Push::image().tag("latest").pushed_at(days_ago(91));
        let pulled = pulled.pulled_at(days_ago(3));
        world.home().repository("pulled").push(pulled);
    })
    .await;
    assert_eq!(hygiene.unused_repositories.first, ["empty", "old"]);
}

/// Returns the warnings of an answer about policies.
fn about_policies(answer: &Answer) -> Vec<&str> {
    let warnings = answer.warnings.iter().map(|it| it.message.as_str());
    warnings.filter(|it| it.contains("`policies[")).collect()
}

/// Two repositories and a pull-through cache.
async fn three_repositories() -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.in_use_elsewhere();
        world.tagged("platform/api", "1.0", 5);
        world.tagged("team/web", "dev-1", 5);
        world.tagged("mirror/nginx", "1.0", 5);
        let rule = PullThroughCacheRule::new("mirror", "public.ecr.aws");
        world.home().ecr.pull_through_cache_rules.push(rule);
    });
    aws
}

const IDLE: &str = r#"policies:
  - repositories: ["platfrom/**", "platform/*"]
    keep: [{ name: releases, tags: '^[0-9]', newest: 5 }, { name: hotfixes, tags: '^hotfix-' }]
  - repositories: [charts]
    leave_alone: true
  - repositories: ["mirror/**"]
    keep: [{ name: mirrored, pulled_within: 30d }]
  - repositories: ["**"]
"#;

/// A glob that matches no repository and a rule that keeps no image are warnings (K11).
#[tokio::test]
async fn policies_that_do_nothing_are_warned_of() {
    let aws = three_repositories().await;
    let answer = plan(&aws, IDLE).await;
    assert_eq!(
        about_policies(&answer),
        [
            "`platfrom/**` in `policies[0].repositories` matches no repository; did you mean `platform/api`?",
            "rule `hotfixes` in `policies[0].keep` keeps no image",
            "`charts` in `policies[1].repositories` matches no repository",
        ]
    );
}

/// Nothing is said of the default rules, of what was not asked for, and of what cannot be known.
#[tokio::test]
async fn policies_of_which_it_is_not_known_whether_they_do_something_are_not() {
    let aws = three_repositories().await;
    assert_eq!(about_policies(&plan(&aws, "").await), [""; 0]);
    let rest = "{tags: '.'}, {name: rest, tags: '.', except: '.'}, {name: none, no_tag: '.|$'}";
    let rest = format!("policies: [{{repositories: ['**'], keep: [{rest}]}}]");
    assert_eq!(about_policies(&plan(&aws, &rest).await), [""; 0]);

    let only = RepositoryGlobs::new(&["team/*".to_owned()]).unwrap();
    let narrowed = Request {
        only: Some(only),
        ..request(Mode::Plan)
    };
    let narrowed = answer(&program(&aws, IDLE), narrowed).await.unwrap();
    assert_eq!(about_policies(&narrowed), [""; 0]);

    aws.fault(Fault::denied("ecr:DescribeImages").matching("platform/api"));
    let unread = plan(&aws, IDLE).await;
    let about_rules = about_policies(&unread);
    let about_rules = about_rules.iter().find(|it| it.starts_with("rule"));
    assert_eq!(about_rules, None);
}

/// Its tags are what no rule is about (K7), so that the rules about tags keep nothing.
#[tokio::test]
async fn a_rule_that_matches_no_tag_of_a_repository_left_alone_is_warned_of() {
    let aws = three_repositories().await;
    let rules =
        "{name: builds, tags: '^build-'}, {name: lately, untagged: true, pushed_within: 90d}";
    let config = format!("policies: [{{repositories: ['team/*'], keep: [{rules}]}}]");
    let answer = plan(&aws, &config).await;
    let expected = "rule `builds` in `policies[0].keep` keeps no image";
    assert_eq!(about_policies(&answer), [expected]);
}
