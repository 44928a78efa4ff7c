//! What the command prints.

use std::{
    collections::BTreeSet,
    fmt::Display,
    io::{self, Write},
};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use ecr_cleanup::{
    image::{Image, MediaType, Time},
    plan::{Explanation, Plan, RepositoryPlan, Threat, Verdict},
    report::{Answer, Hygiene},
    usage::Usage,
    verify::Verification,
};
use serde_json::json;

use crate::arguments::Output;

/// How many rows a table of images has at most.
const ROWS: usize = 200;

/// Prints a JSON document.
pub(crate) fn json(out: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// Prints what happens to the repositories, the images that go and, if asked for, those that stay.
pub(crate) fn plan_tables(
    out: &mut impl Write,
    plan: &Plan,
    answer: &Answer,
    all: bool,
) -> io::Result<()> {
    let mut table = table(&[
        "Repository",
        "Images",
        "In use",
        "Stay",
        "Go",
        "Size of those",
    ]);
    for line in &answer.repositories {
        let note = line
            .left_alone
            .as_ref()
            .map(|why| format!(" (left alone: {why})"))
            .unwrap_or_default();
        let mut row = vec![Cell::new(format!("{}{note}", line.name))];
        row.extend([line.images, line.in_use, line.kept, line.candidates].map(number));
        row.push(number(size(line.candidate_bytes)));
        table.add_row(row);
    }
    writeln!(out, "{table}\n")?;
    images(out, "Images that go", plan, Verdict::deletes)?;
    if all {
        images(out, "Images that stay", plan, |verdict| !verdict.deletes())?;
    }
    remarks(out, answer)
}

fn images(
    out: &mut impl Write,
    title: &str,
    plan: &Plan,
    wanted: impl Fn(&Verdict) -> bool,
) -> io::Result<()> {
    let rows = plan.repositories.iter().flat_map(|repository| {
        let mut rows: Vec<_> = repository
            .images()
            .filter(|(_, verdict)| wanted(verdict))
            .collect();
        rows.sort_by_key(|(image, _)| (std::cmp::Reverse(image.pushed_at), image.digest));
        rows.into_iter()
            .map(move |(image, verdict)| row(repository, image, verdict, plan.now))
    });
    let mut table = table(&[title, "Age", "Size", "Why"]);
    let mut left_out = 0;
    for (position, row) in rows.enumerate() {
        if position < ROWS {
            table.add_row(row);
        } else {
            left_out += 1;
        }
    }
    if table.row_count() > 0 {
        writeln!(out, "{table}\n")?;
    }
    if left_out > 0 {
        writeln!(
            out,
            "... and {left_out} more; `--output jsonl` lists all of them.\n"
        )?;
    }
    Ok(())
}

fn row(repository: &RepositoryPlan, image: &Image, verdict: &Verdict, now: Time) -> Vec<Cell> {
    let bytes = if image.media_type == MediaType::Index {
        "-".to_owned()
    } else {
        size(image.bytes)
    };
    let days = image
        .pushed_at
        .map(|time| format!("{} d", time.age(now).as_hours() / 24));
    vec![
        Cell::new(format!("{}{}", repository.title(), image.name())),
        number(days.unwrap_or_default()),
        number(bytes),
        Cell::new(repository.because(verdict).join("\n")),
    ]
}

/// Prints what somebody should know besides the numbers, and the summary last.
pub(crate) fn remarks(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    for missing in answer.missing.iter().filter(|missing| missing.live) {
        writeln!(
            out,
            "Missing: {} is used by {}",
            missing.title(),
            missing.users.join(", ")
        )?;
    }
    for failure in &answer.failures {
        let places = failure.repositories.join(", ");
        writeln!(
            out,
            "Failed: {} ({places}): {}",
            failure.code, failure.message
        )?;
    }
    for warning in &answer.warnings {
        writeln!(out, "Warning: {warning}")?;
    }
    hygiene(out, &answer.hygiene)?;
    for refusal in &answer.refusals {
        writeln!(out, "Refusal: {refusal}")?;
    }
    if let Some(exact) = &answer.exact_bytes {
        writeln!(
            out,
            "Each layer counted once, {} are stored and {} of that would be freed. AWS has counted this as pulls of {} images.",
            size(exact.scanned),
            size(exact.candidates),
            exact.manifests_read
        )?;
        if exact.unread > 0 {
            writeln!(
                out,
                "{} images could not be read and count as if they shared no layer.",
                exact.unread
            )?;
        }
    }
    writeln!(out, "{}", answer.summary)
}

/// Prints which tags moved, and how many there are of what else is hard to follow.
fn hygiene(out: &mut impl Write, hygiene: &Hygiene) -> io::Result<()> {
    for moved in &hygiene.moved_tags.first {
        let (runs, now) = (moved.runs.short(), moved.now.short());
        writeln!(
            out,
            "Moved: {} is {now} now, and {} runs {runs}",
            moved.image, moved.user
        )?;
    }
    let counts = [
        (
            hygiene.mutable_repositories.count,
            "repositories with tags that can be moved",
        ),
        (hygiene.moved_tags.count, "tags moved under what runs"),
        (
            hygiene.pulled_by_tag.count,
            "images pulled by tag and not by digest",
        ),
        (hygiene.unmatched_tags.count, "tags that no rule is about"),
    ];
    let found = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"));
    let found: Vec<String> = found.collect();
    if found.is_empty() {
        Ok(())
    } else {
        writeln!(out, "Hygiene: {}", found.join(", "))
    }
}

/// Prints which images are in use, by whom.
pub(crate) fn usage_table(out: &mut impl Write, usage: &Usage) -> io::Result<()> {
    let mut table = table(&["Image", "Used by"]);
    for (reference, users) in usage.references() {
        // The same thing may use an image now and name it elsewhere for later.
        let users: BTreeSet<String> = users.iter().map(ToString::to_string).collect();
        let users: Vec<String> = users.into_iter().collect();
        table.add_row([reference.short(), users.join("\n")]);
    }
    writeln!(out, "{table}")?;
    usage_coverage(out, usage)
}

/// Prints where use was looked for, and what came of it.
pub(crate) fn usage_coverage(out: &mut impl Write, usage: &Usage) -> io::Result<()> {
    for coverage in usage.coverage() {
        let cluster = coverage
            .cluster
            .as_ref()
            .map(|cluster| format!(", cluster {cluster}"))
            .unwrap_or_default();
        let place = format!(
            "{} in {} {}{cluster}",
            coverage.source, coverage.account, coverage.region
        );
        match (&coverage.error, &coverage.note) {
            (None, Some(note)) => writeln!(out, "{place}: {note}")?,
            (None, None) => writeln!(
                out,
                "{place}: read completely, {} references",
                coverage.references
            )?,
            (Some(error), _) => writeln!(out, "{place}: INCOMPLETE: {error}")?,
        }
    }
    Ok(())
}

/// Which images are in use as JSON values, one a reference.
pub(crate) fn usage_values(usage: &Usage) -> impl Iterator<Item = serde_json::Value> {
    usage
        .references()
        .map(|(reference, users)| json!({"image": reference, "users": users}))
}

/// Prints why an image stays or goes.
pub(crate) fn explanation(out: &mut impl Write, explanation: &Explanation) -> io::Result<()> {
    write!(out, "{explanation}")
}

/// Prints what lifecycle policies may do to images that stay.
pub(crate) fn threats(
    out: &mut impl Write,
    found: &[(String, Result<Vec<Threat>, String>)],
    output: Output,
) -> io::Result<()> {
    let known = || {
        found
            .iter()
            .filter_map(|(_, threats)| threats.as_ref().ok())
            .flatten()
    };
    let unknown = || {
        found
            .iter()
            .filter_map(|(name, threats)| Some((name, threats.as_ref().err()?)))
    };
    match output {
        Output::Table => {
            let mut table = table(&[
                "Image that stays",
                "In use",
                "Lifecycle rule",
                "Why it stays",
            ]);
            for threat in known() {
                let in_use = if threat.in_use { "yes" } else { "" };
                let rule = format!("{}: {}", threat.rule, threat.action);
                table.add_row([
                    threat.image.clone(),
                    in_use.to_owned(),
                    rule,
                    threat.because.join("\n"),
                ]);
            }
            if table.row_count() > 0 {
                writeln!(out, "{table}")?;
            }
            for (name, problem) in unknown() {
                writeln!(out, "Unknown: the lifecycle policy of `{name}`: {problem}")?;
            }
            let in_use = known().filter(|threat| threat.in_use).count();
            writeln!(
                out,
                "{} repositories have lifecycle policies of their own. They may take {} images that stay, {in_use} of them in use.",
                found.len(),
                known().count()
            )
        }
        Output::Jsonl => known().try_for_each(|threat| writeln!(out, "{}", json!(threat))),
        Output::Json | Output::KeepList => {
            let unknown: Vec<_> = unknown()
                .map(|(name, problem)| json!({"repository": name, "problem": problem}))
                .collect();
            json(
                out,
                &json!({"threats": known().collect::<Vec<_>>(), "unknown": unknown}),
            )
        }
    }
}

/// Prints which images in use cannot be pulled, and what could not be asked.
pub(crate) fn verification(out: &mut impl Write, verification: &Verification) -> io::Result<()> {
    let mut table = table(&["Image in use", "Problem", "Used by"]);
    for missing in &verification.missing {
        let problem = if missing.live {
            missing.problem.to_string()
        } else {
            format!("{}; kept for later", missing.problem)
        };
        table.add_row([missing.title(), problem, missing.users.join("\n")]);
    }
    if table.row_count() > 0 {
        writeln!(out, "{table}")?;
    }
    for (repository, why) in &verification.not_asked {
        writeln!(out, "Could not ask for `{repository}`: {why}")?;
    }
    for coverage in verification
        .in_use
        .iter()
        .filter(|coverage| !coverage.complete)
    {
        let error = coverage.error.as_deref().unwrap_or_default();
        writeln!(
            out,
            "{} in {} {}: INCOMPLETE: {error}",
            coverage.source, coverage.account, coverage.region
        )?;
    }
    writeln!(out, "{}", verification.summary)
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}

fn number(value: impl Display) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

#[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
fn size(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1_048_576.0;
    if megabytes < 1024.0 {
        format!("{megabytes:.1} MB")
    } else {
        format!("{:.2} GB", megabytes / 1024.0)
    }
}
