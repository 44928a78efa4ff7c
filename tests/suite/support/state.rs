//! An account with a state store and reports, and what its buckets hold.

use std::io::Read;

use ecr_cleanup::report::Answer;
use simulated_aws::{Push, SimulatedAws, World, days_ago};

pub(crate) const BUCKET: &str = "memory";
pub(crate) const REPORTS: &str = "reports";
/// Where the state of the home account and Region lies.
pub(crate) const STATE: &str = "prefix/111111111111/eu-west-1";
/// Deletes, keeps state, and reports.
pub(crate) const FULL: &str = "{mode: delete, state: 's3://memory/prefix', report: 's3://reports', notify: 'arn:aws:sns:us-east-1:111111111111:t'}";

/// Returns [`FULL`] with more settings.
pub(crate) fn full_with(settings: &str) -> String {
    FULL.replace("mode: delete", &format!("mode: delete, {settings}"))
}

/// Starts an account with buckets, an image in use, one that the rules keep, an index, and old
/// images that nothing uses.
pub(crate) async fn account() -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.bucket(BUCKET);
        world.bucket(REPORTS);
        world.home().script_nothing();
        let app = world.home().repository("app");
        let uri = app.uri();
        let live = Push::image().content("live").tag("live");
        let live = app.push(live.pushed_at(days_ago(90)));
        assert!(app.contains(&live));
        let child = app.push(Push::image().content("child").pushed_at(days_ago(5)));
        let index = Push::index([&child]).content("index").tag("latest");
        app.push(index.pushed_at(days_ago(5)));
        world.home().ecs.register("web", [format!("{uri}:live")]);
        world.home().ecs.register("web", [format!("{uri}:latest")]);
        world.deploy("prod", "web", "web:1");
        world.home().deploy_function("hello", "app", "live");
        world.home().publish_function("hello");
        untagged_images(world, 3);
    });
    aws
}

/// Pushes old images without a tag.
pub(crate) fn untagged_images(world: &mut World, images: u64) -> Vec<String> {
    let app = world.home().repository("app");
    (0..images)
        .map(|number| app.push(Push::image().pushed_at(days_ago(30 + number))))
        .collect()
}

/// Returns the names of the guards that tripped.
pub(crate) fn guards(answer: &Answer) -> Vec<String> {
    let refusals = answer.refusals.iter();
    refusals.map(|it| it.guard.to_string()).collect()
}

/// Returns the bytes of an object.
pub(crate) fn object(aws: &SimulatedAws, bucket: &str, key: &str) -> Option<Vec<u8>> {
    aws.read(|world| Some(world.buckets.get(bucket)?.get(key)?.content.clone()))
}

/// Returns the keys of a bucket.
pub(crate) fn keys(aws: &SimulatedAws, bucket: &str) -> Vec<String> {
    let keys = |world: &World| Some(world.buckets.get(bucket)?.keys().cloned().collect());
    aws.read(keys).unwrap_or_default()
}

pub(crate) fn put_object(aws: &SimulatedAws, bucket: &str, key: &str, content: impl Into<Vec<u8>>) {
    let object = simulated_aws::Object::new(content);
    aws.edit(|world| world.bucket(bucket).insert(key.to_owned(), object));
}

pub(crate) fn gunzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_string(&mut text)
        .unwrap();
    text
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzEncoder::new(text.as_bytes(), flate2::Compression::fast())
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}
