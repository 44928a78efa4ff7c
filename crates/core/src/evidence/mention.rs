//! Repositories that are named without a tag, since the tag stands apart: `{repository, tag}`, a
//! variable beside another one, a map from repositories to lists of tags.
//!
//! All images of such a repository are in use, unless what stands beside the name tells which
//! (U12). A name may stand at several places; each tells by itself.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use super::User;
use crate::image::{Digest, Image};

/// Tags and digests that stand beside the name of a repository; none if it may be any image.
///
/// A tag that is cut off by a placeholder ends with `*`.
pub type Words = Arc<BTreeSet<Box<str>>>;

/// The words beside a name, one for each place at which it stands.
pub type Narrowing = BTreeSet<Words>;

/// The mentions of a repository, narrowed to its images.
#[derive(Debug, Default)]
pub struct Mentioned<'a> {
    any: Option<&'a Arc<User>>,
    narrowed: HashMap<Digest, &'a Arc<User>>,
}

impl<'a> Mentioned<'a> {
    pub(super) fn new(
        mentions: impl IntoIterator<Item = (&'a Arc<User>, &'a Narrowing)>,
        images: &[Image],
    ) -> Self {
        let mut mentioned = Self::default();
        let mut stored = None;
        let mut seen = HashSet::new();
        for (user, narrowing) in mentions {
            for words in narrowing.iter().filter(|words| seen.insert(*words)) {
                if words.is_empty() {
                    mentioned.any = Some(user);
                    return mentioned;
                }
                let stored = stored.get_or_insert_with(|| Stored::new(images));
                let told: Vec<Digest> = words.iter().flat_map(|word| stored.named(word)).collect();
                if told.is_empty() {
                    // No image is narrowed away by words that mean something else.
                    mentioned.any = Some(user);
                    return mentioned;
                }
                for digest in told {
                    mentioned.narrowed.entry(digest).or_insert(user);
                }
            }
        }
        mentioned
    }

    /// Returns whether any image may be meant.
    pub(super) const fn is_any(&self) -> bool {
        self.any.is_some()
    }

    /// Returns a user of the image, as far as words tell.
    #[must_use]
    pub fn user_of(&self, image: &Image) -> Option<&'a Arc<User>> {
        self.any
            .or_else(|| self.narrowed.get(&image.digest).copied())
    }
}

/// Images of a repository, by what words may name them.
struct Stored<'a> {
    /// In order, so that those with the same beginning stand together.
    tags: Vec<(&'a str, Digest)>,
    digests: HashSet<Digest>,
}

impl<'a> Stored<'a> {
    fn new(images: &'a [Image]) -> Self {
        let tags = |image: &'a Image| image.tags.iter().map(|tag| (&**tag, image.digest));
        let mut tags: Vec<_> = images.iter().flat_map(tags).collect();
        tags.sort_unstable();
        Self {
            tags,
            digests: images.iter().map(|image| image.digest).collect(),
        }
    }

    /// Returns the images that a word names: by digest, or by tag with or without the `v` before a
    /// version. A tag counts by its beginning too, since an operator may complete it
    /// (`535.104.05-ubuntu22.04`).
    fn named(&self, word: &str) -> Vec<Digest> {
        if let Ok(digest) = word.parse::<Digest>() {
            return self.digests.get(&digest).copied().into_iter().collect();
        }
        let (beginning, is_cut) = match word.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (word, false),
        };
        let ends = |rest: &str| is_cut || !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
        let bare = beginning.strip_prefix('v').filter(|bare| !bare.is_empty());
        let spelled = [
            Some(beginning.to_owned()),
            bare.map(ToOwned::to_owned),
            Some(format!("v{beginning}")),
        ];
        let named = spelled.iter().flatten().flat_map(|beginning| {
            let from = self
                .tags
                .partition_point(|(tag, _)| *tag < beginning.as_str());
            let tags = self.tags.get(from..).unwrap_or_default().iter();
            let same =
                tags.map_while(move |(tag, digest)| Some((tag.strip_prefix(beginning)?, digest)));
            same.filter(|(rest, _)| ends(rest))
                .map(|(_, digest)| *digest)
        });
        named.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{ArtifactType, MediaType, Registry, Status, Tag};

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

    fn user() -> Arc<User> {
        let location = Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        Arc::new(User {
            location,
            kind: "ConfigMap".into(),
            name: "a/b".to_owned(),
            cluster: None,
            live: false,
            used_at: None,
        })
    }

    /// Returns the tags in use if a user names the repository at places beside these words.
    fn used(places: &[&[&str]], tags: &[&str]) -> Vec<String> {
        let words = |place: &&[&str]| Arc::new(place.iter().map(|&word| word.into()).collect());
        let narrowing: Narrowing = places.iter().map(words).collect();
        let images: Vec<Image> = (0..)
            .zip(tags)
            .map(|(number, tag)| image(number, tag))
            .collect();
        let user = user();
        let mentioned = Mentioned::new([(&user, &narrowing)], &images);
        let in_use = images
            .iter()
            .filter(|image| mentioned.user_of(image).is_some());
        in_use.map(|image| image.tags[0].to_string()).collect()
    }

    /// A word that tells the image narrows the mention, in any spelling of it (U12).
    #[test]
    fn a_word_that_is_a_tag_or_a_digest_tells_the_image() {
        let tags = [
            "1.2.3",
            "1.2.4",
            "v2.0",
            "latest",
            "5.1-ubuntu22.04",
            "5.10",
        ];
        let digest = Digest::from_bytes([3; 32]).to_string();
        for (places, in_use) in [
            (&[&["1.2.3"][..]][..], &["1.2.3"][..]),
            (&[&["v1.2.3"]], &["1.2.3"]),
            (&[&["2.0"]], &["v2.0"]),
            (&[&["1.2.4", "latest"]], &["1.2.4", "latest"]),
            (&[&["1.2.4"], &["latest"]], &["1.2.4", "latest"]),
            (&[&["1.2.4", "nothing"]], &["1.2.4"]),
            (&[&["5.1"]], &["5.1-ubuntu22.04"]),
            (&[&["5.1*"]], &["5.1-ubuntu22.04", "5.10"]),
            (&[&["1.2"]], &["1.2.3", "1.2.4"]),
            (&[&[&digest]], &["latest"]),
        ] {
            assert_eq!(used(places, &tags), in_use, "{places:?}");
        }
    }

    #[test]
    fn a_place_without_a_telling_word_puts_all_images_in_use() {
        let tags = ["1.2.3", "v1", "7", "latest"];
        let elsewhere = Digest::from_bytes([9; 32]).to_string();
        for places in [
            &[&[][..]][..],
            &[&["other"]],
            &[&["1.2.3"], &[]],
            &[&["1.2.3"], &["other"]],
            &[&["1.2.30"]],
            &[&["late"]],
            &[&["v"]],
            &[&[&elsewhere]],
        ] {
            assert_eq!(used(places, &tags), tags, "{places:?}");
        }
        assert_eq!(used(&[], &tags), [""; 0], "no place, no mention");
    }
}
