//! The single values of the grammar, each with the range it may have and the words for what it
//! should have been.

use std::{
    borrow::Cow,
    fmt::{self, Formatter},
    marker::PhantomData,
    num::NonZeroU32,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{
        self, MapAccess, SeqAccess, Unexpected, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::TaskDefinitions;

/// A whole number within bounds.
struct Whole {
    least: u64,
    most: u64,
}

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.most {
            100 => write!(f, "a whole number from {} to 100", self.least),
            _ => write!(f, "a whole number, {} or more", self.least),
        }
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
        if value < self.least {
            return Err(too_small(self.least, &value));
        }
        let most = self.most;
        if value > most {
            let message = format_args!("expected {most} or less, found {value}");
            return Err(E::custom(message));
        }
        Ok(value)
    }

    /// Only negative numbers come here.
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<u64, E> {
        Err(too_small(self.least, &value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<u64, E> {
        // Where the parsers put whole numbers beyond 64 bits.
        if value.fract() == 0.0 && value.abs() >= 9e18 {
            let most = self.most;
            let bound = if value < 0.0 {
                format!("{} or more", self.least)
            } else {
                format!("{most} or less")
            };
            return Err(E::custom(format_args!("expected {bound}, found {value:e}")));
        }
        Err(E::invalid_type(Unexpected::Float(value), &self))
    }
}

fn too_small<E: de::Error>(least: u64, found: &dyn fmt::Display) -> E {
    E::custom(format_args!("expected {least} or more, found {found}"))
}

/// Reads a whole number from `least` to what the type holds, or to `most` if that is less.
fn whole<'de, D: Deserializer<'de>, T: TryFrom<u64>>(
    deserializer: D,
    least: u64,
    most: u64,
) -> Result<T, D::Error> {
    let value = deserializer.deserialize_u64(Whole { least, most })?;
    let too_large = |_| de::Error::custom(format_args!("expected {most} or less, found {value}"));
    T::try_from(value).map_err(too_large)
}

/// A number of 1 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("maximum" = u32::MAX))]
pub(super) struct Count(pub(super) NonZeroU32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = whole(deserializer, 1, u32::MAX.into())?;
        let count = NonZeroU32::new(value).map(Self);
        count.ok_or_else(|| too_small(1, &value))
    }
}

/// Reads a number that may be 0.
pub(super) fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    whole(deserializer, 0, u64::MAX)
}

/// Reads a number that may be 0, if one is written.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    whole(deserializer, 0, u32::MAX.into()).map(Some)
}

/// Reads a number that may be 0, if one is written.
pub(super) fn some_limit<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    limit(deserializer).map(Some)
}

/// Reads a percentage from 0 to 100, if one is written.
pub(super) fn some_percent<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u8>, D::Error> {
    percent(deserializer).map(Some)
}

/// Reads a percentage from 0 to 100.
pub(super) fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    whole(deserializer, 0, 100)
}

/// Reads a finite amount of money, 0 or more.
pub(super) fn price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    deserializer.deserialize_f64(PriceVisitor)
}

struct PriceVisitor;

impl Visitor<'_> for PriceVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a number, 0 or more")
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<f64, E> {
        if value.is_finite() && value >= 0.0 {
            // Adding zero takes the sign from `-0.0`.
            return Ok(value + 0.0);
        }
        Err(too_small(0, &value))
    }

    #[expect(clippy::cast_precision_loss, reason = "no price has more than 52 bits")]
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<f64, E> {
        self.visit_f64(value as f64)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<f64, E> {
        Err(too_small(0, &value))
    }
}

/// A list. `None` in place of an item that was wrong, so that the others keep their indexes.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(super) struct List<T>(pub(super) Vec<Option<T>>);

impl<T> List<T> {
    /// Returns the items that are not wrong, with their indexes.
    pub(super) fn items(&self) -> impl Iterator<Item = (usize, &T)> {
        let items = self.0.iter().enumerate();
        items.filter_map(|(index, item)| item.as_ref().map(|item| (index, item)))
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().map(Some).collect())
    }
}

/// The settings of something that can be off. `None` if `false` is written.
#[derive(Clone, Debug)]
pub(super) struct Switch<T>(pub(super) Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Switch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SwitchVisitor(PhantomData))
    }
}

