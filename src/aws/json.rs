//! Calls to services that have no client of their own here: signed requests with JSON answers, on the runtime that the
//! SDK's clients run on, so that retries, time limits, endpoints and counts are the same.
//!
//! The answer is kept as it came: a client drops every field that its version does not know.

use std::{fmt, sync::Arc};

use aws_config::SdkConfig;
use aws_runtime::{
    auth::{
        SigV4OperationSigningConfig,
        sigv4::{SCHEME_ID, SigV4AuthScheme},
    },
    retries::classifiers::AwsErrorCodeClassifier,
};
use aws_smithy_runtime::client::{
    orchestrator::operation::Operation,
    retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{
            AuthSchemeOptionResolverParams, SharedAuthSchemeOptionResolver,
            static_resolver::StaticAuthSchemeOptionResolver,
        },
        behavior_version::BehaviorVersion,
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
        result::SdkError,
        runtime_components::RuntimeComponentsBuilder,
        runtime_plugin::StaticRuntimePlugin,
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::Layer,
    error::metadata::{ErrorMetadata, ProvideErrorMetadata},
    retry::RetryConfig,
};
use aws_types::{
    SigningName,
    region::{Region, SigningRegion},
    service_config::ServiceConfigKey,
};
use serde_json::Value;

use super::{
    ApiError, CallCounter, Counting, Partition,
    error::chain,
    pace::{Pace, Slowing},
};

/// Where a service is, and what calls to it are signed for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint<'a> {
    /// What the SDKs call it: `AWS_ENDPOINT_URL_<ID>` names its endpoint.
    pub(crate) id: &'a str,
    /// What its host names begin with.
    pub(crate) prefix: &'a str,
    /// The name it is signed for.
    pub(crate) signing: &'a str,
}

/// A request without its host.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    /// `GET` or `POST`.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) uri: String,
    /// Headers, by name.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) body: String,
}

/// Why a call gave no answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The service is not offered in this Region: there is no host of that name.
    Absent,
    /// All else.
    Api(ApiError),
}

/// A service in one account and Region.
pub(crate) struct JsonService {
    operation: Operation<Wire, Value, ServiceError>,
    /// Whether its host name follows from its Region, and nobody said another one.
    is_standard: bool,
}

impl JsonService {
    /// The service at that endpoint.
    ///
    /// # Errors
    /// Where it cannot be reached with this configuration, in words.
    pub(super) fn new(
        config: &SdkConfig,
        calls: &Arc<CallCounter>,
        pace: &Arc<Pace>,
        endpoint: Endpoint<'_>,
    ) -> Result<Self, String> {
        let region = config.region().cloned().ok_or("no Region is configured; set AWS_REGION")?;
        let written = endpoint_url(config, endpoint.id);
        let is_standard = written.is_none();
        let url = match written {
            Some(url) => url,
            None => standard_url(config, &region, endpoint)?,
        };
        let credentials = config.credentials_provider().ok_or("there are no AWS credentials")?;
        let mut signing = Layer::new("signing");
        signing.store_put(AuthSchemeOptionResolverParams::new(()));
        signing.store_put(SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(region)),
            name: Some(SigningName::from(endpoint.signing.to_owned())),
            ..SigV4OperationSigningConfig::default()
        });
        let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        let components = RuntimeComponentsBuilder::new("signing")
            .with_auth_scheme(SigV4AuthScheme::new())
            .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)))
            .with_identity_resolver(SCHEME_ID, credentials)
            .with_identity_cache(config.identity_cache());
        let signing = StaticRuntimePlugin::new().with_config(signing.freeze()).with_runtime_components(components);

        let retries = config.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
        let mut builder = Operation::builder()
            .service_name(endpoint.id.to_owned())
            .operation_name("call")
            .behavior_version(config.behavior_version().unwrap_or_else(BehaviorVersion::v2026_01_12))
            .endpoint_url(&url)
            .standard_retry(&retries)
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(AwsErrorCodeClassifier::<ServiceError>::new())
            .retry_classifier(TransientErrorClassifier::<ServiceError>::new())
            .interceptor(Counting(Arc::clone(calls)))
            .interceptor(Slowing(Arc::clone(pace)))
            .with_connection_poisoning()
            .runtime_plugin(signing);
        if let Some(timeouts) = config.timeout_config() {
            builder = builder.timeout_config(timeouts.clone());
        }
        if let Some(client) = config.http_client() {
            builder = builder.http_client(client);
        }
        if let Some(sleep) = config.sleep_impl() {
            builder = builder.sleep_impl(sleep);
        }
        if let Some(time) = config.time_source() {
            builder = builder.time_source(time);
        }
        let operation = builder.serializer(serialize).deserializer(deserialize).build();
        Ok(Self { operation, is_standard })
    }

    /// Makes a call about `resource`; empty if it is about nothing in particular.
    pub(crate) async fn call(&self, operation: &'static str, resource: &str, wire: Wire) -> Result<Value, CallError> {
        self.operation.invoke(wire).await.map_err(|error| {
            let failed_to_connect = matches!(error, SdkError::DispatchFailure(_));
            if self.is_standard && failed_to_connect && says_no_such_host(&chain(&error)) {
                return CallError::Absent;
            }
            CallError::Api(ApiError::new(operation, resource, &error))
        })
    }
}

