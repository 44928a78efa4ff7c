//! References to images, as task definitions, workloads and people write them.
//!
//! A reference names an image by repository and tag, by repository and digest, by both, or by
//! digest alone (U1). One that looks like ECR and cannot be parsed is an error (U2); one that is
//! clearly elsewhere is not.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_with::SerializeDisplay;

use super::{AccountId, Digest, DigestError, NameError, Partition, Region, RepositoryName, Tag};

/// Registry of a reference without a host.
const DOCKER_HUB: &str = "docker.io";

/// An account and a Region: where a registry is, and where images are used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Account.
    pub account: AccountId,
    /// Region.
    pub region: Region,
}

impl Registry {
    /// Returns the host name of the registry.
    #[must_use]
    pub fn host(&self) -> String {
        let suffix = Partition::dns_suffix_of(&self.region);
        format!("{}.dkr.ecr.{}.{suffix}", self.account, self.region)
    }

    /// Returns the registry of a host name, in any spelling; `None` if it is not one of ECR.
    #[must_use]
    pub fn of_host(host: &str) -> Option<Self> {
        parse_host(&host.to_ascii_lowercase())
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.account, self.region)
    }
}

/// Host names, such as CNAMEs and proxies, that stand for the registries being cleaned.
#[derive(Debug, Clone, Default)]
pub struct Aliases(Vec<String>);

impl Aliases {
    /// Creates aliases from host names, each with its port if it has one.
    #[must_use]
    pub fn new(hosts: &[String]) -> Self {
        Self(hosts.iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    /// Returns the host names, in lower case.
    pub(crate) fn hosts(&self) -> &[String] {
        &self.0
    }

    fn contains(&self, host: &str) -> bool {
        self.0.iter().any(|alias| alias == host)
    }
}

/// An image that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// An image in a registry of ECR.
    Ecr(ImageReference),
    /// A digest without a repository.
    Digest(Digest),
    /// An image that is certainly not in ECR.
    Elsewhere {
        /// Host, in lower case; that of Docker Hub if the text has none.
        host: Box<str>,
        /// Repository with tag or digest; `None` if the text is not a reference.
        image: Option<ImageReference>,
        /// Digest, if the text has one: it protects an image whatever host it was seen under.
        digest: Option<Digest>,
    },
}

/// A repository with a tag, a digest, or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay)]
pub struct ImageReference {
    /// Registry that the host names; `None` for an alias.
    pub registry: Option<Registry>,
    /// Repository.
    pub repository: RepositoryName,
    /// Tag; `latest` if the text has neither tag nor digest.
    pub tag: Option<Tag>,
    /// Digest.
    pub digest: Option<Digest>,
}

/// A reference that looks like ECR but cannot be parsed, so that the image it protects is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` looks like an image in ECR but cannot be parsed: {problem}")]
pub struct ReferenceError {
    text: String,
    problem: ReferenceProblem,
}

/// A part of a reference that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceProblem {
    /// Nothing follows the host.
    #[error("no repository after the host name")]
    NoRepository,
    /// The host is not that of a registry.
    #[error(
        "no account and Region in the host name; if it stands for a registry, add it to `registry_aliases`"
    )]
    NoRegistry,
    /// The repository or the tag.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// A text typed by a person that does not name an image of a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypedReferenceError {
    /// It cannot be parsed.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// It is a digest alone.
    #[error("`{0}` names no repository: write `REPOSITORY:TAG` or `REPOSITORY@DIGEST`")]
    NoRepository(String),
}

impl ReferenceError {
    /// Creates an error about `text`.
    #[must_use]
    pub fn new(text: &str, problem: impl Into<ReferenceProblem>) -> Self {
        Self {
            text: text.to_owned(),
            problem: problem.into(),
        }
    }
}

