//! A snapshot: all that plans are made from, in a file, so that they can be made again without AWS.
//!
//! Of the registries, and of whatever else is no evidence, it has the answers of AWS as they came;
//! a plan made from it asks for them as a run does, and what it does not have is a call that failed.
//! What is in use it has as evidence, since those answers may hold secrets.

use std::io::{self, BufReader, Read, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Locations, Program, Request, Run,
    kept_use::{KeptUse, Settings, settings},
    sources::FoundUse,
};
use crate::{
    aws::{Answer, Answers, ApiError, Asked, Clients},
    config::Config,
    evidence::{Coverage, Document, Origin, SourceStatus, Unread},
    image::{AccountId, Region, Registry, RepositoryName, Time, escaped},
    inventory::{Inventory, Repository},
    registry::{self, Known, Scope},
    report::VERSION,
    state::State,
};

/// Schema of the snapshots that this version writes and reads. It changes with the requests that a
/// plan makes.
const SCHEMA: &str = "ecr-cleanup/snapshot/1";
/// All that plans are made from.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    schema: String,
    /// Version of the program that took it.
    version: String,
    taken_at: Timestamp,
    account: AccountId,
    region: Region,
    /// Id of the run that took it.
    run: Box<str>,
    /// Hashes of the settings of use at that time: what is written there is nobody's business.
    settings: Settings,
    evidence: Vec<Document>,
    answers: Vec<(Asked, Answer)>,
}

/// A snapshot that was taken, and what of it people want to know.
pub struct TakenSnapshot {
    /// Snapshot.
    pub snapshot: Snapshot,
    /// Names of all repositories that there are.
    pub repositories: Vec<RepositoryName>,
    /// Number of images.
    pub images: u64,
    /// Sources of use that were read.
    pub sources: Vec<SourceStatus>,
    /// What was not read.
    pub unread: Vec<Unread>,
}

/// The part of a snapshot that tells whether this version can read the rest.
#[derive(Deserialize)]
struct Header {
    schema: String,
}

/// Reason for which a file is no snapshot that can be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It cannot be read, or was cut short.
    #[error("it is no whole snapshot: {0}")]
    Unreadable(#[from] io::Error),
    /// It is of another schema.
    #[error("it is of the schema `{}`, and this version reads `{SCHEMA}`: take a new one", escaped(.0))]
    Schema(String),
    /// It is not of the form of its schema.
    #[error("it is malformed: {}", escaped(.0))]
    Malformed(String),
}

impl Snapshot {
    /// Writes it, compressed.
    ///
    /// # Errors
    /// Returns an error if it cannot be written.
    pub fn write(&self, to: impl Write) -> io::Result<()> {
        let mut encoder = GzEncoder::new(to, Compression::default());
        serde_json::to_writer(&mut encoder, self)?;
        encoder.finish()?.flush()
    }

    /// Reads one.
    ///
    /// # Errors
    /// Returns an error if it was cut short, or is of another version.
    pub fn read(from: impl Read) -> Result<Self, SnapshotError> {
        let mut text = Vec::new();
        GzDecoder::new(BufReader::new(from)).read_to_end(&mut text)?;
        let malformed = |error: serde_json::Error| SnapshotError::Malformed(error.to_string());
        let header: Header = serde_json::from_slice(&text).map_err(malformed)?;
        if header.schema != SCHEMA {
            return Err(SnapshotError::Schema(header.schema));
        }
        serde_json::from_slice(&text).map_err(malformed)
    }

    /// Returns when it was taken: `2026-11-28T12:00:00Z`.
    #[must_use]
    pub fn taken_at(&self) -> String {
        format!("{:.0}", self.taken_at)
    }

    /// Returns the program with a configuration that plans from this, with its clients, and asks
    /// nobody.
    #[must_use]
    pub fn into_program(self, config: Config) -> (Program, Clients) {
        let answers: Answers = self.answers.into_iter().collect();
        let clients = Clients::replaying(answers, &self.region, Time::from(self.taken_at));
        let mut program = Program::new(config, clients.clone());
        program.kept = Some(KeptUse {
            origin: Origin {
                run: Some(self.run),
                configuration: None,
            },
            settings: self.settings,
            documents: self.evidence,
        });
        (program, clients)
    }
}

