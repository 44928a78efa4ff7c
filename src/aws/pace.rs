//! The pace of calls: below the token buckets that AWS documents, since deployments, consoles and other tools draw
//! from the same ones.
//!
//! What others draw is not known, and for ECR's describing and deleting calls no rate is published: so a bucket whose
//! calls are throttled is asked for half as much at once, and for more again bit by bit, as TCP does on a line that it
//! shares. The SDK tries the throttled calls again.
//!
//! Sources: "Request throttling for the Amazon ECS API", "Lambda quotas".

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::FinalizerInterceptorContextRef},
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use tokio::time::Instant;

use super::counter::is_throttled;

/// Calls that share a token bucket of an account and Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// `ecs:DescribeTaskDefinition`, `ListTaskDefinitions`: 20 a second, bursts of 50.
    TaskDefinitions,
    /// `ecs:DescribeClusters`, `ListClusters`: 20 a second, bursts of 50.
    Clusters,
    /// `ecs:DescribeTasks`, `ListTasks`: 20 a second, bursts of 100.
    Tasks,
    /// `ecs:DescribeServices`, `ListServices`: 20 a second, bursts of 100.
    Services,
    /// `ecs:DescribeServiceDeployments`: 20 a second, bursts of 50.
    ServiceDeployments,
    /// `ecs:DescribeServiceRevisions`: 20 a second, bursts of 50.
    ServiceRevisions,
    /// ECS calls with no published rate: daemons and Express services.
    OtherEcs,
    /// `eks:ListClusters`, `DescribeCluster`, which have no published rate either.
    Eks,
    /// `lambda:ListFunctions`, and every other call that manages functions: 15 a second, all together.
    Lambda,
    /// `lambda:GetFunction`: 100 a second.
    LambdaGetFunction,
    /// Reading any other service, none of which publishes a rate for all it is asked.
    OtherService,
    /// `ecr:DescribeRepositories`, `DescribeImages`.
    EcrRead,
    /// `ecr:GetLifecyclePolicy`.
    EcrLifecycle,
    /// `ecr:BatchDeleteImage`.
    EcrDelete,
    /// `ecr:UpdateImageStorageClass`.
    EcrStorageClass,
}

impl Bucket {
    const ALL: [Self; 15] = [
        Self::TaskDefinitions,
        Self::Clusters,
        Self::Tasks,
        Self::Services,
        Self::ServiceDeployments,
        Self::ServiceRevisions,
        Self::OtherEcs,
        Self::Eks,
        Self::Lambda,
        Self::LambdaGetFunction,
        Self::OtherService,
        Self::EcrRead,
        Self::EcrLifecycle,
        Self::EcrDelete,
        Self::EcrStorageClass,
    ];

    const fn quota(self) -> Quota {
        match self {
            Self::TaskDefinitions
            | Self::Clusters
            | Self::ServiceDeployments
            | Self::ServiceRevisions => Quota {
                first: 18.0,
                most: 18.0,
                burst: 40.0,
            },
            Self::Tasks | Self::Services => Quota {
                first: 18.0,
                most: 18.0,
                burst: 80.0,
            },
            Self::OtherEcs | Self::Eks => Quota {
                first: 5.0,
                most: 5.0,
                burst: 10.0,
            },
            Self::Lambda => Quota {
                first: 12.0,
                most: 12.0,
                burst: 12.0,
            },
            Self::LambdaGetFunction => Quota {
                first: 80.0,
                most: 80.0,
                burst: 80.0,
            },
            Self::OtherService => Quota {
                first: 10.0,
                most: 10.0,
                burst: 20.0,
            },
            Self::EcrRead | Self::EcrLifecycle => Quota {
                first: 20.0,
                most: 20.0,
                burst: 30.0,
            },
            Self::EcrDelete | Self::EcrStorageClass => Quota {
                first: 10.0,
                most: 20.0,
                burst: 20.0,
            },
        }
    }

