//! Laws of the image graph, on graphs of any shape: deep, shared, cyclic, with repeats and with
//! edges to nowhere.

use std::collections::{BTreeSet, HashMap};

use ecr_cleanup::{
    image::{Digest, Image, Status},
    plan::{Archiving, KeepReason, Plan, PlanSettings, Verdict},
};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::support::repository_builder::{
    self, RepositoryBuilder, candidates, digest, hours_ago, plan_all, policies, usage,
};

const NAMES: [&str; 14] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n",
];
const ARTIFACTS: [&str; 4] = [
    "",
    "",
    repository_builder::NOTATION,
    repository_builder::SOCI_V2,
];

/// An image by the positions of what it is about, where a position beyond the last image is one
/// that is not there.
#[derive(Clone, Debug)]
struct Drawn {
    hours: i64,
    tag: Option<u32>,
    children: Option<Vec<usize>>,
    subject: Option<usize>,
    attached_to: Option<usize>,
    artifact: usize,
    archived: Option<i64>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let any_image = 0..NAMES.len();
    (
        0..400_i64,
        prop::option::of(0..30_u32),
        prop::option::weighted(0.4, prop::collection::vec(any_image.clone(), 0..4)),
        prop::option::weighted(0.3, any_image.clone()),
        prop::option::weighted(0.2, any_image),
        0..ARTIFACTS.len(),
        prop::option::weighted(0.15, 0..400_i64),
    )
        .prop_map(
            |(hours, tag, children, subject, attached_to, artifact, archived)| Drawn {
                hours,
                tag,
                children,
                subject,
                attached_to,
                artifact,
                archived,
            },
        )
}

#[derive(Clone, Debug)]
struct World {
    repository: RepositoryBuilder,
    uses: Vec<&'static str>,
    rules: &'static str,
    terms: (bool, Option<i64>),
}

impl World {
    fn plan_of(&self, stored: &RepositoryBuilder) -> Plan {
        let (candidates, delete_after) = self.terms;
        let archive = Archiving {
            candidates,
            delete_after: delete_after.map(SignedDuration::from_hours),
        };
        let terms = PlanSettings {
            archive,
            ..hours_ago(0).into()
        };
        let document = format!(
            "policies: [{{repositories: ['**'], delete_unmatched: true, keep: [{}]}}]",
            self.rules
        );
        plan_all(
            &[("team/app", stored)],
            &usage(&self.uses),
            &policies(&document),
            terms,
        )
    }

    fn plan(&self) -> Plan {
        self.plan_of(&self.repository)
    }
}

fn world() -> impl Strategy<Value = World> {
    let rules = prop::sample::select(vec![
        "{tags: '^nothing$'}",
        "{tags: '^v', newest: 2}",
        "{tags: '^v', newest: 3, by: version}, {untagged: true, pushed_within: 2d}",
        "{newest: 3}",
        "{untagged: true, newest: 2}",
        "{tags: '^v1', pulled_within: 5d}",
        "{tags: '^v(?<major>[0-9])', per: major, newest: 1, newest_groups: 2}",
    ]);
    let images = prop::collection::vec(drawn(), 1..NAMES.len());
    let uses = prop::collection::vec(prop::sample::select(NAMES.to_vec()), 0..3);
    (
        images,
        uses,
        rules,
        any::<bool>(),
        prop::option::of(0..300_i64),
    )
        .prop_map(|(images, uses, rules, archives, delete_after)| {
            let mut repository = RepositoryBuilder::default();
            for (name, drawn) in NAMES.iter().zip(images) {
                let mut image = repository.image(name, drawn.hours);
                if let Some(tag) = drawn.tag {
                    image = image.tag(&format!("v{tag}"));
                }
                if let Some(children) = &drawn.children {
                    let children: Vec<&str> = children.iter().map(|&child| NAMES[child]).collect();
                    image = image.index(&children);
                }
                if let Some(subject) = drawn.subject {
                    image = image.subject(NAMES[subject]);
                }
                if let Some(attached_to) = drawn.attached_to {
                    image = image.attached_to(NAMES[attached_to], ".sig");
                }
                image = image.artifact(ARTIFACTS[drawn.artifact]);
                if let Some(hours) = drawn.archived {
                    image.archived(hours.min(drawn.hours));
                }
            }
            World {
                repository,
                uses,
                rules,
                terms: (archives, delete_after),
            }
        })
}

/// A plan with the edges of its images, by digest.
struct Read {
    kept: BTreeSet<Digest>,
    /// Kept where they are: in mode `archive`, being archived is no reason to keep others active.
    held: BTreeSet<Digest>,
    used: BTreeSet<Digest>,
    children: Vec<(Digest, Digest)>,
    referrers: Vec<(Digest, Digest)>,
    status: HashMap<Digest, Status>,
}

