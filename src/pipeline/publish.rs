//! Publishes evidence, for deployments in other accounts to read instead of letting a role in (U14).

use std::io;

use flate2::{Compression, write::GzEncoder};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::{Program, sources::FoundUse};
use crate::{
    aws::{ApiError, s3},
    config::S3Location,
    evidence::{Document, UsageIndex},
    report::{self, Warning, WarningCode},
    stop_time::StopTime,
};

/// Number of documents that are written at once.
const AT_ONCE: usize = 8;

/// Reason for which evidence is not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The configuration does not say where.
    #[error("the configuration has no `publish`, where evidence would be written")]
    NoPublish,
    /// It cannot be compressed.
    #[error(transparent)]
    Compress(#[from] io::Error),
    /// A call failed.
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// Evidence that was published.
pub struct PublishedEvidence {
    run_id: String,
    /// Everything that is in use.
    pub usage: UsageIndex,
    /// Location of the documents.
    pub address: S3Location,
    /// Number of documents.
    pub documents: usize,
}

impl PublishedEvidence {
    /// Returns what the function answers.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let sources = self.usage.sources();
        let incomplete = sources.iter().filter(|it| !it.is_complete()).count();
        let status = match incomplete {
            0 => "completed",
            _ => "completed_with_failures",
        };
        json!({
            "summary": self.summary(),
            "status": status,
            "run_id": self.run_id,
            "version": report::VERSION,
            "published": self.address.to_string(),
            "in_use": sources,
        })
    }

    /// Returns what was done, in one sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let (documents, address) = (self.documents, &self.address);
        let sources = self.usage.sources().iter();
        let incomplete: Vec<String> = sources
            .filter(|it| !it.is_complete())
            .map(ToString::to_string)
            .collect();
        let but = match incomplete.len() {
            0 => String::new(),
            _ => format!(" Not complete: {}.", incomplete.join(", ")),
        };
        format!("Wrote {documents} documents of evidence to {address}. Nothing was deleted.{but}")
    }
}

impl Program {
    /// Reads what is in use and publishes it, and does nothing else.
    ///
    /// # Errors
    /// Returns an error if the configuration does not say where, or a document cannot be written.
    pub async fn publish_evidence(
        &self,
        stop_at: &StopTime,
    ) -> Result<PublishedEvidence, PublishError> {
        let address = self.config.publish.clone().ok_or(PublishError::NoPublish)?;
        let run = self.begin();
        let (locations, found) = self.read_use_everywhere(&run, stop_at).await?;
        let documents = self.publish(&found, &address).await?;
        Ok(PublishedEvidence {
            run_id: run.id,
            usage: found.into_index(&self.config.in_use, &locations),
            address,
            documents,
        })
    }

    /// Writes the documents of what was found, and returns their number.
    pub(super) async fn publish(
        &self,
        found: &FoundUse,
        location: &S3Location,
    ) -> Result<usize, PublishError> {
        let writing = found.documents().into_iter().map(|(name, document)| {
            let key = location.key(&name);
            async move {
                let bytes = compressed(&document)?;
                let bucket = &location.bucket;
                s3::put(&self.clients, bucket, &key, "application/gzip", bytes).await?;
                Ok::<_, PublishError>(())
            }
        });
        let writing: Vec<_> = writing.collect();
        let written = stream::iter(writing).buffer_unordered(AT_ONCE);
        written
            .try_fold(0, |count, ()| async move { Ok(count + 1) })
            .await
    }

    /// Publishes what a run found, and returns a warning if that failed: what others keep because
    /// of it is no matter of this run. One that was interrupted leaves them what the last one found.
    pub(super) async fn publish_found(
        &self,
        found: &FoundUse,
        stop_at: &StopTime,
    ) -> Option<Warning> {
        let location = self.config.publish.as_ref();
        let location = location.filter(|_| self.kept.is_none())?;
        if stop_at.is_interrupted() {
            return None;
        }
        // In a box, since the futures of S3 are large.
        let publishing = Box::pin(self.publish(found, location));
        let problem = match self.at_the_end(stop_at, publishing).await {
            Some(Ok(_)) => return None,
            Some(Err(error)) => error.to_string(),
            None => "there was no time".to_owned(),
        };
        let message = format!("the evidence could not be published: {problem}");
        Some(Warning::new(WarningCode::EvidenceNotPublished, message))
    }
}

pub(super) fn compressed(document: &Document) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut encoder, document)?;
    encoder.finish()
}
