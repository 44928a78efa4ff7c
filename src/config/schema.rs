//! The JSON Schema of the grammar.

use schemars::{Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::Value;

use super::{TEMPLATE, document, raw::Document};

/// What the schema is called.
const ID: &str = "urn:ecr-cleanup:configuration:1";

/// Returns the JSON Schema (2020-12) of a configuration document; `config.schema.json` holds it.
///
/// It accepts every document that [`Config::parse`](super::Config::parse) accepts, and refuses what
/// can be told by one value or the keys beside it.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let settings = settings.with_transform(RecursiveTransform(remove_null));
    let settings = settings.with_transform(RecursiveTransform(join_lines));
    let settings = settings.with_transform(RecursiveTransform(require));
    let generator = settings.into_generator();
    let mut schema = generator.into_root_schema_for::<Document>();
    schema.insert("$id".to_owned(), ID.into());
    let mut schema = schema.to_value();
    if let Ok(defaults) = document::parse(TEMPLATE) {
        add_defaults(&mut schema, "", &defaults);
    }
    schema
}

/// Adds their defaults to the keys of the mapping at `place` of the schema, and to those below them.
fn add_defaults(schema: &mut Value, place: &str, defaults: &Value) {
    for (key, default) in defaults.as_object().into_iter().flatten() {
        let place = format!("{place}/properties/{key}");
        match mapping(schema, &place).filter(|_| default.is_object()) {
            Some(mapping) => add_defaults(schema, &mapping, default),
            None => {
                if let Some(Value::Object(property)) = schema.pointer_mut(&place) {
                    property.insert("default".to_owned(), default.clone());
                }
            }
        }
    }
}

/// Returns where the schema describes the mapping that may be written at `place`.
fn mapping(schema: &Value, place: &str) -> Option<String> {
    let described = schema.pointer(place)?;
    if let Some(reference) = described.get("$ref") {
        return Some(reference.as_str()?.strip_prefix('#')?.to_owned());
    }
    if described.get("properties").is_some() {
        return Some(place.to_owned());
    }
    let choices = described.get("anyOf")?.as_array()?;
    (0..choices.len()).find_map(|index| mapping(schema, &format!("{place}/anyOf/{index}")))
}

/// Removes `null` from the types of optional keys.
fn remove_null(schema: &mut Schema) {
    let null = Value::from("null");
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type") != Some(&null));
        if let [Value::Object(only)] = choices.as_mut_slice() {
            let only = std::mem::take(only);
            schema.remove("anyOf");
            for (key, value) in only {
                schema.ensure_object().entry(key).or_insert(value);
            }
        }
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| *kind != null);
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}

/// Makes descriptions paragraphs without line breaks, as editors show them.
fn join_lines(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let paragraphs = text.split("\n\n").map(|lines| lines.replace('\n', " "));
        *text = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
}

/// Requires the keys that are named in `x-required`, and no other: every other key may be left out.
fn require(schema: &mut Schema) {
    let keys = schema.remove("x-required");
    // What else has `required` says which keys go together.
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        schema.remove("required");
    }
    if let Some(keys) = keys {
        schema.insert("required".to_owned(), keys);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_file_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let file: Value = serde_json::from_str(&text).unwrap_or_default();
        assert!(
            file == schema() && text.ends_with("}\n"),
            "run `ecr-cleanup schema > config.schema.json`"
        );
    }

    #[test]
    fn no_key_may_be_blank_and_none_unknown() {
        let text = schema().to_string();
        assert!(!text.contains("null"), "{text}");
        let objects = text.matches(r#""type":"object""#).count();
        let closed = text.matches(r#""additionalProperties":false"#).count();
        let open = text.matches(r#""additionalProperties":{"#).count();
        assert_eq!(closed + open, objects);
        assert_eq!(open, 2, "AWS tags and rates have any key");
    }
}
