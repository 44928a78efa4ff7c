//! Keep lists (U9): JSON objects in S3 in which another program or account lists what it uses.
//!
//! ```json
//! {"schema": "ecr-cleanup/keep-list/1", "generated_at": "2026-11-21T07:00:00Z", "max_age": "24h",
//!  "images": ["111111111111.dkr.ecr.eu-west-1.amazonaws.com/app:1.0"]}
//! ```
//!
//! Evidence that a run published (`ecr-cleanup/evidence/1`) is read beside them.
//!
//! A list that is missing, stale, of another schema or malformed makes the source incomplete:
//! images must not be lost because the writer of a list stopped.

mod list;
mod published;

use std::{collections::BTreeSet, sync::Arc};

use futures::{FutureExt, StreamExt, TryStreamExt, future::LocalBoxFuture, stream};

use super::{Reading, Source};
use crate::{
    aws::{
        ApiError, Clients, Operation,
        s3::{self, Object},
    },
    config::{S3Bucket, S3Objects},
    evidence::{Document, EvidenceKind, PieceKey, SourceError, User, Uses},
    image::{Aliases, ImageReference, Parsed, Registry},
};

pub(crate) use list::MAX_AGE;
pub use list::{KeepList, KeepListError};
use published::{Published, PublishedSource};

/// Name of the reading of a list in errors.
const KEEP_LIST: Operation = Operation::Other("keep_list");
const AT_ONCE: usize = 8;

pub(crate) struct KeepLists {
    pub(crate) clients: Clients,
    pub(crate) location: Registry,
    pub(crate) objects: Vec<S3Objects>,
    /// Host names that stand for the registries.
    pub(crate) aliases: Arc<Aliases>,
    /// Sources that the run reads itself, and not by what was published of them.
    pub(crate) read: BTreeSet<PieceKey>,
}

/// What an object holds.
enum Listed {
    KeepList(KeepList),
    Evidence(Box<Published>),
}

impl Source for KeepLists {
    fn name(&self) -> &'static str {
        "keep_lists"
    }

    fn location(&self) -> &Registry {
        &self.location
    }

    fn read<'a>(&'a self, uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>> {
        async {
            let mut reading = Reading::default();
            let mut published = Vec::new();
            for objects in &self.objects {
                let keys = self.keys(objects).await?;
                let lists = stream::iter(keys).map(|key| self.read_list(&objects.bucket, key));
                let mut lists = lists.buffer_unordered(AT_ONCE);
                while let Some((address, list)) = lists.try_next().await? {
                    match list {
                        Listed::KeepList(list) => {
                            reading.locations.extend(list.location());
                            self.add(&address, &list, uses)?;
                        }
                        Listed::Evidence(evidence) => published.push(*evidence),
                    }
                }
            }
            published.retain(|it| !self.read.contains(&it.source()));
            let (sets, alone) = published::divide(published);
            for document in alone {
                let (aliases, now) = (&self.aliases, self.clients.now());
                uses.extend(document.into_uses(aliases, now)?);
            }
            for set in sets {
                let evidence = set.assemble(&self.read, &self.aliases, self.clients.now());
                let sources = evidence.into_iter().map(PublishedSource);
                let sources = sources.map(|it| Box::new(it) as Box<dyn Source>);
                reading.further.extend(sources);
            }
            Ok(reading)
        }
        .boxed_local()
    }
}

impl KeepLists {
    /// Returns the keys of the lists that are meant, of which there is at least one.
    async fn keys(&self, objects: &S3Objects) -> Result<Vec<String>, ApiError> {
        if objects.is_one() {
            return Ok(vec![objects.key.clone()]);
        }
        let name = objects.to_string();
        let keys = s3::list(&self.clients, &objects.bucket, objects.prefix(), &name);
        let mut keys = keys.await?;
        keys.retain(|key| objects.matches(key));
        if keys.is_empty() {
            let problem = "there is no such list";
            return Err(ApiError::answer(Operation::ListBucket, &name, problem));
        }
        Ok(keys)
    }

    async fn read_list(
        &self,
        bucket: &S3Bucket,
        key: String,
    ) -> Result<(String, Listed), ApiError> {
        let object = s3::get(&self.clients, bucket, &key).await?;
        let address = s3::address(bucket, &key);
        match self.parse(object, &address) {
            Ok(list) => Ok((address, list)),
            Err(error) => Err(ApiError::answer(KEEP_LIST, &address, error.to_string())),
        }
    }

    fn parse(&self, object: Object, address: &str) -> Result<Listed, KeepListError> {
        let text = s3::decompressed(object.bytes)?;
        if Document::is_meant(&text) {
            let published = Published::parse(address, &text)?;
            return Ok(Listed::Evidence(Box::new(published)));
        }
        KeepList::parse(&text, self.clients.now()).map(Listed::KeepList)
    }

    fn location_of(&self, list: &KeepList) -> Registry {
        let home = &self.location;
        Registry {
            account: list.account.unwrap_or(home.account),
            region: list.region.clone().unwrap_or_else(|| home.region.clone()),
        }
    }

    fn add(&self, address: &str, list: &KeepList, uses: &mut Uses) -> Result<(), SourceError> {
        let user = Arc::new(User {
            location: self.location_of(list),
            kind: "keep list".into(),
            name: address.to_owned(),
            cluster: None,
            live: false,
            used_at: None,
        });
        for image in &list.images {
            let unusable = |problem: String| {
                ApiError::answer(KEEP_LIST, address, format!("`{image}`: {problem}"))
            };
            // In other sources, an image outside ECR is ignored. The writer of a list believes that
            // it is protected.
            let parsed = ImageReference::parse(image, &self.aliases)
                .map_err(|error| unusable(error.to_string()))?;
            if matches!(parsed, Parsed::Elsewhere { digest: None, .. }) {
                let problem = "it names no image of ECR; write the host too".to_owned();
                return Err(unusable(problem).into());
            }
            uses.add(&user, image, None, EvidenceKind::Field)
                .map_err(|error| unusable(error.to_string()))?;
        }
        Ok(())
    }
}
