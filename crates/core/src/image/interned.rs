//! Text of which there are few different ones: names of rules, roles in indexes, types of artifacts.

use std::{
    collections::HashMap,
    fmt,
    ops::Deref,
    sync::{LazyLock, PoisonError, RwLock},
};

use serde::Serialize;
use serde_with::DeserializeFromStr;

/// Text in three bytes: its number in a table of the process, which keeps each text once and for
/// good. Nothing but memory depends on these numbers. There are fewer texts than images that fit
/// into a function, whoever pushes them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, DeserializeFromStr)]
pub struct Interned([u8; 3]);

#[derive(Default)]
struct Table {
    texts: Vec<&'static str>,
    numbers: HashMap<&'static str, Interned>,
}

static TABLE: LazyLock<RwLock<Table>> = LazyLock::new(RwLock::default);

impl Table {
    fn add(&mut self, text: &str) -> Interned {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        let [high, number @ ..] = u32::try_from(self.texts.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes();
        assert!(high == 0, "there are more than 16 million different texts");
        let text: &'static str = Box::leak(text.into());
        self.texts.push(text);
        self.numbers.insert(text, Interned(number));
        Interned(number)
    }
}

impl From<&str> for Interned {
    fn from(text: &str) -> Self {
        // Not within the expression that follows: the lock has to be free again for that.
        let known = {
            let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
            table.numbers.get(text).copied()
        };
        known.unwrap_or_else(|| {
            let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
            table.add(text)
        })
    }
}

impl std::str::FromStr for Interned {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.into())
    }
}

impl Deref for Interned {
    type Target = str;

    fn deref(&self) -> &str {
        let [first, second, third] = self.0;
        let number = u32::from_be_bytes([0, first, second, third]);
        let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
        table
            .texts
            .get(number as usize)
            .copied()
            .unwrap_or_default()
    }
}

impl fmt::Display for Interned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Interned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for Interned {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_and_others_are_others() {
        let texts: Vec<String> = (0..1000).map(|number| format!("text {number}")).collect();
        let interned: Vec<Interned> = texts.iter().map(|text| (&**text).into()).collect();
        for (text, interned) in texts.iter().zip(&interned) {
            assert_eq!(&**interned, text);
            assert_eq!(Interned::from(&**text), *interned);
        }
        assert_ne!(interned[0], interned[256]);
        assert_eq!(&*Interned::from(""), "");
        assert_eq!(size_of::<Option<Interned>>(), 4);
    }

    #[test]
    fn it_is_a_string_in_json() {
        let read: Interned = serde_json::from_str("\"linux/arm64\"").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"linux/arm64\"");
        assert_eq!(format!("{read} {read:?}"), "linux/arm64 \"linux/arm64\"");
    }
}
