//! The form of an object: a compressed envelope with the name of its schema, its number and the
//! content.
//!
//! ```json
//! {"schema": "ecr-cleanup/usage-counts", "number": 1, "content": ...}
//! ```
//!
//! A reader takes the number it knows and no other. Compression is gzip, whose checksum notices an
//! object that was cut or changed by accident.

use std::io::{Read, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Bytes to which an object may decompress: a larger one was not written by this program.
const MAX_BYTES: u64 = 1 << 30;

/// Content of an object.
pub(super) trait StateObject: Serialize + DeserializeOwned {
    /// Name of its schema.
    const SCHEMA: &'static str;
    /// Number of its schema that this version reads and writes.
    const NUMBER: u32;
    /// Name of the object.
    const KEY: &'static str;
}

/// Reason for which the content of an object cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is not what this program writes, or was damaged.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It is something else.
    #[error("it holds `{0}`, which is something else")]
    Foreign(String),
    /// A newer version of this program wrote it.
    #[error("it has number {found} of its schema, and this version knows {known}")]
    Newer {
        /// Number that it has.
        found: u32,
        /// Number that this version knows.
        known: u32,
    },
}

#[derive(Serialize)]
struct Written<'a, C> {
    schema: &'a str,
    number: u32,
    content: &'a C,
}

/// The part of an object that tells whether this version can read the rest.
#[derive(Deserialize)]
struct Header {
    schema: String,
    number: u32,
}

#[derive(Deserialize)]
struct Envelope<C> {
    content: C,
}

/// Returns the bytes of an object.
pub(super) fn encode<C: StateObject>(content: &C) -> std::io::Result<Vec<u8>> {
    let written = Written {
        schema: C::SCHEMA,
        number: C::NUMBER,
        content,
    };
    compress(&serde_json::to_vec(&written)?)
}

/// Compresses bytes as gzip.
fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Returns the content of an object.
///
/// # Errors
/// Returns an error if the bytes are not what this version writes.
pub(super) fn decode<C: StateObject>(bytes: &[u8]) -> Result<C, Unusable> {
    let damaged = |error: &dyn std::fmt::Display| Unusable::Damaged(error.to_string());
    let mut text = Vec::new();
    let mut decoder = GzDecoder::new(bytes).take(MAX_BYTES);
    decoder
        .read_to_end(&mut text)
        .map_err(|error| damaged(&error))?;
    let header: Header = serde_json::from_slice(&text).map_err(|error| damaged(&error))?;
    if header.schema != C::SCHEMA {
        return Err(Unusable::Foreign(header.schema));
    }
    if header.number > C::NUMBER {
        return Err(Unusable::Newer {
            found: header.number,
            known: C::NUMBER,
        });
    }
    if header.number < C::NUMBER {
        return Err(Unusable::Damaged(format!(
            "no version wrote number {} of its schema",
            header.number
        )));
    }
    let envelope: Envelope<C> = serde_json::from_slice(&text).map_err(|error| damaged(&error))?;
    Ok(envelope.content)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::guard::UsageCounts;

    fn object(value: &Value) -> Vec<u8> {
        compress(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let counts = UsageCounts::default();
        assert_eq!(decode::<UsageCounts>(&encode(&counts).unwrap()), Ok(counts));
    }

    #[test]
    fn everything_else_has_its_own_outcome() {
        let read = |bytes: &[u8]| decode::<UsageCounts>(bytes).unwrap_err();
        let whole = encode(&UsageCounts::default()).unwrap();
        for cut in 0..whole.len() {
            assert!(
                matches!(read(&whole[..cut]), Unusable::Damaged(_)),
                "cut at {cut}"
            );
        }
        for position in 10..whole.len() {
            let mut changed = whole.clone();
            changed[position] ^= 1;
            assert!(
                decode::<UsageCounts>(&changed).is_err(),
                "changed at {position}"
            );
        }
        assert!(matches!(
            read(b"{\"schema\":\"ecr-cleanup/usage-counts\"}"),
            Unusable::Damaged(_)
        ));
        let foreign = object(&json!({"schema": "somebody/else", "number": 1, "content": {}}));
        assert_eq!(
            read(&foreign),
            Unusable::Foreign("somebody/else".to_owned())
        );
        let newer = object(
            &json!({"schema": UsageCounts::SCHEMA, "number": 2, "content": {"anything": true}}),
        );
        assert_eq!(read(&newer), Unusable::Newer { found: 2, known: 1 });
        let wrong = object(&json!({"schema": UsageCounts::SCHEMA, "number": 1, "content": []}));
        assert!(matches!(read(&wrong), Unusable::Damaged(_)));
    }
}
