//! What the tests share: the program against a simulated AWS, and short ways to fill it.
//!
//! The program is the real one, with the unmodified SDK over real HTTP; only the endpoint, the
//! credentials, the clock and the timeouts of the clients are the tests' own.

#[macro_use]
pub(crate) mod assertions;
pub(crate) mod faults;
pub(crate) mod git;
pub(crate) mod repository_builder;
pub(crate) mod state;

use std::{cell::Cell, collections::BTreeSet, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_ecr::config::{Credentials, SharedCredentialsProvider};
use ecr_cleanup::{
    aws::{ApiError, Clients},
    config::{Config, Mode},
    image::Time,
    pipeline::{Program, Request},
    plan::{Plan, RepositoryPlan},
    report::{Answer, FailureGroup, RepositoryLine},
    stop_time::StopTime,
};
use futures::future::LocalBoxFuture;
use simulated_aws::{
    ExpressConfiguration, ExpressContainer, ExpressService, Moment, Push, SimulatedAws, World,
    days_ago,
};
use tokio::time::Instant;

/// A configuration that deletes, and is the default otherwise.
pub(crate) const DELETE: &str = "mode: delete";
/// The home registry.
pub(crate) const HOST: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
/// The secret key of the program's own credentials.
pub(crate) const SECRET: &str = "secret";
/// How long one attempt of a call may take where nothing is meant to hang.
const LONG_TIMEOUT: Duration = Duration::from_secs(20);

thread_local! {
    static LATER: Cell<i64> = const { Cell::new(0) };
}

/// Returns the time of the simulated world. Every test runs in a thread of its own, and has a clock
/// of its own.
pub(crate) fn now() -> Time {
    Time::from_millis(Moment::NOW.epoch_milliseconds() + LATER.get()).unwrap()
}

/// Sets the program's clock and that of the world, counted from the world's beginning.
pub(crate) fn set_clock(aws: &SimulatedAws, later: Duration) {
    LATER.set(i64::try_from(later.as_millis()).unwrap());
    aws.edit(|world| world.now = Moment::NOW + later);
}

pub(crate) fn clients(aws: &SimulatedAws) -> Clients {
    clients_with_timeout(aws, LONG_TIMEOUT)
}

/// Clients that keep to rate limits.
pub(crate) fn limited_clients(aws: &SimulatedAws) -> Clients {
    clients_with(aws, LONG_TIMEOUT, true)
}

/// Clients that give up an attempt after this time.
fn clients_with_timeout(aws: &SimulatedAws, attempt: Duration) -> Clients {
    clients_with(aws, attempt, false)
}

fn clients_with(aws: &SimulatedAws, attempt: Duration, rate_limited: bool) -> Clients {
    let credentials = Credentials::new("AKIAHOME", SECRET, None, None, "tests");
    let retries = RetryConfig::standard()
        .with_max_attempts(2)
        .with_initial_backoff(Duration::from_millis(1));
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(attempt)
        .operation_timeout(attempt * 3)
        .build();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .endpoint_url(aws.endpoint())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(retries)
        .timeout_config(timeouts)
        .build();
    Clients::new(&config, rate_limited).with_clock(now)
}

pub(crate) fn program(aws: &SimulatedAws, config: &str) -> Program {
    Program::new(Config::parse(config).unwrap(), clients(aws))
}

/// Requests a run in this mode, of every repository and for as long as it takes.
pub(crate) fn request(mode: Mode) -> Request {
    Request {
        mode,
        only: None,
        stop_at: StopTime::default(),
        saved: None,
    }
}

/// Returns what a run says of itself, or why there was none. Every test calls the pipeline here, so
/// that it is compiled once.
pub(crate) fn answer(
    program: &Program,
    request: Request,
) -> LocalBoxFuture<'_, Result<Answer, ApiError>> {
    Box::pin(async { Ok(program.plan(request).await?.finish().await.answer) })
}

/// Plans a run.
pub(crate) async fn plan(aws: &SimulatedAws, config: &str) -> Answer {
    run_as(aws, config, Mode::Plan).await
}

/// Runs in mode `delete`.
pub(crate) async fn run(aws: &SimulatedAws, config: &str) -> Answer {
    run_as(aws, config, Mode::Delete).await
}

/// Runs in this mode.
pub(crate) async fn run_as(aws: &SimulatedAws, config: &str, mode: Mode) -> Answer {
    answer(&program(aws, config), request(mode)).await.unwrap()
}

/// Runs with a time at which it has to stop.
pub(crate) async fn run_until(aws: &SimulatedAws, config: &str, stop_at: Instant) -> Answer {
    let request = Request {
        stop_at: stop_at.into(),
        ..request(Mode::Delete)
    };
    answer(&program(aws, config), request).await.unwrap()
}

