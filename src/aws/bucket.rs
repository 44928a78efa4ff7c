//! The token buckets of AWS, and how much of each of them this program draws.
//!
//! Deployments and schedulers draw from most of them too. There the program keeps to a share of the
//! rate that holds in the account, and never tries out more: a cleaner that throttles a deployment
//! has failed. For some calls of ECR no workload waits, so their buckets find out what the service
//! bears.
//!
//! Sources: "Request throttling for the Amazon ECS API", "Lambda quotas", "Amazon ECR service
//! quotas".

use std::time::Duration;

use super::{
    Operation,
    token_bucket::{BELOW, Limits},
};
use crate::config::AwsRates;

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
    /// `config:SelectResourceConfig`, which has no published rate.
    Config,
    /// Reading any other service, none of which publishes a rate for all it is asked.
    OtherService,
    /// ECR's calls that describe and get, but for those of a bucket of their own.
    EcrRead,
    /// `ecr:DescribeImages`.
    EcrImages,
    /// `ecr:ListImages`.
    EcrImageIds,
    /// `ecr:GetRepositoryPolicy`.
    EcrPolicy,
    /// `ecr:GetLifecyclePolicy`.
    EcrLifecycle,
    /// `ecr:BatchGetImage`: 2,000 a second, which every pull of an image draws from.
    EcrManifests,
    /// `ecr:BatchDeleteImage`.
    EcrDelete,
    /// `ecr:UpdateImageStorageClass`.
    EcrStorageClass,
}

/// Origin of the rate of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// AWS documents it, and workloads draw from it too.
    Documented,
    /// It is a guess that is low enough for everything else that draws from it.
    Assumed,
    /// It is a guess, and nothing but this program waits for such calls.
    Probed,
}

/// Calls a second, at first and at the most, and calls at once after a pause.
#[derive(Debug, Clone, Copy)]
struct Quota {
    basis: Basis,
    first: f64,
    most: f64,
    burst: f64,
}

/// Calls a second that are tried out at the most.
const MOST_PROBED: f64 = 1000.0;

impl Bucket {
    const fn quota(self) -> Quota {
        use Basis::{Assumed, Documented, Probed};
        let (basis, first, most, burst) = match self {
            Self::TaskDefinitions
            | Self::Clusters
            | Self::ServiceDeployments
            | Self::ServiceRevisions => (Documented, 20.0, 20.0, 50.0),
            Self::Tasks | Self::Services => (Documented, 20.0, 20.0, 100.0),
            Self::Lambda => (Documented, 15.0, 15.0, 15.0),
            Self::LambdaGetFunction => (Documented, 100.0, 100.0, 100.0),
            Self::EcrManifests => (Documented, 2000.0, 2000.0, 2000.0),
            Self::OtherEcs | Self::Eks | Self::Stacks | Self::Config => (Assumed, 5.0, 5.0, 10.0),
            Self::OtherService => (Assumed, 10.0, 10.0, 20.0),
            Self::EcrRead => (Assumed, 20.0, 20.0, 30.0),
            Self::EcrStorageClass | Self::Templates | Self::ChangeSets => {
                (Assumed, 10.0, 20.0, 20.0)
            }
            Self::EcrImages
            | Self::EcrImageIds
            | Self::EcrPolicy
            | Self::EcrLifecycle
            | Self::EcrDelete => (Probed, 20.0, MOST_PROBED, 30.0),
        };
        Quota {
            basis,
            first,
            most,
            burst,
        }
    }

    /// Returns whether it finds out what the service bears, unless a person says what that is.
    pub(super) fn is_probed(self) -> bool {
        self.quota().basis == Basis::Probed
    }

    /// Returns the limits that calls keep to; `quota` is what Service Quotas lists for the account.
    pub(super) fn limits(self, rates: &AwsRates, quota: Option<f64>) -> Limits {
        let Quota {
            basis,
            first,
            most,
            burst,
        } = self.quota();
        let whole = |first: f64, most: f64, burst: f64, probes: bool| Limits {
            first,
            most,
            burst,
            hold: Duration::from_secs(1),
            probes,
        };
        let shared = |rate: f64, burst: f64| Limits {
            first: rates.share * rate,
            most: rates.share * rate,
            burst: (rates.share * burst).max(1.0),
            hold: Duration::from_secs(30),
            probes: false,
        };
        match (self.rate_in(rates).or(quota), basis) {
            (Some(known), Basis::Probed) => {
                let rate = BELOW * known;
                whole(rate, rate, burst * known / first, false)
            }
            (Some(known), _) => shared(known, burst * known / first),
            (None, Basis::Documented) => shared(most, burst),
            (None, basis) => whole(first, most, burst, basis == Basis::Probed),
        }
    }

    /// Returns the rate that a configuration names for it: the lowest of those that are written for
    /// one of its operations, or else of those for all that begin like one.
    fn rate_in(self, rates: &AwsRates) -> Option<f64> {
        // Services that share this one have different rates.
        if self == Self::OtherService {
            return None;
        }
        let operations = Operation::known().filter(|it| it.bucket() == Some(self));
        let names: Vec<&str> = operations.map(Operation::name).collect();
        let exact = names.iter().filter_map(|name| rates.rates.get(*name));
        let lowest = |rates: &mut dyn Iterator<Item = &f64>| rates.copied().reduce(f64::min);
        let mut wide = names.iter().filter_map(|name| {
            let begins = rates.rates.iter().filter_map(|(key, rate)| {
                let begin = key.strip_suffix('*')?;
                name.starts_with(begin).then_some((begin.len(), rate))
            });
            begins.max_by_key(|(length, _)| *length).map(|it| it.1)
        });
        lowest(&mut { exact }).or_else(|| lowest(&mut wide))
    }
}

/// Returns the keys of rates that concern no bucket, such as misspelt ones.
pub(crate) fn idle_rates(rates: &AwsRates) -> impl Iterator<Item = &str> {
    rates.rates.keys().map(String::as_str).filter(|key| {
        let mut operations = Operation::known();
        !operations.any(|it| {
            let is_named = match key.strip_suffix('*') {
                Some(begin) => it.name().starts_with(begin),
                None => it.name() == *key,
            };
            is_named && it.bucket().is_some_and(|it| it != Bucket::OtherService)
        })
    })
}

#[cfg(test)]
mod tests;