impl ImageReference {
    /// Parses an image reference as a container runtime does: scheme, host with port, repository,
    /// tag, digest.
    pub fn parse(text: &str, aliases: &Aliases) -> Result<Parsed, ReferenceError> {
        let bare = without_scheme(text);
        if let Ok(digest) = bare.parse() {
            return Ok(Parsed::Digest(digest));
        }
        let Some((host, path)) = bare.split_once('/') else {
            return elsewhere_unless_ecr(text, bare, ReferenceProblem::NoRepository);
        };
        let host = host.to_ascii_lowercase();
        let registry = if aliases.contains(&host) {
            None
        } else {
            match parse_host(&host) {
                Some(registry) => Some(registry),
                None => {
                    return elsewhere_unless_ecr(text, bare, ReferenceProblem::NoRegistry);
                }
            }
        };
        Self::parse_path(path, registry)
            .map(Parsed::Ecr)
            .map_err(|problem| ReferenceError::new(text, problem))
    }

    /// Returns the registry and the path of a text, whether or not it is a reference; `None` if it
    /// has no path.
    pub(crate) fn split<'t>(
        text: &'t str,
        aliases: &Aliases,
    ) -> Option<(Option<Registry>, &'t str)> {
        let (host, path) = without_scheme(text).split_once('/')?;
        let host = host.to_ascii_lowercase();
        let registry = parse_host(&host).filter(|_| !aliases.contains(&host));
        Some((registry, path))
    }

    /// Parses a reference to another registry into its host and the rest; `None` if it is not a
    /// reference.
    fn parse_elsewhere(text: &str) -> (&str, Option<Self>) {
        let (host, path) = match text.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => (DOCKER_HUB, text),
        };
        (host, Self::parse_path(path, None).ok())
    }

    /// Parses what a person types to name an image of a repository, with or without a host.
    pub fn parse_typed(text: &str, aliases: &Aliases) -> Result<Self, TypedReferenceError> {
        match Self::parse(text, aliases)? {
            Parsed::Ecr(reference) => Ok(reference),
            Parsed::Digest(_) => Err(TypedReferenceError::NoRepository(text.to_owned())),
            Parsed::Elsewhere { .. } => {
                let parsed = Self::parse_path(text.trim(), None);
                Ok(parsed.map_err(|problem| ReferenceError::new(text, problem))?)
            }
        }
    }

    fn parse_path(path: &str, registry: Option<Registry>) -> Result<Self, ReferenceProblem> {
        let (named, digest) = match path.split_once('@') {
            Some((named, digest)) => (named, Some(digest.parse::<Digest>()?)),
            None => (path, None),
        };
        let (repository, tag) = match named.split_once(':') {
            Some((repository, tag)) => (repository, Some(Tag::new(tag)?)),
            None => (named, None),
        };
        let repository = RepositoryName::new(repository)?;
        let tag = tag.or_else(|| digest.is_none().then(Tag::latest));
        Ok(Self {
            registry,
            repository,
            tag,
            digest,
        })
    }
}

/// Returns a text without what container runtimes write before a reference.
fn without_scheme(text: &str) -> &str {
    let trimmed = text.trim();
    ["docker-pullable://", "docker://", "oci://"]
        .iter()
        .find_map(|scheme| trimmed.strip_prefix(scheme))
        .unwrap_or(trimmed)
}

fn elsewhere_unless_ecr(
    text: &str,
    bare: &str,
    problem: ReferenceProblem,
) -> Result<Parsed, ReferenceError> {
    let first = bare.split('/').next().unwrap_or(bare).to_ascii_lowercase();
    if first.contains("dkr.ecr") || first.contains("dkr-ecr") {
        return Err(ReferenceError::new(text, problem));
    }
    let (host, image) = ImageReference::parse_elsewhere(bare);
    Ok(Parsed::Elsewhere {
        host: host.to_ascii_lowercase().into(),
        image,
        digest: bare
            .split_once('@')
            .and_then(|(_, digest)| digest.parse().ok()),
    })
}

/// Reads `<account>.dkr.ecr[-fips].<region>.<suffix>` and its dual-stack form
/// `<account>.dkr-ecr...`, under any suffix, so that a new partition is no blind spot.
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
    /// Returns the reference with a short digest, for people.
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

#[cfg(test)]
mod tests;