    /// The bucket that a call draws from, by the names that the SDK gives service and operation.
    fn of(service: &str, operation: &str) -> Option<Self> {
        Some(match (service, operation) {
            ("ECS", "DescribeTaskDefinition" | "ListTaskDefinitions") => Self::TaskDefinitions,
            ("ECS", "DescribeClusters" | "ListClusters") => Self::Clusters,
            ("ECS", "DescribeTasks" | "ListTasks") => Self::Tasks,
            ("ECS", "DescribeServices" | "ListServices") => Self::Services,
            ("ECS", "DescribeServiceDeployments") => Self::ServiceDeployments,
            ("ECS", "DescribeServiceRevisions") => Self::ServiceRevisions,
            ("ECS", _) => Self::OtherEcs,
            ("EKS", _) => Self::Eks,
            ("ECR", "GetLifecyclePolicy") => Self::EcrLifecycle,
            ("ECR", "BatchDeleteImage") => Self::EcrDelete,
            ("ECR", "UpdateImageStorageClass") => Self::EcrStorageClass,
            ("ECR", operation) if operation.starts_with("Describe") => Self::EcrRead,
            ("Lambda", "GetFunction") => Self::LambdaGetFunction,
            ("Lambda", _) => Self::Lambda,
            ("ECR" | "S3" | "SNS" | "SSM" | "STS", _) => return None,
            _ => Self::OtherService,
        })
    }
}

/// How calls of a bucket are paced.
#[derive(Debug, Clone, Copy)]
struct Quota {
    /// Calls a second at first.
    first: f64,
    /// Calls a second at the most, which are reached while nothing is throttled.
    most: f64,
    /// Calls at once after a pause.
    burst: f64,
}

/// Holds calls back until their bucket has room, and for longer where a service says that it is too much.
#[derive(Debug)]
pub(super) struct Pace(Option<[Mutex<Meter>; Bucket::ALL.len()]>);

impl Pace {
    /// The documented pace.
    pub(super) fn documented() -> Self {
        let now = Instant::now();
        Self(Some(
            Bucket::ALL.map(|bucket| Mutex::new(Meter::new(bucket.quota(), now))),
        ))
    }

    /// No pace at all, against a service that has no limits.
    pub(super) const fn unlimited() -> Self {
        Self(None)
    }

