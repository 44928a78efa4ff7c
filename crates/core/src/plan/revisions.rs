//! Commits that annotations of images name (K14).

use super::{graph::Graph, subject::Subject};
use crate::image::ArtifactType;

/// Returns the commits that the annotations of each image and its parts name; `None` of one whose
/// annotations, or those of a part, are not known.
pub(super) fn revisions<'a>(subject: &'a Subject<'_>, graph: &Graph) -> Vec<Option<Vec<&'a str>>> {
    let of_one = |index: u32| {
        let image = &subject.images[index as usize];
        match subject.revisions.get(&image.digest) {
            Some(revisions) => Some(revisions.as_slice()),
            // Artifacts are of no commit.
            None if image.artifact_type != ArtifactType::ContainerImage => Some(&[][..]),
            None => None,
        }
    };
    let positions = (0..).zip(subject.images).map(|(index, _)| index);
    positions
        .map(|index| {
            let parts = graph.with_parts(index).map(of_one);
            let all: Vec<&[Box<str>]> = parts.collect::<Option<_>>()?;
            Some(all.into_iter().flatten().map(AsRef::as_ref).collect())
        })
        .collect()
}
