//! Saved plans: what a plan deletes, to be looked at and deleted later (A11).
//!
//! A file of JSON lines: a header, one image a line, and a last line by which a file is known that
//! was cut or changed. It names the account, the Region and the configuration that it is for.

use std::{
    fmt,
    io::{self, Write},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{VERSION, count, own_bytes};
use crate::{
    aws::ApiError,
    image::{Digest, Registry, RepositoryName, Time},
    plan::{Plan, SavedImages},
};

const SCHEMA: &str = "ecr-cleanup/plan/1";
/// The schemas of all versions begin with it.
const SCHEMAS: &str = "ecr-cleanup/plan/";
/// How long a saved plan may be applied.
const VALID_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How far the clocks of two machines may differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

/// Reason for which a saved plan is not applied.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanError {
    /// It is another document.
    #[error("it is no saved plan; write one with `ecr-cleanup plan --out FILE`")]
    Foreign,
    /// Another version wrote it.
    #[error(
        "it is `{0}`, and this version reads `{SCHEMA}`; make it again with the version that is to apply it"
    )]
    Version(String),
    /// Its end is missing.
    #[error("its end is missing; copy it again, or make a new one with `ecr-cleanup plan --out`")]
    Cut,
    /// It is not as it was written.
    #[error("it was changed after it was written; make a new one with `ecr-cleanup plan --out`")]
    Altered,
    /// It is of another account or Region.
    #[error("it is of {of}, and this is {here}; {}", advice(.of, .here))]
    Elsewhere {
        /// The account and Region that it was made in.
        of: Registry,
        /// Those of the caller.
        here: Registry,
    },
    /// It was made with another configuration.
    #[error(
        "it was made with another configuration; use that one, or make a new plan with this one: `ecr-cleanup plan --out`"
    )]
    Configuration,
    /// It is too old.
    #[error(
        "it was made at {0}, and a plan holds for 24 hours; make a new one with `ecr-cleanup plan --out`"
    )]
    Expired(Time),
    /// It was made later than now.
    #[error("it was made at {0}, which is in the future; set the clocks of both machines right")]
    Future(Time),
    /// It cannot be decompressed.
    #[error(
        "it cannot be decompressed: {0}; copy it again, or make a new one with `ecr-cleanup plan --out`"
    )]
    Compressed(#[from] io::Error),
    /// It cannot be read.
    #[error(transparent)]
    Unread(#[from] ApiError),
}

fn advice(of: &Registry, here: &Registry) -> &'static str {
    if of.account == here.account {
        "use that Region, or make a new plan in this one"
    } else {
        "use the credentials of that account, or make a new plan in this one"
    }
}

/// A saved plan that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedPlan {
    /// The id of the run that made it.
    pub run_id: String,
    /// The time it was made.
    pub made_at: Time,
    /// The account and Region it was made in.
    pub home: Registry,
    /// Whether it cleans several registries.
    pub(super) told_apart: bool,
    /// The hash of the configuration it was made with.
    configuration: String,
    /// What it deletes or archives.
    pub images: SavedImages,
}

/// What a saved plan is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToSave<'a> {
    pub(crate) run_id: &'a str,
    pub(crate) home: &'a Registry,
    /// The hash of the configuration.
    pub(crate) configuration: &'a str,
    pub(crate) plan: &'a Plan,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    schema: String,
    version: String,
    run_id: String,
    made_at: Timestamp,
    /// The account and Region that it was made in.
    home: Registry,
    /// The registries that it cleans.
    registries: Vec<Registry>,
    configuration: String,
}

/// An image that a saved plan deletes or archives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedImage {
    /// Its registry.
    pub registry: Registry,
    /// Its repository.
    pub repository: RepositoryName,
    /// Its digest.
    pub digest: Digest,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its compressed bytes; 0 for an index.
    pub bytes: u64,
    /// Why nothing kept it.
    pub because: Vec<String>,
}

/// The last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    images: usize,
    /// The SHA-256 of everything before it.
    sha256: String,
}

impl ToSave<'_> {
    /// Writes the plan as a file.
    pub(crate) fn to_bytes(self) -> io::Result<Vec<u8>> {
        let plan = self.plan;
        let header = Header {
            schema: SCHEMA.to_owned(),
            version: VERSION.to_owned(),
            run_id: self.run_id.to_owned(),
            made_at: Timestamp::from_millisecond(plan.now().millis()).map_err(io::Error::other)?,
            home: self.home.clone(),
            registries: plan.registries().iter().map(|it| (**it).clone()).collect(),
            configuration: self.configuration.to_owned(),
        };
        let mut bytes = Vec::new();
        add_line(&mut bytes, &header)?;
        let mut images = 0;
        for repository in plan.repositories().iter().filter(|it| it.acts()) {
            for planned in repository.candidates() {
                let image = planned.image;
                let line = SavedImage {
                    registry: repository.registry().clone(),
                    repository: repository.name().clone(),
                    digest: image.digest,
                    tags: image.tags.iter().map(ToString::to_string).collect(),
                    bytes: own_bytes(image),
                    because: repository.because(planned.verdict),
                };
                add_line(&mut bytes, &line)?;
                images += 1;
            }
        }
        let sha256 = hex::encode(Sha256::digest(&bytes));
        add_line(&mut bytes, &End { images, sha256 })?;
        Ok(bytes)
    }
}

