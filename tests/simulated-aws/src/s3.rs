//! S3: objects by key, with conditional writes.

use crate::error::ApiError;
use crate::exchange::Reply;
use crate::request::decode;
use crate::world::World;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A stored object.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its bytes.
    pub content: Vec<u8>,
    /// Its entity tag, quoted; follows from the bytes.
    pub etag: String,
}

impl Object {
    /// An object with these bytes.
    pub fn new(content: impl Into<Vec<u8>>) -> Self {
        let content = content.into();
        let hash = hex::encode(Sha256::digest(&content));
        Self {
            etag: format!("\"{}\"", &hash[..32]),
            content,
        }
    }
}

/// A request for one object, path style.
#[derive(Debug)]
pub(crate) struct ObjectRequest {
    pub(crate) bucket: String,
    pub(crate) key: String,
    method: String,
    content: Vec<u8>,
    if_match: Option<String>,
    if_none_match: Option<String>,
    expected_owner: Option<String>,
    /// What the listed keys begin with.
    prefix: String,
    /// The key after which a list goes on.
    after: String,
}

impl ObjectRequest {
    pub(crate) fn read(parts: &Parts, content: &Bytes) -> Self {
        let path = parts.uri.path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let header = |name| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let query = |name: &str| {
            let pairs = parts
                .uri
                .query()
                .unwrap_or_default()
                .split('&')
                .filter_map(|pair| pair.split_once('='));
            let value = pairs
                .filter(|(key, _)| *key == name)
                .map(|(_, value)| decode(&value.replace('+', " ")))
                .next();
            value.unwrap_or_default()
        };
        let streamed =
            |name| header(name).is_some_and(|value: String| value.contains("aws-chunked"));
        let signed = header("x-amz-content-sha256").unwrap_or_default();
        let chunked = streamed("content-encoding") || signed.starts_with("STREAMING-");
        let content = if chunked {
            unchunk(content).unwrap_or_default()
        } else {
            content.to_vec()
        };
        Self {
            bucket: decode(bucket),
            key: decode(key),
            method: parts.method.to_string(),
            content,
            if_match: header("if-match"),
            if_none_match: header("if-none-match"),
            expected_owner: header("x-amz-expected-bucket-owner"),
            prefix: query("prefix"),
            after: query("continuation-token"),
        }
    }

    pub(crate) fn operation(&self) -> &'static str {
        match self.method.as_str() {
            "GET" if self.key.is_empty() => "ListObjectsV2",
            _ if self.key.is_empty() => "UnknownOperation",
            "GET" => "GetObject",
            "HEAD" => "HeadObject",
            "PUT" => "PutObject",
            "DELETE" => "DeleteObject",
            _ => "UnknownOperation",
        }
    }

    /// Returns whether the condition on what is stored holds.
    fn check(&self, stored: Option<&Object>) -> Result<(), ApiError> {
        let failed = || {
            ApiError::with_status(
                412,
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
            )
        };
        if let Some(wanted) = &self.if_match {
            let stored = stored.ok_or_else(no_such_key)?;
            if wanted != "*" && bare(wanted) != bare(&stored.etag) {
                return Err(failed());
            }
        }
        match (&self.if_none_match, stored) {
            (Some(unwanted), Some(stored))
                if unwanted == "*" || bare(unwanted) == bare(&stored.etag) =>
            {
                if self.method == "PUT" {
                    return Err(failed());
                }
                Err(ApiError::with_status(304, "NotModified", "Not modified"))
            }
            _ => Ok(()),
        }
    }
}

fn bare(etag: &str) -> &str {
    etag.trim_matches('"')
}

fn no_such_key() -> ApiError {
    ApiError::with_status(404, "NoSuchKey", "The specified key does not exist.")
}

/// How many keys a page lists.
const PAGE: usize = 1000;

fn list(bucket: &BTreeMap<String, Object>, request: &ObjectRequest) -> Reply {
    let keys = bucket
        .keys()
        .filter(|key| key.starts_with(&request.prefix) && **key > request.after);
    let keys: Vec<&String> = keys.take(PAGE + 1).collect();
    let contents: Vec<String> = keys
        .iter()
        .take(PAGE)
        .map(|key| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>"))
        .collect();
    let contents = contents.concat();
    let next = match keys.get(PAGE - 1) {
        Some(last) if keys.len() > PAGE => {
            format!(
                "<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>"
            )
        }
        _ => "<IsTruncated>false</IsTruncated>".to_owned(),
    };
    let body = format!(
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{next}{contents}</ListBucketResult>"
    );
    Reply::new(200, "application/xml", body.into_bytes())
}

/// Answers one S3 operation.
pub(crate) fn answer(world: &mut World, request: &ObjectRequest) -> Result<Reply, ApiError> {
    let owner = world.bucket_owners.get(&request.bucket);
    let owner = owner.unwrap_or(&world.home.account);
    if request
        .expected_owner
        .as_ref()
        .is_some_and(|expected| expected != owner)
    {
        return Err(ApiError::with_status(403, "AccessDenied", "Access Denied"));
    }
    let bucket: &mut BTreeMap<String, Object> =
        world.buckets.get_mut(&request.bucket).ok_or_else(|| {
            ApiError::with_status(404, "NoSuchBucket", "The specified bucket does not exist")
        })?;
    let stored = bucket.get(&request.key);
    match request.operation() {
        "GetObject" | "HeadObject" => {
            let stored = stored.ok_or_else(no_such_key)?;
            request.check(Some(stored))?;
            let body = stored.content.clone();
            let reply = Reply::new(200, "application/octet-stream", body);
            Ok(reply.with_header("etag", &stored.etag))
        }
        "ListObjectsV2" => Ok(list(bucket, request)),
        "PutObject" => {
            request.check(stored)?;
            let object = Object::new(request.content.clone());
            let reply = Reply::new(200, "application/xml", Vec::new());
            let reply = reply.with_header("etag", &object.etag);
            bucket.insert(request.key.clone(), object);
            Ok(reply)
        }
        "DeleteObject" => {
            request.check(stored)?;
            bucket.remove(&request.key);
            Ok(Reply::new(204, "application/xml", Vec::new()))
        }
        _ => Err(ApiError::with_status(
            501,
            "NotImplemented",
            "not built in the simulated AWS",
        )),
    }
}

/// Returns the content of an `aws-chunked` body: chunks with their length in hex, then trailers,
/// which are not checked.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(rest.get(..end)?).ok()?;
        let length = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(content);
        }
        let chunk = rest.get(end + 2..end + 2 + length)?;
        content.extend_from_slice(chunk);
        rest = rest.get(end + 2 + length + 2..)?;
    }
}
