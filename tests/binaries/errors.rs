//! What AWS refuses or cannot answer.

use demo::acceptance;
use simulated_aws::{Fault, FaultKind};

use crate::support::{Account, answer, error, event};

fn failing(operation: &str, code: &str, status: u16) -> Fault {
    let (code, message) = (code.to_owned(), "a fault on purpose".to_owned());
    Fault::on(operation).kind(FaultKind::Error {
        status,
        code,
        message,
    })
}

#[tokio::test]
async fn use_that_cannot_be_read_stops_every_deletion() {
    for (operation, code, status) in [
        ("ecs:ListTasks", "ThrottlingException", 400),
        ("ecs:DescribeTaskDefinition", "AccessDeniedException", 400),
        ("ecs:DescribeServiceRevisions", "ServerException", 500),
    ] {
        let account = Account::start(acceptance()).await;
        account.aws.fault(failing(operation, code, status));
        let refused = error(account.function(&event("scheduled-rule.json")).await);
        assert_eq!(refused.error_type, "Refused", "{operation}");
        account.command(&["run", "--yes"]).await.output(4);

        let planned = answer(account.function(&event("manual-plan.json")).await);
        assert_eq!(planned["status"], "planned", "{operation}");
        let refusals = planned["refusals"].as_array().unwrap();
        let incomplete = |refusal: &serde_json::Value| refusal["guard"] == "source_incomplete";
        assert!(refusals.iter().any(incomplete), "{operation}: {refusals:?}");
        account.assert_untouched();
    }
}

#[tokio::test]
async fn faults_that_pass_change_nothing() {
    let account = Account::start(acceptance()).await;
    for operation in [
        "ecs:ListTasks",
        "ecr:DescribeImages",
        "ecr:BatchDeleteImage",
    ] {
        account
            .aws
            .fault(failing(operation, "ThrottlingException", 400).times(2));
    }
    let completed = answer(account.function(&event("scheduled-rule.json")).await);
    assert_eq!(completed["status"], "completed");
    account.assert_cleaned();
}
