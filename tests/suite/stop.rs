//! The emergency stop: an object in the state that ends deletion before the next batch (A10).

use ecr_cleanup::report::{Answer, Status};
use simulated_aws::{Fault, FaultKind, Object, SimulatedAws};

use crate::support::{
    plan, program, run,
    state::{BUCKET, FULL, account, guards, object, put_object, untagged_images},
};

const STOP: &str = "prefix/stop";

fn assert_refused(aws: &SimulatedAws, answer: &Answer, guard: &str) {
    assert_status!(answer, Refused);
    assert_eq!(guards(answer), [guard]);
    assert!(aws.mutations().is_empty());
}

#[tokio::test]
async fn whatever_the_object_holds_nothing_is_deleted_and_plans_go_on() {
    for content in ["", "stop", "{\"json\": true}"] {
        let aws = account().await;
        put_object(&aws, BUCKET, STOP, content);
        let answer = run(&aws, FULL).await;
        assert_refused(&aws, &answer, "stopped");
        let observed = &answer.refusals[0].observed;
        assert_contains!(observed, "s3://memory/prefix/stop");
        assert_contains!(observed, content);
        let planned = plan(&aws, FULL).await;
        assert_status!(planned, Planned);
        assert_eq!(planned.counts.candidates, 3);
        assert_contains!(planned.summary, "would be refused: stopped");
    }
}

#[tokio::test]
async fn an_object_that_cannot_be_read_stops_too() {
    for kind in [FaultKind::AccessDenied, FaultKind::ServerError(500)] {
        let aws = account().await;
        aws.fault(Fault::on("s3:GetObject").matching(STOP).kind(kind));
        let answer = run(&aws, FULL).await;
        assert_refused(&aws, &answer, "state_unreadable");
    }
}

/// A stop that is written while a run deletes ends it before the next batch, whoever wrote it.
#[tokio::test]
async fn a_stop_in_the_middle_ends_the_run_before_the_next_batch() {
    let aws = account().await;
    aws.edit(|world| untagged_images(world, 250));
    aws.after("ecr:BatchDeleteImage", 1, |world| {
        let stop = Object::new("wait");
        world.bucket(BUCKET).insert(STOP.to_owned(), stop);
    });
    let answer = run(&aws, FULL).await;
    assert_status!(answer, Truncated);
    assert_eq!(aws.count("ecr:BatchDeleteImage"), 1);
    assert_eq!(answer.counts.deleted, 100);
    assert_eq!(guards(&answer), ["stopped"]);
    assert_contains!(answer.summary, "are left for the next run");
    assert_contains!(
        answer.summary,
        "`s3://memory/prefix/stop` stops deletion: wait"
    );
}

#[tokio::test]
async fn the_command_stops_and_allows_again() {
    let aws = account().await;
    let program = program(&aws, FULL);
    let address = program.stop(Some("incident 7")).await.unwrap();
    assert_eq!(address, "s3://memory/prefix/stop");
    let answer = run(&aws, FULL).await;
    assert_refused(&aws, &answer, "stopped");
    let observed = &answer.refusals[0].observed;
    assert_contains!(observed, "incident 7, written by arn:aws:");
    for was_there in [true, false] {
        let (_, removed) = program.allow_again().await.unwrap();
        assert_eq!(removed, was_there);
    }
    assert_eq!(object(&aws, BUCKET, STOP), None);
    let answer = run(&aws, FULL).await;
    assert_deleted!(answer, Completed, 3);
}

#[tokio::test]
async fn without_a_state_there_is_nothing_to_stop() {
    let aws = account().await;
    let error = program(&aws, "mode: delete").stop(None).await.unwrap_err();
    assert_contains!(error.to_string(), "no `state`");
    assert_eq!(run(&aws, "mode: delete").await.status, Status::Completed);
}
