//! `ecr-cleanup lifecycle`

use std::io::{self, Write};

use ecr_cleanup::{
    config::Mode,
    pipeline::Conflicts,
    plan::{ConflictError, LifecycleConflict},
};
use serde_json::{Value, json};

use crate::{arguments::Output, exit::Exit, output, session::Invocation};

/// Shows which kept images the repositories' own lifecycle policies may expire or archive.
pub(crate) async fn execute(invocation: &Invocation) -> anyhow::Result<Exit> {
    let session = invocation.start().await?;
    let preparing = session.program.plan(session.request(Mode::Plan));
    let prepared = session.progress.show_while(preparing).await?;
    let found = prepared.lifecycle_conflicts();
    let mut out = io::stdout().lock();
    match session.output {
        Output::Table => table(&mut out, &found)?,
        Output::Json => output::json(&mut out, &document(&found))?,
        Output::Jsonl => output::json_lines(&mut out, conflicts(&found))?,
    }
    Ok(Exit::Done)
}

fn conflicts(found: &[Conflicts]) -> impl Iterator<Item = &LifecycleConflict> {
    found
        .iter()
        .filter_map(|(_, conflicts)| conflicts.as_ref().ok())
        .flatten()
}

fn errors(found: &[Conflicts]) -> impl Iterator<Item = (&str, &ConflictError)> {
    found
        .iter()
        .filter_map(|(name, conflicts)| Some((name.as_str(), conflicts.as_ref().err()?)))
}

fn document(found: &[Conflicts]) -> Value {
    let conflicts: Vec<&LifecycleConflict> = conflicts(found).collect();
    let errors: Vec<Value> = errors(found)
        .map(|(name, error)| json!({"repository": name, "error": error.to_string()}))
        .collect();
    json!({"conflicts": conflicts, "errors": errors})
}

fn table(out: &mut impl Write, found: &[Conflicts]) -> io::Result<()> {
    let mut table = output::table(&["Kept image", "In use", "Lifecycle rule", "Why it is kept"]);
    for conflict in conflicts(found) {
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
    for (name, error) in errors(found) {
        writeln!(
            out,
            "Could not read the lifecycle policy of `{name}`: {error}"
        )?;
    }
    let in_use = conflicts(found).filter(|conflict| conflict.in_use).count();
    writeln!(
        out,
        "Lifecycle policies found: {}. Images kept by ecr-cleanup that they may expire or archive: {}, in use: {in_use}.",
        found.len(),
        conflicts(found).count()
    )
}
