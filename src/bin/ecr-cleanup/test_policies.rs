//! `ecr-cleanup test`

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use ecr_cleanup::pipeline::{TestFailure, TestResult, test_policies};
use serde::Serialize;

use ecr_cleanup::report::count;

use crate::{
    arguments::Output,
    exit::{Exit, UsageError},
    output,
    page::{Look, Page},
    session::Session,
};

/// A test of a file, for programs.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a Path,
    #[serde(flatten)]
    result: &'a TestResult,
}

/// Runs the policy tests of files.
pub(crate) fn execute(files: &[PathBuf], session: &Session) -> anyhow::Result<Exit> {
    let mut results = Vec::new();
    for file in files {
        let text = fs::read_to_string(file);
        let text = text.with_context(|| format!("failed to read `{}`", file.display()))?;
        let tested = test_policies(&text, session.program.config());
        let tested = tested.map_err(|why| UsageError::PolicyTest {
            file: file.clone(),
            why,
        })?;
        results.extend(tested.into_iter().map(|result| (file.as_path(), result)));
    }
    let lines = || {
        let lines = results.iter();
        lines.map(|it| Line {
            file: it.0,
            result: &it.1,
        })
    };
    let mut out = output::stdout();
    match session.output {
        Output::Table => {
            let mut page = session.page();
            for (file, result) in &results {
                add(&mut page, file, result, session.quiet);
            }
            summary(&mut page, &results);
            page.show()?;
        }
        Output::Json => output::json(&mut out, &lines().collect::<Vec<_>>())?,
        Output::Jsonl => output::json_lines(&mut out, lines())?,
        Output::Csv | Output::Markdown => return Err(UsageError::Format.into()),
    }
    let all_hold = results.iter().all(|(_, result)| result.failures.is_empty());
    Ok(if all_hold { Exit::Done } else { Exit::Failures })
}

fn add(page: &mut Page, file: &Path, result: &TestResult, quiet: bool) {
    let TestResult {
        name,
        line,
        failures,
        ..
    } = result;
    if failures.is_empty() {
        if !quiet {
            page.line(&[(Look::InUse, "ok   "), (Look::Plain, name)]);
        }
        return;
    }
    let title = format!("{name} ({}:{line})", file.display());
    page.line(&[(Look::Delete, "FAIL "), (Look::Strong, &title)]);
    for TestFailure {
        line,
        image,
        expected,
        actual,
        because,
    } in failures
    {
        let text = format!("line {line}: expected {expected}, found {actual}");
        let label = format!("  {image}: ");
        page.paragraph((Look::Strong, &label), 4, Look::Plain, &text);
        for because in because {
            page.paragraph((Look::Plain, "    "), 6, Look::Dim, because);
        }
    }
}

fn summary(page: &mut Page, results: &[(&Path, TestResult)]) {
    let sum = |of: &dyn Fn(&TestResult) -> usize| -> u64 {
        results.iter().map(|(_, result)| of(result) as u64).sum()
    };
    let all = sum(&|result| result.expectations);
    let failed = sum(&|result| result.failures.len());
    let expectations = count(all, "expectation", "expectations");
    let tests = count(results.len() as u64, "test", "tests");
    let text = match failed {
        0 => format!("{expectations} of {tests}: all hold."),
        failed => format!("{expectations} of {tests}: {failed} failed."),
    };
    page.gap();
    page.paragraph((Look::Plain, ""), 2, Look::Plain, &text);
}
