//! An account under construction, filled as teams fill theirs. Times are days before now.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use serde_json::json;
use simulated_aws::{INDEX, MANIFEST, Moment, Push, World};

use crate::scenario::ImageKey;

/// Returns the real time, since the programs under test read the real clock.
#[must_use]
pub fn now() -> Moment {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Moment::from_epoch_seconds(i64::try_from(since.as_secs()).unwrap_or_default())
}

/// A world under construction, and what people call the images of its home account.
#[derive(Debug)]
pub struct Account {
    /// The world.
    pub world: World,
    pub(crate) labels: BTreeMap<ImageKey, String>,
}

impl Default for Account {
    fn default() -> Self {
        let mut world = World {
            now: now(),
            account_alias: Some("example-shop".to_owned()),
            ..World::default()
        };
        world.home().script_nothing();
        Self {
            world,
            labels: BTreeMap::new(),
        }
    }
}

impl Account {
    /// Pushes an image and returns its digest.
    pub fn push(&mut self, repository: &str, image: ImageBuilder) -> String {
        let pushed_at = self.ago(image.days);
        let mut push = match image.index {
            Some(manifest) => Push::manifest(manifest),
            None => Push::image().size(image.bytes),
        };
        for tag in image.tags {
            push = push.tag(tag);
        }
        let repository = self.world.home().repository(repository);
        let digest = repository.push(push.pushed_at(pushed_at));
        let key = (repository.name.clone(), digest.clone());
        self.labels.insert(key, image.label);
        digest
    }

    /// Pushes an image for two platforms: an index and its untagged children, pushed just before
    /// it. Returns the digest of the index, then those of the children.
    pub fn push_index(&mut self, repository: &str, image: ImageBuilder) -> [String; 3] {
        let [amd64, arm64] = ["amd64", "arm64"].map(|platform| {
            let label = format!("{} ({platform})", image.label);
            let child = ImageBuilder::untagged(&label, image.days + 0.001);
            self.push(repository, child.bytes(image.bytes))
        });
        let children = [("amd64", &amd64), ("arm64", &arm64)].map(|(architecture, digest)| {
            json!({
                "mediaType": MANIFEST, "digest": digest, "size": 527,
                "platform": {"os": "linux", "architecture": architecture},
            })
        });
        let manifest = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children});
        let index = ImageBuilder {
            index: Some(manifest.to_string()),
            ..image
        };
        [self.push(repository, index), amd64, arm64]
    }

    /// Pushes a signature as cosign stores it: an image tagged after its subject.
    pub fn sign(&mut self, repository: &str, digest: &str, days: f64) -> String {
        let subject = &self.labels[&(repository.to_owned(), digest.to_owned())];
        let label = format!("signature of {subject}");
        let tag = format!("{}.sig", digest.replace(':', "-"));
        let signature = ImageBuilder::tagged([tag], days).label(&label).bytes(1000);
        self.push(repository, signature)
    }

    /// Adds a tag, or moves it from the image that has it.
    pub fn tag(&mut self, repository: &str, digest: &str, tag: &str) {
        self.world.home().repository(repository).tag(digest, tag);
    }

    /// Registers a task definition with one container per image, and returns `family:revision`.
    pub fn define<I: AsRef<str>>(
        &mut self,
        family: &str,
        images: impl IntoIterator<Item = I>,
    ) -> String {
        self.world.home().ecs.register(family, images)
    }

    /// Deploys a service of so many tasks, as many days ago: its revision holds the digests that
    /// tags mean now.
    pub fn deploy(
        &mut self,
        days: f64,
        cluster: &str,
        service: &str,
        definition: &str,
        tasks: u32,
    ) {
        self.back_then(days, |world| world.deploy(cluster, service, definition));
        let service = self.world.home().cluster(cluster).service(service);
        (service.desired_count, service.running_count) = (tasks, tasks);
    }

    /// Starts a task, so many days ago, with the digests that tags mean now.
    pub fn run_task(&mut self, days: f64, cluster: &str, definition: &str) {
        self.back_then(days, |world| world.run_task(cluster, definition));
    }

    /// Returns the reference by tag, or by digest.
    pub fn uri(&mut self, repository: &str, reference: &str) -> String {
        let uri = self.world.home().repository(repository).uri();
        let separator = if reference.contains(':') { '@' } else { ':' };
        format!("{uri}{separator}{reference}")
    }

    /// Changes the world while its clock stands so many days ago.
    fn back_then<T>(&mut self, days: f64, change: impl FnOnce(&mut World) -> T) {
        let then = self.ago(days);
        let now = std::mem::replace(&mut self.world.now, then);
        change(&mut self.world);
        self.world.now = now;
    }

    fn ago(&self, days: f64) -> Moment {
        self.world.now - Duration::from_secs_f64(days * 86_400.0)
    }
}

/// An image to push.
#[derive(Debug, Clone)]
#[must_use]
pub struct ImageBuilder {
    tags: Vec<String>,
    label: String,
    days: f64,
    bytes: i64,
    /// The manifest of an index; of a plain image it is made up.
    index: Option<String>,
}

impl ImageBuilder {
    /// Makes an image of 50 MB with these tags, called after the first of them.
    pub fn tagged<T: Into<String>>(tags: impl IntoIterator<Item = T>, days: f64) -> Self {
        let tags: Vec<String> = tags.into_iter().map(Into::into).collect();
        Self {
            label: tags.first().cloned().unwrap_or_default(),
            tags,
            days,
            bytes: 50_000_000,
            index: None,
        }
    }

    /// Makes an image without a tag, with what people call it.
    pub fn untagged(label: &str, days: f64) -> Self {
        Self::tagged::<String>([], days).label(label)
    }

    /// Sets what people call it.
    pub fn label(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    /// Sets its size.
    pub fn bytes(mut self, bytes: i64) -> Self {
        self.bytes = bytes;
        self
    }
}
