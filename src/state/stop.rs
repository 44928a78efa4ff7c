//! The object that stops every run of the deployments that share a prefix.

use crate::{
    aws::{ApiError, Cause, Clients, s3},
    config::{S3Bucket, S3Location},
};

/// Characters of the object that are shown.
const SHOWN: usize = 200;

/// The stop object: `PREFIX/stop`, whatever it holds.
pub(crate) struct StopObject {
    clients: Clients,
    bucket: S3Bucket,
    key: String,
}

impl StopObject {
    pub(crate) fn new(clients: &Clients, location: &S3Location) -> Self {
        Self {
            clients: clients.clone(),
            bucket: location.bucket.clone(),
            key: location.key("stop"),
        }
    }

    /// Returns its address.
    pub(crate) fn address(&self) -> String {
        s3::address(&self.bucket, &self.key)
    }

    /// Returns the beginning of what it holds; `None` if there is no such object.
    pub(crate) async fn read(&self) -> Result<Option<String>, ApiError> {
        match s3::get(&self.clients, &self.bucket, &self.key).await {
            Ok(object) => {
                let text = String::from_utf8_lossy(&object.bytes);
                Ok(Some(text.trim().chars().take(SHOWN).collect()))
            }
            Err(error) if error.cause == Cause::ObjectNotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn write(&self, text: String) -> Result<(), ApiError> {
        let (clients, bucket, key) = (&self.clients, &self.bucket, &self.key);
        s3::put(clients, bucket, key, "text/plain", text.into_bytes()).await
    }

    pub(crate) async fn remove(&self) -> Result<(), ApiError> {
        s3::delete(&self.clients, &self.bucket, &self.key).await
    }
}
