//! Rates that fit the account: found out where no workload waits for calls, and kept to elsewhere.

use std::time::Duration;

use ecr_cleanup::{config::Config, pipeline::Program};
use serde_json::{Value, json};
use simulated_aws::{Fault, FaultKind, SimulatedAws};

use crate::support::{
    answer,
    assertions::assert_warns,
    limited_clients, plan, request, set_clock,
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

/// Service Quotas is asked once a week for each service, where there is a state to remember that, and
/// what it does not say is no failure (P9).
#[tokio::test]
async fn quotas_of_the_account_are_asked_for_once_a_week() {
    const ASK: &str = "servicequotas:ListServiceQuotas";
    let quotas = |quotas: &[(&str, u32)]| {
        let quotas = quotas
            .iter()
            .map(|(name, value)| json!({"QuotaName": name, "Value": value}));
        json!({"Quotas": quotas.collect::<Value>()})
    };
    for (is_allowed, expected) in [
        (
            true,
            &[
                "quota of lambda:GetFunction",
                "quota of lambda:ListFunctions",
            ][..],
        ),
        (false, &[]),
    ] {
        let aws = account().await;
        aws.edit(|world| {
            let control = "Rate of control plane API requests (excludes invocation requests)";
            let lambda = [(control, 30), ("Rate of GetFunction API requests", 200)];
            let others = quotas(&[("Images per repository", 100_000)]);
            if is_allowed {
                world.home().script(ASK, "", others);
                world.home().script(ASK, "lambda", quotas(&lambda));
            }
        });
        for (days, calls) in [(0, 2), (6, 2), (8, 4)] {
            set_clock(&aws, Duration::from_hours(24 * days));
            let planned = plan(&aws, FULL).await;
            assert_status!(planned, Planned);
            assert!(
                !planned
                    .warnings
                    .iter()
                    .any(|it| it.message.contains("uota"))
            );
            assert_eq!(aws.count(ASK), calls, "{is_allowed} {days}");
            assert_eq!(remembered(&aws), expected, "{days}");
        }
    }
    let aws = account().await;
    plan(&aws, "").await;
    assert_eq!(aws.count(ASK), 0);
}

/// Nothing waits for Service Quotas.
#[tokio::test]
async fn quotas_that_do_not_come_hold_nothing_up() {
    let aws = account().await;
    aws.fault(Fault::on("servicequotas:*").kind(FaultKind::Hang));
    assert_status!(plan(&aws, FULL).await, Planned);
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
