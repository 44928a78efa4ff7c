//! How every call is made: below its rate limit, and with an error that says what was called.

use std::error::Error;

use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::TryFutureExt;

use super::{ApiError, Clients, Operation, Page, all_pages, rate_limit::RateLimiter};

/// Answer of the SDK to a request.
type Sent<T, E> = Result<T, SdkError<E, Response>>;

/// Lists all that a request of the SDK asks for, page by page: `$items` is the list in an answer.
macro_rules! list {
    ($clients:expr, $operation:ident, $resource:expr, $request:expr, $items:ident) => {
        $clients.list(
            $crate::aws::Operation::$operation,
            $resource,
            |token| $request.set_next_token(token).send(),
            |answer| (answer.$items, answer.next_token),
        )
    };
}
pub(crate) use list;

/// Waits for the rate limit and a connection, sends a request and returns its answer. `resource` is
/// what the call is about; it is empty if that is nothing in particular.
pub(super) fn call<T, E>(
    rate_limiter: &RateLimiter,
    operation: Operation,
    resource: &str,
    request: impl Future<Output = Sent<T, E>>,
) -> impl Future<Output = Result<T, ApiError>>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let sent = send(operation, resource, request);
    async move {
        rate_limiter.wait(operation).await;
        let _connection = rate_limiter.connections.take(operation).await;
        sent.await
    }
}

/// Sends a request without waiting for anything, and returns its answer.
fn send<T, E>(
    operation: Operation,
    resource: &str,
    request: impl Future<Output = Sent<T, E>>,
) -> impl Future<Output = Result<T, ApiError>>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    // In a box, since the futures of the SDK are large.
    let request = Box::pin(request);
    async move {
        let answer = request.await;
        answer.map_err(|error| ApiError::new(operation, resource, &error))
    }
}

/// Leave of the rate limit to make calls of an operation at once.
///
/// What has to be known right before a call is found out after the wait and not before it.
#[derive(Debug)]
#[must_use]
pub(crate) struct Turn(Operation);

impl Turn {
    /// Sends a request whose turn it is, and returns its answer.
    pub(crate) fn send<T, E>(
        &self,
        resource: &str,
        request: impl Future<Output = Sent<T, E>>,
    ) -> impl Future<Output = Result<T, ApiError>>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        send(self.0, resource, request)
    }
}

impl Clients {
    /// Waits for the rate limit, sends a request and returns its answer. `resource` is what the
    /// call is about; it is empty if that is nothing in particular.
    pub(crate) fn call<T, E>(
        &self,
        operation: Operation,
        resource: &str,
        request: impl Future<Output = Sent<T, E>>,
    ) -> impl Future<Output = Result<T, ApiError>>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        call(&self.rate_limiter, operation, resource, request)
    }

    /// Waits until the rate limit lets so many calls be made at once.
    pub(crate) async fn turn(&self, operation: Operation, calls: usize) -> Turn {
        for _ in 0..calls {
            self.rate_limiter.wait(operation).await;
        }
        Turn(operation)
    }

    /// Reads all pages of a list: `request` sends the request for the page with a token, and `page`
    /// takes what is needed from its answer. Returns an error if the list may be incomplete.
    pub(crate) async fn list<T, A, E, F>(
        &self,
        operation: Operation,
        resource: &str,
        request: impl Fn(Option<String>) -> F,
        page: impl Fn(A) -> Page<T>,
    ) -> Result<Vec<T>, ApiError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Sent<A, E>>,
    {
        all_pages(operation, resource, |token| {
            self.call(operation, resource, request(token)).map_ok(&page)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_config::retry::RetryConfig;

    use super::{
        super::fake_network::{Throttling, config},
        *,
    };

    #[tokio::test]
    async fn a_throttled_call_of_a_client_slows_down_its_own_bucket() {
        let clients = Clients::new(&config("eu-west-1", Throttling).build(), true);
        let rates = || {
            [Operation::ListTasks, Operation::ListClusters]
                .map(|operation| clients.rate_limiter.rate(operation).unwrap())
        };
        let [tasks, clusters] = rates();
        let request = clients.ecs.list_tasks().send();
        let error = clients.call(Operation::ListTasks, "web", request).await;
        assert_eq!(error.unwrap_err().cause, super::super::Cause::Throttled);
        let [tasks_after, clusters_after] = rates();
        assert!(tasks_after < tasks && clusters_after >= clusters);
    }

    #[test]
    fn attempts_that_the_sdk_does_not_repeat_are_as_many_and_as_far_apart() {
        let pauses = |attempts| {
            let retries = RetryConfig::standard().with_max_attempts(attempts);
            let retries = retries.with_initial_backoff(Duration::from_millis(500));
            let config = config("eu-west-1", Throttling).retry_config(retries);
            let pauses = Clients::new(&config.build(), true).pauses();
            pauses.map(|pause| pause.as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(pauses(1), []);
        assert_eq!(pauses(6), [500, 1000, 2000, 4000, 8000]);
        assert_eq!(pauses(9)[5..], [16_000, 20_000, 20_000]);
    }
}
