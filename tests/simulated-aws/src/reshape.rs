//! Faults that change a good answer: tokens, and elements that go missing.

use crate::fault::FaultKind;
use crate::input::text;
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The token of a first page that [`FaultKind::RepeatToken`] answers.
const ROUND: &str = "round-and-round";

/// What is to be done to the answer.
#[derive(Debug)]
pub(crate) enum Change {
    Token(String),
    LoseLast,
    LoseList,
    Reorder(u64),
    FailFirst {
        code: String,
    },
    /// The first id of a delete, taken out of the request.
    Fail {
        id: Value,
        code: String,
        emptied: bool,
    },
    Nothing,
}

impl Change {
    /// Returns whether nothing is left to ask for.
    pub(crate) fn is_emptied(&self) -> bool {
        matches!(self, Self::Fail { emptied: true, .. })
    }
}

/// Prepares the request for the fault, and says what to do to the answer.
pub(crate) fn request(body: &mut Value, operation: &str, kind: FaultKind) -> Change {
    match kind {
        FaultKind::EmptyToken => Change::Token(String::new()),
        FaultKind::RepeatToken => {
            let token = text(body, "nextToken")
                .or_else(|| text(body, "NextToken"))
                .unwrap_or(ROUND)
                .to_owned();
            if token == ROUND
                && let Some(body) = body.as_object_mut()
            {
                body.remove("nextToken");
            }
            Change::Token(token)
        }
        FaultKind::Rearrange { size, seed } => {
            if let Some(most) = body.get("maxResults").and_then(Value::as_u64) {
                body["maxResults"] = most.min(size).into();
            }
            Change::Reorder(seed)
        }
        FaultKind::LoseItem => Change::LoseLast,
        FaultKind::LoseList => Change::LoseList,
        FaultKind::FailItem { code } if operation == "BatchDeleteImage" => {
            let ids = body.get_mut("imageIds").and_then(Value::as_array_mut);
            match ids {
                Some(ids) if !ids.is_empty() => Change::Fail {
                    id: ids.remove(0),
                    code,
                    emptied: ids.is_empty(),
                },
                _ => Change::Nothing,
            }
        }
        FaultKind::FailItem { code } => Change::FailFirst { code },
        _ => Change::Nothing,
    }
}

/// Changes the answer. One that is not a JSON object stays as it is.
pub(crate) fn answer(body: &mut Vec<u8>, change: Change) {
    let Ok(mut answer @ Value::Object(_)) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    match change {
        Change::Token(token) => {
            let capitals = |name: &String| name.starts_with(char::is_uppercase);
            let name = match answer.as_object() {
                Some(members) if members.contains_key("NextMarker") => "NextMarker",
                Some(members) if members.keys().any(capitals) => "NextToken",
                _ => "nextToken",
            };
            answer[name] = token.into();
        }
        Change::LoseLast => {
            if let Some((_, list)) = main_list(&mut answer) {
                list.pop();
            }
        }
        Change::Reorder(seed) => {
            if let Some((_, list)) = main_list(&mut answer) {
                list.sort_by_cached_key(|item| {
                    let mut hasher = DefaultHasher::new();
                    (seed, item.to_string()).hash(&mut hasher);
                    hasher.finish()
                });
            }
        }
        Change::LoseList => {
            let name = main_list(&mut answer).map(|(name, _)| name);
            if let (Some(name), Some(members)) = (name, answer.as_object_mut()) {
                members.remove(&name);
            }
        }
        Change::FailFirst { code } => {
            let first = main_list(&mut answer)
                .filter(|(_, list)| !list.is_empty())
                .map(|(name, list)| (name, list.remove(0)));
            if let Some((name, item)) = first {
                fail(&mut answer, failure(&name, &item, &code));
            }
        }
        Change::Fail { id, code, .. } => {
            fail(
                &mut answer,
                json!({"imageId": id, "failureCode": code, "failureReason": "simulated"}),
            );
        }
        Change::Nothing => return,
    }
    *body = answer.to_string().into_bytes();
}

/// Returns the list an answer is about: the one that is not `failures`.
fn main_list(answer: &mut Value) -> Option<(String, &mut Vec<Value>)> {
    let members = answer.as_object_mut()?.iter_mut();
    let mut lists = members.filter(|(name, _)| !matches!(name.as_str(), "failures" | "tags"));
    lists.find_map(|(name, value)| Some((name.clone(), value.as_array_mut()?)))
}

fn fail(answer: &mut Value, failure: Value) {
    if let Some(failures) = answer.get_mut("failures").and_then(Value::as_array_mut) {
        failures.push(failure);
    } else {
        answer["failures"] = json!([failure]);
    }
}

fn failure(list: &str, item: &Value, code: &str) -> Value {
    if let Some(id) = item.get("imageId") {
        return json!({"imageId": id, "failureCode": code, "failureReason": "simulated"});
    }
    let member = format!("{}Arn", list.trim_end_matches('s'));
    let arn = text(item, &member).or(item.as_str());
    json!({"arn": arn, "reason": code})
}