struct SwitchVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SwitchVisitor<T> {
    type Value = Switch<T>;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("`false` or a mapping (`{}` for its defaults)")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Switch<T>, E> {
        if value {
            Err(E::invalid_value(Unexpected::Bool(value), &self))
        } else {
            Ok(Switch(None))
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Switch<T>, A::Error> {
        let settings = T::deserialize(MapAccessDeserializer::new(entries))?;
        Ok(Switch(Some(settings)))
    }
}

impl<T: Serialize> Serialize for Switch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            None => serializer.serialize_bool(false),
            Some(settings) => settings.serialize(serializer),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Switch<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}OrOff", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": false }, generator.subschema_for::<T>()] })
    }
}

/// Words that may stand in place of a list.
pub(super) trait Words: Copy + PartialEq + Sized + 'static {
    /// The words, as they are written.
    const WORDS: &'static [(&'static str, Self)];
    /// What `false` means, if it may be written.
    const OFF: Option<Self>;
    /// What may be written, in words.
    const EXPECTED: &'static str;

    /// Says more of the list in the schema.
    fn narrow(_list: &mut Schema) {}
}

/// A word, or a list.
#[derive(Clone, Debug)]
pub(super) enum WordOrList<W, T> {
    Word(W),
    List(List<T>),
}

impl<'de, W: Words, T: Deserialize<'de>> Deserialize<'de> for WordOrList<W, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrListVisitor(PhantomData))
    }
}

struct WordOrListVisitor<W, T>(PhantomData<(W, T)>);

impl<'de, W: Words, T: Deserialize<'de>> Visitor<'de> for WordOrListVisitor<W, T> {
    type Value = WordOrList<W, T>;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(W::EXPECTED)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        let off = W::OFF.filter(|_| !value).map(WordOrList::Word);
        off.ok_or_else(|| E::invalid_value(Unexpected::Bool(value), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let known = W::WORDS.iter().find(|(word, _)| *word == text);
        let known = known.map(|(_, word)| WordOrList::Word(*word));
        known.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        List::deserialize(SeqAccessDeserializer::new(items)).map(WordOrList::List)
    }
}

impl<W: Words, T: Serialize> Serialize for WordOrList<W, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = |word: &W| W::WORDS.iter().find(|(_, known)| known == word);
        match self {
            Self::Word(word) => match written(word) {
                Some((text, _)) => serializer.serialize_str(text),
                None => serializer.serialize_bool(false),
            },
            Self::List(list) => list.serialize(serializer),
        }
    }
}

impl<W: Words, T: JsonSchema> JsonSchema for WordOrList<W, T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}OrWord", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = W::WORDS.iter().map(|(text, _)| *text).collect();
        let words = json_schema!({ "type": "string", "enum": words });
        let mut list = generator.subschema_for::<List<T>>();
        list.remove("description");
        W::narrow(&mut list);
        match W::OFF {
            Some(_) => json_schema!({ "anyOf": [words, { "const": false }, list] }),
            None => json_schema!({ "anyOf": [words, list] }),
        }
    }
}

/// `{ newest: N }`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("x-required" = ["newest"]))]
struct Newest {
    /// How many of each family's ACTIVE revisions count, besides those referenced. 1 or more.
    newest: Count,
}

impl<'de> Deserialize<'de> for TaskDefinitions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TaskDefinitionsVisitor)
    }
}

struct TaskDefinitionsVisitor;

impl<'de> Visitor<'de> for TaskDefinitionsVisitor {
    type Value = TaskDefinitions;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("`active`, `referenced` or `{ newest: N }`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TaskDefinitions, E> {
        match text {
            "active" => Ok(TaskDefinitions::Active),
            "referenced" => Ok(TaskDefinitions::Referenced),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<TaskDefinitions, A::Error> {
        let Newest { newest } = Newest::deserialize(MapAccessDeserializer::new(entries))?;
        Ok(TaskDefinitions::Newest(newest.0))
    }
}

impl Serialize for TaskDefinitions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Active => serializer.serialize_str("active"),
            Self::Referenced => serializer.serialize_str("referenced"),
            Self::Newest(count) => {
                let newest = Count(count);
                Newest { newest }.serialize(serializer)
            }
        }
    }
}

impl JsonSchema for TaskDefinitions {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TaskDefinitions".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = json_schema!({
            "type": "string",
            "enum": ["active", "referenced"],
            "description": "`active` or `referenced`.",
        });
        json_schema!({ "anyOf": [word, generator.subschema_for::<Newest>()] })
    }
}
