//! `ecr-cleanup lifecycle`

use ecr_cleanup::{
    config::Mode,
    plan::{ConflictError, LifecycleConflict},
};
use serde_json::{Value, json};

use crate::{
    arguments::Output,
    exit::Exit,
    output,
    page::{Look, Page},
    session::Session,
};

/// Findings: the conflicts of all policies, and the errors of those that could not be read.
#[derive(Default)]
struct Found {
    policies: usize,
    conflicts: Vec<LifecycleConflict>,
    errors: Vec<(String, ConflictError)>,
}

/// Shows which kept images the repositories' own lifecycle policies may expire or archive.
pub(crate) async fn execute(session: &Session) -> anyhow::Result<Exit> {
    session.introduce("reads only").await?;
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
        Output::Json => {
            let errors = found.errors.iter();
            let errors =
                errors.map(|(name, error)| json!({"repository": name, "error": error.to_string()}));
            let errors: Vec<Value> = errors.collect();
            let document = json!({"conflicts": found.conflicts, "errors": errors});
            output::json(&mut out, &document)?;
        }
        Output::Jsonl => output::json_lines(&mut out, &found.conflicts)?,
        _ => {
            let mut page = session.page();
            conflicts(&mut page, &found);
            page.show()?;
        }
    }
    Ok(Exit::Done)
}

fn conflicts(page: &mut Page, found: &Found) {
    for conflict in &found.conflicts {
        let look = if conflict.in_use {
            Look::InUse
        } else {
            Look::Plain
        };
        page.line(&[(look, &conflict.image)]);
        let rule = format!("rule {}: {}", conflict.rule, conflict.action);
        page.paragraph((Look::Plain, "  "), 4, Look::Delete, &rule);
        for because in &conflict.because {
            page.paragraph((Look::Plain, "  "), 4, Look::Dim, because);
        }
    }
    page.gap();
    for (name, error) in &found.errors {
        let text = format!("Could not read the lifecycle policy of `{name}`: {error}");
        page.paragraph((Look::Plain, ""), 2, Look::Delete, &text);
    }
    let in_use = found.conflicts.iter().filter(|conflict| conflict.in_use);
    let summary = format!(
        "Lifecycle policies found: {}. Images kept by ecr-cleanup that they may expire or archive: {}, in use: {}.",
        found.policies,
        found.conflicts.len(),
        in_use.count()
    );
    page.paragraph((Look::Plain, ""), 0, Look::Strong, &summary);
}
