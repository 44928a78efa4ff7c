//! `ecr-cleanup explain`

use ecr_cleanup::{
    config::Mode,
    image::Time,
    pipeline::{Planned, Request, Soak},
    plan::Explanation,
    policy::RepositoryGlobs,
    report::{Size, count},
};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    arguments::Output,
    exit::Exit,
    output,
    page::{Look, Page},
    session::Session,
};

/// The most users that are named without being asked for.
const NAMED: usize = 5;

/// Explains why an image is kept or would be deleted. Reads its repository alone, unless that
/// depends on others.
pub(crate) async fn execute(image: &str, users: bool, session: &Session) -> anyhow::Result<Exit> {
    let image = session.image(image)?;
    session.introduce("reads only").await?;
    let name = image.reference.repository.to_string();
    let alone = Request {
        only: RepositoryGlobs::new(&[name]).ok(),
        ..session.request(Mode::Plan)
    };
    let mut planned = session.plan_for(alone).await?;
    let mut explanation = planned.explain(&image);
    if planned.depends_on_others(&explanation) {
        planned = session.plan(Mode::Plan).await?;
        explanation = planned.explain(&image);
    }
    let exists = explanation.digest.is_some();
    if session.output == Output::Table {
        let mut page = session.page();
        add(&mut page, &planned, &explanation, users);
        if let Some(near) = planned.nearest(&image).filter(|_| !exists) {
            let text = format!("did you mean `{near}`?");
            page.paragraph((Look::Plain, "  "), 4, Look::Plain, &text);
        }
        page.show()?;
    } else {
        output::value(&mut output::stdout(), session.output, &explanation)?;
    }
    Ok(if exists { Exit::Done } else { Exit::Internal })
}

/// Adds an explanation, and those of the image of the same name in other registries.
fn add(page: &mut Page, planned: &Planned<'_>, explanation: &Explanation, users: bool) {
    page.gap();
    let (look, outcome) = match (
        explanation.digest,
        explanation.deletes,
        explanation.archives,
    ) {
        (None, ..) if !is_there(planned, &explanation.repository) => {
            (Look::Alone, "is no repository here")
        }
        (None, ..) => (Look::Alone, "does not have this image"),
        (_, true, _) => (Look::Delete, "would be deleted"),
        (_, _, true) => (Look::Delete, "would be archived"),
        (_, false, false) => (Look::InUse, "is kept"),
    };
    let host = explanation.host.as_ref().map(|host| format!("{host}/"));
    let name = match (explanation.digest, explanation.tags.first()) {
        (Some(_), Some(tag)) => format!(":{tag}"),
        (Some(digest), None) => format!("@{}", digest.short()),
        (None, _) => String::new(),
    };
    let name = format!(
        "{}{}{name}",
        host.unwrap_or_default(),
        explanation.repository
    );
    page.line(&[(Look::Strong, &name), (Look::Plain, " "), (look, outcome)]);
    for because in &explanation.because {
        page.paragraph((Look::Plain, "  "), 4, Look::Plain, because);
    }
    facts(page, planned, explanation, users);
    for other in &explanation.also {
        add(page, planned, other, users);
    }
}

fn is_there(planned: &Planned<'_>, repository: &str) -> bool {
    let mut all = planned.plan().repositories().iter();
    all.any(|it| &**it.name() == repository)
}

fn facts(page: &mut Page, planned: &Planned<'_>, explanation: &Explanation, users: bool) {
    let Some((facts, digest)) = planned.explained(explanation).zip(explanation.digest) else {
        return;
    };
    if let Some(miss) = &facts.near_miss {
        page.paragraph((Look::Plain, "  "), 4, Look::Plain, &miss.to_string());
    }
    if let Some(soak) = facts.soak {
        page.paragraph((Look::Plain, "  "), 4, Look::Alone, &soaking(soak));
    }
    page.line(&[(Look::Dim, "  digest "), (Look::Plain, &digest.to_string())]);
    let tags = match explanation.tags.as_slice() {
        [] => "none".to_owned(),
        tags => tags.join(", "),
    };
    let now = planned.plan().now();
    let pushed = facts
        .pushed_at
        .map_or_else(|| "unknown".to_owned(), |at| ago(at, now));
    let pulled = facts.pulled_at.map(|at| ago(at, now));
    for (name, value) in [
        ("tags", tags),
        ("pushed", pushed),
        (
            "pulled",
            pulled.unwrap_or_else(|| "never, as far as is known".to_owned()),
        ),
        ("size", Size(facts.bytes).to_string()),
        ("rules", facts.policy.unwrap_or_else(|| "none".to_owned())),
    ] {
        page.paragraph((Look::Dim, &format!("  {name:6} ")), 9, Look::Plain, &value);
    }
    let most = if users { usize::MAX } else { NAMED };
    for user in facts.users.iter().take(most) {
        page.paragraph((Look::Dim, "  used by "), 12, Look::InUse, user);
    }
    if let Some(more @ 1..) = facts.users.len().checked_sub(most) {
        let more = count(more as u64, "other", "others");
        let text = format!("{more}: `--users` shows all");
        page.paragraph((Look::Dim, "  used by "), 12, Look::Plain, &text);
    }
}

/// Returns how long ago something was.
fn ago(at: Time, now: Time) -> String {
    match at.age(now).as_hours() {
        hours @ 48.. => format!("{} d ago", hours / 24),
        hours @ 1.. => format!("{hours} h ago"),
        _ => "less than an hour ago".to_owned(),
    }
}

fn soaking(soak: Soak) -> String {
    match soak {
        Soak::Until(until) => {
            let at = Timestamp::from_millisecond(until.millis()).unwrap_or_default();
            let date = at.to_zoned(TimeZone::UTC).strftime("%-d %B");
            format!("`guards.soak` keeps it until {date}")
        }
        Soak::NotBegun(soak) => format!(
            "`guards.soak` keeps it for {} after a run has seen it as a candidate",
            count(soak.as_hours().unsigned_abs() / 24, "day", "days")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soak_ends_on_a_day() {
        let until = Time::from_millis(1_796_428_800_000).unwrap();
        let expected = "`guards.soak` keeps it until 5 December";
        assert_eq!(soaking(Soak::Until(until)), expected);
        let week = jiff::SignedDuration::from_hours(7 * 24);
        let expected = "`guards.soak` keeps it for 7 days after a run has seen it as a candidate";
        assert_eq!(soaking(Soak::NotBegun(week)), expected);
    }
}
