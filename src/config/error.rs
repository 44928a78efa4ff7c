//! What can be wrong with a configuration, and where.

use std::{
    fmt::{self, Display, Formatter},
    iter,
};

use thiserror::Error;

/// More problems than this in one document are not collected.
const MAX_PROBLEMS: usize = 100;

/// Everything that is wrong with a configuration; `Display` prints one problem a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", lines(.problems))]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// The problems, sorted by place; never none.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// One thing that is wrong: `policies[1].keep[0].newest: expected 1 or more, found 0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Problem {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            message: message.into(),
        }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// An environment variable.
    Variable(&'static str),
    /// A place in the document's text, both counted from 1.
    Position {
        /// The line.
        line: u64,
        /// The column.
        column: u64,
    },
    /// A setting.
    Setting(Path),
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::Position { line, column } => write!(f, "line {line}, column {column}"),
            Self::Setting(path) => path.fmt(f),
        }
    }
}

/// The path of a setting, such as `policies[1].keep[0].newest`; empty is the whole document.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(Vec<Segment>);

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// Into a list, counted from 0.
    Index(usize),
    /// Into a mapping.
    Key(String),
}

impl Path {
    /// The steps, from the document inwards.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The setting `name` of the mapping at this path.
    pub(super) fn key(&self, name: &str) -> Self {
        self.with(Segment::Key(name.to_owned()))
    }

    /// The item at `index` of the list at this path.
    pub(super) fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// The path of plain keys that `text` writes with dots.
    pub(super) fn of_keys(text: &str) -> Self {
        let keys = text.split('.');
        Self(keys.map(|key| Segment::Key(key.to_owned())).collect())
    }

    /// Whether `other` is this path or lies below it.
    pub(super) fn holds(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    fn with(&self, segment: Segment) -> Self {
        Self(self.0.iter().cloned().chain(iter::once(segment)).collect())
    }
}

impl FromIterator<Segment> for Path {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("document");
        }
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if !is_plain(key) => write!(f, "[{}]", quoted(key))?,
                Segment::Key(key) if position == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-/".contains(c);
    !key.is_empty() && key.len() <= 60 && key.chars().all(plain)
}

/// A text a person wrote, in backticks, on one line and cut when long.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let escaped = |c: char| match c {
        ' '..='~' => c.to_string(),
        _ if c.is_alphanumeric() => c.to_string(),
        _ => c.escape_debug().to_string(),
    };
    let shown: String = text.chars().take(LONGEST).map(escaped).collect();
    let rest = if text.chars().nth(LONGEST).is_some() {
        "..."
    } else {
        ""
    };
    format!("`{shown}`{rest}")
}

/// The mark that a problem is recorded, and a value missing for it.
pub(super) struct Reported;

/// Collects problems while the rest of the document is looked at.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Problem>,
    /// How many of them are values that do not fit the grammar and were taken out.
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

    /// Says that all found so far is values that do not fit the grammar and were taken out.
    pub(super) fn end_reading(&mut self) {
        self.unreadable = self.found.len();
    }

    /// Whether something at `path` or below was taken out; that something is missing there may then be a consequence.
    pub(super) fn knows(&self, path: &Path) -> bool {
        let below = |problem: &Problem| matches!(&problem.place, Place::Setting(place) if path.holds(place));
        self.found.iter().take(self.unreadable).any(below)
    }

    /// Records what is wrong at `path`, unless it may be a consequence of what was taken out.
    pub(super) fn add_unless_known(&mut self, path: &Path, message: impl Into<String>) {
        if !self.knows(path) {
            self.add(path, message);
        }
    }

    /// Whether a problem is recorded at `path` or above it.
    pub(super) fn covers(&self, path: &Path) -> bool {
        let above = |problem: &Problem| matches!(&problem.place, Place::Setting(place) if place.holds(path));
        self.found.iter().any(above)
    }

    /// Whether there were more problems than are collected.
    pub(super) fn is_overfull(&self) -> bool {
        self.overfull
    }

    /// `value` if nothing is wrong.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, ConfigError> {
        if let (Some(value), true) = (value, self.found.is_empty()) {
            return Ok(value);
        }
        if self.overfull || self.found.is_empty() {
            let place = Place::Setting(Path::default());
            let message = if self.overfull {
                format!("more than {MAX_PROBLEMS} problems; these are the first")
            } else {
                "not a configuration".to_owned()
            };
            self.found.push(Problem::new(place, message));
        }
        self.found.sort();
        self.found.dedup();
        Err(ConfigError {
            problems: self.found,
        })
    }
}
