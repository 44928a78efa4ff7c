//! The request of a step: the members of its call, and where each of them stands.

use serde_json::{Map, Value};

use super::spec::{Protocol, Step};
use crate::aws::{JsonRequest, Operation, percent_encoded};

/// An item with those that led to it.
pub(super) struct Chain<'a> {
    pub(super) item: &'a Value,
    pub(super) above: Option<&'a Chain<'a>>,
}

impl Chain<'_> {
    /// Returns a member of the item, or of the nearest one above that has it. An empty name is the
    /// item itself.
    pub(super) fn get(&self, field: &str) -> Option<&Value> {
        if field.is_empty() {
            return Some(self.item);
        }
        let own = self.item.get(field).filter(|value| !value.is_null());
        own.or_else(|| self.above.and_then(|above| above.get(field)))
    }

    /// Returns what errors call the item: its first name or ID.
    pub(super) fn title(&self) -> String {
        let members = self.item.as_object().into_iter().flatten();
        let mut named = members
            .filter(|(name, _)| name.ends_with("Name") || *name == "name" || name.ends_with("Id"));
        let name = named.find_map(|(_, value)| value.as_str());
        name.or_else(|| self.item.as_str())
            .unwrap_or_default()
            .to_owned()
    }
}

/// Returns a value as text if it is a text or a number.
pub(super) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns the members of a call, but for what differs between its pages.
///
/// # Errors
/// With the field that is missing.
pub(super) fn members<'s>(step: &'s Step, above: Option<&Chain<'_>>) -> Result<Value, &'s str> {
    let mut members = step.with.clone();
    for (member, field) in &step.from {
        let value = above
            .and_then(|above| above.get(field))
            .filter(|value| text(Some(value)).is_some());
        members.insert(member.clone(), value.ok_or(field.as_str())?.clone());
    }
    Ok(Value::Object(members))
}

/// Reason for which a step makes no request, which a test excludes for the tables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    #[error("no `http`")]
    MissingPath,
    #[error("members are no object")]
    InvalidMembers,
    #[error("no `{0}`")]
    MissingMember(String),
    #[error("`{0}` is no template")]
    InvalidTemplate(String),
}

/// Returns the operation of a step.
pub(super) fn operation(step: &'static Step) -> Operation {
    Operation::Other(&step.call)
}

/// Returns the request of a call with these members.
pub(super) fn request(
    protocol: &Protocol,
    step: &'static Step,
    body: Value,
) -> Result<JsonRequest, RequestError> {
    match protocol {
        Protocol::Json { version, target } => {
            let target = format!("{target}.{}", operation(step).action());
            Ok(JsonRequest::json(version, target, &body))
        }
        Protocol::Rest => rest(step, body),
    }
}

fn rest(step: &Step, body: Value) -> Result<JsonRequest, RequestError> {
    let http = step.http.as_deref().and_then(|http| http.split_once(' '));
    let (method, template) = http.ok_or(RequestError::MissingPath)?;
    let Value::Object(mut body) = body else {
        return Err(RequestError::InvalidMembers);
    };
    let (path, query) = template.split_once('?').unwrap_or((template, ""));
    let mut uri = String::new();
    for (number, part) in path.split('{').enumerate() {
        match part.split_once('}') {
            Some((member, rest)) => {
                let value = take(&mut body, member)
                    .ok_or_else(|| RequestError::MissingMember(member.to_owned()))?;
                uri += &format!("{}{rest}", percent_encoded(&value));
            }
            None if number == 0 => uri.push_str(part),
            None => return Err(RequestError::InvalidTemplate(template.to_owned())),
        }
    }
    let pairs = query.split('&').filter_map(|pair| {
        let (name, member) = pair.split_once('=')?;
        let value = take(&mut body, member.trim_matches(['{', '}']))?;
        Some(format!("{name}={}", percent_encoded(&value)))
    });
    let pairs: Vec<String> = pairs.collect();
    if !pairs.is_empty() {
        uri = format!("{uri}?{}", pairs.join("&"));
    }
    let body = match method {
        "GET" => String::new(),
        _ => Value::Object(body).to_string(),
    };
    Ok(JsonRequest {
        method: method.to_owned(),
        uri,
        headers: vec![("content-type", "application/json".to_owned())],
        body,
    })
}

fn take(body: &mut Map<String, Value>, member: &str) -> Option<String> {
    text(body.remove(member).as_ref())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(json: Value) -> &'static Step {
        Box::leak(Box::new(serde_json::from_value(json).unwrap()))
    }

    #[test]
    fn members_are_written_into_the_path_the_query_or_the_body() {
        let user = json!({"kind": "x", "name": [], "live": false});
        let http = "GET /a/{Name}/b?group={Group}&n={Most}";
        let get = step(json!({"call": "s:Get", "http": http, "user": user}));
        let made = request(&Protocol::Rest, get, json!({"Name": "x/y z", "Most": 100})).unwrap();
        assert_eq!((&*made.method, &*made.uri), ("GET", "/a/x%2Fy%20z/b?n=100"));
        assert_eq!(made.body, "");
        let missing = request(&Protocol::Rest, get, json!({}));
        assert!(matches!(missing, Err(RequestError::MissingMember(_))));

        let post = step(json!({"call": "s:Post", "http": "POST /a/?n={most}", "user": user}));
        let made = request(&Protocol::Rest, post, json!({"most": 1, "other": ["x"]})).unwrap();
        assert_eq!((&*made.uri, &*made.body), ("/a/?n=1", r#"{"other":["x"]}"#));

        let protocol = Protocol::Json {
            version: "1.1".to_owned(),
            target: "Target".to_owned(),
        };
        let list = step(json!({"call": "s:List", "user": user}));
        let made = request(&protocol, list, json!({"a": 1})).unwrap();
        assert_eq!(made.headers[1], ("x-amz-target", "Target.List".to_owned()));
        assert_eq!(made.body, r#"{"a":1}"#);
    }

    #[test]
    fn members_come_from_the_nearest_item_that_has_them() {
        let user = json!({"kind": "x", "name": [], "live": false});
        let step = step(json!({"call": "s:Get", "from": {"A": "a", "B": "b"}, "user": user}));
        let (item, inner) = (json!({"a": "outer", "b": "outer"}), json!({"a": 7}));
        let above = Some(&Chain {
            item: &item,
            above: None,
        });
        let inner = Chain {
            item: &inner,
            above,
        };
        let found = members(step, Some(&inner));
        assert_eq!(found, Ok(json!({"A": 7, "B": "outer"})));
        assert_eq!(members(step, None), Err("a"));
    }
}
