//! The full report of a run, in S3: `<run_id>/images.jsonl.gz` with a line for each image,
//! `<run_id>/report.json`, and `<run_id>/report.html` for people.
//!
//! The images are written before anything is deleted, which proves that the report can be written,
//! and leaves the reasons of every deletion behind even if the run is killed.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use flate2::{Compression, write::GzEncoder};
use serde::Serialize;
use serde_json::Value;

use super::{RepositoryLine, repository_lines};
use crate::{
    aws::{ApiError, Clients, s3},
    config::S3Location,
    image::{Digest, Tag, Time},
    plan::{Plan, PlannedImage, Verdict},
};

/// Reason for which a report cannot be written.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum PublishError {
    Compress(#[from] io::Error),
    Serialize(#[from] serde_json::Error),
    Api(#[from] ApiError),
}

/// Location of the report of one run.
pub(crate) struct Publication<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) location: &'a S3Location,
    pub(crate) run_id: &'a str,
}

impl Publication<'_> {
    /// Returns the address of `report.json`.
    pub(crate) fn address(&self) -> String {
        s3::address(&self.location.bucket, &self.key("report.json"))
    }

    /// Writes a line for each image.
    pub(crate) async fn images(&self, plan: &Plan) -> Result<(), PublishError> {
        let mut lines = GzEncoder::new(Vec::new(), Compression::default());
        image_lines(&mut lines, plan)?;
        let bytes = lines.finish()?;
        self.put("images.jsonl.gz", "application/gzip", bytes).await
    }

    /// Writes the answer.
    pub(crate) async fn answer(&self, answer: &impl Serialize) -> Result<(), PublishError> {
        let bytes = serde_json::to_vec_pretty(answer)?;
        self.put("report.json", "application/json", bytes).await
    }

    /// Writes the page.
    pub(crate) async fn page(&self, html: String) -> Result<(), PublishError> {
        let content_type = "text/html; charset=utf-8";
        self.put("report.html", content_type, html.into_bytes())
            .await
    }

    fn key(&self, name: &str) -> String {
        self.location.key(&format!("{}/{name}", self.run_id))
    }

    async fn put(
        &self,
        name: &str,
        content_type: &str,
        bytes: Vec<u8>,
    ) -> Result<(), PublishError> {
        let (bucket, key) = (&self.location.bucket, self.key(name));
        s3::put(self.clients, bucket, &key, content_type, bytes).await?;
        Ok(())
    }
}

/// Line of an image in a report.
#[derive(Serialize)]
#[serde(tag = "kind", rename = "image")]
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

/// Line of a repository, before those of its images.
#[derive(Serialize)]
struct RepositoryHeader<'a> {
    kind: &'static str,
    #[serde(flatten)]
    line: &'a RepositoryLine,
}

/// Writes a line of JSON for each repository and, after it, for each of its images: what it is, its
/// verdict and the reasons.
pub fn image_lines(out: &mut impl Write, plan: &Plan) -> io::Result<()> {
    let lines = repository_lines(plan).into_iter();
    let lines: HashMap<String, RepositoryLine> =
        lines.map(|line| (line.name.clone(), line)).collect();
    for repository in plan.repositories() {
        if let Some(line) = lines.get(&repository.title()) {
            let kind = "repository";
            serde_json::to_writer(&mut *out, &RepositoryHeader { kind, line })?;
            out.write_all(b"\n")?;
        }
        for PlannedImage { image, verdict } in repository.images() {
            let line = Line {
                repository: repository.title(),
                digest: image.digest,
                tags: &image.tags,
                pushed_at: image.pushed_at,
                pulled_at: image.pulled_at,
                bytes: image.bytes,
                deletes: verdict.deletes(),
                verdict,
                because: repository.because(verdict),
            };
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

/// Returns the report of a run that failed before there was anything to answer.
pub(crate) fn failed(run_id: &str, error: &ApiError) -> Value {
    serde_json::json!({
        "summary": format!("The run failed before anything was planned: {error}. Nothing was deleted."),
        "status": "failed",
        "run_id": run_id,
        "version": super::VERSION,
    })
}
