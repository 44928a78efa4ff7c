//! `evidence`: reads what is in use in one location.
//!
//! A turn ends with the time of the function. What never changes it has left in the caches of the
//! location then, so that the next turn comes further.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    AT_ONCE, Phase, PhaseError, RunName, Turn,
    index::{EvidenceIndex, Written, object},
    list::RunList,
    sha256,
};
use crate::{
    aws::{ApiError, Clients, Operation},
    cache::AllCaches,
    config::{self, Role},
    evidence::{Document, Origin, Piece, PieceKey, SourceError},
    guard::Organization,
    image::{Partition, Registry, Time},
    pipeline::{
        Locations, Program, account_set::AccountSet, organization, publish::compressed,
        sources::object_name,
    },
    sources::{self, Source, Unreachable, Whole, eks},
    state::State,
    stop_time::StopTime,
};

/// Answer of the phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EvidenceAnswer {
    /// Turns.
    #[serde(flatten)]
    pub turn: Turn,
    /// Number of sources that are not complete.
    pub unread: usize,
}

impl Program {
    /// Reads what is in use in one location of a run, until `stop_at`, and writes it down. In a second
    /// pass, what is young enough is not read again.
    ///
    /// # Errors
    /// Returns an error if the location is none of the run, or what was found cannot be written.
    pub async fn read_location(
        &self,
        run: &RunName,
        sha256: &str,
        location: &Registry,
        is_again: bool,
        turn: Turn,
        stop_at: &StopTime,
    ) -> Result<EvidenceAnswer, PhaseError> {
        let phase = self.phase(run).await?;
        let list = phase.list(sha256).await?;
        if is_again && let Some(answer) = phase.is_fresh(location).await? {
            return Ok(answer);
        }
        let (started, began_at) = (Instant::now(), phase.now());
        let turns = turn.turns.saturating_add(1);
        let reading = phase.read(&list, location, began_at, stop_at);
        let pieces = Box::pin(reading).await?;
        let writing = phase.write(&pieces);
        let Some(documents) = self.at_the_end(stop_at, writing).await else {
            return Ok(EvidenceAnswer {
                turn: Turn { done: false, turns },
                unread: pieces.len(),
            });
        };
        let statuses = || pieces.iter().map(|piece| &piece.evidence.status);
        let is_late = |error: &SourceError| *error == SourceError::OutOfTime;
        let index = EvidenceIndex {
            began_at: timestamp(began_at),
            seconds: started.elapsed().as_secs_f64(),
            turns,
            done: !statuses().any(|status| status.error().is_some_and(is_late)),
            unread: statuses().filter(|status| status.error().is_some()).count(),
            documents: documents?,
        };
        phase.write_index(location, &index).await?;
        Ok(index.answer())
    }
}

pub(super) fn timestamp(time: Time) -> Timestamp {
    Timestamp::from_millisecond(time.millis()).unwrap_or_default()
}

impl EvidenceIndex {
    const fn answer(&self) -> EvidenceAnswer {
        EvidenceAnswer {
            turn: Turn {
                done: self.done,
                turns: self.turns,
            },
            unread: self.unread,
        }
    }
}

