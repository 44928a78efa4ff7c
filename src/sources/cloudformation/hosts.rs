//! Hosts of registries of which a part is not known.

use regex::{Captures, Regex};

use crate::image::Registry;

/// A variable of a template or of a script.
const VARIABLE: &str = r"\$\{[^{}]*\}|\$\([^()]*\)|\$[A-Za-z_][A-Za-z0-9_]*";
/// Host of no registry, under which equal paths count.
const UNKNOWN: &str = "registry.invalid";

/// Completes names of hosts.
pub(super) struct Hosts {
    account: String,
    region: String,
    suffix: &'static str,
    host: Regex,
    beginning: Regex,
}

impl Hosts {
    pub(super) fn new(location: &Registry, suffix: &'static str) -> Result<Self, regex::Error> {
        let host = format!(
            r"(?<account>[0-9]{{12}}|{VARIABLE})(?<ecr>[.]dkr[.-]ecr(?:-fips)?)[.](?<region>[a-z0-9-]+|{VARIABLE})[.](?<suffix>[a-z0-9-]+(?:[.][a-z0-9-]+)*|{VARIABLE})"
        );
        Ok(Self {
            account: location.account.to_string(),
            region: location.region.to_string(),
            suffix,
            host: Regex::new(&host)?,
            beginning: Regex::new(&format!(r"^(?:{VARIABLE})(/[^\s$]+)$"))?,
        })
    }

    /// Returns a text in which the registries of the own account and Region stand where a part of one
    /// is not known. A tag counts for equal names in every registry, so these are as good as any.
    pub(super) fn complete(&self, text: &str) -> String {
        if !text.contains('$') {
            return text.to_owned();
        }
        let complete = |found: &Captures<'_>| {
            let part = |name, own: &str| {
                let written = found.name(name).map_or("", |part| part.as_str());
                let is_known = !written.starts_with('$');
                if is_known { written } else { own }.to_owned()
            };
            let (account, region) = (part("account", &self.account), part("region", &self.region));
            let (ecr, suffix) = (&found["ecr"], part("suffix", self.suffix));
            format!("{account}{ecr}.{region}.{suffix}")
        };
        let text = self.host.replace_all(text, complete);
        let unknown = format!("{UNKNOWN}$1");
        self.beginning.replace(&text, unknown).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_of_a_host_is_the_own_one() {
        let location = Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let hosts = Hosts::new(&location, "amazonaws.com").unwrap();
        for (text, expected) in [
            ("${A}.dkr.ecr.${B}.${C}/app:1", "HOST/app:1"),
            (
                "${A}.dkr.ecr.us-east-1.amazonaws.com/app",
                "111111111111.dkr.ecr.us-east-1.amazonaws.com/app",
            ),
            (
                "222222222222.dkr.ecr-fips.${B}.amazonaws.com/app",
                "222222222222.dkr.ecr-fips.eu-west-1.amazonaws.com/app",
            ),
            (
                "docker run $ACCOUNT.dkr.ecr.$REGION.amazonaws.com/app:$TAG x",
                "docker run HOST/app:$TAG x",
            ),
            (
                "$(account).dkr-ecr.${REGION:-x}.on.aws/app",
                "111111111111.dkr-ecr.eu-west-1.on.aws/app",
            ),
            ("HOST/app:${TAG}", "HOST/app:${TAG}"),
            ("${Registry}/team/app:1.0", "registry.invalid/team/app:1.0"),
            ("${Registry}/team/${App}:1.0", "${Registry}/team/${App}:1.0"),
            ("${Bucket}/a b", "${Bucket}/a b"),
            ("s3://${Bucket}/key", "s3://${Bucket}/key"),
            ("plain", "plain"),
        ] {
            let host = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
            let completed = hosts.complete(&text.replace("HOST", host));
            assert_eq!(
                completed.replace(host, "HOST"),
                expected.replace(host, "HOST"),
                "{text}"
            );
        }
    }
}
