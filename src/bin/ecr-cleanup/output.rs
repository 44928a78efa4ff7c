//! Tables and JSON on stdout.

use std::{
    fmt::Display,
    io::{self, Stderr, StdoutLock, Write},
};

use anyhow::Context;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use ecr_cleanup::{
    evidence::{SourceStatus, Unread},
    report::{Escaped, count},
};
use serde::Serialize;

use crate::arguments::Output;

/// Returns standard output, for text that may come from outside.
pub(crate) fn stdout() -> Escaped<StdoutLock<'static>> {
    Escaped::new(io::stdout().lock())
}

/// Returns standard error, for text that may come from outside.
pub(crate) fn stderr() -> Escaped<Stderr> {
    Escaped::new(io::stderr())
}

/// Prints a JSON document.
pub(crate) fn json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// Prints JSON on one line.
pub(crate) fn json_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}

/// Prints JSON Lines, one for each value.
pub(crate) fn json_lines<T: Serialize>(
    out: &mut impl Write,
    values: impl IntoIterator<Item = T>,
) -> io::Result<()> {
    values
        .into_iter()
        .try_for_each(|value| json_line(out, &value))
}

/// Prints a value in a format.
pub(crate) fn value(
    out: &mut impl Write,
    format: Output,
    value: &(impl Display + Serialize),
) -> io::Result<()> {
    match format {
        Output::Table => write!(out, "{value}"),
        Output::Json => json(out, value),
        Output::Jsonl => json_line(out, value),
    }
}

/// Returns an empty table.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}

/// Returns a right-aligned cell.
pub(crate) fn number(value: impl Display) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

/// Prints what each usage source read.
pub(crate) fn sources<'a>(
    out: &mut impl Write,
    sources: impl IntoIterator<Item = &'a SourceStatus>,
) -> io::Result<()> {
    for source in sources {
        write!(out, "{source}")?;
        if let Some(cluster) = &source.cluster {
            write!(out, ", cluster {cluster}")?;
        }
        let references = count(source.references as u64, "reference", "references");
        match (source.error(), &source.note) {
            (Some(error), _) => writeln!(out, ": INCOMPLETE: {error}")?,
            (None, Some(note)) => writeln!(out, ": {note}")?,
            (None, None) => writeln!(out, ": read completely, {references}")?,
        }
    }
    Ok(())
}

/// Prints what was not read, and what would read it.
pub(crate) fn unread<'a>(
    out: &mut impl Write,
    unread: impl IntoIterator<Item = &'a Unread>,
) -> io::Result<()> {
    unread
        .into_iter()
        .try_for_each(|unread| writeln!(out, "Not read: {unread}"))
}

/// Asks a question on stderr, and returns whether the answer is `yes`.
pub(crate) fn confirmed(question: &str) -> anyhow::Result<bool> {
    let mut err = stderr();
    write!(err, "{question} Type `yes` to continue: ")?;
    err.flush()?;
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.context("failed to read the answer")?;
    Ok(answer.trim() == "yes")
}
