//! Plans that are saved, and deleted later (A11).

use std::io;

use super::{Planned, Program};
use crate::{
    aws::decompressed,
    config::S3Objects,
    report::{AppliedPlan, SavedPlan, SavedPlanError, ToSave},
};

impl Program {
    /// Reads a saved plan, plain or gzip, that may be applied here and now.
    ///
    /// # Errors
    /// Returns why it may not.
    pub async fn saved_plan(&self, file: Vec<u8>) -> Result<SavedPlan, SavedPlanError> {
        let (saved, _) = SavedPlan::read(&decompressed(file)?)?;
        let home = self.clients.identity().await?.registry;
        saved.check(&home, &self.config.sha256(), self.now())?;
        Ok(saved)
    }

    /// Reads the same from S3.
    ///
    /// # Errors
    /// Returns why it may not be applied.
    pub async fn saved_plan_in(&self, object: &S3Objects) -> Result<SavedPlan, SavedPlanError> {
        self.saved_plan(self.clients.download(object).await?).await
    }
}

impl Planned<'_> {
    /// Returns the plan as a file that can be applied later.
    ///
    /// # Errors
    /// Returns an error if its time cannot be written.
    pub fn to_saved(&self) -> io::Result<Vec<u8>> {
        let saved = ToSave {
            run_id: &self.run.id,
            home: &self.locations.own.registry,
            configuration: &self.program.config.sha256(),
            plan: &self.plan,
        };
        saved.to_bytes()
    }

    /// Returns what this plan makes of the saved one; `None` if there is none, or nothing was
    /// planned.
    pub(super) fn applied_plan(&self) -> Option<AppliedPlan> {
        let saved = self.request.saved.as_ref().filter(|_| !self.out_of_time)?;
        Some(AppliedPlan::of(saved, &self.plan))
    }
}
