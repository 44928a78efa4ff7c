//! The data of a page.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde::Serialize;

use super::{
    super::{Answer, Bytes, Counts, ExactBytes, Hygiene, Status, shortened, totals::own_bytes},
    Page,
    fit::{Listed, Room, bytes, embedded},
    images::{Candidate, Stored},
    reasons::Reason,
};
use crate::{
    config::Mode,
    evidence::{Reference, SourceStatus, Unread, UsageIndex, User},
    image::Time,
    inventory::NotRead,
    plan::{LeftAlone, PlannedImage, RepositoryPlan},
    state::{Day, History},
};

/// The most bytes of each list, besides the images.
const REASONS: usize = 20_000;
const REPOSITORIES: usize = 250_000;
const USERS: usize = 120_000;
const SOURCES: usize = 50_000;
const UNREAD: usize = 40_000;
const FINDINGS: usize = 30_000;
/// Bytes around the rows of the images.
const BESIDES: usize = 100;
/// The most characters of a text, and of a name.
const CHARACTERS: usize = 2_000;
const NAME: usize = 300;
/// The most users and images that are named with something.
const NAMED: usize = 5;

#[derive(Serialize)]
struct Data<'a> {
    version: &'a str,
    run_id: &'a str,
    at: Time,
    mode: Mode,
    status: Status,
    registries: Vec<String>,
    archives: bool,
    counts: Counts,
    bytes: Bytes,
    exact_bytes: Option<ExactBytes>,
    monthly_savings_usd: f64,
    reasons: Vec<Reason>,
    repositories: Vec<Repository>,
    /// The repositories that are not listed.
    others: Others,
    users: Listed<UserRow>,
    findings: [Findings; 5],
    sources: Listed<&'a SourceStatus>,
    unread: Listed<&'a Unread>,
    hygiene: Hygiene,
    history: Option<&'a [Day]>,
}

/// A repository with its images in groups, each by one reason.
#[derive(Serialize)]
struct Repository {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_alone: Option<String>,
    groups: Vec<Group>,
}

/// The repositories that are not listed, and their images.
#[derive(Default, Serialize)]
struct Others {
    repositories: usize,
    groups: Vec<Group>,
}

/// Images of a repository with the same reason.
#[derive(Debug, Clone, Copy, Serialize)]
struct Group {
    /// Position in the reasons.
    reason: usize,
    images: u64,
    bytes: u64,
}

/// A user and what it uses.
#[derive(Serialize)]
struct UserRow {
    kind: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    location: String,
    live: bool,
    images: Vec<String>,
    more: usize,
}

/// What needs attention, of one kind.
#[derive(Serialize)]
struct Findings {
    kind: &'static str,
    entries: Listed<Finding>,
}

#[derive(Serialize)]
struct Finding {
    title: String,
    text: String,
}

/// Reasons of a page, each once.
#[derive(Default)]
struct Reasons {
    list: Vec<Reason>,
    positions: HashMap<Reason, usize>,
    bytes: usize,
}

impl Reasons {
    /// Returns the position of a reason. When there are too many, what is left has one of its kind.
    fn position(&mut self, mut reason: Reason) -> usize {
        reason.text = shortened(&reason.text, NAME).into_owned().into();
        if !self.positions.contains_key(&reason) && self.bytes + bytes(&reason) > REASONS {
            reason.text = "another reason".into();
        }
        let next = self.list.len();
        let position = *self.positions.entry(reason.clone()).or_insert(next);
        if position == next {
            self.bytes += bytes(&reason);
            self.list.push(reason);
        }
        position
    }
}

impl Page<'_> {
    /// Returns the data as the text of an element, of so many bytes at the most.
    pub(super) fn data(&self, room: usize) -> String {
        let (plan, answer) = (self.plan, self.answer);
        let mut reasons = Reasons::default();
        let (repositories, others, stored) = self.repositories(&mut reasons);
        let mut hygiene = answer.hygiene.clone();
        hygiene.cap(NAMED);
        let mut sources: Vec<&SourceStatus> = answer.in_use.iter().collect();
        sources.sort_by_key(|source| source.is_complete());
        let data = Data {
            version: answer.version,
            run_id: &answer.run_id,
            at: plan.now(),
            mode: answer.mode,
            status: answer.status,
            registries: plan.registries().iter().map(ToString::to_string).collect(),
            archives: plan.is_archiving_all(),
            counts: answer.counts,
            bytes: answer.bytes,
            exact_bytes: answer.exact_bytes.clone(),
            monthly_savings_usd: answer.monthly_savings_usd,
            reasons: reasons.list,
            repositories,
            others,
            users: Room(USERS).list(users(self.usage)),
            findings: findings(answer),
            sources: Room(SOURCES).list(sources),
            unread: Room(UNREAD).list(&answer.unread),
            hygiene,
            history: self.history.map(History::days),
        };
        let data = embedded(&data);
        let room = room.saturating_sub(data.len() + BESIDES);
        let images = embedded(&stored.into_rows(self.outcome, room));
        format!("[{data},{images}]")
    }

    /// Returns the repositories that there is room for, the largest first, the others as one, and
    /// the images of those that are listed.
    fn repositories(&self, reasons: &mut Reasons) -> (Vec<Repository>, Others, Stored<'_>) {
        let not_asked = LeftAlone::NotRead(NotRead::NotAsked);
        let asked = self.plan.repositories().iter();
        let asked = asked.filter(|repository| repository.left_alone() != Some(&not_asked));
        let mut asked: Vec<&RepositoryPlan> = asked.collect();
        let size = |repository: &RepositoryPlan| -> u64 {
            let images = repository.images();
            images.map(|planned| own_bytes(planned.image)).sum()
        };
        asked.sort_by_cached_key(|it| (Reverse(size(it)), Reverse(it.images().len()), it.title()));
        let (mut listed, mut others) = (Vec::new(), BTreeMap::new());
        let (mut room, mut stored, mut more) = (Room(REPOSITORIES), Stored::default(), 0);
        for repository in asked {
            let exclusive = self
                .exclusive
                .and_then(|exclusive| exclusive.of(repository));
            let (groups, members) = groups(repository, exclusive, reasons, listed.len());
            let left_alone = repository.left_alone().map(ToString::to_string);
            let row = Repository {
                name: shortened(&repository.title(), NAME).into_owned(),
                left_alone: left_alone.map(|why| shortened(&why, NAME).into_owned()),
                groups,
            };
            if more == 0 && room.take(&row) {
                listed.push(row);
                for image in members {
                    stored.add(image);
                }
                continue;
            }
            more += 1;
            for group in row.groups {
                add(&mut others, group);
            }
        }
        let others = Others {
            repositories: more,
            groups: others.into_values().collect(),
        };
        (listed, others, stored)
    }
}

