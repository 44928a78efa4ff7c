//! When images were last pulled, apart from the program's own reading of manifests (K12).

use super::graph::Graph;
use crate::{
    image::{Image, Status, Time},
    inventory::OwnReadings,
};

/// The last pulls of the images of a repository.
#[derive(Clone, Copy)]
pub(super) struct LastPulls<'a> {
    pub(super) images: &'a [Image],
    pub(super) graph: &'a Graph,
    pub(super) own: &'a OwnReadings,
}

impl<'a> LastPulls<'a> {
    /// Returns the last pull of an image or a part of it that is known to be somebody else's.
    pub(super) fn by_others(self, index: u32) -> Option<Time> {
        let pull = |part| self.own.pull_by_others(self.image(part));
        self.graph.with_parts(index).filter_map(pull).max()
    }

    /// Returns the last pull of an image or a part of it that may be somebody else's.
    pub(super) fn possible(self, index: u32, now: Time) -> Option<Time> {
        let is_readable = |part| self.image(part).status == Status::Active;
        let pull = |part| {
            let has_parts = self.graph.children(part).any(is_readable);
            let image = self.image(part);
            self.own.possible_pull(image, has_parts, now)
        };
        self.graph.with_parts(index).filter_map(pull).max()
    }

    fn image(self, index: u32) -> &'a Image {
        &self.images[index as usize]
    }
}
