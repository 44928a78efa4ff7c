//! What is in use by the evidence that other functions delivered: as much of it as belongs to the
//! run, and a gap for everything else that there has to be.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use jiff::SignedDuration;
use tokio::time::Instant;

use super::{
    AT_ONCE, Phase, PhaseError,
    index::{EvidenceIndex, FoundIndex, Written},
    list::RunList,
    sha256,
};
use crate::{
    aws::{ApiError, Identity, s3},
    config::Role,
    evidence::{
        Coverage, Document, DocumentError, Evidence, Gap, Origin, Piece, PieceKey, SourceError,
        SourceStatus, Terms, Unreadable,
    },
    image::{AccountId, Registry, Time},
    pipeline::{Locations, Program, account_set::AccountSet, sources::FoundUse},
    sources::{self, Source, eks},
    state::RunObjects,
    stop_time::StopTime,
};

/// Evidence for the cleaning of one registry.
pub(in crate::pipeline) struct Delivered {
    objects: RunObjects,
    list: RunList,
    registry: Registry,
    origin: Origin,
    max_age: SignedDuration,
    /// Every location of the run, with the index of what was found there.
    locations: Vec<(Registry, FoundIndex)>,
    session: Box<str>,
}

/// Evidence of one location.
struct OfLocation {
    location: Registry,
    pieces: Vec<Result<Piece, Unreadable>>,
    /// Reason for which there is none, if it is not that none was delivered.
    broken: Option<String>,
}

impl Phase<'_> {
    /// Returns what was delivered for a registry.
    pub(super) async fn delivered(
        &self,
        list: RunList,
        registry: &Registry,
    ) -> Result<Delivered, PhaseError> {
        let locations = self.locations(&list).await?;
        let indexes = self.indexes(&locations).await;
        Ok(Delivered {
            objects: self.objects.clone(),
            registry: registry.clone(),
            origin: Origin {
                run: Some((*self.run.0).into()),
                configuration: Some(list.configuration.clone()),
            },
            max_age: self.program.config.guards.evidence_max_age,
            locations: locations.into_iter().zip(indexes).collect(),
            session: self.run.session().into(),
            list,
        })
    }
}

impl Delivered {
    pub(in crate::pipeline) const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns whether other registries are cleaned too, which may have what belongs to this one.
    pub(in crate::pipeline) const fn has_others(&self) -> bool {
        self.list.registries.len() > 1
    }

    /// Returns when the oldest evidence that counts was read. What a plan is made for is that time:
    /// whoever pulled since may use what no evidence names.
    pub(in crate::pipeline) fn oldest(&self, now: Time) -> Option<Time> {
        let indexes = self.locations.iter().map(|(_, index)| index);
        let known = indexes.flatten().flatten();
        let counts = known.filter(|index| index.is_within(self.max_age, now));
        counts.map(EvidenceIndex::began_at).min()
    }

    /// Returns when that is too old to delete by.
    pub(super) fn ends_at(&self, now: Time) -> Option<Instant> {
        let left = self.max_age - self.oldest(now)?.age(now);
        Some(Instant::now() + left.try_into().unwrap_or_default())
    }

    /// Returns the registry as the only one that is cleaned.
    pub(in crate::pipeline) async fn enter(
        &self,
        program: &Program,
        own: Identity,
    ) -> Result<Locations, ApiError> {
        let mut locations = Locations::none(own.clone());
        let mut accounts = AccountSet::new(&program.clients, &own, &self.session);
        let (position, role) = self.entry(program, &own.registry);
        accounts.assume(role.cloned()).await;
        let location = accounts.location(role, Some(&self.registry.region));
        locations.clean(location, &program.config, position)?;
        locations.organization.clone_from(&self.list.organization);
        locations.found = self.list.found.iter().cloned().collect();
        locations.unread.clone_from(&self.list.unread);
        Ok(locations)
    }

