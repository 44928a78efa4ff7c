//! Rates that fit the account: found out where no workload waits for calls, and kept to elsewhere.

use ecr_cleanup::{config::Config, pipeline::Program};
use serde_json::Value;
use simulated_aws::{Fault, SimulatedAws};

use crate::support::{
    answer,
    assertions::assert_warns,
    limited_clients, plan, request,
    state::{BUCKET, FULL, STATE, account, gunzip, object},
};
use ecr_cleanup::config::Mode;

/// Returns the rates that the state store remembers.
fn remembered(aws: &SimulatedAws) -> Vec<String> {
    let key = format!("{STATE}/findings.json.gz");
    let Some(bytes) = object(aws, BUCKET, &key) else {
        return Vec::new();
    };
    let findings: Value = serde_json::from_str(&gunzip(&bytes)).unwrap();
    let findings = findings["content"].as_object().unwrap().iter();
    let rates = findings.filter(|(_, finding)| finding["what"]["rate"].is_object());
    rates.map(|(name, _)| name.clone()).collect()
}

/// What is throttled is remembered of calls that no workload makes, and of no others (P9).
#[tokio::test]
async fn what_a_service_bears_is_written_down_where_it_is_tried_out() {
    let aws = account().await;
    for throttled in ["ecr:DescribeImages", "ecs:ListClusters"] {
        aws.fault(Fault::on(throttled).once());
    }
    let program = Program::new(Config::parse(FULL).unwrap(), limited_clients(&aws));
    let planned = answer(&program, request(Mode::Plan)).await.unwrap();
    assert_status!(planned, Planned);
    assert_eq!(remembered(&aws), ["ecr:DescribeImages"]);
}

#[tokio::test]
async fn a_rate_that_is_misspelt_is_a_warning() {
    let aws = account().await;
    let config = "aws: {rates: {'ecs:*': 100, 'ecs:DescribeTaskDefs': 200}}";
    let planned = plan(&aws, config).await;
    let warning =
        "`aws.rates` names `ecs:DescribeTaskDefs`, for which the program has no rate of its own";
    assert_warns(&planned, warning);
    assert!(
        !planned
            .warnings
            .iter()
            .any(|it| it.message.contains("`ecs:*`"))
    );
}
