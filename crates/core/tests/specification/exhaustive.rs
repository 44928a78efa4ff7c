//! Goes through all worlds of a family, on all cores, and compares the planners for each.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use ecr_cleanup_core::{
    evidence::UsageIndex,
    image::{RepositoryName, Tag},
    inventory::{Content, Images, Inventory, NotRead, Repository, Unclear},
    plan,
    policy::Policies,
};

use crate::{
    drawn::{Built, Drawn, TAGS, digest, positions},
    families::{Around, Family, families},
    history::History,
    rules::policies,
    world::{Use, World, registry, usage},
};

/// Worlds that are compared: all small ones that the families describe.
const WORLDS: u64 = 13_880_391;
/// Without optimization one world of so many is compared, and only of up to two images.
const EVERY: u64 = 53;

#[test]
fn all_small_worlds_have_the_verdicts_of_the_rules() {
    let is_quick = !cfg!(debug_assertions);
    let families = families();
    let families = families.iter().filter(|family| is_quick || family.images < 3);
    let worlds: u64 =
        families.map(|family| compare(family, if is_quick { 1 } else { EVERY })).sum();
    println!("{worlds} worlds");
    assert!(worlds == WORLDS || !is_quick, "{worlds} worlds");
}

/// Compares the planners for one of so many worlds of a family, and returns their number.
fn compare(family: &Family, every: u64) -> u64 {
    let policies = policies();
    let options: Vec<Vec<Drawn>> = (0..family.images).map(|it| family.options(it)).collect();
    let build = |position: usize| {
        let options = options[position].iter();
        options.map(|drawn| drawn.build(position, &family.states[drawn.state])).collect()
    };
    let bits = 0..1_u8 << family.images;
    let usages = bits.map(|used| (0..8).map(|named| uses(used, named)).collect());
    let all = Worlds {
        family,
        policies: &policies,
        built: (0..family.images).map(build).collect(),
        symmetries: symmetries(&options),
        usages: usages.collect(),
        every,
    };
    let next = AtomicUsize::new(0);
    let work = || {
        let mut worlds = 0;
        loop {
            let first = next.fetch_add(1, Ordering::Relaxed);
            if first >= options[0].len() {
                return worlds;
            }
            all.fill(&mut vec![first], &mut worlds);
        }
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    })
}

/// Returns use of the images, of the [`TAGS`] and, for the third bit, of the first repository whose
/// bits are set.
fn uses(images: u8, named: u8) -> (Vec<Use>, UsageIndex) {
    let by_name = positions(named).map(|it| match TAGS.get(it) {
        Some(tag) => Use::Tag(name(0), Tag::new(tag).unwrap()),
        None => Use::Repository(name(0)),
    });
    let by_digest = positions(images).map(|it| Use::Digest(digest(it)));
    let uses: Vec<Use> = by_digest.chain(by_name).collect();
    let usage = usage(&uses);
    (uses, usage)
}

/// A permutation of the positions: where it takes each of them, and what each option of a position
/// becomes there.
struct Symmetry {
    to: Vec<usize>,
    options: Vec<Vec<usize>>,
}

/// Returns every permutation but the identity.
fn symmetries(options: &[Vec<Drawn>]) -> Vec<Symmetry> {
    let number = |options: &Vec<Drawn>| options.iter().copied().zip(0..).collect();
    let numbers: Vec<HashMap<Drawn, usize>> = options.iter().map(number).collect();
    let symmetry = |to: Vec<usize>| {
        let moved = |position: usize| {
            let number = |drawn: &Drawn| numbers[to[position]][&drawn.moved(&to)];
            options[position].iter().map(number).collect()
        };
        let options = (0..to.len()).map(moved).collect();
        Symmetry { to, options }
    };
    permutations(options.len()).into_iter().skip(1).map(symmetry).collect()
}

/// Returns all permutations of so many positions, the identity first.
fn permutations(size: usize) -> Vec<Vec<usize>> {
    let Some(last) = size.checked_sub(1) else { return vec![vec![]] };
    let with_last = |at: usize| {
        permutations(last).into_iter().map(move |mut others| {
            others.insert(at, last);
            others
        })
    };
    (0..size).rev().flat_map(with_last).collect()
}

