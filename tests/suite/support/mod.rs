//! What the tests of the whole road share: the program against a simulated AWS, and words for what is stored and used.
//!
//! The program is the real one, with the unmodified SDK over real HTTP; only the endpoint, the credentials, the clock and
//! the patience of the clients are the tests' own.
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "shared by tests")]

use std::{collections::BTreeSet, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_ecr::config::{Credentials, SharedCredentialsProvider};
use ecr_cleanup::{
    aws::Clients,
    config::{Config, Mode},
    image::Time,
    plan::{Plan, RepositoryPlan},
    report::{Answer, FailureGroup, RepositoryLine},
    run::{Program, Request},
};
use simulated_aws::{Moment, Push, SimulatedAws, World, days_ago};
use tokio::time::Instant;

/// A configuration that deletes, and is the default otherwise.
pub const DELETE: &str = "mode: delete";

/// How long one attempt of a call may take where nothing is meant to hang.
const PATIENT: Duration = Duration::from_secs(20);

pub fn clients(aws: &SimulatedAws) -> Clients {
    clients_that_wait(aws, PATIENT)
}

/// Clients that give up an attempt after this time.
pub fn clients_that_wait(aws: &SimulatedAws, attempt: Duration) -> Clients {
    let credentials = Credentials::new("AKIAHOME", "secret", None, None, "tests");
    let retries = RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1));
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(attempt * 3).build();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .endpoint_url(aws.endpoint())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(retries)
        .timeout_config(timeouts)
        .build();
    Clients::new(&config, false).with_clock(now)
}

/// The time of the simulated world.
pub fn now() -> Time {
    Time::from_millis(Moment::NOW.epoch_milliseconds()).unwrap()
}

pub fn program(aws: &SimulatedAws, config: &str) -> Program {
    Program::new(Config::parse(config).unwrap(), clients(aws))
}

fn request(mode: Mode) -> Request {
    Request { mode, only: None, stop_at: None }
}

/// What a run would do.
pub async fn plan(aws: &SimulatedAws, config: &str) -> Answer {
    program(aws, config).prepare(request(Mode::Plan)).await.unwrap().finish().await.answer
}

/// What a run does.
pub async fn run(aws: &SimulatedAws, config: &str) -> Answer {
    run_program(&program(aws, config)).await
}

pub async fn run_program(program: &Program) -> Answer {
    program.prepare(request(Mode::Delete)).await.unwrap().finish().await.answer
}

/// What a run does that has to stop at this time.
pub async fn run_until(aws: &SimulatedAws, config: &str, stop_at: Instant) -> Answer {
    let request = Request { stop_at: Some(stop_at), ..request(Mode::Delete) };
    program(aws, config).prepare(request).await.unwrap().finish().await.answer
}

/// The digests a plan dooms, sorted.
pub fn doomed(plan: &Plan) -> Vec<String> {
    let images = plan.repositories.iter().flat_map(RepositoryPlan::images);
    let doomed = images.filter(|(_, verdict)| verdict.deletes()).map(|(image, _)| image.digest.to_string());
    doomed.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The digests that were deleted, sorted.
pub fn deleted(aws: &SimulatedAws) -> Vec<String> {
    let digests: BTreeSet<_> = aws.deletions().into_iter().map(|deletion| deletion.digest).collect();
    digests.into_iter().collect()
}

/// What an answer says of one repository.
pub fn line<'a>(answer: &'a Answer, repository: &str) -> &'a RepositoryLine {
    answer.repositories.iter().find(|line| line.name == repository).unwrap()
}

/// The failures of one code.
pub fn failures<'a>(answer: &'a Answer, code: &str) -> &'a FailureGroup {
    let group = answer.failures.iter().find(|group| group.code == code);
    group.unwrap_or_else(|| panic!("no `{code}` in {:?}", answer.failures))
}

/// How many images were deleted, failed and left untouched.
pub fn fates(answer: &Answer) -> (u64, u64, u64) {
    (answer.counts.deleted, answer.counts.failed, answer.counts.untouched)
}

/// Words for what is stored and used in the home account and Region.
pub trait Words {
    /// An image with one tag, pushed so many days ago; its digest.
    fn tagged(&mut self, repository: &str, tag: &str, days: u64) -> String;
    /// An image without a tag, pushed so many days ago; its digest.
    fn untagged(&mut self, repository: &str, days: u64) -> String;
    /// An index without a tag of two images, all pushed so many days ago; index, first and second child.
    fn multi_arch(&mut self, repository: &str, days: u64) -> [String; 3];
    /// A task definition that names this tag of the repository; `family:revision`.
    fn define(&mut self, family: &str, repository: &str, tag: &str) -> String;
    /// Something in use, so that a run is not refused: an image in a repository `used`.
    fn somebody(&mut self);
    /// A repository with one image that stays and old untagged ones that go; their digests.
    fn garbage(&mut self, repository: &str, images: u64) -> Vec<String>;
}

impl Words for World {
    fn tagged(&mut self, repository: &str, tag: &str, days: u64) -> String {
        self.home().repository(repository).push(Push::image().tag(tag).pushed_at(days_ago(days)))
    }

    fn untagged(&mut self, repository: &str, days: u64) -> String {
        self.home().repository(repository).push(Push::image().pushed_at(days_ago(days)))
    }

    fn multi_arch(&mut self, repository: &str, days: u64) -> [String; 3] {
        let [one, other] = [self.untagged(repository, days), self.untagged(repository, days)];
        let index = Push::index([&one, &other]).pushed_at(days_ago(days));
        [self.home().repository(repository).push(index), one, other]
    }

    fn define(&mut self, family: &str, repository: &str, tag: &str) -> String {
        let uri = self.home().repository(repository).uri();
        self.home().ecs.register(family, [format!("{uri}:{tag}")])
    }

    fn somebody(&mut self) {
        self.tagged("used", "1", 1);
        self.define("somebody", "used", "1");
    }

    fn garbage(&mut self, repository: &str, images: u64) -> Vec<String> {
        self.tagged(repository, "1.0", 1);
        (0..images).map(|image| self.untagged(repository, 10 + images - image)).collect()
    }
}
