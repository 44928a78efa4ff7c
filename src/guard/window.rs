//! The change window: when deletion is allowed.
//!
//! By the clock on the wall: what it shows decides, whatever daylight saving does to it. An hour that comes twice is
//! inside twice, and one that is left out is not missed.

use jiff::Timestamp;

use crate::{config::ChangeWindow, image::Time};

/// What the clock on the wall of the window shows at that time, for people; and whether the window is open.
pub(super) fn look(window: &ChangeWindow, now: Time) -> (String, bool) {
    let Ok(now) = Timestamp::from_millisecond(now.millis()) else {
        return ("a time that no calendar has".to_owned(), false);
    };
    let local = now.to_zoned(window.timezone.clone());
    let (today, time) = (local.weekday(), local.time());
    let opens_on = |day| window.days.contains(&day);
    let open = if window.from < window.to {
        opens_on(today) && window.from <= time && time < window.to
    } else {
        (opens_on(today) && window.from <= time) || (opens_on(today.previous()) && time < window.to)
    };
    (local.strftime("%a %H:%M %Z").to_string(), open)
}

/// The window in words: `mon, tue 08:00 to 18:00 Europe/Berlin`.
pub(super) fn words(window: &ChangeWindow) -> String {
    let day = |day: &jiff::civil::Weekday| {
        format!("{day:?}")
            .get(..3)
            .unwrap_or_default()
            .to_lowercase()
    };
    let days: Vec<String> = window.days.iter().map(day).collect();
    let zone = window.timezone.iana_name().unwrap_or("UTC");
    let (from, to) = (window.from.strftime("%H:%M"), window.to.strftime("%H:%M"));
    format!("{} {from} to {to} {zone}", days.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn window(zone: &str, days: &str, from: &str, to: &str) -> ChangeWindow {
        let text = format!(
            "guards: {{ change_window: {{ timezone: {zone}, days: [{days}], from: \"{from}\", to: \"{to}\" }} }}"
        );
        Config::parse(&text).unwrap().guards.change_window.unwrap()
    }

    fn open(window: &ChangeWindow, at: &str) -> bool {
        look(window, Time::from(at.parse::<Timestamp>().unwrap())).1
    }

    #[test]
    fn it_opens_and_closes_by_the_wall_clock_of_its_zone() {
        let office = window("Europe/Berlin", "mon, fri", "08:00", "18:00");
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
        assert_eq!(words(&office), "mon, fri 08:00 to 18:00 Europe/Berlin");
    }

    #[test]
    fn over_midnight_the_day_is_that_of_its_opening() {
        let night = window("UTC", "fri", "22:00", "04:00");
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
        let whole_day = window("UTC", "fri", "08:00", "08:00");
        assert!(
            open(&whole_day, "2026-11-21T07:59:00Z") && !open(&whole_day, "2026-11-21T08:00:00Z")
        );
        assert!(
            !open(&whole_day, "2026-11-20T07:59:00Z") && open(&whole_day, "2026-11-20T08:00:00Z")
        );
    }

    #[test]
    fn daylight_saving_neither_hides_nor_doubles_it() {
        // On 2026-03-29 the clocks of Berlin go from 02:00 to 03:00, on 2026-10-25 from 03:00 back to 02:00.
        let early = window("Europe/Berlin", "sun", "02:30", "04:00");
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
