use serde_json::json;

use super::{
    super::fake_network::{NoHosts, Throttling, config},
    *,
};

/// Returns a service without a host.
fn absent(endpoint_url: Option<&str>, fips: bool, words: &'static str) -> JsonService {
    let mut config = config("eu-west-1", NoHosts(words));
    config
        .set_endpoint_url(endpoint_url.map(ToOwned::to_owned))
        .set_use_fips(Some(fips));
    service(&config.build(), &Arc::new(RateLimiter::unlimited())).unwrap()
}

fn service(
    config: &SdkConfig,
    rate_limiter: &Arc<RateLimiter>,
) -> Result<JsonService, ServiceConfigError> {
    let endpoint = Endpoint {
        id: "Lambda",
        prefix: "lambda",
        signing: "lambda",
    };
    JsonService::new(config, &Arc::default(), rate_limiter, endpoint)
}

async fn call(service: &JsonService) -> ApiError {
    let request = JsonRequest::get("/".to_owned());
    let answer = service.call(Operation::GetFunction, "", request).await;
    answer.unwrap_err()
}

#[tokio::test]
async fn a_service_without_a_host_is_not_offered_there() {
    let (certain, uncertain) = (
        "Name or service not known",
        "Temporary failure in name resolution",
    );
    let plain = call(&absent(None, false, certain)).await;
    assert_eq!(plain.cause, Cause::NotOffered);
    let error = plain.to_string();
    assert!(
        error.starts_with("`lambda:GetFunction` failed: ") && error.ends_with(certain),
        "{error}"
    );
    let plain = call(&absent(None, false, uncertain)).await;
    assert_eq!(plain.cause, Cause::Connection);
    // Somebody may have misspelt this one.
    let configured = call(&absent(Some("https://lambda.example"), false, certain)).await;
    assert_eq!(configured.cause, Cause::HostNotFound);
    // The service may well be there, and have no host of this kind.
    let fips = call(&absent(None, true, certain)).await;
    assert_eq!(fips.cause, Cause::HostNotFound);
    let expected = "no `https://lambda-fips.eu-west-1.amazonaws.com` is found; name another with AWS_ENDPOINT_URL_LAMBDA";
    assert!(fips.message.ends_with(expected), "{fips}");
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
    let limiter = Arc::new(RateLimiter::documented());
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
