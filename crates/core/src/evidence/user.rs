//! Users of images.

use std::{borrow::Cow, fmt};

use serde::Serialize;

use crate::image::{Registry, escaped};

/// A user of an image: a service, a workload, a function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct User {
    /// Account and Region in which it was found.
    #[serde(rename = "place")]
    pub location: Registry,
    /// Kind: `ECS service`, `Deployment`, ...
    pub kind: Cow<'static, str>,
    /// Name.
    pub name: String,
    /// Cluster that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Whether it runs or is meant to run now, rather than being kept for later.
    pub live: bool,
}

impl User {
    /// Kind of a task definition that is registered, whether or not anything runs it.
    pub const TASK_DEFINITION: &'static str = "ECS task definition";

    /// Returns whether it is a task definition that nothing needs now.
    #[must_use]
    pub fn is_idle_definition(&self) -> bool {
        self.kind == Self::TASK_DEFINITION && !self.live
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", escaped(&self.kind), escaped(&self.name))?;
        if let Some(cluster) = &self.cluster {
            write!(f, " in cluster `{}`", escaped(cluster))?;
        }
        Ok(())
    }
}