impl Phase<'_> {
    /// Returns what the first pass found, if it was read whole, and half of its time is left.
    async fn is_fresh(&self, location: &Registry) -> Result<Option<EvidenceAnswer>, PhaseError> {
        let half = self.program.config.guards.evidence_max_age / 2;
        let index = self.index(location).await?;
        let index = index.filter(|it| it.done && it.is_within(half, self.now()));
        Ok(index.map(|index| index.answer()))
    }

    /// Reads what is in use in a location.
    async fn read(
        &self,
        list: &RunList,
        location: &Registry,
        began_at: Time,
        stop_at: &StopTime,
    ) -> Result<Vec<Piece>, PhaseError> {
        let program = self.program;
        let locations = self.enter(list, location).await?;
        let state = program.config.state.as_ref();
        let state = state.filter(|_| !locations.read.is_empty());
        let state = match state {
            Some(state) => {
                let home = self.home();
                Some(State::caches_only(&program.clients, state, home, location).await)
            }
            None => None,
        };
        let caches = state
            .as_ref()
            .map_or_else(AllCaches::default, State::caches);
        let sources = self.sources(list, &locations, location, &caches).await?;
        let accounts = BTreeSet::from([location.account]);
        let origin = Origin {
            run: Some((*self.run.0).into()),
            configuration: Some(list.configuration.clone()),
        };
        let settings = sources::Settings {
            aliases: &program.aliases,
            accounts: &accounts,
            stop_at,
            origin: &origin,
            began_at,
        };
        let reading = Box::pin(sources::read(&sources, settings));
        let pieces = match &state {
            Some(state) => state.save_during(reading).await,
            None => reading.await,
        };
        if let Some(state) = &state {
            let is_gap = |piece: &Piece| piece.evidence.status.error().is_some();
            let keep_unused = pieces.iter().any(is_gap);
            let saving = Box::pin(program.at_the_end(stop_at, state.save(keep_unused)));
            if let Some(Err(error)) = saving.await {
                tracing::warn!(event = "facts_not_saved", "{error}");
            }
        }
        Ok(pieces)
    }

    /// Enters a location of the run. That its role cannot be assumed is a gap.
    async fn enter(&self, list: &RunList, location: &Registry) -> Result<Locations, PhaseError> {
        let program = self.program;
        let role = self.role_of(list, location)?;
        let mut accounts = AccountSet::new(&program.clients, &self.own, self.run.session());
        accounts.assume(role.clone()).await;
        let mut locations = Locations::none(self.own.clone());
        locations.found = list.found.iter().cloned().collect();
        locations.read_in(accounts.location(role.as_ref(), Some(&location.region)));
        Ok(locations)
    }

    /// Returns the role by which a location is read; `None` for the caller's own. The role of a
    /// registry, which may delete, is the last choice.
    fn role_of(&self, list: &RunList, location: &Registry) -> Result<Option<Role>, PhaseError> {
        let (config, home) = (&self.program.config, self.home());
        let account = location.account;
        let is_own = |role: Option<&Role>| role.map_or(home.account, |it| it.account) == account;
        let here = &location.region;
        let mut named = config
            .in_use
            .accounts
            .iter()
            .filter(|it| is_own(it.role.as_ref()));
        let is_named = |it: &&config::Account| match &it.regions[..] {
            [] => *here == home.region,
            regions => regions.contains(here),
        };
        if location == home {
            return Ok(None);
        } else if let Some(named) = named.clone().find(is_named) {
            return Ok(named.role.clone());
        } else if account == home.account {
            return Ok(None);
        }
        let members = list.organization.as_ref();
        let is_member =
            |it: &&Organization| it.accounts.contains(&account) && !it.excluded.contains(&account);
        let settings = config.in_use.organization.as_ref();
        if let Some((settings, _)) = settings.zip(members.filter(is_member)) {
            let partition = Partition::of(&home.region).map_or("aws", |it| it.id);
            let known = named.find_map(|it| it.role.clone());
            let found = || organization::role_in(account, partition, settings);
            return Ok(Some(known.unwrap_or_else(found)));
        }
        let mut registries = config.registries.iter();
        let registry = registries.find(|it| {
            is_own(it.role.as_ref()) && it.region.as_ref().unwrap_or(&home.region) == here
        });
        let unknown = || PhaseError::Unknown(location.clone(), "locations");
        registry.map(|it| it.role.clone()).ok_or_else(unknown)
    }

    /// Returns the sources of a location; in that of the functions, those that are in none besides.
    async fn sources(
        &self,
        list: &RunList,
        locations: &Locations,
        location: &Registry,
        caches: &AllCaches,
    ) -> Result<Vec<Box<dyn Source>>, PhaseError> {
        let (program, pages) = (self.program, eks::pages());
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        for (location, clients) in &locations.read {
            let caches = caches.of(location);
            sources.extend(program.sources_in(location, clients, locations, &caches, &pages));
        }
        for unreachable in locations.unreachable() {
            sources.push(Box::new(unreachable));
        }
        if location == self.home() {
            let listed = self.locations(list).await?;
            sources.extend(self.listed_again(&listed).await?);
            let read = program.demanded_in(&listed, locations);
            let read: BTreeSet<PieceKey> = read.into_iter().map(|it| it.0).collect();
            sources.extend(program.sources_at_home(self.home(), read, &pages));
        }
        Ok(sources)
    }

    /// Lists all locations again: what is new since the run began is read by none of its functions.
    async fn listed_again(&self, listed: &[Registry]) -> Result<Vec<Box<dyn Source>>, PhaseError> {
        let (program, home) = (self.program, self.home());
        let (clients, session) = (&program.clients, self.run.session());
        let listing = Locations::list(clients, self.own.clone(), &program.config, session);
        let locations = Box::pin(listing).await?;
        let listed: BTreeSet<&Registry> = listed.iter().collect();
        let new = locations.read.iter().map(|(location, _)| location);
        let new = new.filter(|location| !listed.contains(location));
        let (regions, accounts): (Vec<_>, Vec<_>) =
            new.partition(|location| location.account == home.account);
        let error = |new: &Registry, operation| {
            let problem = format!("{new} was not there when the run began: the next one reads it");
            ApiError::answer(operation, "", problem)
        };
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        for unreachable in locations.unreachable() {
            sources.push(Box::new(unreachable));
        }
        if let Some(new) = regions.first() {
            sources.push(Box::new(Unreachable {
                what: Whole::Regions,
                location: home.clone(),
                error: error(new, Operation::ListRegions),
            }));
        }
        if let Some(mut listing) = locations.listing() {
            if let Some(new) = accounts.first() {
                listing.outcome = Err(error(new, Operation::ListAccounts));
            }
            sources.push(Box::new(listing) as Box<dyn Source>);
        }
        Ok(sources)
    }

    /// Writes a document for each piece, and returns what there is of them.
    async fn write(&self, pieces: &[Piece]) -> Result<Vec<Written>, PhaseError> {
        let mut taken = BTreeSet::new();
        let named = pieces
            .iter()
            .map(|piece| (piece, object_name(&piece.key, &mut taken)));
        let named: Vec<(&Piece, String)> = named.collect();
        let writing = named.into_iter().map(|(piece, name)| async move {
            let bytes = compressed(&Document::of(piece, None, None))?;
            let PieceKey {
                location,
                source,
                cluster,
            } = piece.key.clone();
            let written = Written {
                location,
                source,
                cluster,
                sha256: sha256(&bytes),
                name,
            };
            self.objects.write(&object(&written.name), bytes).await?;
            Ok::<_, PhaseError>(written)
        });
        let writing: Vec<_> = writing.collect();
        stream::iter(writing).buffered(AT_ONCE).try_collect().await
    }
}

impl Program {
    /// Returns what is demanded of locations, with whether it may be unread.
    pub(super) fn demanded_in(
        &self,
        listed: &[Registry],
        locations: &Locations,
    ) -> Vec<(PieceKey, bool)> {
        let pages = eks::pages();
        let clients: &Clients = &self.clients;
        let caches = std::sync::Arc::default();
        let demanded = listed.iter().flat_map(|location| {
            let sources = self.sources_in(location, clients, locations, &caches, &pages);
            let keys = sources.into_iter();
            keys.map(|source| (source.key(), source.may_be_unread()))
        });
        demanded.collect()
    }
}
