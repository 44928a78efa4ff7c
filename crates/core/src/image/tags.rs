//! The tags of an image.

use std::{collections::HashSet, fmt, ops::Deref, slice};

use serde::{Serialize, Serializer};

use super::Tag;

/// The tags of an image. Most images have one or none, which takes no memory of its own.
#[derive(Clone)]
pub struct Tags(Form);

#[derive(Clone)]
enum Form {
    One(Tag),
    /// None, or more than one.
    Some(Box<[Tag]>),
}

/// Tags that were met before. Images of many repositories have the same ones, such as `latest` or
/// the version of a release.
#[derive(Debug, Default)]
pub struct KnownTags(HashSet<Tag>);

impl KnownTags {
    /// Lets equal tags share their memory.
    pub fn share(&mut self, tags: &mut Tags) {
        let tags = match &mut tags.0 {
            Form::One(tag) => slice::from_mut(tag),
            Form::Some(tags) => tags,
        };
        for tag in tags {
            if let Some(known) = self.0.get(tag) {
                *tag = known.clone();
            } else {
                self.0.insert(tag.clone());
            }
        }
    }
}

impl Deref for Tags {
    type Target = [Tag];

    fn deref(&self) -> &[Tag] {
        match &self.0 {
            Form::One(tag) => slice::from_ref(tag),
            Form::Some(tags) => tags,
        }
    }
}

impl Default for Tags {
    fn default() -> Self {
        Self(Form::Some(Box::default()))
    }
}

impl From<Vec<Tag>> for Tags {
    fn from(tags: Vec<Tag>) -> Self {
        Self(match <[Tag; 1]>::try_from(tags) {
            Ok([tag]) => Form::One(tag),
            Err(tags) => Form::Some(tags.into()),
        })
    }
}

impl<const N: usize> From<[Tag; N]> for Tags {
    fn from(tags: [Tag; N]) -> Self {
        Vec::from(tags).into()
    }
}

impl FromIterator<Tag> for Tags {
    fn from_iter<I: IntoIterator<Item = Tag>>(tags: I) -> Self {
        tags.into_iter().collect::<Vec<Tag>>().into()
    }
}

impl<'a> IntoIterator for &'a Tags {
    type Item = &'a Tag;
    type IntoIter = slice::Iter<'a, Tag>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Tags {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Tags {}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(texts: &[&str]) -> Tags {
        texts.iter().map(|text| Tag::new(text).unwrap()).collect()
    }

    #[test]
    fn they_are_a_list_however_many_there_are() {
        assert_eq!(tags(&[]), Tags::default());
        for texts in [&[][..], &["a"], &["a", "b"]] {
            let tags = tags(texts);
            let read: Vec<&str> = tags.iter().map(|tag| &**tag).collect();
            assert_eq!(read, texts);
            assert_eq!(
                serde_json::to_string(&tags).unwrap(),
                serde_json::to_string(texts).unwrap()
            );
        }
        assert_ne!(tags(&["a"]), tags(&["b"]));
    }

    #[test]
    fn equal_tags_are_kept_once() {
        let (mut known, mut first, mut second) = (
            KnownTags::default(),
            tags(&["v1.0", "latest"]),
            tags(&["latest"]),
        );
        let same = |first: &Tags, second: &Tags| first[1].as_ptr() == second[0].as_ptr();
        assert!(!same(&first, &second));
        known.share(&mut first);
        known.share(&mut second);
        assert!(same(&first, &second));
        assert_eq!(
            (first, second),
            (tags(&["v1.0", "latest"]), tags(&["latest"]))
        );
    }
}