/// The endpoint that somebody wrote for the service, or for all.
fn endpoint_url(config: &SdkConfig, id: &str) -> Option<String> {
    let for_all = config.endpoint_url().map(ToOwned::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return for_all;
    }
    let key = ServiceConfigKey::builder().service_id(id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok();
    let for_service = key.and_then(|key| config.service_config()?.load_config(key));
    for_service.or(for_all)
}

fn standard_url(config: &SdkConfig, region: &Region, endpoint: Endpoint<'_>) -> Result<String, String> {
    if config.use_fips() == Some(true) {
        let variable = endpoint.id.to_uppercase().replace(' ', "_");
        return Err(format!(
            "FIPS endpoints are asked for, and there is no rule for their names: set AWS_ENDPOINT_URL_{variable}"
        ));
    }
    let partition = Partition::of(region.as_ref()).ok_or_else(|| {
        format!("the partition of Region `{region}` is not known to this version, and so neither are its host names")
    })?;
    Ok(format!("https://{}.{region}.{}", endpoint.prefix, partition.dns_suffix))
}

/// Whether a failure to connect is the resolver's certainty that there is no such host, in the words of glibc, musl and
/// macOS. That it cannot tell now is something else.
fn says_no_such_host(error: &str) -> bool {
    const WORDS: [&str; 3] =
        ["Name or service not known", "Name does not resolve", "nodename nor servname provided, or not known"];
    error.contains("dns error") && WORDS.iter().any(|words| error.contains(words))
}

fn serialize(wire: Wire) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(wire.body));
    request.set_method(&wire.method)?;
    request.set_uri(wire.uri)?;
    for (name, value) in wire.headers {
        request.headers_mut().try_insert(name, value)?;
    }
    Ok(request)
}

fn deserialize(response: &HttpResponse) -> Result<Value, OrchestratorError<ServiceError>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return serde_json::from_slice(body).map_err(|error| OrchestratorError::other(format!("not JSON: {error}")));
    }
    let header = response.headers().get("x-amzn-errortype");
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    Err(OrchestratorError::operation(ServiceError::read(header, &body, response.status().as_u16())))
}

/// What a service answers instead of what it was asked for.
#[derive(Debug)]
struct ServiceError(ErrorMetadata);

