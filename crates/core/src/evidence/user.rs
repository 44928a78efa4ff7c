//! Users of images.

use std::{borrow::Cow, fmt, sync::Arc};

use serde::Serialize;

use crate::image::{Registry, Time, escaped};

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
    /// Last time at which it is known to have used its images, if it is kept from the past.
    #[serde(skip)]
    pub used_at: Option<Time>,
}

impl User {
    /// Kind of a task definition that is registered, whether or not anything runs it.
    pub const TASK_DEFINITION: &'static str = "ECS task definition";

    /// Kind of a task definition of daemons.
    pub const DAEMON_DEFINITION: &'static str = "ECS daemon task definition";

    /// Returns it as it was up to a time, when it used something else.
    #[must_use]
    pub fn up_to(&self, used_at: Option<Time>) -> Arc<Self> {
        let user = self.clone();
        Arc::new(Self { used_at, ..user })
    }

    /// Returns when it last used its images; `None` if it is a definition that never did, but by
    /// what is started from it.
    #[must_use]
    pub fn last_used(&self, now: Time) -> Option<Time> {
        let is_task = [Self::TASK_DEFINITION, Self::DAEMON_DEFINITION].contains(&&*self.kind);
        let is_idle = !self.live && self.kind.ends_with(" definition");
        (!is_task && !is_idle).then(|| self.used_at.unwrap_or(now))
    }

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
