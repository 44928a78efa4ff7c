//! References to images, as task definitions, workloads and people write them.
//!
//! A reference names an image by repository and tag, by repository and digest, by both, or by digest alone (U1). Only
//! what stands after the host decides which image is meant: the same image can be reached under many host names, in
//! other accounts and Regions, so the host is kept for explanations only. What looks like ECR and cannot be parsed is
//! an error (U2); what is clearly elsewhere is not.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{AccountId, Digest, DigestError, NameError, Partition, Region, RepositoryName, Tag};

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
    /// Makes aliases of host names, with their ports if they have any.
    #[must_use]
    pub fn new(hosts: &[String]) -> Self {
        Self(hosts.iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    /// Returns the host names.
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
    /// The registry that the host names; `None` for an alias.
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
    /// Says what is wrong with `text`.
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

    /// Parses a reference that is not one to ECR, without its host. Returns `None` if it is no reference at all.
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

    fn parse_path(path: &str, registry: Option<Registry>) -> Result<Self, PathError> {
        let (named, digest) = match path.split_once('@') {
            Some((named, digest)) => (named, Some(digest.parse()?)),
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

/// What is wrong with the part of a reference after its host.
#[derive(Debug, thiserror::Error)]
enum PathError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Digest(#[from] DigestError),
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
    /// Returns the reference with as much of its digest as tells images apart to a person.
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
mod tests;
