//! Sources of evidence: what uses images, read in an account and Region.
//!
//! One file or folder a source. A source is complete or it is not (P1): any failure, however small,
//! makes it incomplete, and a run deletes nothing that an incomplete source could hide (U17).

pub(crate) mod cloudformation;
mod cluster;
pub(crate) mod ecs;
pub(crate) mod eks;
pub(crate) mod git;
mod keep_lists;
pub(crate) mod lambda;
mod organization;
pub(crate) mod services;
mod unreachable;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{FutureExt, StreamExt, future::LocalBoxFuture, stream};
use tokio::time::{Duration, Instant};

use crate::{
    counted::Counted,
    evidence::{
        Coverage, Evidence, Origin, Piece, PieceKey, SourceError, SourceStatus, Unread, Uses,
    },
    image::{AccountId, Aliases, Registry, Time},
    kubernetes::ClusterError,
    stop_time::StopTime,
};

pub(crate) use cluster::ClusterSource;
pub use keep_lists::{KeepList, KeepListError};
pub(crate) use keep_lists::{KeepLists, MAX_AGE};
pub(crate) use organization::OrganizationListing;
pub(crate) use unreachable::{Unreachable, Whole};

/// A source of evidence.
pub(crate) trait Source {
    /// Returns its name in reports.
    fn name(&self) -> &'static str;

    /// Returns the account and Region that it reads.
    fn location(&self) -> &Registry;

    /// Returns the cluster that it reads, if it is one.
    fn cluster(&self) -> Option<&str> {
        None
    }

    /// Returns clusters that a source of this name has to find, in some location.
    fn expected_clusters(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Returns the name of its evidence.
    fn key(&self) -> PieceKey {
        PieceKey::new(self.location(), self.name(), self.cluster())
    }

    /// Returns whether nothing of it may be read without that being a failure, since nobody demands
    /// it.
    fn may_be_unread(&self) -> bool {
        false
    }

    /// Adds every use that it finds.
    ///
    /// # Errors
    /// Returns an error if anything could not be read: then the source is incomplete.
    fn read<'a>(&'a self, uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>>;
}

/// Result of a source, besides uses.
#[derive(Default)]
pub(crate) struct Reading {
    /// Sources that it found, each with a status of its own.
    pub(crate) further: Vec<Box<dyn Source>>,
    pub(crate) note: Option<String>,
    /// Accounts and Regions whose use this is, besides that of the source.
    pub(crate) locations: BTreeSet<Registry>,
    /// What it did not read, which is no failure.
    pub(crate) unread: Vec<Unread>,
    /// Whether that is everything.
    pub(crate) is_unread: bool,
}

/// Number of locations that are read at once: each has rate limits of its own, but connections are
/// limited.
const LOCATIONS_AT_ONCE: usize = 24;
/// Number of sources of a location, or of those that a source found, that are read at once.
const SOURCES_AT_ONCE: usize = 4;

/// What the sources of a run have in common.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'a> {
    pub(crate) aliases: &'a Arc<Aliases>,
    /// Accounts that are read: references to images are counted by them.
    pub(crate) accounts: &'a BTreeSet<AccountId>,
    /// Time to stop reading.
    pub(crate) stop_at: &'a StopTime,
    pub(crate) origin: &'a Origin,
    /// Time at which reading begins.
    pub(crate) began_at: Time,
}

/// Reads all sources, and those that they find, until the time to stop. A source that has not
/// answered by then is incomplete. A location that is slow holds up no other one.
pub(crate) async fn read(sources: &[Box<dyn Source>], settings: Settings<'_>) -> Vec<Piece> {
    let mut by_location: BTreeMap<&Registry, Vec<(usize, &dyn Source)>> = BTreeMap::new();
    for (position, source) in sources.iter().enumerate() {
        let of_location = by_location.entry(source.location()).or_default();
        of_location.push((position, source.as_ref()));
    }
    Counted::Sources.expect(sources.len());
    let locations = stream::iter(by_location.into_values()).map(|sources| {
        let readings = stream::iter(sources)
            .map(|(position, source)| async move { (position, read_one(source, settings).await) });
        readings.buffer_unordered(SOURCES_AT_ONCE)
    });
    let mut pieces: Vec<_> = locations
        .flatten_unordered(LOCATIONS_AT_ONCE)
        .collect()
        .await;
    pieces.sort_by_key(|(position, _)| *position);
    let pieces = pieces.into_iter().flat_map(|(_, pieces)| pieces);
    pieces.collect()
}

