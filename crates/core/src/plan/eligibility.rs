//! Which images count towards `newest`, and which are kept since too little is known of them.

use jiff::SignedDuration;

use super::{KeepReason, PlanSettings};
use crate::{
    image::{ArtifactType, Image, Status},
    policy::{Eligibility, KeepRules},
};

/// Age up to which an untagged image is kept whatever the rules say: it may be part of a push that
/// is still going on, whose index or tag comes last.
const PUSH_GRACE: SignedDuration = SignedDuration::from_hours(1);

/// Returns whether an image is ranked, and whether it counts towards `newest` (K5): an artifact among
/// artifacts.
///
/// Some tagged images are ranked without counting: the children of an index, so that a release is
/// not deleted because an old index names it; images that refer to another one; and images that
/// were archived for long, which are kept if they would be kept as active ones.
pub(super) fn eligibility(
    image: &Image,
    can_run: bool,
    is_child: bool,
    settings: &PlanSettings,
) -> Eligibility {
    let is_ranked = image.status != Status::Archived || settings.archived_long_enough(image);
    let is_active_artifact =
        image.status != Status::Archived && is_artifact(image, can_run, is_child);
    if counts(image, can_run) && !is_child || is_active_artifact {
        Eligibility::Counts
    } else if is_ranked && image.ordinary_tags(can_run).next().is_some() {
        Eligibility::Ranked
    } else {
        Eligibility::None
    }
}

/// Returns whether an image counts towards `newest`, unless it is the child of an index.
pub(super) fn counts(image: &Image, can_run: bool) -> bool {
    image.status != Status::Archived
        && image.artifact_type == ArtifactType::ContainerImage
        && !image.is_attachment(can_run)
}

/// Returns whether an image is an artifact that belongs to none, and that somebody can name: of a
/// build cache without a tag nobody can, since every build moves the tag to a new one (K8, K13).
pub(super) fn is_artifact(image: &Image, can_run: bool, is_child: bool) -> bool {
    let artifact_type = &image.artifact_type;
    let is_lost_cache = artifact_type.is_build_cache() && image.tags.is_empty();
    let belongs = is_child || image.is_attachment(can_run);
    let is_image = *artifact_type == ArtifactType::ContainerImage;
    !is_image && !artifact_type.is_child() && !is_lost_cache && !belongs
}

/// Returns the reason to keep an image of which too little is known (P4, G7, K8, K13).
pub(super) fn doubt(
    image: &Image,
    can_run: bool,
    is_child: bool,
    rules: &KeepRules,
    settings: &PlanSettings,
) -> Option<KeepReason> {
    let now = settings.now;
    match (image.status, image.pushed_at) {
        (Status::Archived, _) if !settings.archived_long_enough(image) => {
            Some(KeepReason::Archived)
        }
        (Status::Restoring, _) => Some(KeepReason::BeingRestored),
        (Status::Unknown, _) => Some(KeepReason::UnknownStatus),
        (Status::Active | Status::Archived, None) => Some(KeepReason::NoPushTime),
        (Status::Active | Status::Archived, Some(pushed_at)) if pushed_at > now => {
            Some(KeepReason::PushedInFuture)
        }
        (Status::Active | Status::Archived, Some(pushed_at)) => {
            let attachment = image.is_attachment(can_run);
            let is_ruled = || rules.are_about_artifact(&image.artifact_type);
            if is_artifact(image, can_run, is_child) && !is_ruled() {
                Some(KeepReason::Artifact)
            } else if (image.tags.is_empty() || attachment) && pushed_at.age(now) < PUSH_GRACE {
                Some(KeepReason::JustPushed)
            } else {
                None
            }
        }
    }
}
