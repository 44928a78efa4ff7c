//! The small worlds: families, each of which is a whole product of choices.
//!
//! All choices together are too many, so that each family has those that may have to do with each
//! other, and one or two values of the others.

use std::ops::Range;

use ecr_cleanup_core::{
    image::Status,
    plan::{Archiving, PlanSettings},
    policy::Action,
};
use jiff::SignedDuration;

use crate::{
    drawn::{DAY, Drawn, GONE, Kind, State},
    rules::{OF_ARTIFACTS, policies},
    world::hours_ago,
};

/// Whom an edge may lead to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum To {
    Others,
    Itself,
    Gone,
}

/// Kinds that an image may have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kinds {
    Only(Kind),
    /// Indexes of every set of others.
    Indexes,
    Lists,
}

/// What else there is in a world.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around {
    /// Rule set of each repository.
    pub(crate) rules: [usize; 2],
    /// Uses by name, as bits.
    pub(crate) named: usize,
    /// Whether there is a doubt about the second repository.
    pub(crate) unclear: bool,
    /// Whether there is a repository that was not read.
    pub(crate) unread: bool,
    /// First run that wrote what it saw, in hours ago.
    pub(crate) began: Option<i64>,
    pub(crate) settings: PlanSettings,
}

/// All worlds of so many images, each of which has any of these properties, in all of these
/// surroundings. A subject and a signature are left out or lead to what is named here.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) images: usize,
    kinds: &'static [Kinds],
    subjects: &'static [To],
    signed: &'static [(To, &'static str)],
    /// Number of tags, each of which is on one image or on none.
    tags: u32,
    pub(crate) states: Vec<State>,
    pub(crate) homes: usize,
    /// Whether an image may be so.
    only: fn(&Drawn, &State) -> bool,
    pub(crate) around: Vec<Around>,
}

const FAMILY: Family = Family {
    name: "",
    images: 0,
    kinds: &[],
    subjects: &[],
    signed: &[],
    tags: 0,
    states: Vec::new(),
    homes: 1,
    only: |_, _| true,
    around: Vec::new(),
};
const IMAGE: Kinds = Kinds::Only(Kind::Image);
const OPAQUE: Kinds = Kinds::Only(Kind::Opaque);
const CHART: Kinds = Kinds::Only(Kind::Chart);
const ATTESTATION: Kinds = Kinds::Only(Kind::Attestation);
const CACHE: Kinds = Kinds::Only(Kind::Cache);
const SIGNATURE: &[(To, &str)] = &[(To::Others, ".sig")];
const OLD: State = State {
    used: false,
    status: Status::Active,
    pushed: Some(200 * DAY),
    pulled: None,
    archived: None,
    restored: false,
    seen: (None, None),
};
const USED: State = State { used: true, ..OLD };

const fn archived(days: i64) -> State {
    State { status: Status::Archived, archived: Some(days * DAY), ..OLD }
}

const fn aged(hours: i64) -> State {
    State { pushed: Some(hours), ..OLD }
}

impl Family {
    /// Returns everything that the image of a position may be.
    pub(crate) fn options(&self, position: usize) -> Vec<Drawn> {
        let to = |to: To| match to {
            To::Others => (0..self.images).filter(|&it| it != position).collect(),
            To::Itself => vec![position],
            To::Gone => vec![GONE],
        };
        let bits = || (0..1_u8 << self.images).filter(|bits| bits >> position & 1 == 0);
        let kinds = self.kinds.iter().flat_map(|kinds| match *kinds {
            Kinds::Only(kind) => vec![kind],
            Kinds::Indexes => bits().map(Kind::Index).collect(),
            Kinds::Lists => bits().map(Kind::List).collect(),
        });
        let subjects = self.subjects.iter().flat_map(|&it| to(it)).map(Some);
        let subjects: Vec<_> = [None].into_iter().chain(subjects).collect();
        let signed = |&(it, ending): &(To, _)| to(it).into_iter().map(move |to| Some((to, ending)));
        let signed: Vec<_> =
            [None].into_iter().chain(self.signed.iter().flat_map(signed)).collect();
        let mut options = Vec::new();
        for kind in kinds {
            for (&subject, &signed) in
                subjects.iter().flat_map(|it| signed.iter().map(move |signed| (it, signed)))
            {
                for tags in 0..1 << self.tags {
                    for state in 0..self.states.len() {
                        let drawn = |home| Drawn { kind, subject, signed, tags, state, home };
                        options.extend((0..self.homes).map(drawn));
                    }
                }
            }
        }
        options.retain(|it| (self.only)(it, &self.states[it.state]));
        options
    }
}

fn settings(candidates: bool, delete_after: Option<i64>) -> PlanSettings {
    let delete_after = delete_after.map(|days| SignedDuration::from_hours(days * DAY));
    let archive = Archiving { candidates, delete_after };
    PlanSettings { now: hours_ago(0), archive, keep_pulled_within: None, has_others: false }
}

fn around(rules: usize, settings: PlanSettings) -> Around {
    Around { rules: [rules; 2], named: 0, unclear: false, unread: false, began: None, settings }
}

