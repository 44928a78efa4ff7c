//! Objects in S3: read, written, and updated without losing what another run wrote meanwhile.

use aws_sdk_s3::primitives::ByteStream;

use super::object::{self, Content, Unusable};
use crate::{
    aws::{ApiError, Clients},
    config::S3Location,
    image::Registry,
};

/// How often an update is tried while others write.
const TRIES: usize = 4;

/// Where the state of one deployment lies.
#[derive(Clone)]
pub(super) struct Store {
    s3: aws_sdk_s3::Client,
    bucket: String,
    prefix: String,
}

/// An object that was read.
#[derive(Debug, Clone)]
pub(super) struct Found<C> {
    pub(super) content: C,
    pub(super) etag: String,
}

/// Why an object cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("`{name}` cannot be used: {why}")]
    Unusable { name: String, why: Unusable },
    #[error("`{name}` could not be written: {why}")]
    Write { name: String, why: String },
}

/// When an object may be written.
pub(super) enum Condition<'a> {
    /// Always.
    None,
    /// If there is none yet.
    Absent,
    /// If it is still the version that was read.
    Unchanged(&'a str),
}

impl Store {
    pub(super) fn new(clients: &Clients, location: &S3Location, place: &Registry) -> Self {
        let prefix = location.key(&format!("{}/{}", place.account, place.region));
        Self {
            s3: clients.s3.clone(),
            bucket: location.bucket.clone(),
            prefix,
        }
    }

    /// What people call an object.
    pub(super) fn name(&self, key: &str) -> String {
        format!("s3://{}/{}/{key}", self.bucket, self.prefix)
    }

    /// Reads an object; none if there is none.
    pub(super) async fn read<C: Content>(&self) -> super::Reading<C> {
        const OPERATION: &str = "s3:GetObject";
        let name = self.name(C::KEY);
        let key = format!("{}/{}", self.prefix, C::KEY);
        let request = self.s3.get_object().bucket(&self.bucket).key(key);
        // In boxes, since the futures of S3 are large.
        let answer = match Box::pin(request.send()).await {
            Ok(answer) => answer,
            Err(error) => {
                let error = ApiError::new(OPERATION, &name, &error);
                return if error.is("NoSuchKey") {
                    Ok(None)
                } else {
                    Err(error.into())
                };
            }
        };
        let etag = answer
            .e_tag()
            .ok_or_else(|| ApiError::answer(OPERATION, &name, "the answer has no `ETag`"))?;
        let etag = etag.to_owned();
        let bytes = answer
            .body
            .collect()
            .await
            .map_err(|error| ApiError::answer(OPERATION, &name, error.to_string()))?;
        let content =
            object::decode(&bytes.into_bytes()).map_err(|why| Problem::Unusable { name, why })?;
        Ok(Some(Found { content, etag }))
    }

    /// Writes an object.
    pub(super) async fn write<C: Content>(&self, content: &C) -> Result<(), Problem> {
        self.write_if(content, &Condition::None).await.map(|_| ())
    }

    /// Writes an object on a condition, and gives the tag of what was written; none where the condition does not hold.
    pub(super) async fn write_if<C: Content>(
        &self,
        content: &C,
        condition: &Condition<'_>,
    ) -> Result<Option<String>, Problem> {
        const OPERATION: &str = "s3:PutObject";
        let name = self.name(C::KEY);
        let bytes = object::encode(content).map_err(|why| Problem::Write {
            name: name.clone(),
            why,
        })?;
        let request =
            self.s3
                .put_object()
                .bucket(&self.bucket)
                .key(format!("{}/{}", self.prefix, C::KEY));
        let request = request
            .content_type("application/gzip")
            .body(ByteStream::from(bytes));
        let request = match condition {
            Condition::None => request,
            Condition::Absent => request.if_none_match("*"),
            Condition::Unchanged(etag) => request.if_match(*etag),
        };
        match Box::pin(request.send()).await {
            Ok(answer) => {
                let etag = answer
                    .e_tag()
                    .ok_or_else(|| ApiError::answer(OPERATION, &name, "no `ETag`"))?;
                Ok(Some(etag.to_owned()))
            }
            Err(error) => {
                let error = ApiError::new(OPERATION, &name, &error);
                // The last is the answer where the object that was to be unchanged is gone.
                let lost = [
                    "PreconditionFailed",
                    "ConditionalRequestConflict",
                    "NoSuchKey",
                ];
                if lost.iter().any(|code| error.is(code)) {
                    Ok(None)
                } else {
                    Err(error.into())
                }
            }
        }
    }

    /// Changes an object that was read, on top of what others wrote meanwhile.
    pub(super) async fn update<C: Content + Default>(
        &self,
        mut found: Option<Found<C>>,
        change: impl Fn(&mut C),
    ) -> Result<C, Problem> {
        for _ in 0..TRIES {
            let (mut content, etag) = found.map(|found| (found.content, found.etag)).unzip();
            let content = content.get_or_insert_default();
            change(content);
            let condition = etag
                .as_deref()
                .map_or(Condition::Absent, Condition::Unchanged);
            if self.write_if(content, &condition).await?.is_some() {
                return Ok(std::mem::take(content));
            }
            found = self.read().await?;
        }
        Err(Problem::Write {
            name: self.name(C::KEY),
            why: format!("others wrote it {TRIES} times meanwhile"),
        })
    }
}
