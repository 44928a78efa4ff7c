//! What the keep rules of a policy keep of one repository.

use std::{
    cmp::{Ordering, Reverse},
    collections::HashMap,
};

use jiff::SignedDuration;
use serde::Serialize;

use super::{KeepRule, KeepRules, Order, version::Version};
use crate::image::{Image, Status, Tag, Time};

/// What the rules say of each image, in the order of the images.
#[derive(Debug)]
pub struct Evaluation {
    /// The rules that keep the image; none of them: it has no rule to thank for staying.
    pub kept: Vec<Vec<Kept>>,
    /// For an image that only just met a rule: the best place it took that was not good enough.
    pub missed: Vec<Option<Missed>>,
    /// Whether some tag of some image is one that some rule is about (K7).
    pub any_tag_matched: bool,
}

/// How an image stands among those that compete for the places of a rule (K5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It competes, and takes a place.
    TakesPlace,
    /// It is ranked among the others, and kept where it would have a place, but takes none from them.
    Ranked,
    /// It has no part in this.
    None,
}

/// A rule that keeps an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The rule's position in its policy.
    pub rule: usize,
    /// The position of the tag that met it among the image's tags; none if the rule asks for no tag.
    pub tag: Option<usize>,
    /// The place taken, if the rule gives places.
    pub place: Option<Place>,
    /// The tag holds no version, so that a rule by version cannot say which place is its (P4).
    pub unordered: bool,
}

/// A place among the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The place, from 1.
    pub place: u32,
    /// How many places the rule gives; none if it keeps whole groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<u32>,
}

/// A rule whose conditions an image met without getting one of its places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// The rule's position in its policy.
    pub rule: usize,
    /// The place, from 1, beyond what the rule gives; or a place in a group that is not among the newest groups.
    pub place: Place,
}

/// A candidate for a place: an image with the tag by which it met the rule.
struct Contender<'a> {
    image: usize,
    tag: Option<usize>,
    version: Option<Version<'a>>,
}

impl KeepRules {
    /// Applies all rules to the images of a repository; `standing` says how each of them competes for places.
    /// Archived images that do not compete meet no rule (G7).
    #[must_use]
    pub fn evaluate(&self, images: &[Image], standing: &[Standing], now: Time) -> Evaluation {
        let mut evaluation = Evaluation {
            kept: vec![Vec::new(); images.len()],
            missed: vec![None; images.len()],
            any_tag_matched: false,
        };
        for (position, rule) in self.rules.iter().enumerate() {
            if rule.counts() {
                rule.give_places(position, images, standing, now, &mut evaluation);
            } else {
                rule.keep_all(position, images, standing, now, &mut evaluation);
            }
        }
        evaluation
    }
}

impl KeepRule {
    /// A rule without places keeps whatever meets its conditions.
    fn keep_all(
        &self,
        rule: usize,
        images: &[Image],
        standing: &[Standing],
        now: Time,
        evaluation: &mut Evaluation,
    ) {
        for (index, image) in images.iter().enumerate() {
            let tag = self.matching_tags(image).next();
            evaluation.any_tag_matched |= tag.is_some();
            let competes = image.status != Status::Archived || standing[index] != Standing::None;
            if competes && self.meets(image, tag, now) {
                evaluation.kept[index].push(Kept {
                    rule,
                    tag,
                    place: None,
                    unordered: false,
                });
            }
        }
    }

