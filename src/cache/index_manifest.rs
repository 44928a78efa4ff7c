//! Manifests of indexes, compressed: of a large registry there are a hundred thousand.

use std::{cell::RefCell, sync::LazyLock};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::{Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

thread_local! {
    /// Both are larger than what they work on, so they are made once.
    static COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
    static DECOMPRESS: RefCell<Decompress> = RefCell::new(Decompress::new(false));
    /// Room for the next ones: many of them lie side by side, so that their memory is of use to
    /// something larger once they are gone.
    static ROOM: RefCell<BytesMut> = RefCell::default();
}

/// Bytes that lie side by side.
const BLOCK: usize = 64 << 10;
/// Size beyond which no manifest is: registries take four megabytes.
const MOST: usize = 8 << 20;

/// Text that is like a manifest, so that none has to say it again: each is compressed as what follows
/// it. With another text here, stored manifests are read once more from ECR.
const LIKE: &str = include_str!("index_manifest/like.txt");

/// The text of the manifest of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexManifest(Bytes);

/// Compresses a text after what the state compressed before.
fn compress(state: &mut Compress, text: &str, flush: FlushCompress) -> Vec<u8> {
    let before = state.total_in();
    let mut compressed = Vec::with_capacity(text.len() + 64);
    loop {
        let rest = rest(text.as_bytes(), state.total_in() - before);
        let done = state.compress_vec(rest, &mut compressed, flush);
        // Room that is left says that nothing is held back.
        if done.is_err() || compressed.len() < compressed.capacity() {
            return compressed;
        }
        compressed.reserve(text.len() + 64);
    }
}

/// Makes a state that has compressed [`LIKE`], and returns what that became.
fn begin(state: &mut Compress) -> Vec<u8> {
    state.reset();
    compress(state, LIKE, FlushCompress::Sync)
}

impl From<&str> for IndexManifest {
    fn from(text: &str) -> Self {
        COMPRESS.with_borrow_mut(|state| {
            begin(state);
            Self(kept(&compress(state, text, FlushCompress::Finish)))
        })
    }
}

fn rest(bytes: &[u8], done: u64) -> &[u8] {
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    bytes.get(done..).unwrap_or_default()
}

fn kept(compressed: &[u8]) -> Bytes {
    ROOM.with_borrow_mut(|room| {
        if room.capacity() < compressed.len() {
            *room = BytesMut::with_capacity(BLOCK.max(compressed.len()));
        }
        room.extend_from_slice(compressed);
        room.split().freeze()
    })
}

impl IndexManifest {
    /// Returns the text. Its digest shows whether it is right.
    pub(crate) fn text(&self) -> String {
        static BEGINNING: LazyLock<Vec<u8>> = LazyLock::new(|| COMPRESS.with_borrow_mut(begin));
        let mut text = Vec::new();
        DECOMPRESS.with_borrow_mut(|state| {
            state.reset(false);
            let all = [&**BEGINNING, &self.0].concat();
            // What is damaged has another digest.
            while text.len() < MOST {
                let done = state.total_in() + state.total_out();
                text.reserve(LIKE.len());
                let rest = rest(&all, state.total_in());
                let decompressed = state.decompress_vec(rest, &mut text, FlushDecompress::None);
                let is_stuck = state.total_in() + state.total_out() == done;
                if is_stuck || !matches!(decompressed, Ok(Status::Ok | Status::BufError)) {
                    break;
                }
            }
        });
        let text = text.split_off(LIKE.len().min(text.len()));
        String::from_utf8(text).unwrap_or_default()
    }
}

impl Serialize for IndexManifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for IndexManifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Earlier versions wrote the manifest as it is, which is never base64.
        Ok(match BASE64_STANDARD.decode(&text) {
            Ok(compressed) => Self(kept(&compressed)),
            Err(_) => (&*text).into(),
        })
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
            let earlier = serde_json::to_string(&text).unwrap();
            for stored in [stored, earlier] {
                let read: IndexManifest = serde_json::from_str(&stored).unwrap();
                assert_eq!(read.text(), text);
            }
        }
        let text = index(5);
        let manifest = IndexManifest::from(&*text);
        assert!(manifest.0.len() < text.len() / 3, "{manifest:?}");
        for damaged in [&b""[..], &[1, 2, 3], &manifest.0[..40]] {
            assert_ne!(IndexManifest(kept(damaged)).text(), text);
        }
    }
}
