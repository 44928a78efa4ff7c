//! Evidence as a document, which one program writes and another reads (U14).
//!
//! Everything that could keep an image is in it: whatever is written is read back as it was. A
//! reference under an alias has lost which alias it was, and is written under a host that the
//! document itself declares to be one. What failed is only words behind, which nothing is decided
//! by.

mod failure;
mod lines;

use std::{collections::BTreeSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use failure::Failure;
use lines::{DoubtLine, Key, Location, MentionLine, PartsLine, Reader, UseLine, UserLine};

use super::{
    Coverage, Evidence, EvidenceKind, Origin, Piece, PieceKey, SourceError, Unread, Use, UsedImage,
    Uses,
};
use crate::image::{
    AccountId, Aliases, NameError, ReferenceError, Region, Registry, Time, escaped,
};

/// Schema of the documents that this version reads and writes.
const SCHEMA: &str = "ecr-cleanup/evidence/1";
/// Beginning of this schema and of those of other versions.
const SCHEMAS: &str = "ecr-cleanup/evidence/";
/// Host of what is written under an alias.
const ALIAS: &str = "registry-alias";
/// Host of what protects an image by its digest alone.
const NOWHERE: &str = "docker.io";

/// Evidence of one source in one location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    schema: String,
    account: AccountId,
    region: Region,
    source: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<Box<str>>,
    /// Time at which reading began.
    began_at: Timestamp,
    /// Time for which it may be relied upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    configuration: Option<Box<str>>,
    complete: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What that error is, where advice depends on it. Nothing, where others read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    /// Whether nothing was read, since nobody demands it and it could not be asked: then it is not
    /// complete, and that is no error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_unread: bool,
    /// Things that it did not read, though it is complete otherwise. None, where others read it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unread: Vec<Unread>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Every source of the location; `None` if this does not stand for the location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<Key>>,
    /// Further documents that there have to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    found: Vec<Key>,
    /// Further locations whose use this is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
    /// Hosts that stand for a registry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    uses: Vec<UseLine>,
    #[serde(default)]
    mentions: Vec<MentionLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartsLine>,
    /// Images in use of which only the repository is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<DoubtLine>,
}

/// The part of a document that tells whether this version can read the rest.
#[derive(Deserialize)]
struct Header {
    schema: String,
}

