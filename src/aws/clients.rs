//! The clients of AWS, made once, before the first event.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};

use super::{
    ApiError, CallCounter, CallerChoice, CountInterceptor, Endpoint, JsonService, Operation,
    endpoint::ServiceConfigError,
    environment, https,
    rate_limit::{RateLimiter, RateMemory, ThrottleInterceptor},
    recorded::{Answers, RecordedNetwork},
    role::RoleCredentials,
};
use crate::{
    cache::Caches,
    config::{AwsRates, Role},
    image::{Arn, AwsNameError, Registry, Time},
};

/// Options of calls.
#[derive(Debug, Clone, Copy)]
pub struct ClientOptions {
    /// Attempts of a call, the first included.
    pub attempts: u32,
    /// The wait before the first retry; it doubles from there, with jitter.
    pub first_backoff: Duration,
    /// The timeout of one attempt.
    pub attempt_timeout: Duration,
    /// The timeout of all attempts of a call together.
    pub operation_timeout: Duration,
    /// Whether calls keep below the documented rates.
    pub rate_limited: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_backoff: Duration::from_millis(500),
            attempt_timeout: Duration::from_secs(10),
            operation_timeout: Duration::from_secs(40),
            rate_limited: true,
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
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) s3: aws_sdk_s3::Client,
    pub(crate) sns: aws_sdk_sns::Client,
    /// The calls that all of them made.
    pub(crate) calls: Arc<CallCounter>,
    pub(super) config: SdkConfig,
    /// Role that was assumed.
    role: Option<Arn>,
    pub(super) rate_limiter: Arc<RateLimiter>,
    clock: fn() -> Time,
    /// Network that keeps answers or gives them again, if it is one.
    network: Option<RecordedNetwork>,
    /// Time at which the answers that it gives again were kept.
    kept_at: Option<Time>,
}

/// The caller, as AWS knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The registry that belongs to the caller's account and Region.
    pub registry: Registry,
    /// The caller's ARN.
    pub arn: String,
}

impl Clients {
    /// Makes clients from the environment, which is where every AWS tool finds credentials, Region
    /// and endpoint.
    pub async fn from_environment(options: ClientOptions) -> Self {
        Self::chosen(options, &CallerChoice::default()).await
    }

    /// Makes clients as [`Self::from_environment`] does, but for what a person chose.
    pub async fn chosen(options: ClientOptions, caller: &CallerChoice) -> Self {
        let config = environment::config(options, caller).await;
        Self::new(&config, options.rate_limited)
    }

    /// Makes clients from a complete configuration of the SDK, in which only the HTTP client may be
    /// missing.
    #[must_use]
    pub fn new(config: &SdkConfig, rate_limited: bool) -> Self {
        let client = config.http_client().unwrap_or_else(https::client);
        let config = config.to_builder().http_client(client).build();
        let limiter = if rate_limited {
            RateLimiter::new(AwsRates::default())
        } else {
            RateLimiter::unlimited()
        };
        Self::counted(&config, limiter, Arc::new(CallCounter::default()), None)
    }

    fn counted(
        config: &SdkConfig,
        limiter: RateLimiter,
        calls: Arc<CallCounter>,
        network: Option<RecordedNetwork>,
    ) -> Self {
        let limiter = Arc::new(limiter);
        let counts = CountInterceptor(Arc::clone(&calls));
        let throttles = ThrottleInterceptor(Arc::clone(&limiter));
        let ecr = aws_sdk_ecr::config::Builder::from(config)
            .interceptor(counts.clone())
            .interceptor(throttles.clone());
        let ecs = aws_sdk_ecs::config::Builder::from(config)
            .interceptor(counts.clone())
            .interceptor(throttles.clone());
        let eks = aws_sdk_eks::config::Builder::from(config)
            .interceptor(counts.clone())
            .interceptor(throttles);
        let sts = aws_sdk_sts::config::Builder::from(config).interceptor(counts.clone());
        let s3 = aws_sdk_s3::config::Builder::from(config)
            .interceptor(counts.clone())
            // So a request is the same whatever the endpoint is.
            .force_path_style(network.is_some());
        let sns = aws_sdk_sns::config::Builder::from(config).interceptor(counts);
        Self {
            ecr: aws_sdk_ecr::Client::from_conf(ecr.build()),
            ecs: aws_sdk_ecs::Client::from_conf(ecs.build()),
            eks: aws_sdk_eks::Client::from_conf(eks.build()),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            sns: aws_sdk_sns::Client::from_conf(sns.build()),
            calls,
            config: config.clone(),
            role: None,
            rate_limiter: limiter,
            clock: || Time::from(jiff::Timestamp::now()),
            network,
            kept_at: None,
        }
    }

    /// Returns the same clients, whose answers are kept, and what keeps them.
    #[must_use]
    pub(crate) fn recorded(&self) -> (Self, RecordedNetwork) {
        let inner = self.config.http_client().unwrap_or_else(https::client);
        let network = RecordedNetwork::recording(inner);
        let config = self.config.to_builder().http_client(network.client(None));
        let clients = Self {
            network: Some(network.clone()),
            ..self.clone()
        };
        (clients.with_config(&config.build()), network)
    }