    pub(super) async fn wait(&self, bucket: Bucket) {
        let wait = self
            .meter(bucket)
            .map(|mut meter| meter.take(Instant::now()))
            .unwrap_or_default();
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Calls of a bucket a second, as it is now.
    #[cfg(test)]
    pub(super) fn rate(&self, bucket: Bucket) -> Option<f64> {
        Some(self.meter(bucket)?.rate)
    }

    fn meter(&self, bucket: Bucket) -> Option<MutexGuard<'_, Meter>> {
        // Whatever panicked, the numbers of a meter are as good as before.
        Some(
            self.0.as_ref()?[bucket as usize]
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

/// A token bucket whose rate follows what the service bears: halved when it throttles, and back up bit by bit.
#[derive(Debug)]
struct Meter {
    quota: Quota,
    /// Calls a second for now.
    rate: f64,
    /// Calls that may go at once; below zero, so many wait already.
    room: f64,
    /// As of when.
    at: Instant,
    slowed_at: Option<Instant>,
}

/// By how much each call raises the rate again: what comes between two throttled calls is the same number of calls,
/// about two hundred, whatever the service bears.
const RECOVERY: f64 = 1.0 / 300.0;
/// Calls that were under way together are throttled together: that is one sign, not several.
const ONE_SIGN: Duration = Duration::from_secs(1);
/// The part of the highest rate that is left at the least.
const LEAST: f64 = 1.0 / 16.0;

impl Meter {
    const fn new(quota: Quota, now: Instant) -> Self {
        Self {
            quota,
            rate: quota.first,
            room: quota.burst,
            at: now,
            slowed_at: None,
        }
    }

    /// Takes room for a call, and says how long it has to wait for it.
    fn take(&mut self, now: Instant) -> Duration {
        self.catch_up(now);
        self.room -= 1.0;
        self.rate = (self.rate * (1.0 + RECOVERY)).min(self.quota.most);
        Duration::from_secs_f64((-self.room / self.rate).max(0.0))
    }

    /// Halves the rate, and leaves no room for a burst.
    fn slow_down(&mut self, now: Instant) {
        self.catch_up(now);
        if self
            .slowed_at
            .is_none_or(|at| now.saturating_duration_since(at) >= ONE_SIGN)
        {
            self.rate = (self.rate / 2.0).max(self.quota.most * LEAST);
            self.room = self.room.min(0.0);
            self.slowed_at = Some(now);
        }
    }

    fn catch_up(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.room = (self.room + seconds * self.rate).min(self.quota.burst);
    }
}

/// The interceptor that slows a bucket down when one of its calls is throttled.
#[derive(Debug, Clone)]
pub(super) struct Slowing(pub(super) Arc<Pace>);

impl Intercept for Slowing {
    fn name(&self) -> &'static str {
        "Slowing"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if is_throttled(context)
            && let Some(call) = config.load::<Metadata>()
            && let Some(bucket) = Bucket::of(call.service(), call.name())
            && let Some(mut meter) = self.0.meter(bucket)
        {
            meter.slow_down(Instant::now());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service's own token bucket.
    struct Service {
        rate: f64,
        burst: f64,
        tokens: f64,
        at: Instant,
    }

    impl Service {
        fn new(rate: f64, burst: f64, now: Instant) -> Self {
            Self {
                rate,
                burst,
                tokens: burst,
                at: now,
            }
        }

        fn allows(&mut self, now: Instant) -> bool {
            let seconds = now.saturating_duration_since(self.at).as_secs_f64();
            self.at = now;
            self.tokens = (self.tokens + seconds * self.rate).min(self.burst);
            let allowed = self.tokens >= 1.0;
            self.tokens -= f64::from(u8::from(allowed));
            allowed
        }
    }

    /// Makes calls, each again until it is answered, and says how many were throttled and how long all took.
    fn make(calls: u32, bucket: Bucket, rate: f64, burst: f64) -> (u32, f64) {
        let start = Instant::now();
        let (mut meter, mut service) = (
            Meter::new(bucket.quota(), start),
            Service::new(rate, burst, start),
        );
        let (mut now, mut throttled) = (start, 0);
        for _ in 0..calls {
            now += meter.take(now);
            while !service.allows(now) {
                throttled += 1;
                meter.slow_down(now);
                now += Duration::from_millis(500);
            }
        }
        (throttled, now.duration_since(start).as_secs_f64())
    }

    #[test]
    fn what_a_service_documents_is_used_and_never_exceeded() {
        for (bucket, rate, burst) in [
            (Bucket::TaskDefinitions, 20.0, 50.0),
            (Bucket::EcrRead, 20.0, 40.0),
            (Bucket::EcrDelete, 20.0, 40.0),
        ] {
            let (throttled, seconds) = make(10_000, bucket, rate, burst);
            assert_eq!(throttled, 0, "{bucket:?}");
            let bound = (10_000.0 - burst) / rate;
            assert!(
                seconds < bound * 1.15,
                "{bucket:?}: {seconds} of {bound} seconds"
            );
        }
    }

    #[test]
    fn a_service_that_bears_less_is_asked_for_that_with_few_retries() {
        for rate in [10.0, 5.0, 2.5] {
            let (throttled, seconds) = make(10_000, Bucket::EcrRead, rate, rate);
            assert!(throttled < 100, "{rate}: {throttled} throttled");
            let bound = 10_000.0 / rate;
            assert!(
                seconds < bound * 1.5,
                "{rate}: {seconds} of {bound} seconds"
            );
        }
    }

    #[test]
    fn calls_that_are_throttled_together_slow_down_once_and_it_passes() {
        let start = Instant::now();
        let mut meter = Meter::new(Bucket::EcrRead.quota(), start);
        for _ in 0..8 {
            meter.slow_down(start);
        }
        assert!(
            (meter.rate - 10.0).abs() < 1e-9 && meter.room <= 0.0,
            "{meter:?}"
        );
        for _ in 0..210 {
            meter.take(start);
        }
        assert!((meter.rate - 20.0).abs() < 1e-9, "{meter:?}");
        for second in 1..60 {
            meter.slow_down(start + ONE_SIGN * second);
        }
        assert!(meter.rate >= 20.0 * LEAST, "{meter:?}");
    }

    #[test]
    fn a_bucket_that_is_paced_is_slowed_down() {
        let names = [
            ("ECS", "ListTaskDefinitions"),
            ("ECS", "ListClusters"),
            ("ECS", "DescribeTasks"),
            ("ECS", "ListServices"),
            ("ECS", "DescribeServiceDeployments"),
            ("ECS", "DescribeServiceRevisions"),
            ("ECS", "DescribeDaemon"),
            ("EKS", "ListClusters"),
            ("Lambda", "ListFunctions"),
            ("Lambda", "GetFunction"),
            ("Batch", "ListJobs"),
            ("ECR", "DescribeImages"),
            ("ECR", "GetLifecyclePolicy"),
            ("ECR", "BatchDeleteImage"),
            ("ECR", "UpdateImageStorageClass"),
        ];
        assert_eq!(
            names.map(|(service, operation)| Bucket::of(service, operation)),
            Bucket::ALL.map(Some)
        );
        assert!(Bucket::of("S3", "GetObject").is_none());
    }
}