/// Reason for which a document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It was cut short, or is not JSON with a schema.
    #[error("it is no evidence: {}", escaped(.0))]
    NotEvidence(String),
    /// It is of another schema.
    #[error("it is of the schema `{}`, and this version reads `{SCHEMA}`", escaped(.0))]
    Schema(String),
    /// It is not of the form of its schema.
    #[error("it is malformed: {}", escaped(.0))]
    Malformed(String),
    /// It says neither that it is complete nor why not, or more than one of these.
    #[error("`complete`, `error` and `is_unread` contradict each other")]
    Contradiction,
    /// An image cannot be parsed.
    #[error(transparent)]
    Image(#[from] ReferenceError),
    /// A repository cannot be parsed.
    #[error(transparent)]
    Repository(#[from] NameError),
    /// An image is named in a way that protects none.
    #[error("`{}` names no image", escaped(.0))]
    NoImage(String),
    /// It was changed since it was written.
    #[error("it is not what was written")]
    Changed,
    /// It is not the document that its name promises.
    #[error("it is of {0}")]
    OtherPiece(Box<PieceKey>),
}

impl Document {
    /// Writes a piece of evidence; `sources` are those of its location, where a reader may take all
    /// of them together for what is used there.
    #[must_use]
    pub fn of(piece: &Piece, sources: Option<&[PieceKey]>, max_age: Option<&str>) -> Self {
        let (key, evidence) = (&piece.key, &piece.evidence);
        let home = &key.location;
        // What stands for a location is about no other one.
        let found = piece.found.iter();
        let found = found.filter(|it| sources.is_none() || it.location == *home);
        let error = evidence.status.error();
        let error = error.filter(|_| evidence.status.has_gap());
        let is_unread = evidence.status.coverage == Coverage::Unread;
        // Others have settings and permissions of their own.
        let is_for_others = sources.is_some();
        let own = |_: &_| !is_for_others;
        let unread = if is_for_others {
            &[][..]
        } else {
            &evidence.unread
        };
        let mut document = Self {
            schema: SCHEMA.to_owned(),
            account: home.account,
            region: home.region.clone(),
            source: key.source.clone(),
            cluster: key.cluster.clone(),
            began_at: Timestamp::from_millisecond(piece.began_at.millis()).unwrap_or_default(),
            max_age: max_age.map(Into::into),
            run: piece.origin.run.clone(),
            configuration: piece.origin.configuration.clone(),
            // Doubts are written as what they are about.
            complete: !evidence.status.has_gap() && !is_unread,
            error: error.map(ToString::to_string),
            failure: error.filter(own).and_then(Failure::of),
            is_unread,
            unread: unread.to_vec(),
            note: evidence.status.note.clone(),
            sources: sources.map(|all| all.iter().map(|it| Key::of(it, home)).collect()),
            found: found.map(|it| Key::of(it, home)).collect(),
            locations: evidence.locations.iter().map(Location::of).collect(),
            aliases: Vec::new(),
            uses: Vec::new(),
            mentions: Vec::new(),
            parts: Vec::new(),
            doubts: Vec::new(),
        };
        for it in &evidence.uses {
            document.add(it, home);
        }
        document
    }

    /// Returns whether a text is meant to be evidence, of whichever version.
    #[must_use]
    pub fn is_meant(text: &[u8]) -> bool {
        let header: Result<Header, _> = serde_json::from_slice(text);
        header.is_ok_and(|header| header.schema.starts_with(SCHEMAS))
    }

    /// Parses a document.
    ///
    /// # Errors
    /// Returns an error if it is not one that this version reads.
    pub fn parse(text: &[u8]) -> Result<Self, DocumentError> {
        let header: Result<Header, _> = serde_json::from_slice(text);
        let header = header.map_err(|error| DocumentError::NotEvidence(error.to_string()))?;
        if header.schema != SCHEMA {
            return Err(DocumentError::Schema(header.schema));
        }
        let document: Result<Self, _> = serde_json::from_slice(text);
        let document = document.map_err(|error| DocumentError::Malformed(error.to_string()))?;
        let said = [
            document.complete,
            document.error.is_some(),
            document.is_unread,
        ];
        if said.into_iter().filter(|it| *it).count() != 1 {
            return Err(DocumentError::Contradiction);
        }
        Ok(document)
    }

    /// Returns the name of its evidence.
    #[must_use]
    pub fn key(&self) -> PieceKey {
        PieceKey {
            location: self.home(),
            source: self.source.clone(),
            cluster: self.cluster.clone(),
        }
    }

    /// Returns its origin.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin {
            run: self.run.clone(),
            configuration: self.configuration.clone(),
        }
    }

    /// Returns when reading began.
    #[must_use]
    pub fn began_at(&self) -> Time {
        Time::from(self.began_at)
    }

    /// Returns for how long it may be relied upon, as it is written.
    #[must_use]
    pub fn max_age(&self) -> Option<&str> {
        self.max_age.as_deref()
    }

    /// Returns every source of its location; `None` if it does not stand for the location.
    #[must_use]
    pub fn sources(&self) -> Option<Vec<PieceKey>> {
        let (sources, home) = (self.sources.as_ref()?, self.home());
        Some(sources.iter().map(|key| key.read(&home)).collect())
    }

    /// Returns the further documents that there have to be.
    #[must_use]
    pub fn found(&self) -> Vec<PieceKey> {
        let home = self.home();
        self.found.iter().map(|key| key.read(&home)).collect()
    }

    /// Reads the evidence back. `accounts` are those that references are counted by.
    ///
    /// # Errors
    /// Returns an error if an image is named in a way that cannot be parsed.
    pub fn into_piece(
        self,
        max_age: Option<SignedDuration>,
        aliases: &Aliases,
        accounts: &BTreeSet<AccountId>,
    ) -> Result<Piece, DocumentError> {
        let (key, origin, found) = (self.key(), self.origin(), self.found());
        let began_at = self.began_at();
        let hosts = [aliases.hosts(), &self.aliases].concat();
        let mut reader = Reader::new(Aliases::new(&hosts), key.location.clone());
        let mut uses = Uses::new(Arc::new(aliases.clone()));
        for line in self.uses {
            uses.extend([reader.usage(line)?]);
        }
        for line in self.mentions {
            uses.extend([reader.mention(line)?]);
        }
        uses.extend(self.parts.into_iter().map(|line| reader.parts(line)));
        for line in self.doubts {
            uses.extend([reader.doubt(line)?]);
        }
        let mut status = key.status(match (self.failure, self.error) {
            _ if self.is_unread => Coverage::Unread,
            (Some(failure), Some(_)) => Coverage::Incomplete(failure.into()),
            (_, Some(error)) => Coverage::Incomplete(SourceError::Call(error)),
            (_, None) => uses.coverage(),
        });
        status.note = self.note;
        status.references = uses.count_references(accounts);
        Ok(Piece {
            key,
            origin,
            began_at,
            max_age,
            evidence: Evidence {
                status,
                uses: uses.into_vec(),
                locations: self.locations.into_iter().map(Location::read).collect(),
                unread: self.unread,
            },
            found,
        })
    }

    fn home(&self) -> Registry {
        Registry {
            account: self.account,
            region: self.region.clone(),
        }
    }

    fn add(&mut self, it: &Use, home: &Registry) {
        let (user, live) = (UserLine::of(&it.user, home), it.user.live);
        let image = match &it.image {
            UsedImage::Mention {
                repository,
                narrowing,
            } => {
                let lines = narrowing.iter().map(|words| MentionLine {
                    repository: repository.to_string(),
                    words: (**words).clone(),
                    user: user.clone(),
                    live,
                });
                return self.mentions.extend(lines);
            }
            UsedImage::InDoubt(doubt) => {
                let line = DoubtLine::of(user, live, doubt);
                return self.doubts.extend(line);
            }
            UsedImage::Parts(parts) => return self.parts.push(PartsLine::of(user, live, parts)),
            UsedImage::Digest(digest) => digest.to_string(),
            UsedImage::Ecr(image) => {
                let host = image.registry.as_ref().map(Registry::host);
                if host.is_none() {
                    self.aliases = vec![ALIAS.to_owned()];
                }
                format!("{}/{image}", host.as_deref().unwrap_or(ALIAS))
            }
            UsedImage::Elsewhere {
                host,
                image: Some(image),
                ..
            } => format!("{host}/{image}"),
            // Only a digest protects anything there.
            UsedImage::Elsewhere { digest, .. } => {
                let resolved = it
                    .resolved
                    .filter(|_| it.evidence != EvidenceKind::Container);
                let Some(digest) = digest.or(resolved) else {
                    return;
                };
                format!("{NOWHERE}/@{digest}")
            }
        };
        self.uses.push(UseLine {
            image,
            user,
            live,
            resolved: it.resolved,
            evidence: Some(it.evidence).filter(|kind| *kind != EvidenceKind::Field),
        });
    }
}