    /// Creates clients that ask nobody, and have no answer.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self::replaying(
            Answers::new(),
            "us-east-1",
            Time::from(jiff::Timestamp::now()),
        )
    }

    /// Creates clients that ask nobody: they answer with what was kept in a Region at a time.
    #[must_use]
    pub(crate) fn replaying(answers: Answers, region: &str, kept_at: Time) -> Self {
        let network = RecordedNetwork::replaying(answers);
        let credentials = Credentials::new("none", "none", None, None, "snapshot");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::standard().with_max_attempts(1))
            .http_client(network.client(None))
            .build();
        let calls = Arc::new(CallCounter::default());
        Self {
            kept_at: Some(kept_at),
            ..Self::counted(&config, RateLimiter::unlimited(), calls, Some(network))
        }
    }

    /// Returns clients that act as a role, in the same Region. `session` is what the role's account
    /// calls the caller.
    pub(crate) async fn as_role(&self, role: &Role, session: &str) -> Result<Self, ApiError> {
        let credentials = RoleCredentials::new(self.clone(), role.clone(), session.to_owned());
        credentials.credentials().await?;
        let credentials = SharedCredentialsProvider::new(credentials);
        let mut config = self.config.to_builder().credentials_provider(credentials);
        if let Some(network) = &self.network {
            config = config.http_client(network.client(Some(&role.arn)));
        }
        Ok(Self {
            role: Some(role.arn.clone()),
            ..self.with_config(&config.build())
        })
    }

    /// Returns the same clients in another Region.
    #[must_use]
    pub(crate) fn in_region(&self, region: &str) -> Self {
        let region = Region::new(region.to_owned());
        self.with_config(&self.config.to_builder().region(region).build())
    }

    /// Returns the Region of the clients.
    pub(super) fn region(&self) -> Option<&str> {
        self.config.region().map(Region::as_ref)
    }

    /// Returns the configuration of calls that only find out whether the caller can ask somewhere:
    /// they end after half the time of an attempt (five seconds), with a second attempt only where the
    /// first one broke off.
    fn briefly(&self) -> SdkConfig {
        let timeouts = self.config.timeout_config();
        let attempt = timeouts.and_then(TimeoutConfig::operation_attempt_timeout);
        let attempt = attempt.unwrap_or(ClientOptions::default().attempt_timeout);
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(attempt / 2)
            .build();
        let retries = self.config.retry_config().cloned();
        let retries = retries.unwrap_or_else(RetryConfig::standard);
        self.config
            .to_builder()
            .timeout_config(timeouts)
            .retry_config(retries.with_max_attempts(2))
            .build()
    }

    /// Returns clients whose calls only find out whether the caller can ask somewhere.
    #[must_use]
    pub(crate) fn brief(&self) -> Self {
        self.with_config(&self.briefly())
    }

    /// Returns clients that count together with these, and have rate limits of their own: the rates
    /// of a configuration are those of its own account and Region.
    fn with_config(&self, config: &SdkConfig) -> Self {
        let limiter = self.rate_limiter.elsewhere();
        Self {
            clock: self.clock,
            role: self.role.clone(),
            kept_at: self.kept_at,
            ..Self::counted(
                config,
                limiter,
                Arc::clone(&self.calls),
                self.network.clone(),
            )
        }
    }

    /// Keeps to these rates, in the account and Region of these clients.
    pub(crate) fn set_rates(&self, rates: &AwsRates) {
        self.rate_limiter.set_rates(rates);
    }

    /// Begins with the rates that caches know, and remembers there those that are found out.
    pub(crate) fn remember_rates(&self, caches: &Arc<Caches>) {
        self.rate_limiter.remember(RateMemory {
            caches: Arc::clone(caches),
            clock: self.clock,
        });
    }

    /// Returns the same clients with another clock, for a simulated account that lives at another
    /// time.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Time) -> Self {
        self.clock = clock;
        self
    }

    /// Returns the credentials that tokens for clusters are signed with; `None` if there are none.
    pub(crate) fn credentials(&self) -> Option<SharedCredentialsProvider> {
        self.config.credentials_provider()
    }

    /// Returns the pauses between the attempts of a call that is not repeated by the SDK.
    pub(crate) fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        let retries = self.config.retry_config().cloned();
        let retries = retries.unwrap_or_else(RetryConfig::standard);
        let (first, longest) = (retries.initial_backoff(), retries.max_backoff());
        let doublings = (0..16).map(|doublings| 1_u32 << doublings);
        doublings
            .map(move |factor| first.saturating_mul(factor).min(longest))
            .take(retries.max_attempts().saturating_sub(1) as usize)
    }

    /// Returns a client for a service for which the SDK's is not used.
    pub(crate) fn json_service(
        &self,
        endpoint: Endpoint<'_>,
    ) -> Result<JsonService, ServiceConfigError> {
        JsonService::new(&self.config, &self.calls, &self.rate_limiter, endpoint)
    }

    /// Returns the same client for a call that only finds out whether the caller can ask there.
    pub(crate) fn brief_json_service(
        &self,
        endpoint: Endpoint<'_>,
    ) -> Result<JsonService, ServiceConfigError> {
        JsonService::new(&self.briefly(), &self.calls, &self.rate_limiter, endpoint)
    }

    /// Returns the current time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.kept_at.unwrap_or_else(self.clock)
    }

    pub(crate) const fn clock(&self) -> fn() -> Time {
        self.clock
    }

    /// Returns who makes the calls; `own` is the program's own identity.
    pub(crate) fn caller(&self, own: &Identity) -> Option<Arn> {
        self.role.clone().or_else(|| own.arn.parse().ok())
    }

    /// Finds out who the caller is, and so which registry is its own.
    ///
    /// # Errors
    /// If there are no credentials, no Region or no answer.
    pub async fn identity(&self) -> Result<Identity, ApiError> {
        const OPERATION: Operation = Operation::GetCallerIdentity;
        let missing = |what: &str| ApiError::answer(OPERATION, "", format!("no {what}"));
        let region = self
            .config
            .region()
            .map(Region::as_ref)
            .ok_or_else(|| missing("Region is configured; set AWS_REGION"))?;
        let request = self.sts.get_caller_identity();
        let answer = self.call(OPERATION, "", request.send()).await?;
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
}
