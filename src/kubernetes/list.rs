//! Lists: every object of a kind, consistent and complete, or an error.
//!
//! No resource version is sent, so the first page is the most recent state, and the pages that
//! follow belong to the same snapshot. Only a page without a `continue` token is the last one. A
//! token that has expired (410) comes with another one, which would go on in another snapshot: the
//! kind is read again from its first page instead. Source: "Kubernetes API Concepts".

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use super::{
    client::{Client, Failure},
    error::Problem,
    kind::Kind,
};
use crate::aws::percent_encoded;

/// How often a kind is read again from its first page.
const RESTARTS: u32 = 3;
/// How long the server may take for a page, in seconds; less than the client waits.
const SERVER_TIME: u32 = 60;
const JSON: &str = "application/json";

/// What is asked for.
pub(crate) struct List<'a> {
    /// The kind.
    pub(crate) kind: &'a Kind,
    /// Objects a page; fewer, where a page of them is too large.
    pub(crate) limit: u32,
    /// A narrowing of the list, ready for a query.
    pub(crate) selector: Option<&'static str>,
}

/// Why a list ended early.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The server does not know the kind.
    NotFound(Failure),
    /// All else.
    Problem(Problem),
}

/// What an API server is asked with, and how many of its pages may be in memory at once.
pub(crate) struct Lister<'a> {
    pub(crate) client: &'a Client,
    pub(crate) cluster: &'a str,
    pub(crate) pages: &'a Semaphore,
}

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

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// What one page leads to.
enum Step {
    Next(String),
    Done,
    /// Not a page of this list: the kind is read again.
    Bad(String),
}

/// How far a list has come.
#[derive(Default)]
struct Progress {
    token: Option<String>,
    version: Option<String>,
    items: usize,
}

impl Lister<'_> {
    /// Shows every object of a kind, and says how many there are. One that was shown may be shown
    /// again where the list had to begin anew.
    pub(crate) async fn each(
        &self,
        list: &List<'_>,
        mut item: impl FnMut(&str) -> Result<(), Problem>,
    ) -> Result<usize, Ended> {
        let (mut limit, mut restarts) = (list.limit, 0);
        let mut progress = Progress::default();
        loop {
            let step = {
                // A page is in memory until its objects have been looked at.
                let _permit = self.pages.acquire().await;
                match self
                    .client
                    .get(&list.query(limit, progress.token.as_deref()), JSON)
                    .await
                {
                    Ok(body) => page(&body, &mut progress, &mut item).map_err(Ended::Problem)?,
                    Err(Failure::TooLarge) if limit > 1 => {
                        limit /= 2;
                        progress = Progress::default();
                        continue;
                    }
                    Err(Failure::Status {
                        status: 410,
                        message,
                    }) => Step::Bad(format!("410: {message}")),
                    Err(failure) if failure.status() == Some(404) => {
                        return Err(Ended::NotFound(failure));
                    }
                    Err(failure) => {
                        return Err(Ended::Problem(Problem::of_list(
                            list.kind,
                            self.cluster,
                            failure,
                        )));
                    }
                }
            };
            match step {
                Step::Done => return Ok(progress.items),
                Step::Next(token) => progress.token = Some(token),
                Step::Bad(problem) if restarts == RESTARTS => {
                    return Err(Ended::Problem(Problem::Page {
                        kind: list.kind.to_string(),
                        problem,
                    }));
                }
                Step::Bad(_) => {
                    restarts += 1;
                    progress = Progress::default();
                }
            }
        }
    }
}

impl List<'_> {
    fn query(&self, limit: u32, token: Option<&str>) -> String {
        let mut path = format!(
            "{}?limit={limit}&timeoutSeconds={SERVER_TIME}",
            self.kind.path()
        );
        if let Some(selector) = self.selector {
            path.push('&');
            path.push_str(selector);
        }
        if let Some(token) = token {
            path += &format!("&continue={}", percent_encoded(token));
        }
        path
    }
}

/// Checks that a page belongs to the list, and shows its objects.
fn page(
    body: &[u8],
    progress: &mut Progress,
    item: &mut impl FnMut(&str) -> Result<(), Problem>,
) -> Result<Step, Problem> {
    let page: Page<'_> = match serde_json::from_slice(body) {
        Ok(page) => page,
        Err(error) => {
            return Ok(Step::Bad(format!(
                "a page is not what was asked for: {error}"
            )));
        }
    };
    if !page.kind.ends_with("List") {
        return Ok(Step::Bad(format!(
            "a page is a `{}` and no list",
            page.kind
        )));
    }
    if progress.token.is_none() {
        progress.version.clone_from(&page.metadata.resource_version);
    } else if progress.version != page.metadata.resource_version {
        return Ok(Step::Bad(
            "a page belongs to another state than the first one".to_owned(),
        ));
    }
    let next = page.metadata.next.filter(|token| !token.is_empty());
    if next.is_some() && next == progress.token {
        return Ok(Step::Bad("the same `continue` token came twice".to_owned()));
    }
    for object in page.items.unwrap_or_default() {
        item(object.get())?;
        progress.items += 1;
    }
    Ok(next.map_or(Step::Done, Step::Next))
}