/// Makes a source incomplete for each cluster that no source of its name found, and that one has to
/// find.
pub(crate) fn expect_clusters(sources: &[Box<dyn Source>], pieces: &mut [Piece]) {
    let statuses = pieces.iter().map(|piece| &piece.evidence.status);
    let found = statuses.filter_map(|status| Some((status.source, status.cluster.clone()?)));
    let mut known: BTreeSet<(&str, Box<str>)> = found.collect();
    for source in sources {
        for cluster in source.expected_clusters() {
            let name = (source.name(), cluster.into());
            if !known.contains(&name) && expect_cluster(pieces, source.as_ref(), cluster) {
                known.insert(name);
            }
        }
    }
}

fn read_one<'a>(source: &'a dyn Source, settings: Settings<'a>) -> LocalBoxFuture<'a, Vec<Piece>> {
    async move {
        let mut uses = Uses::new(Arc::clone(settings.aliases));
        let began = Instant::now();
        let (reading, coverage) = match in_time(settings.stop_at, source.read(&mut uses)).await {
            Ok(reading) if reading.is_unread => (reading, Coverage::Unread),
            Ok(reading) => (reading, uses.coverage()),
            Err(error) => (Reading::default(), Coverage::Incomplete(error)),
        };
        let Reading {
            further,
            note,
            locations,
            unread,
            is_unread: _,
        } = reading;
        let mut status = SourceStatus {
            source: source.name(),
            location: source.location().clone(),
            cluster: source.cluster().map(Into::into),
            coverage,
            references: uses.count_references(settings.accounts),
            note,
        };
        if let Some(note) = uses.note() {
            status.remark(note);
        }
        log(&status, began.elapsed());
        Counted::Sources.expect(further.len());
        Counted::Sources.done(1);
        let found = further.iter().map(|source| source.key()).collect();
        let further = stream::iter(&further).map(|source| read_one(source.as_ref(), settings));
        let further: Vec<_> = further.buffered(SOURCES_AT_ONCE).collect().await;
        let mut all = vec![Piece {
            key: source.key(),
            origin: settings.origin.clone(),
            began_at: settings.began_at,
            max_age: None,
            evidence: Evidence {
                status,
                uses: uses.into_vec(),
                locations,
                unread,
            },
            found,
        }];
        all.extend(further.into_iter().flatten());
        all
    }
    .boxed_local()
}

/// Returns what a source answers, or that it did not answer in time.
async fn in_time(
    stop_at: &StopTime,
    reading: impl Future<Output = Result<Reading, SourceError>>,
) -> Result<Reading, SourceError> {
    let in_time = stop_at.in_time(reading).await;
    in_time.unwrap_or(Err(SourceError::OutOfTime))
}

fn log(status: &SourceStatus, took: Duration) {
    tracing::info!(
        event = "source_read",
        source = status.source,
        account = %status.location.account,
        region = %status.location.region,
        cluster = status.cluster.as_deref(),
        complete = status.is_complete(),
        references = status.references,
        duration_s = took.as_secs_f64(),
        note = status.note,
        error = status.error().map(ToString::to_string),
        "read what is in use"
    );
}

/// Makes a source incomplete that had to find a cluster, and returns whether it was complete.
fn expect_cluster(pieces: &mut [Piece], source: &dyn Source, cluster: &str) -> bool {
    let (name, key) = (source.name(), source.key());
    let own = pieces.iter_mut().find(|piece| piece.key == key);
    let status = own.map(|piece| &mut piece.evidence.status);
    let Some(status) = status.filter(|status| !status.has_gap()) else {
        return false;
    };
    let error = SourceError::from(ClusterError::unknown(cluster));
    tracing::warn!(event = "cluster_unknown", source = name, cluster, "{error}");
    status.coverage = Coverage::Incomplete(error);
    true
}