fn read(world: &World, plan: &Plan) -> Read {
    let repository = plan.repository("team/app").unwrap();
    let there: BTreeSet<Digest> = world
        .repository
        .images()
        .iter()
        .map(|image| image.digest)
        .collect();
    let digests = |wanted: &dyn Fn(&Image, &Verdict) -> bool| -> BTreeSet<Digest> {
        let planned = repository.images();
        planned
            .filter(|it| wanted(it.image, it.verdict))
            .map(|it| it.image.digest)
            .collect()
    };
    // For a reason of its own, or in a plan that deletes.
    let holds = |verdict: &Verdict| match verdict {
        Verdict::Keep(reasons) => reasons.iter().any(|reason| match reason {
            KeepReason::Archived | KeepReason::PartOf { .. } | KeepReason::RefersTo { .. } => {
                !world.terms.0
            }
            _ => true,
        }),
        Verdict::Delete(_) => false,
    };
    let used: BTreeSet<Digest> = world.uses.iter().map(|name| digest(name)).collect();
    let children = world
        .repository
        .children()
        .iter()
        .flat_map(|(index, children)| {
            children
                .iter()
                .map(|child| (*index, child.digest))
                .filter(|(index, child)| index != child)
        });
    let referrers = world.repository.images().iter().flat_map(|image| {
        image
            .subjects()
            .map(|subject| (subject, image.digest))
            .filter(|(subject, referrer)| subject != referrer)
    });
    Read {
        kept: digests(&|_, verdict| !verdict.deletes()),
        held: digests(&|_, verdict| holds(verdict)),
        used: used.intersection(&there).copied().collect(),
        children: children
            .filter(|(_, child)| there.contains(child))
            .collect(),
        referrers: referrers
            .filter(|(subject, _)| there.contains(subject))
            .collect(),
        status: world
            .repository
            .images()
            .iter()
            .map(|image| (image.digest, image.status))
            .collect(),
    }
}

/// Returns everything that can be reached along edges.
fn closure(start: &BTreeSet<Digest>, edges: &[(Digest, Digest)]) -> BTreeSet<Digest> {
    let mut reached = start.clone();
    loop {
        let next: BTreeSet<Digest> = edges
            .iter()
            .filter(|(from, _)| reached.contains(from))
            .map(|&(_, to)| to)
            .collect();
        let before = reached.len();
        reached.extend(next);
        if reached.len() == before {
            return reached;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Keeping spreads to children and referrers, to any depth (G1, G3).
    #[test]
    fn what_is_kept_keeps_its_parts_and_what_refers_to_it(world in world()) {
        let read = read(&world, &world.plan());
        let edges = [read.children.clone(), read.referrers.clone()].concat();
        prop_assert!(closure(&read.held, &edges).is_subset(&read.kept));
        // What is only archived keeps from being deleted what is archived with it.
        let archived: Vec<_> = edges.into_iter().filter(|(_, to)| read.status[to] == Status::Archived).collect();
        prop_assert!(closure(&read.kept, &archived).is_subset(&read.kept));
    }

    /// Use spreads from a part to the whole (G2).
    #[test]
    fn nothing_in_the_closure_of_use_is_deleted(world in world()) {
        let read = read(&world, &world.plan());
        let up: Vec<_> = read.children.iter().map(|&(index, child)| (child, index)).collect();
        let whole = closure(&read.used, &up);
        let edges = [read.children.clone(), read.referrers.clone()].concat();
        prop_assert!(closure(&whole, &edges).is_subset(&read.kept));
    }

    /// An index is deleted first, and what refers to an image last (A4).
    #[test]
    fn level_by_level_no_part_is_deleted_before_an_index_that_names_it(world in world()) {
        let plan = world.plan();
        let read = read(&world, &plan);
        let repository = plan.repository("team/app").unwrap();
        let units = repository.units();
        let mut level: HashMap<Digest, (usize, u32)> = HashMap::new();
        for (unit, images) in units.iter().enumerate() {
            for candidate in &images.images {
                let digest = candidate.planned.image.digest;
                prop_assert_eq!(level.insert(digest, (unit, candidate.level)), None, "twice");
            }
        }
        prop_assert_eq!(level.keys().copied().collect::<BTreeSet<_>>(), candidates(&plan, "team/app"));
        for (before, after) in [read.children.clone(), read.referrers.clone()].concat() {
            let (Some(&(unit, first)), Some(&(other, then))) = (level.get(&before), level.get(&after)) else { continue };
            prop_assert_eq!(unit, other, "what belongs together is deleted together");
            let edges = [read.children.clone(), read.referrers.clone()].concat();
            let cyclic = closure(&BTreeSet::from([after]), &edges).contains(&before);
            prop_assert!(first < then || cyclic || on_or_after_cycle(&edges, before));
        }
    }

    #[test]
    fn one_run_leaves_nothing_that_a_second_would_take(world in world()) {
        let plan = world.plan();
        let left = world.repository.clone().without(&candidates(&plan, "team/app"));
        prop_assert_eq!(candidates(&world.plan_of(&left), "team/app"), BTreeSet::new());
    }
}

/// Returns whether an image can be reached from a cycle, or is on one: manifests cannot name each
/// other in a circle, so all that matters there is that nothing is lost.
fn on_or_after_cycle(edges: &[(Digest, Digest)], image: Digest) -> bool {
    let back: Vec<(Digest, Digest)> = edges.iter().map(|&(from, to)| (to, from)).collect();
    let above = closure(&BTreeSet::from([image]), &back);
    above.iter().any(|&start| {
        let next = edges
            .iter()
            .filter(|(from, _)| *from == start)
            .map(|&(_, to)| to)
            .collect();
        closure(&next, edges).contains(&start)
    })
}
