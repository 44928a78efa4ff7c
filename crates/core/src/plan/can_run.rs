//! Which images can run, rather than being artifacts or indexes of artifacts (K5).

use std::collections::HashMap;

use super::graph::position;
use crate::{
    image::{ArtifactType, Digest, Image},
    inventory::{Child, Role},
};

/// Returns whether an image can run, as far as is known: an index that cannot be read may name
/// platforms.
///
/// `images` are those of the repository, sorted by digest.
pub(super) fn can_run(
    image: &Image,
    images: &[Image],
    children: &HashMap<Digest, Vec<Child>>,
) -> bool {
    let child_can_run = |child: &Child| match child.role {
        Some(Role::Platform(_)) => true,
        Some(Role::Artifact(_)) => false,
        None => position(images, &child.digest).is_none_or(|position| {
            let child = &images[position as usize];
            is_container_image(child) && !child.is_referrer()
        }),
    };
    is_container_image(image)
        && children
            .get(&image.digest)
            .is_none_or(|children| children.iter().any(child_can_run))
}

fn is_container_image(image: &Image) -> bool {
    image.artifact_type == ArtifactType::ContainerImage
}
