//! References to images, as task definitions, workloads and people write them.
//!
//! A reference names an image by repository and tag, by repository and digest, by both, or by digest alone (U1). Only
//! what stands after the host decides which image is meant: the same image can be reached under many host names, in
//! other accounts and Regions, so the host is kept for explanations only. What looks like ECR and cannot be parsed is
//! an error (U2); what is clearly elsewhere is not.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{AccountId, Digest, Partition, Region, RepositoryName, Tag};

/// A registry: an account's images in one Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Registry {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
}

impl Registry {
    /// Returns the host that serves it.
    #[must_use]
    pub fn host(&self) -> String {
        let suffix = Partition::dns_suffix_of(&self.region);
        format!("{}.dkr.ecr.{}.{suffix}", self.account, self.region)
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.account, self.region)
    }
}

/// Host names that stand for the registries being cleaned: CNAMEs and proxies, in lower case.
#[derive(Debug, Clone, Default)]
pub struct Aliases(Vec<String>);

impl Aliases {
    /// Aliases from host names, with their ports if they have any.
    #[must_use]
    pub fn new(hosts: &[String]) -> Self {
        Self(hosts.iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    /// The host names.
    pub(crate) fn hosts(&self) -> &[String] {
        &self.0
    }

    fn contains(&self, host: &str) -> bool {
        self.0.iter().any(|alias| alias == host)
    }
}

/// What a piece of text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// An image in some ECR registry.
    Ecr(ImageReference),
    /// A digest with no repository: it counts in every repository.
    Digest(Digest),
    /// An image that is certainly not in ECR, with its digest if the text has one: a digest protects whatever host
    /// it was seen under.
    Elsewhere(Option<Digest>),
}

/// A reference to an image in ECR: a repository with a tag, a digest, or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference {
    /// The registry that the host names; none for an alias.
    pub registry: Option<Registry>,
    /// The repository.
    pub repository: RepositoryName,
    /// The tag: `latest` if the text has neither tag nor digest.
    pub tag: Option<Tag>,
    /// The digest.
    pub digest: Option<Digest>,
}

/// A reference that looks like ECR but cannot be understood, so that it cannot be known which image it protects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` looks like an image in ECR but cannot be parsed: {problem}")]
pub struct ReferenceError {
    text: String,
    problem: String,
}

impl ReferenceError {
    /// An error about `text`.
    #[must_use]
    pub fn new(text: &str, problem: impl fmt::Display) -> Self {
        Self {
            text: text.to_owned(),
            problem: problem.to_string(),
        }
    }
}

impl ImageReference {
    /// Parses an image reference as a container runtime does: scheme, host with port, repository, tag, digest.
    pub fn parse(text: &str, aliases: &Aliases) -> Result<Parsed, ReferenceError> {
        let trimmed = text.trim();
        let bare = ["docker-pullable://", "docker://", "oci://"]
            .iter()
            .find_map(|scheme| trimmed.strip_prefix(scheme))
            .unwrap_or(trimmed);
        if let Ok(digest) = bare.parse() {
            return Ok(Parsed::Digest(digest));
        }
        let Some((host, path)) = bare.split_once('/') else {
            return elsewhere_unless_ecr(text, bare, bare, "no repository after the host name");
        };
        let host = host.to_ascii_lowercase();
        let registry = if aliases.contains(&host) {
            None
        } else {
            match parse_host(&host) {
                Some(registry) => Some(registry),
                None => {
                    return elsewhere_unless_ecr(
                        text,
                        &host,
                        path,
                        "no account and Region in the host name; if it stands for a registry, add it to `registry_aliases`",
                    );
                }
            }
        };
        Self::parse_path(path, registry)
            .map(Parsed::Ecr)
            .map_err(|problem| ReferenceError::new(text, problem))
    }

    /// Parses a reference that is not one to ECR, without its host; none if it is no reference at all.
    #[must_use]
    pub fn parse_elsewhere(text: &str) -> Option<Self> {
        let path = match text.trim().split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
            _ => text.trim(),
        };
        Self::parse_path(path, None).ok()
    }

    /// Parses what a person types to name an image: as [`ImageReference::parse`], or without any host.
    pub fn parse_lenient(text: &str, aliases: &Aliases) -> Result<Parsed, ReferenceError> {
        match Self::parse(text, aliases)? {
            Parsed::Elsewhere(_) => Self::parse_path(text.trim(), None)
                .map(Parsed::Ecr)
                .map_err(|problem| ReferenceError::new(text, problem)),
            parsed => Ok(parsed),
        }
    }

    fn parse_path(path: &str, registry: Option<Registry>) -> Result<Self, String> {
        let (named, digest) = match path.split_once('@') {
            Some((named, digest)) => (
                named,
                Some(
                    digest
                        .parse::<Digest>()
                        .map_err(|error| error.to_string())?,
                ),
            ),
            None => (path, None),
        };
        let (repository, tag) = match named.split_once(':') {
            Some((repository, tag)) => (
                repository,
                Some(Tag::new(tag).map_err(|error| error.to_string())?),
            ),
            None => (named, None),
        };
        let repository = RepositoryName::new(repository).map_err(|error| error.to_string())?;
        let tag = tag.or_else(|| digest.is_none().then(Tag::latest));
        Ok(Self {
            registry,
            repository,
            tag,
            digest,
        })
    }
}

