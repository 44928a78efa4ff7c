//! `ecr-cleanup import-lifecycle`

use std::{collections::BTreeMap, io::Write};

use ecr_cleanup::{
    image::RepositoryName,
    inventory::LifecyclePolicy,
    policy::{Imported, LifecycleRules},
    report::ImportedPolicies,
};

use crate::{
    exit::Exit,
    output,
    session::{Session, all_match, globs},
};

/// Prints policies that keep what the lifecycle policies of repositories keep.
pub(crate) async fn execute(repositories: &[String], session: &Session) -> anyhow::Result<Exit> {
    let wanted = globs("REPOSITORY", repositories)?;
    let reading = session.program.lifecycle_policies(&wanted);
    let found = session.progress.show_while(reading).await?;
    let names: Vec<&str> = found.iter().map(|(_, name, _)| &**name).collect();
    all_match(&wanted, &names, "")?;
    let mut imported: BTreeMap<RepositoryName, Imported> = BTreeMap::new();
    let (mut err, mut failed) = (output::stderr(), false);
    for (registry, name, policy) in found {
        let result = match &policy {
            LifecyclePolicy::None => {
                writeln!(err, "`{name}` in {registry} has no lifecycle policy")?;
                continue;
            }
            LifecyclePolicy::Unreadable(error) => Err(anyhow::anyhow!("{error}")),
            LifecyclePolicy::Text(text) => import(text),
        };
        match result {
            Ok(rules) if imported.get(&name).is_none_or(|other| *other == rules) => {
                imported.insert(name, rules);
            }
            Ok(_) => {
                failed = true;
                writeln!(
                    err,
                    "`{name}` in {registry} has another lifecycle policy than in a registry before: only that is imported"
                )?;
            }
            Err(error) => {
                failed = true;
                writeln!(
                    err,
                    "failed to import the lifecycle policy of `{name}` in {registry}: {error}"
                )?;
            }
        }
    }
    if imported.is_empty() {
        anyhow::bail!("no lifecycle policy was imported");
    }
    let mut policies = ImportedPolicies::default();
    for (name, rules) in imported {
        for remark in &rules.remarks {
            writeln!(err, "`{name}`: {remark}")?;
        }
        policies.add(name.to_string(), rules);
    }
    write!(output::stdout(), "{policies}")?;
    Ok(if failed { Exit::Internal } else { Exit::Done })
}

fn import(text: &str) -> anyhow::Result<Imported> {
    Ok(LifecycleRules::parse(text)?.import()?)
}
