//! Collects everything that is wrong with a document.

use std::fmt::Display;

use super::{
    error::{ConfigError, Place, Problem},
    path::Path,
    scalar::List,
    text::quoted,
};

/// More problems than this in one document are not collected.
const MAX_PROBLEMS: usize = 100;

/// The mark that a problem is recorded, and a value missing for it.
pub(super) struct Reported;

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Problem>,
    /// Number of problems, from the first, whose values were removed from the document.
    unreadable: usize,
    overfull: bool,
}

impl Problems {
    /// Records what is wrong at `path` itself.
    pub(super) fn add(&mut self, path: &Path, message: impl Into<String>) {
        if self.found.len() >= MAX_PROBLEMS {
            self.overfull = true;
            return;
        }
        let place = Place::Setting(path.clone());
        self.found.push(Problem::new(place, message));
    }

    /// Records what is wrong at `path`, unless it may be a consequence of what was taken out.
    pub(super) fn add_unless_known(&mut self, path: &Path, message: impl Into<String>) {
        if !self.knows(path) {
            self.add(path, message);
        }
    }

    /// Returns what was read at `path`, or records why it could not be.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        path: &Path,
        parsed: Result<T, E>,
    ) -> Result<T, Reported> {
        parsed.map_err(|error| {
            self.add(path, error.to_string());
            Reported
        })
    }

    /// Returns what was read from the texts of the list at `path`, with their indexes, and records
    /// why others could not be read.
    pub(super) fn all_parsed<T, E: Display>(
        &mut self,
        path: &Path,
        texts: &List<String>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<(usize, T)> {
        let items = texts.items().filter_map(|(index, text)| {
            let item = self.parsed(&path.index(index), parse(text)).ok()?;
            Some((index, item))
        });
        items.collect()
    }

    /// Returns the items of the list at `path`, and records those that are written twice.
    pub(super) fn distinct<T: PartialEq + Display>(
        &mut self,
        path: &Path,
        items: impl IntoIterator<Item = (usize, T)>,
    ) -> Vec<T> {
        let mut distinct = Vec::new();
        for (index, item) in items {
            if distinct.contains(&item) {
                let message = format!("{} is written twice", quoted(&item.to_string()));
                self.add(&path.index(index), message);
            } else {
                distinct.push(item);
            }
        }
        distinct
    }

    /// Returns what is written for `key` of the mapping at `path`.
    ///
    /// A gap is a problem of the mapping, unless a wrong value was taken out there.
    pub(super) fn required<T>(&mut self, path: &Path, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add_unless_known(path, format!("`{key}` is missing"));
        }
        value
    }

    /// Marks the problems found so far as those whose values were removed from the document.
    pub(super) fn end_reading(&mut self) {
        self.unreadable = self.found.len();
    }

    /// Returns whether something at `path` or below was taken out, so that a gap there may be a
    /// consequence.
    pub(super) fn knows(&self, path: &Path) -> bool {
        any_below(&self.found[..self.unreadable], path)
    }

    /// Returns whether a problem is recorded at `path` or below it.
    pub(super) fn is_wrong_below(&self, path: &Path) -> bool {
        any_below(&self.found, path)
    }

    /// Returns whether a problem is recorded at `path` or above it.
    pub(super) fn covers(&self, path: &Path) -> bool {
        let above = |problem: &Problem| matches!(&problem.place, Place::Setting(place) if place.holds(path));
        self.found.iter().any(above)
    }

    /// Returns whether there were more problems than are collected.
    pub(super) fn is_overfull(&self) -> bool {
        self.overfull
    }

    /// Returns the value, or all problems if there is one.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, ConfigError> {
        if let (Some(value), true) = (value, self.found.is_empty()) {
            return Ok(value);
        }
        let place = Place::Setting(Path::default());
        if self.overfull {
            let message = format!("more than {MAX_PROBLEMS} problems; these are the first");
            self.found.push(Problem::new(place, message));
        } else if self.found.is_empty() {
            self.found.push(Problem::new(place, "not a configuration"));
        }
        self.found.sort();
        self.found.dedup();
        Err(ConfigError(self.found))
    }
}

fn any_below(problems: &[Problem], path: &Path) -> bool {
    let is_below =
        |problem: &Problem| matches!(&problem.place, Place::Setting(place) if path.holds(place));
    problems.iter().any(is_below)
}

/// Returns all items if none is missing. Every one is made, for its problems to be recorded.
pub(super) fn all_of<T>(items: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    items.collect::<Vec<_>>().into_iter().collect()
}
