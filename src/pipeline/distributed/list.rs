//! `list`: which locations there are, once for all the others.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Phase, PhaseError, RunName, json, sha256};
use crate::{
    evidence::Unread,
    guard::Organization,
    image::Registry,
    pipeline::{Locations, Program},
    report::VERSION,
};

/// Schema of the list.
const SCHEMA: &str = "ecr-cleanup/run/1";
/// Name of the list.
const LIST: &str = "list.json";
/// Name of the locations: an array, over which the state machine maps.
const LOCATIONS: &str = "locations.json";

/// What a run is about. All that it does has to agree with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunList {
    schema: String,
    run: RunName,
    /// Time at which listing began.
    pub(super) began_at: Timestamp,
    /// SHA-256 of the configuration.
    pub(super) configuration: Box<str>,
    /// Version of the program.
    version: String,
    /// SHA-256 and number of the locations.
    locations: Named,
    /// Account and Region of the functions.
    home: Registry,
    /// Registries to clean.
    pub(super) registries: Vec<Registry>,
    /// Locations of which services that nobody demands are not read.
    pub(super) found: Vec<Registry>,
    /// Organization whose accounts are read; `None` if there is none, or they could not be listed.
    pub(super) organization: Option<Organization>,
    /// What is not read, though nothing that is demanded failed (P7).
    pub(super) unread: Vec<Unread>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    sha256: String,
    count: usize,
}

/// Answer of the phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListAnswer {
    run: RunName,
    locations: ListedLocations,
    /// SHA-256 of the list, which the other phases are held to.
    pub sha256: String,
    /// Registries to clean.
    pub registries: Vec<Registry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ListedLocations {
    bucket: String,
    key: String,
    count: usize,
}

impl Program {
    /// Finds the locations of a run and writes them down; a run that has begun is what it is.
    ///
    /// # Errors
    /// Returns an error if the run began with another configuration, or a call fails. That accounts
    /// cannot be listed is none: it is found again, and stops what it could hide.
    pub async fn list_run(&self, run: &RunName) -> Result<ListAnswer, PhaseError> {
        let phase = self.phase(run).await?;
        if let Some(answer) = phase.begun().await? {
            return Ok(answer);
        }
        let began_at = phase.now();
        let (clients, own) = (&self.clients, phase.own.clone());
        let listing = Locations::list(clients, own, &self.config, run.session());
        let locations = Box::pin(listing).await?;
        if let Some(refusal) = locations.unexpected.first() {
            return Err(PhaseError::Unexpected(refusal.to_string()));
        }
        let read = locations.read.iter().map(|(location, _)| location);
        let read: Vec<&Registry> = read.collect();
        let bytes = json(&read)?;
        let list = RunList {
            schema: SCHEMA.to_owned(),
            run: run.clone(),
            began_at: Timestamp::from_millisecond(began_at.millis()).unwrap_or_default(),
            configuration: self.config.sha256().into(),
            version: VERSION.to_owned(),
            locations: Named {
                sha256: sha256(&bytes),
                count: read.len(),
            },
            home: phase.home().clone(),
            registries: locations.registries.keys().cloned().collect(),
            found: locations.found.iter().cloned().collect(),
            organization: locations.organization,
            unread: locations.unread,
        };
        phase.objects.write(LOCATIONS, bytes).await?;
        let bytes = json(&list)?;
        let hash = sha256(&bytes);
        if phase.objects.create(LIST, bytes).await? {
            return Ok(phase.answer(list, hash));
        }
        // Another invocation of the same start was faster.
        let begun = phase.begun().await?;
        begun.ok_or_else(|| PhaseError::NoList(LIST.to_owned()))
    }
}

impl Phase<'_> {
    async fn begun(&self) -> Result<Option<ListAnswer>, PhaseError> {
        let Some((list, sha256)) = self.read_list().await? else {
            return Ok(None);
        };
        self.check(&list)?;
        Ok(Some(self.answer(list, sha256)))
    }

    /// Returns the list of the run, whatever it is, with its SHA-256; `None` if there is none.
    pub(super) async fn read_list(&self) -> Result<Option<(RunList, String)>, PhaseError> {
        let Some(bytes) = self.objects.read(LIST).await? else {
            return Ok(None);
        };
        let list = serde_json::from_slice(&bytes).map_err(|error| malformed(LIST, &error))?;
        Ok(Some((list, sha256(&bytes))))
    }

    /// Returns the list of the run, which has to be the one with this SHA-256.
    pub(super) async fn list(&self, sha256: &str) -> Result<RunList, PhaseError> {
        let Some((list, found)) = self.read_list().await? else {
            return Err(PhaseError::NoList(self.objects.key(LIST)));
        };
        if found != sha256 {
            let name = LIST.to_owned();
            return Err(PhaseError::Changed { name, found });
        }
        self.check(&list)?;
        Ok(list)
    }

    /// Returns the locations of the list.
    pub(super) async fn locations(&self, list: &RunList) -> Result<Vec<Registry>, PhaseError> {
        let bytes = self.objects.read(LOCATIONS).await?;
        let bytes = bytes.ok_or_else(|| PhaseError::NoList(self.objects.key(LOCATIONS)))?;
        let found = sha256(&bytes);
        if found != list.locations.sha256 {
            let name = LOCATIONS.to_owned();
            return Err(PhaseError::Changed { name, found });
        }
        serde_json::from_slice(&bytes).map_err(|error| malformed(LOCATIONS, &error))
    }

    /// Checks that this function is one of the run.
    fn check(&self, list: &RunList) -> Result<(), PhaseError> {
        if list.schema != SCHEMA || list.version != VERSION {
            Err(PhaseError::Other("version of the program"))
        } else if list.run != *self.run {
            Err(PhaseError::Other("name"))
        } else if list.home != *self.home() {
            Err(PhaseError::Other("account or Region"))
        } else if *list.configuration != *self.program.config.sha256() {
            Err(PhaseError::Other("configuration"))
        } else {
            Ok(())
        }
    }

    fn answer(&self, list: RunList, sha256: String) -> ListAnswer {
        ListAnswer {
            run: list.run,
            locations: ListedLocations {
                bucket: self.objects.bucket().to_owned(),
                key: self.objects.key(LOCATIONS),
                count: list.locations.count,
            },
            sha256,
            registries: list.registries,
        }
    }
}

pub(super) fn malformed(name: &str, error: &serde_json::Error) -> PhaseError {
    PhaseError::Malformed {
        name: name.to_owned(),
        why: error.to_string(),
    }
}
