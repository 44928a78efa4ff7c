//! The command.

use std::time::Duration;

use demo::acceptance;

use crate::support::Account;

#[tokio::test]
async fn it_plans_and_explains() {
    let account = Account::start(acceptance()).await;
    assert_ne!(account.command(&["check-config"]).await.output(0), "");
    let plan = account.command(&["plan", "--output", "json"]).await.json(0);
    assert_eq!(plan["status"], "planned");
    assert_eq!(plan["counts"]["candidates"], account.expected.deleted.len());
    let explained = account.command(&["explain", "team/app:1.2"]).await;
    assert!(explained.output(0).contains("production"));
    let in_use = account.command(&["in-use"]).await;
    assert!(in_use.output(0).contains("team/app:1.2"));
    account.assert_untouched();
}

#[tokio::test]
async fn it_deletes_only_when_told_to() {
    let account = Account::start(acceptance()).await;
    account.command(&["run"]).await.output(2);
    account.assert_untouched();
    let completed = account.command(&["run", "--yes", "--output", "json"]).await;
    let completed = completed.json(0);
    assert_eq!(completed["status"], "completed");
    assert_eq!(
        completed["counts"]["deleted"],
        account.expected.deleted.len()
    );
    account.assert_cleaned();
}

#[tokio::test]
async fn a_bad_configuration_stops_it_before_any_call() {
    let mut account = Account::start(acceptance()).await;
    for (config, wrong, arguments) in [
        (r#"{"mode":"delte"}"#, "mode", &["check-config"][..]),
        (r#"{"mode":"delete","kep":1}"#, "kep", &["run", "--yes"][..]),
    ] {
        config.clone_into(&mut account.config);
        let ended = account.command(arguments).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.errors.contains(wrong), "{ended:?}");
    }
    assert_eq!(account.aws.total(), 0);
}

/// It may be part of a push that is still going on, whose index or tag comes last.
#[tokio::test]
async fn an_untagged_image_just_pushed_is_kept_whatever_the_rules_say() {
    let mut account = Account::start(acceptance()).await;
    r#"{"mode":"delete","policies":[{"repositories":["**"],"keep":[{"name":"tagged","tags":"."}]}]}"#
        .clone_into(&mut account.config);
    let arguments = ["run", "--yes", "--output", "json"];
    account.edit(|world| {
        let now = world.now;
        let app = world.home().repository("team/app");
        for digest in app.digests() {
            app.image_mut(&digest).unwrap().pushed_at = Some(now);
        }
    });
    let completed = account.command(&arguments).await.json(0);
    assert_eq!(completed["status"], "completed");
    assert_eq!(completed["counts"]["candidates"], 0);
    assert_eq!(account.aws.deletions(), []);

    // Later, the same images are deleted.
    account.edit(|world| {
        let earlier = world.now - Duration::from_hours(2);
        let app = world.home().repository("team/app");
        for digest in app.digests() {
            app.image_mut(&digest).unwrap().pushed_at = Some(earlier);
        }
    });
    let completed = account.command(&arguments).await.json(0);
    assert_eq!(completed["counts"]["deleted"], 2);
}
