//! Images that are left alone where artifacts are not (K7).

use std::iter::zip;

use super::{KeepReasons, add};
use crate::{
    image::ArtifactType,
    plan::{KeepReason, LeftAlone, eligibility::is_artifact},
    policy::KeepRule,
};

impl KeepReasons<'_> {
    /// Returns the reason to leave images alone; `None` if rules are about them.
    ///
    /// # Errors
    /// Returns an error if no rule is about any tag of the repository, and none is about artifacts.
    pub(super) fn why_images_are_left(&self) -> Result<Option<KeepReason>, LeftAlone> {
        if self.rules.are_about_artifacts_alone() {
            return Ok(Some(KeepReason::NoImageRule));
        }
        let mut images = (0..).zip(zip(self.images, &self.can_run));
        let has_tags = images.any(|(index, (image, &can_run))| {
            image.ordinary_tags(can_run).next().is_some() && !self.is_ruled_artifact(index)
        });
        let mut rules = self.rules.rules.iter();
        let about_tags = self.evaluation.any_tag_matched || rules.any(KeepRule::is_about_every_tag);
        if !has_tags || about_tags || self.rules.delete_unmatched {
            Ok(None)
        } else if self.rules.are_about_artifacts() {
            Ok(Some(KeepReason::NoTagMatched))
        } else {
            Err(LeftAlone::NoTagMatched)
        }
    }

    /// Keeps whatever is no artifact that a rule is about and belongs to none, if there is a reason
    /// to leave images alone.
    pub(super) fn leave_images(&mut self) {
        let Some(reason) = self.images_left.clone() else {
            return;
        };
        let all = (0..).zip(self.images).map(|(index, _)| index);
        let mut open: Vec<u32> = all.filter(|&it| self.is_ruled_artifact(it)).collect();
        let mut belongs = vec![false; self.images.len()];
        for &index in &open {
            belongs[index as usize] = true;
        }
        while let Some(index) = open.pop() {
            for dependent in self.graph.dependents(index) {
                if !belongs[dependent as usize] && !self.is_tagged_image(dependent) {
                    belongs[dependent as usize] = true;
                    open.push(dependent);
                }
            }
        }
        for (reasons, _) in zip(&mut self.reasons, belongs).filter(|(_, belongs)| !belongs) {
            add(reasons, reason.clone());
        }
    }

    /// Returns whether it is an artifact, and rules are about artifacts of its type.
    pub(super) fn is_ruled_artifact(&self, index: u32) -> bool {
        let index = index as usize;
        let image = &self.images[index];
        is_artifact(image, self.can_run[index], self.is_child[index])
            && self.rules.are_about_artifact(&image.artifact_type)
    }

    fn is_tagged_image(&self, index: u32) -> bool {
        let index = index as usize;
        let mut tags = self.images[index].ordinary_tags(self.can_run[index]);
        self.images[index].artifact_type == ArtifactType::ContainerImage && tags.next().is_some()
    }
}
