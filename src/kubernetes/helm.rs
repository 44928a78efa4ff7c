//! What Helm could roll back to: the manifests and hooks of every stored release (U7).
//!
//! A release is JSON, compressed, in base64, in a Secret (whose values are in base64 once more) or
//! a `ConfigMap`. All of that comes from whoever may write Secrets, so it is decoded as a stream
//! with a limit. A release that cannot be read is an error: Helm itself would pass it over. Source:
//! "helm/helm", `pkg/storage/driver`.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::{BufReader, Read},
};

use base64::{DecodeError, Engine, prelude::BASE64_STANDARD};
use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde::Deserialize;

use crate::image::Time;

/// The most bytes of a release, decompressed.
const LARGEST: u64 = 32 << 20;
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Secret,
    ConfigMap,
}

/// Reason for which a release cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReleaseError {
    #[error("it has no `data.release`")]
    Missing,
    #[error("bad base64: {0}")]
    Base64(#[from] DecodeError),
    #[error("it has more than {} MiB", LARGEST >> 20)]
    TooLarge,
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Parts of a release that may name images.
#[derive(Debug, Deserialize)]
pub(crate) struct Release {
    name: String,
    version: u64,
    manifest: String,
    hooks: Option<Vec<Hook>>,
    info: Option<Info>,
}

#[derive(Debug, Deserialize)]
struct Info {
    last_deployed: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Hook {
    manifest: Option<String>,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    release: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Labelled {
    metadata: Labels,
}

#[derive(Deserialize)]
struct Labels {
    labels: Option<HashMap<String, String>>,
}

impl Release {
    /// Returns whether a `ConfigMap` holds a release, by the labels that Helm gives it.
    pub(crate) fn is_in(object: &str) -> bool {
        serde_json::from_str::<Labelled>(object)
            .ok()
            .and_then(|object| object.metadata.labels)
            .is_some_and(|labels| labels.get("owner").is_some_and(|owner| owner == "helm"))
    }

    /// Reads the release that an object of the API holds.
    pub(crate) fn read(object: &str, store: Store) -> Result<Self, ReleaseError> {
        let object: Object<'_> = serde_json::from_str(object)?;
        let stored = object.data.and_then(|data| data.release);
        let mut bytes = BASE64_STANDARD.decode(&*stored.ok_or(ReleaseError::Missing)?)?;
        if store == Store::Secret {
            bytes = BASE64_STANDARD.decode(&bytes)?;
        }
        if bytes.starts_with(&GZIP) {
            Self::decode(GzDecoder::new(bytes.as_slice()))
        } else {
            Self::decode(bytes.as_slice())
        }
    }

    fn decode(source: impl Read) -> Result<Self, ReleaseError> {
        // One byte more than is allowed tells a release that is too large from one that is broken.
        let mut limited = source.take(LARGEST + 1);
        let release = serde_json::from_reader(BufReader::new(&mut limited));
        if limited.limit() == 0 {
            return Err(ReleaseError::TooLarge);
        }
        Ok(release?)
    }

    /// Returns what people call it: the release and its revision.
    pub(crate) fn title(&self, namespace: &str) -> String {
        format!("{namespace}/{} revision {}", self.name, self.version)
    }

    /// Returns when it was deployed last.
    pub(crate) fn deployed_at(&self) -> Option<Time> {
        let text = self.info.as_ref()?.last_deployed.as_ref()?;
        text.parse::<Timestamp>().ok().map(Time::from)
    }

    /// Returns the texts of its manifests.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = &str> {
        let hooks = self.hooks.iter().flatten();
        let hooks = hooks.filter_map(|hook| hook.manifest.as_deref());
        std::iter::once(self.manifest.as_str()).chain(hooks)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use serde_json::json;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn secret(release: &[u8]) -> String {
        let value = BASE64_STANDARD.encode(BASE64_STANDARD.encode(release));
        json!({"type": "helm.sh/release.v1", "data": {"release": value}}).to_string()
    }

    #[test]
    fn reads_what_helm_writes() {
        let release = json!({
            "name": "shop", "version": 3, "info": {"status": "superseded", "last_deployed": "2026-10-01T12:00:00.123456789+02:00"}, "chart": {"templates": []},
            "manifest": "image: a", "hooks": [{"name": "migrate", "manifest": "image: b"}, {}],
        });
        let text = release.to_string();
        let in_map =
            json!({"data": {"release": BASE64_STANDARD.encode(gzip(text.as_bytes()))}}).to_string();
        for release in [
            Release::read(&secret(&gzip(text.as_bytes())), Store::Secret),
            Release::read(&secret(text.as_bytes()), Store::Secret),
            Release::read(&in_map, Store::ConfigMap),
        ] {
            let release = release.unwrap();
            assert_eq!(release.title("web"), "web/shop revision 3");
            let deployed_at = release.deployed_at().unwrap();
            assert_eq!(deployed_at.to_string(), "2026-10-01T10:00:00Z");
            assert_eq!(
                release.manifests().collect::<Vec<_>>(),
                ["image: a", "image: b"]
            );
        }
    }

    #[test]
    fn whatever_else_is_there_is_an_error() {
        let bomb = {
            let mut text = br#"{"name":"x","version":1,"manifest":""#.to_vec();
            text.resize(text.len() + (40 << 20), b' ');
            text.extend_from_slice(br#""}"#);
            gzip(&text)
        };
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        let start = br#"{"name":"x","version":1,"manifest":"","hooks":"#.as_slice();
        let deep = [start, &deep, b"}"].concat();
        let cut = gzip(br#"{"name":"x","version":1,"manifest":""}"#);
        let stored = |text: &str| json!({"data": {"release": text}}).to_string();
        let cut_short = secret(br#"{"name":"x","version":1}"#);
        for (object, problem) in [
            ("{}".to_owned(), "no `data.release`"),
            (stored("%%%"), "bad base64"),
            (stored(&BASE64_STANDARD.encode("%%%")), "bad base64"),
            (secret(br#"{"name":1}"#), "invalid type"),
            (cut_short, "missing field `manifest`"),
            (secret(&cut[..cut.len() / 2]), ""),
            (secret(&bomb), "more than 32 MiB"),
            (secret(&gzip(&deep)), "invalid type"),
        ] {
            let error = Release::read(&object, Store::Secret).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(problem), "{problem}: {error}");
        }
    }
}
