//! The verdicts on one repository: seeds of keeping from rules, use and doubt, and their closure over the graph.

use std::sync::Arc;

use jiff::SignedDuration;

use super::{
    DeleteReason, KeepReason, LeftAlone, RepositoryPlan, Terms, Verdict,
    graph::{self, Graph},
    unread::Unread,
};
use crate::{
    image::{ArtifactType, Digest, Image, Status},
    inventory::Images,
    policy::{Evaluation, KeepRules, Standing},
    usage::Usage,
};

/// An untagged image younger than this always stays, whatever the rules say: it may be part of a push that is still
/// going on, whose index or tag comes last.
const PUSH_GRACE: SignedDuration = SignedDuration::from_hours(1);

/// The judgement on a repository while it is being made.
pub(super) struct Judgement<'a> {
    stored: &'a Images,
    images: &'a [Image],
    graph: Graph,
    terms: Terms,
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
        repository: &'a RepositoryPlan,
        rules: &KeepRules,
        usage: &Usage,
        terms: Terms,
    ) -> Result<Self, LeftAlone> {
        let stored = &repository.stored;
        let Images {
            images, children, ..
        } = stored;
        let tagged = images
            .iter()
            .any(|image| !image.tags.is_empty() && !image.is_attachment());
        let names: Vec<Arc<str>> = rules
            .rules
            .iter()
            .map(|rule| Arc::from(rule.name.as_str()))
            .collect();
        let mut graph = Graph::new(images, children);
        let mut part: Vec<bool> = (0..)
            .zip(images)
            .map(|(index, _)| graph.parents(index).next().is_some())
            .collect();
        loop {
            let standing: Vec<_> = images
                .iter()
                .zip(&part)
                .map(|(image, &part)| standing(image, part, &terms))
                .collect();
            let evaluation = rules.evaluate(images, &standing, terms.now);
            if tagged && !evaluation.any_tag_matched && !rules.delete_unmatched {
                return Err(LeftAlone::NoTagMatched);
            }
            let (rules, reasons) = (names.clone(), vec![Vec::new(); images.len()]);
            let mut judgement = Self {
                stored,
                images,
                graph,
                terms,
                rules,
                evaluation,
                reasons,
            };
            judgement.seed(repository, usage);
            judgement.close();
            // What stays while every index that names it goes is no part any more, and takes a place like any other:
            // else the next run would delete what this one has kept.
            let mut bereft = false;
            for (index, part) in (0..).zip(&mut part) {
                if *part
                    && judgement.keeps(index)
                    && !judgement.graph.parents(index).any(|it| judgement.keeps(it))
                {
                    *part = false;
                    bereft = true;
                }
            }
            if !bereft {
                return Ok(judgement);
            }
            graph = judgement.graph;
        }
    }

    /// Every reason that an image has by itself.
    fn seed(&mut self, repository: &RepositoryPlan, usage: &Usage) {
        let name = &repository.name;
        let mut used = Vec::new();
        let mentioned = usage.mentioned(name, self.images);
        for (index, image) in (0..).zip(self.images) {
            let reasons = &mut self.reasons[index as usize];
            reasons.extend(
                mentioned
                    .user_of(image)
                    .map(|user| KeepReason::RepositoryInUse {
                        user: Arc::clone(user),
                    }),
            );
            reasons.extend(
                usage
                    .of(&repository.registry, name, image)
                    .into_iter()
                    .map(|in_use| KeepReason::InUse(Box::new(in_use))),
            );
            if !reasons.is_empty() {
                used.push(index);
            }
            for kept in &self.evaluation.kept[index as usize] {
                let rule = Arc::clone(&self.rules[kept.rule]);
                let tag = kept.tag.map(|tag| image.tags[tag].clone());
                let reason = match tag {
                    Some(tag) if kept.unordered => KeepReason::NoVersion { rule, tag },
                    tag => KeepReason::Rule {
                        rule,
                        tag,
                        place: kept.place,
                    },
                };
                add(reasons, reason);
            }
            let is_child = self.graph.parents(index).next().is_some();
            reasons.extend(doubt(image, is_child, &self.terms));
        }
        // What uses a part uses the whole (G2): any platform of it may be pulled next.
        while let Some(index) = used.pop() {
            for parent in self.graph.parents(index) {
                let reasons = &mut self.reasons[parent as usize];
                if !reasons.iter().any(KeepReason::is_use) {
                    reasons.push(KeepReason::HasPartInUse {
                        part: self.images[index as usize].digest,
                    });
                    used.push(parent);
                }
            }
        }
        self.seed_perhaps_parts();
    }

    /// Keeps what an index may name that cannot be read, since it is archived. In mode `archive` that is no reason for
    /// an active image: it belongs where its index is.
    fn seed_perhaps_parts(&mut self) {
        let candidates: Vec<u32> = (0..)
            .zip(self.images)
            .filter(|&(index, image)| {
                !self.keeps(index)
                    && self.graph.parents(index).next().is_none()
                    && image.may_be_part()
                    && (image.status == Status::Archived || !self.terms.archive.candidates)
            })
            .map(|(index, _)| index)
            .collect();
        let mut known = None;
        loop {
            // An index that stays since another one may name it may itself name more.
            let staying = (0..)
                .zip(self.images)
                .filter(|&(index, image)| self.stored.is_unread(image) && self.keeps(index));
            let unread = Unread::new(staying.map(|(_, image)| image));
            let Some(all) = unread.filter(|_| unread != known) else {
                return;
            };
            for &index in &candidates {
                if !self.keeps(index) && all.may_name(&self.images[index as usize]) {
                    self.reasons[index as usize]
                        .push(KeepReason::PerhapsPartOf { index: all.index });
                }
            }
            known = unread;
        }
    }

    /// Closes the seeds over the graph.
    fn close(&mut self) {
        self.spread(self.all(Self::holds), Self::holds);
        // What is only archived keeps from being deleted what is archived with it.
        let archived =
            self.all(|judgement, index| judgement.keeps(index) && !judgement.holds(index));
        let settled = |judgement: &Self, index: u32| {
            judgement.keeps(index) || judgement.images[index as usize].status != Status::Archived
        };
        self.spread(archived, settled);
    }

    /// What stays keeps its children (G1) and what refers to it (G3), to any depth; what is `settled` needs no more.
    fn spread(&mut self, mut kept: Vec<u32>, settled: impl Fn(&Self, u32) -> bool) {
        while let Some(index) = kept.pop() {
            let digest = self.images[index as usize].digest;
            let open = |dependents: &mut dyn Iterator<Item = u32>| -> Vec<u32> {
                dependents
                    .filter(|&dependent| !settled(self, dependent))
                    .collect()
            };
            let (children, referrers) = (
                open(&mut self.graph.children(index)),
                open(&mut self.graph.referrers(index)),
            );
            for &child in &children {
                let role = self.role(digest, self.images[child as usize].digest);
                add(
                    &mut self.reasons[child as usize],
                    KeepReason::PartOf {
                        index: digest,
                        role,
                    },
                );
            }
            for &referrer in &referrers {
                let how = self.images[referrer as usize].attachment_to(&digest);
                add(
                    &mut self.reasons[referrer as usize],
                    KeepReason::RefersTo {
                        subject: digest,
                        how,
                    },
                );
            }
            kept.extend(children.into_iter().chain(referrers));
        }
    }

    fn all(&self, wanted: impl Fn(&Self, u32) -> bool) -> Vec<u32> {
        (0..)
            .zip(self.images)
            .map(|(index, _)| index)
            .filter(|&index| wanted(self, index))
            .collect()
    }

    /// Whether an image stays where it is, and so does what belongs to it. In mode `archive`, being archived is no
    /// reason for others to stay active.
    fn holds(&self, index: u32) -> bool {
        let archive = self.terms.archive.candidates;
        self.reasons[index as usize]
            .iter()
            .any(|reason| !archive || *reason != KeepReason::Archived)
    }

    /// Attachments that nothing keeps, with each subject that is not here: signatures may be stored in a repository
    /// of their own.
    pub(super) fn attached_elsewhere(&self) -> impl Iterator<Item = (u32, Digest)> + '_ {
        let doomed = (0..)
            .zip(self.images)
            .filter(|&(index, _)| !self.keeps(index));
        let subjects =
            doomed.flat_map(|(index, image)| image.subjects().map(move |subject| (index, subject)));
        subjects.filter(|(_, subject)| graph::position(self.images, subject).is_none())
    }

    /// Whether there is an ordinary image here, so that attachments here belong to images here.
    pub(super) fn has_ordinary_images(&self) -> bool {
        self.images.iter().any(Image::may_take_place)
    }

    /// Keeps an image for a reason that lies outside this repository.
    pub(super) fn keep(&mut self, index: u32, reason: KeepReason) {
        self.reasons[index as usize].push(reason);
        self.spread(vec![index], Self::holds);
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
        if let (Status::Archived, Some(since)) = (image.status, image.archived_at()) {
            return DeleteReason::Archived {
                since,
                charged_until: self.terms.charged_until(since),
            };
        }
        if let Some(missed) = &self.evaluation.missed[index as usize] {
            return DeleteReason::Superseded {
                rule: Arc::clone(&self.rules[missed.rule]),
                place: missed.place,
            };
        }
        let digest_of = |index: u32| self.images[index as usize].digest;
        // A client's list of referrers says less of them than they do.
        let mut parents = self.graph.parents(index);
        let of_index = parents.find(|&parent| {
            !self.images[parent as usize].is_attachment() || image.subject.is_none()
        });
        if let Some(index) = of_index.map(digest_of) {
            return DeleteReason::PartOf {
                index: Box::new(index),
                role: self.role(index, image.digest),
            };
        }
        if let Some(subject) = self.graph.subjects(index).next().map(digest_of) {
            return DeleteReason::RefersTo {
                subject: Box::new(subject),
                how: image.attachment_to(&subject),
            };
        }
        if (image.subject.is_some() || image.is_attachment())
            && let Some(subject) = image.subjects().next()
        {
            return DeleteReason::Orphan {
                subject: Box::new(subject),
                how: image.attachment_to(&subject),
            };
        }
        if image.tags.is_empty() {
            DeleteReason::Untagged
        } else {
            DeleteReason::NoRule
        }
    }

    fn role(&self, index: Digest, child: Digest) -> Option<Box<str>> {
        self.stored
            .children
            .get(&index)?
            .iter()
            .find(|named| named.digest == child)?
            .role
            .clone()
    }
}

