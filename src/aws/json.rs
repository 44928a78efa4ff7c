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
        orchestrator::{HttpRequest, HttpResponse, Metadata, OrchestratorError},
        result::SdkError,
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
use aws_types::{SigningName, region::SigningRegion};
use serde_json::Value;

use super::{
    ApiError, CallCounter, Counting, Endpoint, Wire,
    endpoint::Address,
    error::chain,
    pace::{Pace, Slowing},
};

/// Why a call gave no answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The service is not offered in this Region: there is no host of that name.
    Absent(ApiError),
    /// All else.
    Api(ApiError),
}

/// For a service that is offered everywhere: that there is no host is a failure like any other.
impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Absent(error) | CallError::Api(error) => error,
        }
    }
}

/// A call: its operation, and the request.
type Call = (&'static str, Wire);

/// A service in one account and Region.
pub(crate) struct JsonService {
    operation: Operation<Call, Value, ServiceError>,
    address: Address,
    /// The variable that names another endpoint.
    variable: String,
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
        let region = config
            .region()
            .cloned()
            .ok_or("no Region is configured; set AWS_REGION")?;
        let address = endpoint.address(config, &region)?;
        let credentials = config
            .credentials_provider()
            .ok_or("there are no AWS credentials")?;
        let mut signing = Layer::new("signing");
        signing.store_put(AuthSchemeOptionResolverParams::new(()));
        // What may be tried again is counted for each Region, as the SDK's clients do.
        signing.store_put(RetryPartition::new(format!("{}-{region}", endpoint.id)));
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
        let signing = StaticRuntimePlugin::new()
            .with_config(signing.freeze())
            .with_runtime_components(components);

        let retries = config
            .retry_config()
            .cloned()
            .unwrap_or_else(RetryConfig::standard);
        let mut builder = Operation::builder()
            .service_name(endpoint.id.to_owned())
            .operation_name("call")
            .behavior_version(
                config
                    .behavior_version()
                    .unwrap_or_else(BehaviorVersion::v2026_01_12),
            )
            .endpoint_url(&address.url)
            .standard_retry(&retries)
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(AwsErrorCodeClassifier::<ServiceError>::new())
            .retry_classifier(TransientErrorClassifier::<ServiceError>::new())
            .interceptor(Naming(endpoint.id.to_owned()))
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
        let operation = builder
            .serializer(serialize)
            .deserializer(deserialize)
            .build();
        Ok(Self {
            operation,
            address,
            variable: endpoint.variable(),
        })
    }

    /// Makes a call about `resource`; empty if it is about nothing in particular.
    pub(crate) async fn call(
        &self,
        operation: &'static str,
        resource: &str,
        wire: Wire,
    ) -> Result<Value, CallError> {
        self.operation
            .invoke((operation, wire))
            .await
            .map_err(|error| {
                let failed_to_connect = matches!(error, SdkError::DispatchFailure(_));
                let no_such_host = failed_to_connect && says_no_such_host(&chain(&error));
                let error = ApiError::new(operation, resource, &error);
                match (no_such_host, self.address.tells_absence) {
                    (true, true) => CallError::Absent(error),
                    (true, false) => {
                        let (url, variable) = (&self.address.url, &self.variable);
                        let message = format!(
                            "{}: no `{url}` is found; name another with {variable}",
                            error.message
                        );
                        CallError::Api(ApiError { message, ..error })
                    }
                    (false, _) => CallError::Api(error),
                }
            })
    }
}

/// The interceptor that says which operation a call is, where the runtime knows one for all: the pace follows it.
#[derive(Debug)]
struct Naming(String);

impl Intercept for Naming {
    fn name(&self) -> &'static str {
        "Naming"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (operation, _) = context
            .input()
            .downcast_ref::<Call>()
            .ok_or("the input is no call")?;
        let (_, name) = operation.split_once(':').unwrap_or(("", operation));
        config
            .interceptor_state()
            .store_put(Metadata::new(name, self.0.clone()));
        Ok(())
    }
}

