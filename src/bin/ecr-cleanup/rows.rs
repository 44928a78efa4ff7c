//! Rows of a table, as CSV or Markdown.

use std::io::{self, Write};

use ecr_cleanup::image::escaped;

/// The most rows of a table in Markdown, which is for people: comments have a limit.
const SHOWN: usize = 200;

/// Rows under the names of their columns.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Rows {
    /// Makes a table of what there is.
    pub(crate) fn new<const N: usize>(
        columns: [&'static str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Self {
        Self {
            columns: columns.into(),
            rows: rows.into_iter().map(Into::into).collect(),
        }
    }

    /// Writes all of it as CSV, a line each.
    pub(crate) fn csv(&self, out: &mut impl Write) -> io::Result<()> {
        let line = |cells: Vec<String>| cells.join(",");
        let columns = self.columns.iter().map(|it| (*it).to_owned());
        writeln!(out, "{}", line(columns.collect()))?;
        self.rows.iter().try_for_each(|row| {
            let cells = row.iter().map(|cell| quoted(cell));
            writeln!(out, "{}", line(cells.collect()))
        })
    }

    /// Writes the first of it as a table in Markdown.
    pub(crate) fn markdown(&self, out: &mut impl Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        writeln!(out, "| {} |", self.columns.join(" | "))?;
        writeln!(out, "|{}", " --- |".repeat(self.columns.len()))?;
        for row in self.rows.iter().take(SHOWN) {
            let cells = row.iter().map(|cell| literal(cell));
            writeln!(out, "| {} |", cells.collect::<Vec<_>>().join(" | "))?;
        }
        if self.rows.len() > SHOWN {
            writeln!(out, "\n{} more rows are left out.", self.rows.len() - SHOWN)?;
        }
        Ok(())
    }
}

/// Returns a cell of CSV. One that a spreadsheet would take for a formula gets an apostrophe.
fn quoted(cell: &str) -> String {
    let cell = escaped(cell);
    let is_formula = cell.starts_with(['=', '+', '-', '@']);
    let cell = if is_formula {
        format!("'{cell}").into()
    } else {
        cell
    };
    if cell.contains([',', '"']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.into()
    }
}

/// Returns a text that Markdown shows as it is, but for code between backticks.
pub(crate) fn literal(text: &str) -> String {
    let mut literal = String::new();
    let mut in_code = false;
    for letter in escaped(text).chars() {
        in_code ^= letter == '`';
        let means_something =
            matches!(letter, '*' | '_' | '[' | ']' | '<' | '>' | '#' | '~' | '\\');
        if letter == '|' || (means_something && !in_code) {
            literal.push('\\');
        }
        literal.push(letter);
    }
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        let rows = [
            ["app".to_owned(), "rule `a|b_c`, with \"it\"".to_owned()],
            ["a_b*c".to_owned(), "=1+1\nnext".to_owned()],
        ];
        Rows::new(["repository", "because"], rows)
    }

    fn text(write: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_are_quoted_where_they_have_to_be() {
        let expected =
            "repository,because\napp,\"rule `a|b_c`, with \"\"it\"\"\"\na_b*c,'=1+1\\u000anext\n";
        assert_eq!(text(|out| rows().csv(out)), expected);
    }

    #[test]
    fn markdown_shows_a_text_as_it_is() {
        let expected = "\
| repository | because |
| --- | --- |
| app | rule `a\\|b_c`, with \"it\" |
| a\\_b\\*c | =1+1\\\\u000anext |
";
        assert_eq!(text(|out| rows().markdown(out)), expected);
        let many = Rows::new(["n"], (0..250).map(|it| [it.to_string()]));
        let many = text(|out| many.markdown(out));
        assert_eq!(many.lines().count(), 204);
        assert!(many.ends_with("\n\n50 more rows are left out.\n"));
        assert_eq!(text(|out| Rows::new(["n"], []).markdown(out)), "");
    }
}
