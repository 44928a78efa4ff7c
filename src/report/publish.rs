//! The full report of a run, in S3: `<run_id>/images.jsonl.gz` with a line for each image, and `<run_id>/report.json`.
//!
//! The images are written before anything is deleted, which proves that the report can be written, and leaves the
//! reasons of every deletion behind even if the run is killed.

use std::io::{self, Write};

use aws_sdk_s3::primitives::ByteStream;
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;
use serde_json::Value;

use crate::{
    aws::{ApiError, Clients},
    config::S3Location,
    image::{Digest, Image, Tag, Time},
    plan::{Plan, RepositoryPlan, Verdict},
};

/// Where the report of one run goes.
pub(crate) struct Publication<'a> {
    clients: &'a Clients,
    location: &'a S3Location,
    run_id: &'a str,
}

impl<'a> Publication<'a> {
    pub(crate) const fn new(
        clients: &'a Clients,
        location: &'a S3Location,
        run_id: &'a str,
    ) -> Self {
        Self {
            clients,
            location,
            run_id,
        }
    }

    /// Where `report.json` is.
    pub(crate) fn address(&self) -> String {
        format!("s3://{}/{}", self.location.bucket, self.key("report.json"))
    }

    /// Writes a line for each image.
    ///
    /// # Errors
    /// Where it cannot be written, in words.
    pub(crate) async fn images(&self, plan: &Plan) -> Result<(), String> {
        let mut lines = GzEncoder::new(Vec::new(), Compression::default());
        image_lines(&mut lines, plan).map_err(|error| error.to_string())?;
        let bytes = lines.finish().map_err(|error| error.to_string())?;
        self.put("images.jsonl.gz", "application/gzip", bytes)
            .await
            .map_err(|error| error.to_string())
    }

    /// Writes the answer.
    ///
    /// # Errors
    /// Where it cannot be written, in words.
    pub(crate) async fn answer(&self, answer: &impl Serialize) -> Result<(), String> {
        let bytes = serde_json::to_vec_pretty(answer).map_err(|error| error.to_string())?;
        self.put("report.json", "application/json", bytes)
            .await
            .map_err(|error| error.to_string())
    }

    fn key(&self, name: &str) -> String {
        self.location.key(&format!("{}/{name}", self.run_id))
    }

    async fn put(&self, name: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), ApiError> {
        let key = self.key(name);
        let address = format!("s3://{}/{key}", self.location.bucket);
        let request = self
            .clients
            .s3
            .put_object()
            .bucket(&self.location.bucket)
            .key(key);
        let request = request
            .content_type(content_type)
            .body(ByteStream::from(bytes));
        Box::pin(request.send())
            .await
            .map(|_| ())
            .map_err(|error| ApiError::new("s3:PutObject", &address, &error))
    }
}

/// What a report says of an image.
#[derive(Serialize)]
struct Line<'a> {
    repository: String,
    digest: Digest,
    tags: &'a [Tag],
    pushed_at: Option<Time>,
    pulled_at: Option<Time>,
    bytes: u64,
    deletes: bool,
    verdict: &'a Verdict,
    because: Vec<String>,
}

/// Writes a line of JSON for each image: what it is, its verdict and the reasons.
///
/// # Errors
/// Where `out` fails.
pub fn image_lines(out: &mut impl Write, plan: &Plan) -> io::Result<()> {
    for repository in &plan.repositories {
        for (image, verdict) in repository.images() {
            serde_json::to_writer(&mut *out, &line(repository, image, verdict))?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

fn line<'a>(repository: &'a RepositoryPlan, image: &'a Image, verdict: &'a Verdict) -> Line<'a> {
    Line {
        repository: repository.title(),
        digest: image.digest,
        tags: &image.tags,
        pushed_at: image.pushed_at,
        pulled_at: image.pulled_at,
        bytes: image.bytes,
        deletes: verdict.deletes(),
        verdict,
        because: repository.because(verdict),
    }
}

/// The report of a run that failed before there was anything to answer.
pub(crate) fn failed(run_id: &str, error: &ApiError) -> Value {
    serde_json::json!({
        "summary": format!("The run failed before anything was planned: {error}. Nothing was deleted."),
        "status": "failed",
        "run_id": run_id,
        "version": super::VERSION,
    })
}
