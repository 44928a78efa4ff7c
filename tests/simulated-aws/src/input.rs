//! Reading the members of a request body, with the errors the services answer.

use crate::error::ApiError;
use serde_json::Value;

/// Returns the text of a member, if given.
pub(crate) fn text<'a>(body: &'a Value, member: &str) -> Option<&'a str> {
    body.get(member).and_then(Value::as_str)
}

/// Returns the text of a member that must be given.
pub(crate) fn required<'a>(body: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    text(body, member).filter(|text| !text.is_empty()).ok_or_else(|| {
        ApiError::invalid(format!(
            "Invalid parameter at '{member}' failed to satisfy constraint: 'Member must not be null'"
        ))
    })
}

/// Returns a list that may be left out, but not be empty, of at most `most` elements.
pub(crate) fn list<'a>(
    body: &'a Value,
    member: &str,
    most: usize,
) -> Result<Option<&'a [Value]>, ApiError> {
    let Some(list) = body.get(member).and_then(Value::as_array) else {
        return Ok(None);
    };
    if list.is_empty() {
        return Err(too_short(member));
    }
    if list.len() > most {
        return Err(ApiError::invalid(format!(
            "Invalid parameter at '{member}' failed to satisfy constraint: \
             'Member must have length less than or equal to {most}'"
        )));
    }
    Ok(Some(list))
}

/// Returns a list that must be given and not be empty.
pub(crate) fn required_list<'a>(
    body: &'a Value,
    member: &str,
    most: usize,
) -> Result<&'a [Value], ApiError> {
    list(body, member, most)?.ok_or_else(|| too_short(member))
}

fn too_short(member: &str) -> ApiError {
    ApiError::invalid(format!(
        "Invalid parameter at '{member}' failed to satisfy constraint: \
         'Member must have length greater than or equal to 1'"
    ))
}

/// Returns the texts of a list that must be given and not be empty.
pub(crate) fn required_texts<'a>(
    body: &'a Value,
    member: &str,
    most: usize,
) -> Result<Vec<&'a str>, ApiError> {
    Ok(required_list(body, member, most)?
        .iter()
        .filter_map(Value::as_str)
        .collect())
}

/// Returns the values a filter lets through; `None`, and an empty list, let all through.
pub(crate) fn filter<'a>(body: &'a Value, member: &str) -> Option<&'a [Value]> {
    let values = body.get(member)?.as_array()?.as_slice();
    (!values.is_empty()).then_some(values)
}
