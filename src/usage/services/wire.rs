//! Requests as values: the members of a call, and where each of them goes.

use serde_json::{Map, Value};

use super::spec::{Protocol, Step};
use crate::aws::{Wire, encoded};

/// An item with those that led to it.
pub(super) struct Chain<'a> {
    pub(super) item: &'a Value,
    pub(super) above: Option<&'a Chain<'a>>,
}

impl Chain<'_> {
    /// A member of the item, or of the nearest one above that has it; empty is the item itself.
    pub(super) fn get(&self, field: &str) -> Option<&Value> {
        if field.is_empty() {
            return Some(self.item);
        }
        let own = self.item.get(field).filter(|value| !value.is_null());
        own.or_else(|| self.above.and_then(|above| above.get(field)))
    }

    /// What the item is called in messages: whatever names it.
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

/// A value as text, where it is one or a number.
pub(super) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The members of a call, but for what differs between its pages.
///
/// # Errors
/// The field that is missing.
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

/// The request of a call with these members.
///
/// # Errors
/// What is wrong with the step, which a test excludes.
pub(super) fn wire(protocol: &Protocol, step: &Step, body: Value) -> Result<Wire, String> {
    match protocol {
        Protocol::Json { version, target } => {
            let operation = step
                .call
                .split_once(':')
                .map_or(step.call.as_str(), |(_, operation)| operation);
            Ok(Wire::json(version, format!("{target}.{operation}"), &body))
        }
        Protocol::Rest => {
            let (method, template) = step
                .http
                .as_deref()
                .and_then(|http| http.split_once(' '))
                .ok_or("no `http`")?;
            let Value::Object(mut body) = body else {
                return Err("members are no object".to_owned());
            };
            let (path, query) = template.split_once('?').unwrap_or((template, ""));
            let mut uri = String::new();
            for (number, part) in path.split('{').enumerate() {
                match part.split_once('}') {
                    Some((member, rest)) => {
                        let value =
                            take(&mut body, member).ok_or_else(|| format!("no `{member}`"))?;
                        uri.push_str(&encoded(&value));
                        uri.push_str(rest);
                    }
                    None if number == 0 => uri.push_str(part),
                    None => return Err(format!("`{template}` is no template")),
                }
            }
            let pairs = query.split('&').filter_map(|pair| {
                let (name, member) = pair.split_once('=')?;
                let value = take(&mut body, member.trim_matches(['{', '}']))?;
                Some(format!("{name}={}", encoded(&value)))
            });
            let pairs: Vec<String> = pairs.collect();
            if !pairs.is_empty() {
                uri = format!("{uri}?{}", pairs.join("&"));
            }
            let body = if method == "GET" {
                String::new()
            } else {
                Value::Object(body).to_string()
            };
            let headers = vec![("content-type", "application/json".to_owned())];
            Ok(Wire {
                method: method.to_owned(),
                uri,
                headers,
                body,
            })
        }
    }
}

fn take(body: &mut Map<String, Value>, member: &str) -> Option<String> {
    text(body.remove(member).as_ref())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(json: Value) -> Step {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn members_go_into_the_path_the_query_or_the_body() {
        let user = json!({"kind": "x", "name": [], "live": false});
        let get = step(
            json!({"call": "s:Get", "http": "GET /a/{Name}/b?group={Group}&n={Most}", "user": user}),
        );
        let request = wire(&Protocol::Rest, &get, json!({"Name": "x/y z", "Most": 100})).unwrap();
        assert_eq!(
            (request.method.as_str(), request.uri.as_str()),
            ("GET", "/a/x%2Fy%20z/b?n=100")
        );
        assert_eq!(request.body, "");
        assert!(wire(&Protocol::Rest, &get, json!({})).is_err());

        let post = step(json!({"call": "s:Post", "http": "POST /a/?n={most}", "user": user}));
        let request = wire(&Protocol::Rest, &post, json!({"most": 1, "other": ["x"]})).unwrap();
        assert_eq!(
            (request.uri.as_str(), request.body.as_str()),
            ("/a/?n=1", r#"{"other":["x"]}"#)
        );

        let protocol = Protocol::Json {
            version: "1.1".to_owned(),
            target: "Target".to_owned(),
        };
        let request = wire(
            &protocol,
            &step(json!({"call": "s:List", "user": user})),
            json!({"a": 1}),
        )
        .unwrap();
        assert_eq!(
            request.headers[1],
            ("x-amz-target", "Target.List".to_owned())
        );
        assert_eq!(request.body, r#"{"a":1}"#);
    }

    #[test]
    fn members_come_from_the_nearest_item_that_has_them() {
        let user = json!({"kind": "x", "name": [], "live": false});
        let step = step(json!({"call": "s:Get", "from": {"A": "a", "B": "b"}, "user": user}));
        let (outer, inner) = (json!({"a": "outer", "b": "outer"}), json!({"a": 7}));
        let above = Chain {
            item: &outer,
            above: None,
        };
        let inner = Chain {
            item: &inner,
            above: Some(&above),
        };
        assert_eq!(
            members(&step, Some(&inner)),
            Ok(json!({"A": 7, "B": "outer"}))
        );
        assert_eq!(members(&step, None), Err("a"));
    }
}
