//! Objects in S3: listed, read, written and deleted.

use std::{
    env,
    io::{self, Read},
};

use aws_sdk_s3::{operation::put_object::builders::PutObjectFluentBuilder, primitives::ByteStream};
use flate2::read::GzDecoder;

use super::{ApiError, Cause, Clients, Operation, all_pages};
use crate::config::S3Bucket;

/// An object that was read.
pub(crate) struct Object {
    pub(crate) bytes: Vec<u8>,
    /// Which version of it was read.
    pub(crate) etag: Option<String>,
}

/// When an object may be written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Condition<'a> {
    /// If there is none yet.
    Absent,
    /// If it is still the version with this tag.
    Unchanged(&'a str),
}

/// Returns the name that people give an object: `s3://bucket/key`.
pub(crate) fn address(bucket: &S3Bucket, key: &str) -> String {
    format!("s3://{}/{key}", bucket.name)
}

/// Lists the keys with a prefix. `resource` is what errors call them.
pub(crate) async fn list(
    clients: &Clients,
    bucket: &S3Bucket,
    prefix: &str,
    resource: &str,
) -> Result<Vec<String>, ApiError> {
    const OPERATION: Operation = Operation::ListBucket;
    let unusable = |problem: &str| ApiError::answer(OPERATION, resource, problem);
    let objects = all_pages(OPERATION, resource, |token| async move {
        let request = clients.s3.list_objects_v2().bucket(&bucket.name);
        let request = request
            .prefix(prefix)
            .set_expected_bucket_owner(owner(bucket));
        let request = request.set_continuation_token(token).send();
        let page = clients.call(OPERATION, resource, request).await?;
        if page.is_truncated == Some(true) && page.next_continuation_token.is_none() {
            return Err(unusable(
                "a page says neither that it is the last nor what follows",
            ));
        }
        // An empty list is left out.
        let objects = page.contents.unwrap_or_default();
        Ok((Some(objects), page.next_continuation_token))
    })
    .await?;
    let keys = objects.into_iter().map(|object| object.key);
    keys.collect::<Option<_>>()
        .ok_or_else(|| unusable("an object came without its key"))
}

/// Reads an object.
pub(crate) async fn get(
    clients: &Clients,
    bucket: &S3Bucket,
    key: &str,
) -> Result<Object, ApiError> {
    const OPERATION: Operation = Operation::GetObject;
    let address = address(bucket, key);
    let unusable = |problem: String| ApiError::answer(OPERATION, &address, problem);
    let request = clients.s3.get_object().bucket(&bucket.name).key(key);
    let request = request.set_expected_bucket_owner(owner(bucket));
    let answer = clients.call(OPERATION, &address, request.send()).await?;
    let (etag, mut body) = (answer.e_tag, answer.body);
    let (most, mut bytes) = (most_bytes(), Vec::new());
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| unusable(error.to_string()))?;
        if bytes.len() + chunk.len() > most {
            let most = most >> 20;
            return Err(unusable(format!("the object is larger than {most} MB")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Object { bytes, etag })
}

/// Returns bytes, decompressed if they are gzip.
pub fn decompressed(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    const MAGIC: [u8; 2] = [0x1f, 0x8b];
    if !bytes.starts_with(&MAGIC) {
        return Ok(bytes);
    }
    let (most, mut content) = (most_bytes(), Vec::new());
    let decoder = GzDecoder::new(&*bytes);
    decoder.take(most as u64 + 1).read_to_end(&mut content)?;
    if content.len() > most {
        let problem = format!("it decompresses to more than {} MB", most >> 20);
        return Err(io::Error::other(problem));
    }
    Ok(content)
}

/// Returns the most bytes that an object may have, also after it was decompressed: a quarter of
/// what a function has.
pub(crate) fn most_bytes() -> usize {
    let megabytes = env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok();
    let megabytes = megabytes.and_then(|megabytes| megabytes.parse::<usize>().ok());
    megabytes.unwrap_or(4096).clamp(128, 10_240) << 18
}

fn owner(bucket: &S3Bucket) -> Option<String> {
    bucket.owner.map(|owner| owner.to_string())
}

/// Writes an object, or writes over it.
pub(crate) async fn put(
    clients: &Clients,
    bucket: &S3Bucket,
    key: &str,
    content_type: &str,
    bytes: Vec<u8>,
) -> Result<(), ApiError> {
    let request = put_request(clients, bucket, key, content_type, bytes);
    let address = address(bucket, key);
    let written = clients.call(Operation::PutObject, &address, request.send());
    written.await.map(|_| ())
}

/// Writes an object on a condition and returns the tag of what was written; `None` if the condition
/// does not hold.
pub(crate) async fn put_if(
    clients: &Clients,
    bucket: &S3Bucket,
    key: &str,
    content_type: &str,
    bytes: Vec<u8>,
    condition: Condition<'_>,
) -> Result<Option<String>, ApiError> {
    const OPERATION: Operation = Operation::PutObject;
    let request = put_request(clients, bucket, key, content_type, bytes);
    let request = match condition {
        Condition::Absent => request.if_none_match("*"),
        Condition::Unchanged(etag) => request.if_match(etag),
    };
    let address = address(bucket, key);
    match clients.call(OPERATION, &address, request.send()).await {
        Ok(answer) => {
            let etag = answer.e_tag;
            etag.map(Some)
                .ok_or_else(|| ApiError::answer(OPERATION, &address, "no `ETag`"))
        }
        // An object that was to be unchanged is not there any more.
        Err(error) if error.cause == Cause::ObjectNotFound => Ok(None),
        Err(error) if error.cause == Cause::PreconditionFailed => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes an object.
pub(crate) async fn delete(
    clients: &Clients,
    bucket: &S3Bucket,
    key: &str,
) -> Result<(), ApiError> {
    let request = clients.s3.delete_object().bucket(&bucket.name).key(key);
    let request = request.set_expected_bucket_owner(owner(bucket));
    let address = address(bucket, key);
    let deleted = clients.call(Operation::DeleteObject, &address, request.send());
    deleted.await.map(|_| ())
}

fn put_request(
    clients: &Clients,
    bucket: &S3Bucket,
    key: &str,
    content_type: &str,
    bytes: Vec<u8>,
) -> PutObjectFluentBuilder {
    let request = clients.s3.put_object().bucket(&bucket.name).key(key);
    request
        .set_expected_bucket_owner(owner(bucket))
        .content_type(content_type)
        .body(ByteStream::from(bytes))
}
