//! Applies the keep rules of a policy to the images of a repository.

use std::{
    cmp::{Ordering, Reverse},
    collections::HashMap,
    num::NonZeroU32,
};

use serde::Serialize;

use super::{
    KeepRule, KeepRules, Order, RuleDoubt,
    git::{GitReason, HistoryError},
    history::History,
    version::Version,
};
use crate::{
    evidence::RepositoryLedger,
    image::{ArtifactType, Image, Status, Time},
};

/// Result of the rules for each image, in the order of the images.
#[derive(Debug, Default)]
pub struct Evaluation {
    /// Rules that keep the image.
    pub kept: Vec<Vec<Kept>>,
    /// Best rank that was not good enough, if the image met a rule that ranks.
    pub missed: Vec<Option<Missed>>,
    /// Whether a rule about images names a tag (K7).
    pub any_tag_matched: bool,
    /// Why Git history keeps the image; empty if it was not asked (K14).
    pub git: Vec<Option<GitReason>>,
    /// Reason for which Git history cannot be believed.
    pub refused: Option<HistoryError>,
}

/// Part of an image in the ranking of a rule (K5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eligibility {
    /// It is ranked, and counts towards `newest`.
    Counts,
    /// It is ranked and kept if its rank is good enough, but does not count towards `newest`.
    Ranked,
    /// It is not ranked.
    None,
}

/// An image as rules see it.
#[derive(Debug, Clone, Copy)]
pub struct RuleImage<'a> {
    /// Image.
    pub image: &'a Image,
    /// Whether it can run, which tells signature tags from ordinary ones (K5).
    pub can_run: bool,
    /// Part in the ranking.
    pub eligibility: Eligibility,
    /// Whether it is an artifact that only rules about artifacts of its type decide on (K8).
    pub is_artifact: bool,
    /// Last pull of it or of one of its children (K12).
    pub pulled_at: Option<Time>,
    /// Commits that annotations of it and its children name (K14); `None` if one was not read.
    pub revisions: Option<&'a [&'a str]>,
    /// Last use of it or of one of its children that is known (K9).
    pub used_at: Option<Time>,
}

/// A rule that keeps an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Position of the rule in its policy.
    pub rule: usize,
    /// Position of the tag that met the rule; `None` if the rule names none.
    pub tag: Option<usize>,
    /// Rank, if the rule ranks.
    pub rank: Option<Rank>,
    /// What is not known, if that is why the rule keeps it (P4).
    pub doubt: Option<RuleDoubt>,
    /// Whether the rule is about its last use (K9).
    pub by_use: bool,
}

/// A rank among the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Rank {
    /// Rank, from 1.
    pub rank: u32,
    /// Number of images that the rule keeps; `None` if it keeps whole groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keeps: Option<u32>,
}

/// A rule whose conditions an image met without a rank that is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// Position of the rule in its policy.
    pub rule: usize,
    /// Rank beyond the number that the rule keeps, or in a group that is not among the newest.
    pub rank: Rank,
}

/// An image to be ranked, with the tag by which it met the rule.
struct Contender<'a> {
    image: usize,
    tag: Option<usize>,
    version: Option<Version<'a>>,
    /// First sight of the tag, if the rule orders by it.
    tagged_at: Option<Time>,
}

/// A rule at work on the images of a repository.
struct Application<'a> {
    rule: &'a KeepRule,
    position: usize,
    images: &'a [RuleImage<'a>],
    history: History<'a>,
    now: Time,
}

