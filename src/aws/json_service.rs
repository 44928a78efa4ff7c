//! Services without a client in the SDK: signed requests with answers in JSON, or in XML that is read
//! as JSON.
//!
//! They are made by the runtime of the SDK's clients, so that retries, time limits, endpoints and
//! counts are the same. An answer is returned as it came, since a client drops every field that its
//! version does not know.

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
    orchestrator::operation::{Operation as Orchestrator, OperationBuilder},
    retries::{
        RetryPartition,
        classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
    },
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{
            AuthSchemeOptionResolverParams, SharedAuthSchemeOptionResolver,
            static_resolver::StaticAuthSchemeOptionResolver,
        },
        behavior_version::BehaviorVersion,
        interceptors::{Intercept, context::BeforeSerializationInterceptorContextRef},
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
        runtime_components::RuntimeComponentsBuilder,
        runtime_plugin::StaticRuntimePlugin,
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::{ConfigBag, Layer},
    error::metadata::{ErrorMetadata, ProvideErrorMetadata},
    retry::RetryConfig,
};
use aws_types::{
    SigningName,
    region::{Region, SigningRegion},
};
use serde_json::Value;

use super::{
    ApiError, CallCounter, Cause, CountInterceptor, Endpoint, JsonRequest, Operation,
    call::call,
    endpoint::{Address, ServiceConfigError},
    rate_limit::{RateLimiter, ThrottleInterceptor},
    xml,
};

/// Input of the orchestrator: an operation and its request.
type Input = (Operation, JsonRequest);

pub(crate) struct JsonService {
    orchestrator: Orchestrator<Input, Value, ServiceError>,
    rate_limiter: Arc<RateLimiter>,
    address: Address,
    /// The environment variable that sets another endpoint.
    variable: String,
}

impl JsonService {
    /// Makes a client for the service at an endpoint.
    pub(super) fn new(
        config: &SdkConfig,
        calls: &Arc<CallCounter>,
        rate_limiter: &Arc<RateLimiter>,
        endpoint: Endpoint<'_>,
    ) -> Result<Self, ServiceConfigError> {
        let region = config.region().ok_or(ServiceConfigError::NoRegion)?;
        let address = endpoint.address(config, region)?;
        let orchestrator = orchestrator(config, endpoint, region, &address)?
            .interceptor(OperationNameInterceptor)
            .interceptor(CountInterceptor(Arc::clone(calls)))
            .interceptor(ThrottleInterceptor(Arc::clone(rate_limiter)));
        Ok(Self {
            orchestrator: orchestrator
                .serializer(serialize)
                .deserializer(deserialize)
                .build(),
            rate_limiter: Arc::clone(rate_limiter),
            address,
            variable: endpoint.variable(),
        })
    }

    /// Makes a call about `resource`, which is empty if it is about nothing in particular.
    ///
    /// # Errors
    /// If the call fails; with [`Cause::NotOffered`] if the Region does not have the service.
    pub(crate) async fn call(
        &self,
        operation: Operation,
        resource: &str,
        request: JsonRequest,
    ) -> Result<Value, ApiError> {
        let sent = self.orchestrator.invoke((operation, request));
        let answer = call(&self.rate_limiter, operation, resource, sent).await;
        answer.map_err(|error| match error.cause {
            Cause::HostNotFound if self.address.shows_absence => ApiError {
                cause: Cause::NotOffered,
                ..error
            },
            Cause::HostNotFound => self.with_hint(error),
            _ => error,
        })
    }

    /// Adds to an error that the endpoint may be another one.
    fn with_hint(&self, mut error: ApiError) -> ApiError {
        let (url, variable) = (&self.address.url, &self.variable);
        error.message += &format!(
            ": no `{url}` is found; let the resolver find it, or name another with {variable}"
        );
        error
    }
}

/// Returns a builder of calls that are signed, retried and limited in time as those of the SDK's
/// clients.
fn orchestrator(
    config: &SdkConfig,
    endpoint: Endpoint<'_>,
    region: &Region,
    address: &Address,
) -> Result<OperationBuilder, ServiceConfigError> {
    Ok(unsigned(config, &address.url)
        .service_name(endpoint.id.to_owned())
        .operation_name("call")
        .retry_classifier(AwsErrorCodeClassifier::<ServiceError>::new())
        .retry_classifier(TransientErrorClassifier::<ServiceError>::new())
        .with_connection_poisoning()
        .runtime_plugin(signing(config, endpoint, region)?))
}

