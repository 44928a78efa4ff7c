//! The endpoints of services: what is configured, or the host name that follows from Region, FIPS
//! and dual stack by the rules in the SDKs' endpoint rule sets. A test beside moto's compares them
//! with botocore's.

use std::{collections::BTreeMap, sync::LazyLock};

use aws_config::{Region, SdkConfig};
use aws_types::service_config::ServiceConfigKey;

use crate::image::Partition;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint<'a> {
    /// The name that the SDKs give it: `AWS_ENDPOINT_URL_<ID>` sets its endpoint.
    pub(crate) id: &'a str,
    /// The first part of its host names.
    pub(crate) prefix: &'a str,
    /// The name that calls are signed for.
    pub(crate) signing: &'a str,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) url: String,
    /// Whether the Region does not have the service if this host is not found. A configured host name
    /// may be misspelt, and few services have hosts for FIPS or dual stack in all their Regions.
    pub(super) shows_absence: bool,
}

/// Reason for which a service cannot be called with this configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ServiceConfigError {
    #[error("no Region is configured; set AWS_REGION")]
    NoRegion,
    #[error("there are no AWS credentials")]
    NoCredentials,
    #[error(
        "the partition of Region `{0}` is not known to this version, and so neither are its host names"
    )]
    UnknownPartition(String),
}