/// Returns the images of a repository in groups, and each by itself.
fn groups<'a>(
    plan: &'a RepositoryPlan,
    exclusive: Option<&BTreeMap<Reason, u64>>,
    reasons: &mut Reasons,
    repository: usize,
) -> (Vec<Group>, Vec<Candidate<'a>>) {
    let (mut groups, mut members) = (BTreeMap::new(), Vec::new());
    for planned in plan.images() {
        let reason = Reason::of(plan, planned);
        let kind = reason.kind;
        let reason = reasons.position(reason);
        let PlannedImage { image, .. } = planned;
        let bytes = exclusive.map_or_else(|| own_bytes(image), |_| 0);
        let images = 1;
        let group = Group {
            reason,
            images,
            bytes,
        };
        add(&mut groups, group);
        members.push(Candidate {
            repository,
            reason,
            kind,
            plan,
            planned,
        });
    }
    for (reason, &bytes) in exclusive.into_iter().flatten() {
        let (reason, images) = (reasons.position(reason.clone()), 0);
        let group = Group {
            reason,
            images,
            bytes,
        };
        add(&mut groups, group);
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| Reverse(group.bytes));
    (groups, members)
}

fn add(groups: &mut BTreeMap<usize, Group>, more: Group) {
    let known = groups.entry(more.reason).or_insert(Group {
        images: 0,
        bytes: 0,
        ..more
    });
    known.images += more.images;
    known.bytes += more.bytes;
}

/// Returns every user with what it uses, those that run or are meant to run first.
fn users(usage: &UsageIndex) -> impl Iterator<Item = UserRow> {
    let mut images: BTreeMap<&Arc<User>, (Vec<&Reference>, usize)> = BTreeMap::new();
    for (reference, users) in usage.references() {
        for user in users {
            let (named, more) = images.entry(user).or_default();
            if named.len() < NAMED {
                named.push(reference);
            } else {
                *more += 1;
            }
        }
    }
    let mut users: Vec<_> = images.into_iter().collect();
    users.sort_by_key(|(user, _)| !user.live);
    let text = |text: &str| shortened(text, NAME).into_owned();
    users
        .into_iter()
        .map(move |(user, (images, more))| UserRow {
            kind: text(&user.kind),
            name: text(&user.name),
            cluster: user.cluster.as_deref().map(text),
            location: user.location.to_string(),
            live: user.live,
            images: images.iter().map(|image| text(&image.short())).collect(),
            more,
        })
}

/// Returns what needs attention, the most urgent kind first.
fn findings(answer: &Answer) -> [Findings; 5] {
    let refusals = answer.refusals.iter().map(|it| {
        let text = it.sentences();
        (it.guard.to_string(), text)
    });
    let failures = answer.failures.iter().map(|it| {
        let text = format!("{} ({})", it.message, it.repositories.join(", "));
        (it.code.clone(), text)
    });
    let missing = answer.missing.iter().filter(|it| it.live).map(|it| {
        let users = it.first_users(NAMED);
        (it.title(), format!("{}; used by {users}", it.problem))
    });
    let held = answer.held.iter();
    let held = held.map(|it| (it.repository.clone(), it.why.clone()));
    let warnings = answer.warnings.iter();
    let warnings = warnings.map(|it| (it.code.to_string(), it.message.clone()));
    [
        of("refusals", refusals),
        of("failures", failures),
        of("missing", missing),
        of("held", held),
        of("warnings", warnings),
    ]
}

fn of(kind: &'static str, entries: impl Iterator<Item = (String, String)>) -> Findings {
    let entries = entries.map(|(title, text)| Finding {
        title: shortened(&title, NAME).into_owned(),
        text: shortened(&text, CHARACTERS).into_owned(),
    });
    let entries = Room(FINDINGS).list(entries);
    Findings { kind, entries }
}
