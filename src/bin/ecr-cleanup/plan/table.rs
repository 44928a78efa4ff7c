//! The repositories of a plan: a row for each, largest reclaim first, with a line for each reason.

use std::{cmp::Reverse, collections::HashMap, iter::once};

use ecr_cleanup::{
    image::{Image, MediaType, Time},
    plan::{Plan, PlannedImage, ReasonGroup, RepositoryPlan, Verdict},
    report::{Answer, ExactBytes, RepositoryLine, Size, count, own_bytes, thousands},
};

use crate::{
    page::{Look, Page},
    terminal::Terminal,
};

/// The widths of the columns behind the name of a repository.
const COLUMNS: [usize; 4] = [8, 9, 9, 13];
/// The images that are named at each end of a reason.
const NAMED: usize = 3;
/// The lines of two screens that are for the titles, what is folded, and the totals.
const FIXED: usize = 6;

/// The repositories of an answer, with exact sizes where they were read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(super) lines: &'a [RepositoryLine],
    pub(super) exact: Option<&'a ExactBytes>,
}

impl<'a> From<&'a Answer> for Stored<'a> {
    fn from(answer: &'a Answer) -> Self {
        Self {
            lines: &answer.repositories,
            exact: answer.exact_bytes.as_ref(),
        }
    }
}

impl Stored<'_> {
    /// Returns the bytes that a repository stores, and those that are reclaimable: exact ones, or
    /// an upper bound, since images share layers.
    pub(super) fn bytes_of(&self, line: &RepositoryLine) -> [u64; 2] {
        let exact = self
            .exact
            .and_then(|exact| exact.repositories.get(&line.name));
        exact.copied().unwrap_or([line.bytes, line.candidate_bytes])
    }
}

/// Rows of numbers, under titles.
struct Table<'a> {
    stored: Stored<'a>,
    /// The columns of a name.
    name: usize,
}

/// What is shown of the repositories.
struct Shown<'a> {
    plans: HashMap<String, &'a RepositoryPlan>,
    now: Time,
    /// Whether every image is.
    all: bool,
}

/// Adds the repositories. Unless `all`, they take two screens at the most: those that reclaim most
/// have their reasons, the next ones a row, and the others are folded.
pub(crate) fn repositories(page: &mut Page, plan: &Plan, stored: Stored<'_>, all: bool) {
    let plans = plan.repositories().iter();
    let shown = Shown {
        plans: plans.map(|it| (it.title(), it)).collect(),
        now: plan.now(),
        all,
    };
    let mut lines: Vec<&RepositoryLine> = stored.lines.iter().collect();
    lines.sort_by_key(|line| Reverse(stored.bytes_of(line)[1]));
    let lines = lines.into_iter();
    let (deleting, others): (Vec<_>, Vec<_>) = lines.partition(|line| line.candidates > 0);
    let (alone, idle): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|line| line.left_alone.is_some());
    let details = shown.details(page.terminal, &deleting);
    let (rows, folded) = deleting.split_at(details.len());
    let others: [&[&RepositoryLine]; 2] = if all { [&idle, &alone] } else { [&[]; 2] };
    let table = Table::of(
        page,
        stored,
        rows.iter().chain(others.into_iter().flatten()),
    );
    table.titles(page, plan.is_archiving_all());
    for (line, details) in rows.iter().zip(&details) {
        table.row(page, Look::Strong, &line.name, once(*line));
        page.append(details);
    }
    for (lines, look) in others.into_iter().zip([Look::Strong, Look::Alone]) {
        for line in lines {
            table.row(page, look, &line.name, once(*line));
            page.append(&shown.of(page.terminal, line));
        }
    }
    table.fold(page, Look::Plain, folded, "with less, see --all");
    if !all {
        table.fold(page, Look::Dim, &idle, "with nothing to delete");
        table.fold(page, Look::Alone, &alone, "left alone");
    }
    table.row(page, Look::Strong, "Total", stored.lines.iter());
}