fn deleting(rules: usize) -> Around {
    around(rules, settings(false, Some(90)))
}

/// Only an archived index cannot be read.
fn is_possible(drawn: &Drawn, state: &State) -> bool {
    drawn.kind != Kind::Opaque || state.status == Status::Archived
}

/// Every graph, with images that are in use or archived.
fn graphs(images: usize) -> Family {
    let all = [settings(false, Some(90)), settings(true, Some(90)), settings(true, None)];
    let all = if images < 3 { &all } else { &all[..2] };
    Family {
        name: "graphs",
        images,
        kinds: &[IMAGE, Kinds::Indexes, OPAQUE],
        subjects: &[To::Others],
        signed: SIGNATURE,
        states: vec![OLD, USED, archived(1), archived(100), State { used: true, ..archived(100) }],
        only: |drawn, state| {
            let is_both = state.used && state.status == Status::Archived;
            is_possible(drawn, state) && (!is_both || drawn.kind == Kind::Opaque)
        },
        around: all.iter().map(|settings| around(0, *settings)).collect(),
        ..FAMILY
    }
}

/// Every graph of children and referrers, with images that are in use.
fn large_graphs() -> Family {
    Family {
        name: "large graphs",
        images: 4,
        kinds: &[IMAGE, Kinds::Indexes],
        subjects: &[To::Others],
        states: vec![OLD, USED],
        around: vec![deleting(0)],
        ..FAMILY
    }
}

/// Every kind of tag and subject that may make an attachment.
fn attachments(images: usize) -> Family {
    let unread = Around { unread: true, ..deleting(0) };
    Family {
        name: "attachments",
        images,
        kinds: &[IMAGE, Kinds::Indexes, Kinds::Lists, CHART, ATTESTATION],
        subjects: &[To::Others, To::Gone],
        signed: &[
            (To::Others, ""),
            (To::Others, ".sig"),
            (To::Others, ".imgpkg"),
            (To::Others, "0"),
            (To::Itself, ""),
            (To::Itself, ".sig"),
            (To::Gone, ""),
            (To::Gone, ".sig"),
            (To::Gone, ".imgpkg"),
        ],
        tags: 1,
        states: vec![OLD, USED],
        around: vec![deleting(0), unread, deleting(3), deleting(7)],
        ..FAMILY
    }
}

/// Every rule, for images with at most one edge each.
fn ranks(images: usize) -> Family {
    let mut states = vec![
        aged(2 * DAY),
        aged(9 * DAY),
        State { pulled: Some(DAY), ..aged(9 * DAY) },
        State { used: true, ..aged(9 * DAY) },
        archived(100),
    ];
    if images < 3 {
        let pulled = State { pulled: Some(8 * DAY), ..OLD };
        states.extend([aged(-1), State { pushed: None, ..OLD }, archived(1), pulled]);
    }
    Family {
        name: "ranks",
        images,
        kinds: &[IMAGE, Kinds::Indexes],
        subjects: &[To::Others],
        signed: SIGNATURE,
        tags: 2,
        states,
        only: |it, _| {
            let children = match it.kind {
                Kind::Index(bits) => bits.count_ones(),
                _ => 0,
            };
            let others = u32::from(it.subject.is_some()) + u32::from(it.signed.is_some());
            children + others <= 1 && it.kind != Kind::Index(0)
        },
        around: of_images().map(deleting).collect(),
        ..FAMILY
    }
}

/// Returns the rule sets that are about images alone.
fn of_images() -> Range<usize> {
    0..policies().all.len() - OF_ARTIFACTS
}

/// Every rule about artifacts, with images and what may belong to either.
fn artifacts(images: usize) -> Family {
    Family {
        name: "artifacts",
        images,
        kinds: &[IMAGE, Kinds::Indexes, CHART, ATTESTATION, CACHE],
        subjects: &[To::Others],
        signed: SIGNATURE,
        tags: 2,
        states: vec![aged(2 * DAY), OLD, USED, archived(100)],
        around: (of_images().end..policies().all.len()).map(deleting).collect(),
        ..FAMILY
    }
}

/// Every use by name.
fn uses(images: usize) -> Family {
    let named = (0..8).flat_map(|named| [0, 3].map(|rules| Around { named, ..deleting(rules) }));
    Family {
        name: "uses",
        images,
        kinds: &[IMAGE, Kinds::Indexes],
        subjects: &[To::Others],
        tags: 2,
        states: vec![OLD],
        around: named.collect(),
        ..FAMILY
    }
}

/// Every way in which images of two repositories belong together.
fn repositories(images: usize) -> Family {
    let of_rules = [[0, 0], [0, 1], [1, 0], [2, 0]];
    let around = of_rules.into_iter().flat_map(|rules| {
        let known = [(false, false), (true, false), (false, true)];
        known.map(|(unclear, unread)| Around { rules, unclear, unread, ..deleting(0) })
    });
    let is_small = images < 3;
    Family {
        name: "repositories",
        images,
        kinds: if is_small { &[IMAGE, Kinds::Indexes, Kinds::Lists, CHART] } else { &[IMAGE] },
        subjects: &[To::Others, To::Gone],
        signed: if is_small { &[(To::Others, ".sig"), (To::Others, "")] } else { SIGNATURE },
        tags: 1,
        states: vec![OLD, USED],
        homes: 2,
        around: around.collect(),
        ..FAMILY
    }
}

