//! Evidence that runs elsewhere published (U14), in place of letting a role in.
//!
//! The documents of a location are a set: each says which sources its run read there, so that one
//! that is lost is noticed. A document that does not say so stands for itself: what it names is in
//! use, and its location does not count as read.

use std::collections::{BTreeMap, BTreeSet};

use futures::{FutureExt, future::LocalBoxFuture};
use jiff::SignedDuration;

use super::{
    super::{Reading, Source},
    KEEP_LIST, MAX_AGE,
    list::KeepListError,
};
use crate::{
    aws::ApiError,
    config::duration,
    evidence::{
        self, Coverage, Document, Evidence, Piece, PieceKey, SourceError, Terms, Unreadable, Use,
        Uses,
    },
    image::{Aliases, Registry, Time},
};

/// A document that was published.
pub(super) struct Published {
    address: String,
    document: Document,
    max_age: SignedDuration,
}

/// The documents of a location.
pub(super) struct PublishedSet(Vec<Published>);

/// Divides documents into those of each location, and those that stand for none.
pub(super) fn divide(documents: Vec<Published>) -> (Vec<PublishedSet>, Vec<Published>) {
    let mut sets: BTreeMap<Registry, Vec<Published>> = BTreeMap::new();
    let mut alone = Vec::new();
    for published in documents {
        if published.document.sources().is_some() {
            let location = published.document.key().location;
            sets.entry(location).or_default().push(published);
        } else {
            alone.push(published);
        }
    }
    (sets.into_values().map(PublishedSet).collect(), alone)
}

impl Published {
    /// Parses a document.
    pub(super) fn parse(address: &str, text: &[u8]) -> Result<Self, KeepListError> {
        let document = Document::parse(text)?;
        let max_age = duration(document.max_age().unwrap_or(MAX_AGE))?;
        Ok(Self {
            address: address.to_owned(),
            document,
            max_age,
        })
    }

    /// Returns the source that it is of, or that the cluster belongs to.
    pub(super) fn source(&self) -> PieceKey {
        without_cluster(self.document.key())
    }

    /// Returns what is in use by a document that stands for itself.
    pub(super) fn into_uses(self, aliases: &Aliases, now: Time) -> Result<Vec<Use>, SourceError> {
        let terms = self.terms(now);
        let (address, key) = (self.address.clone(), self.document.key());
        let evidence = evidence::assemble(&[key], [self.into_piece(aliases)], &terms);
        let gap = evidence.iter().find(|it| it.status.has_gap());
        let error = gap.and_then(|it| it.status.error());
        match error {
            Some(error) => Err(ApiError::answer(KEEP_LIST, &address, error.to_string()).into()),
            None => Ok(evidence.into_iter().flat_map(|it| it.uses).collect()),
        }
    }

    fn terms(&self, now: Time) -> Terms {
        Terms {
            origin: self.document.origin(),
            now,
            max_age: None,
        }
    }

    fn into_piece(self, aliases: &Aliases) -> Result<Piece, Unreadable> {
        let key = self.document.key();
        // The reader counts references by the accounts that it reads.
        let nobody = BTreeSet::new();
        let piece = self
            .document
            .into_piece(Some(self.max_age), aliases, &nobody);
        piece.map_err(|why| Unreadable { key, why })
    }
}

impl PublishedSet {
    /// Makes evidence of the documents that the last run of the location wrote. What that run did
    /// not name any more is left out; `read` is what the reader reads itself.
    pub(super) fn assemble(
        self,
        read: &BTreeSet<PieceKey>,
        aliases: &Aliases,
        now: Time,
    ) -> Vec<Evidence> {
        let rank = |it: &&Published| (it.document.began_at(), it.document.origin());
        let Some(newest) = self.0.iter().max_by_key(rank) else {
            return Vec::new();
        };
        let terms = newest.terms(now);
        let mut demanded = newest.document.sources().unwrap_or_default();
        let is_newest = |it: &Published| it.document.origin() == terms.origin;
        let (newest, older): (Vec<_>, Vec<_>) = self.0.into_iter().partition(is_newest);
        let found = newest.iter().flat_map(|it| it.document.found());
        let named: BTreeSet<PieceKey> = found.chain(demanded.iter().cloned()).collect();
        let written: BTreeSet<PieceKey> = newest.iter().map(|it| it.document.key()).collect();
        // What the last run did not write is in use as an earlier one saw it, and is a gap.
        let lost = older.into_iter().filter(|it| {
            let key = it.document.key();
            named.contains(&key) && !written.contains(&key)
        });
        let delivered = newest.into_iter().chain(lost);
        demanded.retain(|key| !read.contains(&without_cluster(key.clone())));
        evidence::assemble(
            &demanded,
            delivered.map(|it| it.into_piece(aliases)),
            &terms,
        )
    }
}

fn without_cluster(key: PieceKey) -> PieceKey {
    PieceKey {
        cluster: None,
        ..key
    }
}

/// A source of another account, by the evidence that was published of it.
pub(super) struct PublishedSource(pub(super) Evidence);

impl Source for PublishedSource {
    fn name(&self) -> &'static str {
        self.0.status.source
    }

    fn location(&self) -> &Registry {
        &self.0.status.location
    }

    fn cluster(&self) -> Option<&str> {
        self.0.status.cluster.as_deref()
    }

    fn read<'a>(&'a self, uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>> {
        async {
            uses.extend(self.0.uses.iter().cloned());
            match &self.0.status.coverage {
                Coverage::Incomplete(error) => Err(error.clone()),
                Coverage::Unread => Ok(Reading {
                    is_unread: true,
                    ..Reading::default()
                }),
                Coverage::Complete => Ok(Reading {
                    note: self.0.status.note.clone(),
                    ..Reading::default()
                }),
            }
        }
        .boxed_local()
    }
}
