//! `ecr-cleanup lifecycle`

use std::io::{self, Write};

use ecr_cleanup::{
    config::Mode,
    plan::{ConflictError, LifecycleConflict},
};
use serde_json::{Value, json};

use crate::{arguments::Output, exit::Exit, output, session::Session};

/// Findings: the conflicts of all policies, and the errors of those that could not be read.
#[derive(Default)]
struct Found {
    policies: usize,
    conflicts: Vec<LifecycleConflict>,
    errors: Vec<(String, ConflictError)>,
}

/// Shows which kept images the repositories' own lifecycle policies may expire or archive.
pub(crate) async fn execute(session: &Session) -> anyhow::Result<Exit> {
    let mut found = Found::default();
    for (name, conflicts) in session.plan(Mode::Plan).await?.lifecycle_conflicts() {
        found.policies += 1;
        match conflicts {
            Ok(conflicts) => found.conflicts.extend(conflicts),
            Err(error) => found.errors.push((name, error)),
        }
    }
    let mut out = output::stdout();
    match session.output {
        Output::Table => table(&mut out, &found)?,
        Output::Json => {
            let errors = found.errors.iter();
            let errors =
                errors.map(|(name, error)| json!({"repository": name, "error": error.to_string()}));
            let errors: Vec<Value> = errors.collect();
            let document = json!({"conflicts": found.conflicts, "errors": errors});
            output::json(&mut out, &document)?;
        }
        Output::Jsonl => output::json_lines(&mut out, &found.conflicts)?,
    }
    Ok(Exit::Done)
}

fn table(out: &mut impl Write, found: &Found) -> io::Result<()> {
    let mut table = output::table(&["Kept image", "In use", "Lifecycle rule", "Why it is kept"]);
    for conflict in &found.conflicts {
        let in_use = if conflict.in_use { "yes" } else { "" };
        table.add_row([
            conflict.image.clone(),
            in_use.to_owned(),
            format!("{}: {}", conflict.rule, conflict.action),
            conflict.because.join("\n"),
        ]);
    }
    if table.row_count() > 0 {
        writeln!(out, "{table}")?;
    }
    for (name, error) in &found.errors {
        writeln!(
            out,
            "Could not read the lifecycle policy of `{name}`: {error}"
        )?;
    }
    let in_use = found.conflicts.iter().filter(|conflict| conflict.in_use);
    writeln!(
        out,
        "Lifecycle policies found: {}. Images kept by ecr-cleanup that they may expire or archive: {}, in use: {}.",
        found.policies,
        found.conflicts.len(),
        in_use.count()
    )
}
