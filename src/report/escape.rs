//! A writer for terminals and logs, on which text from outside controls nothing.

use std::{
    borrow::Cow,
    io::{self, Write},
    str,
};

use crate::image::{escaped, escaped_lines};

/// Writes text with its control characters escaped, but for the ends of lines.
#[derive(Debug)]
pub struct Escaped<W> {
    inner: W,
    /// Beginning of a character whose end is still to be written.
    pending: Vec<u8>,
}

impl<W: Write> Escaped<W> {
    /// Makes a writer of text.
    pub const fn new(inner: W) -> Self {
        let pending = Vec::new();
        Self { inner, pending }
    }
}

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        let written = std::mem::take(&mut self.pending);
        let end = match str::from_utf8(&written) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => written.len(),
        };
        let (text, rest) = written.split_at(end);
        self.pending = rest.to_vec();
        let text = String::from_utf8_lossy(text);
        self.inner.write_all(escaped_lines(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Returns a text as it is written between tags of HTML, without control characters.
pub(super) fn html(text: &str) -> String {
    let text = escaped(text);
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
}

/// Writes entries of a log, each of which comes as a whole and is one line.
#[derive(Debug)]
pub(super) struct Line<W>(pub(super) W);

impl<W: Write> Write for Line<W> {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        let text: Cow<'_, str> = String::from_utf8_lossy(entry);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        writeln!(self.0, "{}", escaped(line))?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_wherever_it_is_cut() {
        let text = "a\u{1b}[1m\u{e4}\u{9b}\u{1f433}\n\u{202e}b\n";
        for size in 1..text.len() {
            let mut out = Escaped::new(Vec::new());
            for piece in text.as_bytes().chunks(size) {
                out.write_all(piece).unwrap();
            }
            out.flush().unwrap();
            let written = String::from_utf8(out.inner).unwrap();
            assert_eq!(written, "a\\u001b[1m\u{e4}\\u009b\u{1f433}\n\\u202eb\n");
        }
        let mut out = Escaped::new(Vec::new());
        out.write_all(b"\xff\x1b\n").unwrap();
        assert_eq!(out.inner, "\u{fffd}\\u001b\n".as_bytes());
    }

    #[test]
    fn an_entry_of_a_log_is_one_line() {
        let mut out = Line(Vec::new());
        out.write_all(b"one\nWARN forged\x1b[0m\n").unwrap();
        assert_eq!(out.0, b"one\\u000aWARN forged\\u001b[0m\n");
    }
}
