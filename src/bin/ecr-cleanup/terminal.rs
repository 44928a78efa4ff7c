//! What a terminal can show: its size, colours and characters.

use std::{
    env,
    io::{self, IsTerminal},
    os::fd::AsFd,
};

use anstream::{AutoStream, ColorChoice, stream::RawStream};
use terminal_size::{Height, Width, terminal_size_of};

/// The lines of a screen whose height is not known.
const LINES: usize = 24;
/// The columns beyond which text is hard to read.
const MOST_COLUMNS: usize = 120;

/// What a terminal, a pipe or a file can show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    /// The columns of a line. Without a limit where nobody knows what shows the text, so that it can
    /// be searched.
    pub(crate) columns: usize,
    /// The lines of a screen.
    pub(crate) lines: usize,
    /// Whether colours are wanted, and can be shown.
    pub(crate) colour: bool,
    /// Whether it shows ASCII alone.
    pub(crate) ascii: bool,
    /// Whether a pager can show it.
    pub(crate) pages: bool,
}

impl Terminal {
    /// Finds out what standard output can show.
    pub(crate) fn of_stdout() -> Self {
        Self::of(&io::stdout())
    }

    /// Finds out what standard error can show.
    pub(crate) fn of_stderr() -> Self {
        Self::of(&io::stderr())
    }

    fn of(stream: &(impl IsTerminal + AsFd + RawStream)) -> Self {
        let size = terminal_size_of(stream);
        let columns = size.map(|(Width(columns), _)| usize::from(columns));
        let columns = columns.or_else(|| number("COLUMNS"));
        let lines = size.map(|(_, Height(lines))| usize::from(lines));
        let is_dumb = env::var("TERM").is_ok_and(|term| term == "dumb");
        Self {
            columns: columns.map_or(usize::from(u16::MAX), |it| it.clamp(40, MOST_COLUMNS)),
            lines: lines.or_else(|| number("LINES")).unwrap_or(LINES).max(10),
            colour: AutoStream::choice(stream) != ColorChoice::Never,
            ascii: is_dumb || !speaks_unicode(),
            pages: IsTerminal::is_terminal(stream) && !is_dumb,
        }
    }
}

fn number(name: &str) -> Option<usize> {
    env::var(name).ok()?.parse().ok()
}

/// Returns whether the locale has more than ASCII. None at all, as in a container, says nothing.
fn speaks_unicode() -> bool {
    let written = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| env::var(name).unwrap_or_default());
    let locale = written.iter().find(|locale| !locale.is_empty());
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