impl Shown<'_> {
    /// Returns what stands below the row of each repository that has one. Nothing does where there
    /// is no more room for it.
    fn details(&self, terminal: Terminal, lines: &[&RepositoryLine]) -> Vec<Page> {
        let budget = if self.all {
            usize::MAX
        } else {
            (2 * terminal.lines).saturating_sub(FIXED)
        };
        let rows = lines.len().min(budget / 2);
        let mut left = budget - rows;
        let mut details = Vec::new();
        for line in &lines[..rows] {
            let below = self.of(terminal, line);
            let fits = below.line_count() <= left;
            left -= if fits { below.line_count() } else { 0 };
            details.push(if fits { below } else { Page::new(terminal) });
        }
        let rows = lines.len().min(rows.saturating_add(left));
        details.resize_with(rows, || Page::new(terminal));
        details
    }

    /// Returns what stands below the row of a repository.
    fn of(&self, terminal: Terminal, line: &RepositoryLine) -> Page {
        let mut page = Page::new(terminal);
        if let Some(repository) = self.plans.get(&line.name) {
            if self.all {
                every_image(&mut page, repository, self.now);
            } else {
                reasons(&mut page, repository, self.now);
            }
        }
        page
    }
}

impl<'t> Table<'t> {
    /// Returns a table with room for the longest name, or as much as there is.
    fn of<'a>(
        page: &Page,
        stored: Stored<'t>,
        shown: impl Iterator<Item = &'a &'a RepositoryLine>,
    ) -> Self {
        let longest = shown.map(|line| line.name.chars().count()).max();
        let room = page.terminal.columns - COLUMNS.iter().sum::<usize>();
        Self {
            stored,
            name: longest.unwrap_or_default().max(41).min(room),
        }
    }

    fn titles(&self, page: &mut Page, archives: bool) {
        let numbers = if archives {
            ["In use", "Kept", "Archive", "Size"]
        } else {
            ["In use", "Kept", "Delete", "Reclaimable"]
        };
        let numbers = numbers.map(|title| (Look::Dim, title.to_owned()));
        self.cells(page, (Look::Dim, "Repository"), &numbers);
    }

    /// Adds a row with the sums of some repositories.
    fn row<'a>(
        &self,
        page: &mut Page,
        look: Look,
        name: &str,
        lines: impl Iterator<Item = &'a RepositoryLine>,
    ) {
        let (mut sums, mut bytes) = ([0; 3], 0);
        for line in lines {
            for (sum, number) in sums
                .iter_mut()
                .zip([line.in_use, line.kept, line.candidates])
            {
                *sum += number;
            }
            bytes += self.stored.bytes_of(line)[1];
        }
        let [in_use, kept, deleted] = sums;
        let or_plain = |number, look| if number > 0 { look } else { Look::Dim };
        let size = if deleted > 0 {
            Size(bytes).to_string()
        } else {
            String::new()
        };
        let numbers = [
            (or_plain(in_use, Look::InUse), thousands(in_use)),
            (Look::Plain, thousands(kept)),
            (or_plain(deleted, Look::Delete), thousands(deleted)),
            (Look::Plain, size),
        ];
        self.cells(page, (look, name), &numbers);
    }

    /// Adds a row for repositories that are not shown one by one.
    fn fold(&self, page: &mut Page, look: Look, lines: &[&RepositoryLine], which: &str) {
        if !lines.is_empty() {
            let repositories = count(lines.len() as u64, "repository", "repositories");
            let name = format!("{repositories} {which}");
            self.row(page, look, &name, lines.iter().copied());
        }
    }

    fn cells(&self, page: &mut Page, (look, name): (Look, &str), numbers: &[(Look, String); 4]) {
        let name = page.shortened(name, self.name).into_owned();
        let blank = " ".repeat(self.name.saturating_sub(name.chars().count()));
        let numbers: Vec<(Look, String)> = numbers
            .iter()
            .zip(COLUMNS)
            .map(|((look, number), width)| (*look, format!("{number:>width$}")))
            .collect();
        let mut pieces = vec![(look, &*name), (Look::Plain, &*blank)];
        pieces.extend(numbers.iter().map(|(look, number)| (*look, &**number)));
        page.line(&pieces);
    }
}

