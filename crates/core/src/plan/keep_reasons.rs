//! Reasons to keep the images of one repository: from rules, use and doubt, spread over the graph.

use std::{collections::HashMap, iter::zip, sync::Arc};

use super::{
    DeleteReason, KeepReason, LeftAlone, PlanSettings, Verdict,
    can_run::can_run,
    eligibility::{doubt, eligibility},
    graph::{self, Graph},
    opaque_index::OpaqueIndexes,
    subject::Subject,
};
use crate::{
    evidence::StoredUsage,
    image::{ArtifactType, Digest, Image, MediaType, Status},
    inventory::Child,
    policy::{Evaluation, KeepRules, RuleImage},
};

/// The reasons to keep each image of a repository.
pub(super) struct KeepReasons<'a> {
    images: &'a [&'a Image],
    can_run: Vec<bool>,
    children: &'a HashMap<Digest, Vec<Child>>,
    graph: Graph,
    settings: PlanSettings,
    rules: Vec<Arc<str>>,
    evaluation: Evaluation,
    reasons: Vec<Vec<KeepReason>>,
}

impl<'a> KeepReasons<'a> {
    /// Collects the reasons that each image has by itself and by what it belongs to.
    ///
    /// # Errors
    /// Returns an error if no rule is about any tag of the repository (K7).
    pub(super) fn new(
        subject: &'a Subject<'a>,
        rules: &KeepRules,
        usage: &StoredUsage<'_>,
        settings: PlanSettings,
    ) -> Result<Self, LeftAlone> {
        let images = subject.images.as_slice();
        let can_run = images
            .iter()
            .map(|it| can_run(it, images, subject.children));
        let mut can_run: Vec<bool> = can_run.collect();
        let tagged = zip(images, &can_run)
            .any(|(image, &can_run)| image.ordinary_tags(can_run).next().is_some());
        let names = rules.rules.iter().map(|rule| Arc::from(&*rule.name));
        let names: Vec<Arc<str>> = names.collect();
        let mut graph = Graph::new(images, subject.children);
        let mut is_child: Vec<bool> = (0..)
            .zip(images)
            .map(|(index, _)| graph.parents(index).next().is_some())
            .collect();
        loop {
            let ruled = zip((0..).zip(images), zip(&can_run, &is_child));
            let ruled = ruled.map(|((index, image), (&can_run, &is_child))| RuleImage {
                image,
                can_run,
                eligibility: eligibility(image, can_run, is_child, &settings),
                pulled_at: graph.pulled_at(index, images),
            });
            let evaluation = rules.evaluate(&ruled.collect::<Vec<_>>(), settings.now);
            if tagged && !evaluation.any_tag_matched && !rules.delete_unmatched {
                return Err(LeftAlone::NoTagMatched);
            }
            let mut all = Self {
                images,
                can_run,
                children: subject.children,
                graph,
                settings,
                rules: names.clone(),
                evaluation,
                reasons: vec![Vec::new(); images.len()],
            };
            all.seed(subject, usage);
            all.close();
            all.settle();
            if !all.release_orphans(&mut is_child) {
                return Ok(all);
            }
            (graph, can_run) = (all.graph, all.can_run);
        }
    }

    /// Lets children that are kept without any index that names them count as ordinary images, and
    /// returns whether there were any. Else the next run would delete what this one has kept.
    fn release_orphans(&self, is_child: &mut [bool]) -> bool {
        let mut any = false;
        for (index, is_child) in (0..).zip(is_child) {
            let kept_alone = || {
                let mut parents = self.graph.parents(index);
                self.keeps(index) && !parents.any(|parent| self.keeps(parent))
            };
            if *is_child && kept_alone() {
                *is_child = false;
                any = true;
            }
        }
        any
    }

