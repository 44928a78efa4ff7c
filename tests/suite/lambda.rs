//! What only Lambda uses is kept, and whatever cannot be read of Lambda stops every deletion.

use ecr_cleanup::report::{Answer, WarningCode};
use simulated_aws::{Fault, FaultKind, FunctionVersion, SimulatedAws, World};

use crate::support::{
    DELETE, WorldExt, deleted,
    faults::{ANY_CALL, PAGES, refused_for, try_all, try_to_run},
    run,
};

/// Only what rules keep by name is kept without use.
const KEEPS_LITTLE: &str = "{mode: delete, policies: [{repositories: ['**'], keep: [{tags: '^kept$'}], delete_unmatched: true}]}";

/// Deploys a function with a published version, in an account with something to delete.
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
    assert_refused!(answer, aws);
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
    assert_status!(answer, Completed);
    let mut expected = [first, unused];
    expected.sort();
    assert_eq!(deleted(&aws), expected);
    for digest in [second, third] {
        assert!(aws.digests("app").contains(&digest));
    }
    let all = answer
        .warnings
        .iter()
        .all(|it| it.code != WarningCode::SourceOff);
    assert!(all, "{:?}", answer.warnings);
}

#[tokio::test]
async fn functions_on_every_page_count_and_those_without_an_image_are_not_asked_for() {
    let (aws, answer) = run_with(KEEPS_LITTLE, |world| {
        for number in 0..120 {
            world.tagged("app", &format!("t{number}"), 30);
            let (function, tag) = (format!("f{number}"), format!("t{number}"));
            world.home().deploy_function(&function, "app", &tag);
        }
        let zip = [("$LATEST".to_owned(), FunctionVersion::zip())].into();
        let functions = &mut world.home().functions;
        functions.entry("zip".to_owned()).or_default().versions = zip;
        world.tagged("app", "unused", 30);
    })
    .await;
    assert_deleted!(answer, Completed, 1);
    assert_eq!(aws.count("lambda:ListFunctions"), 3);
    assert_eq!(aws.count("lambda:GetFunction"), 120);
    for repeated in aws.repeated_calls() {
        assert!(!repeated.operation.starts_with("lambda:"), "{repeated:?}");
    }
}

#[tokio::test]
async fn what_is_switched_off_is_reported_and_not_read() {
    let (aws, answer) = run_with("{mode: plan, in_use: {lambda: false}}", base).await;
    let warning = "`in_use.lambda` is off: images that are used only there are not protected";
    let found = answer.warnings.iter().any(|given| given.message == warning);
    assert!(found, "{:?}", answer.warnings);
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
    assert_deleted!(answer, Completed, 3);
    let calls = aws.count("lambda:ListFunctions");
    assert_eq!(calls, 2, "whether it was really deleted");
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
    assert_deleted!(answer, Completed, 0);
    assert!(aws.digests("app").contains(&published));
}

#[tokio::test]
async fn a_function_that_is_listed_and_never_found_is_a_failure() {
    let aws = SimulatedAws::start().await;
    aws.edit(base);
    let kind = FaultKind::error(404, "ResourceNotFoundException", "");
    aws.fault(Fault::on("lambda:GetFunction").kind(kind));
    let answer = run(&aws, DELETE).await;
    let refusal = refusal(&aws, &answer);
    assert_contains!(refusal, "functions changed while they were read");
}

/// A change to what Lambda says of a version.
type Change = fn(&mut FunctionVersion);

/// Runs in the ordinary world where the function is changed.
async fn run_changed(change: Change) -> (SimulatedAws, Answer) {
    run_with(DELETE, |world| {
        base(world);
        world.untagged_images("other", 2);
        let hello = world.home().functions.get_mut("hello").unwrap();
        change(hello.versions.get_mut("$LATEST").unwrap());
    })
    .await
}

#[tokio::test]
async fn a_function_that_does_not_say_its_repository_is_a_failure() {
    let cases: [(&str, Change); 2] = [
        ("ImageUri", |it| {
            (it.image_uri, it.resolved_image_uri) = (None, None);
        }),
        ("being updated", |it| {
            it.last_update_status = "InProgress".to_owned();
        }),
    ];
    for (expected, change) in cases {
        let (aws, answer) = run_changed(change).await;
        assert_contains!(refusal(&aws, &answer), "lambda", "hello", expected);
    }
}

/// Which image of a repository a function has may not be known; the others are cleaned (U8).
#[tokio::test]
async fn a_function_that_does_not_say_its_digest_leaves_its_repository_alone() {
    let cases: [(&str, Change); 5] = [
        ("no `ImageUri`", |it| it.image_uri = None),
        ("no `ResolvedImageUri`", |it| it.resolved_image_uri = None),
        ("has no digest", |it| {
            it.resolved_image_uri.clone_from(&it.image_uri);
        }),
        ("cannot be parsed", |it| {
            it.image_uri.as_mut().unwrap().push_str(":x");
        }),
        ("no `ResolvedImageUri`", |it| {
            (it.package_type, it.resolved_image_uri) = (None, None);
        }),
    ];
    for (expected, change) in cases {
        let (aws, answer) = run_changed(change).await;
        assert_deleted!(answer, CompletedWithFailures, 2, "{expected}");
        assert_eq!(
            (aws.digests("app").len(), aws.digests("other").len()),
            (4, 1)
        );
        let [held] = answer.held.as_slice() else {
            panic!("{:?}", answer.held)
        };
        assert_contains!(held.by[0], "Lambda function `hello`", expected);
        assert_eq!(held.repository, "app");
    }
}

/// Runs with a fault from that call of the operation on, and says what is wrong with how it ended.
async fn outcome(operation: &str, from: u64, kind: FaultKind) -> Result<(), String> {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        base(world);
        for number in 0..60 {
            let function = format!("f{number}");
            world.home().deploy_function(&function, "app", "1.0");
        }
    });
    aws.fault(Fault::on(operation).call(from).kind(kind.clone()));
    let answer = try_to_run(&aws, DELETE, &kind).await.unwrap();
    let refused = refused_for(&aws, &answer, &[operation]);
    refused.map_err(|wrong| format!("from call {from}, {kind:?}: {wrong}"))
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