    /// A rule with places keeps the newest of each group.
    fn give_places(
        &self,
        rule: usize,
        images: &[Image],
        standing: &[Standing],
        now: Time,
        evaluation: &mut Evaluation,
    ) {
        let mut groups: HashMap<&str, Vec<Contender<'_>>> = HashMap::new();
        for (index, image) in images.iter().enumerate() {
            let mut tags = self.matching_tags(image).peekable();
            evaluation.any_tag_matched |= tags.peek().is_some();
            if standing[index] == Standing::None || image.pushed_at.is_none() {
                continue;
            }
            let first = tags.peek().copied();
            if !self.meets(image, first, now) {
                continue;
            }
            if self.tags.is_none() {
                groups.entry("").or_default().push(Contender {
                    image: index,
                    tag: None,
                    version: None,
                });
            }
            for tag in tags {
                let version = match self.by {
                    Order::Pushed => None,
                    Order::Version => match Version::parse(&image.tags[tag]) {
                        None => {
                            evaluation.kept[index].push(Kept {
                                rule,
                                tag: Some(tag),
                                place: None,
                                unordered: true,
                            });
                            continue;
                        }
                        version => version,
                    },
                };
                let group = groups.entry(self.group(&image.tags[tag])).or_default();
                match group.last_mut() {
                    // The same image again: it counts once (K4), by its highest version.
                    Some(last) if last.image == index => {
                        if version > last.version {
                            *last = Contender {
                                image: index,
                                tag: Some(tag),
                                version,
                            };
                        }
                    }
                    _ => group.push(Contender {
                        image: index,
                        tag: Some(tag),
                        version,
                    }),
                }
            }
        }

        let mut groups: Vec<(&str, Vec<Contender<'_>>)> = groups.into_iter().collect();
        for (_, group) in &mut groups {
            group.sort_unstable_by(|a, b| newest_first(images, a, b));
        }
        groups.sort_unstable_by(|(name, a), (other_name, b)| {
            newest_first(images, &a[0], &b[0]).then_with(|| name.cmp(other_name))
        });
        let kept_groups = self.newest_groups.map_or(usize::MAX, |n| n.get() as usize);
        let places = self.newest.map(std::num::NonZeroU32::get);
        for (rank, (_, group)) in groups.iter().enumerate() {
            let mut taken = 0;
            for contender in group {
                let place = Place {
                    place: taken + 1,
                    places,
                };
                if standing[contender.image] == Standing::TakesPlace {
                    taken += 1;
                }
                let kept = rank < kept_groups && places.is_none_or(|places| place.place <= places);
                if kept {
                    let kept = Kept {
                        rule,
                        tag: contender.tag,
                        place: Some(place),
                        unordered: false,
                    };
                    evaluation.kept[contender.image].push(kept);
                } else {
                    let missed = &mut evaluation.missed[contender.image];
                    if missed.is_none_or(|missed| place < missed.place) {
                        *missed = Some(Missed { rule, place });
                    }
                }
            }
        }
    }

    /// The tags of an image that this rule is about, by position.
    fn matching_tags<'a>(&'a self, image: &'a Image) -> impl Iterator<Item = usize> + 'a {
        image
            .tags
            .iter()
            .enumerate()
            .filter(|(_, tag)| self.matches_tag(tag))
            .map(|(index, _)| index)
    }

    /// Whether an image meets every condition but its place.
    fn meets(&self, image: &Image, matching_tag: Option<usize>, now: Time) -> bool {
        (self.tags.is_none() || matching_tag.is_some())
            && (!self.untagged || image.tags.is_empty() || image.is_attachment())
            && within(self.pushed_within, image.pushed_at, now)
            && within(self.pulled_within, image.pulled_at.or(image.pushed_at), now)
    }

    /// The group a tag belongs to: the value of the named group, empty where it takes no part in the match.
    fn group<'a>(&self, tag: &'a Tag) -> &'a str {
        match (&self.per, &self.tags) {
            (Some(per), Some(tags)) => tags.group(tag, per).unwrap_or_default(),
            _ => "",
        }
    }
}

/// At most that long ago, exactly that long included; a time that is not known is within anything (P4).
fn within(limit: Option<SignedDuration>, time: Option<Time>, now: Time) -> bool {
    match (limit, time) {
        (Some(limit), Some(time)) => time.age(now) <= limit,
        _ => true,
    }
}

/// Highest version first where the rule asks for it, then newest push first, then by digest (K3).
fn newest_first(images: &[Image], a: &Contender<'_>, b: &Contender<'_>) -> Ordering {
    let key = |contender: &Contender<'_>| {
        let image = &images[contender.image];
        (Reverse(image.pushed_at), image.digest)
    };
    b.version.cmp(&a.version).then_with(|| key(a).cmp(&key(b)))
}
