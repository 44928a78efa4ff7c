//! The set of evidence: whether what a run has is exactly what it demands (A14).
//!
//! A run demands a piece of evidence of each source in each location, and of each cluster that a
//! source found. What is missing, or cannot be taken for what it should be, makes that source
//! incomplete there, as a call that failed does; so guards know what it could hide. One process
//! that reads everything itself is held to the same as many that deliver documents.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::SignedDuration;

use super::{Coverage, DocumentError, Evidence, SourceError, SourceStatus};
use crate::image::{Registry, Time};

/// Time by which the clock of another writer may be ahead.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Names of sources. Documents may name others.
const SOURCES: [&str; 20] = [
    "account",
    "app_runner",
    "batch",
    "bedrock_agentcore",
    "cloudformation",
    "codebuild",
    "ecs",
    "eks",
    "eventbridge",
    "git",
    "keep_lists",
    "kubernetes",
    "lambda",
    "lightsail",
    "organization",
    "pipes",
    "regions",
    "sagemaker",
    "scheduler",
    "step_functions",
];
/// Name of any other source.
const OTHER: &str = "other";

/// Name of a piece of evidence: a source in a location, or a cluster that one found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PieceKey {
    /// Account and Region.
    pub location: Registry,
    /// Source.
    pub source: Box<str>,
    /// Cluster, if the source is one.
    pub cluster: Option<Box<str>>,
}

/// Origin that the evidence of a set has in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Id of the run that read it; `None` if another program wrote it.
    pub run: Option<Box<str>>,
    /// Hash of the configuration of that run.
    pub configuration: Option<Box<str>>,
}

/// Evidence of one source in one location, with what tells whether it belongs to a set.
#[derive(Debug)]
pub struct Piece {
    /// Name.
    pub key: PieceKey,
    /// Origin.
    pub origin: Origin,
    /// Time at which reading began.
    pub began_at: Time,
    /// Time for which it may be relied upon, counted from then; `None` if the run that read it also
    /// uses it.
    pub max_age: Option<SignedDuration>,
    /// Evidence.
    pub evidence: Evidence,
    /// Further pieces that there have to be, since this source found them.
    pub found: Vec<PieceKey>,
}

/// A piece of evidence that was delivered and cannot be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Name under which it was delivered.
    pub key: PieceKey,
    /// Reason.
    pub why: DocumentError,
}

/// Conditions that every piece of a set has to meet.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Origin.
    pub origin: Origin,
    /// Time.
    pub now: Time,
    /// Age up to which evidence counts; `None` if only that of each piece limits it.
    pub max_age: Option<SignedDuration>,
}

/// Reason for which a piece of evidence does not count as one that a run demands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// It was not delivered.
    #[error("there is no evidence of it")]
    Missing,
    /// It was delivered more often than it is demanded.
    #[error("there is evidence of it more than once")]
    Duplicate,
    /// It is too old.
    #[error("its evidence is too old: reading began at {0}")]
    Late(Time),
    /// It is from the future.
    #[error("its evidence is of {0}, which is still to come")]
    Future(Time),
    /// Another run read it.
    #[error("its evidence is of another run")]
    OtherRun,
    /// It was read by another configuration.
    #[error("its evidence is of another configuration")]
    OtherConfiguration,
    /// Nobody demands it.
    #[error("there is evidence of it, though it is not to be read")]
    NotDemanded,
    /// A snapshot does not have it.
    #[error("{0}; take a snapshot with this configuration")]
    NotInSnapshot(String),
    /// It was cut short, or is not what it should be.
    #[error("its evidence cannot be used: {0}")]
    Unreadable(#[from] DocumentError),
}

impl PieceKey {
    /// Creates the name of a source.
    #[must_use]
    pub fn new(location: &Registry, source: &str, cluster: Option<&str>) -> Self {
        Self {
            location: location.clone(),
            source: source.into(),
            cluster: cluster.map(Into::into),
        }
    }

    /// Returns the status of this source, of which nothing is known.
    pub(super) fn status(&self, coverage: Coverage) -> SourceStatus {
        let known = SOURCES.into_iter().find(|known| **known == *self.source);
        SourceStatus {
            source: known.unwrap_or(OTHER),
            location: self.location.clone(),
            cluster: self.cluster.clone(),
            coverage,
            references: 0,
            note: None,
        }
    }