/// Whether a failure to connect is the resolver's certainty that there is no such host, in the words of glibc, musl and
/// macOS. That it cannot tell now is something else. So is that it does not find a proxy, which stands behind a
/// `tunnel error`: that says nothing of the host.
fn says_no_such_host(error: &str) -> bool {
    const WORDS: [&str; 3] = [
        "Name or service not known",
        "Name does not resolve",
        "nodename nor servname provided, or not known",
    ];
    error.contains("client error (Connect): dns error: ")
        && WORDS.iter().any(|words| error.contains(words))
}

fn serialize((_, wire): Call) -> Result<HttpRequest, BoxError> {
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
        return serde_json::from_slice(body)
            .map_err(|error| OrchestratorError::other(format!("not JSON: {error}")));
    }
    let header = response.headers().get("x-amzn-errortype");
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    Err(OrchestratorError::operation(ServiceError::read(
        header,
        &body,
        response.status().as_u16(),
    )))
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
mod tests {
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use aws_smithy_runtime_api::client::{
        http::{
            HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
            http_client_fn,
        },
        result::ConnectorError,
    };
    use aws_types::region::Region;
    use serde_json::json;

    use super::{super::Bucket, *};

    #[test]
    fn a_host_that_is_not_there_is_told_from_one_that_cannot_be_looked_up_now() {
        let connect = "dispatch failure: io error: client error (Connect)";
        let error = |words: &str| {
            format!("{connect}: dns error: failed to lookup address information: {words}")
        };
        for words in ["Name or service not known", "Name does not resolve"] {
            assert!(says_no_such_host(&error(words)), "{words}");
        }
        for words in [
            "Temporary failure in name resolution",
            "Try again",
            "No address associated with hostname",
        ] {
            assert!(!says_no_such_host(&error(words)), "{words}");
        }
        assert!(!says_no_such_host(
            "ServiceException: Name or service not known"
        ));
        let proxy = format!(
            "{connect}: tunnel error: failed to create underlying connection: dns error: failed to lookup address \
             information: Name or service not known"
        );
        assert!(!says_no_such_host(&proxy));
    }

    /// A network in which nothing is found.
    #[derive(Debug)]
    struct Nowhere(&'static str);

    impl HttpConnector for Nowhere {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let cause = format!(
                "client error (Connect): dns error: failed to lookup address information: {}",
                self.0
            );
            HttpConnectorFuture::ready(Err(ConnectorError::io(cause.into())))
        }
    }

    /// A service without a host.
    fn absent(
        region: &'static str,
        endpoint_url: Option<&str>,
        fips: bool,
        words: &'static str,
    ) -> JsonService {
        let client = http_client_fn(move |_, _| SharedHttpConnector::new(Nowhere(words)));
        let mut config = config(region, client);
        config
            .set_endpoint_url(endpoint_url.map(ToOwned::to_owned))
            .set_use_fips(Some(fips));
        service(&config.build(), &Arc::new(Pace::unlimited())).unwrap()
    }

    fn config(region: &'static str, client: SharedHttpClient) -> aws_types::sdk_config::Builder {
        let credentials = Credentials::new("key", "secret", None, None, "test");
        SdkConfig::builder()
            .region(Region::new(region))
            .http_client(client)
            .retry_config(RetryConfig::standard().with_max_attempts(1))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
    }

    fn service(config: &SdkConfig, pace: &Arc<Pace>) -> Result<JsonService, String> {
        let endpoint = Endpoint {
            id: "Lambda",
            prefix: "lambda",
            signing: "lambda",
        };
        JsonService::new(config, &Arc::default(), pace, endpoint)
    }

    async fn call(service: &JsonService) -> Result<Value, CallError> {
        service
            .call("lambda:GetFunction", "", Wire::get("/".to_owned()))
            .await
    }