impl Program {
    /// Reads all that plans are made from: every repository that is asked for, whatever the policies
    /// say, so that other policies can be planned with.
    ///
    /// # Errors
    /// Returns an error if the identity of the program cannot be determined, or repositories cannot
    /// be listed. Any other failure is part of the snapshot.
    pub async fn snapshot(&self, request: &Request) -> Result<TakenSnapshot, ApiError> {
        let (clients, network) = self.clients.recorded();
        let program = Self {
            config: self.config.clone(),
            aliases: self.aliases.clone(),
            clients,
            kept: None,
            delivered: None,
            ..*self
        };
        let (taken_at, run) = (self.now(), self.begin());
        // The alias of the account is for the first line of a plan.
        let (own, _) = program.caller().await?;
        let home = own.registry.clone();
        let locations = program.locations(own, &run).await?;
        let (state, _) = tokio::join!(program.state(&locations), program.stopped());
        let reading = program.read_all(&locations, state.as_ref(), &run, request);
        let (inventories, found) = reading.await;
        if let Ok(inventories) = &inventories {
            for inventory in inventories {
                if let Some(clients) = locations.registries.get(&inventory.registry) {
                    read_access(clients).await;
                }
            }
        }
        self.save_facts(state.as_ref(), &request.stop_at).await;
        let inventories = inventories?;
        let Registry { account, region } = home;
        let snapshot = Snapshot {
            schema: SCHEMA.to_owned(),
            version: VERSION.to_owned(),
            taken_at: Timestamp::from_millisecond(taken_at.millis()).unwrap_or_default(),
            account,
            region,
            run: run.id.as_str().into(),
            settings: settings(&program.config),
            evidence: found
                .pieces
                .iter()
                .map(|piece| Document::of(piece, None, None))
                .collect(),
            answers: network.answers().into_iter().collect(),
        };
        let repositories = || inventories.iter().flat_map(|it| &it.repositories);
        let images = repositories().filter_map(Repository::images);
        let evidence = || found.pieces.iter().map(|it| &it.evidence);
        Ok(TakenSnapshot {
            snapshot,
            repositories: repositories().map(|it| it.name.clone()).collect(),
            images: images.map(|it| it.images.len() as u64).sum(),
            unread: evidence()
                .flat_map(|it| it.unread.iter().cloned())
                .collect(),
            sources: evidence()
                .map(|it| it.status.clone())
                .filter(|status| status.coverage != Coverage::Unread)
                .collect(),
        })
    }

    /// Reads what is stored and in use, and whatever else a plan may ask for.
    async fn read_all(
        &self,
        locations: &Locations,
        state: Option<&State>,
        run: &Run,
        request: &Request,
    ) -> (Result<Vec<Inventory>, ApiError>, FoundUse) {
        let caches = state.map_or_else(|| locations.no_caches(), State::caches);
        let known = Known::of(&caches, state.is_some());
        let scope = Scope {
            whole: true,
            ..self.scope(request, known, &locations.own)
        };
        // For the page and for growth.
        let past = async {
            if let Some(state) = state {
                let _ = tokio::join!(state.history(), state.sizes());
            }
        };
        // In a box, since the future is large.
        let reading = Box::pin(async {
            tokio::join!(
                self.read_registries(locations, scope),
                self.read_sources(locations, &caches, run, &request.stop_at),
                self.histories(state),
                past
            )
        });
        let (inventories, found, ..) = match state {
            Some(state) => state.save_during(reading).await,
            None => reading.await,
        };
        (inventories.map(|(inventories, _)| inventories), found)
    }
}

/// Reads who may pull from a registry. The answers are what is wanted.
async fn read_access(clients: &Clients) {
    let _ = tokio::join!(
        registry::registry_policy(clients),
        registry::replications(clients)
    );
}
