//! Events of a distributed run, each for one function.

use serde::Deserialize;
use serde_json::Value;
use strum::{Display, EnumString};

use super::EventError;
use crate::{
    image::Registry,
    pipeline::{RunName, Turn},
};

/// Function of a distributed run, by what its environment says it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum PhaseFunction {
    /// Lists locations, and tells whether evidence is fresh.
    List,
    /// Reads what is in use.
    Evidence,
    /// Cleans registries.
    Clean,
    /// Reports.
    Finish,
}

/// Reason for which the environment names no function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`ECR_CLEANUP_PHASE`: expected `list`, `evidence`, `clean` or `finish`, got `{0}`")]
pub struct PhaseFunctionError(pub String);

/// A phase of a distributed run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "phase", rename_all = "lowercase", deny_unknown_fields)]
pub enum PhaseEvent {
    /// List locations and registries.
    List {
        /// The run.
        run: RunName,
    },
    /// Read what is in use in one location.
    Evidence {
        /// The run.
        run: RunName,
        /// SHA-256 of its list.
        sha256: String,
        /// The location.
        location: Registry,
        /// 2 if it was read before, and may be too old.
        #[serde(default)]
        pass: Pass,
        /// The answer of the turn before.
        #[serde(default)]
        turn: Turn,
    },
    /// Tell whether evidence is fresh.
    Fresh {
        /// The run.
        run: RunName,
        /// SHA-256 of its list.
        sha256: String,
    },
    /// Clean one registry.
    Clean {
        /// The run.
        run: RunName,
        /// SHA-256 of its list.
        sha256: String,
        /// The registry.
        registry: Registry,
        /// The answer of the turn before.
        #[serde(default)]
        turn: Turn,
    },
    /// Report the run.
    Finish {
        /// The run.
        run: RunName,
        /// SHA-256 of its list, which is not asked for.
        #[serde(default)]
        sha256: Option<String>,
        /// Why a phase failed, if one did.
        #[serde(default)]
        error: Option<Value>,
    },
}

/// Pass over all locations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub enum Pass {
    /// First.
    #[default]
    First,
    /// Second.
    Second,
}

impl TryFrom<u8> for Pass {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            1 => Ok(Self::First),
            2 => Ok(Self::Second),
            _ => Err("`pass`: expected 1 or 2"),
        }
    }
}

impl PhaseEvent {
    /// Reads an event for a function of a distributed run.
    ///
    /// # Errors
    /// If it is no phase, or one of another function.
    pub fn parse(event: &Value, function: PhaseFunction) -> Result<Self, EventError> {
        let Some(phase) = event.get("phase") else {
            return Err(EventError::NoPhase(function));
        };
        // Names of others are refused before what they hold is looked at.
        if let Some(phase) = phase.as_str() {
            let own = match function {
                PhaseFunction::List => ["list", "fresh"].contains(&phase),
                other => phase == other.to_string(),
            };
            let is_known = ["list", "evidence", "fresh", "clean", "finish"].contains(&phase);
            if is_known && !own {
                let phase = phase.to_owned();
                return Err(EventError::OtherPhase { phase, function });
            }
        }
        serde_json::from_value(event.clone()).map_err(|error| EventError::Phase(error.to_string()))
    }
}
