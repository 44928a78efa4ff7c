//! Repositories that are named without a tag, since the tag stands apart: `{repository, tag}`, a
//! variable beside another one, a map from repositories to lists of tags.
//!
//! Any word beside the name may be the tag. The images with such a tag are in use; if no word tells
//! for certain which image is meant, all images of the repository are.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::User;
use crate::image::Image;

/// Words beside the name of a repository, one of which may be the tag.
pub type Words = Arc<BTreeSet<Box<str>>>;

/// The users that mention a repository, each with the words beside its name; `None` for any word.
pub(super) type MentionsOfRepository = BTreeMap<Arc<User>, Option<Words>>;

/// Adds words to those that are known. `None` stands for any word, and stays so.
pub(super) fn merge(known: &mut Option<Words>, more: Option<Words>) {
    match (known.as_mut(), more) {
        (Some(known), Some(more)) if !Arc::ptr_eq(known, &more) => {
            Arc::make_mut(known).extend(more.iter().cloned());
        }
        (Some(_), Some(_)) => {}
        _ => *known = None,
    }
}

/// The mentions of a repository, narrowed to its images.
#[derive(Debug)]
pub struct Mentioned<'a>(Vec<Mention<'a>>);

/// A user, and the words that tell the image; `None` if it may be any.
type Mention<'a> = (&'a Arc<User>, Option<&'a BTreeSet<Box<str>>>);

impl<'a> Mentioned<'a> {
    pub(super) fn new(mentions: Option<&'a MentionsOfRepository>, images: &[&Image]) -> Self {
        let narrowed = mentions.into_iter().flatten().map(|(user, words)| {
            let words = words.as_deref().filter(|words| {
                let mut tags = images.iter().flat_map(|image| &image.tags);
                tags.any(|tag| is_specific(tag) && is_among(tag, words))
            });
            (user, words)
        });
        Self(narrowed.collect())
    }

    /// Returns a user of the image, as far as words tell.
    #[must_use]
    pub fn user_of(&self, image: &Image) -> Option<&'a Arc<User>> {
        let uses = |words: Option<&BTreeSet<Box<str>>>| {
            words.is_none_or(|words| image.tags.iter().any(|tag| is_among(tag, words)))
        };
        let mut mentions = self.0.iter();
        let mention = mentions.find(|(_, words)| uses(*words));
        mention.map(|(user, _)| *user)
    }
}

/// Returns whether a word is this tag, with or without the `v` before a version.
fn is_among(tag: &str, words: &BTreeSet<Box<str>>) -> bool {
    let bare = tag.strip_prefix('v').filter(|bare| !bare.is_empty());
    words.contains(tag)
        || bare.is_some_and(|bare| words.contains(bare))
        || words.contains(format!("v{tag}").as_str())
}

/// Returns whether a word that equals this tag can hardly stand there for another reason: it has a
/// digit, and is neither the version of an API (`v1`, `v1beta1`) nor a count, a port or the like.
fn is_specific(tag: &str) -> bool {
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

    /// Returns the tags in use if a user names the repository beside these words.
    fn used(words: Option<&[&str]>, tags: &[&str]) -> Vec<String> {
        let location = Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let user = User {
            location,
            kind: "ConfigMap".into(),
            name: "a/b".to_owned(),
            cluster: None,
            live: false,
        };
        let words = words.map(|words| Arc::new(words.iter().map(|&word| word.into()).collect()));
        let mentions = MentionsOfRepository::from([(Arc::new(user), words)]);
        let images: Vec<Image> = (0..)
            .zip(tags)
            .map(|(number, tag)| image(number, tag))
            .collect();
        let of_repository: Vec<&Image> = images.iter().collect();
        let mentioned = Mentioned::new(Some(&mentions), &of_repository);
        let in_use = images
            .iter()
            .filter(|image| mentioned.user_of(image).is_some());
        in_use.map(|image| image.tags[0].to_string()).collect()
    }

    #[test]
    fn a_word_that_is_a_tag_tells_the_image() {
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
    fn without_a_telling_word_all_images_are_in_use() {
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
