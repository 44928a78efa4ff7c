//! What the command prints for people, as snapshots.

use simulated_aws::{Fault, Push, SimulatedAws, days_ago};

use crate::{
    support::{
        WorldExt,
        state::{account, untagged_images},
    },
    trust::{both_outputs, command, run_in},
};

/// A configuration that deletes; the command asks for no confirmation.
const DELETE: &str = "--config={mode: delete}";

/// Starts the account with more releases and parts of an index than the rules keep.
async fn crowded() -> SimulatedAws {
    let aws = account().await;
    aws.edit(|world| {
        let app = world.home().repository("app");
        for number in 0..12 {
            let age = days_ago(60 - number);
            let tag = format!("1.{number}");
            let image = Push::image().content(&tag).tag(&tag).pushed_at(age);
            let image = app.push(image);
            if number == 0 {
                let hex = image.strip_prefix("sha256:").unwrap();
                let signature = Push::image().content("signature");
                app.push(signature.tag(format!("sha256-{hex}.sig")).pushed_at(age));
            }
        }
    });
    aws
}

async fn output(aws: &SimulatedAws, arguments: &[&str]) -> String {
    let (text, code) = command(aws, arguments).await;
    let longest = text.lines().map(|line| line.chars().count()).max();
    assert!(longest.is_none_or(|columns| columns <= 80), "{text}");
    format!("{}exit code {}", without_ages(&text), code.unwrap())
}

/// Puts `N` in the place of ages: the world stands still, and the command reads the real clock.
fn without_ages(text: &str) -> String {
    let age = regex::Regex::new(r" *\b(\d+-)?\d+ d\b").unwrap();
    age.replace_all(text, " N d").into_owned()
}

#[tokio::test]
async fn a_plan_says_what_would_be_deleted_and_what_is_kept() {
    let aws = crowded().await;
    insta::assert_snapshot!(
        "plan",
        output(&aws, &["plan", "--all", "--exact-sizes"]).await
    );
    assert!(aws.mutations().is_empty());
}

#[tokio::test]
async fn a_refused_plan_says_why_and_what_to_do() {
    let aws = crowded().await;
    aws.fault(Fault::denied("ecs:DescribeServices"));
    insta::assert_snapshot!("refused", output(&aws, &["plan", DELETE]).await);
}

#[tokio::test]
async fn a_run_says_what_was_deleted() {
    let aws = crowded().await;
    insta::assert_snapshot!("run", output(&aws, &["run", "--yes", DELETE]).await);
    aws.edit(|world| {
        untagged_images(world, 1);
    });
    insta::assert_snapshot!("run_plan", output(&aws, &["run", "--yes"]).await);
}

#[tokio::test]
async fn an_explanation_says_what_would_be_done() {
    let aws = crowded().await;
    let mut text = Vec::new();
    let digest = aws.digests("app").into_iter().min().unwrap();
    let short = format!("app@{}", &digest[..19]);
    let elsewhere = "222222222222.dkr.ecr.eu-west-1.amazonaws.com/app:live";
    for image in [
        "app:live", "app:1.5", "app:1.0", &short, "app:lve", "ap:1", elsewhere,
    ] {
        text.push(output(&aws, &["explain", image]).await);
    }
    text.push(output(&aws, &["explain", "--users", "app:live"]).await);
    let young = "--config={policies: [{repositories: ['**'], keep: [{name: young, pushed_within: 7d}, {name: branches, tags: '^1', pushed_within: 30d}]}]}";
    text.push(output(&aws, &["explain", "app:1.5", young]).await);
    text.push(output(&aws, &["explain", "app:1.0", "--config={mode: archive}"]).await);
    insta::assert_snapshot!("explain", text.join("\n\n"));
}

/// Other repositories are listed, and nothing of them is read.
#[tokio::test]
async fn an_explanation_reads_one_repository() {
    let aws = crowded().await;
    aws.edit(|world| {
        for number in 0..20 {
            world.tagged(&format!("other-{number}"), "latest", 1);
        }
    });
    let (text, code) = command(&aws, &["explain", "app:live"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(aws.count("ecr:DescribeImages"), 1);
}

#[tokio::test]
async fn use_and_lifecycle_policies_are_lists() {
    let aws = crowded().await;
    insta::assert_snapshot!("in_use", output(&aws, &["in-use"]).await);
    let rule = r#"{"rules": [{"rulePriority": 7, "action": {"type": "expire"}, "selection":
        {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 5}}]}"#;
    aws.edit(|world| world.home().repository("app").lifecycle_policy = Some(rule.to_owned()));
    insta::assert_snapshot!("lifecycle", output(&aws, &["lifecycle"]).await);
}

#[tokio::test]
async fn missing_images_are_shown_with_their_users() {
    let aws = crowded().await;
    aws.edit(|world| {
        let app = world.home().repository("app");
        let live = app.digest("live").unwrap().to_owned();
        app.remove(&live);
    });
    insta::assert_snapshot!("verify", output(&aws, &["verify"]).await);
}

