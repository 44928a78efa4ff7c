//! Reasons to keep an image that its policy gives: keep rules and Git history.

use std::sync::Arc;

use super::KeepReason;
use crate::{
    image::Image,
    policy::{Evaluation, Kept},
};

/// Returns the reasons that a policy gives to keep an image; `names` are those of its rules.
pub(super) fn ruled(
    evaluation: &Evaluation,
    index: usize,
    image: &Image,
    names: &[Arc<str>],
) -> impl Iterator<Item = KeepReason> {
    let rules = evaluation.kept[index].iter();
    let rules = rules.map(|kept| of_rule(kept, image, &names[kept.rule]));
    let git = evaluation.git.get(index).cloned().flatten();
    rules.chain(git.map(|why| KeepReason::Git { why }))
}

fn of_rule(kept: &Kept, image: &Image, name: &Arc<str>) -> KeepReason {
    let rule = Arc::clone(name);
    match kept.tag.map(|tag| image.tags[tag].clone()) {
        Some(tag) if kept.unordered => KeepReason::NoVersion { rule, tag },
        tag => KeepReason::Rule {
            rule,
            tag,
            rank: kept.rank,
        },
    }
}
