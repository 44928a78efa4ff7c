//! Where the document is, and its text.

use std::{
    fmt::{self, Display, Formatter},
    fs::File,
    future::Future,
    io::Read,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::error::{ConfigError, Place, Problem, quoted};

/// Names the document.
const VARIABLE: &str = "ECR_CLEANUP_CONFIG";

/// Pins the document.
const PIN_VARIABLE: &str = "ECR_CLEANUP_CONFIG_SHA256";

/// The largest document, in bytes: 1 MiB.
const MAX_BYTES: usize = 1 << 20;

/// Where the configuration document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nowhere: the defaults hold.
    Default,
    /// This text.
    Inline(String),
    /// A file.
    File(PathBuf),
    /// An object in Amazon S3.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// The object's key.
        key: String,
    },
    /// A parameter in AWS Systems Manager Parameter Store.
    Ssm {
        /// The parameter's name or ARN.
        name: String,
    },
}

/// Reads documents from AWS.
pub trait Fetch: Sync {
    /// The bytes of an object, or why there are none.
    fn s3(&self, bucket: &str, key: &str) -> impl Future<Output = Result<Vec<u8>, String>> + Send;

    /// The value of a parameter, decrypted, or why there is none.
    fn ssm(&self, name: &str) -> impl Future<Output = Result<String, String>> + Send;
}

impl Source {
    /// Reads the value of `ECR_CLEANUP_CONFIG`: the document itself if it begins with `{`, `file:PATH`, `s3://BUCKET/KEY` or
    /// `ssm:NAME`; blank is no document.
    ///
    /// # Errors
    ///
    /// Anything else.
    pub fn parse(spec: &str) -> Result<Self, ConfigError> {
        let trimmed = spec.trim();
        if trimmed.is_empty() {
            return Ok(Self::Default);
        }
        if trimmed.starts_with('{') {
            return Ok(Self::Inline(spec.to_owned()));
        }
        let source = if let Some(path) = trimmed.strip_prefix("file:") {
            (!path.is_empty()).then(|| Self::File(path.into()))
        } else if let Some(object) = trimmed.strip_prefix("s3://") {
            let parts = object.split_once('/');
            let parts = parts.filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty());
            parts.map(|(bucket, key)| Self::S3 {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            })
        } else if let Some(name) = trimmed.strip_prefix("ssm:") {
            (!name.is_empty()).then(|| Self::Ssm {
                name: name.to_owned(),
            })
        } else {
            None
        };
        source.ok_or_else(|| {
            let forms =
                "a document that begins with `{`, `file:PATH`, `s3://BUCKET/KEY` or `ssm:NAME`";
            problem(
                VARIABLE,
                format!("expected {forms}, found {}", quoted(trimmed)),
            )
        })
    }

    /// The text of the document, whose bytes must have the SHA-256 digest `sha256` if that is given and not blank.
    ///
    /// # Errors
    ///
    /// It cannot be read, is larger than 1 MiB, is not UTF-8, or is not the document that is pinned.
    pub async fn read(
        &self,
        sha256: Option<&str>,
        fetch: &impl Fetch,
    ) -> Result<String, ConfigError> {
        let pin = sha256.map(str::trim).filter(|pin| !pin.is_empty());
        let pin = pin.map(parse_pin).transpose()?;
        let cannot = |reason: String| problem(VARIABLE, format!("cannot read {self}: {reason}"));
        let bytes = match self {
            Self::Default if pin.is_some() => {
                return Err(problem(
                    PIN_VARIABLE,
                    format!("pins a document, and `{VARIABLE}` names none"),
                ));
            }
            Self::Default => return Ok(String::new()),
            Self::Inline(text) => text.clone().into_bytes(),
            Self::File(path) => read_file(path).map_err(cannot)?,
            Self::S3 { bucket, key } => fetch.s3(bucket, key).await.map_err(cannot)?,
            Self::Ssm { name } => fetch.ssm(name).await.map_err(cannot)?.into_bytes(),
        };
        if bytes.len() > MAX_BYTES {
            return Err(cannot("larger than 1 MiB".to_owned()));
        }
        if let Some(pin) = pin {
            let digest: [u8; 32] = Sha256::digest(&bytes).into();
            if digest != pin {
                let found = hex::encode(digest);
                return Err(problem(
                    PIN_VARIABLE,
                    format!("the document is another: {self} has the digest `{found}`"),
                ));
            }
        }
        String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            cannot(format!("not UTF-8 at byte {valid}"))
        })
    }
}

/// What a person recognises it by, never its text.
impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::Inline(_) => f.write_str("the inline document"),
            Self::File(path) => write!(f, "`file:{}`", path.display()),
            Self::S3 { bucket, key } => write!(f, "`s3://{bucket}/{key}`"),
            Self::Ssm { name } => write!(f, "`ssm:{name}`"),
        }
    }
}

