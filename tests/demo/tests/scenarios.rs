//! The scenarios name what is really there: every image is kept or deleted, and what ECS names is
//! kept.
#![allow(clippy::unwrap_used, reason = "tests")]

use demo::{Scenario, acceptance, digest_of, team, uses};

#[test]
fn a_scenario_accounts_for_every_image() {
    for (scenario, kept, deleted, in_use) in [(acceptance(), 20, 6, 4), (team(), 92, 19, 8)] {
        assert_eq!(scenario.kept.len(), kept);
        assert_eq!(scenario.deleted.len(), deleted);
        assert!(scenario.kept.is_disjoint(&scenario.deleted));
        let all = &scenario.kept | &scenario.deleted;
        assert_eq!(Scenario::images(&scenario.world), all);
        assert_eq!(scenario.labels.len(), all.len());

        assert_eq!(scenario.in_use.len(), in_use);
        assert!(scenario.in_use.is_subset(&scenario.kept));
        for one in uses(&scenario.world) {
            let digest = digest_of(&scenario.world, &one).unwrap();
            assert!(
                scenario.in_use.contains(&(one.repository.clone(), digest)),
                "{one}"
            );
        }
    }
}
