//! Accepts that a source finds much less than before, or that a Git history shrank.

use super::{Locations, Program};
use crate::{
    aws::ApiError,
    evidence::SourceError,
    guard::UsageCounts,
    image::Time,
    policy::{
        Policy,
        git::{DocumentSizes, HistoryError},
    },
    sources::git,
    state::{State, StateError},
};

/// What stands for the Git documents among the sources.
const GIT: &str = "git";

/// Counts of a source, as the last run remembers them and as they are now.
pub struct UseChange {
    source: String,
    before: UsageCounts,
    now: UsageCounts,
    at: Time,
    /// Sizes of the Git documents, if it is these that are accepted.
    documents: Option<DocumentSizes>,
    state: State,
}

/// Reason for which less use cannot be accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptUseError {
    /// There is no state.
    #[error("nothing is remembered of earlier runs: the configuration has no `state`")]
    NoState,
    /// Neither this run nor an earlier one knows the source.
    #[error("there is no source `{source_name}`; the sources are {}", .known.join(", "))]
    UnknownSource {
        /// Name that was given.
        source_name: String,
        /// Sources that there are.
        known: Vec<String>,
    },
    /// The source was not read completely, so how much it finds is not known.
    #[error("{source_name} could not be read completely: {error}")]
    Incomplete {
        /// Source, with its location.
        source_name: String,
        /// Error.
        error: SourceError,
    },
    /// A Git document is not believed for another reason.
    #[error("`{address}` is not used: {why}")]
    Document {
        /// Address of the document.
        address: String,
        /// Reason.
        why: HistoryError,
    },
    /// The state cannot be read or written.
    #[error("{0}")]
    State(String),
    /// The identity of the program cannot be determined.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl From<&StateError> for AcceptUseError {
    fn from(error: &StateError) -> Self {
        Self::State(error.to_string())
    }
}

impl Program {
    /// Reads what is in use, and compares what a source finds with what the last run remembers.
    ///
    /// # Errors
    /// Returns an error if there is no state, no such source, or the source is incomplete.
    pub async fn use_change(&self, source: &str) -> Result<UseChange, AcceptUseError> {
        let own = self.clients.identity().await?;
        let state = self
            .state(&Locations::none(own))
            .await
            .ok_or(AcceptUseError::NoState)?;
        if let Some(error) = state.errors.first() {
            return Err(error.into());
        }
        let asks_git = self
            .config
            .policies
            .all
            .iter()
            .any(|policy| policy.git().is_some());
        if asks_git && source == GIT {
            return self.document_change(state).await;
        }
        let (_, usage) = self.read_usage_everywhere(&self.begin()).await?;
        let of_name = usage.sources().iter().filter(|it| it.source == source);
        for status in of_name {
            if let Some(error) = status.error() {
                return Err(AcceptUseError::Incomplete {
                    source_name: status.to_string(),
                    error: error.clone(),
                });
            }
        }
        let now = UsageCounts::of(usage.sources());
        let remembered = state.memory.counts.clone().unwrap_or_default();
        let known = now.names().chain(remembered.names());
        let known = known.chain(asks_git.then_some(GIT));
        let known: std::collections::BTreeSet<&str> = known.collect();
        if !known.contains(source) {
            return Err(AcceptUseError::UnknownSource {
                source_name: source.to_owned(),
                known: known.into_iter().map(ToOwned::to_owned).collect(),
            });
        }
        Ok(UseChange {
            source: source.to_owned(),
            before: remembered.of_name(source),
            now: now.of_name(source),
            at: self.now(),
            documents: None,
            state,
        })
    }

    /// Reads the Git documents as if none was known, and compares their sizes with those that are.
    async fn document_change(&self, state: State) -> Result<UseChange, AcceptUseError> {
        let before = state
            .documents()
            .await
            .map_err(|error| AcceptUseError::from(&error))?;
        let (policies, nothing) = (&self.config.policies, Ok(DocumentSizes::new()));
        let at = self.now();
        let policies = git::with_histories(policies, &self.clients, &nothing, at).await;
        for rules in policies.all.iter().filter_map(Policy::git) {
            if let Some(Err(why)) = &rules.history {
                let (address, why) = (rules.document.clone(), why.clone());
                return Err(AcceptUseError::Document { address, why });
            }
        }
        let now = git::accepted(&policies);
        let of_now = before.into_iter().filter(|(key, _)| now.contains_key(key));
        Ok(UseChange {
            source: GIT.to_owned(),
            before: counts(&of_now.collect()),
            now: counts(&now),
            at,
            documents: Some(now),
            state,
        })
    }
}

fn counts(sizes: &DocumentSizes) -> UsageCounts {
    let counts = sizes.iter().flat_map(|(key, sizes)| {
        [
            (format!("git: commits in {key}"), sizes.commits),
            (format!("git: refs in {key}"), sizes.refs),
        ]
    });
    counts.collect()
}

impl UseChange {
    /// Returns whether it counts references, and not what the names of the counts say.
    #[must_use]
    pub const fn counts_references(&self) -> bool {
        self.documents.is_none()
    }

    /// Returns the counts that changed: the source with its location, the count that is remembered
    /// and the count now; `None` if it was not read.
    pub fn changes(&self) -> impl Iterator<Item = (&str, Option<usize>, Option<usize>)> {
        let before = self.before.iter();
        let before = before.map(|(source, count)| (source, Some(count), self.now.get(source)));
        let now = self.now.iter();
        let new = now.filter(|(source, _)| self.before.get(source).is_none());
        let new = new.map(|(source, count)| (source, None, Some(count)));
        before.chain(new).filter(|(_, before, now)| before != now)
    }

    /// Makes the counts of now those that the next run compares with, and changes nothing else.
    ///
    /// # Errors
    /// Returns an error if the state cannot be written.
    pub async fn accept(&self) -> Result<(), AcceptUseError> {
        let accepted = if let Some(sizes) = &self.documents {
            self.state.record_documents(sizes).await
        } else {
            let (source, counts) = (&self.source, &self.now);
            self.state.accept_counts(source, counts, self.at).await
        };
        accepted.map_err(|error| (&error).into())
    }
}