    /// Returns whether the source has a name of its own in reports.
    #[must_use]
    pub fn is_known(source: &str) -> bool {
        SOURCES.contains(&source)
    }
}

impl fmt::Display for PieceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        if let Some(cluster) = &self.cluster {
            write!(f, " `{cluster}`")?;
        }
        write!(f, " in {}", self.location)
    }
}

impl Piece {
    /// Returns why this does not count, if it does not.
    fn gap(&self, terms: &Terms) -> Option<Gap> {
        let age = self.began_at.age(terms.now);
        let mut limits = [self.max_age, terms.max_age].into_iter().flatten();
        if self.origin.run != terms.origin.run {
            Some(Gap::OtherRun)
        } else if self.origin.configuration != terms.origin.configuration {
            Some(Gap::OtherConfiguration)
        } else if age < -CLOCK_SKEW {
            Some(Gap::Future(self.began_at))
        } else if limits.any(|limit| age > limit) {
            Some(Gap::Late(self.began_at))
        } else {
            None
        }
    }
}

/// Makes the evidence of a run of what was delivered to it, in the order of what is demanded. The
/// uses in a piece that does not count are in use all the same.
#[must_use]
pub fn assemble(
    demanded: &[PieceKey],
    delivered: impl IntoIterator<Item = Result<Piece, Unreadable>>,
    terms: &Terms,
) -> Vec<Evidence> {
    let mut set = Set {
        terms,
        delivered: BTreeMap::new(),
        evidence: Vec::new(),
    };
    for piece in delivered {
        let (key, piece) = match piece {
            Ok(piece) => (piece.key.clone(), Ok(piece)),
            Err(Unreadable { key, why }) => (key, Err(why)),
        };
        set.delivered.entry(key).or_default().push(piece);
    }
    set.take(demanded);
    set.reject_others();
    set.evidence
}

struct Set<'a> {
    terms: &'a Terms,
    delivered: BTreeMap<PieceKey, Vec<Result<Piece, DocumentError>>>,
    evidence: Vec<Evidence>,
}

impl Set<'_> {
    /// Adds what is demanded, and what that found. Several sources may have one name, such as two
    /// contexts of different kubeconfigs: each of them is demanded.
    fn take(&mut self, demanded: &[PieceKey]) {
        let mut times: BTreeMap<&PieceKey, usize> = BTreeMap::new();
        for key in demanded {
            *times.entry(key).or_default() += 1;
        }
        for key in demanded {
            // Of those of one name, the first stands for all.
            let Some(times) = times.remove(key) else {
                continue;
            };
            let pieces = self.delivered.remove(key).unwrap_or_default();
            let missing = times.saturating_sub(pieces.len());
            let is_duplicate = pieces.len() > times;
            for piece in pieces {
                self.add(key, piece, is_duplicate.then_some(Gap::Duplicate));
            }
            for _ in 0..missing {
                self.add_gap(key, Gap::Missing);
            }
        }
    }

    fn add(&mut self, key: &PieceKey, piece: Result<Piece, DocumentError>, gap: Option<Gap>) {
        let mut piece = match piece {
            Ok(piece) => piece,
            Err(why) => return self.add_gap(key, why.into()),
        };
        let gap = gap.or_else(|| piece.gap(self.terms));
        let status = &mut piece.evidence.status;
        if let Some(gap) = gap.filter(|_| !status.has_gap()) {
            status.coverage = Coverage::Incomplete(SourceError::Gap(gap));
        }
        self.evidence.push(piece.evidence);
        self.take(&piece.found);
    }

    fn add_gap(&mut self, key: &PieceKey, gap: Gap) {
        self.evidence.push(Evidence {
            status: key.status(Coverage::Incomplete(SourceError::Gap(gap))),
            uses: Vec::new(),
            locations: BTreeSet::new(),
            unread: Vec::new(),
        });
    }

    /// Adds what nobody demands: the list of what to read may have lost it.
    fn reject_others(&mut self) {
        for (key, pieces) in std::mem::take(&mut self.delivered) {
            for piece in pieces {
                self.add(&key, piece, Some(Gap::NotDemanded));
            }
        }
    }
}
