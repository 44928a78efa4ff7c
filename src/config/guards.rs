//! Guards: what is written, checked and compiled.

use jiff::{
    civil::{Time, Weekday},
    tz::TimeZone,
};
use strum::VariantArray;

use super::{
    path::Path,
    problems::Problems,
    raw::{self, Day},
    registry,
    text::TextError,
};
use crate::{
    guard::{ChangeWindow, Guards, PullGuard},
    image::AccountId,
};

/// Problem of a `soak` without a state store.
pub(super) const SOAK_NEEDS_STATE: &str =
    "needs `state`, where it is written down since when images are candidates";

/// Returns the guards as they are written; some need the state store.
pub(super) fn compile(
    written: &raw::Guards,
    has_state: bool,
    problems: &mut Problems,
) -> Option<Guards> {
    let path = Path::of("guards");
    let soak = written.soak.0;
    if !soak.is_zero() && !has_state {
        problems.add(&path.key("soak"), SOAK_NEEDS_STATE);
    }
    let accounts = path.key("expected_accounts");
    let accounts = problems.all_parsed(&accounts, &written.expected_accounts, registry::account);
    let trusted = path.key("trusted_pullers");
    let pullers = problems.all_parsed(&trusted, &written.trusted_pullers, puller);
    let trusted = problems.distinct(&trusted, pullers);
    let window = written.change_window.as_ref();
    let window = window.map(|window| change_window(window, &path.key("change_window"), problems));
    Some(Guards {
        expected_accounts: accounts.into_iter().map(|(_, account)| account).collect(),
        allow_no_usage: written.allow_no_usage,
        max_deletions_per_run: written.max_deletions_per_run,
        max_percent_per_repository: written.max_percent_per_repository,
        max_usage_drop_percent: written.max_usage_drop_percent,
        min_usage_drop: usize::try_from(written.min_usage_drop).unwrap_or(usize::MAX),
        unread_pull_accounts: written.unread_pull_accounts,
        trusted_pullers: trusted.into_iter().collect(),
        unexplained_pulls: PullGuard {
            within: written.unexplained_pulls.within.0,
            action: written.unexplained_pulls.action,
        },
        soak,
        evidence_max_age: written.evidence_max_age.0,
        change_window: match window {
            Some(window) => Some(window?),
            None => None,
        },
    })
}

/// Reads who may pull without being read. A service has no letter case.
fn puller(text: &str) -> Result<String, TextError> {
    let is_account = text.parse::<AccountId>().is_ok();
    let is_organization = text.strip_prefix("o-").is_some_and(|rest| {
        let id = rest.split('/').next().unwrap_or_default();
        !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    let is_word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if is_account || is_organization || text == "*" || text.starts_with("arn:") {
        Ok(text.to_owned())
    } else if text.contains('.') && text.split('.').all(is_word) {
        Ok(text.to_ascii_lowercase())
    } else if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        // The canonical id of an account.
        Ok(text.to_owned())
    } else {
        let expected = "an account id, an organization such as `o-example`, a service such as `codebuild.amazonaws.com`, an ARN or `*`";
        Err(TextError::new(expected, text))
    }
}

fn change_window(
    written: &raw::ChangeWindow,
    path: &Path,
    problems: &mut Problems,
) -> Option<ChangeWindow> {
    let timezone = problems.required(path, "timezone", written.timezone.as_ref());
    let days = problems.required(path, "days", written.days.as_ref());
    let from = problems.required(path, "from", written.from.as_ref());
    let to = problems.required(path, "to", written.to.as_ref());
    if days.is_some_and(|days| days.0.is_empty()) {
        problems.add(
            &path.key("days"),
            "expected a day; leave `change_window` out to delete at any time",
        );
    }
    let timezone = timezone.map(|name| problems.parsed(&path.key("timezone"), time_zone(name)));
    let from = from.map(|text| problems.parsed(&path.key("from"), time(text)));
    let to = to.map(|text| problems.parsed(&path.key("to"), time(text)));
    Some(ChangeWindow {
        timezone: timezone?.ok()?,
        days: days?.items().filter_map(|(_, day)| weekday(*day)).collect(),
        from: from?.ok()?,
        to: to?.ok()?,
    })
}

fn time_zone(name: &str) -> Result<TimeZone, TextError> {
    let expected = "the IANA name of a time zone, such as `Europe/Berlin`";
    TimeZone::get(name).map_err(|_| TextError::new(expected, name))
}

/// Reads a time of day as `HH:MM`.
fn time(text: &str) -> Result<Time, TextError> {
    let has_form = text.len() == 5 && text.find(':') == Some(2);
    let time = text.parse().ok().filter(|_| has_form);
    time.ok_or_else(|| TextError::new("a time of day such as `\"08:00\"`", text))
}

fn weekday(day: Day) -> Option<Weekday> {
    Weekday::Monday.cycle_forward().nth(day as usize)
}

/// Returns the window as it would be written.
pub(super) fn written(window: &ChangeWindow) -> raw::ChangeWindow {
    let time = |time: Time| Some(time.strftime("%H:%M").to_string());
    let day = |of: &Weekday| {
        let mut days = Day::VARIANTS.iter().copied();
        days.find(|day| weekday(*day) == Some(*of))
    };
    raw::ChangeWindow {
        timezone: window.timezone.iana_name().map(ToOwned::to_owned),
        days: Some(window.days.iter().filter_map(day).collect()),
        from: time(window.from),
        to: time(window.to),
    }
}
