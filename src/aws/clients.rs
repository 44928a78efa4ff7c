//! Clients, built once, before the first event.

use std::{env, num::NonZeroU32, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::{Value, json};

use super::{
    ApiError, Bucket, CallCounter, Endpoint, JsonService, Wire,
    counter::Counting,
    https,
    pace::{Pace, Slowing},
    role::RoleCredentials,
};
use crate::{
    config::{Fetch, Role},
    image::{AwsNameError, Registry, Time},
    kubernetes::Patience,
};

/// How calls are made: the time they get, how often they are tried, whether they are paced.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Attempts of a call, the first included.
    pub attempts: u32,
    /// The wait before the first retry; it doubles from there, with jitter.
    pub first_backoff: Duration,
    /// Time for one attempt.
    pub attempt_timeout: Duration,
    /// Time for all attempts of a call together.
    pub operation_timeout: Duration,
    /// Whether calls keep below the documented rates.
    pub paced: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_backoff: Duration::from_millis(500),
            attempt_timeout: Duration::from_secs(10),
            operation_timeout: Duration::from_secs(40),
            paced: true,
        }
    }
}

/// The clients for one account and Region.
#[derive(Clone)]
pub struct Clients {
    /// Amazon ECR.
    pub ecr: aws_sdk_ecr::Client,
    /// Amazon ECS.
    pub ecs: aws_sdk_ecs::Client,
    /// Amazon EKS.
    pub eks: aws_sdk_eks::Client,
    sts: aws_sdk_sts::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) sns: aws_sdk_sns::Client,
    /// How many calls all of them made.
    pub calls: Arc<CallCounter>,
    /// How long and how often the API servers of clusters are asked.
    pub patience: Patience,
    config: SdkConfig,
    paced: bool,
    pace: Arc<Pace>,
    clock: fn() -> Time,
}

/// Who the program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The registry that belongs to the caller's account and Region.
    pub registry: Registry,
    /// The caller's ARN.
    pub arn: String,
}

