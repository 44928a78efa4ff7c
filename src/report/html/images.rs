//! The images of a page: those of which most is to be seen, as rows.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use serde::{Serialize, Serializer};

use super::{
    super::{shortened, totals::own_bytes},
    fit::{Listed, Room, bytes},
    reasons::Kind,
};
use crate::{
    image::{Digest, MediaType, Tag, Time},
    plan::{PlannedImage, RepositoryKey, RepositoryPlan},
    registry::Outcome,
};

/// The most tags of an image, after the first.
const TAGS: usize = 5;
/// The most reasons of an image, and the most characters of each.
const REASONS: usize = 4;
const CHARACTERS: usize = 240;
/// What every digest begins with.
const DIGEST: &str = "sha256:";
/// The most rows of one kind: no more than these fit into a page.
const ROWS: usize = 15_000;
/// Percent of the room that candidates may take from the others.
const FOR_CANDIDATES: usize = 60;

/// An image on its way to a page.
pub(super) struct Candidate<'a> {
    /// Positions in the lists of the page.
    pub(super) repository: usize,
    pub(super) reason: usize,
    pub(super) kind: Kind,
    pub(super) plan: &'a RepositoryPlan,
    pub(super) planned: PlannedImage<'a>,
}

/// An image; the script of the page reads the fields by their order.
pub(super) struct Row<'a> {
    repository: usize,
    reason: usize,
    digest: String,
    tags: Vec<&'a Tag>,
    /// Tags that are left out.
    more_tags: usize,
    /// Hours since 1970.
    pushed: Option<i64>,
    pulled: Option<i64>,
    /// `None` for an index, whose parts hold the bytes.
    bytes: Option<u64>,
    /// Positions in the texts.
    because: Vec<usize>,
    /// What became of it.
    done: Option<Done>,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = (
            self.repository,
            self.reason,
            &self.digest,
            &self.tags,
            self.more_tags,
            self.pushed,
            self.pulled,
            self.bytes,
            &self.because,
            self.done,
        );
        fields.serialize(serializer)
    }
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Done {
    Deleted,
    Archived,
    Failed,
}

/// The rows of a page, with the texts that they share.
#[derive(Serialize)]
pub(super) struct Images<'a> {
    rows: Listed<Row<'a>>,
    texts: Vec<String>,
}

/// Returns what became of each image that was tried.
fn outcomes(outcome: Option<&Outcome>) -> HashMap<(&RepositoryKey, Digest), Done> {
    let mut done = HashMap::new();
    for of in outcome.iter().flat_map(|outcome| &outcome.repositories) {
        let failed = of
            .failed
            .iter()
            .map(|failure| (failure.digest, Done::Failed));
        let deleted = of.deleted.iter().map(|digest| (*digest, Done::Deleted));
        let archived = of.archived.iter().map(|digest| (*digest, Done::Archived));
        let all = failed.chain(deleted).chain(archived);
        done.extend(all.map(|(digest, done)| ((&of.repository, digest), done)));
    }
    done
}

/// The images that rows are made of: of each kind the largest, of which no more can fit.
#[derive(Default)]
pub(super) struct Stored<'a> {
    candidates: Vec<Candidate<'a>>,
    in_use: Vec<Candidate<'a>>,
    others: Vec<Candidate<'a>>,
    all: usize,
}

impl<'a> Stored<'a> {
    pub(super) fn add(&mut self, image: Candidate<'a>) {
        self.all += 1;
        let images = match image.kind {
            Kind::Delete => &mut self.candidates,
            Kind::InUse => &mut self.in_use,
            Kind::Rule | Kind::LeftAlone | Kind::Other => &mut self.others,
        };
        images.push(image);
        if images.len() == 2 * ROWS {
            sort(images);
            images.truncate(ROWS);
        }
    }

    /// Returns the rows that there is room for: candidates, then what is in use, then the rest, the
    /// largest first.
    pub(super) fn into_rows(mut self, outcome: Option<&Outcome>, room: usize) -> Images<'a> {
        for images in [&mut self.candidates, &mut self.in_use, &mut self.others] {
            sort(images);
        }
        let mut rows = Rows {
            done: outcomes(outcome),
            list: Vec::new(),
            texts: Vec::new(),
            positions: HashMap::new(),
        };
        let mut others = Room(room / 100 * (100 - FOR_CANDIDATES));
        let mut candidates = Room(room - others.0);
        let taken = rows.add(&self.candidates, &mut candidates);
        others.0 += candidates.0;
        if rows.add(&self.in_use, &mut others) == self.in_use.len()
            && rows.add(&self.others, &mut others) == self.others.len()
        {
            rows.add(&self.candidates[taken..], &mut others);
        }
        let Rows {
            list: first, texts, ..
        } = rows;
        let omitted = self.all - first.len();
        let rows = Listed { first, omitted };
        Images { rows, texts }
    }
}

fn sort(images: &mut [Candidate<'_>]) {
    let key = |it: &Candidate<'_>| {
        let image = &it.planned.image;
        let size = Reverse(own_bytes(image));
        (size, it.repository, Reverse(image.pushed_at), image.digest)
    };
    images.sort_unstable_by_key(key);
}

/// Rows as they are made.
struct Rows<'a, 'b> {
    done: HashMap<(&'b RepositoryKey, Digest), Done>,
    list: Vec<Row<'a>>,
    texts: Vec<String>,
    positions: HashMap<String, usize>,
}

impl<'a> Rows<'a, '_> {
    /// Adds rows as long as there is room, and returns their number.
    fn add(&mut self, images: &[Candidate<'a>], room: &mut Room) -> usize {
        let fits = |it: &&Candidate<'a>| self.add_one(it, room);
        images.iter().take_while(fits).count()
    }

    fn add_one(&mut self, it: &Candidate<'a>, room: &mut Room) -> bool {
        let PlannedImage { image, verdict } = it.planned;
        let mut because = it.plan.because(verdict);
        let more = because.len().saturating_sub(REASONS);
        because.truncate(REASONS);
        if more > 0 {
            because.push(format!("and {more} more reasons"));
        }
        let because = because
            .iter()
            .map(|text| shortened(text, CHARACTERS).into_owned());
        let because: Vec<String> = because.collect();
        let is_new = |text: &&String| !self.positions.contains_key(*text);
        let new: HashSet<&String> = because.iter().filter(is_new).collect();
        let texts: usize = new.into_iter().map(bytes).sum();
        let hours = |time: Time| time.millis() / 3_600_000;
        let mut row = Row {
            repository: it.repository,
            reason: it.reason,
            digest: image.digest.short().split_off(DIGEST.len()),
            tags: image.tags.iter().take(TAGS + 1).collect(),
            more_tags: image.tags.len().saturating_sub(TAGS + 1),
            pushed: image.pushed_at.map(hours),
            pulled: image.pulled_at.map(hours),
            bytes: (image.media_type != MediaType::Index).then_some(image.bytes),
            because: (0..because.len())
                .map(|index| index + self.texts.len())
                .collect(),
            done: self.done.get(&(it.plan.key(), image.digest)).copied(),
        };
        if !room.take_bytes(bytes(&row) + texts) {
            return false;
        }
        let positions = because.into_iter().map(|text| self.position(text));
        row.because = positions.collect();
        self.list.push(row);
        true
    }

    fn position(&mut self, text: String) -> usize {
        let next = self.texts.len();
        let position = *self.positions.entry(text.clone()).or_insert(next);
        if position == next {
            self.texts.push(text);
        }
        position
    }
}
