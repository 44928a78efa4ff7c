//! The difference between two plans of the same account.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{SavedPlan, SavedPlanError, own_bytes};
use crate::{
    image::{Digest, Registry},
    plan::Plan,
};

/// The verdicts of a plan, however it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdicts {
    /// The account and Region that it was made in. `None` if it does not say.
    pub home: Option<Registry>,
    images: BTreeMap<(String, Digest), Judged>,
}

/// An image with its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Judged {
    tags: Vec<String>,
    bytes: u64,
    deletes: bool,
    because: Vec<String>,
}

/// A line of the images of a report.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Image {
        repository: String,
        digest: Digest,
        #[serde(flatten)]
        judged: Judged,
    },
    Repository {},
}

/// A document whose verdicts cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VerdictsError {
    /// It is a saved plan that cannot be used.
    #[error(transparent)]
    SavedPlan(#[from] SavedPlanError),
    /// A line is cut or changed.
    #[error("line {0} is not one of the images of a report; copy the file again")]
    Damaged(usize),
}

/// Images that one plan deletes and the other does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Whether the new plan deletes it, or the old one.
    pub deletes: bool,
    /// The repository, with the host of its registry if there are several.
    pub repository: String,
    /// The digest.
    pub digest: Digest,
    /// The tags.
    pub tags: Vec<String>,
    /// The compressed bytes.
    pub bytes: u64,
    /// What the new plan says of it. Empty if it does not know it.
    pub because: Vec<String>,
    /// What the old plan says of it. Empty if it does not know it.
    pub before: Vec<String>,
}

/// The difference between an old plan and a new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Images that one of them deletes, by repository, those of the new one first.
    pub changed: Vec<Changed>,
    /// Number of images that both delete.
    pub same: u64,
}

impl Verdicts {
    /// Takes the verdicts of a plan that was made in an account and Region.
    #[must_use]
    pub fn of(plan: &Plan, home: Registry) -> Self {
        let repositories = plan.repositories().iter().filter(|it| it.acts());
        let images = repositories.flat_map(|repository| {
            repository.images().map(|planned| {
                let image = planned.image;
                let judged = Judged {
                    tags: image.tags.iter().map(ToString::to_string).collect(),
                    bytes: own_bytes(image),
                    deletes: planned.verdict.deletes(),
                    because: repository.because(planned.verdict),
                };
                ((repository.title(), image.digest), judged)
            })
        });
        Self {
            home: Some(home),
            images: images.collect(),
        }
    }

    /// Reads a saved plan, or the images of a report; `None` if it is neither.
    ///
    /// # Errors
    /// Returns why it cannot be used.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, VerdictsError> {
        if SavedPlan::is_named(bytes) {
            return Ok(Some(Self::of_saved(bytes)?));
        }
        let lines = bytes.split(|byte| *byte == b'\n').enumerate();
        let mut images = BTreeMap::new();
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(Line::Image {
                    repository,
                    digest,
                    judged,
                }) => drop(images.insert((repository, digest), judged)),
                Ok(Line::Repository {}) => {}
                Err(_) if number == 0 => return Ok(None),
                Err(_) => return Err(VerdictsError::Damaged(number + 1)),
            }
        }
        let is_report = bytes.iter().any(|byte| *byte != b'\n');
        Ok(is_report.then_some(Self { home: None, images }))
    }

    fn of_saved(bytes: &[u8]) -> Result<Self, SavedPlanError> {
        let (plan, images) = SavedPlan::read(bytes)?;
        let images = images.into_iter().map(|image| {
            let name = if plan.told_apart {
                format!("{}/{}", image.registry.host(), image.repository)
            } else {
                image.repository.to_string()
            };
            let judged = Judged {
                tags: image.tags,
                bytes: image.bytes,
                deletes: true,
                because: image.because,
            };
            ((name, image.digest), judged)
        });
        Ok(Self {
            home: Some(plan.home),
            images: images.collect(),
        })
    }

    fn deleted(&self) -> BTreeSet<&(String, Digest)> {
        let deleted = self.images.iter().filter(|(_, it)| it.deletes);
        deleted.map(|(key, _)| key).collect()
    }

    /// Returns what `new` deletes and this does not, and the other way round.
    #[must_use]
    pub fn difference(&self, new: &Self) -> Difference {
        let (before, after) = (self.deleted(), new.deleted());
        let mut changed: Vec<Changed> = before
            .symmetric_difference(&after)
            .filter_map(|key| {
                let (repository, digest) = *key;
                let [was, is] = [self, new].map(|it| it.images.get(*key));
                let because = |of: Option<&Judged>| of.map(|it| it.because.clone());
                let known = is.or(was)?;
                Some(Changed {
                    deletes: after.contains(*key),
                    repository: repository.clone(),
                    digest: *digest,
                    tags: known.tags.clone(),
                    bytes: known.bytes,
                    because: because(is).unwrap_or_default(),
                    before: because(was).unwrap_or_default(),
                })
            })
            .collect();
        changed.sort_by_key(|it| !it.deletes);
        Difference {
            changed,
            same: before.intersection(&after).count() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u8) -> Digest {
        Digest::from_bytes([number; 32])
    }

    /// Returns the lines of a report: each image by its number, and whether it is deleted.
    fn report(images: &[(u8, bool)]) -> Verdicts {
        let line = |(number, deletes): &(u8, bool)| {
            let digest = digest(*number);
            let because = if *deletes { "untagged" } else { "in use" };
            serde_json::json!({
                "kind": "image", "repository": "app", "digest": digest, "tags": [], "bytes": 5,
                "deletes": deletes, "because": [because], "anything": "else",
            })
            .to_string()
        };
        let lines: Vec<String> = images.iter().map(line).collect();
        let text = format!(
            "{{\"kind\":\"repository\",\"name\":\"app\"}}\n{}\n",
            lines.join("\n")
        );
        Verdicts::read(text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn only_what_one_of_two_plans_deletes_is_a_difference() {
        let old = report(&[(1, true), (2, true), (3, false), (4, true), (5, false)]);
        let new = report(&[(1, true), (2, false), (3, true), (5, false), (6, true)]);
        let difference = old.difference(&new);
        let changed = difference.changed.iter();
        let changed: Vec<_> = changed
            .map(|it| (it.digest, it.deletes, it.because.len()))
            .collect();
        let expected = [
            (digest(3), true, 1),
            (digest(6), true, 1),
            (digest(2), false, 1),
            (digest(4), false, 0),
        ];
        assert_eq!((changed, difference.same), (expected.to_vec(), 1));
        assert_eq!(difference.changed[3].before, ["untagged"]);
        let none = old.difference(&old);
        assert_eq!((none.changed.len(), none.same), (0, 3));
    }

    #[test]
    fn what_holds_no_verdicts_is_told_from_what_is_cut() {
        for text in ["mode: delete", "", "{}", "{\"mode\": \"delete\"}"] {
            assert_eq!(Verdicts::read(text.as_bytes()).unwrap(), None, "{text}");
        }
        let cut = "{\"kind\":\"repository\",\"name\":\"app\"}\n{\"kind\":\"image\",\"repos";
        let error = Verdicts::read(cut.as_bytes()).unwrap_err();
        insta::assert_snapshot!(error, @"line 2 is not one of the images of a report; copy the file again");
    }
}
