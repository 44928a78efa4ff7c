//! The change window: the time of the week in which deletion is allowed.
//!
//! It uses the local time of its time zone, whatever daylight saving does to it. An hour that comes
//! twice is inside twice, and one that is left out is not missed.

use std::fmt;

use jiff::{Timestamp, civil::Weekday};

use super::ChangeWindow;
use crate::image::Time;

impl ChangeWindow {
    /// Returns whether deletion is allowed at a time.
    pub(super) fn is_open(&self, now: Time) -> bool {
        let Ok(now) = Timestamp::from_millisecond(now.millis()) else {
            return false;
        };
        let local = now.to_zoned(self.timezone.clone());
        let (today, time) = (local.weekday(), local.time());
        let opens_on = |day| self.days.contains(&day);
        if self.from < self.to {
            opens_on(today) && self.from <= time && time < self.to
        } else {
            (opens_on(today) && self.from <= time) || (opens_on(today.previous()) && time < self.to)
        }
    }

    /// Returns the local time for people: `Fri 08:00 CET`.
    pub(super) fn local_time(&self, now: Time) -> String {
        match Timestamp::from_millisecond(now.millis()) {
            Ok(now) => {
                let local = now.to_zoned(self.timezone.clone());
                local.strftime("%a %H:%M %Z").to_string()
            }
            Err(_) => "a time that no calendar has".to_owned(),
        }
    }
}

/// `mon, tue 08:00 to 18:00 Europe/Berlin`.
impl fmt::Display for ChangeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<&str> = self.days.iter().copied().map(short_name).collect();
        let zone = self.timezone.iana_name().unwrap_or("UTC");
        let (from, to) = (self.from.strftime("%H:%M"), self.to.strftime("%H:%M"));
        write!(f, "{} {from} to {to} {zone}", days.join(", "))
    }
}

const fn short_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn window(zone: &str, days: &[Weekday], from: &str, to: &str) -> ChangeWindow {
        ChangeWindow {
            timezone: TimeZone::get(zone).unwrap(),
            days: days.to_vec(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        }
    }

    fn open(window: &ChangeWindow, at: &str) -> bool {
        window.is_open(Time::from(at.parse::<Timestamp>().unwrap()))
    }

    #[test]
    fn it_opens_and_closes_by_the_wall_clock_of_its_zone() {
        let office = window(
            "Europe/Berlin",
            &[Weekday::Monday, Weekday::Friday],
            "08:00",
            "18:00",
        );
        // 2026-11-20 is a Friday, in winter: one hour ahead of UTC.
        for (at, expected) in [
            ("2026-11-20T06:59:59Z", false),
            ("2026-11-20T07:00:00Z", true),
            ("2026-11-20T16:59:59Z", true),
            ("2026-11-20T17:00:00Z", false),
            ("2026-11-21T09:00:00Z", false),
            ("2026-11-23T09:00:00Z", true),
            ("2026-07-03T06:00:00Z", true),
            ("2026-07-03T16:00:00Z", false),
        ] {
            assert_eq!(open(&office, at), expected, "{at}");
        }
        assert_eq!(office.to_string(), "mon, fri 08:00 to 18:00 Europe/Berlin");
    }

    #[test]
    fn over_midnight_the_day_is_that_of_its_opening() {
        let night = window("UTC", &[Weekday::Friday], "22:00", "04:00");
        for (at, expected) in [
            ("2026-11-20T03:00:00Z", false),
            ("2026-11-20T21:59:00Z", false),
            ("2026-11-20T22:00:00Z", true),
            ("2026-11-21T03:59:00Z", true),
            ("2026-11-21T04:00:00Z", false),
            ("2026-11-21T22:00:00Z", false),
        ] {
            assert_eq!(open(&night, at), expected, "{at}");
        }
        let whole_day = window("UTC", &[Weekday::Friday], "08:00", "08:00");
        assert!(
            open(&whole_day, "2026-11-21T07:59:00Z") && !open(&whole_day, "2026-11-21T08:00:00Z")
        );
        assert!(
            !open(&whole_day, "2026-11-20T07:59:00Z") && open(&whole_day, "2026-11-20T08:00:00Z")
        );
    }

    #[test]
    fn daylight_saving_neither_hides_nor_doubles_it() {
        // On 2026-03-29 the clocks of Berlin go from 02:00 to 03:00, on 2026-10-25 from 03:00 back
        // to 02:00.
        let early = window("Europe/Berlin", &[Weekday::Sunday], "02:30", "04:00");
        assert!(!open(&early, "2026-03-29T00:59:00Z"), "01:59");
        assert!(open(&early, "2026-03-29T01:00:00Z"), "03:00");
        assert!(!open(&early, "2026-03-29T02:00:00Z"), "04:00");
        assert!(open(&early, "2026-10-25T00:30:00Z"), "02:30 in summer time");
        assert!(
            !open(&early, "2026-10-25T01:10:00Z"),
            "02:10 in winter time"
        );
        assert!(open(&early, "2026-10-25T01:30:00Z"), "02:30 in winter time");
        assert!(!open(&early, "2026-10-25T03:00:00Z"), "04:00");
    }
}
