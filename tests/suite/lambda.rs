//! What only Lambda uses is kept, and whatever cannot be read of Lambda stops every deletion.

use ecr_cleanup::report::{Answer, Status};
use simulated_aws::{Fault, FaultKind, FunctionVersion, SimulatedAws, World};

use crate::support::{
    DELETE, WorldExt, deleted,
    faults::{ANY_CALL, PAGES, try_all, try_to_run},
    run,
};

/// Only what rules keep by name is kept without use.
const KEEPS_LITTLE: &str = "{mode: delete, policies: [{repositories: ['**'], keep: [{tags: '^kept$'}], delete_unmatched: true}]}";

/// A function with a published version, in an account with something to delete.
fn base(world: &mut World) {
    world.untagged_images("app", 3);
    world.home().deploy_function("hello", "app", "1.0");
    world.home().publish_function("hello");
}

async fn run_with(config: &str, edit: impl FnOnce(&mut World)) -> (SimulatedAws, Answer) {
    let aws = SimulatedAws::start().await;
    aws.edit(edit);
    let answer = run(&aws, config).await;
    (aws, answer)
}

fn refusal(aws: &SimulatedAws, answer: &Answer) -> String {
    assert_eq!(
        (answer.status, aws.mutations().len()),
        (Status::Refused, 0),
        "{}",
        answer.summary
    );
    assert_eq!(answer.refusals.len(), 1, "{:?}", answer.refusals);
    answer.refusals[0].to_string()
}

/// Lambda fetches the image of any version again (U8).
#[tokio::test]
async fn every_version_keeps_the_digest_that_its_tag_had_when_it_was_deployed() {
    let aws = SimulatedAws::start().await;
    let [first, second, third, unused] = aws.edit(|world| {
        let mut deploy = |days| {
            // The tag moves with every push.
            let digest = world.tagged("app", "prod", days);
            world.home().deploy_function("hello", "app", "prod");
            digest
        };
        let first = deploy(90);
        let second = {
            let second = deploy(60);
            world.home().publish_function("hello");
            second
        };
        world.tagged("app", "prod", 50);
        let third = world.tagged("app", "old", 40);
        world.home().deploy_function("other", "app", "old");
        world.home().repository("app").untag("old");
        let unused = world.tagged("app", "unused", 30);
        [first, second, third, unused]
    });
    let answer = run(&aws, KEEPS_LITTLE).await;
    assert_eq!(answer.status, Status::Completed, "{}", answer.summary);
    let mut expected = [first, unused];
    expected.sort();
    assert_eq!(deleted(&aws), expected);
    for digest in [second, third] {
        assert!(aws.digests("app").contains(&digest));
    }
    assert!(
        answer
            .warnings
            .iter()
            .all(|warning| !warning.contains("is off")),
        "{:?}",
        answer.warnings
    );
}

#[tokio::test]
async fn functions_on_every_page_count_and_those_without_an_image_are_not_asked_for() {
    let (aws, answer) = run_with(KEEPS_LITTLE, |world| {
        for number in 0..120 {
            world.tagged("app", &format!("t{number}"), 30);
            world
                .home()
                .deploy_function(&format!("f{number}"), "app", &format!("t{number}"));
        }
        let zip = [("$LATEST".to_owned(), FunctionVersion::zip())].into();
        world
            .home()
            .functions
            .entry("zip".to_owned())
            .or_default()
            .versions = zip;
        world.tagged("app", "unused", 30);
    })
    .await;
    assert_eq!(
        (answer.status, answer.counts.deleted),
        (Status::Completed, 1),
        "{}",
        answer.summary
    );
    assert_eq!(
        (
            aws.count("lambda:ListFunctions"),
            aws.count("lambda:GetFunction")
        ),
        (3, 120)
    );
    let repeated = aws.repeated_calls();
    assert!(
        repeated
            .iter()
            .all(|call| !call.operation.starts_with("lambda:")),
        "{repeated:?}"
    );
}

#[tokio::test]
async fn what_is_switched_off_is_reported_and_not_read() {
    let (aws, answer) = run_with("{mode: plan, in_use: {lambda: false}}", base).await;
    let warning = "`in_use.lambda` is off: images that are used only there are not protected";
    assert!(
        answer.warnings.iter().any(|given| given == warning),
        "{:?}",
        answer.warnings
    );
    assert_eq!(aws.count("lambda:ListFunctions"), 0);
}