    /// Collects every reason that an image has by itself.
    fn seed(&mut self, subject: &Subject<'_>, usage: &StoredUsage<'_>) {
        let mentioned = usage.mentions_of(subject.name, self.images);
        let resolved = usage.resolved_to(self.images);
        let mut in_use = Vec::new();
        for (index, image) in (0..).zip(self.images) {
            let reasons = &mut self.reasons[index as usize];
            reasons.extend(mentioned.user_of(image).map(|by| {
                let user = Arc::clone(by);
                KeepReason::RepositoryInUse { user }
            }));
            let names = usage.uses_of(subject.registry, subject.name, image);
            let names = names.into_iter().chain(resolved.uses_of(image));
            reasons.extend(names.map(|it| KeepReason::InUse(Box::new(it))));
            if !reasons.is_empty() {
                in_use.push(index);
            }
            for kept in &self.evaluation.kept[index as usize] {
                let rule = Arc::clone(&self.rules[kept.rule]);
                let reason = match kept.tag.map(|tag| image.tags[tag].clone()) {
                    Some(tag) if kept.unordered => KeepReason::NoVersion { rule, tag },
                    tag => KeepReason::Rule {
                        rule,
                        tag,
                        rank: kept.rank,
                    },
                };
                add(reasons, reason);
            }
            let is_child = self.graph.parents(index).next().is_some();
            let can_run = self.can_run[index as usize];
            reasons.extend(doubt(image, can_run, is_child, &self.settings));
        }
        self.spread_use(in_use);
    }

    /// Keeps the indexes of images in use (G2): any platform of them may be pulled next.
    fn spread_use(&mut self, mut in_use: Vec<u32>) {
        while let Some(index) = in_use.pop() {
            for parent in self.graph.parents(index) {
                let reasons = &mut self.reasons[parent as usize];
                if !reasons.iter().any(KeepReason::is_use) {
                    let part = self.images[index as usize].digest;
                    reasons.push(KeepReason::HasPartInUse { part });
                    in_use.push(parent);
                }
            }
        }
    }

    /// Keeps what kept indexes may name that cannot be read, since they are archived, and what is
    /// kept with that (G7).
    pub(super) fn settle(&mut self) {
        // An index that is kept since another one may name it may itself name more.
        while self.keep_possible_children() {
            self.close();
        }
    }

    /// Keeps the possible children of kept indexes that cannot be read, and returns whether there
    /// were any to keep. In mode `archive`, an archived index is no reason to keep an active image:
    /// that belongs where its index is.
    fn keep_possible_children(&mut self) -> bool {
        let archives = self.settings.archive.candidates;
        let opaque = |wanted: &dyn Fn(&Image) -> bool| {
            let kept = (0..).zip(self.images).filter(|&(index, image)| {
                self.is_opaque(image) && wanted(image) && self.keeps(index)
            });
            OpaqueIndexes::new(kept.map(|(_, image)| *image))
        };
        let of_archived = opaque(&|_| true);
        let of_active = opaque(&|index| !archives || index.status != Status::Archived);
        let named_by = |index: u32| {
            let image = self.images[index as usize];
            let indexes = match image.status {
                Status::Archived => of_archived.as_ref(),
                _ => of_active.as_ref(),
            };
            let indexes = indexes.filter(|it| !self.keeps(index) && it.may_name(image))?;
            Some((index, indexes.index))
        };
        let possible: Vec<(u32, Digest)> = (0..)
            .zip(self.images)
            .filter_map(|(position, _)| named_by(position))
            .collect();
        for &(position, index) in &possible {
            let reason = KeepReason::PossibleChildOf { index };
            self.reasons[position as usize].push(reason);
        }
        !possible.is_empty()
    }

    fn is_opaque(&self, image: &Image) -> bool {
        image.media_type == MediaType::Index && !self.children.contains_key(&image.digest)
    }

    /// Spreads the reasons over the graph.
    fn close(&mut self) {
        self.spread(self.all(Self::holds), Self::holds);
        // An image that is only archived protects what is archived with it.
        let archived = self.all(|it, index| it.keeps(index) && !it.holds(index));
        let settled = |it: &Self, index: u32| {
            it.keeps(index) || it.images[index as usize].status != Status::Archived
        };
        self.spread(archived, settled);
    }