/// Returns the digests that a plan deletes, sorted.
pub(crate) fn candidates(plan: &Plan) -> Vec<String> {
    let repositories = plan.repositories().iter();
    let candidates = repositories.flat_map(RepositoryPlan::candidates);
    let digests: BTreeSet<String> = candidates.map(|it| it.image.digest.to_string()).collect();
    digests.into_iter().collect()
}

/// Returns the digests that were deleted, sorted.
pub(crate) fn deleted(aws: &SimulatedAws) -> Vec<String> {
    let deletions = aws.deletions().into_iter();
    let digests: BTreeSet<_> = deletions.map(|it| it.digest).collect();
    digests.into_iter().collect()
}

/// Returns what an answer says of one repository.
pub(crate) fn line<'a>(answer: &'a Answer, repository: &str) -> &'a RepositoryLine {
    let mut lines = answer.repositories.iter();
    lines.find(|line| line.name == repository).unwrap()
}

/// Returns the failures of one code.
pub(crate) fn failures<'a>(answer: &'a Answer, code: &str) -> &'a FailureGroup {
    let group = answer.failures.iter().find(|group| group.code == code);
    group.unwrap_or_else(|| panic!("no `{code}` in {:?}", answer.failures))
}

/// Returns how many images were deleted, failed and were left untouched.
pub(crate) fn outcome_counts(answer: &Answer) -> (u64, u64, u64) {
    let counts = answer.counts;
    (counts.deleted, counts.failed, counts.untouched)
}

/// Fills the home account and Region.
pub(crate) trait WorldExt {
    /// Pushes an image with one tag, so many days ago, and returns its digest.
    fn tagged(&mut self, repository: &str, tag: &str, days: u64) -> String;
    /// Pushes an image without a tag, so many days ago, and returns its digest.
    fn untagged(&mut self, repository: &str, days: u64) -> String;
    /// Pushes an untagged index of two images, so many days ago, and returns the index and its
    /// children.
    fn multi_arch(&mut self, repository: &str, days: u64) -> [String; 3];
    /// Registers a task definition that names this tag, and returns its `family:revision`.
    fn define(&mut self, family: &str, repository: &str, tag: &str) -> String;
    /// Makes a service of the cluster `prod` an Express service that runs this image.
    fn express(&mut self, service: &str, image: String);
    /// Puts an image of the repository `used` in use, so that a run is not refused.
    fn in_use_elsewhere(&mut self);
    /// Fills a repository with one image to keep and old untagged ones, and returns the digests of
    /// those.
    fn untagged_images(&mut self, repository: &str, images: u64) -> Vec<String>;
}

impl WorldExt for World {
    fn tagged(&mut self, repository: &str, tag: &str, days: u64) -> String {
        let push = Push::image().tag(tag).pushed_at(days_ago(days));
        self.home().repository(repository).push(push)
    }

    fn untagged(&mut self, repository: &str, days: u64) -> String {
        let push = Push::image().pushed_at(days_ago(days));
        self.home().repository(repository).push(push)
    }

    fn multi_arch(&mut self, repository: &str, days: u64) -> [String; 3] {
        let [one, other] = [days, days].map(|days| self.untagged(repository, days));
        let index = Push::index([&one, &other]).pushed_at(days_ago(days));
        [self.home().repository(repository).push(index), one, other]
    }

    fn define(&mut self, family: &str, repository: &str, tag: &str) -> String {
        let uri = self.home().repository(repository).uri();
        self.home().ecs.register(family, [format!("{uri}:{tag}")])
    }

    fn express(&mut self, service: &str, image: String) {
        let service = self.home().cluster("prod").service(service);
        service.resource_management_type = Some("ECS".to_owned());
        let revision = service.current_service_revisions.first();
        let express = ExpressService {
            service_arn: service.service_arn.clone(),
            service_name: service.service_name.clone(),
            cluster: "prod".to_owned(),
            active_configurations: vec![ExpressConfiguration {
                service_revision_arn: revision.map(|it| it.arn.clone()),
                task_definition_arn: service.task_definition.clone(),
                primary_container: ExpressContainer { image },
            }],
            created_at: days_ago(9),
        };
        let services = &mut self.home().ecs.express_services;
        services.insert(express.service_arn.clone(), express);
    }

    fn in_use_elsewhere(&mut self) {
        self.tagged("used", "1", 1);
        self.define("elsewhere", "used", "1");
    }

    fn untagged_images(&mut self, repository: &str, images: u64) -> Vec<String> {
        self.tagged(repository, "1.0", 1);
        let ages = (0..images).map(|image| 10 + images - image);
        ages.map(|days| self.untagged(repository, days)).collect()
    }
}