impl ServiceError {
    /// The code stands in a header or the body, as `namespace#Code:http://...` or a part of that.
    fn read(header: Option<&str>, body: &Value, status: u16) -> Self {
        let text = |names: &[&str]| names.iter().find_map(|name| body.get(name)?.as_str());
        let code = header.or_else(|| text(&["__type", "code", "Code"]));
        let code = code.map(|code| code.split(':').next().unwrap_or(code));
        let code = code.map(|code| code.rsplit('#').next().unwrap_or(code).to_owned());
        let message = text(&["message", "Message", "errorMessage"]);
        let mut error = ErrorMetadata::builder().code(code.unwrap_or_else(|| format!("HTTP {status}")));
        if let Some(message) = message {
            error = error.message(message);
        }
        Self(error.build())
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ServiceError {}

impl ProvideErrorMetadata for ServiceError {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        result::ConnectorError,
    };
    use serde_json::json;

    use super::*;

    #[test]
    fn a_host_that_is_not_there_is_told_from_one_that_cannot_be_looked_up_now() {
        let error = |words: &str| format!("dispatch failure: io error: dns error: failed to lookup address: {words}");
        for words in ["Name or service not known", "Name does not resolve"] {
            assert!(says_no_such_host(&error(words)), "{words}");
        }
        for words in ["Temporary failure in name resolution", "Try again", "No address associated with hostname"] {
            assert!(!says_no_such_host(&error(words)), "{words}");
        }
        assert!(!says_no_such_host("ServiceException: Name or service not known"));
    }

    /// A network in which nothing is found.
    #[derive(Debug)]
    struct Nowhere(&'static str);

    impl HttpConnector for Nowhere {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let cause = format!("dns error: failed to lookup address information: {}", self.0);
            HttpConnectorFuture::ready(Err(ConnectorError::io(cause.into())))
        }
    }

    async fn call(region: &'static str, endpoint_url: Option<&str>, words: &'static str) -> Result<Value, CallError> {
        let mut config = SdkConfig::builder()
            .region(Region::new(region))
            .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(Nowhere(words))))
            .retry_config(RetryConfig::standard().with_max_attempts(1))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "key", "secret", None, None, "test",
            )));
        config.set_endpoint_url(endpoint_url.map(ToOwned::to_owned));
        let endpoint = Endpoint { id: "Batch", prefix: "batch", signing: "batch" };
        let service = JsonService::new(&config.build(), &Arc::default(), &Arc::new(Pace::unlimited()), endpoint)
            .map_err(|problem| CallError::Api(ApiError::answer("batch", "", problem)))?;
        let wire = Wire { method: "GET".to_owned(), uri: "/".to_owned(), headers: Vec::new(), body: String::new() };
        service.call("batch:ListJobs", "", wire).await
    }

    #[tokio::test]
    async fn a_service_without_a_host_is_not_offered_there() {
        let (certain, uncertain) = ("Name or service not known", "Temporary failure in name resolution");
        assert!(matches!(call("eu-west-1", None, certain).await, Err(CallError::Absent)));
        assert!(matches!(call("eu-west-1", None, uncertain).await, Err(CallError::Api(_))));
        // Somebody may have misspelt this one.
        let written = call("eu-west-1", Some("https://batch.example"), certain).await;
        assert!(matches!(written, Err(CallError::Api(_))), "{written:?}");
        let unknown = call("moon-east-1", None, certain).await;
        assert!(
            matches!(&unknown, Err(CallError::Api(error)) if error.to_string().contains("partition")),
            "{unknown:?}"
        );
    }

    #[test]
    fn the_code_of_an_error_is_found_wherever_it_stands() {
        for (header, body) in [
            (Some("ThrottlingException:http://internal.amazon.com/"), json!({"message": "slow down"})),
            (None, json!({"__type": "com.amazonaws.batch#ThrottlingException", "Message": "slow down"})),
            (None, json!({"code": "ThrottlingException", "message": "slow down"})),
        ] {
            let error = ServiceError::read(header, &body, 400);
            assert_eq!((error.code(), error.message()), (Some("ThrottlingException"), Some("slow down")));
        }
        assert_eq!(ServiceError::read(None, &Value::Null, 502).code(), Some("HTTP 502"));
    }
}
