//! What the tests of guards, state and reports share.
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "shared by tests")]

use std::{cell::Cell, io::Read, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_ecr::config::{Credentials, SharedCredentialsProvider};
use ecr_cleanup::{
    aws::Clients,
    config::{Config, Mode},
    image::Time,
    report::Answer,
    run::{Program, Request},
};
use simulated_aws::{Moment, Push, SimulatedAws, World, days_ago};
use tokio::time::Instant;

pub const BUCKET: &str = "memory";
pub const REPORTS: &str = "reports";
/// Where the state of the home account and Region lies.
pub const STATE: &str = "prefix/111111111111/eu-west-1";
/// Deletes, remembers, and reports.
pub const FULL: &str = "{mode: delete, state: 's3://memory/prefix', report: 's3://reports', notify: 'arn:aws:sns:us-east-1:111111111111:t'}";

thread_local! {
    static LATER: Cell<i64> = const { Cell::new(0) };
}

/// Every test runs in a thread of its own, and has a clock of its own.
pub fn now() -> Time {
    Time::from_millis(Moment::NOW.epoch_milliseconds() + LATER.get()).unwrap()
}

/// Sets the program's clock and that of the world, counted from the world's beginning.
pub fn set_clock(aws: &SimulatedAws, later: Duration) {
    LATER.set(i64::try_from(later.as_millis()).unwrap());
    aws.edit(|world| world.now = Moment::NOW + later);
}

pub fn clients(aws: &SimulatedAws) -> Clients {
    let credentials = Credentials::new("AKIAHOME", "secret", None, None, "tests");
    let attempt = Duration::from_secs(20);
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .endpoint_url(aws.endpoint())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1)))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(attempt).build())
        .build();
    Clients::new(&config, false).with_clock(now)
}

pub fn program(aws: &SimulatedAws, config: &str) -> Program {
    Program::new(Config::parse(config).unwrap(), clients(aws))
}

pub async fn run(aws: &SimulatedAws, config: &str) -> Answer {
    run_as(aws, config, Mode::Delete, None).await
}

pub async fn plan(aws: &SimulatedAws, config: &str) -> Answer {
    run_as(aws, config, Mode::Plan, None).await
}

pub async fn run_as(aws: &SimulatedAws, config: &str, mode: Mode, stop_at: Option<Instant>) -> Answer {
    let request = Request { mode, only: None, stop_at };
    let program = program(aws, config);
    let prepared = program.prepare(request).await.unwrap();
    prepared.finish().await.answer
}

/// An account with buckets, an image in use, one that the rules keep, an index, and old images nobody needs.
pub async fn account() -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.bucket(BUCKET);
        world.bucket(REPORTS);
        let app = world.home().repository("app");
        let uri = app.uri();
        let live = app.push(Push::image().content("live").pushed_at(days_ago(90)).tag("live"));
        let child = app.push(Push::image().content("child").pushed_at(days_ago(5)));
        app.push(Push::index([&child]).content("index").tag("latest").pushed_at(days_ago(5)));
        assert!(app.contains(&live));
        world.home().ecs.register("web", [format!("{uri}:live")]);
        world.home().ecs.register("web", [format!("{uri}:latest")]);
        world.deploy("prod", "web", "web:1");
        world.home().deploy_function("hello", "app", "live");
        world.home().publish_function("hello");
        garbage(world, 3);
    });
    aws
}

/// Old images without a tag.
pub fn garbage(world: &mut World, images: u64) -> Vec<String> {
    let app = world.home().repository("app");
    (0..images).map(|number| app.push(Push::image().pushed_at(days_ago(30 + number)))).collect()
}

/// The names of the guards that tripped.
pub fn guards(answer: &Answer) -> Vec<String> {
    answer.refusals.iter().map(|refusal| refusal.guard.to_string()).collect()
}

/// The bytes of an object.
pub fn object(aws: &SimulatedAws, bucket: &str, key: &str) -> Option<Vec<u8>> {
    aws.read(|world| Some(world.buckets.get(bucket)?.get(key)?.content.clone()))
}

/// The keys of a bucket.
pub fn keys(aws: &SimulatedAws, bucket: &str) -> Vec<String> {
    aws.read(|world| world.buckets.get(bucket).map(|bucket| bucket.keys().cloned().collect()).unwrap_or_default())
}

pub fn put(aws: &SimulatedAws, bucket: &str, key: &str, content: impl Into<Vec<u8>>) {
    let object = simulated_aws::Object::new(content);
    aws.edit(|world| world.bucket(bucket).insert(key.to_owned(), object));
}

pub fn gunzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

pub fn gzip(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzEncoder::new(text.as_bytes(), flate2::Compression::fast()).read_to_end(&mut bytes).unwrap();
    bytes
}
