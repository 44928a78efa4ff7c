//! Images that only idle task definitions keep: ACTIVE ones that nothing runs, and that are not the
//! newest of their family.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    image::Digest,
    plan::{KeepReason, RepositoryPlan, Verdict},
};

/// Returns the images of a repository that stay only because of idle task definitions, together
/// with what belongs to them.
pub(super) fn kept_by_idle_definitions(repository: &RepositoryPlan) -> BTreeSet<Digest> {
    let images = repository.images();
    let mut needs: BTreeMap<Digest, Vec<Digest>> = images
        .filter_map(|planned| match planned.verdict {
            Verdict::Keep(reasons) => {
                let needs: Option<Vec<_>> = reasons.iter().map(images_behind).collect();
                Some((planned.image.digest, needs?.into_iter().flatten().collect()))
            }
            Verdict::Delete(_) => None,
        })
        .collect();
    // What is kept because of an image that stays for another reason stays too.
    loop {
        let idle: BTreeSet<Digest> = needs.keys().copied().collect();
        needs.retain(|_, needs| needs.iter().all(|digest| idle.contains(digest)));
        if needs.len() == idle.len() {
            return idle;
        }
    }
}

/// Returns the images behind a reason; `None` if the reason has nothing to do with idle task
/// definitions.
fn images_behind(reason: &KeepReason) -> Option<Vec<Digest>> {
    match reason {
        KeepReason::InUse(in_use) if in_use.user.is_idle_definition() => Some(Vec::new()),
        KeepReason::PartOf { index: behind, .. }
        | KeepReason::HasPartInUse { part: behind }
        | KeepReason::RefersTo {
            subject: behind, ..
        } => Some(vec![*behind]),
        _ => None,
    }
}
