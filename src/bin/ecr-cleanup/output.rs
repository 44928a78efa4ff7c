//! Texts and JSON on stdout.

use std::{
    collections::BTreeMap,
    fmt::Display,
    io::{self, IsTerminal, Stderr, StdoutLock, Write},
};

use anyhow::Context;
use ecr_cleanup::{
    evidence::{SourceStatus, Unread, UnreadGroup},
    report::{Answer, Escaped, count},
};
use serde::Serialize;

use crate::{
    arguments::Output,
    exit::UsageError,
    interrupt,
    page::{Look, Page},
    rows::{Rows, literal},
    terminal::Terminal,
};

/// Returns standard output, for text that may come from outside.
pub(crate) fn stdout() -> Escaped<StdoutLock<'static>> {
    Escaped::new(io::stdout().lock())
}

/// Returns standard error, for text that may come from outside.
pub(crate) fn stderr() -> Escaped<Stderr> {
    Escaped::new(io::stderr())
}

/// Warns on standard error.
pub(crate) fn warn(text: &str) -> io::Result<()> {
    let mut page = Page::new(Terminal::of_stderr());
    page.paragraph((Look::Alone, "Warning: "), 2, Look::Plain, text);
    page.print_to_stderr()
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

/// Prints what an answer says in a few sentences, and a table, as Markdown.
pub(crate) fn markdown(out: &mut impl Write, answer: &Answer, rows: &Rows) -> io::Result<()> {
    writeln!(out, "**{}**\n", literal(&answer.result))?;
    rows.markdown(out)?;
    for refusal in &answer.refusals {
        writeln!(out, "\nRefused: {}", literal(&refusal.to_string()))?;
    }
    Ok(())
}

/// Prints a value in a format.
pub(crate) fn value(
    out: &mut impl Write,
    format: Output,
    value: &(impl Display + Serialize),
) -> io::Result<()> {
    match format {
        Output::Json => json(out, value),
        Output::Jsonl => json_line(out, value),
        _ => write!(out, "{value}"),
    }
}

/// Adds what each usage source read: those that are complete on a line for each location.
pub(crate) fn sources<'a>(page: &mut Page, sources: impl IntoIterator<Item = &'a SourceStatus>) {
    let mut complete: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources {
        let cluster = source.cluster.as_ref();
        let cluster = cluster
            .map(|cluster| format!(", cluster {cluster}"))
            .unwrap_or_default();
        match (source.error(), &source.note) {
            (Some(error), _) => {
                let text = format!("{source}{cluster}: {error}");
                page.paragraph((Look::Delete, "Incomplete: "), 2, Look::Plain, &text);
            }
            (None, Some(note)) => {
                let text = format!("{source}{cluster}: {note}");
                page.paragraph((Look::Plain, ""), 2, Look::Plain, &text);
            }
            (None, None) => {
                let found = match source.references as u64 {
                    0 => "nothing".to_owned(),
                    references => count(references, "reference", "references"),
                };
                let text = format!("{}{cluster} ({found})", source.source);
                complete
                    .entry(source.location.to_string())
                    .or_default()
                    .push(text);
            }
        }
    }
    for (location, sources) in complete {
        let label = format!("Read completely in {location}: ");
        page.paragraph((Look::Dim, &label), 2, Look::Dim, &sources.join(", "));
    }
}

/// Adds what was not read, and what would read it.
pub(crate) fn unread<'a>(page: &mut Page, unread: impl IntoIterator<Item = &'a Unread>) {
    for group in UnreadGroup::of(unread) {
        let label = (Look::Alone, "Not read: ");
        page.paragraph(label, 2, Look::Plain, &group.to_string());
    }
}

/// Checks that a question can be asked, before anything is read for it.
pub(crate) fn check_can_ask() -> Result<(), UsageError> {
    if io::stdin().is_terminal() {
        Ok(())
    } else {
        Err(UsageError::NotATerminal)
    }
}

/// Asks a question on stderr, and returns whether the answer is `yes`.
pub(crate) fn confirmed(question: &str) -> anyhow::Result<bool> {
    typed(
        &format!("{question} Type `yes` to continue:"),
        &["yes".to_owned()],
    )
}

/// Asks a question on stderr, and returns whether the answer is these words.
pub(crate) fn typed(question: &str, words: &[String]) -> anyhow::Result<bool> {
    let mut page = Page::new(Terminal::of_stderr());
    page.paragraph((Look::Plain, ""), 0, Look::Plain, question);
    let mut answer = String::new();
    let read = interrupt::asking(|| {
        page.ask()?;
        io::stdin().read_line(&mut answer)
    });
    read.context("failed to read the answer")?;
    Ok(answer.split_whitespace().eq(words))
}