impl KeepRules {
    /// Applies all rules to the images of a repository. An archived image that is not ranked meets
    /// no rule (G7).
    #[must_use]
    pub fn evaluate(
        &self,
        images: &[RuleImage<'_>],
        ledger: &RepositoryLedger,
        now: Time,
    ) -> Evaluation {
        let mut evaluation = Evaluation {
            kept: vec![Vec::new(); images.len()],
            missed: vec![None; images.len()],
            any_tag_matched: false,
            ..Evaluation::default()
        };
        match self.judge(images, now) {
            Ok(git) => evaluation.git = git,
            Err(error) => evaluation.refused = Some(error),
        }
        for (position, rule) in self.all().enumerate() {
            let application = Application {
                rule,
                position,
                images,
                history: History::new(rule, ledger, now),
                now,
            };
            if rule.ranks() && application.history.doubt.is_none() {
                application.keep_newest(&mut evaluation);
            } else {
                application.keep_all(&mut evaluation);
            }
        }
        evaluation
    }
}

impl<'a> Application<'a> {
    /// Returns the images, or the artifacts, that the rule is about.
    fn concerned(&self) -> impl Iterator<Item = (usize, &'a RuleImage<'a>)> {
        let all = self.images.iter().enumerate();
        all.filter(|(_, entry)| match &self.rule.artifacts {
            None => !entry.is_artifact,
            Some(types) => {
                let artifact_type = &entry.image.artifact_type;
                *artifact_type != ArtifactType::ContainerImage
                    && entry.eligibility != Eligibility::None
                    && types.matches(artifact_type.text())
            }
        })
    }

    /// Keeps every image that meets the conditions.
    fn keep_all(&self, evaluation: &mut Evaluation) {
        for (index, image) in self.concerned() {
            let matching = self.rule.matching_tags(image).next();
            let tag = matching.or_else(|| self.rule.tag_of_several(image));
            evaluation.any_tag_matched |= tag.is_some() && self.rule.artifacts.is_none();
            let is_archived = image.image.status == Status::Archived;
            let counts = self.rule.eligibility(image) != Eligibility::None
                || !is_archived && !self.rule.ranks();
            if counts && self.meets(image, matching) {
                evaluation.kept[index].push(Kept {
                    rule: self.position,
                    tag: self.history.newest_tag(image).or(tag),
                    rank: None,
                    doubt: self.history.doubt,
                    by_use: self.rule.is_about_use(),
                });
            }
        }
    }

    /// Keeps the newest images of each group.
    fn keep_newest(&self, evaluation: &mut Evaluation) {
        let kept_groups = self
            .rule
            .newest_groups
            .map_or(usize::MAX, |n| n.get() as usize);
        let mut newer = 0;
        for group in self.groups(evaluation) {
            self.rank(&group, newer < kept_groups, evaluation);
            newer += usize::from(group.iter().any(|it| self.counts(it)));
        }
    }

    /// Returns the images that meet the conditions by group, newest first in both.
    fn groups(&self, evaluation: &mut Evaluation) -> Vec<Vec<Contender<'a>>> {
        let mut groups: HashMap<&str, Vec<Contender<'a>>> = HashMap::new();
        for (index, entry) in self.concerned() {
            let image = entry.image;
            let mut tags = self.rule.matching_tags(entry).peekable();
            let first = tags.peek().copied();
            let named = first.or_else(|| self.rule.tag_of_several(entry));
            evaluation.any_tag_matched |= named.is_some() && self.rule.artifacts.is_none();
            if self.rule.eligibility(entry) == Eligibility::None || image.pushed_at.is_none() {
                continue;
            }
            if !self.meets(entry, first) {
                continue;
            }
            if self.rule.tags.is_none() {
                let newest = self.history.newest_tag(entry);
                groups.entry("").or_default().push(Contender {
                    image: index,
                    tag: newest.or(named),
                    version: None,
                    tagged_at: self.history.order_of(entry, newest),
                });
            }
            let mut ordered = false;
            for tag in tags.filter(|tag| self.history.is_new(entry, *tag)) {
                if let Ok(version) = self.rule.version(&image.tags[tag]) {
                    let group = groups.entry(self.rule.group(&image.tags[tag])).or_default();
                    let contender = Contender {
                        image: index,
                        tag: Some(tag),
                        version,
                        tagged_at: self.history.order_of(entry, Some(tag)),
                    };
                    add_once(group, contender);
                    ordered = true;
                }
            }
            if first.is_some() && !ordered {
                evaluation.kept[index].push(Kept {
                    rule: self.position,
                    tag: self.history.newest_tag(entry).or(first),
                    rank: None,
                    doubt: Some(RuleDoubt::NoVersion),
                    by_use: false,
                });
            }
        }
        let mut groups: Vec<(&str, Vec<Contender<'a>>)> = groups.into_iter().collect();
        for (_, group) in &mut groups {
            group.sort_unstable_by(|a, b| self.newest_first(a, b));
        }
        groups.sort_unstable_by(|(name, a), (other_name, b)| {
            self.newest_first(self.leader(a), self.leader(b))
                .then_with(|| name.cmp(other_name))
        });
        groups.into_iter().map(|(_, group)| group).collect()
    }