    /// Returns the position and the role of the registry in the configuration.
    fn entry<'a>(&self, program: &'a Program, home: &Registry) -> (usize, Option<&'a Role>) {
        let mut registries = program.config.registries.iter().enumerate();
        let found = registries.find(|(_, it)| {
            let account = it.role.as_ref().map_or(home.account, |role| role.account);
            let region = it.region.as_ref().unwrap_or(&home.region);
            account == self.registry.account && *region == self.registry.region
        });
        found.map_or((0, None), |(position, it)| (position, it.role.as_ref()))
    }

    /// Reads what was delivered, and returns it with what is demanded.
    pub(in crate::pipeline) async fn found(
        &self,
        program: &Program,
        locations: &Locations,
    ) -> FoundUse {
        let accounts = self.locations.iter().map(|(location, _)| location.account);
        let accounts: BTreeSet<AccountId> = accounts.collect();
        let reading = self.locations.iter().map(|(location, index)| {
            let reading = self.read(location, index, program, &accounts);
            Box::pin(reading)
        });
        let reading: Vec<_> = reading.collect();
        let all = stream::iter(reading).buffered(AT_ONCE);
        let all: Vec<OfLocation> = all.collect().await;
        let mut use_found = FoundUse {
            demanded: Vec::new(),
            pieces: Vec::new(),
            unreadable: Vec::new(),
            terms: self.terms(program),
        };
        let mut expecting = Vec::new();
        for of_location in all {
            Self::add(
                of_location,
                &mut use_found,
                &mut expecting,
                (program, locations),
            );
        }
        self.add_own(&mut use_found, program, locations, &accounts)
            .await;
        sources::expect_clusters(&expecting, &mut use_found.pieces);
        use_found
    }

    /// Returns what is known if time ran out before everything was read.
    pub(in crate::pipeline) fn unread(&self, program: &Program) -> FoundUse {
        let key = PieceKey::new(&self.registry, SourceStatus::ACCOUNT, None);
        let status = SourceStatus {
            source: SourceStatus::ACCOUNT,
            location: self.registry.clone(),
            cluster: None,
            coverage: Coverage::Incomplete(SourceError::OutOfTime),
            references: 0,
            note: None,
        };
        let piece = Piece {
            origin: self.origin.clone(),
            began_at: program.now(),
            max_age: None,
            evidence: Evidence {
                status,
                uses: Vec::new(),
                locations: BTreeSet::new(),
                unread: Vec::new(),
            },
            found: Vec::new(),
            key: key.clone(),
        };
        FoundUse {
            demanded: vec![key],
            pieces: vec![piece],
            unreadable: Vec::new(),
            terms: self.terms(program),
        }
    }

    fn terms(&self, program: &Program) -> Terms {
        Terms {
            origin: self.origin.clone(),
            now: program.now(),
            max_age: Some(self.max_age),
        }
    }

    /// Adds the evidence of a location, and what is demanded there.
    fn add(
        of_location: OfLocation,
        found: &mut FoundUse,
        expecting: &mut Vec<Box<dyn Source>>,
        (program, locations): (&Program, &Locations),
    ) {
        let OfLocation {
            location,
            pieces,
            broken,
        } = of_location;
        let (pages, caches) = (eks::pages(), std::sync::Arc::default());
        let clients = &program.clients;
        let sources = program.sources_in(&location, clients, locations, &caches, &pages);
        let at_home = location == locations.own.registry;
        let mut demanded: BTreeMap<PieceKey, bool> = BTreeMap::new();
        for source in sources {
            demanded.insert(source.key(), source.may_be_unread());
            if !source.expected_clusters().is_empty() {
                expecting.push(source);
            }
        }
        // An account that could not be entered is one gap, in place of all its sources.
        let is_closed = |piece: &Result<Piece, Unreadable>| {
            piece.as_ref().is_ok_and(|piece| {
                *piece.key.source == *SourceStatus::ACCOUNT
                    && piece.key.location == location
                    && piece.evidence.status.has_gap()
            })
        };
        if !pieces.iter().any(is_closed) {
            if let Some(why) = broken {
                let unreadable = demanded.keys().map(|key| Unreadable {
                    key: key.clone(),
                    why: DocumentError::NotEvidence(why.clone()),
                });
                found.unreadable.extend(unreadable);
            }
            found.demanded.extend(demanded.keys().cloned());
        }
        if at_home {
            found.demanded.extend(demanded_at_home(program, &location));
        }
        for piece in pieces {
            match piece {
                Ok(mut piece) => {
                    let status = &mut piece.evidence.status;
                    let may_be_unread = demanded.get(&piece.key).copied().unwrap_or_default();
                    if status.coverage == Coverage::Unread && !may_be_unread {
                        status.coverage = Coverage::Incomplete(SourceError::Gap(Gap::Missing));
                    }
                    found.pieces.push(piece);
                }
                Err(unreadable) => found.unreadable.push(unreadable),
            }
        }
    }

    /// Adds that the registry itself cannot be entered, if so.
    async fn add_own(
        &self,
        found: &mut FoundUse,
        program: &Program,
        locations: &Locations,
        accounts: &BTreeSet<AccountId>,
    ) {
        let closed = locations.unreachable();
        let closed: Vec<Box<dyn Source>> =
            closed.map(|it| Box::new(it) as Box<dyn Source>).collect();
        let settings = sources::Settings {
            aliases: &program.aliases,
            accounts,
            stop_at: &StopTime::default(),
            origin: &self.origin,
            began_at: program.now(),
        };
        found.pieces.extend(sources::read(&closed, settings).await);
        found
            .demanded
            .extend(closed.iter().map(|source| source.key()));
    }

    /// Reads the evidence of a location.
    async fn read(
        &self,
        location: &Registry,
        index: &FoundIndex,
        program: &Program,
        accounts: &BTreeSet<AccountId>,
    ) -> OfLocation {
        let (index, broken) = match index {
            Ok(index) => (index.as_ref(), None),
            Err(why) => (None, Some(why.clone())),
        };
        let mut pieces = Vec::new();
        for written in index.into_iter().flat_map(|index| &index.documents) {
            let began_at = index.map(EvidenceIndex::began_at);
            let piece = self.piece(written, began_at, program, accounts).await;
            let key = written.key();
            pieces.push(piece.map_err(|why| Unreadable { key, why }));
        }
        OfLocation {
            location: location.clone(),
            pieces,
            broken,
        }
    }

    /// Reads a document, which has to be the one that was written.
    async fn piece(
        &self,
        written: &Written,
        began_at: Option<Time>,
        program: &Program,
        accounts: &BTreeSet<AccountId>,
    ) -> Result<Piece, DocumentError> {
        let lost = |why: &dyn ToString| DocumentError::NotEvidence(why.to_string());
        let bytes = self.objects.read(&written.object()).await;
        let bytes = bytes.map_err(|error| lost(&error))?;
        let bytes = bytes.ok_or_else(|| lost(&"it was written and is gone"))?;
        if sha256(&bytes) != written.sha256 {
            return Err(DocumentError::Changed);
        }
        let text = s3::decompressed(bytes).map_err(|error| lost(&error))?;
        let document = Document::parse(&text)?;
        if document.key() != written.key() {
            return Err(DocumentError::OtherPiece(Box::new(document.key())));
        }
        if Some(document.began_at()) != began_at {
            return Err(DocumentError::Changed);
        }
        document.into_piece(None, &program.aliases, accounts)
    }
}

/// Returns what is demanded of the location of the functions besides.
fn demanded_at_home(program: &Program, home: &Registry) -> Vec<PieceKey> {
    let sources = program.sources_at_home(home, BTreeSet::new(), &eks::pages());
    let mut demanded: Vec<PieceKey> = sources.iter().map(|source| source.key()).collect();
    if program.config.in_use.organization.is_some() {
        demanded.push(PieceKey::new(home, SourceStatus::ORGANIZATION, None));
    }
    demanded
}