/// A byte more than allowed is enough to know that there are too many.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut file = file.take(MAX_BYTES as u64 + 1);
    file.read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn parse_pin(text: &str) -> Result<[u8; 32], ConfigError> {
    let mut pin = [0; 32];
    hex::decode_to_slice(text, &mut pin).map_err(|_| {
        problem(
            PIN_VARIABLE,
            format!("expected 64 hexadecimal digits, found {}", quoted(text)),
        )
    })?;
    Ok(pin)
}

fn problem(variable: &'static str, message: String) -> ConfigError {
    Problem::new(Place::Variable(variable), message).into()
}

#[cfg(test)]
mod tests {
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

    /// One object and one parameter.
    struct Shelf;

    impl Fetch for Shelf {
        fn s3(
            &self,
            bucket: &str,
            key: &str,
        ) -> impl Future<Output = Result<Vec<u8>, String>> + Send {
            ready(match (bucket, key) {
                ("bucket", "a/b.yaml") => Ok(DOCUMENT.into()),
                ("bucket", "large") => Ok(vec![b' '; MAX_BYTES + 1]),
                ("bucket", "binary") => Ok(b"mode: \xff".to_vec()),
                _ => Err("access denied".to_owned()),
            })
        }

        fn ssm(&self, name: &str) -> impl Future<Output = Result<String, String>> + Send {
            ready(if name == "/ecr-cleanup/config" {
                Ok(DOCUMENT.to_owned())
            } else {
                Err("not found".to_owned())
            })
        }
    }

    /// Nothing here waits, so one poll is all.
    fn load(spec: Option<&str>, sha256: Option<&str>) -> Result<Config, String> {
        let mut load = pin!(Config::load(spec, sha256, &Shelf));
        match load.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(config) => config.map_err(|error| error.to_string()),
            Poll::Pending => unreachable!("nothing waits"),
        }
    }

    #[test]
    fn loading_may_move_between_threads() {
        fn is_send<T: Send>(_: T) {}
        is_send(Config::load(None, None, &Shelf));
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
        let ssm = |name: &str| Source::Ssm {
            name: name.to_owned(),
        };
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
        for spec in [
            "config.yaml",
            "mode: plan",
            "file:",
            "s3://",
            "s3://bucket",
            "s3://bucket/",
            "s3:///key",
            "ssm:",
            "S3://a/b",
            "[]",
        ] {
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
            assert!(
                load(Some("s3://bucket/a/b.yaml"), Some(pin)).is_ok(),
                "{pin}"
            );
        }
        let other = "0".repeat(64);
        for (spec, pin, expected) in [
            (
                "ssm:/ecr-cleanup/config",
                other.as_str(),
                format!(
                    "the document is another: `ssm:/ecr-cleanup/config` has the digest `{DIGEST}`"
                ),
            ),
            (
                "ssm:/ecr-cleanup/config",
                "abc",
                "expected 64 hexadecimal digits, found `abc`".to_owned(),
            ),
            (
                "ssm:/ecr-cleanup/config",
                &DIGEST[1..],
                format!(
                    "expected 64 hexadecimal digits, found `{}`...",
                    &DIGEST[1..61]
                ),
            ),
            (
                "",
                DIGEST,
                "pins a document, and `ECR_CLEANUP_CONFIG` names none".to_owned(),
            ),
            (
                "",
                "abc",
                "expected 64 hexadecimal digits, found `abc`".to_owned(),
            ),
        ] {
            let error = load(Some(spec), Some(pin)).unwrap_err();
            assert_eq!(error, format!("ECR_CLEANUP_CONFIG_SHA256: {expected}"));
        }
    }

    #[test]
    fn what_cannot_be_read() {
        let binary = Scratch::new("binary", b"mode: \xff");
        let large = Scratch::new("large", &vec![b' '; MAX_BYTES + 1]);
        let full = Scratch::new("full", &vec![b' '; MAX_BYTES]);
        assert!(load(Some(&full.spec()), None).is_ok());
        for (spec, reason) in [
            (
                "file:/no/such/file",
                "No such file or directory (os error 2)",
            ),
            ("file:/", "Is a directory (os error 21)"),
            ("s3://bucket/secret", "access denied"),
            ("ssm:/other", "not found"),
            ("s3://bucket/large", "larger than 1 MiB"),
            ("s3://bucket/binary", "not UTF-8 at byte 6"),
            (&large.spec(), "larger than 1 MiB"),
            (&binary.spec(), "not UTF-8 at byte 6"),
        ] {
            let error = load(Some(spec), None).unwrap_err();
            assert_eq!(
                error,
                format!("ECR_CLEANUP_CONFIG: cannot read `{spec}`: {reason}")
            );
        }
    }
}
