//! Guards: what is written, checked and compiled.

use jiff::{
    civil::{Time, Weekday},
    tz::TimeZone,
};

use super::{
    ChangeWindow, Guards,
    compile::required,
    error::{Path, Problems, quoted},
    raw::{self, Day},
    scalar::List,
};
use crate::image::AccountId;

/// The guards as they are written; some need the state store.
pub(super) fn compile(
    written: &raw::Guards,
    has_state: bool,
    problems: &mut Problems,
) -> Option<Guards> {
    let path = Path::of_keys("guards");
    let accounts = written.expected_accounts.as_ref();
    let accounts = required(&path, "expected_accounts", accounts, problems);
    let allow_no_usage = required(&path, "allow_no_usage", written.allow_no_usage, problems);
    let deletions = written.max_deletions_per_run;
    let deletions = required(&path, "max_deletions_per_run", deletions, problems);
    let percent = written.max_percent_per_repository;
    let percent = required(&path, "max_percent_per_repository", percent, problems);
    let drop = required(
        &path,
        "max_usage_drop_percent",
        written.max_usage_drop_percent,
        problems,
    );
    let soak = required(&path, "soak", written.soak, problems);
    if soak.is_some_and(|soak| !soak.0.is_zero()) && !has_state {
        problems.add(
            &path.key("soak"),
            "needs `state`, where it is written down since when images are candidates",
        );
    }
    let unread = required(
        &path,
        "unread_pull_accounts",
        written.unread_pull_accounts,
        problems,
    );
    let window = written.change_window.as_ref();
    let window = window.map(|window| change_window(window, &path.key("change_window"), problems));
    Some(Guards {
        expected_accounts: expected_accounts(accounts?, &path, problems),
        allow_no_usage: allow_no_usage?,
        max_deletions_per_run: deletions?.0,
        max_percent_per_repository: percent?.0,
        max_usage_drop_percent: drop?.0,
        unread_pull_accounts: unread?,
        soak: soak?.0,
        change_window: match window {
            Some(window) => Some(window?),
            None => None,
        },
    })
}

fn expected_accounts(
    written: &List<String>,
    path: &Path,
    problems: &mut Problems,
) -> Vec<AccountId> {
    let path = path.key("expected_accounts");
    let accounts = written.items().filter_map(|(index, text)| {
        let account = text.parse().ok();
        if account.is_none() {
            let found = quoted(text);
            let message = format!("expected an account id of 12 digits, found {found}");
            problems.add(&path.index(index), message);
        }
        account
    });
    accounts.collect()
}

fn change_window(
    written: &raw::ChangeWindow,
    path: &Path,
    problems: &mut Problems,
) -> Option<ChangeWindow> {
    let timezone = required(path, "timezone", written.timezone.as_ref(), problems);
    let days = required(path, "days", written.days.as_ref(), problems);
    let from = required(path, "from", written.from.as_ref(), problems);
    let to = required(path, "to", written.to.as_ref(), problems);
    if days.is_some_and(|days| days.0.is_empty()) {
        problems.add(
            &path.key("days"),
            "expected a day; leave `change_window` out to delete at any time",
        );
    }
    let timezone = timezone.and_then(|name| time_zone(name, &path.key("timezone"), problems));
    let from = from.and_then(|text| time(text, &path.key("from"), problems));
    let to = to.and_then(|text| time(text, &path.key("to"), problems));
    let days = days?.items().map(|(_, &day)| weekday(day)).collect();
    Some(ChangeWindow {
        timezone: timezone?,
        days,
        from: from?,
        to: to?,
    })
}

fn time_zone(name: &str, path: &Path, problems: &mut Problems) -> Option<TimeZone> {
    let zone = TimeZone::get(name).ok();
    if zone.is_none() {
        let message = format!(
            "expected the IANA name of a time zone, such as `Europe/Berlin`, found {}",
            quoted(name)
        );
        problems.add(path, message);
    }
    zone
}

/// A time of day as `HH:MM`.
fn time(text: &str, path: &Path, problems: &mut Problems) -> Option<Time> {
    let number = |text: &str| {
        let good = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| text.parse::<i8>().ok()).flatten()
    };
    let parts = text
        .split_once(':')
        .and_then(|(hour, minute)| Some((number(hour)?, number(minute)?)));
    let time = parts.and_then(|(hour, minute)| Time::new(hour, minute, 0, 0).ok());
    if time.is_none() {
        problems.add(
            path,
            format!(
                "expected a time of day such as `\"08:00\"`, found {}",
                quoted(text)
            ),
        );
    }
    time
}

const DAYS: [(Day, Weekday); 7] = [
    (Day::Mon, Weekday::Monday),
    (Day::Tue, Weekday::Tuesday),
    (Day::Wed, Weekday::Wednesday),
    (Day::Thu, Weekday::Thursday),
    (Day::Fri, Weekday::Friday),
    (Day::Sat, Weekday::Saturday),
    (Day::Sun, Weekday::Sunday),
];

fn weekday(day: Day) -> Weekday {
    DAYS.iter()
        .find(|(written, _)| *written == day)
        .map_or(Weekday::Monday, |(_, weekday)| *weekday)
}

/// The window as it would be written.
pub(super) fn written(window: &ChangeWindow) -> raw::ChangeWindow {
    let time = |time: Time| Some(format!("{:02}:{:02}", time.hour(), time.minute()));
    let day = |weekday: &Weekday| {
        DAYS.iter()
            .find(|(_, other)| other == weekday)
            .map(|(day, _)| *day)
    };
    raw::ChangeWindow {
        timezone: window.timezone.iana_name().map(ToOwned::to_owned),
        days: Some(window.days.iter().filter_map(day).collect()),
        from: time(window.from),
        to: time(window.to),
    }
}