    #[tokio::test]
    async fn a_service_without_a_host_is_not_offered_there() {
        let (certain, uncertain) = (
            "Name or service not known",
            "Temporary failure in name resolution",
        );
        let plain = call(&absent("eu-west-1", None, false, certain)).await;
        assert!(matches!(plain, Err(CallError::Absent(_))), "{plain:?}");
        // What is offered everywhere is not absent: it cannot be asked.
        let error = ApiError::from(plain.unwrap_err()).to_string();
        assert!(
            error.starts_with("`lambda:GetFunction` failed: ") && error.ends_with(certain),
            "{error}"
        );
        let plain = call(&absent("eu-west-1", None, false, uncertain)).await;
        assert!(matches!(plain, Err(CallError::Api(_))), "{plain:?}");
        // Somebody may have misspelt this one.
        let written = call(&absent(
            "eu-west-1",
            Some("https://lambda.example"),
            false,
            certain,
        ))
        .await;
        assert!(matches!(written, Err(CallError::Api(_))), "{written:?}");
        // The service may well be there, and have no host of this kind.
        let Err(CallError::Api(fips)) = call(&absent("eu-west-1", None, true, certain)).await
        else {
            panic!()
        };
        let expected = "no `https://lambda-fips.eu-west-1.amazonaws.com` is found; name another with AWS_ENDPOINT_URL_LAMBDA";
        assert!(fips.message.ends_with(expected), "{fips}");
    }

    #[test]
    fn a_region_that_no_partition_has_is_refused() {
        let client = http_client_fn(|_, _| SharedHttpConnector::new(Nowhere("")));
        let refused = service(
            &config("moon-east-1", client).build(),
            &Arc::new(Pace::unlimited()),
        )
        .err()
        .unwrap();
        assert!(
            refused.starts_with("the partition of Region `moon-east-1` is not known"),
            "{refused}"
        );
    }

    /// A service that is asked too often.
    #[derive(Debug)]
    struct Throttling;

    impl HttpConnector for Throttling {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let body = SdkBody::from(r#"{"message": "Rate exceeded"}"#);
            let mut response = HttpResponse::new(429.try_into().unwrap(), body);
            response
                .headers_mut()
                .insert("x-amzn-errortype", "TooManyRequestsException");
            HttpConnectorFuture::ready(Ok(response))
        }
    }

    #[tokio::test]
    async fn a_throttled_call_slows_down_its_own_bucket() {
        let config = config(
            "eu-west-1",
            http_client_fn(|_, _| SharedHttpConnector::new(Throttling)),
        )
        .build();
        let pace = Arc::new(Pace::documented());
        let rates =
            || [Bucket::Lambda, Bucket::LambdaGetFunction].map(|bucket| pace.rate(bucket).unwrap());
        let [list, get] = rates();
        let Err(CallError::Api(error)) = call(&service(&config, &pace).unwrap()).await else {
            panic!()
        };
        assert_eq!(error.code.as_deref(), Some("TooManyRequestsException"));
        let [list_after, get_after] = rates();
        assert!(
            list_after >= list && get_after < get,
            "{list} {get}, then {list_after} {get_after}"
        );
    }

    #[test]
    fn the_code_of_an_error_is_found_wherever_it_stands() {
        for (header, body) in [
            (
                Some("ThrottlingException:http://internal.amazon.com/"),
                json!({"message": "slow down"}),
            ),
            (
                None,
                json!({"__type": "com.amazonaws.batch#ThrottlingException", "Message": "slow down"}),
            ),
            (
                None,
                json!({"code": "ThrottlingException", "message": "slow down"}),
            ),
        ] {
            let error = ServiceError::read(header, &body, 400);
            assert_eq!(
                (error.code(), error.message()),
                (Some("ThrottlingException"), Some("slow down"))
            );
        }
        assert_eq!(
            ServiceError::read(None, &Value::Null, 502).code(),
            Some("HTTP 502")
        );
    }
}
