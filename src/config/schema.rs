//! The JSON Schema of the grammar.

use schemars::{Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::Value;

use super::raw::Document;

/// Returns the JSON Schema (2020-12) of a configuration document; `config.schema.json` holds it.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let settings = settings.with_transform(RecursiveTransform(remove_null));
    let settings = settings.with_transform(RecursiveTransform(join_lines));
    let settings = settings.with_transform(RecursiveTransform(require));
    let generator = settings.into_generator();
    generator.into_root_schema_for::<Document>().to_value()
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
    schema.remove("required");
    if let Some(keys) = schema.remove("x-required") {
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
        let objects = text.matches(r#""properties":{"#).count();
        assert_eq!(
            text.matches(r#""additionalProperties":false"#).count(),
            objects + 1,
            "`lambda` has no properties"
        );
    }
}
