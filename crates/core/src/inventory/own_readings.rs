//! The program's own reading of manifests, which ECR counts as pulls (K12).

use std::collections::HashMap;

use jiff::SignedDuration;

use crate::image::{Digest, Image, MediaType, Time};

/// Time for which ECR may take to record a pull after another one.
const RECORDED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// What is known of the pulls that are the program's own reading of manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OwnReadings {
    /// Nothing: the pull of any index may be one.
    #[default]
    Unknown,
    /// There are none, since ECR does not record what the program reads.
    NotRecorded,
    /// The last pulls of these images are, and no others.
    Known(HashMap<Digest, OwnReading>),
}

/// The program's reading of a manifest that is the last pull of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnReading {
    /// Time.
    pub at: Time,
    /// Last pull before it.
    pub earlier: Option<Time>,
}

impl OwnReadings {
    /// Returns the last pull of an image itself that is known to be somebody else's.
    #[must_use]
    pub fn pull_by_others(&self, image: &Image) -> Option<Time> {
        match self {
            Self::Unknown => image
                .pulled_at
                .filter(|_| image.media_type != MediaType::Index),
            Self::NotRecorded => image.pulled_at,
            Self::Known(own) => match own.get(&image.digest) {
                Some(own) => own.earlier,
                None => image.pulled_at,
            },
        }
    }

    /// Returns the last pull of an image itself that may be somebody else's.
    ///
    /// Whoever pulls an index pulls one of its parts, so that of one that `has_parts` only what is
    /// known counts. Of any other image, a pull of the same day may be hidden behind a reading.
    #[must_use]
    pub fn possible_pull(&self, image: &Image, has_parts: bool, now: Time) -> Option<Time> {
        let may_hide = match self {
            _ if has_parts => false,
            Self::Unknown => true,
            Self::NotRecorded => false,
            Self::Known(own) => own
                .get(&image.digest)
                .is_some_and(|own| own.at.age(now) <= RECORDED_WITHIN),
        };
        if may_hide {
            image.pulled_at
        } else {
            self.pull_by_others(image)
        }
    }
}
