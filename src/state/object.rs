//! The form of an object: a compressed envelope with the name of its schema, its number and the
//! content.
//!
//! ```json
//! {"schema": "ecr-cleanup/soaking", "number": 1, "content": ...}
//! ```
//!
//! A reader takes the number it knows and no other. Compression is gzip, whose checksum notices an
//! object that was cut or changed by accident.

use std::{
    fmt::Display,
    io::{self, BufWriter, Read, Write},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::aws::s3;

/// Number of the schema of every object.
const NUMBER: u32 = 1;

pub(super) trait StateObject: Serialize + DeserializeOwned {
    /// Name of the object, and of its schema.
    const NAME: &'static str;
}

/// Returns the name of the schema of an object.
fn schema<C: StateObject>() -> String {
    format!("ecr-cleanup/{}", C::NAME)
}

/// Reason for which the content of an object cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// It is not what this program writes, or was damaged.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It does not fit into the memory of a function.
    #[error("it decompresses to more than {0} MB, a quarter of the memory")]
    TooLarge(usize),
    #[error("it holds `{0}`, which is something else")]
    Foreign(String),
    #[error("it has number {found} of its schema, and this version knows {known}")]
    Newer { found: u32, known: u32 },
}

/// The part of an object that tells whether this version can read the rest.
#[derive(Deserialize)]
struct Header {
    schema: String,
    number: u32,
}

#[derive(Serialize, Deserialize)]
struct Envelope<C> {
    schema: String,
    number: u32,
    content: C,
}

impl<C> Envelope<C> {
    fn header(&self) -> Header {
        Header {
            schema: self.schema.clone(),
            number: self.number,
        }
    }
}

pub(super) fn encode<C: StateObject>(content: &C) -> io::Result<Vec<u8>> {
    let envelope = Envelope {
        schema: schema::<C>(),
        number: NUMBER,
        content,
    };
    // Compressed as it is written: the text of a large ledger takes tens of megabytes.
    compress(|text| Ok(serde_json::to_writer(text, &envelope)?))
}

fn compress(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Vec<u8>> {
    // A run waits for this, and what takes most of it is digests, which nothing makes smaller.
    let encoder = GzEncoder::new(Steps::default(), Compression::fast());
    let mut text = BufWriter::new(encoder);
    write(&mut text)?;
    Ok(text.into_inner()?.finish()?.0)
}

/// Bytes that take little more memory than they need while they become more: a vector takes twice as
/// much.
#[derive(Default)]
struct Steps(Vec<u8>);

impl Write for Steps {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        const STEP: usize = 1 << 20;
        if self.0.capacity() - self.0.len() < bytes.len() {
            self.0
                .reserve_exact(bytes.len().max(self.0.len().min(STEP)));
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the content of an object, or an error if the bytes are not what this version writes.
pub(super) fn decode<C: StateObject>(bytes: &[u8]) -> Result<C, Unusable> {
    decode_within(bytes, s3::most_bytes())
}

/// Decompresses an object, to `most` bytes at the most. Parsing it meanwhile would take less memory and
/// twice as long; a run needs its memory later.
fn decompress(bytes: &[u8], most: usize) -> Result<Vec<u8>, Unusable> {
    let mut text = Steps::default();
    // One byte more tells an object that is too large from one that is broken.
    let read = io::copy(&mut GzDecoder::new(bytes).take(most as u64 + 1), &mut text);
    if text.0.len() > most {
        return Err(Unusable::TooLarge(most >> 20));
    }
    read.map_err(damaged)?;
    Ok(text.0)
}

fn damaged(error: impl Display) -> Unusable {
    Unusable::Damaged(error.to_string())
}

/// Returns the content of an object that decompresses to `most` bytes at the most.
fn decode_within<C: StateObject>(bytes: &[u8], most: usize) -> Result<C, Unusable> {
    let text = decompress(bytes, most)?;
    let read = serde_json::from_slice::<Envelope<C>>(&text);
    let header: Header = match &read {
        Ok(envelope) => envelope.header(),
        // Another version may have another content.
        Err(_) => serde_json::from_slice(&text).map_err(damaged)?,
    };
    if header.schema != schema::<C>() {
        return Err(Unusable::Foreign(header.schema));
    }
    match header.number {
        NUMBER => read.map(|envelope| envelope.content).map_err(damaged),
        found if found > NUMBER => Err(Unusable::Newer {
            found,
            known: NUMBER,
        }),
        number => {
            let problem = format!("no version wrote number {number} of its schema");
            Err(Unusable::Damaged(problem))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::guard::SoakLedger;

    fn object(value: &Value) -> Vec<u8> {
        compress(|text| text.write_all(value.to_string().as_bytes())).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let ledger = SoakLedger::default();
        assert_eq!(decode::<SoakLedger>(&encode(&ledger).unwrap()), Ok(ledger));
    }

    #[test]
    fn everything_else_has_its_own_outcome() {
        let read = |bytes: &[u8]| decode::<SoakLedger>(bytes).unwrap_err();
        let whole = encode(&SoakLedger::default()).unwrap();
        for cut in 0..whole.len() {
            let error = read(&whole[..cut]);
            assert!(matches!(error, Unusable::Damaged(_)), "cut at {cut}");
        }
        for position in 10..whole.len() {
            let mut changed = whole.clone();
            changed[position] ^= 1;
            let changed = decode::<SoakLedger>(&changed);
            assert!(changed.is_err(), "changed at {position}");
        }
        let plain = read(br#"{"schema":"ecr-cleanup/soaking"}"#);
        assert!(matches!(plain, Unusable::Damaged(_)));
        let foreign = object(&json!({"schema": "somebody/else", "number": 1, "content": {}}));
        let other = "somebody/else".to_owned();
        assert_eq!(read(&foreign), Unusable::Foreign(other));
        let schema = schema::<SoakLedger>();
        let newer = object(&json!({"schema": schema, "number": 2, "content": {"anything": true}}));
        assert_eq!(read(&newer), Unusable::Newer { found: 2, known: 1 });
        let wrong = object(&json!({"schema": schema, "number": 1, "content": []}));
        assert!(matches!(read(&wrong), Unusable::Damaged(_)));
    }

    #[test]
    fn an_object_is_not_decompressed_beyond_the_memory() {
        const MOST: usize = 2 << 20;
        let ledger = SoakLedger::default();
        let size = |spaces| {
            let mut text = serde_json::to_vec(&Envelope {
                schema: schema::<SoakLedger>(),
                number: NUMBER,
                content: &ledger,
            })
            .unwrap();
            text.resize(spaces, b' ');
            compress(|it| it.write_all(&text)).unwrap()
        };
        let within = size(MOST);
        assert!(within.len() < MOST / 100);
        assert_eq!(decode_within(&within, MOST), Ok(ledger.clone()));
        for beyond in [MOST + 1, MOST * 8] {
            let read = decode_within::<SoakLedger>(&size(beyond), MOST);
            assert_eq!(read, Err(Unusable::TooLarge(2)));
        }
    }
}
