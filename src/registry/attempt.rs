//! Attempts to delete or archive images, each right after a recheck (A3).
//!
//! The SDK would repeat a call for up to 40 seconds, in which a tag may move to an image or
//! somebody may pull it. So every attempt is made here: first the wait for the rate limit, then the
//! recheck, then one call.

use std::collections::HashSet;

use aws_sdk_ecr::config::{Builder, retry::RetryConfig};
use tokio::time::sleep;

use super::{
    BATCH, Stop,
    apply::{RepositoryApplier, Units, digest},
    images::describe,
    outcome::CallFailure,
};
use crate::{
    aws::{ApiError, Cause, Operation},
    counted::Counted,
    image::{Digest, Image, Status},
    plan::UnitImage,
};

/// What is done to images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Delete,
    Archive,
}

/// Images that do not depend on each other, while they are deleted or archived.
pub(super) struct Batch {
    pub(super) action: Action,
    /// Images that are still to be deleted or archived.
    open: HashSet<Digest>,
    /// Images for which an earlier attempt may have been carried out.
    unclear: HashSet<Digest>,
    /// Images that ECR refused once.
    refused: HashSet<Digest>,
}

/// Outcome of an attempt.
pub(super) struct Attempt<'p> {
    pub(super) images: Vec<(&'p Image, Attempted)>,
    /// A failure that names no image, which is not understood.
    pub(super) anonymous: Option<CallFailure>,
}

/// Outcome of an attempt for one image.
pub(super) enum Attempted {
    Done,
    Missing,
    /// ECR refuses as long as an index names the image.
    Refused(CallFailure),
    /// It was not carried out.
    Failed(CallFailure),
    /// The answer does not tell whether it was carried out.
    Untold(CallFailure),
    /// The call failed.
    NoAnswer(ApiError),
}

impl Action {
    pub(super) const fn operation(self) -> Operation {
        match self {
            Self::Delete => Operation::BatchDeleteImage,
            Self::Archive => Operation::UpdateImageStorageClass,
        }
    }

    /// Returns the number of images that one recheck serves. One call deletes many; archiving takes
    /// a call for each, and those of an attempt are made at once.
    pub(super) const fn images_at_once(self) -> usize {
        match self {
            Self::Delete => BATCH,
            Self::Archive => 10,
        }
    }

    /// Returns whether an image of which this is left was deleted or archived.
    fn is_done(self, current: Option<&Image>) -> bool {
        match self {
            Self::Delete => current.is_none(),
            Self::Archive => current.is_some_and(|image| image.status == Status::Archived),
        }
    }
}

impl Attempted {
    /// Returns whether it may have been carried out, though no answer says so.
    const fn is_unclear(&self) -> bool {
        match self {
            Self::Untold(_) => true,
            Self::NoAnswer(error) => error.cause.is_unclear(),
            Self::Done | Self::Missing | Self::Refused(_) | Self::Failed(_) => false,
        }
    }
}

impl Batch {
    /// Returns whether an earlier attempt did it, though its answer was lost.
    pub(super) fn is_done(&self, digest: Digest, current: Option<&Image>) -> bool {
        self.unclear.contains(&digest) && self.action.is_done(current)
    }

    /// Returns whether a unit has an image that is still to be deleted or archived.
    pub(super) fn concerns(&self, unit: &[UnitImage<'_>]) -> bool {
        unit.iter().any(|it| self.open.contains(&digest(it)))
    }

    /// Returns the images that are still to be deleted or archived.
    pub(super) fn images<'p>(&self, units: &Units<'p>) -> Vec<&'p Image> {
        let images = units.iter().flatten();
        let open = images.filter(|it| self.open.contains(&digest(it)));
        open.map(|it| it.planned.image).collect()
    }

    /// Returns the number of calls of the next attempt.
    pub(super) fn calls(&self, units: &Units<'_>) -> usize {
        let images = self.images(units).len();
        match self.action {
            Action::Delete => images.min(1),
            Action::Archive => images,
        }
    }

    /// Takes an image out of the batch and its unit, of which the rest goes on.
    fn close(&mut self, units: &mut Units<'_>, done: Digest) {
        self.open.remove(&done);
        for unit in units {
            unit.retain(|it| digest(it) != done);
        }
    }
}

/// Returns a configuration with which the SDK makes a call once.
pub(super) fn once() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

impl RepositoryApplier<'_, '_> {
    /// Deletes or archives images that do not depend on each other, except for those whose units
    /// changed. Takes out of the units what is done, and the units of which something remains.
    pub(super) async fn apply_batch(
        &mut self,
        units: &mut Units<'_>,
        action: Action,
        images: &[Digest],
    ) -> Result<(), Stop> {
        let mut batch = Batch {
            action,
            open: images.iter().copied().collect(),
            unclear: HashSet::new(),
            refused: HashSet::new(),
        };
        let mut pauses = self.clients.pauses();
        loop {
            let Some(rechecked) = self.recheck(units, &mut batch).await? else {
                return Ok(());
            };
            let attempt = match action {
                Action::Delete => self.answered(self.delete(&rechecked)).await?,
                Action::Archive => self.answered(self.archive(&rechecked)).await?,
            };
            let pause = pauses.next();
            let settled = self.settle(units, &mut batch, attempt, pause.is_some());
            if let (true, Some(pause)) = (settled.await?, pause) {
                self.in_time(sleep(pause)).await?;
            }
        }
    }

