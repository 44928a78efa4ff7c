//! A time, in eight bytes.

use std::{fmt, num::NonZeroI64};

use jiff::{SignedDuration, Timestamp};
use serde_with::SerializeDisplay;

/// A time in milliseconds since 1970.
///
/// It is never 0, so that an `Option` of it takes no more room. A time of 0 in an answer counts as
/// missing, and an image without a push time is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay)]
pub struct Time(NonZeroI64);

impl Time {
    /// Creates a time from milliseconds since 1970; returns `None` for 0.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Option<Self> {
        match NonZeroI64::new(millis) {
            Some(millis) => Some(Self(millis)),
            None => None,
        }
    }

    /// Returns the milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.get()
    }

    /// Returns how long before `now` this was. It is negative for a later time, and saturates.
    #[must_use]
    pub fn age(self, now: Self) -> SignedDuration {
        SignedDuration::from_millis(now.millis().saturating_sub(self.millis()))
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        Self(NonZeroI64::new(timestamp.as_millisecond()).unwrap_or(NonZeroI64::MIN))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.millis()) {
            Ok(timestamp) => write!(f, "{}", timestamp.strftime("%Y-%m-%dT%H:%M:%SZ")),
            Err(_) => write!(f, "{} ms since 1970", self.millis()),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_optional_time_is_as_small_as_a_time() {
        assert_eq!(size_of::<Option<Time>>(), 8);
    }

    #[test]
    fn age_is_negative_in_the_future_and_never_overflows() {
        let (early, late) = (
            Time::from_millis(1).unwrap(),
            Time::from_millis(3_600_001).unwrap(),
        );
        assert_eq!(early.age(late), SignedDuration::from_hours(1));
        assert_eq!(late.age(early), SignedDuration::from_hours(-1));
        let ends = (
            Time::from_millis(i64::MIN).unwrap(),
            Time::from_millis(i64::MAX).unwrap(),
        );
        assert_eq!(ends.0.age(ends.1), SignedDuration::from_millis(i64::MAX));
    }
}