    fn rank(&self, group: &[Contender<'_>], keep_group: bool, evaluation: &mut Evaluation) {
        let keeps = self.rule.newest.map(NonZeroU32::get);
        let mut newer = 0;
        for contender in group {
            let rank = Rank {
                rank: newer + 1,
                keeps,
            };
            newer += u32::from(self.counts(contender));
            if keep_group && keeps.is_none_or(|keeps| rank.rank <= keeps) {
                evaluation.kept[contender.image].push(Kept {
                    rule: self.position,
                    tag: contender.tag,
                    rank: Some(rank),
                    doubt: None,
                    by_use: self.rule.is_about_use(),
                });
            } else {
                let missed = &mut evaluation.missed[contender.image];
                if missed.is_none_or(|missed| rank < missed.rank) {
                    *missed = Some(Missed {
                        rule: self.position,
                        rank,
                    });
                }
            }
        }
    }

    fn counts(&self, contender: &Contender<'_>) -> bool {
        self.images[contender.image].eligibility == Eligibility::Counts
    }

    /// Returns the image that tells how new a group is: the newest that counts, if one does.
    fn leader<'b>(&self, group: &'b [Contender<'a>]) -> &'b Contender<'a> {
        let leader = group.iter().find(|it| self.counts(it));
        leader.unwrap_or(&group[0])
    }

    /// Orders by version, highest first, if the rule asks for it; then by push time, or by the last
    /// pull, the last use or the first sight of the tag if the rule asks for that, newest first; then
    /// by digest (K3).
    fn newest_first(&self, a: &Contender<'_>, b: &Contender<'_>) -> Ordering {
        let key = |contender: &Contender<'_>| {
            let entry = &self.images[contender.image];
            let pushed_at = entry.image.pushed_at;
            let newness = match self.rule.by {
                Order::Pushed | Order::Version => (pushed_at, None),
                Order::Pulled => (entry.pulled_at.or(pushed_at), None),
                Order::Used => (entry.used_at, pushed_at),
                Order::Tagged => (contender.tagged_at, pushed_at),
            };
            (Reverse(newness), entry.image.digest)
        };
        b.version.cmp(&a.version).then_with(|| key(a).cmp(&key(b)))
    }

    /// Returns whether an image meets every condition of the rule but its rank; `matching` is a tag
    /// that matches `tags` and not `except`.
    fn meets(&self, entry: &RuleImage<'_>, matching: Option<usize>) -> bool {
        self.rule.meets(entry, matching, self.now) && self.history.meets(entry)
    }
}

/// Adds an image to a group, in which it counts once (K4): by its highest version, or its newest
/// tag.
fn add_once<'a>(group: &mut Vec<Contender<'a>>, contender: Contender<'a>) {
    let order = |it: &Contender<'a>| (it.version, it.tagged_at);
    match group.last_mut() {
        Some(last) if last.image == contender.image => {
            if order(&contender) > order(last) {
                *last = contender;
            }
        }
        _ => group.push(contender),
    }
}