fn add_line(bytes: &mut Vec<u8>, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *bytes, value)?;
    bytes.write_all(b"\n")
}

impl SavedPlan {
    /// Returns whether a file says that it is a saved plan, of any version.
    #[must_use]
    pub fn is_named(bytes: &[u8]) -> bool {
        schema(bytes).is_some()
    }

    /// Reads a file, which must be whole and as it was written. Returns its images in their order
    /// besides.
    ///
    /// # Errors
    /// Returns why it cannot be used.
    pub fn read(bytes: &[u8]) -> Result<(Self, Vec<SavedImage>), SavedPlanError> {
        let schema = schema(bytes).ok_or(SavedPlanError::Foreign)?;
        if schema != SCHEMA {
            return Err(SavedPlanError::Version(schema));
        }
        let lines = bytes.strip_suffix(b"\n").ok_or(SavedPlanError::Cut)?;
        let start = lines.iter().rposition(|byte| *byte == b'\n');
        let (whole, last) = bytes.split_at(start.map_or(0, |start| start + 1));
        let end: End = serde_json::from_slice(last).map_err(|_| SavedPlanError::Cut)?;
        if hex::encode(Sha256::digest(whole)) != end.sha256 {
            return Err(SavedPlanError::Altered);
        }
        let mut lines = whole.split(|byte| *byte == b'\n');
        let altered = |_| SavedPlanError::Altered;
        let header = lines.next().unwrap_or_default();
        let header: Header = serde_json::from_slice(header).map_err(altered)?;
        let lines = lines.filter(|line| !line.is_empty());
        let images: Result<Vec<SavedImage>, _> = lines.map(serde_json::from_slice).collect();
        let images = images.map_err(altered)?;
        if images.len() != end.images {
            return Err(SavedPlanError::Altered);
        }
        let of_image = |it: &SavedImage| {
            let (registry, repository) = (it.registry.clone(), it.repository.clone());
            (registry, repository, it.digest)
        };
        let plan = Self {
            run_id: header.run_id,
            made_at: header.made_at.into(),
            home: header.home,
            told_apart: header.registries.len() > 1,
            configuration: header.configuration,
            images: images.iter().map(of_image).collect(),
        };
        Ok((plan, images))
    }

    /// Checks that it may be applied here and now.
    ///
    /// # Errors
    /// Returns why it may not.
    pub(crate) fn check(
        &self,
        here: &Registry,
        configuration: &str,
        now: Time,
    ) -> Result<(), SavedPlanError> {
        let age = self.made_at.age(now);
        if self.home != *here {
            let (of, here) = (self.home.clone(), here.clone());
            Err(SavedPlanError::Elsewhere { of, here })
        } else if self.configuration != configuration {
            Err(SavedPlanError::Configuration)
        } else if age >= VALID_FOR {
            Err(SavedPlanError::Expired(self.made_at))
        } else if age < -CLOCKS_DIFFER {
            Err(SavedPlanError::Future(self.made_at))
        } else {
            Ok(())
        }
    }
}

/// Returns the name of the schema of a saved plan, of any version; `None` if it is none.
fn schema(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        schema: String,
    }
    let first = bytes.split(|byte| *byte == b'\n').next()?;
    let Named { schema } = serde_json::from_slice(first).ok()?;
    schema.starts_with(SCHEMAS).then_some(schema)
}

/// What a run makes of a saved plan, in its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedPlan {
    /// The id of the run that made it.
    pub run_id: String,
    /// The time it was made.
    pub made_at: Time,
    /// Images that it deletes or archives.
    pub images: u64,
    /// Those that nothing keeps now either, nor what they belong to.
    pub candidates: u64,
    /// Those that are kept now.
    pub kept: u64,
    /// Those that are not stored any more, or not read.
    pub absent: u64,
    /// Candidates that are not in it, and are kept in this run.
    pub other_candidates: u64,
}

/// Displays what becomes of its images, in a sentence or two.
impl fmt::Display for AppliedPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let images = count(self.images, "image", "images");
        let still = count(self.candidates, "is", "are");
        write!(
            f,
            "Of {images} in the plan of {}, {still} still not needed",
            self.made_at
        )?;
        // What belongs to an image that is not in the plan is neither.
        if self.kept > 0 {
            write!(f, ", {} kept now", count(self.kept, "is", "are"))?;
        }
        if self.absent > 0 {
            write!(
                f,
                ", {} not there any more",
                count(self.absent, "is", "are")
            )?;
        }
        f.write_str(".")?;
        if self.other_candidates > 0 {
            let others = count(self.other_candidates, "other image is", "other images are");
            write!(
                f,
                " {others} not needed either, but not in the plan, and kept."
            )?;
        }
        Ok(())
    }
}

impl AppliedPlan {
    /// Compares a saved plan with the plan of a run.
    pub(crate) fn of(saved: &SavedPlan, plan: &Plan) -> Self {
        let since = plan.since(&saved.images);
        Self {
            run_id: saved.run_id.clone(),
            made_at: saved.made_at,
            images: saved.images.count(),
            candidates: since.both.len() as u64,
            kept: since.kept.len() as u64,
            absent: since.absent,
            other_candidates: since.new,
        }
    }
}

#[cfg(test)]
mod tests;
