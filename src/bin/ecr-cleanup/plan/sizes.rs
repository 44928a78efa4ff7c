//! What each repository stores and what of it is reclaimable, in bytes and dollars.

use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap, iter::once};

use ecr_cleanup::report::{RepositoryLine, Size, thousands, usd_a_month};

use super::Stored;
use crate::page::{Look, Page};

/// The titles of the columns behind the name of a repository, and their widths.
const COLUMNS: [(&str, usize); 5] = [
    ("Tags", 8),
    ("Stored", 10),
    ("$/month", 10),
    ("Reclaimable", 13),
    ("$/month", 10),
];
/// The same with the growth in a month.
const WITH_GROWTH: [(&str, usize); 6] = [
    ("Tags", 7),
    ("Stored", 10),
    ("$/month", 9),
    ("Growth", 11),
    ("Reclaimable", 13),
    ("$/month", 9),
];

/// Adds a row for each repository, those that store most first; `growth` is that of a month, in
/// bytes, of those of which it is known.
pub(super) fn sizes(page: &mut Page, stored: Stored<'_>, usd: f64, growth: &BTreeMap<String, i64>) {
    let columns: &[(&str, usize)] = if growth.is_empty() {
        &COLUMNS
    } else {
        &WITH_GROWTH
    };
    let mut lines: Vec<&RepositoryLine> = stored.lines.iter().collect();
    lines.sort_by_key(|line| (Reverse(stored.bytes_of(line)[0]), &line.name));
    let width: usize = columns.iter().map(|(_, width)| width).sum();
    let longest = lines.iter().map(|line| line.name.chars().count()).max();
    let room = longest
        .unwrap_or_default()
        .max(20)
        .min(page.terminal.columns - width);
    let titles: Vec<String> = columns
        .iter()
        .map(|(title, _)| (*title).to_owned())
        .collect();
    row(page, room, columns, (Look::Dim, "Repository"), &titles);
    let numbers = |lines: &mut dyn Iterator<Item = &RepositoryLine>| {
        let (mut tags, mut sums, mut grown) = (0, [0, 0], None);
        for line in lines {
            tags += line.tags;
            let [all, reclaimable] = stored.bytes_of(line);
            sums = [sums[0] + all, sums[1] + reclaimable];
            if let Some(more) = growth.get(&line.name) {
                grown = Some(grown.unwrap_or_default() + more);
            }
        }
        let dollars = |bytes| format!("{:.2}", usd_a_month(bytes, usd));
        let mut cells = vec![
            thousands(tags),
            Size(sums[0]).to_string(),
            dollars(sums[0]),
            Size(sums[1]).to_string(),
            dollars(sums[1]),
        ];
        if !growth.is_empty() {
            cells.insert(3, grown.map(signed).unwrap_or_default());
        }
        cells
    };
    for line in &lines {
        let cells = numbers(&mut once(*line));
        row(page, room, columns, (Look::Plain, &line.name), &cells);
    }
    let cells = numbers(&mut stored.lines.iter());
    row(page, room, columns, (Look::Strong, "Total"), &cells);
}

/// Returns a difference in bytes: `+1.2 GB`.
fn signed(bytes: i64) -> String {
    let sign = if bytes < 0 { '-' } else { '+' };
    format!("{sign}{}", Size(bytes.unsigned_abs()))
}

fn row(
    page: &mut Page,
    room: usize,
    columns: &[(&str, usize)],
    (look, name): (Look, &str),
    cells: &[String],
) {
    let name: Cow<'_, str> = page.shortened(name, room);
    let blank = " ".repeat(room.saturating_sub(name.chars().count()));
    let mut text = format!("{name}{blank}");
    for (cell, (_, width)) in cells.iter().zip(columns) {
        text += &format!("{cell:>width$}");
    }
    page.line(&[(look, &text)]);
}
