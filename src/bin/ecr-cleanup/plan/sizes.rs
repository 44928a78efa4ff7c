//! What each repository stores and what of it is reclaimable, in bytes and dollars.

use std::{borrow::Cow, cmp::Reverse, iter::once};

use ecr_cleanup::report::{RepositoryLine, Size, usd_a_month};

use super::Stored;
use crate::page::{Look, Page, thousands};

/// The titles of the columns behind the name of a repository, and their widths.
const COLUMNS: [(&str, usize); 5] = [
    ("Tags", 8),
    ("Stored", 10),
    ("$/month", 10),
    ("Reclaimable", 13),
    ("$/month", 10),
];

/// Adds a row for each repository, those that store most first.
pub(super) fn sizes(page: &mut Page, stored: Stored<'_>, usd: f64) {
    let mut lines: Vec<&RepositoryLine> = stored.lines.iter().collect();
    lines.sort_by_key(|line| (Reverse(stored.bytes_of(line)[0]), &line.name));
    let width: usize = COLUMNS.iter().map(|(_, width)| width).sum();
    let longest = lines.iter().map(|line| line.name.chars().count()).max();
    let room = longest
        .unwrap_or_default()
        .max(20)
        .min(page.terminal.columns - width);
    let titles = COLUMNS.map(|(title, _)| title.to_owned());
    row(page, room, Look::Dim, "Repository", &titles);
    let numbers = |lines: &mut dyn Iterator<Item = &RepositoryLine>| {
        let (mut tags, mut sums) = (0, [0, 0]);
        for line in lines {
            tags += line.tags;
            let [all, reclaimable] = stored.bytes_of(line);
            sums = [sums[0] + all, sums[1] + reclaimable];
        }
        let dollars = |bytes| format!("{:.2}", usd_a_month(bytes, usd));
        [
            thousands(tags),
            Size(sums[0]).to_string(),
            dollars(sums[0]),
            Size(sums[1]).to_string(),
            dollars(sums[1]),
        ]
    };
    for line in &lines {
        row(
            page,
            room,
            Look::Plain,
            &line.name,
            &numbers(&mut once(*line)),
        );
    }
    row(
        page,
        room,
        Look::Strong,
        "Total",
        &numbers(&mut stored.lines.iter()),
    );
}

fn row(page: &mut Page, room: usize, look: Look, name: &str, cells: &[String; 5]) {
    let name: Cow<'_, str> = page.shortened(name, room);
    let blank = " ".repeat(room.saturating_sub(name.chars().count()));
    let mut text = format!("{name}{blank}");
    for (cell, (_, width)) in cells.iter().zip(COLUMNS) {
        text += &format!("{cell:>width$}");
    }
    page.line(&[(look, &text)]);
}
