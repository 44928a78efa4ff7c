//! Commit ids, whole and abbreviated.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Digits of an id of SHA-1.
const SHA1: usize = 40;
/// Digits of an id of SHA-256.
const SHA256: usize = 64;
/// The fewest digits that Git abbreviates an id to.
const SHORTEST: usize = 7;

/// An id of a commit, or the beginning of one: 7 to 40 or 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId {
    /// Digits, with zeros behind them.
    bytes: [u8; 32],
    digits: u8,
}

/// A text that is no commit id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no commit id: expected 7 to 64 hexadecimal digits")]
pub struct CommitIdError(String);

impl CommitId {
    /// Parses an id or its beginning, in either case.
    ///
    /// # Errors
    /// Returns an error for anything but 7 to 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, CommitIdError> {
        let problem = || CommitIdError(text.to_owned());
        if !(SHORTEST..=SHA256).contains(&text.len()) {
            return Err(problem());
        }
        let mut bytes = [0; 32];
        for (position, letter) in text.chars().enumerate() {
            let digit = letter.to_digit(16).and_then(|it| u8::try_from(it).ok());
            let shift = if position % 2 == 0 { 4 } else { 0 };
            bytes[position / 2] |= digit.ok_or_else(problem)? << shift;
        }
        let digits = u8::try_from(text.len()).map_err(|_| problem())?;
        Ok(Self { bytes, digits })
    }

    /// Returns whether it is a whole id, of SHA-1 or SHA-256.
    pub(super) const fn is_whole(&self) -> bool {
        matches!(self.digits as usize, SHA1 | SHA256)
    }

    /// Returns the number of digits.
    pub(super) const fn digits(&self) -> u8 {
        self.digits
    }

    /// Returns whether a whole id begins with this.
    pub(super) fn begins(&self, whole: &Self) -> bool {
        let full = usize::from(self.digits / 2);
        let half = self.digits % 2 == 1;
        self.digits <= whole.digits
            && self.bytes[..full] == whole.bytes[..full]
            && (!half || self.bytes[full] >> 4 == whole.bytes[full] >> 4)
    }

    /// Returns whether this, with zeros behind it, comes after an id.
    pub(super) fn is_after(&self, whole: &Self) -> bool {
        self.bytes > whole.bytes
    }
}

impl FromStr for CommitId {
    type Err = CommitIdError;

    fn from_str(text: &str) -> Result<Self, CommitIdError> {
        Self::parse(text)
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = hex::encode(self.bytes);
        f.write_str(&hex[..usize::from(self.digits)])
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CommitId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CommitId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}
