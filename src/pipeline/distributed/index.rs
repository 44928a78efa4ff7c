//! The index of a location's evidence: which documents its newest turn wrote. It is written last, so
//! that what an earlier turn left, or one that died, is not taken for it.

use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AT_ONCE, Phase, PhaseError, folder, json, list::malformed};
use crate::{
    evidence::{CLOCK_SKEW, PieceKey},
    image::{Registry, Time},
};

/// What was read of a location.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EvidenceIndex {
    /// Time at which the turn began to read.
    pub(super) began_at: Timestamp,
    /// Time that it took.
    pub(super) seconds: f64,
    /// Turns that it took.
    pub(super) turns: u32,
    /// Whether no source was cut short by time.
    pub(super) done: bool,
    /// Number of sources that are not complete.
    pub(super) unread: usize,
    pub(super) documents: Vec<Written>,
}

/// A document that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) location: Registry,
    pub(super) source: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<Box<str>>,
    /// End of its name.
    pub(super) name: String,
    pub(super) sha256: String,
}

impl Written {
    pub(super) fn key(&self) -> PieceKey {
        PieceKey {
            location: self.location.clone(),
            source: self.source.clone(),
            cluster: self.cluster.clone(),
        }
    }

    /// Returns the name of the object.
    pub(super) fn object(&self) -> String {
        object(&self.name)
    }
}

/// Returns the name of an object of evidence.
pub(super) fn object(name: &str) -> String {
    format!("evidence/{name}")
}

fn name(location: &Registry) -> String {
    object(&format!("{}/index.json", folder(location)))
}

impl EvidenceIndex {
    pub(super) fn began_at(&self) -> Time {
        Time::from(self.began_at)
    }

    /// Returns whether what was read is that young, and not from the future.
    pub(super) fn is_within(&self, age: jiff::SignedDuration, now: Time) -> bool {
        let own = self.began_at().age(now);
        -CLOCK_SKEW <= own && own <= age
    }
}

/// The index of a location; `None` if there is none, and a reason if it cannot be used.
pub(super) type FoundIndex = Result<Option<EvidenceIndex>, String>;

impl Phase<'_> {
    pub(super) async fn index(
        &self,
        location: &Registry,
    ) -> Result<Option<EvidenceIndex>, PhaseError> {
        let name = name(location);
        let Some(bytes) = self.objects.read(&name).await? else {
            return Ok(None);
        };
        let index = serde_json::from_slice(&bytes);
        index.map(Some).map_err(|error| malformed(&name, &error))
    }

    pub(super) async fn write_index(
        &self,
        location: &Registry,
        index: &EvidenceIndex,
    ) -> Result<(), PhaseError> {
        Ok(self.objects.write(&name(location), json(index)?).await?)
    }

    /// Returns the index of each location, in their order.
    pub(super) async fn indexes(&self, locations: &[Registry]) -> Vec<FoundIndex> {
        let reading = locations.iter().map(|location| async move {
            let index = self.index(location).await;
            index.map_err(|error| error.to_string())
        });
        let reading: Vec<_> = reading.collect();
        stream::iter(reading).buffered(AT_ONCE).collect().await
    }
}
