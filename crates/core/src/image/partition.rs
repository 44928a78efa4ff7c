//! Partitions: the parts of AWS that share nothing.

/// A part of AWS that shares nothing with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Beginning of ARNs, after `arn:`.
    pub id: &'static str,
    /// End of host names.
    pub dns_suffix: &'static str,
    /// End of host names of dual stack.
    pub dual_stack_suffix: &'static str,
    /// Region in which services are that belong to no Region.
    pub global_region: &'static str,
}

impl Partition {
    /// Returns the partition of a Region, or `None` if it is not known.
    ///
    /// Source: the AWS SDKs' `partitions.json`.
    #[must_use]
    pub fn of(region: &str) -> Option<Self> {
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| region.starts_with(prefix));
        let known = KNOWN.iter().find(|(prefixes, _)| begins(prefixes));
        known.map(|(_, partition)| *partition)
    }

    /// Returns what host names of a Region end with: `amazonaws.com` if its partition is not known.
    #[must_use]
    pub fn dns_suffix_of(region: &str) -> &'static str {
        Self::of(region).map_or("amazonaws.com", |partition| partition.dns_suffix)
    }
}

/// Beginnings of the names of a partition's Regions; the first that fits counts.
const KNOWN: [(&[&str], Partition); 8] = [
    (
        &["cn-"],
        partition(
            "aws-cn",
            "amazonaws.com.cn",
            "api.amazonwebservices.com.cn",
            "cn-northwest-1",
        ),
    ),
    (
        &["us-gov-"],
        partition("aws-us-gov", "amazonaws.com", "api.aws", "us-gov-west-1"),
    ),
    (
        &["eusc-"],
        partition(
            "aws-eusc",
            "amazonaws.eu",
            "api.amazonwebservices.eu",
            "eusc-de-east-1",
        ),
    ),
    (
        &["us-iso-"],
        partition("aws-iso", "c2s.ic.gov", "api.aws.ic.gov", "us-iso-east-1"),
    ),
    (
        &["us-isob-"],
        partition(
            "aws-iso-b",
            "sc2s.sgov.gov",
            "api.aws.scloud",
            "us-isob-east-1",
        ),
    ),
    (
        &["eu-isoe-"],
        partition(
            "aws-iso-e",
            "cloud.adc-e.uk",
            "api.cloud-aws.adc-e.uk",
            "eu-isoe-west-1",
        ),
    ),
    (
        &["us-isof-"],
        partition(
            "aws-iso-f",
            "csp.hci.ic.gov",
            "api.aws.hci.ic.gov",
            "us-isof-south-1",
        ),
    ),
    (
        &[
            "us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-",
        ],
        partition("aws", "amazonaws.com", "api.aws", "us-east-1"),
    ),
];

const fn partition(
    id: &'static str,
    dns_suffix: &'static str,
    dual_stack_suffix: &'static str,
    global_region: &'static str,
) -> Partition {
    Partition {
        id,
        dns_suffix,
        dual_stack_suffix,
        global_region,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_is_in_its_partition() {
        for (region, expected) in [
            ("eu-west-1", Some(("aws", "amazonaws.com"))),
            ("us-gov-west-1", Some(("aws-us-gov", "amazonaws.com"))),
            ("cn-north-1", Some(("aws-cn", "amazonaws.com.cn"))),
            ("eusc-de-east-1", Some(("aws-eusc", "amazonaws.eu"))),
            ("us-iso-east-1", Some(("aws-iso", "c2s.ic.gov"))),
            ("us-isob-east-1", Some(("aws-iso-b", "sc2s.sgov.gov"))),
            ("eu-isoe-west-1", Some(("aws-iso-e", "cloud.adc-e.uk"))),
            ("us-isof-south-1", Some(("aws-iso-f", "csp.hci.ic.gov"))),
            ("moon-east-1", None),
        ] {
            let found = Partition::of(region).map(|partition| (partition.id, partition.dns_suffix));
            assert_eq!(found, expected, "{region}");
        }
        assert_eq!(Partition::dns_suffix_of("moon-east-1"), "amazonaws.com");
        for (_, partition) in KNOWN {
            let global = Partition::of(partition.global_region);
            assert_eq!(global, Some(partition), "{partition:?}");
        }
    }
}
