//! Repositories that somebody names without saying which image, since the tag stands apart: `{repository, tag}`, a
//! variable beside another one, a map from repositories to lists of tags.
//!
//! Any word beside the name may be the tag. The images with such a tag are in use; and where no word says for certain
//! which image is meant, all of them are.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::User;
use crate::image::{Image, RepositoryName};

/// The words beside the name of a repository.
pub(crate) type Words = Arc<BTreeSet<Box<str>>>;

/// Everybody who names a repository alone, with the words beside it; none: any word.
#[derive(Debug, Default)]
pub(super) struct Mentions(HashMap<RepositoryName, BTreeMap<Arc<User>, Option<Words>>>);

impl Mentions {
    /// Notes a mention. The same user's words are taken together: what shares a name was made from one template.
    pub(super) fn add(
        &mut self,
        user: &Arc<User>,
        repository: RepositoryName,
        words: Option<Words>,
    ) {
        let by_user = self.0.entry(repository).or_default();
        match by_user.get_mut(user) {
            None => {
                by_user.insert(Arc::clone(user), words);
            }
            Some(known) => match (known.as_mut(), words) {
                (Some(known), Some(more)) if !Arc::ptr_eq(known, &more) => {
                    Arc::make_mut(known).extend(more.iter().cloned());
                }
                (Some(_), Some(_)) => {}
                _ => *known = None,
            },
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (repository, by_user) in other.0 {
            for (user, words) in by_user {
                self.add(&user, repository.clone(), words);
            }
        }
    }

    pub(super) fn of<'a>(&'a self, repository: &RepositoryName, images: &[Image]) -> Mentioned<'a> {
        let by_user = self.0.get(repository).into_iter().flatten();
        let uses = by_user.map(|(user, words)| {
            let words = words.as_deref().filter(|words| {
                let tags = images.iter().flat_map(|image| &image.tags);
                tags.into_iter()
                    .any(|tag| says_which(tag) && is_among(tag, words))
            });
            (user, words)
        });
        Mentioned(uses.collect())
    }
}

/// The use of a repository's images by those who name it alone.
#[derive(Debug)]
pub struct Mentioned<'a>(Vec<Mention<'a>>);

/// Somebody, and the words of which one says which image they mean; none: it may be any.
type Mention<'a> = (&'a Arc<User>, Option<&'a BTreeSet<Box<str>>>);

impl<'a> Mentioned<'a> {
    /// Somebody who uses this image, as far as can be told.
    #[must_use]
    pub fn user_of(&self, image: &Image) -> Option<&'a Arc<User>> {
        let uses = |words: Option<&BTreeSet<Box<str>>>| {
            words.is_none_or(|words| image.tags.iter().any(|tag| is_among(tag, words)))
        };
        self.0
            .iter()
            .find(|(_, words)| uses(*words))
            .map(|(user, _)| *user)
    }
}

/// Whether a word is this tag, with or without the `v` before a version.
fn is_among(tag: &str, words: &BTreeSet<Box<str>>) -> bool {
    let bare = tag.strip_prefix('v').filter(|bare| !bare.is_empty());
    words.contains(tag)
        || bare.is_some_and(|bare| words.contains(bare))
        || words.contains(format!("v{tag}").as_str())
}

/// Whether a word that is this tag can hardly stand there for another reason: it has a digit, and is neither the
/// version of an API (`v1`, `v1beta1`) nor a count, a port or the like.
fn says_which(tag: &str) -> bool {
    let bare = tag.strip_prefix('v').unwrap_or(tag);
    let api = bare.replace("alpha", "").replace("beta", "");
    tag.bytes().any(|byte| byte.is_ascii_digit())
        && (api.len() >= 8 || !api.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{ArtifactType, Digest, MediaType, Registry, Status, Tag};

    fn image(number: u8, tag: &str) -> Image {
        Image {
            digest: Digest::from_bytes([number; 32]),
            tags: [Tag::new(tag).unwrap()].into(),
            pushed_at: None,
            pulled_at: None,
            bytes: 0,
            media_type: MediaType::Image,
            artifact_type: ArtifactType::ContainerImage,
            subject: None,
            archival: None,
            status: Status::Active,
        }
    }

    /// The tags in use when somebody names the repository beside these words.
    fn used(words: Option<&[&str]>, tags: &[&str]) -> Vec<String> {
        let place = Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let user = User {
            place,
            kind: "ConfigMap".into(),
            name: "a/b".to_owned(),
            cluster: None,
            live: false,
        };
        let app = RepositoryName::new("app").unwrap();
        let words = words.map(|words| Arc::new(words.iter().map(|&word| word.into()).collect()));
        let mut mentions = Mentions::default();
        mentions.add(&Arc::new(user), app.clone(), words);
        let images: Vec<Image> = (0..)
            .zip(tags)
            .map(|(number, tag)| image(number, tag))
            .collect();
        let mentioned = mentions.of(&app, &images);
        let in_use = images
            .iter()
            .filter(|image| mentioned.user_of(image).is_some());
        in_use.map(|image| image.tags[0].to_string()).collect()
    }

    #[test]
    fn a_word_that_is_a_tag_says_which_image() {
        let tags = ["1.2.3", "1.2.4", "v2.0", "latest"];
        for (words, in_use) in [
            (Some(&["1.2.3", "ConfigMap", "v1"][..]), &["1.2.3"][..]),
            (Some(&["v1.2.3"]), &["1.2.3"]),
            (Some(&["2.0"]), &["v2.0"]),
            (Some(&["1.2.4", "latest"]), &["1.2.4", "latest"]),
        ] {
            assert_eq!(used(words, &tags), in_use, "{words:?}");
        }
    }

    #[test]
    fn where_no_word_says_which_all_are_in_use() {
        let tags = ["1.2.3", "v1", "7", "latest"];
        for words in [
            None,
            Some(&["other"][..]),
            Some(&["latest"]),
            Some(&["v1", "7"]),
            Some(&["v1beta1"]),
        ] {
            assert_eq!(used(words, &tags), tags, "{words:?}");
        }
    }
}