    /// Keeps the children (G1) and the referrers (G3) of kept images, to any depth, but for those
    /// that are `settled`.
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
                let reason = KeepReason::PartOf {
                    index: digest,
                    role,
                };
                add(&mut self.reasons[child as usize], reason);
            }
            for &referrer in &referrers {
                let how = self.images[referrer as usize].attachment_to(&digest);
                let reason = KeepReason::RefersTo {
                    subject: digest,
                    how,
                };
                add(&mut self.reasons[referrer as usize], reason);
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

    /// Returns whether an image is kept where it is, and so is what belongs to it. In mode
    /// `archive`, being archived is no reason for others to stay active.
    fn holds(&self, index: u32) -> bool {
        let archive = self.settings.archive.candidates;
        self.reasons[index as usize]
            .iter()
            .any(|reason| !archive || *reason != KeepReason::Archived)
    }

    /// Returns the images that nothing keeps where they are and that refer to another one, with each
    /// subject that is not in this repository.
    pub(super) fn attached_elsewhere(&self) -> impl Iterator<Item = (u32, Digest)> + '_ {
        let candidates = (0..)
            .zip(self.images)
            .filter(|&(index, _)| !self.holds(index));
        let subjects = candidates
            .flat_map(|(index, image)| image.subjects().map(move |subject| (index, subject)));
        subjects.filter(|(_, subject)| graph::position(self.images, subject).is_none())
    }

    /// Returns whether the repository is one of images with tags, to which its attachments belong.
    /// Where signatures alone are stored, those that were replaced have no tag any more.
    pub(super) fn has_tagged_images(&self) -> bool {
        zip(self.images, &self.can_run).any(|(image, &can_run)| {
            image.artifact_type == ArtifactType::ContainerImage
                && !image.is_attachment(can_run)
                && image.ordinary_tags(can_run).next().is_some()
        })
    }

    pub(super) fn is_attachment(&self, index: u32) -> bool {
        let index = index as usize;
        self.images[index].is_attachment(self.can_run[index])
    }

    /// Keeps an image for a reason outside this repository.
    pub(super) fn keep(&mut self, index: u32, reason: KeepReason) {
        self.reasons[index as usize].push(reason);
        self.spread(vec![index], Self::holds);
    }

    pub(super) fn keeps(&self, index: u32) -> bool {
        !self.reasons[index as usize].is_empty()
    }

    /// Returns the verdicts, in the order of the images.
    pub(super) fn into_verdicts(mut self) -> Vec<Verdict> {
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
        let image = self.images[index as usize];
        if let (Status::Archived, Some(since)) = (image.status, image.archived_at()) {
            return DeleteReason::Archived {
                since,
                charged_until: self.settings.charged_until(since),
            };
        }
        if let Some(missed) = &self.evaluation.missed[index as usize] {
            return DeleteReason::Superseded {
                rule: Arc::clone(&self.rules[missed.rule]),
                rank: missed.rank,
            };
        }
        let digest_of = |index: u32| self.images[index as usize].digest;
        // An attachment tells more of itself than a list of referrers tells of it.
        let mut parents = self.graph.parents(index);
        let of_index = parents.find(|&parent| !self.is_attachment(parent) || !image.is_referrer());
        if let Some(index) = of_index.map(digest_of) {
            return DeleteReason::PartOf {
                index: Box::new(index),
                role: self.role(index, image.digest),
            };
        }
        if self.is_attachment(index) {
            let stored = self.graph.subjects(index).next().map(digest_of);
            if let Some(subject) = stored {
                return DeleteReason::RefersTo {
                    subject: Box::new(subject),
                    how: image.attachment_to(&subject),
                };
            }
            if let Some(subject) = image.subjects().next() {
                return DeleteReason::Orphan {
                    subject: Box::new(subject),
                    how: image.attachment_to(&subject),
                };
            }
        }
        if image.tags.is_empty() {
            DeleteReason::Untagged
        } else {
            DeleteReason::NoRule
        }
    }

    fn role(&self, index: Digest, child: Digest) -> Option<Box<str>> {
        self.children
            .get(&index)?
            .iter()
            .find(|named| named.digest == child)?
            .role
            .as_ref()
            .map(|role| role.text().into())
    }
}

/// Adds a reason without room for more: most images that are kept have one, and a vector would make
/// room for four.
fn add(reasons: &mut Vec<KeepReason>, reason: KeepReason) {
    reasons.reserve_exact(1);
    reasons.push(reason);
}
