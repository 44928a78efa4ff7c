//! Task definitions in bulk: their text as AWS Config has it, a hundred in a call.
//!
//! Which definitions there are, only ECS says. What AWS Config says of some is held against what ECS
//! says of them, and one difference is enough to believe none of it.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    hash::{BuildHasher, RandomState},
};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    Ecs,
    definitions::{AT_ONCE, Definition, is_revision},
    findings::Named,
};
use crate::{
    aws::{ApiError, Cause, ResourceConfig},
    config::ConfigRecorder,
};

/// Number of definitions to describe from which on AWS Config is asked first.
const WORTHWHILE: usize = 200;
/// Number of definitions that are read from both.
const SAMPLE: usize = 50;
/// AWS Config may have recorded far more than what is ACTIVE: for so many definitions to describe,
/// one page of it is read at the most.
const DEFINITIONS_A_PAGE: usize = 10;

/// What AWS Config says of definitions that ECS lists.
#[derive(Default)]
pub(super) struct Recorded {
    /// Images of the containers of each, by ARN.
    images: BTreeMap<String, Vec<String>>,
    /// Remark on why that is not everything.
    pub(super) note: Option<String>,
}

impl Recorded {
    /// Returns the images of a definition.
    pub(super) fn images_of(&self, (kind, arn): &(Definition, String)) -> Option<Vec<String>> {
        let images = self.images.get(arn).filter(|_| *kind == Definition::Task);
        images.cloned()
    }
}

impl Ecs {
    /// Returns what AWS Config says of the definitions that are named, listed as ACTIVE and not
    /// known yet, if they are many.
    pub(super) async fn recorded(
        &self,
        named: &Named,
        active: &BTreeSet<String>,
    ) -> Result<Recorded, ApiError> {
        let known = &self.caches.definitions;
        let named = named.keys().map(|(_, arn)| arn);
        let listed = named.filter(|arn| active.contains(*arn) && is_revision(arn));
        let wanted: BTreeSet<&String> = listed.filter(|arn| known.get(arn).is_none()).collect();
        let is_believed = self.caches.misrecorded.get().is_none();
        if self.recorder == ConfigRecorder::Off || wanted.len() < WORTHWHILE || !is_believed {
            return Ok(Recorded::default());
        }
        let (images, error) = self.select(&wanted, active).await;
        if let Some(arn) = self.first_difference(&images, &wanted).await? {
            let note = format!(
                "nothing that AWS Config says was used, since it is not what ECS says of `{arn}`"
            );
            // The first one is as good as any.
            let _ = self.caches.misrecorded.set(arn);
            return Ok(Recorded {
                note: Some(note),
                ..Recorded::default()
            });
        }
        let (of, all) = (
            wanted
                .iter()
                .filter(|arn| images.contains_key(**arn))
                .count(),
            wanted.len(),
        );
        let why = error.map(|error| format!(": {error}"));
        let note = (of < all).then(|| {
            let why = why.unwrap_or_default();
            format!("AWS Config says what is in {of} of {all} task definitions{why}")
        });
        Ok(Recorded { images, note })
    }

    /// Reads what AWS Config says of ACTIVE definitions until it said all that is wanted, with the
    /// error that ended it, if one did.
    async fn select(
        &self,
        wanted: &BTreeSet<&String>,
        active: &BTreeSet<String>,
    ) -> (BTreeMap<String, Vec<String>>, Option<ApiError>) {
        let mut said: BTreeMap<String, Option<Vec<String>>> = BTreeMap::new();
        let mut open = wanted.clone();
        let mut token = None;
        let read = async {
            let service = ResourceConfig::new(&self.clients)?;
            for _ in 0..wanted.len() / DEFINITIONS_A_PAGE {
                let (rows, next) = service.task_definitions(token.as_deref()).await?;
                for row in rows.into_iter().flatten() {
                    open.remove(&row.arn);
                    match said.entry(row.arn) {
                        Entry::Vacant(entry) if active.contains(entry.key()) => {
                            entry.insert(Some(row.images));
                        }
                        // Two rows that contradict each other say nothing.
                        Entry::Occupied(mut entry) if entry.get().as_ref() != Some(&row.images) => {
                            entry.insert(None);
                        }
                        _ => {}
                    }
                }
                token = next;
                if token.is_none() || open.is_empty() {
                    break;
                }
            }
            Ok(())
        };
        let error = read.await.err();
        let said = said
            .into_iter()
            .filter_map(|(arn, images)| Some((arn, images?)));
        (said.collect(), error)
    }

    /// Returns a definition of which ECS says something else, among those that are known and some
    /// that are picked by chance of those that are not.
    async fn first_difference(
        &self,
        said: &BTreeMap<String, Vec<String>>,
        unknown: &BTreeSet<&String>,
    ) -> Result<Option<String>, ApiError> {
        let (mut checked, known): (Vec<_>, Vec<_>) =
            said.iter().partition(|(arn, _)| unknown.contains(arn));
        let chance = RandomState::new();
        checked.sort_by_cached_key(|(arn, _)| chance.hash_one(arn));
        checked.truncate(SAMPLE);
        checked.extend(known);
        let checks = stream::iter(checked).map(|(arn, said)| async move {
            match self.images_of(Definition::Task, arn).await {
                Ok(images) => Ok((arn, is_same(said, &images))),
                // It was deleted since it was listed.
                Err(error) if error.cause == Cause::ClientException => Ok((arn, true)),
                Err(error) => Err(error),
            }
        });
        let checked: Vec<_> = checks.buffer_unordered(AT_ONCE).try_collect().await?;
        let difference = checked.into_iter().find(|(_, is_same)| !is_same);
        Ok(difference.map(|(arn, _)| arn.clone()))
    }
}

/// Returns whether these are the same images, in whatever order.
fn is_same(one: &[String], other: &[String]) -> bool {
    let images = |images: &[String]| images.iter().cloned().collect::<BTreeSet<_>>();
    images(one) == images(other)
}
