//! Text for people: wrapped, shortened and coloured for the terminal that shows it.

use std::{
    borrow::Cow,
    env,
    io::{self, Write},
    process::{Command, Stdio},
};

use anstyle::{AnsiColor, Style};
use ecr_cleanup::image::{escaped, escaped_lines};
use rustix::process::Pid;
use textwrap::{WordSeparator, WordSplitter, WrapAlgorithm, core::display_width};

use crate::{interrupt, terminal::Terminal};

/// What a piece of text means, and so how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Plain,
    /// A heading, or the result.
    Strong,
    /// A reason, or what is seldom needed.
    Dim,
    /// What is deleted, or is wrong.
    Delete,
    /// What is in use.
    InUse,
    /// What is left alone, or needs attention.
    Alone,
}

impl Look {
    const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Dim => Style::new().dimmed(),
            Self::Delete => AnsiColor::Red.on_default(),
            Self::InUse => AnsiColor::Green.on_default(),
            Self::Alone => AnsiColor::Yellow.on_default(),
        }
    }
}

/// Text that is being put together. Whatever is added has its control characters escaped.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) terminal: Terminal,
    text: String,
}

impl Page {
    /// Starts an empty page for a terminal.
    pub(crate) const fn new(terminal: Terminal) -> Self {
        let text = String::new();
        Self { terminal, text }
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the number of its lines.
    pub(crate) fn line_count(&self) -> usize {
        self.text.lines().count()
    }

    /// Adds an empty line, unless there is one or nothing stands before it.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Adds another page.
    pub(crate) fn append(&mut self, other: &Self) {
        self.text += &other.text;
    }

    /// Adds a line as it is, in pieces.
    pub(crate) fn line(&mut self, pieces: &[(Look, &str)]) {
        for (look, text) in pieces {
            self.push(*look, &escaped(text));
        }
        let end = self.text.trim_end_matches(' ').len();
        self.text.truncate(end);
        self.text.push('\n');
    }

    /// Adds text that is broken between words. Its first line follows `label`, the others are
    /// indented.
    pub(crate) fn paragraph(&mut self, label: (Look, &str), indent: usize, look: Look, text: &str) {
        let text = escaped_lines(text);
        let first = display_width(label.1);
        let blank = |columns: usize| " ".repeat(columns);
        let (initial, subsequent) = (blank(first), blank(indent));
        let options = textwrap::Options::new(self.terminal.columns)
            .initial_indent(&initial)
            .subsequent_indent(&subsequent)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation)
            .wrap_algorithm(WrapAlgorithm::FirstFit)
            .break_words(false);
        for (position, line) in textwrap::wrap(&text, options).into_iter().enumerate() {
            let text = line.trim_start_matches(' ');
            if position == 0 {
                self.push(label.0, &escaped(label.1));
            } else {
                self.text += &blank(line.len() - text.len());
            }
            self.push(look, text);
            self.text.push('\n');
        }
    }

