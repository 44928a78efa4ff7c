//! `ecr-cleanup git export`

mod clone;
mod graph;
mod remote;

use std::io::Write;

use anyhow::{Context, bail};
use clone::{LocalClone, LocalRef};
use ecr_cleanup::{
    aws::{ClientOptions, Clients},
    image::Time,
    policy::git::{Commits, Document, DocumentRef, Expected, History, SCHEMA},
    report::count,
};
use gix::ObjectId;
use graph::Graph;
use jiff::{SignedDuration, Timestamp};
use remote::Remote;

use crate::{arguments::Export, exit::Exit, file::File, output};

/// How long ago a commit may be that a slice has in any case.
const SLICE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// The newest commits of a ref that a slice has in any case.
const SLICE_OF_REF: usize = 200;

/// Exports the history of a clone.
pub(crate) async fn export(export: &Export) -> anyhow::Result<Exit> {
    let document = document(export)?;
    let counts = (document.commits.id.len(), document.refs.len());
    let text = serde_json::to_vec(&document)?;
    let object = export.to.clone().map(File::Object);
    let address = object.or_else(|| export.out.clone().map(File::Local));
    let address = address.context("neither `--to` nor `--out` is given")?;
    let clients = Clients::from_environment(ClientOptions::default()).await;
    address.write(&clients, "application/json", text).await?;
    let commits = count(counts.0 as u64, "commit", "commits");
    let refs = count(counts.1 as u64, "ref", "refs");
    let repository = &document.repository;
    writeln!(
        output::stdout(),
        "Exported {commits} and {refs} of `{repository}` to `{address}`."
    )?;
    Ok(Exit::Done)
}

/// Makes the document, which nothing refuses that reads it.
fn document(export: &Export) -> anyhow::Result<Document> {
    let generated_at = Timestamp::now();
    let clone = LocalClone::open(&export.clone)?;
    if clone.is_shallow()? {
        bail!(
            "the clone is shallow, so that old commits would look deleted\nhint: fetch its whole history with `git fetch --unshallow`, or `fetch-depth: 0` in GitHub Actions"
        );
    }
    let remote = Remote::ask(&export.clone, &export.remote)?;
    let refs = clone.refs(&export.remote)?;
    refuse_differences(&remote.differences(&refs))?;
    let graph = clone.graph(refs.iter().filter_map(|it| it.commit))?;
    let since = if graph.len() > export.max_commits {
        Some(generated_at.checked_sub(SLICE)?)
    } else {
        None
    };
    let document = Document {
        schema: SCHEMA.to_owned(),
        repository: match &export.name {
            Some(name) => name.clone(),
            None => remote::name(&export.clone, &export.remote)?,
        },
        generated_at,
        producer: format!("ecr-cleanup {}", env!("CARGO_PKG_VERSION")),
        complete: true,
        shallow: false,
        default_branch: remote.default_branch,
        since,
        refs: Vec::new(),
        commits: Commits::default(),
    };
    let document = with_commits(document, &graph, &refs)?;
    let expected = Expected {
        repository: &document.repository,
        max_age: SLICE,
        last: None,
        now: Time::from(generated_at),
    };
    History::of(document.clone(), &expected)
        .context("the document would be refused where it is read")?;
    Ok(document)
}

/// Puts the commits and the refs into the document: all of them, or what a slice has.
fn with_commits(
    mut document: Document,
    graph: &Graph,
    refs: &[LocalRef],
) -> anyhow::Result<Document> {
    let exported = refs.iter().filter_map(|it| Some((it, it.commit?)));
    let commits = match document.since {
        None => graph.all(),
        Some(since) => {
            let tips = exported.clone().map(|(_, commit)| commit);
            graph.slice(tips, since.as_second(), SLICE_OF_REF)
        }
    };
    let position = |id: &ObjectId| commits.get(id).copied().unwrap_or(-1);
    document.refs = exported
        .map(|(it, commit)| DocumentRef {
            name: it.name.clone(),
            commit: position(&commit),
            time: it.time,
        })
        .collect();
    let mut ordered: Vec<_> = commits.iter().collect();
    ordered.sort_unstable_by_key(|(_, position)| **position);
    for (id, _) in ordered {
        let node = graph.node(id).context("a commit is missing")?;
        document.commits.id.push(id.to_string().parse()?);
        document.commits.time.push(node.time);
        let parents = node.parents.iter().map(position);
        document.commits.parents.push(parents.collect());
    }
    Ok(document)
}

fn refuse_differences(differences: &[String]) -> anyhow::Result<()> {
    const SHOWN: usize = 5;
    if differences.is_empty() {
        return Ok(());
    }
    for difference in differences.iter().take(SHOWN) {
        writeln!(output::stderr(), "{difference}")?;
    }
    let all = count(differences.len() as u64, "ref differs", "refs differ");
    bail!(
        "{all} from the remote\nhint: run `git fetch --prune --prune-tags --force` and export again; in a bare clone, clone again"
    )
}