fn elsewhere_unless_ecr(
    text: &str,
    host: &str,
    path: &str,
    problem: &str,
) -> Result<Parsed, ReferenceError> {
    let host = host.to_ascii_lowercase();
    if host.contains("dkr.ecr") || host.contains("dkr-ecr") {
        return Err(ReferenceError::new(text, problem));
    }
    Ok(Parsed::Elsewhere(
        path.split_once('@')
            .and_then(|(_, digest)| digest.parse().ok()),
    ))
}

/// Reads `<account>.dkr.ecr[-fips].<region>.<suffix>` and its dual-stack form `<account>.dkr-ecr...`, under any
/// suffix, so that a new partition is no blind spot.
fn parse_host(host: &str) -> Option<Registry> {
    let host = host.split_once(':').map_or(host, |(name, _port)| name);
    let (account, rest) = host.split_once('.')?;
    let rest = rest
        .strip_prefix("dkr.ecr")
        .or_else(|| rest.strip_prefix("dkr-ecr"))?;
    let (region, suffix) = rest
        .strip_prefix("-fips")
        .unwrap_or(rest)
        .strip_prefix('.')?
        .split_once('.')?;
    let (account, region) = (account.parse().ok()?, region.parse().ok()?);
    (!suffix.is_empty()).then_some(Registry { account, region })
}

impl ImageReference {
    /// The reference with as much of its digest as tells images apart to a person.
    #[must_use]
    pub fn short(&self) -> String {
        self.text(self.digest.as_ref().map(Digest::short))
    }

    fn text(&self, digest: Option<String>) -> String {
        let tag = self
            .tag
            .as_ref()
            .map(|tag| format!(":{tag}"))
            .unwrap_or_default();
        let digest = digest
            .map(|digest| format!("@{digest}"))
            .unwrap_or_default();
        format!("{}{tag}{digest}", self.repository)
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(self.digest.map(|digest| digest.to_string())))
    }
}

