//! Pulls as reasons to keep an image.

use super::KeepReasons;
use crate::plan::last_pull::LastPulls;

impl KeepReasons<'_> {
    /// Returns the last pulls of the images.
    pub(super) const fn last_pulls(&self) -> LastPulls<'_> {
        LastPulls {
            images: self.images,
            graph: &self.graph,
            own: self.own_readings,
        }
    }
}
