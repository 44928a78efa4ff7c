//! Partitions: the parts of AWS that share nothing.

/// A part of AWS that shares nothing with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Partition {
    /// What ARNs begin with, after `arn:`.
    pub(crate) id: &'static str,
    /// What host names end with.
    pub(crate) dns_suffix: &'static str,
    /// What host names of dual stack end with.
    pub(crate) dual_stack_suffix: &'static str,
}

impl Partition {
    /// The partition of a Region; none where it is not known.
    ///
    /// Source: the AWS SDKs' `partitions.json`.
    pub(crate) fn of(region: &str) -> Option<Self> {
        const KNOWN: [(&[&str], &str, &str, &str); 8] = [
            (
                &["cn-"],
                "aws-cn",
                "amazonaws.com.cn",
                "api.amazonwebservices.com.cn",
            ),
            (&["us-gov-"], "aws-us-gov", "amazonaws.com", "api.aws"),
            (
                &["eusc-"],
                "aws-eusc",
                "amazonaws.eu",
                "api.amazonwebservices.eu",
            ),
            (&["us-iso-"], "aws-iso", "c2s.ic.gov", "api.aws.ic.gov"),
            (
                &["us-isob-"],
                "aws-iso-b",
                "sc2s.sgov.gov",
                "api.aws.scloud",
            ),
            (
                &["eu-isoe-"],
                "aws-iso-e",
                "cloud.adc-e.uk",
                "api.cloud-aws.adc-e.uk",
            ),
            (
                &["us-isof-"],
                "aws-iso-f",
                "csp.hci.ic.gov",
                "api.aws.hci.ic.gov",
            ),
            (
                &[
                    "us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-",
                ],
                "aws",
                "amazonaws.com",
                "api.aws",
            ),
        ];
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| region.starts_with(prefix));
        let (_, id, dns_suffix, dual_stack_suffix) =
            KNOWN.iter().find(|(prefixes, ..)| begins(prefixes))?;
        Some(Self {
            id,
            dns_suffix,
            dual_stack_suffix,
        })
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
    }
}
