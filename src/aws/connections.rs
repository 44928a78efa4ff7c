//! How many calls to a service are under way at once: each has a connection of its own, since
//! services answer one call after the other on each.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Operation;

/// Most calls to a service at once: at fifty milliseconds for an answer, hundreds a second.
const MOST: usize = 20;

/// Connections that may be used, by service.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<HashMap<&'static str, Arc<Semaphore>>>);

impl Connections {
    /// Waits for a connection, which is free again when what is returned is dropped; `None` where
    /// calls are not limited.
    pub(super) async fn take(&self, operation: Operation) -> Option<OwnedSemaphorePermit> {
        operation.bucket()?;
        let connections = self.of(operation.service());
        connections.acquire_owned().await.ok()
    }

    fn of(&self, service: &'static str) -> Arc<Semaphore> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = all
            .entry(service)
            .or_insert_with(|| Arc::new(Semaphore::new(MOST)));
        Arc::clone(connections)
    }
}
