//! The calls that the program makes: how IAM names each of them, and which token bucket it draws
//! from.

use std::fmt;

use aws_smithy_types::config_bag::{Storable, StoreReplace};

use super::Bucket;

/// Defines [`Operation`] by a table of variant, name in IAM and token bucket.
macro_rules! operations {
    ($($variant:ident = $name:literal: $bucket:expr;)*) => {
        /// An operation of an AWS service.
        ///
        /// The SDK gives an operation the same name as IAM, but for `s3:ListBucket`, which it calls
        /// `ListObjectsV2`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Operation {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// An operation of a service that is read by a table (`sources/services/tables`), as
            /// IAM names it.
            Other(&'static str),
        }

        impl Operation {
            const KNOWN: &[Self] = &[$(Self::$variant),*];

            /// Returns the name that IAM gives it: `ecs:ListTasks`.
            #[must_use]
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }

            /// Returns the service that it is of.
            pub(super) fn service(self) -> &'static str {
                let name = self.name();
                name.split_once(':').map_or(name, |(service, _)| service)
            }

            /// Returns the token bucket that it draws from; `None` if its calls are not limited.
            pub(crate) const fn bucket(self) -> Option<Bucket> {
                match self {
                    $(Self::$variant => $bucket,)*
                    Self::Other(_) => Some(Bucket::OtherService),
                }
            }
        }
    };
}

operations! {
    ListRegions = "account:ListRegions": None;

    DescribeStacks = "cloudformation:DescribeStacks": Some(Bucket::Stacks);
    GetTemplate = "cloudformation:GetTemplate": Some(Bucket::Templates);
    ListChangeSets = "cloudformation:ListChangeSets": Some(Bucket::ChangeSets);
    DescribeChangeSet = "cloudformation:DescribeChangeSet": Some(Bucket::Stacks);

    SelectResourceConfig = "config:SelectResourceConfig": Some(Bucket::Config);

    DescribeImages = "ecr:DescribeImages": Some(Bucket::EcrImages);
    DescribePullThroughCacheRules = "ecr:DescribePullThroughCacheRules": Some(Bucket::EcrRead);
    DescribeRegistry = "ecr:DescribeRegistry": Some(Bucket::EcrRead);
    DescribeRepositories = "ecr:DescribeRepositories": Some(Bucket::EcrRead);
    ListPullTimeUpdateExclusions = "ecr:ListPullTimeUpdateExclusions": Some(Bucket::EcrRead);
    ListTagsForResource = "ecr:ListTagsForResource": Some(Bucket::EcrRead);
    GetRegistryPolicy = "ecr:GetRegistryPolicy": Some(Bucket::EcrRead);
    GetRepositoryPolicy = "ecr:GetRepositoryPolicy": Some(Bucket::EcrPolicy);
    ListImages = "ecr:ListImages": Some(Bucket::EcrImageIds);
    GetLifecyclePolicy = "ecr:GetLifecyclePolicy": Some(Bucket::EcrLifecycle);
    BatchGetImage = "ecr:BatchGetImage": Some(Bucket::EcrManifests);
    BatchDeleteImage = "ecr:BatchDeleteImage": Some(Bucket::EcrDelete);
    UpdateImageStorageClass = "ecr:UpdateImageStorageClass": Some(Bucket::EcrStorageClass);

    ListClusters = "ecs:ListClusters": Some(Bucket::Clusters);
    DescribeClusters = "ecs:DescribeClusters": Some(Bucket::Clusters);
    ListServices = "ecs:ListServices": Some(Bucket::Services);
    DescribeServices = "ecs:DescribeServices": Some(Bucket::Services);
    DescribeServiceDeployments = "ecs:DescribeServiceDeployments": Some(Bucket::ServiceDeployments);
    DescribeServiceRevisions = "ecs:DescribeServiceRevisions": Some(Bucket::ServiceRevisions);
    DescribeExpressGatewayService = "ecs:DescribeExpressGatewayService": Some(Bucket::OtherEcs);
    ListTasks = "ecs:ListTasks": Some(Bucket::Tasks);
    DescribeTasks = "ecs:DescribeTasks": Some(Bucket::Tasks);
    ListTaskDefinitions = "ecs:ListTaskDefinitions": Some(Bucket::TaskDefinitions);
    DescribeTaskDefinition = "ecs:DescribeTaskDefinition": Some(Bucket::TaskDefinitions);
    ListDaemons = "ecs:ListDaemons": Some(Bucket::OtherEcs);
    DescribeDaemon = "ecs:DescribeDaemon": Some(Bucket::OtherEcs);
    DescribeDaemonDeployments = "ecs:DescribeDaemonDeployments": Some(Bucket::OtherEcs);
    DescribeDaemonRevisions = "ecs:DescribeDaemonRevisions": Some(Bucket::OtherEcs);
    ListDaemonTaskDefinitions = "ecs:ListDaemonTaskDefinitions": Some(Bucket::OtherEcs);
    DescribeDaemonTaskDefinition = "ecs:DescribeDaemonTaskDefinition": Some(Bucket::OtherEcs);

    EksListClusters = "eks:ListClusters": Some(Bucket::Eks);
    EksDescribeCluster = "eks:DescribeCluster": Some(Bucket::Eks);

    ListAccountAliases = "iam:ListAccountAliases": None;

    ListFunctions = "lambda:ListFunctions": Some(Bucket::Lambda);
    GetFunction = "lambda:GetFunction": Some(Bucket::LambdaGetFunction);

    ListAccounts = "organizations:ListAccounts": Some(Bucket::OtherService);

    ListServiceQuotas = "servicequotas:ListServiceQuotas": None;

    DeleteObject = "s3:DeleteObject": None;
    GetObject = "s3:GetObject": None;
    ListBucket = "s3:ListBucket": None;
    PutObject = "s3:PutObject": None;
    Publish = "sns:Publish": None;
    GetParameter = "ssm:GetParameter": None;
    GetSecretValue = "secretsmanager:GetSecretValue": None;
    AssumeRole = "sts:AssumeRole": None;
    GetCallerIdentity = "sts:GetCallerIdentity": None;
}

impl Operation {
    /// Finds an operation by the names that the SDK gives service and operation: `ECS`,
    /// `ListTasks`.
    pub(super) fn find(service: &str, name: &str) -> Option<Self> {
        let is_named = |known: &Self| {
            let (prefix, action) = known.parts();
            prefix.eq_ignore_ascii_case(service) && action == name
        };
        Self::KNOWN.iter().copied().find(is_named)
    }

    /// Returns the operations that have names of their own here.
    pub(super) fn known() -> impl Iterator<Item = Self> {
        Self::KNOWN.iter().copied()
    }

    pub(crate) fn action(self) -> &'static str {
        self.parts().1
    }

    fn parts(self) -> (&'static str, &'static str) {
        self.name().split_once(':').unwrap_or(("", self.name()))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Storable for Operation {
    type Storer = StoreReplace<Self>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_found_by_the_names_that_the_sdk_gives_it() {
        for (service, name, expected) in [
            ("ECS", "ListClusters", Some(Operation::ListClusters)),
            ("EKS", "ListClusters", Some(Operation::EksListClusters)),
            ("Lambda", "GetFunction", Some(Operation::GetFunction)),
            ("ECR", "DeleteRepository", None),
        ] {
            assert_eq!(Operation::find(service, name), expected, "{service} {name}");
        }
    }
}
