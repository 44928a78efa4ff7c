//! A manifest's SHA-256 digest, as 32 bytes.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde_with::{DeserializeFromStr, SerializeDisplay};

const ALGORITHM: &str = "sha256:";

/// SHA-256 digest of a manifest: the one name of an image that always means the same image.
#[derive(Clone, Copy, PartialEq, Eq, Hash, SerializeDisplay, DeserializeFromStr)]
pub struct Digest([u8; 32]);

/// A text that is not a SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no digest: expected `sha256:` and 64 hexadecimal digits")]
pub struct DigestError(String);

impl Digest {
    /// Creates a digest from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 64 hexadecimal digits, without the algorithm.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Returns the digest with its first 12 digits, for people: `sha256:0123456789ab`.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{ALGORITHM}{}", hex::encode(&self.0[..6]))
    }

    /// Returns its first 8 bytes, as a number.
    #[must_use]
    pub fn first_bytes(&self) -> u64 {
        self.0
            .first_chunk()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }

    /// Parses 64 hexadecimal digits, in either case.
    pub fn from_hex(text: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| DigestError(text.to_owned()))?;
        Ok(Self(bytes))
    }
}

/// By their bytes, of which the first mostly tell: millions are sorted and found.
impl Ord for Digest {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_first = self.first_bytes().cmp(&other.first_bytes());
        by_first.then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Digest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.strip_prefix(ALGORITHM)
            .and_then(|hex| Self::from_hex(hex).ok())
            .ok_or_else(|| DigestError(text.to_owned()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_in_either_case() {
        let digest = Digest::from_bytes([0xab; 32]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(format!("sha256:{}", "AB".repeat(32)).parse(), Ok(digest));
        assert_eq!(digest.short(), "sha256:abababababab");
    }

    #[test]
    fn they_are_in_the_order_of_their_bytes() {
        let digest = |position: usize, byte| {
            let mut bytes = [7; 32];
            bytes[position] = byte;
            Digest::from_bytes(bytes)
        };
        for position in [0, 7, 8, 31] {
            let [less, same, more] = [6, 7, 200].map(|byte| digest(position, byte));
            assert!(less < same && same < more && less < more, "{position}");
            assert_eq!(same.cmp(&digest(0, 7)), Ordering::Equal);
        }
        assert!(digest(0, 6) < digest(31, 6), "the first byte counts most");
    }

    #[test]
    fn refuses_everything_else() {
        let long = format!("sha256:{}", "a".repeat(65));
        for text in ["", "sha256:", "sha256:zz", "sha512:00", &long, "latest"] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
