//! The objects of a distributed run: `PREFIX/runs/RUN/...`, written by one function and read by
//! others.

use super::store::Store;
use crate::{
    aws::{ApiError, Cause, Clients, s3},
    config::{S3Bucket, S3Location},
    image::Registry,
};

/// Where the objects of a run lie.
#[derive(Clone)]
pub(crate) struct RunObjects {
    clients: Clients,
    bucket: S3Bucket,
    prefix: String,
}

impl RunObjects {
    /// Returns where those of a run lie. The bucket has to be as trustworthy as the rest of the state.
    pub(crate) fn new(
        clients: &Clients,
        location: &S3Location,
        home: &Registry,
        run: &str,
    ) -> Self {
        Self {
            clients: clients.clone(),
            bucket: Store::bucket(location, home),
            prefix: location.key(&format!("runs/{run}")),
        }
    }

    /// Returns the name of the bucket.
    pub(crate) fn bucket(&self) -> &str {
        &self.bucket.name
    }

    /// Returns the key of an object.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// Reads an object; `None` if there is none.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ApiError> {
        // In a box, since the futures of S3 are large.
        let key = self.key(name);
        let reading = Box::pin(s3::get(&self.clients, &self.bucket, &key));
        match reading.await {
            Ok(object) => Ok(Some(object.bytes)),
            Err(error) if error.cause == Cause::ObjectNotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes an object, or writes over it.
    pub(crate) async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), ApiError> {
        let (key, kind) = (self.key(name), content_type(name));
        Box::pin(s3::put(&self.clients, &self.bucket, &key, kind, bytes)).await
    }

    /// Writes an object if there is none, and returns whether it did.
    pub(crate) async fn create(&self, name: &str, bytes: Vec<u8>) -> Result<bool, ApiError> {
        let (key, kind) = (self.key(name), content_type(name));
        let absent = s3::Condition::Absent;
        let writing = s3::put_if(&self.clients, &self.bucket, &key, kind, bytes, absent);
        Ok(Box::pin(writing).await?.is_some())
    }
}

fn content_type(name: &str) -> &'static str {
    match name.strip_suffix(".gz") {
        Some(_) => "application/gzip",
        None => "application/json",
    }
}
