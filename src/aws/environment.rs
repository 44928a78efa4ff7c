//! The settings that every AWS tool finds in its environment. One that is empty counts as not set: the
//! SDK takes an empty Region for one, and panics at an empty endpoint.

use std::{env, num::NonZeroU32};

use aws_config::{
    BehaviorVersion, ConfigLoader, Region, SdkConfig,
    meta::region::{ProvideRegion, RegionProviderChain},
    profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider},
    provider_config::ProviderConfig,
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::{CallerChoice, ClientOptions, https};

const REGION: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Reads the settings of the environment and of profiles, and the credentials of the caller.
pub(super) async fn config(options: ClientOptions, caller: &CallerChoice) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(options.attempt_timeout)
        .operation_timeout(options.operation_timeout)
        .build();
    // The SDK's own variable goes before.
    let attempts = env::var("AWS_MAX_ATTEMPTS")
        .ok()
        .and_then(|attempts| attempts.parse::<NonZeroU32>().ok());
    let retries = RetryConfig::standard()
        .with_max_attempts(attempts.map_or(options.attempts, NonZeroU32::get))
        .with_initial_backoff(options.first_backoff);
    let client = https::client();
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(client.clone())
        .timeout_config(timeouts)
        .retry_config(retries);
    let config = chosen(with_region(loader), caller, client)
        .await
        .load()
        .await;
    let endpoints = Endpoints(config.clone());
    config.to_builder().service_config(endpoints).build()
}

/// Lets what a person chose go before the environment.
async fn chosen(
    mut loader: ConfigLoader,
    caller: &CallerChoice,
    client: SharedHttpClient,
) -> ConfigLoader {
    let region = caller.region.as_ref();
    let mut region = region.map(|region| Region::new(region.to_string()));
    if let Some(profile) = &caller.profile {
        let mut written = REGION.iter().filter_map(|name| env::var(name).ok());
        let written = written.find(|region| !region.is_empty()).map(Region::new);
        let own = ProfileFileRegionProvider::builder().profile_name(profile);
        region = match region.or(written) {
            None => own.build().region().await,
            found => found,
        };
        // Nothing else is tried: what the metadata of an instance say is never about a profile.
        let provider = ProviderConfig::default()
            .with_http_client(client)
            .with_region(region.clone());
        let credentials = ProfileFileCredentialsProvider::builder()
            .configure(&provider)
            .profile_name(profile);
        loader = loader
            .profile_name(profile)
            .credentials_provider(credentials.build());
    }
    match region {
        Some(region) => loader.region(region),
        None => loader,
    }
}

/// Looks for the Region behind variables that are empty.
fn with_region(loader: ConfigLoader) -> ConfigLoader {
    let written = REGION.map(|name| env::var(name).ok());
    if written.iter().flatten().all(|region| !region.is_empty()) {
        return loader;
    }
    let mut written = written.into_iter().flatten();
    let region = written.find(|region| !region.is_empty()).map(Region::new);
    loader.region(RegionProviderChain::first_try(region).or_else(ProfileFileRegionProvider::new()))
}

/// The endpoints of single services, but for empty ones.
#[derive(Debug)]
struct Endpoints(SdkConfig);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let written = self.0.service_config()?.load_config(key);
        written.filter(|endpoint| !endpoint.is_empty())
    }
}
