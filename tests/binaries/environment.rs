//! Settings of AWS that are in the environment and empty: they count as not set.

use demo::acceptance;

use crate::support::{Account, run};

/// Asks only the services whose endpoints are set.
const CONFIG: &str = r#"{"in_use": {"services": false, "regions": "own"}}"#;

/// Variables of AWS tools, besides the endpoints.
const VARIABLES: &str = "AWS_ACCOUNT_ID_ENDPOINT_MODE AWS_AUTH_SCHEME_PREFERENCE AWS_CA_BUNDLE AWS_CONFIG_FILE
    AWS_CONTAINER_AUTHORIZATION_TOKEN AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
    AWS_DEFAULT_REGION AWS_EC2_METADATA_DISABLED AWS_IGNORE_CONFIGURED_ENDPOINT_URLS AWS_MAX_ATTEMPTS AWS_PROFILE
    AWS_REQUEST_CHECKSUM_CALCULATION AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES AWS_RESPONSE_CHECKSUM_VALIDATION
    AWS_RETRY_MODE AWS_ROLE_ARN AWS_ROLE_SESSION_NAME AWS_SDK_UA_APP_ID AWS_SESSION_TOKEN
    AWS_SHARED_CREDENTIALS_FILE AWS_SIGV4A_SIGNING_REGION_SET AWS_USE_DUALSTACK_ENDPOINT AWS_USE_FIPS_ENDPOINT
    AWS_WEB_IDENTITY_TOKEN_FILE HTTPS_PROXY NO_PROXY RUST_LOG ECR_CLEANUP_CONFIG_SHA256";
const SERVICES: [&str; 7] = ["ECR", "ECS", "EKS", "LAMBDA", "S3", "SNS", "STS"];

async fn account() -> Account {
    Account {
        config: CONFIG.to_owned(),
        ..Account::start(acceptance()).await
    }
}

#[tokio::test]
async fn an_empty_variable_counts_as_not_set() {
    let account = account().await;
    for variable in VARIABLES.split_whitespace() {
        let mut environment = account.environment();
        environment.insert(variable.to_owned(), String::new());
        let ended = run(&["plan", "--output", "json"], environment).await;
        assert_eq!(ended.code, Some(0), "{variable}: {ended:?}");
    }
}

#[tokio::test]
async fn an_empty_endpoint_is_none() {
    let account = account().await;
    let endpoint = account.aws.endpoint();
    // The one for all services, while each has its own.
    let mut environment = account.environment();
    environment.insert("AWS_ENDPOINT_URL".to_owned(), String::new());
    for service in SERVICES {
        environment.insert(format!("AWS_ENDPOINT_URL_{service}"), endpoint.clone());
    }
    let ended = run(&["plan", "--output", "json"], environment).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // Those of single services.
    for service in SERVICES {
        let mut environment = account.environment();
        environment.insert(format!("AWS_ENDPOINT_URL_{service}"), String::new());
        let ended = run(&["plan", "--output", "json"], environment).await;
        assert_eq!(ended.code, Some(0), "{service}: {ended:?}");
    }
}

#[tokio::test]
async fn an_empty_region_is_none() {
    let account = Account::start(acceptance()).await;
    let mut environment = account.environment();
    let region = environment.insert("AWS_REGION".to_owned(), String::new());
    environment.insert("AWS_CONFIG_FILE".to_owned(), "/dev/null".to_owned());
    let ended = run(&["plan"], environment.clone()).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended
            .errors
            .contains("no Region is configured\n  hint: pass `--region`, or set AWS_REGION"),
        "{ended:?}"
    );
    environment.insert("AWS_DEFAULT_REGION".to_owned(), region.unwrap());
    let ended = run(&["plan", "--output", "json"], environment).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