    /// Adds a list with commas, broken between its items, each of which is shortened to a line.
    pub(crate) fn list(&mut self, indent: usize, look: Look, items: &[String]) {
        let room = self.terminal.columns.saturating_sub(indent + 1).max(20);
        let mut line = String::new();
        let mut lines = Vec::new();
        for (position, item) in items.iter().enumerate() {
            let comma = if position + 1 < items.len() { "," } else { "" };
            let item = format!("{}{comma}", self.shortened(&escaped(item), room));
            let width = display_width(&line) + 1 + display_width(&item);
            if !line.is_empty() && width > room + 1 {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += &item;
        }
        lines.push(line);
        for line in lines {
            self.text += &" ".repeat(indent);
            self.push(look, &line);
            self.text.push('\n');
        }
    }

    /// Returns a text of so many columns at the most, without its middle: names differ at their
    /// ends.
    pub(crate) fn shortened<'a>(&self, text: &'a str, columns: usize) -> Cow<'a, str> {
        let dots = if self.terminal.ascii {
            "..."
        } else {
            "\u{2026}"
        };
        if display_width(text) <= columns {
            return text.into();
        }
        let room = columns.saturating_sub(display_width(dots));
        let (start, end) = (room.div_ceil(2), room / 2);
        let start = end_of(text.chars(), start);
        let end: String = end_of(text.chars().rev(), end).chars().rev().collect();
        format!("{start}{dots}{end}").into()
    }

    fn push(&mut self, look: Look, text: &str) {
        if self.terminal.colour && look != Look::Plain && !text.trim().is_empty() {
            let style = look.style();
            self.text += &format!("{style}{text}{style:#}");
        } else {
            self.text += text;
        }
    }

    /// Adds a page whose first line is indented, with a label in place of its indentation.
    pub(crate) fn labelled(&mut self, look: Look, label: &str, indented: &Self) {
        self.push(look, &escaped(label));
        self.text += indented.text.trim_start_matches(' ');
    }

    /// Prints it on standard error.
    pub(crate) fn print_to_stderr(&self) -> io::Result<()> {
        io::stderr().write_all(self.text.as_bytes())
    }

    /// Prints a question on standard error: the answer is typed behind it.
    pub(crate) fn ask(&self) -> io::Result<()> {
        write!(io::stderr(), "{} ", self.text.trim_end())
    }

    /// Prints it.
    pub(crate) fn print(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(self.text.as_bytes())?;
        out.flush()
    }

    /// Shows it, in a pager if it is longer than the screen.
    pub(crate) fn show(&self) -> io::Result<()> {
        let pager = env::var("PAGER").unwrap_or_else(|_| "less".to_owned());
        let is_long = self.line_count() >= self.terminal.lines;
        if !self.terminal.pages || !is_long || pager.is_empty() || pager == "cat" {
            return self.print();
        }
        match self.page_with(&pager) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => self.print(),
        }
    }

    /// Hands it to a pager, and returns whether there is such a program.
    fn page_with(&self, pager: &str) -> io::Result<bool> {
        const NOT_FOUND: i32 = 127;
        let mut command = Command::new("sh");
        command.args(["-c", pager]).stdin(Stdio::piped());
        if env::var_os("LESS").is_none() {
            command.env("LESS", "FRXK");
        }
        let mut running = command.spawn()?;
        let ended = interrupt::paging(Pid::from_child(&running), || {
            if let Some(mut input) = running.stdin.take() {
                // Who leaves the pager has seen enough.
                let _ = input.write_all(self.text.as_bytes());
            }
            running.wait()
        })?;
        Ok(ended.code() != Some(NOT_FOUND))
    }
}

fn end_of(characters: impl Iterator<Item = char>, columns: usize) -> String {
    let mut text = String::new();
    for character in characters {
        let longer = format!("{text}{character}");
        if display_width(&longer) > columns {
            break;
        }
        text = longer;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(columns: usize, colour: bool) -> Page {
        Page::new(Terminal {
            columns,
            lines: 24,
            colour,
            ascii: false,
            pages: false,
        })
    }

    #[test]
    fn a_name_keeps_its_ends() {
        let mut page = page(80, false);
        assert_eq!(page.shortened("team/app", 8), "team/app");
        assert_eq!(page.shortened("team/group/service", 9), "team\u{2026}vice");
        page.terminal.ascii = true;
        assert_eq!(page.shortened("team/group/service", 9), "tea...ice");
        assert_eq!(
            page.shortened("\u{1f433}\u{1f433}\u{1f433}\u{1f433}", 7),
            "\u{1f433}...\u{1f433}"
        );
    }

    #[test]
    fn words_and_items_stay_whole() {
        let mut page = page(40, false);
        page.paragraph(
            (Look::Alone, "Warning: "),
            2,
            Look::Plain,
            "one two three four five six seven `eight-nine-ten` eleven",
        );
        let items = ["2.14.0-SNAPSHOT-3", "2.14.0-SNAPSHOT-2", "a", "b"].map(str::to_owned);
        page.list(2, Look::Plain, &items);
        assert_eq!(
            page.text,
            "\
Warning: one two three four five six
  seven `eight-nine-ten` eleven
  2.14.0-SNAPSHOT-3, 2.14.0-SNAPSHOT-2,
  a, b
"
        );
        assert!(page.text.lines().all(|line| display_width(line) <= 40));
    }

    #[test]
    fn only_the_page_itself_colours_anything() {
        let mut coloured = page(40, true);
        coloured.line(&[(Look::Delete, "a\u{1b}[1mb"), (Look::Plain, " c")]);
        assert_eq!(coloured.text, "\u{1b}[31ma\\u001b[1mb\u{1b}[0m c\n");
        let mut plain = page(40, false);
        plain.line(&[(Look::Delete, "a"), (Look::Plain, " c  ")]);
        assert_eq!(plain.text, "a c\n");
    }
}
