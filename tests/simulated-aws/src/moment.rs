//! A point in time of the simulated clock.

use serde::{Serialize, Serializer};
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time, in milliseconds since the epoch; AWS writes it as a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// 2026-11-21T12:00:00Z, the clock of a new world.
    pub const NOW: Self = Self::from_epoch_seconds(1_795_262_400);

    /// The moment so many seconds after the epoch.
    #[must_use]
    pub const fn from_epoch_seconds(seconds: i64) -> Self {
        Self(seconds * 1000)
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn epoch_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn epoch_milliseconds(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch, as AWS writes them.
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of this millennium are far below 2^53"
    )]
    pub(crate) fn number(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.number())
    }
}

/// So many days before [`Moment::NOW`].
#[must_use]
pub fn days_ago(days: u64) -> Moment {
    hours_ago(days * 24)
}

/// So many hours before [`Moment::NOW`].
#[must_use]
pub fn hours_ago(hours: u64) -> Moment {
    Moment::NOW - Duration::from_secs(hours * 3600)
}
