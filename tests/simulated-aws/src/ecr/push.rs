//! What a test pushes.

use crate::ecr::image::Image;
use crate::ecr::manifest::{self, CONFIG, INDEX, MANIFEST, Manifest, children};
use crate::ecr::repository::Repository;
use crate::moment::Moment;
use serde_json::{Value, json};
use std::borrow::Cow;

/// An image, index or artifact to push with [`Repository::push`].
///
/// Its digest is that of its manifest. Unless manifest or content are given, every push makes up
/// another one.
#[derive(Debug, Clone)]
#[must_use]
pub struct Push {
    manifest: Source,
    tags: Vec<String>,
    pushed_at: Option<Moment>,
    pulled_at: Option<Moment>,
    size: Option<i64>,
    media_type: &'static str,
    artifact_type: Option<String>,
    subject: Option<String>,
    archived_at: Option<Moment>,
}

#[derive(Debug, Clone)]
enum Source {
    Given(String),
    Content(Option<String>),
    Index(Option<String>, Vec<String>),
}

impl Push {
    fn new(manifest: Source, media_type: &'static str) -> Self {
        Self {
            manifest,
            tags: Vec::new(),
            pushed_at: None,
            pulled_at: None,
            size: None,
            media_type,
            artifact_type: None,
            subject: None,
            archived_at: None,
        }
    }

    /// An image for one platform.
    pub fn image() -> Self {
        Self::new(Source::Content(None), MANIFEST)
    }

    /// An OCI index of these digests. They need not be there.
    pub fn index(children: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let children = children.into_iter().map(|child| child.as_ref().to_owned());
        Self::new(Source::Index(None, children.collect()), INDEX)
    }

    /// Exactly this manifest; media types, subject and children are read from it.
    pub fn manifest(text: impl Into<String>) -> Self {
        Self::new(Source::Given(text.into()), MANIFEST)
    }

    /// Made-up content that depends on this text only: the same text gives the same digest in every
    /// repository.
    pub fn content(mut self, text: impl Into<String>) -> Self {
        match &mut self.manifest {
            Source::Given(given) => *given = text.into(),
            Source::Content(seed) | Source::Index(seed, _) => *seed = Some(text.into()),
        }
        self
    }

    /// One more tag; a tag that another image has moves.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// When, instead of now. The push time of a digest that is already there does not change.
    pub fn pushed_at(mut self, moment: Moment) -> Self {
        self.pushed_at = Some(moment);
        self
    }

    /// When it was last pulled, instead of never.
    pub fn pulled_at(mut self, moment: Moment) -> Self {
        self.pulled_at = Some(moment);
        self
    }

    /// Bytes, instead of 10,000,000 for an image and the largest child's size for an index.
    pub fn size(mut self, bytes: i64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// The digest this refers to.
    pub fn subject(mut self, digest: impl Into<String>) -> Self {
        self.subject = Some(digest.into());
        self
    }

    /// The artifact type, instead of the configuration of an image.
    pub fn artifact_type(mut self, media_type: impl Into<String>) -> Self {
        self.artifact_type = Some(media_type.into());
        self
    }

    /// Archived at this time.
    pub fn archived_at(mut self, moment: Moment) -> Self {
        self.archived_at = Some(moment);
        self
    }

    /// Returns the digest, the image and its tags, as the `number`th push into the repository.
    pub(crate) fn build(self, repository: &Repository, number: u64) -> Built {
        let (manifest, parsed) = self.manifest_for(repository, number);
        let text = |path: &str| parsed.pointer(path).and_then(Value::as_str);
        let media_type = match text("/mediaType") {
            None => Cow::Borrowed(self.media_type),
            Some(media_type) => Cow::Owned(media_type.to_owned()),
        };
        let artifact_media_type = match text("/artifactType").or(text("/config/mediaType")) {
            Some(media_type) => Some(Cow::Owned(media_type.to_owned())),
            None if parsed.is_null() => Some(Cow::Borrowed(CONFIG)),
            None => None,
        };
        let children = children(&parsed);
        let largest = children
            .iter()
            .filter_map(|child| repository.image(child)?.size)
            .max();
        let digest = manifest::digest_of(&manifest.text(&repository.seed));
        Built {
            children,
            digest,
            image: Image {
                tags: Vec::new(),
                pushed_at: Some(self.pushed_at.unwrap_or(repository.now)),
                pulled_at: self.pulled_at,
                size: self.size.or(largest).or(Some(10_000_000)),
                media_type: Some(media_type),
                artifact_media_type,
                subject: text("/subject/digest").map(str::to_owned),
                status: Cow::Borrowed(if self.archived_at.is_some() {
                    "ARCHIVED"
                } else {
                    "ACTIVE"
                }),
                archived_at: self.archived_at,
                activated_at: None,
                pull_failure: None,
                without_digest: false,
                manifest,
            },
            tags: self.tags,
        }
    }

    /// Returns the manifest, and its parsed form where it is more than that of a made-up plain
    /// image.
    fn manifest_for(&self, repository: &Repository, number: u64) -> (Manifest, Value) {
        let given = |text: String| {
            let parsed = serde_json::from_str(&text).unwrap_or_default();
            (Manifest::Given(text.into()), parsed)
        };
        let (seed, plain) = match &self.manifest {
            Source::Given(text) => return given(text.clone()),
            Source::Content(seed) => (seed, true),
            Source::Index(seed, _) => (seed, false),
        };
        let extended = self.subject.is_some() || self.artifact_type.is_some();
        match seed {
            None if plain && !extended => return (Manifest::Made(number), Value::Null),
            Some(seed) if plain && !extended => return given(manifest::made(seed)),
            _ => {}
        }
        let content = seed
            .clone()
            .unwrap_or_else(|| format!("{}#{number}", repository.seed));
        let mut manifest = json!({"schemaVersion": 2, "mediaType": self.media_type});
        if let Source::Index(_, children) = &self.manifest {
            manifest["manifests"] = children
                .iter()
                .map(|child| descriptor(repository, child))
                .collect();
            manifest["annotations"] = json!({"simulated-aws": content});
        } else {
            let config = manifest::digest_of(&content);
            manifest["config"] = json!({"mediaType": CONFIG, "digest": config, "size": 7023});
            manifest["layers"] = json!([]);
        }
        if let Some(artifact_type) = &self.artifact_type {
            manifest["artifactType"] = json!(artifact_type);
        }
        if let Some(subject) = &self.subject {
            manifest["subject"] = descriptor(repository, subject);
        }
        given(manifest.to_string())
    }
}

/// A pushed image before it is stored.
pub(crate) struct Built {
    pub(crate) digest: String,
    pub(crate) children: Vec<String>,
    pub(crate) image: Image,
    pub(crate) tags: Vec<String>,
}

fn descriptor(repository: &Repository, digest: &str) -> Value {
    let media_type = repository
        .image(digest)
        .and_then(|image| image.media_type.as_deref())
        .unwrap_or(MANIFEST);
    json!({"mediaType": media_type, "digest": digest, "size": 527})
}
