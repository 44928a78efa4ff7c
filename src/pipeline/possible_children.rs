//! Warns of images that stay only since archived indexes may name them (G7).

use crate::{
    plan::{KeepReason, Plan, PlannedImage, Verdict, first_of},
    report::{Warning, WarningCode, count},
};

/// Number of repositories that are named.
const NAMED: usize = 5;

/// Returns a warning with the number of such images and what to do, if there are any.
pub(super) fn warning(plan: &Plan) -> Option<Warning> {
    let repositories = plan.repositories().iter().map(|repository| {
        let images = repository.images().filter(|it| stays_in_doubt(*it));
        (format!("`{}`", repository.title()), images.count() as u64)
    });
    let repositories: Vec<(String, u64)> = repositories.filter(|(_, images)| *images > 0).collect();
    let images: u64 = repositories.iter().map(|(_, images)| images).sum();
    let names: Vec<String> = repositories.into_iter().map(|(name, _)| name).collect();
    let named = first_of(&names, NAMED);
    let images = count(images, "image", "images");
    (!names.is_empty()).then(|| {
        let message = format!(
            "{images} of {named} kept only since an archived index may name them, whose manifest \
             cannot be read: with a `state`, restore such an index once by `ecr-cleanup restore`, so \
             that the next run reads and remembers it; or let `archive.delete_after` delete it"
        );
        Warning::new(WarningCode::PossibleChildren, message)
    })
}

fn stays_in_doubt(planned: PlannedImage<'_>) -> bool {
    let in_doubt = |reason: &KeepReason| matches!(reason, KeepReason::PossibleChildOf { .. });
    matches!(planned.verdict, Verdict::Keep(reasons) if reasons.iter().all(in_doubt))
}
