//! What an option names to read or to write: a file, or an object in S3.

use std::{
    fmt, fs,
    io::Write,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::Context;
use ecr_cleanup::{
    aws::Clients,
    config::{S3Objects, TextError},
};
use flate2::{Compression, write::GzEncoder};

/// A file, or an object in S3.
#[derive(Debug, Clone)]
pub(crate) enum File {
    Local(PathBuf),
    Object(S3Objects),
}

impl FromStr for File {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        if text.starts_with("s3://") {
            S3Objects::one(text).map(Self::Object)
        } else {
            Ok(Self::Local(text.into()))
        }
    }
}

/// Displays it as it was written.
impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::Object(object) => object.fmt(f),
        }
    }
}

impl File {
    /// Reads what it holds.
    pub(crate) async fn read(&self, clients: &Clients) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Local(path) => {
                fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))
            }
            Self::Object(object) => Ok(clients.download(object).await?),
        }
    }

    /// Writes it, compressed if its name ends with `.gz`.
    pub(crate) async fn write(
        &self,
        clients: &Clients,
        content_type: &str,
        bytes: Vec<u8>,
    ) -> anyhow::Result<()> {
        let name = self.to_string();
        let is_compressed = Path::new(&name).extension().is_some_and(|it| it == "gz");
        let (content_type, bytes) = if is_compressed {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&bytes)?;
            ("application/gzip", encoder.finish()?)
        } else {
            (content_type, bytes)
        };
        match self {
            Self::Local(path) => fs::write(path, bytes)
                .with_context(|| format!("failed to write `{}`", path.display()))?,
            Self::Object(object) => clients.upload(object, content_type, bytes).await?,
        }
        Ok(())
    }
}
