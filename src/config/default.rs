//! The defaults, and how what is written is laid over them.

use serde_json::Value;

/// The defaults as a commented document: their definition, and a template to copy.
pub const TEMPLATE: &str = include_str!("default.yaml");

/// Returns `written` with the settings that it leaves out.
///
/// A mapping is completed key by key; all else, lists too, stays as written.
pub(super) fn lay_over(defaults: &Value, written: Value) -> Value {
    match (defaults, written) {
        (Value::Object(defaults), Value::Object(mut written)) => {
            for (key, default) in defaults {
                let value = match written.remove(key) {
                    Some(value) => lay_over(default, value),
                    None => default.clone(),
                };
                written.insert(key.clone(), value);
            }
            Value::Object(written)
        }
        (_, written) => written,
    }
}
