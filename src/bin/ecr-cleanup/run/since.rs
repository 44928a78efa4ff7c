//! What becomes of a saved plan, before it is applied.

use std::collections::BTreeMap;

use ecr_cleanup::{
    image::Time,
    plan::SinceSaved,
    report::{SavedPlan, count},
};

use crate::{
    page::{Look, Page},
    plan::all_names,
};

/// The most reasons for which images of the plan are kept.
const SHOWN: usize = 20;
/// The most images of a reason that are named.
const NAMED: usize = 5;

/// Adds the images of a saved plan that are kept now, with the reasons, and the numbers of the
/// others.
pub(super) fn add(page: &mut Page, saved: &SavedPlan, since: &SinceSaved<'_>, now: Time) {
    let images = count(saved.images.count(), "image", "images");
    let made = match saved.made_at.age(now).as_hours() {
        ..1 => "less than an hour ago".to_owned(),
        hours => format!("{hours} h ago"),
    };
    let text = format!("{images}, made {made}");
    page.paragraph((Look::Strong, "Saved plan: "), 2, Look::Plain, &text);
    let mut kept: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (repository, planned) in &since.kept {
        let because = repository.because(planned.verdict).join("; ");
        let names = kept.entry((repository.title(), because)).or_default();
        names.push(all_names(planned.image));
    }
    for ((repository, because), names) in kept.iter().take(SHOWN) {
        let (first, others) = names.split_at(names.len().min(NAMED));
        let mut text = format!("{repository}: {}", first.join(", "));
        if !others.is_empty() {
            text += &format!(" and {} more", others.len());
        }
        text += &format!(": {because}");
        page.paragraph((Look::InUse, "Kept now: "), 2, Look::Plain, &text);
    }
    if kept.len() > SHOWN {
        let more = count((kept.len() - SHOWN) as u64, "other reason", "other reasons");
        page.paragraph((Look::InUse, "Kept now: "), 2, Look::Plain, &more);
    }
    let both = since.both.len() as u64;
    let belonging = saved.images.count() - both - since.kept.len() as u64 - since.absent;
    let rest = [
        (both, "Still not needed: ", ""),
        (
            belonging,
            "Kept for now: ",
            ", of images that are not in the plan",
        ),
        (since.absent, "Gone, or not read now: ", ""),
        (
            since.new,
            "Not in the plan: ",
            " that nothing needs either; kept in this run",
        ),
    ];
    for (number, label, what) in rest.into_iter().filter(|(number, ..)| *number > 0) {
        let text = format!("{}{what}", count(number, "image", "images"));
        page.paragraph((Look::Plain, label), 2, Look::Plain, &text);
    }
}
