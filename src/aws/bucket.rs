//! The token buckets of AWS, and how much of each of them this program draws.
//!
//! Sources: "Request throttling for the Amazon ECS API", "Lambda quotas".

/// Calls that share a token bucket of an account and Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Bucket {
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
    /// `lambda:ListFunctions`, and every other call that manages functions: 15 a second, all
    /// together.
    Lambda,
    /// `lambda:GetFunction`: 100 a second.
    LambdaGetFunction,
    /// `cloudformation:DescribeStacks` and `DescribeChangeSet`. CloudFormation publishes no rates, and
    /// throttles each operation by itself.
    Stacks,
    /// `cloudformation:GetTemplate`.
    Templates,
    /// `cloudformation:ListChangeSets`.
    ChangeSets,
    /// Reading any other service, none of which publishes a rate for all it is asked.
    OtherService,
    /// ECR's calls that describe and get, but for manifests and lifecycle policies.
    EcrRead,
    /// `ecr:GetLifecyclePolicy`.
    EcrLifecycle,
    /// `ecr:BatchDeleteImage`.
    EcrDelete,
    /// `ecr:UpdateImageStorageClass`.
    EcrStorageClass,
}

impl Bucket {
    /// Returns the quota that calls keep to, which is below what AWS documents.
    pub(super) const fn quota(self) -> Quota {
        match self {
            Self::TaskDefinitions
            | Self::Clusters
            | Self::ServiceDeployments
            | Self::ServiceRevisions => Quota::steady(18.0, 40.0),
            Self::Tasks | Self::Services => Quota::steady(18.0, 80.0),
            Self::OtherEcs | Self::Eks | Self::Stacks => Quota::steady(5.0, 10.0),
            Self::Lambda => Quota::steady(12.0, 12.0),
            Self::LambdaGetFunction => Quota::steady(80.0, 80.0),
            Self::OtherService => Quota::steady(10.0, 20.0),
            Self::EcrRead | Self::EcrLifecycle => Quota::steady(20.0, 30.0),
            Self::EcrDelete | Self::EcrStorageClass | Self::Templates | Self::ChangeSets => Quota {
                first: 10.0,
                ..Quota::steady(20.0, 20.0)
            },
        }
    }
}

/// Number of calls that a bucket is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quota {
    /// Calls a second at first.
    pub(super) first: f64,
    /// Calls a second at the most, which are reached while nothing is throttled.
    pub(super) most: f64,
    /// Calls at once after a pause.
    pub(super) burst: f64,
}

impl Quota {
    const fn steady(rate: f64, burst: f64) -> Self {
        Self {
            first: rate,
            most: rate,
            burst,
        }
    }
}
