use std::{
    fs,
    future::ready,
    pin::pin,
    process,
    task::{Context, Poll, Waker},
};

use super::*;
use crate::config::{Config, Mode};

const DOCUMENT: &str = "mode: delete\n";
/// `printf 'mode: delete\n' | sha256sum`
const DIGEST: &str = "aafa73304d8c043dff92665610313a7213fb42d6eb9813de9e75d4aa819bc227";

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(&'static str);

/// One object and one parameter.
struct Store;

impl Fetch for Store {
    type Error = Refused;

    fn s3(&self, bucket: &str, key: &str) -> impl Future<Output = Result<Vec<u8>, Refused>> + Send {
        ready(match (bucket, key) {
            ("bucket", "a/b.yaml") => Ok(DOCUMENT.into()),
            ("bucket", "large") => Ok(vec![b' '; MAX_BYTES + 1]),
            ("bucket", "binary") => Ok(b"mode: \xff".to_vec()),
            _ => Err(Refused("access denied")),
        })
    }

    fn ssm(&self, name: &str) -> impl Future<Output = Result<String, Refused>> + Send {
        ready(if name == "/ecr-cleanup/config" {
            Ok(DOCUMENT.to_owned())
        } else {
            Err(Refused("not found"))
        })
    }
}

/// Nothing here waits, so one poll is all.
fn load(spec: Option<&str>, sha256: Option<&str>) -> Result<Config, ConfigError> {
    let mut load = pin!(Config::load(spec, sha256, &Store));
    match load.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(config) => config,
        Poll::Pending => unreachable!("nothing waits"),
    }
}

#[test]
fn loading_may_move_between_threads() {
    fn is_send<T: Send>(_: T) {}
    is_send(Config::load(None, None, &Store));
}

/// A file of the test's own, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("ecr-cleanup-{}-{name}", process::id()));
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn spec(&self) -> String {
        format!("file:{}", self.0.display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

#[test]
fn the_four_forms_and_none() {
    let s3 = |bucket: &str, key: &str| Source::S3 {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
    };
    let ssm = |name: &str| Source::Ssm(name.to_owned());
    for (spec, expected) in [
        ("", Source::Default),
        (" \n", Source::Default),
        (" {}", Source::Inline(" {}".to_owned())),
        ("{mode: plan}", Source::Inline("{mode: plan}".to_owned())),
        ("file:a/b.yaml", Source::File("a/b.yaml".into())),
        (" file:/etc/x \n", Source::File("/etc/x".into())),
        ("s3://bucket/a/b.yaml", s3("bucket", "a/b.yaml")),
        ("ssm:/ecr-cleanup/config", ssm("/ecr-cleanup/config")),
        (
            "ssm:arn:aws:ssm:eu-west-1:111111111111:parameter/x",
            ssm("arn:aws:ssm:eu-west-1:111111111111:parameter/x"),
        ),
    ] {
        assert_eq!(Source::parse(spec).unwrap(), expected, "{spec:?}");
    }
    let bad =
        "config.yaml|mode: plan|file:|s3://|s3://bucket|s3://bucket/|s3:///key|ssm:|S3://a/b|[]";
    for spec in bad.split('|') {
        let expected = format!(
            "ECR_CLEANUP_CONFIG: expected a document that begins with `{{`, `file:PATH`, `s3://BUCKET/KEY` or `ssm:NAME`, found `{spec}`"
        );
        assert_eq!(Source::parse(spec).unwrap_err().to_string(), expected);
    }
}

#[test]
fn every_form_is_read() {
    assert_eq!(load(None, None).unwrap().mode, Mode::Plan);
    assert_eq!(load(Some(""), Some(" ")).unwrap().mode, Mode::Plan);
    let file = Scratch::new("document", DOCUMENT.as_bytes());
    for spec in [
        r#"{"mode": "delete"}"#,
        "s3://bucket/a/b.yaml",
        "ssm:/ecr-cleanup/config",
        &file.spec(),
    ] {
        assert_eq!(load(Some(spec), None).unwrap().mode, Mode::Delete, "{spec}");
    }
}

#[test]
fn a_pinned_document_is_that_document() {
    let upper = DIGEST.to_uppercase();
    for pin in [DIGEST, &upper, &format!(" {DIGEST}\n")] {
        let loaded = load(Some("s3://bucket/a/b.yaml"), Some(pin));
        assert!(loaded.is_ok(), "{pin}");
    }
    let parameter = "ssm:/ecr-cleanup/config";
    let other = "0".repeat(64);
    let another = format!("the document is another: `{parameter}` has the digest `{DIGEST}`");
    let word = "expected 64 hexadecimal digits, found `abc`";
    let cut = format!(
        "expected 64 hexadecimal digits, found `{}`...",
        &DIGEST[1..61]
    );
    let nothing = "pins a document, and `ECR_CLEANUP_CONFIG` names none";
    for (spec, pin, expected) in [
        (parameter, other.as_str(), another.as_str()),
        (parameter, "abc", word),
        (parameter, &DIGEST[1..], &cut),
        ("", DIGEST, nothing),
        ("", "abc", word),
    ] {
        let error = load(Some(spec), Some(pin)).unwrap_err().to_string();
        assert_eq!(error, format!("ECR_CLEANUP_CONFIG_SHA256: {expected}"));
    }
}

#[test]
fn what_cannot_be_read() {
    let binary = Scratch::new("binary", b"mode: \xff");
    let large = Scratch::new("large", &vec![b' '; MAX_BYTES + 1]);
    let full = Scratch::new("full", &vec![b' '; MAX_BYTES]);
    assert!(load(Some(&full.spec()), None).is_ok());
    let no_file = "No such file or directory (os error 2)";
    for (spec, reason) in [
        ("file:/no/such/file", no_file),
        ("file:/", "Is a directory (os error 21)"),
        ("s3://bucket/secret", "access denied"),
        ("ssm:/other", "not found"),
        ("s3://bucket/large", "larger than 1 MiB"),
        ("s3://bucket/binary", "not UTF-8 at byte 6"),
        (&large.spec(), "larger than 1 MiB"),
        (&binary.spec(), "not UTF-8 at byte 6"),
    ] {
        let error = load(Some(spec), None).unwrap_err().to_string();
        let expected = format!("configuration: cannot read `{spec}`: {reason}");
        assert_eq!(error, expected);
    }
}
