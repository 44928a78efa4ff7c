//! The pace of calls: below the token buckets that AWS documents, since deployments, consoles and other tools draw
//! from the same ones.
//!
//! Sources: "Request throttling for the Amazon ECS API", "Lambda quotas". For ECR's describing and deleting calls no rate is published;
//! the figures here are careful.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

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
    /// `ecr:BatchDeleteImage`.
    EcrDelete,
    /// `ecr:UpdateImageStorageClass`.
    EcrStorageClass,
}

impl Bucket {
    const ALL: [Self; 14] = [
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
        Self::EcrDelete,
        Self::EcrStorageClass,
    ];

    /// Calls a second, and calls at once after a pause.
    const fn quota(self) -> (u32, u32) {
        match self {
            Self::TaskDefinitions | Self::Clusters | Self::ServiceDeployments | Self::ServiceRevisions => (18, 40),
            Self::Tasks | Self::Services => (18, 80),
            Self::OtherEcs | Self::Eks => (5, 10),
            Self::Lambda => (12, 12),
            Self::LambdaGetFunction => (80, 80),
            Self::EcrRead => (20, 40),
            Self::OtherService | Self::EcrDelete | Self::EcrStorageClass => (10, 20),
        }
    }
}

/// Holds calls back until their bucket has room.
pub(super) struct Pace(Option<[DefaultDirectRateLimiter; Bucket::ALL.len()]>);

impl Pace {
    /// The documented pace.
    pub(super) fn documented() -> Self {
        Self(Some(Bucket::ALL.map(|bucket| {
            let (rate, burst) = bucket.quota();
            let [rate, burst] = [rate, burst].map(|n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN));
            RateLimiter::direct(Quota::per_second(rate).allow_burst(burst))
        })))
    }

    /// No pace at all, against a service that has no limits.
    pub(super) const fn unlimited() -> Self {
        Self(None)
    }

    pub(super) async fn wait(&self, bucket: Bucket) {
        if let Some(limiters) = &self.0 {
            limiters[bucket as usize].until_ready().await;
        }
    }
}