impl Endpoint<'_> {
    /// Returns the address of the service in a Region.
    pub(super) fn address(
        &self,
        config: &SdkConfig,
        region: &Region,
    ) -> Result<Address, ServiceConfigError> {
        if let Some(url) = self.configured(config) {
            return Ok(Address {
                url,
                shows_absence: false,
            });
        }
        let fips = config.use_fips() == Some(true);
        let dual_stack = config.use_dual_stack() == Some(true);
        Ok(Address {
            url: self.url(region.as_ref(), fips, dual_stack)?,
            shows_absence: !fips && !dual_stack && self.is_absent_from(region.as_ref()),
        })
    }

    /// Returns whether AWS's own endpoint data, as botocore ships it, knows the Region and the
    /// service but not the service there.
    fn is_absent_from(&self, region: &str) -> bool {
        static NOT_OFFERED: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
            let table = serde_json::from_str(include_str!("not_offered.json"));
            table.unwrap_or_default()
        });
        let mut regions = NOT_OFFERED.get(self.id).into_iter().flatten();
        regions.any(|absent| absent == region)
    }

    /// Returns the environment variable that sets the endpoint of the service.
    pub(super) fn variable(&self) -> String {
        let id = self.id.to_uppercase().replace(' ', "_");
        format!("AWS_ENDPOINT_URL_{id}")
    }

    /// Returns the endpoint that is configured for the service, or for all services.
    fn configured(&self, config: &SdkConfig) -> Option<String> {
        let for_all = config.endpoint_url().map(ToOwned::to_owned);
        if config.get_origin("endpoint_url").is_client_config() {
            return for_all;
        }
        let key = ServiceConfigKey::builder()
            .service_id(self.id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url");
        let key = key.build().ok();
        let for_service = key.and_then(|key| config.service_config()?.load_config(key));
        for_service.or(for_all)
    }

    fn url(
        &self,
        region: &str,
        fips: bool,
        dual_stack: bool,
    ) -> Result<String, ServiceConfigError> {
        let partition = Partition::of(region)
            .ok_or_else(|| ServiceConfigError::UnknownPartition(region.to_owned()))?;
        // IAM is one for the whole partition.
        if (self.id, partition.id, fips, dual_stack) == ("IAM", "aws", false, false) {
            return Ok("https://iam.amazonaws.com".to_owned());
        }
        let suffix = if dual_stack {
            partition.dual_stack_suffix
        } else {
            partition.dns_suffix
        };
        let begin = match (self.id, partition.id, fips, dual_stack) {
            ("Batch", "aws", true, false) => "fips.batch",
            ("Batch", "aws-us-gov", true, false) => "batch",
            ("CloudFormation", "aws-us-gov", true, false) => "cloudformation",
            ("Config Service", "aws-us-gov", true, false) => "config",
            ("EventBridge", "aws-us-gov", true, _) => "events",
            ("Organizations", "aws-us-gov", true, _) => "organizations",
            ("SageMaker", "aws" | "aws-us-gov", true, false) => "api-fips.sagemaker",
            ("SFN", "aws-us-gov", true, false) if region == "us-gov-west-1" => "states",
            ("SFN", "aws-us-gov", false, true) => "states-fips",
            ("SSM", "aws-us-gov", true, false) => "ssm",
            ("Service Quotas", "aws-us-gov", true, false) => "servicequotas",
            (_, _, true, _) => &format!("{}-fips", self.prefix),
            (_, _, false, _) => self.prefix,
        };
        Ok(format!("https://{begin}.{region}.{suffix}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    /// What botocore says, as `tests/moto/test_aws_models.py` writes it.
    #[derive(Deserialize)]
    struct Models {
        regions: BTreeMap<String, Vec<String>>,
        /// Ends of host names in each partition, without and with dual stack.
        suffixes: BTreeMap<String, [String; 2]>,
        hosts: Vec<Host>,
        organizations: BTreeMap<String, Organizations>,
    }

    /// The one Region in which a partition has AWS Organizations, and its hosts there: plain, FIPS, dual
    /// stack, both.
    #[derive(Deserialize)]
    struct Organizations {
        region: String,
        urls: [String; 4],
    }

    /// Beginnings of host names of a service, in Regions; in all where none is named.
    #[derive(Deserialize)]
    struct Host {
        id: String,
        prefix: String,
        fips: bool,
        dual_stack: bool,
        begin: String,
        regions: Option<Vec<String>>,
    }

    #[test]
    fn hosts_are_where_the_sdks_find_them() {
        let models: Models =
            serde_json::from_str(include_str!("../../tests/moto/aws_models.json")).unwrap();
        let mut held = 0;
        for host in &models.hosts {
            let endpoint = Endpoint {
                id: &host.id,
                prefix: &host.prefix,
                signing: "",
            };
            for (partition, regions) in &models.regions {
                let suffix = &models.suffixes[partition][usize::from(host.dual_stack)];
                let named = host.regions.as_ref();
                let is_named = |region: &&String| named.is_none_or(|named| named.contains(region));
                for region in regions.iter().filter(is_named) {
                    let expected = format!("https://{}.{region}.{suffix}", host.begin);
                    let url = endpoint.url(region, host.fips, host.dual_stack);
                    assert_eq!(url, Ok(expected), "{}", host.id);
                    held += 1;
                }
            }
        }
        let regions: usize = models.regions.values().map(Vec::len).sum();
        assert_eq!(held, 15 * 4 * regions);
        assert!(regions > 40);
    }

    #[test]
    fn organizations_are_in_one_region_of_a_partition() {
        let models: Models =
            serde_json::from_str(include_str!("../../tests/moto/aws_models.json")).unwrap();
        let endpoint = Endpoint {
            id: "Organizations",
            prefix: "organizations",
            signing: "",
        };
        for (id, regions) in &models.regions {
            let organizations = &models.organizations[id];
            for region in regions {
                let partition = Partition::of(region).unwrap();
                assert_eq!(partition.global_region, organizations.region, "{region}");
            }
            let kinds = [(false, false), (true, false), (false, true), (true, true)];
            let urls = kinds.map(|(fips, dual_stack)| {
                endpoint
                    .url(&organizations.region, fips, dual_stack)
                    .unwrap()
            });
            assert_eq!(urls, organizations.urls, "{id}");
        }
        assert!(models.organizations.len() > 5);
    }

    #[test]
    fn only_a_plain_host_name_in_a_region_of_the_table_shows_that_a_service_is_not_offered() {
        let (fips, dual_stack, example) = ("fips", "dual stack", "https://apprunner.example");
        for (id, region, other, expected) in [
            ("AppRunner", "eu-west-1", "", false),
            ("AppRunner", "eu-north-1", "", true),
            ("AppRunner", "eu-north-1", fips, false),
            ("AppRunner", "eu-north-1", dual_stack, false),
            ("AppRunner", "eu-north-1", example, false),
            ("AppRunner", "us-gov-west-1", "", true),
            ("CodeBuild", "eu-north-1", "", false),
            ("CodeBuild", "ca-west-1", "", true),
            // The data knows neither this Region nor this service.
            ("AppRunner", "sa-west-1", "", false),
            ("Bedrock AgentCore Control", "eu-north-1", "", false),
        ] {
            let endpoint = Endpoint {
                id,
                prefix: "x",
                signing: "x",
            };
            let mut config = SdkConfig::builder();
            config.set_use_fips(Some(other == fips));
            config.set_use_dual_stack(Some(other == dual_stack));
            config.set_endpoint_url(Some(other.to_owned()).filter(|_| other == example));
            let address = endpoint.address(&config.build(), &Region::new(region));
            let shows_absence = address.unwrap().shows_absence;
            assert_eq!(shows_absence, expected, "{id} in {region} {other}");
        }
    }
}
