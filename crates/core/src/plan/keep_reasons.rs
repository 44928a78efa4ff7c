//! Reasons to keep the images of one repository: from rules, use and doubt, spread over the graph.

mod delete_reason;
mod images_left;
mod pulls;
mod rule_reason;

use std::{collections::HashMap, iter::zip, sync::Arc};

use super::{
    KeepReason, LeftAlone, PlanSettings, Verdict,
    can_run::can_run,
    eligibility::{doubt, eligibility},
    graph::{self, Graph},
    opaque_index::OpaqueIndexes,
    revisions::revisions,
    subject::Subject,
};
use crate::{
    evidence::StoredUsage,
    image::{ArtifactType, Digest, Image, Interned, MediaType, Status},
    inventory::{Child, OwnReadings, Role},
    policy::{Evaluation, KeepRule, KeepRules, RuleImage},
};

/// The reasons to keep each image of a repository.
pub(super) struct KeepReasons<'a> {
    images: &'a [Image],
    can_run: Vec<bool>,
    children: &'a HashMap<Digest, Vec<Child>>,
    graph: Graph,
    settings: PlanSettings,
    own_readings: &'a OwnReadings,
    rules: &'a KeepRules,
    /// Names of the rules.
    names: Vec<Interned>,
    /// Whether an image is the child of an index, so that it does not count towards `newest`.
    is_child: Vec<bool>,
    evaluation: Evaluation,
    /// Reason to leave alone whatever is no artifact and belongs to none (K7).
    images_left: Option<KeepReason>,
    reasons: Vec<Vec<KeepReason>>,
    /// Whether each image is kept where it is, and so is what belongs to it. In mode `archive`,
    /// being archived is no reason for others to stay active.
    held: Vec<bool>,
}

impl<'a> KeepReasons<'a> {
    /// Collects the reasons that each image has by itself and by what it belongs to in its
    /// repository.
    ///
    /// # Errors
    /// Returns an error if no rule is about any tag of the repository (K7), or Git history cannot be
    /// believed (K14).
    pub(super) fn new(
        subject: &'a Subject<'a>,
        rules: &'a KeepRules,
        usage: &StoredUsage<'_>,
        settings: PlanSettings,
    ) -> Result<Self, LeftAlone> {
        let images = subject.images;
        let graph = Graph::new(images, subject.children);
        let can_run = images
            .iter()
            .map(|it| can_run(it, images, subject.children));
        let positions = (0..).zip(images).map(|(index, _)| index);
        let names = rules.all().map(|rule| Interned::from(&*rule.name));
        let mut all = Self {
            images,
            can_run: can_run.collect(),
            is_child: positions
                .map(|index| graph.parents(index).next().is_some())
                .collect(),
            children: subject.children,
            own_readings: subject.own_readings,
            graph,
            settings,
            names: names.collect(),
            rules,
            evaluation: Evaluation::default(),
            images_left: None,
            reasons: Vec::new(),
            held: Vec::new(),
        };
        all.collect(subject, usage);
        if let Some(why) = all.evaluation.refused.take() {
            return Err(LeftAlone::Git { why });
        }
        all.images_left = all.why_images_are_left()?;
        if all.images_left.is_some() {
            all.collect(subject, usage);
        }
        Ok(all)
    }

