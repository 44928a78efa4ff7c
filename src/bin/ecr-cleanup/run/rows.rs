//! What a run did, as rows.

use std::collections::BTreeMap;

use ecr_cleanup::report::{HandledImage, Size};

use crate::rows::Rows;

/// Returns what became of each image.
pub(super) fn images(images: &[HandledImage]) -> Rows {
    let columns = ["repository", "digest", "tags", "bytes", "outcome", "error"];
    let rows = images.iter().map(|image| {
        let tags: Vec<&str> = image.tags.iter().map(|tag| &**tag).collect();
        [
            image.repository.to_string(),
            image.digest.to_string(),
            tags.join(" "),
            image.bytes.to_string(),
            image.outcome.to_string(),
            image.error.as_deref().unwrap_or_default().to_owned(),
        ]
    });
    Rows::new(columns, rows)
}

/// Returns the number of images of each repository and outcome.
pub(super) fn outcomes(images: &[HandledImage]) -> Rows {
    let mut outcomes: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for image in images {
        let key = (&image.repository, image.outcome);
        let (number, bytes) = outcomes.entry(key).or_default();
        *number += 1;
        *bytes += image.bytes;
    }
    let rows = outcomes
        .into_iter()
        .map(|((repository, outcome), (number, bytes))| {
            let size = Size(bytes).to_string();
            [
                repository.to_string(),
                outcome.to_string(),
                number.to_string(),
                size,
            ]
        });
    Rows::new(["Repository", "Outcome", "Images", "Size"], rows)
}