/// Adds a line for each reason, with the first and last images below it.
fn reasons(page: &mut Page, repository: &RepositoryPlan, now: Time) {
    let groups = repository.candidates_by_reason();
    let bytes = |group: &ReasonGroup<'_>| group.images.iter().map(|it| own_bytes(it.image)).sum();
    let mut groups: Vec<(u64, ReasonGroup<'_>)> = groups
        .into_iter()
        .map(|group| (bytes(&group), group))
        .collect();
    groups.sort_by_key(|(bytes, _)| Reverse(*bytes));
    for (bytes, group) in groups {
        let number = thousands(group.images.len());
        let facts = facts(&number, Some(bytes), &group.images, now);
        let indent = facts.chars().count();
        page.paragraph(
            (Look::Delete, &facts),
            indent,
            Look::Dim,
            &group.to_string(),
        );
        page.list(indent, Look::Plain, &first_and_last(&group.images));
    }
}

/// Returns what stands before a reason: how many images, how large, how old.
fn facts(number: &str, bytes: Option<u64>, images: &[PlannedImage<'_>], now: Time) -> String {
    let size = bytes.map_or_else(|| "-".to_owned(), |bytes| Size(bytes).to_string());
    let ages = images.iter().filter_map(|it| it.image.pushed_at);
    let ages: Vec<i64> = ages.map(|pushed| pushed.age(now).as_hours() / 24).collect();
    let age = match (ages.iter().min(), ages.iter().max()) {
        (Some(newest), Some(oldest)) if newest == oldest => format!("{newest} d"),
        (Some(newest), Some(oldest)) => format!("{newest}-{oldest} d"),
        _ => "?".to_owned(),
    };
    format!("{number:>4}  {size:>8}  {age:>9}  ")
}

/// Returns the names of the first and the last images, with the number of those between them.
pub(super) fn first_and_last(images: &[PlannedImage<'_>]) -> Vec<String> {
    let names = |images: &[PlannedImage<'_>]| -> Vec<String> {
        images.iter().map(|it| all_names(it.image)).collect()
    };
    // Nothing is left out for the sake of saying so.
    if images.len() <= 2 * NAMED + 1 {
        return names(images);
    }
    let (first, rest) = images.split_at(NAMED);
    let (between, last) = rest.split_at(rest.len() - NAMED);
    let mut all = names(first);
    all.push(format!("{} more", thousands(between.len())));
    all.extend(names(last));
    all
}

/// Returns all tags of an image, or its short digest.
pub(crate) fn all_names(image: &Image) -> String {
    let tags: Vec<&str> = image.tags.iter().map(|tag| &**tag).collect();
    match tags.as_slice() {
        [] => image.digest.short(),
        [tag] => (*tag).to_owned(),
        [first, others @ ..] => format!("{first} (also {})", others.join(" ")),
    }
}

/// Adds every image with its reasons: those to delete first, then those in use.
fn every_image(page: &mut Page, repository: &RepositoryPlan, now: Time) {
    let mut images: Vec<PlannedImage<'_>> = repository.images().collect();
    let rank = |verdict: &Verdict| (!verdict.deletes(), !verdict.in_use());
    images.sort_by_key(|it| {
        (
            rank(it.verdict),
            Reverse(it.image.pushed_at),
            it.image.digest,
        )
    });
    for planned in images {
        let PlannedImage { image, verdict } = planned;
        let (look, word) = match (verdict.deletes(), verdict.in_use()) {
            (true, _) => (Look::Delete, "del"),
            (false, true) => (Look::InUse, "use"),
            (false, false) => (Look::Plain, "keep"),
        };
        let bytes = (image.media_type != MediaType::Index).then_some(image.bytes);
        let facts = facts(word, bytes, &[planned], now);
        let indent = facts.chars().count();
        let tags: Vec<String> = image.tags.iter().map(ToString::to_string).collect();
        let names = if tags.is_empty() {
            vec![image.digest.short()]
        } else {
            tags
        };
        let mut listed = Page::new(page.terminal);
        listed.list(indent, Look::Plain, &names);
        page.labelled(look, &facts, &listed);
        for because in repository.because(verdict) {
            page.paragraph(
                (Look::Plain, &" ".repeat(indent)),
                indent,
                Look::Dim,
                &because,
            );
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
