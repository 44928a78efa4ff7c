//! `ecr-cleanup plan`, and the tables of a plan.

use std::{
    cmp::Reverse,
    fs,
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use comfy_table::Cell;
use ecr_cleanup::{
    config::Mode,
    image::{MediaType, Time},
    plan::{Plan, PlannedImage, RepositoryPlan, Verdict},
    report::{Answer, ExactBytes, Hygiene, RepositoryLine, Size, count, image_lines},
};

use crate::{arguments::Output, exit::Exit, output, session::Session};

/// The most users of an image in a line.
const USERS: usize = 5;
/// The most rows of a table of images.
const ROWS: usize = 200;

/// Shows what would be deleted, and why.
pub(crate) async fn execute(
    all: bool,
    exact_sizes: bool,
    html: Option<&Path>,
    session: &Session,
) -> anyhow::Result<Exit> {
    let prepared = session.plan(Mode::Plan).await?;
    let mut answer = prepared.answer();
    let mut exclusive = None;
    if exact_sizes {
        let reading = prepared.exact_sizes();
        let sizes = session.progress.show_while(reading).await?;
        answer.exact_bytes = Some(sizes.total);
        exclusive = Some(sizes.exclusive);
    }
    if let Some(file) = html {
        let page = prepared.html(&answer, exclusive.as_ref()).await;
        let written = fs::write(file, page);
        written.with_context(|| format!("failed to write `{}`", file.display()))?;
    }
    let exit = answer.status.into();
    let mut out = output::stdout();
    match session.output {
        Output::Table => {
            plan_tables(&mut out, prepared.plan(), &answer, all)?;
            remarks(&mut out, &answer)?;
        }
        Output::Json => output::json(&mut out, &answer.to_json())?,
        Output::Jsonl => image_lines(&mut out, prepared.plan())?,
    }
    Ok(exit)
}

/// Prints the repositories, the candidates and, if `all`, the images that are kept.
pub(crate) fn plan_tables(
    out: &mut impl Write,
    plan: &Plan,
    answer: &Answer,
    all: bool,
) -> io::Result<()> {
    repositories(out, &answer.repositories)?;
    images(out, "To delete", plan, Verdict::deletes)?;
    if all {
        images(out, "Kept", plan, |verdict| !verdict.deletes())?;
    }
    Ok(())
}

fn repositories(out: &mut impl Write, lines: &[RepositoryLine]) -> io::Result<()> {
    let mut table = output::table(&[
        "Repository",
        "Images",
        "In use",
        "Kept",
        "Delete",
        "Reclaimable",
    ]);
    for line in lines {
        let name = match &line.left_alone {
            Some(why) => format!("{} (left alone: {why})", line.name),
            None => line.name.clone(),
        };
        let mut row = vec![Cell::new(name)];
        row.extend([line.images, line.in_use, line.kept, line.candidates].map(output::number));
        row.push(output::number(Size(line.candidate_bytes)));
        table.add_row(row);
    }
    writeln!(out, "{table}\n")
}

fn images(
    out: &mut impl Write,
    title: &str,
    plan: &Plan,
    wanted: impl Fn(&Verdict) -> bool,
) -> io::Result<()> {
    let mut table = output::table(&[title, "Age", "Size", "Why"]);
    let mut omitted: u64 = 0;
    for repository in plan.repositories() {
        let images = repository.images().iter();
        let mut images: Vec<_> = images.filter(|of| wanted(&of.verdict)).collect();
        images.sort_by_key(|planned| (Reverse(planned.image.pushed_at), planned.image.digest));
        for planned in images {
            if table.row_count() < ROWS {
                table.add_row(row(repository, planned, plan.now()));
            } else {
                omitted += 1;
            }
        }
    }
    if table.row_count() > 0 {
        writeln!(out, "{table}\n")?;
    }
    if omitted > 0 {
        writeln!(
            out,
            "... and {omitted} more; `--output jsonl` lists all of them.\n"
        )?;
    }
    Ok(())
}

fn row(repository: &RepositoryPlan, planned: &PlannedImage, now: Time) -> Vec<Cell> {
    let PlannedImage { image, verdict } = planned;
    let size = match image.media_type {
        MediaType::Index => "-".to_owned(),
        _ => Size(image.bytes).to_string(),
    };
    let days = |pushed: Time| format!("{} d", pushed.age(now).as_hours() / 24);
    vec![
        Cell::new(format!("{}{}", repository.title(), image.name())),
        output::number(image.pushed_at.map(days).unwrap_or_default()),
        output::number(size),
        Cell::new(repository.because(verdict).join("\n")),
    ]
}

/// Prints what needs attention, and the summary last.
pub(crate) fn remarks(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    for missing in answer.missing.iter().filter(|missing| missing.live) {
        let users = missing.first_users(USERS);
        writeln!(out, "Missing: {} is used by {users}", missing.title())?;
    }
    for failure in &answer.failures {
        let repositories = failure.repositories.join(", ");
        let (code, message) = (&failure.code, &failure.message);
        writeln!(out, "Failed: {code} ({repositories}): {message}")?;
    }
    for warning in &answer.warnings {
        writeln!(out, "Warning: {warning}")?;
    }
    hygiene(out, &answer.hygiene)?;
    output::unread(out, &answer.unread)?;
    for refusal in &answer.refusals {
        writeln!(out, "Refusal: {refusal}")?;
    }
    if let Some(bytes) = &answer.exact_bytes {
        exact_bytes(out, bytes)?;
    }
    writeln!(out, "{}", answer.summary)
}

fn exact_bytes(out: &mut impl Write, bytes: &ExactBytes) -> io::Result<()> {
    writeln!(
        out,
        "With each layer counted once, {} are stored and {} are reclaimable. AWS counted this as pulls of {}.",
        Size(bytes.scanned),
        Size(bytes.candidates),
        count(bytes.manifests_read, "image", "images")
    )?;
    if bytes.unread > 0 {
        writeln!(
            out,
            "The manifests of {} could not be read. Their layers are counted as if none were shared.",
            count(bytes.unread, "image", "images")
        )?;
    }
    Ok(())
}

/// Prints the tags that moved, and the number of other findings.
fn hygiene(out: &mut impl Write, hygiene: &Hygiene) -> io::Result<()> {
    for moved in &hygiene.moved_tags.first {
        let (image, user) = (&moved.image, &moved.user);
        let (runs, now) = (moved.runs.short(), moved.now.short());
        writeln!(out, "Moved: {image} is {now} now, and {user} runs {runs}")?;
    }
    for idle in &hygiene.kept_by_idle_task_definitions.first {
        let images = count(idle.images as u64, "image", "images");
        writeln!(
            out,
            "Idle: {images} of {} ({}), kept only for old task definitions that nothing runs. Deregister those, or count fewer: `in_use: {{ecs: {{task_definitions: {{newest: 3}}}}}}`",
            idle.repository,
            Size(idle.bytes)
        )?;
    }
    let counts = [
        (
            hygiene.mutable_repositories.count,
            "repository with mutable tags",
            "repositories with mutable tags",
        ),
        (
            hygiene.moved_tags.count,
            "tag moved while in use",
            "tags moved while in use",
        ),
        (
            hygiene.pulled_by_tag.count,
            "image pulled by tag",
            "images pulled by tag",
        ),
        (
            hygiene.unmatched_tags.count,
            "tag without a matching rule",
            "tags without a matching rule",
        ),
        (
            hygiene.unused_repositories.count,
            "unused repository",
            "unused repositories",
        ),
        (
            hygiene.nearly_full_repositories.count,
            "repository at 80 % of the quota of images",
            "repositories at 80 % of the quota of images",
        ),
    ];
    let found: Vec<String> = counts
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, many)| count(number as u64, one, many))
        .collect();
    if found.is_empty() {
        return Ok(());
    }
    writeln!(out, "Hygiene: {}", found.join(", "))
}