/// Adds a reason, with room for no more: nearly every image that stays has just one, and a vector would make room for
/// four.
fn add(reasons: &mut Vec<KeepReason>, reason: KeepReason) {
    reasons.reserve_exact(1);
    reasons.push(reason);
}

/// Who competes for places (K5). A part with tags of its own is ranked, so that a release cannot go just because an
/// old index names it, but it takes no place from others; so is a tagged image that refers to another one, and one
/// that has been in the archive for long: what would stay if it were active is not deleted there.
fn standing(image: &Image, is_part: bool, terms: &Terms) -> Standing {
    let ordinary = image.artifact_type == ArtifactType::ContainerImage && !image.is_attachment();
    let competes = image.status != Status::Archived || terms.archived_long_enough(image);
    if image.may_take_place() && !is_part {
        Standing::TakesPlace
    } else if ordinary && competes && !image.tags.is_empty() {
        Standing::Ranked
    } else {
        Standing::None
    }
}

/// What about an image keeps it because it is not known well enough (P4, G7, K8).
fn doubt(image: &Image, is_child: bool, terms: &Terms) -> Option<KeepReason> {
    let now = terms.now;
    match (image.status, image.pushed_at) {
        (Status::Archived, _) if !terms.archived_long_enough(image) => Some(KeepReason::Archived),
        (Status::Restoring, _) => Some(KeepReason::BeingRestored),
        (Status::Unknown, _) => Some(KeepReason::UnknownStatus),
        (Status::Active | Status::Archived, None) => Some(KeepReason::NoPushTime),
        (Status::Active | Status::Archived, Some(pushed_at)) if pushed_at > now => {
            Some(KeepReason::PushedInFuture)
        }
        (Status::Active | Status::Archived, Some(pushed_at)) => {
            let attachment = image.is_attachment();
            let alone = image.subject.is_none() && !attachment && !is_child;
            if alone
                && image.artifact_type != ArtifactType::ContainerImage
                && !image.artifact_type.is_part()
            {
                Some(KeepReason::Artifact)
            } else if (image.tags.is_empty() || attachment) && pushed_at.age(now) < PUSH_GRACE {
                Some(KeepReason::JustPushed)
            } else {
                None
            }
        }
    }
}