    /// Takes in what an attempt came to, and returns whether a call failed for a moment and is to
    /// be made again, if it may.
    async fn settle(
        &mut self,
        units: &mut Units<'_>,
        batch: &mut Batch,
        attempt: Attempt<'_>,
        again: bool,
    ) -> Result<bool, Stop> {
        let (mut stop, mut waits) = (attempt.anonymous.map(Stop::from), false);
        let mut untold = Vec::new();
        for (image, attempted) in attempt.images {
            if attempted.is_unclear() {
                self.outcome.unclear.insert(image.digest);
            }
            match attempted {
                Attempted::Done => self.done(units, batch, image),
                // It existed a moment ago: the attempt without an answer deleted it.
                Attempted::Missing if batch.is_done(image.digest, None) => {
                    self.done(units, batch, image);
                }
                Attempted::Missing => self.missing(units, batch, image),
                // Indexes that name it were deleted a moment ago: ECR may need some time to know.
                Attempted::Refused(_) if batch.refused.insert(image.digest) => {}
                Attempted::Refused(failure) => self.fail(units, batch, image, failure),
                Attempted::Failed(failure) => {
                    stop.get_or_insert_with(|| failure.clone().into());
                    self.fail(units, batch, image, failure);
                }
                Attempted::Untold(failure) => untold.push((image, failure)),
                Attempted::NoAnswer(error) => match error.cause {
                    Cause::RepositoryNotFound | Cause::ExplicitDeny => {
                        stop.get_or_insert_with(|| Stop::from_call(&error));
                    }
                    cause if again && cause.may_pass() => {
                        waits = true;
                        if cause.is_unclear() {
                            batch.unclear.insert(image.digest);
                        }
                    }
                    _ => untold.push((image, CallFailure::of(error))),
                },
            }
        }
        if !untold.is_empty() {
            let settled = self.settle_untold(units, batch, untold).await;
            settled.map_err(|unsettled| stop.take().unwrap_or(unsettled))?;
        }
        stop.map_or(Ok(waits), Err)
    }

    /// Describes images for which no answer tells whether they were deleted or archived. Those that
    /// were not are failures, and stop the repository.
    async fn settle_untold(
        &mut self,
        units: &mut Units<'_>,
        batch: &mut Batch,
        untold: Vec<(&Image, CallFailure)>,
    ) -> Result<(), Stop> {
        let digests: Vec<Digest> = untold.iter().map(|(image, _)| image.digest).collect();
        let described = describe(self.clients, self.repository.name(), &digests);
        let current = match self.answered(described).await? {
            Ok(current) => Some(current),
            Err(error) if error.cause == Cause::RepositoryNotFound => return Err(Stop::Vanished),
            Err(_) => None,
        };
        let mut stop = None;
        for (image, failure) in untold {
            let is_done = current.as_ref().is_some_and(|current| {
                let current = current.iter().find(|it| it.digest == image.digest);
                batch.action.is_done(current)
            });
            if is_done {
                self.done(units, batch, image);
            } else {
                stop.get_or_insert_with(|| failure.clone().into());
                self.fail(units, batch, image, failure);
            }
        }
        stop.map_or(Ok(()), Err)
    }

    /// Counts an image that was deleted or archived.
    pub(super) fn done(&mut self, units: &mut Units<'_>, batch: &mut Batch, image: &Image) {
        let done = match batch.action {
            Action::Delete => {
                self.log("image_deleted", image, "deleted an image");
                &mut self.outcome.deleted
            }
            Action::Archive => {
                self.log("image_archived", image, "archived an image");
                &mut self.outcome.archived
            }
        };
        done.push(image.digest);
        Counted::Candidates.done(1);
        self.outcome.unclear.remove(&image.digest);
        batch.close(units, image.digest);
    }

    /// Counts an image that somebody else deleted.
    pub(super) fn missing(&mut self, units: &mut Units<'_>, batch: &mut Batch, image: &Image) {
        self.outcome.missing.push(image.digest);
        batch.close(units, image.digest);
    }

    /// Counts an image that remains, which keeps what belongs to it.
    fn fail(&mut self, units: &mut Units<'_>, batch: &mut Batch, image: &Image, why: CallFailure) {
        self.outcome.fail(image.digest, why);
        batch.open.remove(&image.digest);
        units.retain(|unit| unit.iter().all(|it| digest(it) != image.digest));
    }
}
