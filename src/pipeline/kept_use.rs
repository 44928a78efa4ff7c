//! What is in use by a snapshot: the evidence that it holds, as far as a configuration reads it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Program, sources::FoundUse};
use crate::{
    config::Config,
    evidence::{
        Coverage, Document, Evidence, Gap, Origin, Piece, PieceKey, SourceError, SourceStatus,
        Terms,
    },
    image::{AccountId, Time},
    sources::Source,
};

/// Settings on which evidence depends: all of it on the first.
const SETTINGS: [&str; 8] = [
    "registry_aliases",
    "registries",
    "in_use",
    "in_use.cloudformation",
    "in_use.ecs",
    "in_use.eks",
    "in_use.kubernetes",
    "in_use.services",
];

/// Hashes of settings, by their names.
pub(super) type Settings = BTreeMap<String, String>;

/// Use by a snapshot.
pub(super) struct KeptUse {
    pub(super) origin: Origin,
    pub(super) settings: Settings,
    pub(super) documents: Vec<Document>,
}

/// Returns hashes of the settings on which evidence depends.
pub(super) fn settings(config: &Config) -> Settings {
    let document = serde_json::to_value(config).unwrap_or_default();
    let hash = |name: &str| {
        let value = name.split('.').fold(&document, |value, key| &value[key]);
        let hash = Sha256::digest(value.to_string());
        (name.to_owned(), hex::encode(hash))
    };
    SETTINGS.map(hash).into()
}

/// Returns the settings on which the evidence of a source depends, besides whether it is read.
fn settings_of(source: &str, is_unread: bool) -> &'static [&'static str] {
    match source {
        "ecs" => &["in_use.ecs"],
        "eks" | "kubernetes" => &["in_use.eks", "in_use.kubernetes"],
        // What is read anyway is not taken from a list.
        "keep_lists" => &["in_use", "registries"],
        "cloudformation" if is_unread => &["in_use.cloudformation"],
        _ if is_unread => &["in_use.services"],
        _ => &[],
    }
}

impl KeptUse {
    /// Returns what the sources of a configuration found, as far as the snapshot has it. What it
    /// lacks, or has by other settings, is incomplete; what is not read any more is left out.
    pub(super) fn found(
        &self,
        sources: &[Box<dyn Source>],
        program: &Program,
        accounts: &BTreeSet<AccountId>,
    ) -> FoundUse {
        let settings = settings(&program.config);
        let mut wanted: BTreeSet<PieceKey> = sources.iter().map(|it| it.key()).collect();
        let mut pieces = Vec::new();
        // A source comes before those that it found.
        for document in &self.documents {
            let document = document.clone();
            let piece = document.into_piece(None, &program.aliases, accounts);
            let Ok(mut piece) = piece else { continue };
            piece.origin = self.origin.clone();
            if wanted.contains(&piece.key) {
                wanted.extend(piece.found.iter().cloned());
                let is_unread = piece.evidence.status.coverage == Coverage::Unread;
                let own = settings_of(&piece.key.source, is_unread);
                let mut depends = SETTINGS[..1].iter().chain(own);
                let changed = depends.find(|it| self.settings.get(**it) != settings.get(**it));
                let status = &mut piece.evidence.status;
                if let Some(changed) = changed.filter(|_| !status.has_gap()) {
                    status.coverage =
                        lacking(format!("the snapshot has it by another `{changed}`"));
                }
                pieces.push(piece);
            }
        }
        let missing = sources.iter().filter(|source| {
            let key = source.key();
            pieces.iter().all(|piece| piece.key != key)
        });
        let missing = missing.map(|source| self.nothing_of(source.as_ref()));
        let missing: Vec<Piece> = missing.collect();
        pieces.extend(missing);
        FoundUse {
            demanded: sources.iter().map(|source| source.key()).collect(),
            pieces,
            unreadable: Vec::new(),
            terms: Terms {
                origin: self.origin.clone(),
                now: program.now(),
                max_age: None,
            },
        }
    }

    fn nothing_of(&self, source: &dyn Source) -> Piece {
        let key = source.key();
        Piece {
            origin: self.origin.clone(),
            began_at: Time::from(Timestamp::UNIX_EPOCH),
            max_age: None,
            evidence: Evidence {
                status: SourceStatus {
                    source: source.name(),
                    location: key.location.clone(),
                    cluster: key.cluster.clone(),
                    coverage: lacking("the snapshot has nothing of it".to_owned()),
                    references: 0,
                    note: None,
                },
                uses: Vec::new(),
                locations: BTreeSet::new(),
                unread: Vec::new(),
            },
            found: Vec::new(),
            key,
        }
    }
}

fn lacking(what: String) -> Coverage {
    Coverage::Incomplete(SourceError::Gap(Gap::NotInSnapshot(what)))
}