/// Every status, age and kind.
fn doubts(images: usize) -> Family {
    let ages = [None, Some(-1), Some(0), Some(1), Some(200 * DAY)];
    let states = ages.into_iter().flat_map(|pushed| {
        let aged = State { pushed, ..OLD };
        let statuses = [Status::Active, Status::Restoring, Status::Unknown];
        let archived = [None, Some(DAY), Some(100 * DAY)];
        let archived = archived.map(|at| State { status: Status::Archived, archived: at, ..aged });
        statuses.map(|status| State { status, ..aged }).into_iter().chain(archived)
    });
    Family {
        name: "doubts",
        images,
        kinds: &[IMAGE, Kinds::Indexes, OPAQUE, CHART, ATTESTATION, CACHE],
        subjects: &[To::Others],
        signed: SIGNATURE,
        tags: 1,
        states: states.collect(),
        only: is_possible,
        around: vec![deleting(0), around(0, settings(true, Some(90)))],
        ..FAMILY
    }
}

/// Every order of pushes, archiving and restoring, for indexes whose children are not known.
fn archives(images: usize) -> Family {
    let times = [None, Some(300 * DAY), Some(200 * DAY), Some(200 * DAY - 2), Some(100 * DAY)];
    let states = times.into_iter().flat_map(move |pushed| {
        let aged = State { pushed, ..OLD };
        let archived = times.into_iter().flat_map(move |archived| {
            let archived = State { archived, ..aged };
            let status = Status::Archived;
            let restored = State { restored: true, ..archived };
            [restored, State { status, ..archived }, State { status, ..restored }]
        });
        [aged].into_iter().chain(archived)
    });
    Family {
        name: "archives",
        images,
        kinds: &[IMAGE, OPAQUE],
        tags: u32::from(images < 3),
        states: states.filter(|it| it.archived.is_some() || !it.restored).collect(),
        only: is_possible,
        around: [false, true].map(|archive| around(2, settings(archive, Some(150)))).to_vec(),
        ..FAMILY
    }
}

/// Every graph, with images that somebody pulled.
fn pulls(images: usize) -> Family {
    let pulled = |days: i64| State { pulled: Some(days * DAY), ..OLD };
    let around = [false, true].map(|archive| {
        let keep_pulled_within = Some(SignedDuration::from_hours(14 * DAY));
        let settings = PlanSettings { keep_pulled_within, ..settings(archive, Some(90)) };
        [0, 3].map(|rules| around(rules, settings))
    });
    Family {
        name: "pulls",
        images,
        kinds: &[IMAGE, Kinds::Indexes, OPAQUE],
        subjects: &[To::Others],
        signed: SIGNATURE,
        tags: 1,
        states: vec![
            OLD,
            pulled(1),
            pulled(20),
            archived(1),
            State { pulled: Some(DAY), ..archived(100) },
        ],
        only: is_possible,
        around: around.concat(),
        ..FAMILY
    }
}

/// Every past that runs may have seen, under the rules that ask for it.
fn histories(images: usize) -> Family {
    let began = [None, Some(20 * DAY), Some(60 * DAY)];
    let times = [None, Some(3 * DAY), Some(10 * DAY), Some(70 * DAY)];
    let states = times.into_iter().flat_map(|used| {
        let seen = times.map(|tagged| State { seen: (used, tagged), ..OLD });
        [seen, seen.map(|state| State { pushed: Some(9 * DAY), ..state })].concat()
    });
    let asks = |rules: &usize| {
        let Action::Keep(keep) = &policies().all[*rules].action else { return false };
        keep.rules.iter().any(|rule| rule.ledger_window().is_some())
    };
    let rules: Vec<usize> = (0..policies().all.len()).filter(asks).collect();
    let around = began
        .into_iter()
        .flat_map(|began| rules.iter().map(move |&rules| Around { began, ..deleting(rules) }));
    Family {
        name: "histories",
        images,
        kinds: &[IMAGE, Kinds::Indexes],
        tags: 2,
        states: states.collect(),
        only: |drawn, _| drawn.kind != Kind::Index(0),
        around: around.collect(),
        ..FAMILY
    }
}

/// Returns all families.
pub(crate) fn families() -> Vec<Family> {
    let up_to_two = [
        graphs,
        attachments,
        ranks,
        artifacts,
        uses,
        repositories,
        doubts,
        archives,
        pulls,
        histories,
    ];
    let of_three = [graphs, ranks, uses, repositories, archives].map(|family| family(3));
    let small = up_to_two.iter().flat_map(|family| [family(1), family(2)]);
    small.chain(of_three).chain([large_graphs()]).collect()
}
