//! Networks for tests: one in which nothing is found, and one in which everything is throttled.

use aws_config::{Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::client::{
    http::{
        HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;

/// Returns a configuration for one attempt over a network.
pub(super) fn config(
    region: &'static str,
    network: impl HttpConnector + Clone + 'static,
) -> aws_types::sdk_config::Builder {
    let credentials = Credentials::new("key", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .region(Region::new(region))
        .http_client(client(network))
        .retry_config(RetryConfig::standard().with_max_attempts(1))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
}

fn client(network: impl HttpConnector + Clone + 'static) -> SharedHttpClient {
    http_client_fn(move |_, _| SharedHttpConnector::new(network.clone()))
}

/// A network in which no host is found; the resolver says so in these words.
#[derive(Debug, Clone)]
pub(super) struct NoHosts(pub(super) &'static str);

impl HttpConnector for NoHosts {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let cause = format!(
            "client error (Connect): dns error: failed to lookup address information: {}",
            self.0
        );
        HttpConnectorFuture::ready(Err(ConnectorError::io(cause.into())))
    }
}

/// A network in which every call is throttled.
#[derive(Debug, Clone)]
pub(super) struct Throttling;

impl HttpConnector for Throttling {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let body = SdkBody::from(r#"{"message": "Rate exceeded"}"#);
        let status = 429.try_into();
        let mut response = HttpResponse::new(status.unwrap_or_else(|_| unreachable!()), body);
        response
            .headers_mut()
            .insert("x-amzn-errortype", "TooManyRequestsException");
        HttpConnectorFuture::ready(Ok(response))
    }
}
