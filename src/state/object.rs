//! The form of an object: an envelope with the name of its schema, its number and the content, compressed.
//!
//! ```json
//! {"schema": "ecr-cleanup/usage-counts", "number": 1, "content": ...}
//! ```
//!
//! A reader takes the number it knows and no other. Compression is gzip, whose checksum notices an object that was cut
//! or changed by accident.

use std::io::{Read, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The most bytes an object may unfold to: what is larger was not written by this program.
const MAX_BYTES: u64 = 1 << 30;

/// What an object holds.
pub(super) trait Content: Serialize + DeserializeOwned {
    /// The name of its schema.
    const SCHEMA: &'static str;
    /// The number of its schema that this version reads and writes.
    const NUMBER: u32;
    /// The name of the object.
    const KEY: &'static str;
}

/// Why the content of an object cannot be used.
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
        /// The number it has.
        found: u32,
        /// The number this version knows.
        known: u32,
    },
}

#[derive(Serialize)]
struct Written<'a, C> {
    schema: &'a str,
    number: u32,
    content: &'a C,
}

#[derive(Deserialize)]
struct Envelope {
    schema: String,
    number: u32,
}

#[derive(Deserialize)]
struct Letter<C> {
    content: C,
}

/// The bytes of an object.
pub(super) fn encode<C: Content>(content: &C) -> Result<Vec<u8>, String> {
    let written = Written {
        schema: C::SCHEMA,
        number: C::NUMBER,
        content,
    };
    let text = serde_json::to_vec(&written).map_err(|error| error.to_string())?;
    compress(&text).map_err(|error| error.to_string())
}

/// Bytes as gzip.
fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The content of an object.
///
/// # Errors
/// Where the bytes are not what this version writes.
pub(super) fn decode<C: Content>(bytes: &[u8]) -> Result<C, Unusable> {
    let damaged = |error: &dyn std::fmt::Display| Unusable::Damaged(error.to_string());
    let mut text = Vec::new();
    let mut decoder = GzDecoder::new(bytes).take(MAX_BYTES);
    decoder
        .read_to_end(&mut text)
        .map_err(|error| damaged(&error))?;
    let envelope: Envelope = serde_json::from_slice(&text).map_err(|error| damaged(&error))?;
    if envelope.schema != C::SCHEMA {
        return Err(Unusable::Foreign(envelope.schema));
    }
    if envelope.number > C::NUMBER {
        return Err(Unusable::Newer {
            found: envelope.number,
            known: C::NUMBER,
        });
    }
    if envelope.number < C::NUMBER {
        return Err(Unusable::Damaged(format!(
            "no version wrote number {} of its schema",
            envelope.number
        )));
    }
    let letter: Letter<C> = serde_json::from_slice(&text).map_err(|error| damaged(&error))?;
    Ok(letter.content)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::state::Counts;

    fn object(value: &Value) -> Vec<u8> {
        compress(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let counts = Counts::default();
        assert_eq!(decode::<Counts>(&encode(&counts).unwrap()), Ok(counts));
    }

    #[test]
    fn everything_else_has_its_own_outcome() {
        let read = |bytes: &[u8]| decode::<Counts>(bytes).unwrap_err();
        let whole = encode(&Counts::default()).unwrap();
        for cut in 0..whole.len() {
            assert!(
                matches!(read(&whole[..cut]), Unusable::Damaged(_)),
                "cut at {cut}"
            );
        }
        for position in 10..whole.len() {
            let mut changed = whole.clone();
            changed[position] ^= 1;
            assert!(decode::<Counts>(&changed).is_err(), "changed at {position}");
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
        let newer =
            object(&json!({"schema": Counts::SCHEMA, "number": 2, "content": {"anything": true}}));
        assert_eq!(read(&newer), Unusable::Newer { found: 2, known: 1 });
        let wrong = object(&json!({"schema": Counts::SCHEMA, "number": 1, "content": []}));
        assert!(matches!(read(&wrong), Unusable::Damaged(_)));
    }
}
