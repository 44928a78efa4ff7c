//! Describing what a list or another answer named, in batches, and checking that nothing is left
//! out (U4).

use std::{collections::HashSet, error::Error};

use aws_sdk_ecs::{
    operation::{
        describe_clusters::DescribeClustersOutput,
        describe_daemon_deployments::DescribeDaemonDeploymentsOutput,
        describe_daemon_revisions::DescribeDaemonRevisionsOutput,
        describe_service_deployments::DescribeServiceDeploymentsOutput,
        describe_service_revisions::DescribeServiceRevisionsOutput,
        describe_services::DescribeServicesOutput, describe_tasks::DescribeTasksOutput,
    },
    types::{
        Cluster, DaemonDeployment, DaemonRevision, Failure, Service, ServiceDeployment,
        ServiceRevision, Task,
    },
};
use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::{StreamExt, TryStreamExt, stream};

use super::{AT_ONCE, Ecs};
use crate::aws::{ApiError, Operation};

/// The answer of an operation that describes what it is asked for by ARN.
pub(super) trait Described {
    type Item;
    const OPERATION: Operation;
    /// The most ARNs that one call may ask for.
    const BATCH: usize;

    fn arn(item: &Self::Item) -> Option<&str>;
    /// Returns the items, and the failures of what could not be described.
    fn into_parts(self) -> (Vec<Self::Item>, Vec<Failure>);
}

/// Implements [`Described`] by a table of answer, item with its ARN, list of items and batch.
macro_rules! described {
    ($($answer:ident: $item:ident.$arn:ident in $items:ident, $batch:literal, $operation:ident;)*) => {
        $(impl Described for $answer {
            type Item = $item;
            const OPERATION: Operation = Operation::$operation;
            const BATCH: usize = $batch;

            fn arn(item: &$item) -> Option<&str> {
                item.$arn()
            }

            fn into_parts(self) -> (Vec<$item>, Vec<Failure>) {
                (self.$items.unwrap_or_default(), self.failures.unwrap_or_default())
            }
        })*
    };
}

described! {
    DescribeClustersOutput: Cluster.cluster_arn in clusters, 100, DescribeClusters;
    DescribeServicesOutput: Service.service_arn in services, 10, DescribeServices;
    DescribeTasksOutput: Task.task_arn in tasks, 100, DescribeTasks;
    DescribeServiceDeploymentsOutput: ServiceDeployment.service_deployment_arn in service_deployments, 20, DescribeServiceDeployments;
    DescribeServiceRevisionsOutput: ServiceRevision.service_revision_arn in service_revisions, 20, DescribeServiceRevisions;
    DescribeDaemonDeploymentsOutput: DaemonDeployment.daemon_deployment_arn in daemon_deployments, 20, DescribeDaemonDeployments;
    DescribeDaemonRevisionsOutput: DaemonRevision.daemon_revision_arn in daemon_revisions, 20, DescribeDaemonRevisions;
}

impl Ecs {
    /// Describes everything with these ARNs, passes each with its ARN to `each`, and returns the ARNs
    /// of what there is no more. `request` sends the request for a batch, and `resource` is what
    /// errors name.
    ///
    /// # Errors
    /// If a call fails, or an answer is not about everything that was asked for.
    pub(super) async fn describe<A, E, F>(
        &self,
        resource: &str,
        arns: &[String],
        request: impl Fn(Vec<String>) -> F,
        mut each: impl FnMut(&str, &A::Item) -> Result<(), ApiError>,
    ) -> Result<Vec<String>, ApiError>
    where
        A: Described,
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<A, SdkError<E, Response>>>,
    {
        let batches = stream::iter(arns.chunks(A::BATCH)).map(|batch| {
            let request = request(batch.to_vec());
            let answer = self.clients.call(A::OPERATION, resource, request);
            async move {
                let (items, failures) = answer.await?.into_parts();
                let answered = items.iter().filter_map(A::arn);
                let missing = check_complete(A::OPERATION, batch, answered, &failures)?;
                Ok((items, missing))
            }
        });
        let mut batches = batches.buffer_unordered(AT_ONCE);
        let mut all_missing = Vec::new();
        while let Some((items, missing)) = batches.try_next().await? {
            all_missing.extend(missing);
            for item in &items {
                each(A::arn(item).unwrap_or_default(), item)?;
            }
        }
        Ok(all_missing)
    }
}

/// Checks that an answer is about everything it was asked for, and returns what it calls `MISSING`.
fn check_complete<'a>(
    operation: Operation,
    asked: &[String],
    answered: impl Iterator<Item = &'a str>,
    failures: &[Failure],
) -> Result<Vec<String>, ApiError> {
    let mut open: HashSet<&str> = asked.iter().map(String::as_str).collect();
    for arn in answered {
        open.remove(arn);
    }
    let mut missing = Vec::new();
    for failure in failures {
        let arn = failure.arn().unwrap_or_default();
        let reason = failure.reason().unwrap_or("no reason given");
        if reason != "MISSING" {
            let detail = failure.detail().map(|detail| format!(" ({detail})"));
            let problem = format!("{reason}{}", detail.unwrap_or_default());
            return Err(ApiError::answer(operation, arn, problem));
        }
        if open.remove(arn) {
            missing.push(arn.to_owned());
        }
    }
    if let Some(arn) = open.iter().min() {
        let problem = "the answer does not say anything about it";
        return Err(ApiError::answer(operation, arn, problem));
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answered: &[&str], failed: Option<&str>) -> Result<Vec<String>, String> {
        let asked = ["a", "b"].map(str::to_owned);
        let failures = failed.map(|reason| Failure::builder().arn("b").reason(reason).build());
        let failures: Vec<Failure> = failures.into_iter().collect();
        let (operation, answered) = (Operation::DescribeTasks, answered.iter().copied());
        let checked = check_complete(operation, &asked, answered, &failures);
        checked.map_err(|error| error.to_string())
    }

    #[test]
    fn an_answer_is_about_everything_that_was_asked_for() {
        let problem = |what: &str| Err(format!("`ecs:DescribeTasks` for `b` failed: {what}"));
        let silent = problem("the answer does not say anything about it");
        for (answered, failed, expected) in [
            (&["a", "b"][..], None, Ok(vec![])),
            (&["a"], None, silent),
            (&["a"], Some("MISSING"), Ok(vec!["b".to_owned()])),
            (&["a"], Some("OTHER"), problem("OTHER")),
        ] {
            let checked = check(answered, failed);
            assert_eq!(checked, expected, "{answered:?} {failed:?}");
        }
    }
}
