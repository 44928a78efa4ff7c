//! What a saved plan deletes after the world changed (A11).

use std::collections::BTreeSet;

use ecr_cleanup_core::{
    image::{Digest, MediaType, Status},
    plan::{PlannedImage, RepositoryPlan, SavedImages},
};
use proptest::{collection::vec, prelude::*};

use crate::random::{CASES, Drawing, drawing};

/// Worlds before and after: some images are gone, others came, and other uses are known.
fn worlds() -> impl Strategy<Value = (Drawing, Drawing)> {
    (drawing(), drawing(), vec(any::<bool>(), 60)).prop_map(|(before, other, stays)| {
        let mut after = before.clone();
        let mut stays = stays.into_iter();
        after.images.retain(|_| stays.next().unwrap_or(true));
        let new = other.images.into_iter().take(20);
        after.images.extend(new);
        after.uses = other.uses;
        (before, after)
    })
}

/// Returns whether an image is deleted only after another one of its repository.
fn belongs(repository: &RepositoryPlan, image: PlannedImage<'_>, to: PlannedImage<'_>) -> bool {
    let children = repository.children().get(&to.image.digest);
    let is_child =
        |digest: Digest| children.is_some_and(|all| all.iter().any(|it| it.digest == digest));
    image != to
        && (is_child(image.image.digest) || image.image.subjects().any(|it| it == to.image.digest))
}

/// Returns whether an index of a repository is archived, and its children are not known.
fn is_opaque(repository: &RepositoryPlan, planned: PlannedImage<'_>) -> bool {
    let image = planned.image;
    image.media_type == MediaType::Index && !repository.children().contains_key(&image.digest)
}

/// Returns what both plans delete, without what belongs to an image that the fresh one alone does.
fn expected(repository: &RepositoryPlan, saved: &SavedImages) -> BTreeSet<Digest> {
    let candidates: Vec<PlannedImage<'_>> = repository.candidates().collect();
    let digests = candidates.iter().map(|it| it.image.digest);
    let mut both: BTreeSet<Digest> = digests.filter(|it| saved.contains(repository, it)).collect();
    loop {
        let others = candidates.iter().filter(|it| !both.contains(&it.image.digest));
        let others: Vec<_> = others.collect();
        let held = candidates
            .iter()
            .filter(|it| others.iter().any(|other| belongs(repository, **it, **other)));
        let held: Vec<Digest> = held.map(|it| it.image.digest).collect();
        let before = both.len();
        both.retain(|it| !held.contains(it));
        if both.len() == before {
            return both;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    /// Never more than the saved plan, and never more than the fresh one.
    #[test]
    fn a_saved_plan_deletes_what_a_fresh_one_deletes_too((before, after) in worlds()) {
        let saved = SavedImages::from(&before.plan());
        let fresh = after.plan();
        let mut all = BTreeSet::new();
        for repository in fresh.repositories() {
            let units = repository.units_in(Some(&saved)).into_iter().flat_map(|unit| unit.images);
            let deleted: BTreeSet<Digest> = units.map(|it| it.planned.image.digest).collect();
            for image in &deleted {
                prop_assert!(saved.contains(repository, image));
                prop_assert!(repository.image(image).unwrap().verdict.deletes());
            }
            let expected = expected(repository, &saved);
            let held = repository.candidates().any(|it| is_opaque(repository, it));
            let archived = |it: &Digest| repository.image(it).unwrap().image.status == Status::Archived;
            prop_assert!(deleted.is_subset(&expected));
            if !held || !expected.iter().any(archived) {
                prop_assert_eq!(&deleted, &expected);
            }
            if repository.acts() {
                all.extend(deleted.into_iter().map(|it| (repository.key().clone(), it)));
            }
        }
        let since = fresh.since(&saved);
        let both = since.both.iter().map(|(repository, it)| (repository.key().clone(), it.image.digest));
        prop_assert_eq!(both.collect::<BTreeSet<_>>(), all);
        prop_assert!(since.kept.iter().all(|(_, it)| !it.verdict.deletes()));
    }

    /// In a world that did not change, it deletes everything that it has.
    #[test]
    fn a_saved_plan_of_the_same_world_is_deleted_whole(world in drawing()) {
        let plan = world.plan();
        let saved = SavedImages::from(&plan);
        let since = plan.since(&saved);
        prop_assert_eq!(since.both.len() as u64, saved.count());
        prop_assert_eq!((since.kept.len(), since.absent, since.new), (0, 0, 0));
    }
}