impl Serialize for ImageReference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn parse(text: &str) -> Result<Parsed, ReferenceError> {
        ImageReference::parse(
            text,
            &Aliases::new(&["Registry.Example.com:5000".to_owned()]),
        )
    }

    fn ecr(text: &str) -> ImageReference {
        match parse(text) {
            Ok(Parsed::Ecr(reference)) => reference,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn all_spellings_of_a_host_name_the_same_registry() {
        for host in [
            "111111111111.dkr.ecr.eu-west-1.amazonaws.com",
            "111111111111.dkr.ecr-fips.eu-west-1.amazonaws.com",
            "111111111111.dkr.ecr.eu-west-1.amazonaws.com.cn",
            "111111111111.dkr.ecr.eu-west-1.amazonaws.eu",
            "111111111111.dkr-ecr.eu-west-1.on.aws",
            "111111111111.dkr-ecr-fips.eu-west-1.on.aws",
            "111111111111.dkr-ecr.eu-west-1.on.amazonwebservices.com.cn",
            "111111111111.dkr.ecr.eu-west-1.c2s.ic.gov",
            "111111111111.dkr.ecr.eu-west-1.example",
            "111111111111.DKR.ECR.EU-WEST-1.AmazonAWS.com",
            "111111111111.dkr.ecr.eu-west-1.amazonaws.com:443",
            "docker-pullable://111111111111.dkr.ecr.eu-west-1.amazonaws.com",
            " oci://111111111111.dkr.ecr.eu-west-1.amazonaws.com",
        ] {
            let reference = ecr(&format!("{host}/team/app:1.0"));
            let registry = Registry {
                account: "111111111111".parse().unwrap(),
                region: "eu-west-1".parse().unwrap(),
            };
            assert_eq!(reference.registry, Some(registry), "{host}");
            assert_eq!(reference.to_string(), "team/app:1.0", "{host}");
        }
    }

    #[test]
    fn a_registry_has_the_host_of_its_partition() {
        for (region, suffix) in [
            ("eu-west-1", "amazonaws.com"),
            ("us-gov-west-1", "amazonaws.com"),
            ("cn-north-1", "amazonaws.com.cn"),
            ("eusc-de-east-1", "amazonaws.eu"),
            ("us-iso-east-1", "c2s.ic.gov"),
            ("us-isob-east-1", "sc2s.sgov.gov"),
            ("eu-isoe-west-1", "cloud.adc-e.uk"),
            ("us-isof-south-1", "csp.hci.ic.gov"),
            ("moon-east-1", "amazonaws.com"),
        ] {
            let registry = Registry {
                account: "111111111111".parse().unwrap(),
                region: region.parse().unwrap(),
            };
            let host = registry.host();
            assert_eq!(host, format!("111111111111.dkr.ecr.{region}.{suffix}"));
            assert_eq!(
                ecr(&format!("{host}/app")).registry,
                Some(registry),
                "{host}"
            );
        }
    }

    #[test]
    fn tag_digest_both_or_neither() {
        let host = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
        for (written, meant) in [
            ("app".to_owned(), "app:latest".to_owned()),
            ("app:1".to_owned(), "app:1".to_owned()),
            (format!("app@sha256:{HEX}"), format!("app@sha256:{HEX}")),
            (format!("app:1@sha256:{HEX}"), format!("app:1@sha256:{HEX}")),
        ] {
            assert_eq!(ecr(&format!("{host}/{written}")).to_string(), meant);
        }
        assert_eq!(
            parse(&format!("sha256:{HEX}")),
            Ok(Parsed::Digest(Digest::from_hex(HEX).unwrap()))
        );
    }

    #[test]
    fn an_alias_is_a_registry_of_its_own_name() {
        let reference = ecr("registry.example.com:5000/team/app:1");
        assert_eq!(
            (reference.registry.as_ref(), reference.to_string()),
            (None, "team/app:1".to_owned())
        );
        assert_eq!(
            parse("registry.example.com/team/app:1"),
            Ok(Parsed::Elsewhere(None)),
            "another port, another host"
        );
    }

    #[test]
    fn what_is_clearly_elsewhere_is_no_error() {
        for text in [
            "",
            "nginx",
            "nginx:1",
            "team/app:1",
            "public.ecr.aws/x/y:1",
            "localhost:5000/x",
            "ghcr.io/A/B:1",
        ] {
            assert_eq!(parse(text), Ok(Parsed::Elsewhere(None)), "{text}");
        }
        let digest = Digest::from_hex(HEX).unwrap();
        assert_eq!(
            parse(&format!("mirror.example/x:1@{digest}")),
            Ok(Parsed::Elsewhere(Some(digest)))
        );
        assert_eq!(
            parse(&format!("nginx@{digest}")),
            Ok(Parsed::Elsewhere(Some(digest)))
        );
    }

    #[test]
    fn what_looks_like_ecr_and_cannot_be_parsed_is_an_error() {
        let host = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
        for text in [
            host.to_owned(),
            format!("{host}/"),
            format!("{host}/Team/App:1"),
            format!("{host}/app:"),
            format!("{host}/app:a:b"),
            format!("{host}/app@sha256:0"),
            format!("{host}/app@sha512:{HEX}{HEX}"),
            format!("{host}/app:${{TAG}}"),
            "11111111111.dkr.ecr.eu-west-1.amazonaws.com/app".to_owned(),
            "vpce-1.dkr.ecr.eu-west-1.vpce.amazonaws.com/app".to_owned(),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{text}` looks like an image in ECR")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_person_may_leave_out_the_host() {
        let Ok(Parsed::Ecr(reference)) =
            ImageReference::parse_lenient("team/app:1.2", &Aliases::default())
        else {
            panic!("no reference");
        };
        assert_eq!(reference.to_string(), "team/app:1.2");
    }

    /// What the reference parser of the OCI crate reads from the same text.
    fn oracle(text: &str) -> Option<(String, Option<String>, Option<String>)> {
        let reference: oci_spec::distribution::Reference = text.parse().ok()?;
        Some((
            reference.repository().to_owned(),
            reference.tag().map(ToOwned::to_owned),
            reference.digest().map(ToOwned::to_owned),
        ))
    }

    proptest! {
        #[test]
        fn agrees_with_the_oci_parser_on_well_formed_references(
            repository in "[a-z0-9]{2,8}(/[a-z0-9]+([._-][a-z0-9]+)?){0,3}",
            tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}"),
            digest in proptest::option::of("[0-9a-f]{64}"),
            port in proptest::option::of(1u16..),
        ) {
            let mut text = "111111111111.dkr.ecr.eu-west-1.amazonaws.com".to_owned();
            if let Some(port) = port {
                text += &format!(":{port}");
            }
            text += &format!("/{repository}");
            if let Some(tag) = &tag {
                text += &format!(":{tag}");
            }
            if let Some(digest) = &digest {
                text += &format!("@sha256:{digest}");
            }
            let reference = ecr(&text);
            let read = (
                reference.repository.to_string(),
                reference.tag.map(|tag| tag.to_string()),
                reference.digest.map(|digest| digest.to_string()),
            );
            prop_assert_eq!(Some(read), oracle(&text));
        }

        #[test]
        fn never_panics_and_never_overlooks_an_ecr_host(text in "\\PC*", path in "\\PC{0,20}") {
            let _ = parse(&text);
            let hosted = format!("111111111111.dkr.ecr.eu-west-1.amazonaws.com/{path}");
            prop_assert!(!matches!(parse(&hosted), Ok(Parsed::Elsewhere(_))));
        }
    }
}
