//! Manifests of indexes, compressed: of a large registry there are a hundred thousand.

use std::{cell::RefCell, sync::Arc};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

thread_local! {
    /// Both are larger than what they work on, so they are made once.
    static COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::default(), false));
    static DECOMPRESS: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// The text of the manifest of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexManifest {
    compressed: Arc<[u8]>,
    /// Size of the text.
    size: u32,
}

impl From<&str> for IndexManifest {
    fn from(text: &str) -> Self {
        let mut compressed = Vec::with_capacity(text.len() / 2 + 64);
        COMPRESS.with_borrow_mut(|state| {
            state.reset();
            loop {
                let rest = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
                let rest = text.as_bytes().get(rest..).unwrap_or_default();
                match state.compress_vec(rest, &mut compressed, FlushCompress::Finish) {
                    Ok(Status::StreamEnd) | Err(_) => break,
                    Ok(Status::Ok | Status::BufError) => compressed.reserve(text.len() + 64),
                }
            }
        });
        Self {
            compressed: compressed.into(),
            size: u32::try_from(text.len()).unwrap_or(u32::MAX),
        }
    }
}

impl IndexManifest {
    /// Returns the text. Its digest shows whether it is right.
    pub(crate) fn text(&self) -> String {
        let mut text = Vec::with_capacity(self.size as usize);
        DECOMPRESS.with_borrow_mut(|state| {
            state.reset(false);
            let all = FlushDecompress::Finish;
            // What is damaged has another digest.
            let _ = state.decompress_vec(&self.compressed, &mut text, all);
        });
        String::from_utf8(text).unwrap_or_default()
    }
}

impl Serialize for IndexManifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for IndexManifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok((&*text).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_back_as_it_was_and_is_small() {
        let index = |parts: usize| {
            let parts = (0..parts).map(|number| {
                let digest = hex::encode([u8::try_from(number % 251).unwrap(); 32]);
                format!(
                    r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1234,"digest":"sha256:{digest}","platform":{{"os":"linux","architecture":"arm64"}}}}"#
                )
            });
            format!(
                r#"{{"manifests":[{}]}}"#,
                parts.collect::<Vec<_>>().join(",")
            )
        };
        for text in [
            String::new(),
            "ä".to_owned(),
            index(2),
            index(5),
            index(1000),
        ] {
            let manifest = IndexManifest::from(&*text);
            assert_eq!(manifest.text(), text);
            let stored = serde_json::to_string(&manifest).unwrap();
            assert_eq!(stored, serde_json::to_string(&text).unwrap());
            let read: IndexManifest = serde_json::from_str(&stored).unwrap();
            assert_eq!(read, manifest);
        }
        let text = index(5);
        let manifest = IndexManifest::from(&*text);
        assert!(manifest.compressed.len() < text.len() / 3, "{manifest:?}");
    }
}
