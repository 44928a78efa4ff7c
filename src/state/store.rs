//! Objects in S3: read, written, and updated without losing what another run wrote meanwhile.

use std::{collections::BTreeMap, io};

use super::object::{self, StateObject, Unusable};
use crate::{
    aws::{ApiError, Cause, Clients, Operation, s3},
    config::{S3Bucket, S3Location},
    guard::StateProblem,
    image::Registry,
};

pub(super) use crate::aws::s3::Condition;

/// Number of attempts to update an object that others write.
const TRIES: usize = 4;
const CONTENT_TYPE: &str = "application/gzip";

/// Location of the state of one deployment.
#[derive(Clone)]
pub(super) struct Store {
    clients: Clients,
    home: Registry,
    bucket: S3Bucket,
    prefix: String,
}

/// An object that was read.
#[derive(Debug, Clone)]
pub(super) struct Found<C> {
    pub(super) content: C,
    pub(super) etag: String,
}

/// Reason for which state cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("`{name}` cannot be used: {why}")]
    Unusable {
        name: String,
        #[source]
        why: Unusable,
    },
    #[error("`{name}` could not be written: {why}")]
    Encode {
        name: String,
        #[source]
        why: io::Error,
    },
    #[error("`{name}` could not be written: others wrote it {TRIES} times meanwhile")]
    Contended { name: String },
}

impl StateError {
    /// Returns what advice about it depends on.
    #[must_use]
    pub(crate) const fn problem(&self) -> StateProblem {
        match self {
            Self::Api(error) if error.cause.is_denied() => StateProblem::AccessDenied,
            Self::Unusable { .. } => StateProblem::Unusable,
            Self::Api(_) | Self::Encode { .. } | Self::Contended { .. } => StateProblem::Failed,
        }
    }
}

impl Store {
    /// Makes the store of a deployment. Its bucket has to belong to the deployment's own account
    /// unless another owner is written: whoever owns it could change what guards depend on.
    pub(super) fn new(clients: &Clients, location: &S3Location, home: &Registry) -> Self {
        Self {
            clients: clients.clone(),
            home: home.clone(),
            bucket: Self::bucket(location, home),
            prefix: location.key(&format!("{}/{}", home.account, home.region)),
        }
    }

    pub(super) fn bucket(location: &S3Location, home: &Registry) -> S3Bucket {
        S3Bucket {
            owner: location.bucket.owner.or(Some(home.account)),
            ..location.bucket.clone()
        }
    }

    /// Returns where the deployment keeps what it knows of a location.
    pub(super) fn of(&self, location: &Registry) -> Self {
        let mut store = self.clone();
        if *location != self.home {
            let Registry { account, region } = location;
            store.prefix = format!("{}/{account}/{region}", self.prefix);
        }
        store
    }

    /// Returns the address of an object.
    pub(super) fn name<C: StateObject>(&self) -> String {
        s3::address(&self.bucket, &self.key::<C>())
    }

    fn key<C: StateObject>(&self) -> String {
        format!("{}/{}.json.gz", self.prefix, C::NAME)
    }

    /// Reads an object; `None` if there is none.
    pub(super) async fn read<C: StateObject>(&self) -> super::Reading<C> {
        let Some((etag, content)) = self.read_object::<C>().await? else {
            return Ok(None);
        };
        let name = self.name::<C>();
        let content = content.map_err(|why| StateError::Unusable { name, why })?;
        Ok(Some(Found { content, etag }))
    }

    /// Reads an object, and returns its version and its content, if that can be used.
    async fn read_object<C: StateObject>(
        &self,
    ) -> Result<Option<(String, Result<C, Unusable>)>, StateError> {
        let name = self.name::<C>();
        let object = match s3::get(&self.clients, &self.bucket, &self.key::<C>()).await {
            Ok(object) => object,
            Err(error) if error.cause == Cause::ObjectNotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let etag = object.etag.ok_or_else(|| {
            ApiError::answer(Operation::GetObject, &name, "the answer has no `ETag`")
        })?;
        Ok(Some((etag, object::decode(&object.bytes))))
    }

    /// Writes an object on a condition and returns the tag of what was written; `None` if the
    /// condition does not hold.
    pub(super) async fn write_if<C: StateObject>(
        &self,
        content: &C,
        condition: Condition<'_>,
    ) -> Result<Option<String>, StateError> {
        let (bytes, key) = (self.encode(content)?, self.key::<C>());
        let (clients, bucket) = (&self.clients, &self.bucket);
        let etag = s3::put_if(clients, bucket, &key, CONTENT_TYPE, bytes, condition).await?;
        Ok(etag)
    }

    fn encode<C: StateObject>(&self, content: &C) -> Result<Vec<u8>, StateError> {
        object::encode(content).map_err(|why| StateError::Encode {
            name: self.name::<C>(),
            why,
        })
    }

    /// Writes facts together with those that others wrote since a version of them was read, and
    /// returns all with the version of what was written.
    pub(super) async fn merge<K: Ord, V>(
        &self,
        mut facts: BTreeMap<K, V>,
        mut etag: Option<String>,
    ) -> Result<(BTreeMap<K, V>, String), StateError>
    where
        BTreeMap<K, V>: StateObject,
    {
        for _ in 0..TRIES {
            let condition = etag
                .as_deref()
                .map_or(Condition::Absent, Condition::Unchanged);
            if let Some(written) = self.write_if(&facts, condition).await? {
                return Ok((facts, written));
            }
            etag = match self.read_object::<BTreeMap<K, V>>().await? {
                None => None,
                Some((etag, Ok(others))) => {
                    for (name, fact) in others {
                        facts.entry(name).or_insert(fact);
                    }
                    Some(etag)
                }
                // What is damaged is written anew.
                Some((etag, Err(Unusable::Damaged(_)))) => Some(etag),
                Some((_, Err(why))) => {
                    let name = self.name::<BTreeMap<K, V>>();
                    return Err(StateError::Unusable { name, why });
                }
            };
        }
        Err(StateError::Contended {
            name: self.name::<BTreeMap<K, V>>(),
        })
    }

    /// Changes an object that was read, on top of what others wrote meanwhile.
    pub(super) async fn update<C: StateObject + Default>(
        &self,
        mut found: Option<Found<C>>,
        change: impl Fn(&mut C),
    ) -> Result<C, StateError> {
        for _ in 0..TRIES {
            let (mut content, etag) = found.map(|found| (found.content, found.etag)).unzip();
            let content = content.get_or_insert_default();
            change(content);
            let condition = etag
                .as_deref()
                .map_or(Condition::Absent, Condition::Unchanged);
            if self.write_if(content, condition).await?.is_some() {
                return Ok(std::mem::take(content));
            }
            found = self.read().await?;
        }
        Err(StateError::Contended {
            name: self.name::<C>(),
        })
    }
}