impl Clients {
    /// Clients from the environment, as every AWS tool finds its credentials, Region and endpoint.
    pub async fn from_environment(tuning: Tuning) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(tuning.attempt_timeout)
            .operation_timeout(tuning.operation_timeout)
            .build();
        // Whoever sets the SDK's own variable knows better.
        let attempts = env::var("AWS_MAX_ATTEMPTS")
            .ok()
            .and_then(|attempts| attempts.parse::<NonZeroU32>().ok());
        let retries = RetryConfig::standard()
            .with_max_attempts(attempts.map_or(tuning.attempts, NonZeroU32::get))
            .with_initial_backoff(tuning.first_backoff);
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(https::client())
            .timeout_config(timeouts)
            .retry_config(retries)
            .load()
            .await;
        Self::new(&config, tuning.paced)
    }

    /// Clients from a configuration of the SDK that says everything already, but maybe what calls are made with.
    #[must_use]
    pub fn new(config: &SdkConfig, paced: bool) -> Self {
        let client = config.http_client().unwrap_or_else(https::client);
        let config = config.to_builder().http_client(client).build();
        Self::counted(&config, paced, Arc::new(CallCounter::default()))
    }

    fn counted(config: &SdkConfig, paced: bool, calls: Arc<CallCounter>) -> Self {
        let counting = Counting(Arc::clone(&calls));
        let pace = Arc::new(if paced {
            Pace::documented()
        } else {
            Pace::unlimited()
        });
        let slowing = Slowing(Arc::clone(&pace));
        let ecr = aws_sdk_ecr::config::Builder::from(config)
            .interceptor(counting.clone())
            .interceptor(slowing.clone())
            .build();
        let ecs = aws_sdk_ecs::config::Builder::from(config)
            .interceptor(counting.clone())
            .interceptor(slowing.clone())
            .build();
        let eks = aws_sdk_eks::config::Builder::from(config)
            .interceptor(counting.clone())
            .interceptor(slowing)
            .build();
        let sts = aws_sdk_sts::config::Builder::from(config)
            .interceptor(counting.clone())
            .build();
        let s3 = aws_sdk_s3::config::Builder::from(config)
            .interceptor(counting.clone())
            .build();
        let sns = aws_sdk_sns::config::Builder::from(config)
            .interceptor(counting)
            .build();
        Self {
            ecr: aws_sdk_ecr::Client::from_conf(ecr),
            ecs: aws_sdk_ecs::Client::from_conf(ecs),
            eks: aws_sdk_eks::Client::from_conf(eks),
            sts: aws_sdk_sts::Client::from_conf(sts),
            s3: aws_sdk_s3::Client::from_conf(s3),
            sns: aws_sdk_sns::Client::from_conf(sns),
            calls,
            patience: Patience::default(),
            config: config.clone(),
            paced,
            pace,
            clock: || Time::from(jiff::Timestamp::now()),
        }
    }

    /// Clients that act as a role, in the same Region. `session` is what the role's account calls the caller.
    ///
    /// # Errors
    /// Where the role cannot be assumed.
    pub(crate) async fn as_role(&self, role: &Role, session: &str) -> Result<Self, ApiError> {
        let credentials = RoleCredentials::new(self.sts.clone(), role.clone(), session.to_owned());
        credentials.credentials().await?;
        let credentials = SharedCredentialsProvider::new(credentials);
        Ok(self.like(
            &self
                .config
                .to_builder()
                .credentials_provider(credentials)
                .build(),
        ))
    }

    /// The same clients in another Region.
    #[must_use]
    pub(crate) fn in_region(&self, region: &str) -> Self {
        self.like(
            &self
                .config
                .to_builder()
                .region(Region::new(region.to_owned()))
                .build(),
        )
    }

    /// Clients that count together with these, and keep a pace of their own.
    fn like(&self, config: &SdkConfig) -> Self {
        let Self {
            patience, clock, ..
        } = *self;
        Self {
            patience,
            clock,
            ..Self::counted(config, self.paced, Arc::clone(&self.calls))
        }
    }

    /// The same clients with another clock, for a simulated account that lives at another time.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Time) -> Self {
        self.clock = clock;
        self
    }

    /// The same clients with another patience for the API servers of clusters.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// What tokens for clusters are signed with, if there are credentials at all.
    pub(crate) fn credentials(&self) -> Option<SharedCredentialsProvider> {
        self.config.credentials_provider()
    }

    /// A service without a client of its own.
    ///
    /// # Errors
    /// Where it cannot be reached with this configuration, in words.
    pub(crate) fn json_service(&self, endpoint: Endpoint<'_>) -> Result<JsonService, String> {
        JsonService::new(&self.config, &self.calls, &self.pace, endpoint)
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Time {
        (self.clock)()
    }

    /// What tells the time.
    pub(crate) const fn clock(&self) -> fn() -> Time {
        self.clock
    }

    /// Waits until a call of this kind keeps below its rate.
    pub(crate) async fn paced(&self, bucket: Bucket) {
        self.pace.wait(bucket).await;
    }

    /// Who the program is, and so which registry is its own.
    ///
    /// # Errors
    /// Where there are no credentials, no Region, or no answer.
    pub async fn identity(&self) -> Result<Identity, ApiError> {
        const OPERATION: &str = "sts:GetCallerIdentity";
        let missing = |what: &str| ApiError::answer(OPERATION, "", format!("no {what}"));
        let region = self
            .config
            .region()
            .map(Region::as_ref)
            .ok_or_else(|| missing("Region is configured; set AWS_REGION"))?;
        let answer = self
            .sts
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| ApiError::new(OPERATION, "", &error))?;
        let account = answer
            .account()
            .ok_or_else(|| missing("account in the answer"))?;
        let invalid = |error: AwsNameError| ApiError::answer(OPERATION, "", error.to_string());
        let registry = Registry {
            account: account.parse().map_err(invalid)?,
            region: region.parse().map_err(invalid)?,
        };
        Ok(Identity {
            registry,
            arn: answer.arn().unwrap_or_default().to_owned(),
        })
    }

    /// The value of a parameter of SSM.
    async fn parameter(&self, name: &str) -> Result<String, ApiError> {
        const OPERATION: &str = "ssm:GetParameter";
        let service = self.json_service(Endpoint {
            id: "SSM",
            prefix: "ssm",
            signing: "ssm",
        });
        let service = service.map_err(|problem| ApiError::answer(OPERATION, name, problem))?;
        let answer = service.call(OPERATION, name, parameter(name)).await?;
        let value = answer.pointer("/Parameter/Value").and_then(Value::as_str);
        value
            .map(ToOwned::to_owned)
            .ok_or_else(|| ApiError::answer(OPERATION, name, "the parameter has no value"))
    }
}

/// The request for a parameter of SSM.
fn parameter(name: &str) -> Wire {
    Wire::json(
        "1.1",
        "AmazonSSM.GetParameter".to_owned(),
        &json!({"Name": name, "WithDecryption": true}),
    )
}

impl Fetch for Clients {
    type Error = ApiError;

    async fn s3(&self, bucket: &str, key: &str) -> Result<Vec<u8>, ApiError> {
        let name = format!("s3://{bucket}/{key}");
        let object = self.s3.get_object().bucket(bucket).key(key).send().await;
        let object = object.map_err(|error| ApiError::new("s3:GetObject", &name, &error))?;
        let bytes = object.body.collect().await;
        bytes
            .map(aws_smithy_types::byte_stream::AggregatedBytes::to_vec)
            .map_err(|error| ApiError::answer("s3:GetObject", &name, error.to_string()))
    }

    async fn ssm(&self, name: &str) -> Result<String, ApiError> {
        self.parameter(name).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_asked_for_as_the_sdks_do() {
        let models: Value =
            serde_json::from_str(include_str!("../../tests/moto/aws_models.json")).unwrap();
        let Wire {
            method,
            uri,
            headers,
            body,
        } = parameter("/ecr-cleanup/configuration");
        let body: Value = serde_json::from_str(&body).unwrap();
        let (content_type, target) = (&headers[0], &headers[1]);
        assert_eq!((content_type.0, target.0), ("content-type", "x-amz-target"));
        let request = json!({
            "method": method, "uri": uri, "body": body, "content_type": content_type.1, "target": target.1,
        });
        assert_eq!(request, models["requests"]["ssm:GetParameter"]);
    }
}
