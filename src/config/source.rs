//! Where the document is, and its text.

use std::{
    fmt::{self, Display, Formatter},
    fs::File,
    future::Future,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    error::{ConfigError, Place, Problem},
    text::TextError,
};

/// Names the document.
const VARIABLE: &str = "ECR_CLEANUP_CONFIG";

/// Pins the document.
const PIN_VARIABLE: &str = "ECR_CLEANUP_CONFIG_SHA256";

/// The largest document, in bytes: 1 MiB.
const MAX_BYTES: usize = 1 << 20;

/// Location of the configuration document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The defaults.
    Default,
    /// The document itself.
    Inline(String),
    File(PathBuf),
    S3 {
        bucket: String,
        key: String,
    },
    /// The name or ARN of a parameter in AWS Systems Manager Parameter Store.
    Ssm(String),
}

/// Reads documents from AWS.
pub trait Fetch: Sync {
    /// Reason for which a document cannot be read.
    type Error: std::error::Error;

    /// Reads the bytes of an object.
    fn s3(
        &self,
        bucket: &str,
        key: &str,
    ) -> impl Future<Output = Result<Vec<u8>, Self::Error>> + Send;

    /// Reads the value of a parameter, decrypted.
    fn ssm(&self, name: &str) -> impl Future<Output = Result<String, Self::Error>> + Send;
}

impl Source {
    /// Reads the value of `ECR_CLEANUP_CONFIG`: the document itself if it begins with `{`,
    /// `file:PATH`, `s3://BUCKET/KEY` or `ssm:NAME`; blank is no document.
    pub(super) fn parse(spec: &str) -> Result<Self, ConfigError> {
        let trimmed = spec.trim();
        if trimmed.is_empty() {
            return Ok(Self::Default);
        }
        if trimmed.starts_with('{') {
            return Ok(Self::Inline(spec.to_owned()));
        }
        let parts = trimmed.split_once(':').filter(|(_, name)| !name.is_empty());
        let source = parts.and_then(|(scheme, name)| match scheme {
            "file" => Some(Self::File(name.into())),
            "ssm" => Some(Self::Ssm(name.to_owned())),
            "s3" => {
                let (bucket, key) = name.strip_prefix("//")?.split_once('/')?;
                let is_complete = !bucket.is_empty() && !key.is_empty();
                is_complete.then(|| Self::S3 {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                })
            }
            _ => None,
        });
        source.ok_or_else(|| {
            let forms =
                "a document that begins with `{`, `file:PATH`, `s3://BUCKET/KEY` or `ssm:NAME`";
            problem(VARIABLE, TextError::new(forms, trimmed))
        })
    }

    /// Reads the text of the document, whose bytes must have the SHA-256 digest `sha256` if that is
    /// given and not blank.
    pub(super) async fn read(
        &self,
        sha256: Option<&str>,
        fetch: &impl Fetch,
    ) -> Result<String, ConfigError> {
        let pin = sha256.map(str::trim).filter(|pin| !pin.is_empty());
        let pin = pin.map(parse_pin).transpose()?;
        let cannot = |reason: &dyn Display| {
            problem(
                "configuration",
                format_args!("cannot read {self}: {reason}"),
            )
        };
        let bytes = match self {
            Self::Default if pin.is_some() => {
                let message = format_args!("pins a document, and `{VARIABLE}` names none");
                return Err(problem(PIN_VARIABLE, message));
            }
            Self::Default => return Ok(String::new()),
            Self::Inline(text) => text.clone().into_bytes(),
            Self::File(path) => read_file(path).map_err(|error| cannot(&error))?,
            Self::S3 { bucket, key } => {
                let read = fetch.s3(bucket, key).await;
                read.map_err(|error| cannot(&error))?
            }
            Self::Ssm(name) => {
                let read = fetch.ssm(name).await;
                read.map_err(|error| cannot(&error))?.into_bytes()
            }
        };
        if bytes.len() > MAX_BYTES {
            return Err(cannot(&"larger than 1 MiB"));
        }
        if let Some(pin) = pin {
            let digest: [u8; 32] = Sha256::digest(&bytes).into();
            if digest != pin {
                let found = hex::encode(digest);
                let message =
                    format_args!("the document is another: {self} has the digest `{found}`");
                return Err(problem(PIN_VARIABLE, message));
            }
        }
        String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            cannot(&format_args!("not UTF-8 at byte {valid}"))
        })
    }
}

/// Displays what a person recognises it by, never its text.
impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::Inline(_) => f.write_str("the inline document"),
            Self::File(path) => write!(f, "`file:{}`", path.display()),
            Self::S3 { bucket, key } => write!(f, "`s3://{bucket}/{key}`"),
            Self::Ssm(name) => write!(f, "`ssm:{name}`"),
        }
    }
}

/// Reads one byte more than allowed at most, which is enough to know that there are too many.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?.take(MAX_BYTES as u64 + 1);
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse_pin(text: &str) -> Result<[u8; 32], ConfigError> {
    let mut pin = [0; 32];
    hex::decode_to_slice(text, &mut pin)
        .map_err(|_| problem(PIN_VARIABLE, TextError::new("64 hexadecimal digits", text)))?;
    Ok(pin)
}

fn problem(variable: &'static str, message: impl Display) -> ConfigError {
    Problem::new(Place::Variable(variable), message.to_string()).into()
}

#[cfg(test)]
mod tests;
