//! Rate limits: token buckets per account and Region.

use crate::world::Location;
use std::collections::HashMap;
use std::time::Instant;

/// The token buckets that calls take from.
#[derive(Debug, Clone, Default)]
pub struct RateLimits {
    buckets: HashMap<String, Bucket>,
    levels: HashMap<(Location, String), (f64, Instant)>,
    /// Calls a second that something else makes, by the bucket that they take from.
    drawn: HashMap<String, f64>,
    /// Calls of something else that found no token.
    starved: f64,
}

#[derive(Debug, Clone)]
struct Bucket {
    name: String,
    per_second: f64,
    burst: f64,
}

impl RateLimits {
    /// No limits.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// What AWS documents for ECS, for Lambda, and for `BatchGetImage` and `PutImage`; for the
    /// other ECR calls, which have no published rate, 20 per second and a burst of 40, each on its
    /// own.
    #[must_use]
    pub fn documented() -> Self {
        let mut limits = Self::none();
        for (calls, burst) in [
            (
                &[
                    "DescribeTaskDefinition",
                    "ListTaskDefinitions",
                    "ListTaskDefinitionFamilies",
                ][..],
                50,
            ),
            (&["DescribeClusters", "ListClusters"], 50),
            (&["DescribeTasks", "ListTasks"], 100),
            (&["DescribeServices", "ListServices"], 100),
            (
                &["ListServiceDeployments", "DescribeServiceDeployments"],
                50,
            ),
            (&["DescribeServiceRevisions"], 50),
        ] {
            limits = limits.shared(calls.iter().map(|call| format!("ecs:{call}")), 20, burst);
        }
        for call in [
            "DescribeRepositories",
            "DescribeImages",
            "ListImages",
            "BatchDeleteImage",
            "ListImageReferrers",
            "UpdateImageStorageClass",
            "GetLifecyclePolicy",
            "GetRepositoryPolicy",
            "ListTagsForResource",
            "DescribeRegistry",
            "DescribePullThroughCacheRules",
            "ListPullTimeUpdateExclusions",
        ] {
            limits = limits.limit(&format!("ecr:{call}"), 20, 40);
        }
        let limits =
            limits
                .limit("lambda:ListFunctions", 15, 15)
                .limit("lambda:GetFunction", 100, 100);
        limits
            .limit("ecr:BatchGetImage", 2000, 2000)
            .limit("ecr:PutImage", 10, 10)
    }

    /// Gives an operation, such as `ecr:DescribeImages`, a bucket of its own.
    #[must_use]
    pub fn limit(self, operation: &str, per_second: u32, burst: u32) -> Self {
        self.shared([operation.to_owned()], per_second, burst)
    }

    /// Gives operations a bucket they share.
    #[must_use]
    pub fn shared(
        mut self,
        operations: impl IntoIterator<Item = String>,
        per_second: u32,
        burst: u32,
    ) -> Self {
        let mut name = None;
        for operation in operations {
            let bucket = Bucket {
                name: name.get_or_insert_with(|| operation.clone()).clone(),
                per_second: f64::from(per_second),
                burst: f64::from(burst),
            };
            self.buckets.insert(operation, bucket);
        }
        self
    }

    /// The same limits, so many times as high.
    #[must_use]
    pub fn times(mut self, factor: u32) -> Self {
        for bucket in self.buckets.values_mut() {
            bucket.per_second *= f64::from(factor);
            bucket.burst *= f64::from(factor);
        }
        self
    }

    /// Lets something else, such as a deployment, make so many calls of an operation a second.
    #[must_use]
    pub fn drawn(mut self, operation: &str, per_second: u32) -> Self {
        if let Some(bucket) = self.buckets.get(operation) {
            let rate = f64::from(per_second);
            self.drawn.insert(bucket.name.clone(), rate);
        }
        self
    }

    /// Returns how many calls of something else found no token.
    #[must_use]
    pub const fn starved(&self) -> f64 {
        self.starved
    }

    /// Returns the bucket of an operation: its name, calls a second, and calls at once; none if it
    /// has no limit.
    #[must_use]
    pub fn bucket_of(&self, operation: &str) -> Option<(&str, f64, f64)> {
        self.buckets
            .get(operation)
            .map(|bucket| (bucket.name.as_str(), bucket.per_second, bucket.burst))
    }

    /// Takes a token; `false` if there is none.
    pub(crate) fn allow(&mut self, operation: &str, location: &Location) -> bool {
        let Some(bucket) = self.buckets.get(operation) else {
            return true;
        };
        let now = Instant::now();
        let (tokens, filled) = self
            .levels
            .entry((location.clone(), bucket.name.clone()))
            .or_insert((bucket.burst, now));
        let drawn = self.drawn.get(&bucket.name).copied().unwrap_or_default();
        let refill = now.duration_since(*filled).as_secs_f64() * (bucket.per_second - drawn);
        self.starved += (-(*tokens + refill)).max(0.0);
        *tokens = (*tokens + refill).clamp(0.0, bucket.burst);
        *filled = now;
        if *tokens < 1.0 {
            return false;
        }
        *tokens -= 1.0;
        true
    }
}