    /// Collects all reasons, from nothing.
    pub(super) fn collect(&mut self, subject: &Subject<'_>, usage: &StoredUsage<'_>) {
        let pulls = self.last_pulls();
        let asks = self.rules.git.as_ref().is_some_and(|git| git.annotation);
        let revisions = asks.then(|| revisions(subject, &self.graph));
        let revisions = |index: u32| revisions.as_ref()?[index as usize].as_deref();
        let ledger = usage.ledger_of(subject.registry, subject.name);
        let is_about_use = self.rules.rules.iter().any(KeepRule::is_about_use);
        let used_at = |index| Some(self.last_use(index, ledger)?.at);
        let ruled = zip((0..).zip(self.images), zip(&self.can_run, &self.is_child));
        let ruled = ruled.map(|((index, image), (&can_run, &is_child))| RuleImage {
            image,
            can_run,
            eligibility: eligibility(image, can_run, is_child, &self.settings),
            is_artifact: self.is_ruled_artifact(index),
            pulled_at: pulls.possible(index, self.settings.now),
            revisions: revisions(index),
            used_at: is_about_use.then(|| used_at(index)).flatten(),
        });
        let ruled: Vec<_> = ruled.collect();
        self.evaluation = self.rules.evaluate(&ruled, ledger, self.settings.now);
        self.reasons = vec![Vec::new(); self.images.len()];
        self.seed(subject, usage);
        let archives = self.settings.archive.candidates;
        let holds = |reason: &KeepReason| !archives || *reason != KeepReason::Archived;
        let held = self.reasons.iter().map(|it| it.iter().any(holds));
        self.held = held.collect();
        self.settle();
    }

    /// Lets children that are kept without any index that names them count as ordinary images, and
    /// returns whether there were any. Else the next run would delete what this one has kept.
    ///
    /// If there were any, all reasons have to be collected again.
    pub(super) fn release_orphans(&mut self) -> bool {
        let kept_alone = |index: &u32| {
            let mut parents = self.graph.parents(*index);
            self.is_child[*index as usize]
                && self.keeps(*index)
                && !parents.any(|parent| self.keeps(parent))
        };
        let orphans = (0..).zip(self.images).map(|(index, _)| index);
        let orphans: Vec<u32> = orphans.filter(kept_alone).collect();
        for &orphan in &orphans {
            self.is_child[orphan as usize] = false;
        }
        !orphans.is_empty()
    }

