//! The items of an answer.

use serde_json::Value;

use super::{
    request::{Chain, operation, text},
    spec::Step,
};
use crate::aws::ApiError;

/// An item of an answer, with what tells it from the others.
pub(super) type Item = (String, Value);

/// Returns whether a step is made for an item.
pub(super) fn is_wanted(step: &Step, item: &Value) -> bool {
    let is =
        |(field, value): (&String, &String)| item.get(field).and_then(Value::as_str) == Some(value);
    step.only.iter().all(is) && !step.except.iter().any(is)
}

/// Makes the error of a step for which an item above lacks a field.
pub(super) fn missing(step: &'static Step, field: &str) -> ApiError {
    let problem = format!("there is nothing to call it with: an answer has no `{field}`");
    ApiError::answer(operation(step), "", problem)
}

/// Returns the items of a list. An empty one is `[]`: an answer without it says nothing of what
/// there is.
pub(super) fn listed(step: &'static Step, mut answer: Value) -> Result<Vec<Item>, ApiError> {
    let key = step.list.as_deref().unwrap_or_default();
    let incomplete = |what: String| ApiError::answer(operation(step), "", what);
    let Some(Value::Array(items)) = answer.get_mut(key).map(Value::take) else {
        return Err(incomplete(format!("the answer has no list `{key}`")));
    };
    let field = step.id.as_deref().unwrap_or_default();
    let items = items.into_iter().map(|item| {
        let above = None;
        let id = text(Chain { item: &item, above }.get(field));
        let id = id.ok_or_else(|| incomplete(format!("something in `{key}` has no `{field}`")))?;
        check(step, &item)?;
        Ok((id, item))
    });
    items.collect()
}

/// Returns the one thing that an answer is about.
pub(super) fn one(step: &'static Step, mut answer: Value) -> Result<Value, ApiError> {
    let item = match &step.item {
        None => answer,
        Some(name) => answer.get_mut(name).map(Value::take).unwrap_or_default(),
    };
    if !item.is_object() {
        let name = step.item.as_deref().unwrap_or("answer");
        let problem = format!("there is no `{name}` in the answer");
        return Err(ApiError::answer(operation(step), "", problem));
    }
    check(step, &item)?;
    Ok(item)
}

/// Checks that an item has what it says its images with. A text that was left out for lack of a
/// right is `{}`.
fn check(step: &'static Step, item: &Value) -> Result<(), ApiError> {
    let has = |name: &&String| match item.get(name.as_str()) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty() && text != "{}",
        Some(_) => true,
    };
    if let Some(name) = step.needs.iter().find(|name| !has(name)) {
        let problem = format!("the answer does not say its `{name}`");
        return Err(ApiError::answer(operation(step), "", problem));
    }
    Ok(())
}
