//! The whole program against a simulated AWS.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_ecr::config::{Credentials, SharedCredentialsProvider};
use ecr_cleanup::{
    aws::Clients,
    config::{Config, Mode},
    image::Time,
    report::Answer,
    run::{Program, Request},
};
use simulated_aws::{Moment, SimulatedAws};

fn now() -> Time {
    Time::from_millis(Moment::NOW.epoch_milliseconds()).unwrap()
}

/// The program with this configuration.
pub(crate) fn program(aws: &SimulatedAws, document: &str) -> Program {
    let credentials = Credentials::new("AKIAHOME", "secret", None, None, "tests");
    let retries = RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1));
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .endpoint_url(aws.endpoint())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(retries)
        .build();
    Program::new(Config::parse(document).unwrap(), Clients::new(&config, false).with_clock(now))
}

/// A run in this mode.
pub(crate) async fn run(aws: &SimulatedAws, document: &str, mode: Mode) -> Answer {
    let request = Request { mode, only: None, stop_at: None };
    program(aws, document).prepare(request).await.unwrap().finish().await.answer
}