    /// Collects every reason that an image has by itself.
    fn seed(&mut self, subject: &Subject<'_>, usage: &StoredUsage<'_>) {
        let mentioned = usage.mentions_of(subject.name, self.images);
        let resolved = usage.resolved_to(self.images);
        let ledger = usage.ledger_of(subject.registry, subject.name);
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
                let reason = self.rule_reason(index, kept, ledger);
                add(&mut self.reasons[index as usize], reason);
            }
            let git = self.evaluation.git.get(index as usize).cloned().flatten();
            if let Some(why) = git {
                add(&mut self.reasons[index as usize], KeepReason::Git { why });
            }
            let reasons = &mut self.reasons[index as usize];
            let is_child = self.graph.parents(index).next().is_some();
            let can_run = self.can_run[index as usize];
            reasons.extend(doubt(image, can_run, is_child, self.rules, &self.settings));
        }
        self.leave_images();
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

    /// Spreads the reasons: over the graph, and to what kept indexes may name that cannot be read,
    /// since they are archived (G7).
    pub(super) fn settle(&mut self) {
        loop {
            self.spread(self.all(true), true);
            // An image that is only archived protects what is archived with it.
            self.spread(self.all(false), false);
            // An index that is kept since another one may name it may itself name more.
            if !self.keep_possible_children(true) && !self.keep_possible_children(false) {
                return;
            }
        }
    }

    /// Keeps the possible children of indexes that cannot be read, of those that are held or of all
    /// that are kept, and returns whether there were any to keep. In mode `archive`, an archived
    /// index is no reason to keep an active image: that belongs where its index is.
    fn keep_possible_children(&mut self, held: bool) -> bool {
        let archives = self.settings.archive.candidates;
        let opaque = |wanted: &dyn Fn(&Image) -> bool| {
            let kept = (0..).zip(self.images).filter(|&(index, image)| {
                self.is_opaque(image) && wanted(image) && self.is_settled(index, held)
            });
            OpaqueIndexes::new(kept.map(|(_, image)| image))
        };
        let of_archived = opaque(&|_| true);
        let of_active = opaque(&|index| !archives || index.status != Status::Archived);
        let named_by = |index: u32| {
            let image = &self.images[index as usize];
            let indexes = match image.status {
                Status::Archived => of_archived.as_ref(),
                _ => of_active.as_ref(),
            };
            let is_open = !self.is_settled(index, held);
            let indexes = indexes.filter(|it| is_open && it.may_name(image))?;
            Some((index, indexes.index))
        };
        let possible: Vec<(u32, Digest)> = (0..)
            .zip(self.images)
            .filter_map(|(position, _)| named_by(position))
            .collect();
        for &(position, index) in &possible {
            self.add(position, KeepReason::PossibleChildOf { index }, held);
        }
        !possible.is_empty()
    }

    fn is_opaque(&self, image: &Image) -> bool {
        image.media_type == MediaType::Index && !self.children.contains_key(&image.digest)
    }

    /// Returns whether an image needs no reason to be held, or to be kept.
    fn is_settled(&self, index: u32, held: bool) -> bool {
        self.held[index as usize] || (!held && self.keeps(index))
    }

    /// Holds, or keeps where they are archived, the children (G1) and the referrers (G3) of these
    /// images, to any depth.
    fn spread(&mut self, mut kept: Vec<u32>, held: bool) {
        while let Some(index) = kept.pop() {
            let digest = self.images[index as usize].digest;
            let open = |dependents: &mut dyn Iterator<Item = u32>| -> Vec<u32> {
                let is_archived =
                    |index: u32| self.images[index as usize].status == Status::Archived;
                dependents
                    .filter(|&it| !self.is_settled(it, held) && (held || is_archived(it)))
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
                self.add(child, reason, held);
            }
            for &referrer in &referrers {
                let how = self.images[referrer as usize].attachment_to(&digest);
                let reason = KeepReason::RefersTo {
                    subject: digest,
                    how,
                };
                self.add(referrer, reason, held);
            }
            kept.extend(children.into_iter().chain(referrers));
        }
    }

    fn add(&mut self, index: u32, reason: KeepReason, held: bool) {
        add(&mut self.reasons[index as usize], reason);
        self.held[index as usize] |= held;
    }

    fn all(&self, held: bool) -> Vec<u32> {
        let all = (0..).zip(self.images).map(|(index, _)| index);
        all.filter(|&index| self.is_settled(index, held)).collect()
    }

    /// Returns whether an image refers to one that is not in this repository.
    pub(super) fn depends_on_others(&self) -> bool {
        let mut subjects = self.images.iter().flat_map(Image::subjects);
        subjects.any(|subject| graph::position(self.images, &subject).is_none())
    }

    /// Returns the images that nothing keeps where they are and that refer to another one, with each
    /// subject that is not in this repository.
    pub(super) fn attached_elsewhere(&self) -> impl Iterator<Item = (u32, Digest)> + '_ {
        let candidates = (0..)
            .zip(self.images)
            .filter(|&(index, _)| !self.held[index as usize]);
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

    fn is_attachment(&self, index: u32) -> bool {
        let index = index as usize;
        self.images[index].is_attachment(self.can_run[index])
    }

    pub(super) fn is_attached_to(&self, index: u32, subject: &Digest) -> bool {
        let index = index as usize;
        self.images[index].is_attached_to(subject, self.can_run[index])
    }

    /// Keeps an image for a reason outside this repository.
    pub(super) fn keep(&mut self, index: u32, reason: KeepReason) {
        self.add(index, reason, true);
        self.spread(vec![index], true);
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
                    Verdict::Keep(reasons.into())
                }
            })
            .collect()
    }

    fn role(&self, index: Digest, child: Digest) -> Option<Interned> {
        self.children
            .get(&index)?
            .iter()
            .find(|named| named.digest == child)?
            .role
            .map(Role::text)
    }
}

/// Adds a reason without room for more: most images that are kept have one, and a vector would make
/// room for four.
fn add(reasons: &mut Vec<KeepReason>, reason: KeepReason) {
    reasons.reserve_exact(1);
    reasons.push(reason);
}
