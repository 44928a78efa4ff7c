//! AWS CloudFormation as a source of use.

use std::{
    borrow::Cow,
    fmt::{self, Formatter},
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
    ser::SerializeMap,
};

/// Whether the templates of stacks are read.
///
/// It is written as `auto`, `{}` or `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloudFormation {
    /// If CloudFormation answers; where it denies its first call or cannot be reached, it is unread.
    Auto,
    /// Always; stacks that cannot be read are a failure.
    Demanded,
    /// Not at all.
    Off,
}

impl<'de> Deserialize<'de> for CloudFormation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CloudFormationVisitor)
    }
}

struct CloudFormationVisitor;

/// `{}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl<'de> Visitor<'de> for CloudFormationVisitor {
    type Value = CloudFormation;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("`auto`, `{}` or `false`")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<CloudFormation, E> {
        if value {
            Err(E::invalid_value(Unexpected::Bool(value), &self))
        } else {
            Ok(CloudFormation::Off)
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<CloudFormation, E> {
        if text == "auto" {
            Ok(CloudFormation::Auto)
        } else {
            Err(E::invalid_value(Unexpected::Str(text), &self))
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<CloudFormation, A::Error> {
        let Nothing {} = Nothing::deserialize(MapAccessDeserializer::new(entries))?;
        Ok(CloudFormation::Demanded)
    }
}

impl Serialize for CloudFormation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Demanded => serializer.serialize_map(Some(0))?.end(),
            Self::Off => serializer.serialize_bool(false),
        }
    }
}

impl JsonSchema for CloudFormation {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "CloudFormation".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mapping = json_schema!({ "type": "object", "additionalProperties": false });
        json_schema!({ "anyOf": [{ "const": "auto" }, { "const": false }, mapping] })
    }
}
