//! When tags were first seen, in as little memory as that takes.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};

/// First sights by number, sorted: half of what a map takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FirstSights(Vec<(u64, i64)>);

impl FirstSights {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, number: u64) -> Option<i64> {
        let position = self.0.binary_search_by_key(&number, |it| it.0).ok()?;
        Some(self.0[position].1)
    }

    /// Takes in others. Of what both have, the earlier counts.
    pub(super) fn merge(&mut self, others: Self) {
        if self.is_empty() {
            *self = others;
        } else if self.0 != others.0 {
            let own = std::mem::take(&mut self.0).into_iter();
            *self = own.chain(others.0).collect();
        }
    }

    pub(super) fn retain(&mut self, is_wanted: impl Fn(u64) -> bool) {
        self.0.retain(|&(number, _)| is_wanted(number));
        self.0.shrink_to_fit();
    }
}

impl FromIterator<(u64, i64)> for FirstSights {
    fn from_iter<I: IntoIterator<Item = (u64, i64)>>(sights: I) -> Self {
        let mut sights: Vec<(u64, i64)> = sights.into_iter().collect();
        sights.sort_unstable();
        sights.dedup_by_key(|it| it.0);
        sights.shrink_to_fit();
        Self(sights)
    }
}

impl Serialize for FirstSights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

impl<'de> Deserialize<'de> for FirstSights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sights;
        impl<'de> Visitor<'de> for Sights {
            type Value = FirstSights;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of times")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<FirstSights, M::Error> {
                let mut sights = Vec::new();
                while let Some(sight) = map.next_entry()? {
                    sights.push(sight);
                }
                Ok(sights.into_iter().collect())
            }
        }
        deserializer.deserialize_map(Sights)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn they_are_a_map_of_the_earliest(
            some in vec((0_u64..20, 0_i64..5), 0..20),
            others in vec((0_u64..20, 0_i64..5), 0..20),
            kept in 0_u64..20,
        ) {
            let mut expected = BTreeMap::new();
            for &(number, at) in some.iter().chain(&others) {
                let known = expected.entry(number).or_insert(at);
                *known = at.min(*known);
            }
            let mut sights: FirstSights = some.into_iter().collect();
            sights.merge(others.into_iter().collect());
            expected.retain(|number, _| *number <= kept);
            sights.retain(|number| number <= kept);
            for number in 0..21 {
                prop_assert_eq!(sights.get(number), expected.get(&number).copied());
            }
            let stored = serde_json::to_string(&sights).unwrap();
            prop_assert_eq!(&stored, &serde_json::to_string(&expected).unwrap());
            prop_assert_eq!(serde_json::from_str::<FirstSights>(&stored).unwrap(), sights);
        }
    }
}
