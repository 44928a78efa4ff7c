use serde_json::json;

use super::{
    super::fake_network::{NoHosts, Throttling, config},
    *,
};

const LAMBDA: Endpoint<'static> = Endpoint {
    id: "Lambda",
    prefix: "lambda",
    signing: "lambda",
};
const APP_RUNNER: Endpoint<'static> = Endpoint {
    id: "AppRunner",
    prefix: "apprunner",
    signing: "apprunner",
};

/// Returns why a service without a host does not answer.
async fn without_a_host(
    endpoint: Endpoint<'_>,
    (region, fips): (&'static str, bool),
    endpoint_url: Option<&str>,
    words: &'static str,
) -> ApiError {
    let mut config = config(region, NoHosts(words));
    config
        .set_endpoint_url(endpoint_url.map(ToOwned::to_owned))
        .set_use_fips(Some(fips));
    let limiter = Arc::new(RateLimiter::unlimited());
    let service = JsonService::new(&config.build(), &Arc::default(), &limiter, endpoint);
    call(&service.unwrap()).await
}

fn service(
    config: &SdkConfig,
    rate_limiter: &Arc<RateLimiter>,
) -> Result<JsonService, ServiceConfigError> {
    JsonService::new(config, &Arc::default(), rate_limiter, LAMBDA)
}

async fn call(service: &JsonService) -> ApiError {
    let request = JsonRequest::get("/".to_owned());
    let answer = service.call(Operation::GetFunction, "", request).await;
    answer.unwrap_err()
}

/// A resolver that answers for a list of names says of every other that it does not exist (U11).
#[tokio::test]
async fn a_host_that_is_not_found_is_a_failure_where_the_region_has_the_service() {
    let (gone, uncertain) = (
        "Name or service not known",
        "Temporary failure in name resolution",
    );
    let cause = async |endpoint, region, url, words| {
        let error = without_a_host(endpoint, (region, false), url, words);
        error.await.cause
    };
    let lambda = cause(LAMBDA, "eu-west-1", None, gone).await;
    assert_eq!(lambda, Cause::HostNotFound);
    let offered = cause(APP_RUNNER, "eu-west-1", None, gone).await;
    assert_eq!(offered, Cause::HostNotFound);
    let not_offered = cause(APP_RUNNER, "eu-north-1", None, gone).await;
    assert_eq!(not_offered, Cause::NotOffered);
    let unknown = cause(APP_RUNNER, "eu-north-1", None, uncertain).await;
    assert_eq!(unknown, Cause::Connection);
    // Somebody may have misspelt this one.
    let url = Some("https://apprunner.example");
    let configured = cause(APP_RUNNER, "eu-north-1", url, gone).await;
    assert_eq!(configured, Cause::HostNotFound);
    let error = without_a_host(LAMBDA, ("eu-west-1", true), None, gone).await;
    let expected = "no `https://lambda-fips.eu-west-1.amazonaws.com` is found; let the resolver find it, or name another with AWS_ENDPOINT_URL_LAMBDA";
    assert!(error.message.ends_with(expected), "{error}");
}

#[test]
fn a_region_that_no_partition_has_is_refused() {
    let config = config("moon-east-1", NoHosts("")).build();
    let refused = service(&config, &Arc::new(RateLimiter::unlimited()));
    let refused = refused.err().unwrap().to_string();
    assert!(
        refused.starts_with("the partition of Region `moon-east-1` is not known"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_throttled_call_slows_down_its_own_bucket() {
    let config = config("eu-west-1", Throttling).build();
    let limiter = Arc::new(RateLimiter::new(crate::config::AwsRates::default()));
    let rates = || {
        [Operation::ListFunctions, Operation::GetFunction]
            .map(|operation| limiter.rate(operation).unwrap())
    };
    let [list, get] = rates();
    let error = call(&service(&config, &limiter).unwrap()).await;
    assert_eq!(error.code.as_deref(), Some("TooManyRequestsException"));
    let [list_after, get_after] = rates();
    assert!(
        list_after >= list && get_after < get,
        "{list} {get}, then {list_after} {get_after}"
    );
}

#[test]
fn the_code_of_an_error_is_found_wherever_it_stands() {
    let header = Some("ThrottlingException:http://internal.amazon.com/");
    let (code, qualified) = (
        "ThrottlingException",
        "com.amazonaws.batch#ThrottlingException",
    );
    for (header, body) in [
        (header, json!({"message": "slow down"})),
        (None, json!({"__type": qualified, "Message": "slow down"})),
        (None, json!({"code": code, "message": "slow down"})),
    ] {
        let error = ServiceError::read(header, &body, 400);
        let found = (error.code(), error.message());
        assert_eq!(found, (Some(code), Some("slow down")));
    }
    let status = ServiceError::read(None, &Value::Null, 502);
    assert_eq!(status.code(), Some("HTTP 502"));
}
