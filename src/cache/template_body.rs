//! Bodies of templates, compressed: there may be thousands of a megabyte each.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Size beyond which no body can be: CloudFormation takes templates of a megabyte, and macros make
/// more of them.
const MOST: u64 = 32 << 20;

/// The text of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateBody(Arc<[u8]>);

impl TemplateBody {
    pub(crate) fn new(text: &str) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        // Memory takes whatever is written.
        let written = encoder.write_all(text.as_bytes());
        Self(
            written
                .and_then(|()| encoder.finish())
                .unwrap_or_default()
                .into(),
        )
    }

    /// Returns the text.
    ///
    /// # Errors
    /// If it is damaged.
    pub(crate) fn text(&self) -> io::Result<String> {
        let mut text = String::new();
        DeflateDecoder::new(&*self.0)
            .take(MOST)
            .read_to_string(&mut text)?;
        Ok(text)
    }
}

impl Serialize for TemplateBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for TemplateBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(D::Error::custom)?;
        Ok(Self(bytes.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_back_as_it_was_and_is_small() {
        let text = "{\"Resources\": {}}\n".repeat(10_000);
        let body = TemplateBody::new(&text);
        assert!(body.0.len() < text.len() / 50);
        let stored = serde_json::to_string(&body).unwrap();
        let read: TemplateBody = serde_json::from_str(&stored).unwrap();
        assert_eq!((read.text().unwrap(), &read), (text, &body));
        assert!(serde_json::from_str::<TemplateBody>("\"!\"").is_err());
        assert!(TemplateBody([1, 2, 3].into()).text().is_err());
    }
}
