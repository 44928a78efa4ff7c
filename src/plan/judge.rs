//! The verdicts on one repository: seeds of keeping from rules, use and doubt, and their closure over the graph.

use std::{collections::HashMap, sync::Arc};

use jiff::SignedDuration;

use super::{DeleteReason, KeepReason, LeftAlone, Verdict, graph::Graph};
use crate::{
    image::{ArtifactType, Digest, Image, MediaType, RepositoryName, Status, Time},
    inventory::{Child, Images},
    policy::{Evaluation, KeepRules, Standing},
    usage::Usage,
};

/// An untagged image younger than this always stays, whatever the rules say: it may be part of a push that is still
/// going on, whose index or tag comes last.
const PUSH_GRACE: SignedDuration = SignedDuration::from_hours(1);

/// The judgement on a repository while it is being made.
pub(super) struct Judgement<'a> {
    images: &'a [Image],
    children: &'a HashMap<Digest, Vec<Child>>,
    graph: Graph,
    rules: Vec<Arc<str>>,
    evaluation: Evaluation,
    reasons: Vec<Vec<KeepReason>>,
}

impl<'a> Judgement<'a> {
    /// Judges each image by itself and by what it belongs to.
    ///
    /// # Errors
    /// Where the rules were written for something else (K7).
    pub(super) fn new(
        name: &RepositoryName,
        stored: &'a Images,
        rules: &KeepRules,
        usage: &Usage,
        now: Time,
    ) -> Result<Self, LeftAlone> {
        let Images { images, children, .. } = stored;
        let graph = Graph::new(images, children);
        let standing: Vec<_> = (0..).zip(images).map(|(index, image)| standing(&graph, index, image)).collect();
        let evaluation = rules.evaluate(images, &standing, now);
        let tagged = images.iter().any(|image| !image.tags.is_empty() && !image.is_attachment());
        if tagged && !evaluation.any_tag_matched && !rules.delete_unmatched {
            return Err(LeftAlone::NoTagMatched);
        }

        let rules = rules.rules.iter().map(|rule| Arc::from(rule.name.as_str())).collect();
        let mut judgement =
            Self { images, children, graph, rules, evaluation, reasons: vec![Vec::new(); images.len()] };
        judgement.seed(name, usage, now);
        let seeds = (0..).zip(images).map(|(index, _)| index).filter(|&index| judgement.keeps(index)).collect();
        judgement.spread(seeds);
        Ok(judgement)
    }

    /// Every reason that an image has by itself.
    fn seed(&mut self, name: &RepositoryName, usage: &Usage, now: Time) {
        let mut used = Vec::new();
        let unread_index = self.unread_index();
        let mentioned = usage.mentioned(name, self.images);
        for (index, image) in (0..).zip(self.images) {
            let reasons = &mut self.reasons[index as usize];
            reasons.extend(mentioned.user_of(image).map(|user| KeepReason::RepositoryInUse { user: Arc::clone(user) }));
            reasons.extend(usage.of(name, image).into_iter().map(|in_use| KeepReason::InUse(Box::new(in_use))));
            if !reasons.is_empty() {
                used.push(index);
            }
            for kept in &self.evaluation.kept[index as usize] {
                let rule = Arc::clone(&self.rules[kept.rule]);
                let tag = kept.tag.map(|tag| image.tags[tag].clone());
                reasons.push(match tag {
                    Some(tag) if kept.unordered => KeepReason::NoVersion { rule, tag },
                    tag => KeepReason::Rule { rule, tag, place: kept.place },
                });
            }
            let is_child = self.graph.parents(index).next().is_some();
            reasons.extend(doubt(image, is_child, now));
            if let (Some(index), false, true) =
                (unread_index, is_child, image.tags.is_empty() && image.subject.is_none())
            {
                reasons.push(KeepReason::PerhapsPartOf { index });
            }
        }
        // What uses a part uses the whole (G2): any platform of it may be pulled next.
        while let Some(index) = used.pop() {
            for parent in self.graph.parents(index) {
                let reasons = &mut self.reasons[parent as usize];
                if !reasons.iter().any(KeepReason::is_use) {
                    reasons.push(KeepReason::HasPartInUse { part: self.images[index as usize].digest });
                    used.push(parent);
                }
            }
        }
    }

    /// An index whose children are not known: one in the archive cannot be read.
    fn unread_index(&self) -> Option<Digest> {
        let unread =
            |image: &&Image| image.media_type == MediaType::Index && !self.children.contains_key(&image.digest);
        self.images.iter().find(unread).map(|image| image.digest)
    }

