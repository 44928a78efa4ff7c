//! A plan as rows.

use ecr_cleanup::{
    image::Time,
    plan::{Plan, PlannedImage},
    report::{Size, own_bytes},
};

use super::table::first_and_last;
use crate::rows::Rows;

/// Returns every image with its verdict.
pub(super) fn images(plan: &Plan) -> Rows {
    let columns = [
        "repository",
        "digest",
        "tags",
        "pushed_at",
        "pulled_at",
        "bytes",
        "deletes",
        "because",
    ];
    let time = |time: Option<Time>| time.map(|time| time.to_string()).unwrap_or_default();
    let rows = plan.repositories().iter().flat_map(|repository| {
        let images = repository.images();
        images.map(move |PlannedImage { image, verdict }| {
            let tags: Vec<&str> = image.tags.iter().map(|tag| &**tag).collect();
            [
                repository.title(),
                image.digest.to_string(),
                tags.join(" "),
                time(image.pushed_at),
                time(image.pulled_at),
                image.bytes.to_string(),
                verdict.deletes().to_string(),
                repository.because(verdict).join("; "),
            ]
        })
    });
    Rows::new(columns, rows)
}

/// Returns the candidates of each repository by their reasons.
pub(crate) fn reasons(plan: &Plan) -> Rows {
    let columns = ["Repository", "Images", "Size", "Why", "Which"];
    let rows = plan.repositories().iter().flat_map(|repository| {
        let groups = repository.candidates_by_reason().into_iter();
        groups.map(|group| {
            let bytes = group.images.iter().map(|it| own_bytes(it.image)).sum();
            [
                repository.title(),
                group.images.len().to_string(),
                Size(bytes).to_string(),
                group.to_string(),
                first_and_last(&group.images).join(", "),
            ]
        })
    });
    Rows::new(columns, rows)
}
