//! A distributed run (A14): functions that read each location, and one for each registry that cleans
//! it by what these found.
//!
//! A phase is one invocation. What one leaves for others are objects below `runs/RUN/` in the state:
//! `list` writes which locations there are, `evidence` what is in use in one of them, `clean` what
//! became of a registry. A function that died, or an object that was lost or changed, is a gap in
//! the evidence; whether everything was delivered is decided by that and nothing else.

mod clean;
mod delivered;
mod evidence;
mod finish;
mod fresh;
mod index;
mod list;
mod merge;
mod turn_report;

use std::{fmt, io, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_with::{DeserializeFromStr, SerializeDisplay};
use sha2::{Digest, Sha256};

use super::Program;
use crate::{
    aws::{ApiError, Identity},
    image::{Registry, Time, escaped},
    state::RunObjects,
};

pub use clean::CleanAnswer;
pub(super) use delivered::Delivered;
pub use evidence::EvidenceAnswer;
pub use finish::FinishedRun;
pub use fresh::FreshAnswer;
pub use list::ListAnswer;

/// Number of objects that are read or written at once.
const AT_ONCE: usize = 64;

/// Name of a distributed run: that of the execution of the state machine.
#[derive(Debug, Clone, PartialEq, Eq, SerializeDisplay, DeserializeFromStr)]
pub struct RunName(Box<str>);

/// Reason for which a text names no run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of an execution: at most 80 letters, digits, `-` and `_`")]
pub struct RunNameError;

/// Turns of a phase that takes several invocations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Whether nothing is left to do.
    pub done: bool,
    /// Number of turns so far.
    pub turns: u32,
}

/// Reason for which a phase cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum PhaseError {
    /// There is no state.
    #[error("the configuration has no `state`, below which the objects of a distributed run lie")]
    NoState,
    /// The run was never begun.
    #[error("there is no `{0}`: a run begins with the phase `list`")]
    NoList(String),
    /// An object is not the one that was written.
    #[error("`{name}` is not what the run began with: its SHA-256 is {found}")]
    Changed {
        /// Name of the object.
        name: String,
        /// SHA-256 of what it holds.
        found: String,
    },
    /// An object is not of its form.
    #[error("`{name}` is malformed: {}", escaped(why))]
    Malformed {
        /// Name of the object.
        name: String,
        /// Reason.
        why: String,
    },
    /// Something changed since the run began.
    #[error("the run began with another {0}: start a new one")]
    Other(&'static str),
    /// An account and Region do not belong to the run.
    #[error("{0} is none of the {1} of this run")]
    Unknown(Registry, &'static str),
    /// A registry is in an account that is not expected.
    #[error("{0}")]
    Unexpected(String),
    /// An object could not be compressed.
    #[error(transparent)]
    Compress(#[from] io::Error),
    /// A call failed.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl PhaseError {
    /// Returns whether somebody has to look at it: nothing that may pass.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Compress(_) | Self::Api(_) => false,
            Self::NoState
            | Self::NoList(_)
            | Self::Changed { .. }
            | Self::Malformed { .. }
            | Self::Other(_)
            | Self::Unknown(..)
            | Self::Unexpected(_) => true,
        }
    }
}

impl FromStr for RunName {
    type Err = RunNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_name = (1..=80).contains(&text.len()) && text.bytes().all(is_known);
        is_name.then(|| Self(text.into())).ok_or(RunNameError)
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RunName {
    /// Returns the caller's name in other accounts, which may have 64 characters.
    fn session(&self) -> &str {
        let session = self.0.get(..64).unwrap_or(&self.0);
        if session.len() < 2 {
            "ecr-cleanup"
        } else {
            session
        }
    }
}

/// What every phase of a run has at hand.
struct Phase<'a> {
    program: &'a Program,
    own: Identity,
    run: &'a RunName,
    objects: RunObjects,
}

impl Program {
    async fn phase<'a>(&'a self, run: &'a RunName) -> Result<Phase<'a>, PhaseError> {
        let location = self.config.state.as_ref().ok_or(PhaseError::NoState)?;
        let own = self.clients.identity().await?;
        let objects = RunObjects::new(&self.clients, location, &own.registry, &run.0);
        Ok(Phase {
            program: self,
            own,
            run,
            objects,
        })
    }
}

impl Phase<'_> {
    /// Returns the caller's own account and Region.
    const fn home(&self) -> &Registry {
        &self.own.registry
    }

    fn now(&self) -> Time {
        self.program.now()
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, PhaseError> {
    serde_json::to_vec(value).map_err(|error| PhaseError::Compress(error.into()))
}

/// Returns the end of the name of what belongs to an account and Region.
fn folder(location: &Registry) -> String {
    format!("{}/{}", location.account, location.region)
}
