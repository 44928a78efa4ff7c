//! Lists: every object of a kind, consistent and complete, or an error.
//!
//! No resource version is sent, so the first page is the most recent state, and the pages that
//! follow belong to the same snapshot. Only a page without a `continue` token is the last one. A
//! token that has expired (410) comes with another one, which would continue in another snapshot:
//! the kind is read again from its first page instead. Source: "Kubernetes API Concepts".

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    client::JSON, cluster::Cluster, error::Problem, failure::Failure, kind::Kind, present,
};
use crate::aws::percent_encoded;

/// Number of times that a kind is read again from its first page.
const RESTARTS: u32 = 3;
/// Time that the server may take for a page, in seconds; less than the client waits.
const SERVER_TIME: u32 = 60;

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    metadata: Metadata,
    /// `null` is an empty list; a list that is missing is an error.
    #[serde(borrow, deserialize_with = "present")]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(rename = "continue")]
    next: Option<String>,
    resource_version: Option<String>,
}

/// Result of one page.
enum Step {
    Next(String),
    Done,
    /// Not a page of this list: the kind is read again.
    Bad(String),
}

/// Progress of a list.
#[derive(Default)]
struct Progress {
    token: Option<String>,
    version: Option<String>,
    items: usize,
}

impl Cluster {
    /// Passes every object of a kind to `item`, and returns how many there are. An object may be
    /// passed again if the list was read again.
    ///
    /// `limit` is the number of objects a page, which is halved if a page is too large. `selector`
    /// is a further parameter of the query, with its `&`, or empty.
    pub(super) async fn list(
        &self,
        kind: &Kind,
        mut limit: u32,
        selector: &str,
        mut item: impl FnMut(&str) -> Result<(), Problem>,
    ) -> Result<usize, Problem> {
        let mut restarts = 0;
        let mut progress = Progress::default();
        loop {
            let path = kind.path();
            let mut path = format!("{path}?limit={limit}&timeoutSeconds={SERVER_TIME}{selector}");
            if let Some(token) = &progress.token {
                path += &format!("&continue={}", percent_encoded(token));
            }
            let step = {
                // A page is in memory until its objects have been passed on.
                let _permit = self.pages.acquire().await;
                match self.client.get(&path, JSON).await {
                    Ok(body) => page(kind, &body, &mut progress, &mut item)?,
                    Err(Failure::TooLarge) if limit > 1 => {
                        limit /= 2;
                        progress = Progress::default();
                        continue;
                    }
                    Err(Failure::Status(410, message)) => Step::Bad(format!("410: {message}")),
                    Err(failure) => return Err(Problem::of_list(kind, failure)),
                }
            };
            match step {
                Step::Done => return Ok(progress.items),
                Step::Next(token) => progress.token = Some(token),
                Step::Bad(problem) if restarts == RESTARTS => {
                    let kind = Box::new(kind.clone());
                    return Err(Problem::Page { kind, problem });
                }
                Step::Bad(_) => {
                    restarts += 1;
                    progress = Progress::default();
                }
            }
        }
    }
}

/// Checks that a page belongs to the list, and passes its objects on.
fn page(
    kind: &Kind,
    body: &[u8],
    progress: &mut Progress,
    item: &mut impl FnMut(&str) -> Result<(), Problem>,
) -> Result<Step, Problem> {
    let bad = |problem: String| Ok(Step::Bad(problem));
    let page: Page<'_> = match serde_json::from_slice(body) {
        Ok(page) => page,
        Err(error) => return bad(format!("a page is not what was asked for: {error}")),
    };
    // What the list of a kind is called is up to its definition, but never as the kind itself.
    if page.kind == kind.name || page.kind == "Status" {
        return bad(format!("a page is a `{}` and no list", page.kind));
    }
    if progress.token.is_none() {
        progress.version = page.metadata.resource_version;
    } else if progress.version != page.metadata.resource_version {
        return bad("a page belongs to another state than the first one".to_owned());
    }
    let next = page.metadata.next.filter(|token| !token.is_empty());
    if next.is_some() && next == progress.token {
        return bad("the same `continue` token came twice".to_owned());
    }
    for object in page.items.unwrap_or_default() {
        item(object.get())?;
        progress.items += 1;
    }
    Ok(next.map_or(Step::Done, Step::Next))
}
