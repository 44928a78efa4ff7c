//! `ecr-cleanup in-use`

use std::{collections::BTreeSet, io::Write, sync::Arc};

use ecr_cleanup::{
    evidence::{Reference, UsageIndex, User},
    pipeline::PublishError,
    policy::RepositoryGlobs,
    stop_time::StopTime,
};
use serde_json::{Value, json};

use crate::{
    arguments::Output,
    exit::{Exit, UsageError},
    output,
    page::{Look, Page},
    rows::Rows,
    session::Session,
};

/// Shows which images are in use, and by what; `publish` writes it down for other accounts too.
pub(crate) async fn execute(publish: bool, session: &Session) -> anyhow::Result<Exit> {
    session.introduce("reads only").await?;
    let usage = if publish {
        let never = StopTime::default();
        let publishing = session.program.publish_evidence(&never);
        let published = session.progress.show_while(publishing).await;
        let published = published.map_err(|error| match error {
            PublishError::NoPublish => UsageError::Publish(error).into(),
            error => anyhow::Error::from(error),
        })?;
        writeln!(output::stderr(), "{}", published.summary())?;
        published.usage
    } else {
        let reading = session.program.in_use();
        session.progress.show_while(reading).await?
    };
    let names: Vec<&str> = usage
        .references()
        .filter_map(|(it, _)| repository(it))
        .collect();
    session.check_globs(&names, " with an image in use")?;
    let only = session.repositories();
    let mut out = output::stdout();
    match session.output {
        Output::Table => {
            let mut page = session.page();
            images(&mut page, &usage, only);
            page.show()?;
        }
        Output::Json => {
            let references: Vec<Value> = references(&usage, only).collect();
            let unread: Vec<_> = usage.unread().collect();
            let document =
                json!({"in_use": usage.sources(), "unread": unread, "references": references});
            output::json(&mut out, &document)?;
        }
        Output::Jsonl => output::json_lines(&mut out, references(&usage, only))?,
        Output::Csv => rows(&usage, only).csv(&mut out)?,
        Output::Markdown => rows(&usage, only).markdown(&mut out)?,
    }
    Ok(if usage.is_complete() {
        Exit::Done
    } else {
        Exit::Internal
    })
}

/// Adds each image with its users below it.
fn images(page: &mut Page, usage: &UsageIndex, only: Option<&RepositoryGlobs>) {
    for (reference, users) in selected(usage, only) {
        page.line(&[(Look::InUse, &reference.short())]);
        // A user may name an image twice: for now, and for later.
        let users: BTreeSet<String> = users.iter().map(ToString::to_string).collect();
        for user in users {
            page.paragraph((Look::Plain, "  "), 4, Look::Plain, &user);
        }
    }
    page.gap();
    output::sources(page, usage.sources());
    output::unread(page, usage.unread());
}

/// Returns each image with each of its users.
fn rows(usage: &UsageIndex, only: Option<&RepositoryGlobs>) -> Rows {
    let rows = selected(usage, only).flat_map(|(reference, users)| {
        let users = users.iter();
        users.map(move |user| {
            [
                reference.to_string(),
                user.to_string(),
                user.live.to_string(),
            ]
        })
    });
    Rows::new(["image", "user", "live"], rows)
}

fn references(usage: &UsageIndex, only: Option<&RepositoryGlobs>) -> impl Iterator<Item = Value> {
    selected(usage, only).map(|(reference, users)| json!({"image": reference, "users": users}))
}

/// Returns what is in use in some repositories. A digest alone may be in any.
fn selected<'a>(
    usage: &'a UsageIndex,
    only: Option<&RepositoryGlobs>,
) -> impl Iterator<Item = (&'a Reference, &'a BTreeSet<Arc<User>>)> {
    usage.references().filter(move |(reference, _)| {
        let name = repository(reference);
        only.zip(name).is_none_or(|(only, name)| only.matches(name))
    })
}

/// Returns the repository that a reference names.
pub(crate) fn repository(reference: &Reference) -> Option<&str> {
    match reference {
        Reference::Image(image) => Some(&image.repository),
        Reference::Repository(name) => Some(name),
        Reference::Digest(_) => None,
    }
}