/// Returns a builder of calls to an address that are retried and limited in time as those of the
/// SDK's clients.
pub(super) fn unsigned(config: &SdkConfig, url: &str) -> OperationBuilder {
    let retries = config.retry_config().cloned();
    let behavior = config.behavior_version();
    let mut builder = Orchestrator::builder()
        .behavior_version(behavior.unwrap_or_else(BehaviorVersion::v2026_01_12))
        .endpoint_url(url)
        .standard_retry(&retries.unwrap_or_else(RetryConfig::standard))
        .retry_classifier(HttpStatusCodeClassifier::default());
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
    builder
}

/// Returns what signs calls to a service.
fn signing(
    config: &SdkConfig,
    endpoint: Endpoint<'_>,
    region: &Region,
) -> Result<StaticRuntimePlugin, ServiceConfigError> {
    let credentials = config
        .credentials_provider()
        .ok_or(ServiceConfigError::NoCredentials)?;
    let mut settings = Layer::new("signing");
    settings.store_put(AuthSchemeOptionResolverParams::new(()));
    // What may be tried again is counted for each Region, as the SDK's clients do.
    settings.store_put(RetryPartition::new(format!("{}-{region}", endpoint.id)));
    settings.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(region.clone())),
        name: Some(SigningName::from(endpoint.signing.to_owned())),
        ..SigV4OperationSigningConfig::default()
    });
    let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    let components = RuntimeComponentsBuilder::new("signing")
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)))
        .with_identity_resolver(SCHEME_ID, credentials)
        .with_identity_cache(config.identity_cache());
    Ok(StaticRuntimePlugin::new()
        .with_config(settings.freeze())
        .with_runtime_components(components))
}

/// Says which operation a call is, since the runtime knows one name for all of a service.
#[derive(Debug)]
struct OperationNameInterceptor;

impl Intercept for OperationNameInterceptor {
    fn name(&self) -> &'static str {
        "OperationNameInterceptor"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input().downcast_ref::<Input>();
        let (operation, _) = input.ok_or("the input is no call")?;
        config.interceptor_state().store_put(*operation);
        Ok(())
    }
}

fn serialize((_, request): Input) -> Result<HttpRequest, BoxError> {
    let mut http = HttpRequest::new(SdkBody::from(request.body));
    http.set_method(&request.method)?;
    http.set_uri(request.uri)?;
    for (name, value) in request.headers {
        http.headers_mut().try_insert(name, value)?;
    }
    Ok(http)
}

fn deserialize(response: &HttpResponse) -> Result<Value, OrchestratorError<ServiceError>> {
    let body = response.body().bytes().unwrap_or_default();
    let body = if body.starts_with(b"<") {
        xml::read(body).map_err(|error| format!("not XML: {error}"))
    } else {
        serde_json::from_slice(body).map_err(|error| format!("not JSON: {error}"))
    };
    if response.status().is_success() {
        return body.map_err(OrchestratorError::other);
    }
    let header = response.headers().get("x-amzn-errortype");
    let body = body.unwrap_or_default();
    Err(OrchestratorError::operation(ServiceError::read(
        header,
        &body,
        response.status().as_u16(),
    )))
}

/// The error that a service answers with.
#[derive(Debug)]
struct ServiceError(ErrorMetadata);

impl ServiceError {
    /// Reads the error of an answer. Its code stands in a header or the body, as
    /// `namespace#Code:http://...` or a part of that.
    fn read(header: Option<&str>, body: &Value, status: u16) -> Self {
        // In XML, it is a part of the body.
        let body = body.get("Error").unwrap_or(body);
        let text = |names: &[&str]| names.iter().find_map(|name| body.get(name)?.as_str());
        let code = header.or_else(|| text(&["__type", "code", "Code"]));
        let code = code.map(|code| code.split(':').next().unwrap_or(code));
        let code = code.map(|code| code.rsplit('#').next().unwrap_or(code).to_owned());
        let message = text(&["message", "Message", "errorMessage"]);
        let mut error =
            ErrorMetadata::builder().code(code.unwrap_or_else(|| format!("HTTP {status}")));
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
mod tests;