    /// What stays keeps its children (G1) and what refers to it (G3), to any depth.
    fn spread(&mut self, mut kept: Vec<u32>) {
        while let Some(index) = kept.pop() {
            let digest = self.images[index as usize].digest;
            for child in self.graph.children(index) {
                if self.reasons[child as usize].is_empty() {
                    let role = self.role(digest, self.images[child as usize].digest);
                    self.reasons[child as usize].push(KeepReason::PartOf { index: digest, role });
                    kept.push(child);
                }
            }
            for referrer in self.graph.referrers(index) {
                let reasons = &mut self.reasons[referrer as usize];
                if reasons.is_empty() {
                    reasons.push(KeepReason::RefersTo { subject: digest });
                    kept.push(referrer);
                }
            }
        }
    }

    /// Attachments that nothing keeps and whose subjects are not here: signatures may be stored in a repository of
    /// their own.
    pub(super) fn attached_elsewhere(&self) -> impl Iterator<Item = (u32, Digest)> + '_ {
        (0..).zip(self.images).filter_map(|(index, image)| {
            let here = self.keeps(index) || self.graph.subjects(index).next().is_some();
            (!here && image.is_attachment())
                .then(|| image.tags.iter().find_map(|tag| tag.attached_to()))?
                .map(|subject| (index, subject))
        })
    }

    /// Whether there is an ordinary image here, so that attachments here belong to images here.
    pub(super) fn has_ordinary_images(&self) -> bool {
        self.images.iter().any(Image::may_take_place)
    }

    /// Keeps an image for a reason that lies outside this repository.
    pub(super) fn keep(&mut self, index: u32, reason: KeepReason) {
        self.reasons[index as usize].push(reason);
        self.spread(vec![index]);
    }

    pub(super) fn keeps(&self, index: u32) -> bool {
        !self.reasons[index as usize].is_empty()
    }

    /// The verdicts, in the order of the images.
    pub(super) fn verdicts(mut self) -> Vec<Verdict> {
        let reasons = std::mem::take(&mut self.reasons);
        (0..)
            .zip(reasons)
            .map(|(index, reasons)| {
                if reasons.is_empty() {
                    Verdict::Delete(self.delete_reason(index))
                } else {
                    Verdict::Keep(reasons.into_boxed_slice())
                }
            })
            .collect()
    }

    fn delete_reason(&self, index: u32) -> DeleteReason {
        let image = &self.images[index as usize];
        if let Some(missed) = &self.evaluation.missed[index as usize] {
            return DeleteReason::Superseded { rule: Arc::clone(&self.rules[missed.rule]), place: missed.place };
        }
        let digest_of = |index: u32| self.images[index as usize].digest;
        if let Some(index) = self.graph.parents(index).next().map(digest_of) {
            return DeleteReason::PartOf { index, role: self.role(index, image.digest) };
        }
        if let Some(subject) = self.graph.subjects(index).next().map(digest_of) {
            return DeleteReason::RefersTo { subject };
        }
        if (image.subject.is_some() || image.is_attachment())
            && let Some(subject) = image.subjects().next()
        {
            return DeleteReason::Orphan { subject };
        }
        if image.tags.is_empty() { DeleteReason::Untagged } else { DeleteReason::NoRule }
    }

    fn role(&self, index: Digest, child: Digest) -> Option<Box<str>> {
        self.children.get(&index)?.iter().find(|named| named.digest == child)?.role.clone()
    }
}

/// Who competes for places (K5). A child with tags of its own is ranked, so that a release cannot go just because an
/// old index names it, but it takes no place from others.
fn standing(graph: &Graph, index: u32, image: &Image) -> Standing {
    match (image.may_take_place(), graph.parents(index).next().is_some()) {
        (true, false) => Standing::TakesPlace,
        (true, true) if !image.tags.is_empty() => Standing::Ranked,
        _ => Standing::None,
    }
}

/// What about an image keeps it because it is not known well enough (P4, G7, K8).
fn doubt(image: &Image, is_child: bool, now: Time) -> Option<KeepReason> {
    match (image.status, image.pushed_at) {
        (Status::Archived, _) => Some(KeepReason::Archived),
        (Status::Restoring, _) => Some(KeepReason::BeingRestored),
        (Status::Unknown, _) => Some(KeepReason::UnknownStatus),
        (Status::Active, None) => Some(KeepReason::NoPushTime),
        (Status::Active, Some(pushed_at)) if pushed_at > now => Some(KeepReason::PushedInFuture),
        (Status::Active, Some(pushed_at)) => {
            let attachment = image.is_attachment();
            let alone = image.subject.is_none() && !attachment && !is_child;
            if alone && image.artifact_type != ArtifactType::ContainerImage {
                Some(KeepReason::Artifact)
            } else if (image.tags.is_empty() || attachment) && pushed_at.age(now) < PUSH_GRACE {
                Some(KeepReason::JustPushed)
            } else {
                None
            }
        }
    }
}