#[tokio::test]
async fn a_function_that_is_deleted_meanwhile_is_no_failure() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        base(world);
        world.home().deploy_function("leaving", "app", "1.0");
    });
    aws.after("lambda:ListFunctions", 1, |world| {
        drop(world.home().functions.remove("leaving"));
    });
    let answer = run(&aws, DELETE).await;
    assert_eq!(
        (answer.status, answer.counts.deleted),
        (Status::Completed, 3),
        "{}",
        answer.summary
    );
    assert_eq!(
        aws.count("lambda:ListFunctions"),
        2,
        "whether it was really deleted"
    );
}

#[tokio::test]
async fn what_is_published_meanwhile_counts() {
    let aws = SimulatedAws::start().await;
    let published = aws.edit(|world| {
        let digest = world.tagged("app", "1.0", 30);
        world.tagged("app", "2.0", 30);
        world.home().deploy_function("hello", "app", "1.0");
        digest
    });
    aws.after("lambda:ListFunctions", 1, |world| {
        world.home().publish_function("hello");
        world.home().deploy_function("hello", "app", "2.0");
    });
    let answer = run(&aws, KEEPS_LITTLE).await;
    assert_eq!(
        (answer.status, answer.counts.deleted),
        (Status::Completed, 0),
        "{}",
        answer.summary
    );
    assert!(aws.digests("app").contains(&published));
}

#[tokio::test]
async fn a_function_that_is_listed_and_never_found_is_a_failure() {
    let aws = SimulatedAws::start().await;
    aws.edit(base);
    let kind = FaultKind::Error {
        status: 404,
        code: "ResourceNotFoundException".to_owned(),
        message: String::new(),
    };
    aws.fault(Fault::on("lambda:GetFunction").kind(kind));
    let answer = run(&aws, DELETE).await;
    let refusal = refusal(&aws, &answer);
    assert!(
        refusal.contains("functions changed while they were read"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_function_that_does_not_say_its_image_is_a_failure() {
    type Change = fn(&mut FunctionVersion);
    let cases: [(Change, &str); 5] = [
        (|version| version.image_uri = None, "ImageUri"),
        (
            |version| version.resolved_image_uri = None,
            "ResolvedImageUri",
        ),
        (
            |version| version.last_update_status = "InProgress".to_owned(),
            "being updated",
        ),
        (
            |version| version.image_uri = version.image_uri.as_ref().map(|uri| format!("{uri}:x")),
            "cannot be parsed",
        ),
        (
            |version| {
                version.package_type = None;
                version.resolved_image_uri = None;
            },
            "ResolvedImageUri",
        ),
    ];
    for (change, expected) in cases {
        let (aws, answer) = run_with(DELETE, |world| {
            base(world);
            change(
                world
                    .home()
                    .functions
                    .get_mut("hello")
                    .unwrap()
                    .versions
                    .get_mut("$LATEST")
                    .unwrap(),
            );
        })
        .await;
        let refusal = refusal(&aws, &answer);
        for part in ["lambda", "hello", expected] {
            assert!(refusal.contains(part), "{part}: {refusal}");
        }
    }
}

/// Runs with a fault from that call of the operation on, and says what is wrong with how it ended.
async fn outcome(operation: &str, from: u64, kind: FaultKind) -> Result<(), String> {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        base(world);
        for number in 0..60 {
            world
                .home()
                .deploy_function(&format!("f{number}"), "app", "1.0");
        }
    });
    aws.fault(Fault::on(operation).call(from).kind(kind.clone()));
    let answer = try_to_run(&aws, DELETE, &kind).await.unwrap();
    let refusals: Vec<String> = answer.refusals.iter().map(ToString::to_string).collect();
    let good = answer.status == Status::Refused
        && aws.mutations().is_empty()
        && refusals.len() == 1
        && refusals[0].starts_with("source_incomplete: ")
        && refusals[0].contains(operation);
    if good {
        Ok(())
    } else {
        Err(format!(
            "{operation} from call {from}, {kind:?}: {refusals:?}"
        ))
    }
}

#[tokio::test]
async fn nothing_is_deleted_while_any_call_to_lambda_fails_in_any_way() {
    let mut cases = Vec::new();
    for (operation, is_list) in [
        ("lambda:ListFunctions", true),
        ("lambda:GetFunction", false),
    ] {
        let mut kinds = ANY_CALL.to_vec();
        if is_list {
            kinds.extend(PAGES);
        }
        for from in [1, 2] {
            cases.extend(kinds.iter().map(|kind| (operation, from, kind.clone())));
        }
    }
    try_all(cases, async |(operation, from, kind)| {
        outcome(operation, from, kind).await
    })
    .await;
}