struct Worlds<'a> {
    family: &'a Family,
    policies: &'a Policies,
    /// Options of each position.
    built: Vec<Vec<Built>>,
    symmetries: Vec<Symmetry>,
    /// By the images that are used, and by the names.
    usages: Vec<Vec<(Vec<Use>, UsageIndex)>>,
    every: u64,
}

impl Worlds<'_> {
    /// Compares the planners for all worlds that begin with these options.
    fn fill(&self, chosen: &mut Vec<usize>, worlds: &mut u64) {
        let (last, others) = chosen.split_last().unwrap();
        let last = &self.built[others.len()][*last].drawn;
        let others = others.iter().enumerate().map(|(it, &option)| &self.built[it][option].drawn);
        // A tag belongs to one image of a repository.
        if others.into_iter().any(|it| it.home == last.home && it.tags & last.tags != 0) {
            return;
        }
        if chosen.len() == self.family.images {
            if self.is_first(chosen) {
                self.compare(chosen, worlds);
            }
            return;
        }
        for option in 0..self.built[chosen.len()].len() {
            chosen.push(option);
            self.fill(chosen, worlds);
            chosen.pop();
        }
    }

    /// Returns whether a world comes before all that differ from it by a permutation alone.
    fn is_first(&self, chosen: &[usize]) -> bool {
        self.symmetries.iter().all(|Symmetry { to, options }| {
            let mut moved = [0; 8];
            for (position, &option) in chosen.iter().enumerate() {
                moved[to[position]] = options[position][option];
            }
            moved[..chosen.len()] >= *chosen
        })
    }

    /// Compares the planners for a world, in all surroundings.
    fn compare(&self, chosen: &[usize], worlds: &mut u64) {
        let images = chosen.iter().enumerate();
        let images: Vec<&Built> = images.map(|(it, &option)| &self.built[it][option]).collect();
        let used = images.iter().enumerate().filter(|(_, it)| it.used);
        let used = used.fold(0, |bits, (position, _)| bits | 1 << position);
        for around in &self.family.around {
            *worlds += 1;
            if !worlds.is_multiple_of(self.every) {
                continue;
            }
            let inventories = [inventory(&images, self.family.homes, around)];
            let (uses, usage) = &self.usages[used][around.named];
            let mut world = World::new(&inventories, uses, self.policies, around.settings);
            let with_ledger;
            let usage = if around.began.is_some() {
                let seen = images.iter().map(|it| (it.image.digest, it.seen)).collect();
                world.history = History { began: around.began, seen };
                with_ledger = self::usage(uses).with_ledger(world.history.ledger(&inventories));
                &with_ledger
            } else {
                usage
            };
            let plan = plan::plan(inventories.to_vec(), usage, self.policies, around.settings);
            if let Some(difference) = world.difference(&plan) {
                let images = images.iter().map(|it| (it.drawn, self.family.states[it.drawn.state]));
                let images: Vec<String> = images.map(|it| format!("{it:?}\n")).collect();
                panic!("{difference}\n{around:?} of {}\n{}", self.family.name, images.concat());
            }
        }
    }
}

fn inventory(images: &[&Built], homes: usize, around: &Around) -> Inventory {
    let repository = |home: usize| {
        let images = images.iter().filter(|it| it.drawn.home == home);
        let children = images.clone();
        let children = children.filter_map(|it| Some((it.image.digest, it.children.clone()?)));
        let images = Images {
            images: images.map(|it| it.image.clone()).collect(),
            children: children.collect(),
            ..Images::default()
        };
        let why = Unclear::NoDigest;
        Repository {
            name: name(home),
            policy: Some(around.rules[home]),
            mutable_tags: true,
            content: if around.unclear && home == 1 {
                Content::Unclear { images, why }
            } else {
                Content::Complete(images)
            },
        }
    };
    let unread = around.unread.then(|| Repository {
        name: name(2),
        policy: None,
        mutable_tags: true,
        content: Content::NotRead(NotRead::NoPolicy),
    });
    Inventory {
        registry: registry(0),
        repositories: (0..homes).map(repository).chain(unread).collect(),
    }
}

fn name(home: usize) -> RepositoryName {
    RepositoryName::new(["team/app", "team/other", "team/unread"][home]).unwrap()
}