#[tokio::test]
async fn a_run_needs_a_terminal_or_a_confirmation() {
    let aws = SimulatedAws::start().await;
    insta::assert_snapshot!(output(&aws, &["run", DELETE]).await, @r"

    exit code 2
    ");
}

#[tokio::test]
async fn a_glob_that_matches_nothing_is_an_error() {
    let aws = crowded().await;
    let delete = ["run", "--yes", DELETE, "--repository", "ap"];
    let cases: [&[&str]; 5] = [
        &["plan", "--repository", "app", "--repository", "ap"],
        &["lifecycle", "--repository", "ap"],
        &["in-use", "--repository", "ap"],
        &["verify", "--repository", "ap"],
        &delete,
    ];
    for arguments in cases {
        let text = both_outputs(&aws, arguments).await;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_contains!(
            text,
            "error: `ap` matches no repository",
            "hint: did you mean `app`? (exit code 2)"
        );
    }
    assert!(aws.mutations().is_empty());
}

#[tokio::test]
async fn use_can_be_asked_of_some_repositories() {
    let aws = crowded().await;
    aws.edit(|world| {
        world.tagged("team/web", "1", 1);
        let uri = world.home().repository("team/web").uri();
        world.home().ecs.register("web", [format!("{uri}:gone")]);
    });
    for (glob, app, web) in [
        ("app", true, false),
        ("team/*", false, true),
        ("**", true, true),
    ] {
        for format in ["table", "json", "jsonl"] {
            let arguments = ["in-use", "--repository", glob, "--output", format];
            let (text, code) = command(&aws, &arguments).await;
            assert_eq!(code, Some(0));
            assert_eq!(text.contains("app:live"), app, "{glob}: {text}");
            assert_eq!(text.contains("team/web:gone"), web, "{glob}: {text}");
        }
        let (text, code) = command(&aws, &["verify", "--repository", glob]).await;
        assert_eq!(code, Some(if web { 5 } else { 0 }), "{glob}: {text}");
        assert_eq!(text.contains("team/web:gone"), web, "{glob}: {text}");
    }
}

#[tokio::test]
async fn an_exit_code_says_whether_there_is_anything_to_delete() {
    let aws = crowded().await;
    let keep = "--config={policies: [{repositories: ['**'], leave_alone: true}]}";
    for (arguments, expected) in [
        (&["plan", "--exit-code"][..], 10),
        (&["plan", "--exit-code", "--output", "json"], 10),
        (&["plan"], 0),
        (&["plan", "--exit-code", keep], 0),
    ] {
        assert_eq!(
            command(&aws, arguments).await.1,
            Some(expected),
            "{arguments:?}"
        );
    }
}

#[tokio::test]
async fn a_quiet_command_says_what_went_wrong_and_the_result() {
    let aws = crowded().await;
    insta::assert_snapshot!("quiet", output(&aws, &["plan", "--quiet"]).await);
    aws.fault(Fault::denied("ecs:DescribeServices"));
    insta::assert_snapshot!(
        "quiet_refused",
        output(&aws, &["run", "--yes", "-q", DELETE]).await
    );
}

#[tokio::test]
async fn sizes_are_shown_for_each_repository() {
    let aws = crowded().await;
    aws.edit(|world| {
        world.tagged("team/web", "1", 1);
    });
    insta::assert_snapshot!(
        "sizes",
        output(&aws, &["plan", "--sizes", "--exact-sizes"]).await
    );
}

/// Colours are for terminals, unless they are asked for; the flag goes before the environment.
#[tokio::test]
async fn colours_are_asked_for() {
    let aws = crowded().await;
    let keys = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAHOME"),
        ("AWS_SECRET_ACCESS_KEY", crate::support::SECRET),
    ];
    for (arguments, variable, coloured) in [
        (&["plan"][..], ("X", ""), false),
        (&["plan"], ("CLICOLOR_FORCE", "1"), true),
        (&["plan", "--color", "always"], ("NO_COLOR", "1"), true),
        (
            &["plan", "--color", "never"],
            ("CLICOLOR_FORCE", "1"),
            false,
        ),
        (&["plan", "--color", "auto"], ("NO_COLOR", "1"), false),
        (
            &["plan", "--color", "always", "--output", "json"],
            ("X", ""),
            false,
        ),
    ] {
        let variables = [&keys[..], &[variable]].concat();
        let output = run_in(&aws, arguments, &variables).await;
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            text.contains('\u{1b}'),
            coloured,
            "{arguments:?} {variable:?}"
        );
        if coloured {
            assert_contains!(text, "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[2m");
        }
    }
}

#[tokio::test]
async fn there_is_a_manual_page_for_every_command() {
    let aws = SimulatedAws::start().await;
    for (arguments, expected) in [
        (&["man"][..], ".TH ecr-cleanup 1"),
        (&["man", "plan"], "exit\\-code"),
        (&["completions", "bash"], "--exact-sizes"),
    ] {
        let (text, code) = command(&aws, arguments).await;
        assert_eq!(code, Some(0));
        assert_contains!(text, expected);
    }
    assert_eq!(command(&aws, &["man", "none"]).await.1, Some(2));
}
