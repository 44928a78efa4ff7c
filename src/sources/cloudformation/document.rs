//! The document that a template is: JSON, or YAML with the short names of functions (`!Sub`), which
//! becomes the same JSON as their long names (`Fn::Sub`).

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScanError, Tag};
use serde_json::{Map, Value};

/// Reason for which a text is no template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DocumentError {
    #[error("{0}")]
    Syntax(#[from] ScanError),
    #[error("it has an alias, which no template may have")]
    Alias,
    #[error("it is no mapping")]
    NoMapping,
}

/// A list or a mapping that was begun.
struct Open {
    tag: Option<String>,
    /// Items, or keys and values in turn.
    nodes: Vec<Value>,
}

/// Reads a template. Numbers in YAML stay as they are written.
pub(super) fn read(text: &str) -> Result<Value, DocumentError> {
    let document = match serde_json::from_str(text) {
        Ok(document) => document,
        // JSON is YAML too, but for some corners.
        Err(_) => yaml(text)?,
    };
    match document {
        Value::Object(_) => Ok(document),
        _ => Err(DocumentError::NoMapping),
    }
}

fn yaml(text: &str) -> Result<Value, DocumentError> {
    let mut open: Vec<Open> = Vec::new();
    // A hyphen that is to join others is written without quotes (`!Join [-, ...]`), which
    // CloudFormation's parser lets pass.
    let text = text.replace("[-,", "['-',").replace("[ -,", "['-',");
    for event in Parser::new_from_str(&text) {
        let (event, _) = event?;
        let closed = match event {
            Event::Scalar(text, _, _, tag) => {
                tagged(function(tag), Value::String(text.into_owned()))
            }
            Event::SequenceStart(_, _, tag) | Event::MappingStart(_, _, tag) => {
                open.push(Open {
                    tag: function(tag),
                    nodes: Vec::new(),
                });
                continue;
            }
            Event::SequenceEnd => match open.pop() {
                Some(list) => tagged(list.tag, Value::Array(list.nodes)),
                None => continue,
            },
            Event::MappingEnd => match open.pop() {
                Some(mapping) => tagged(mapping.tag, object(mapping.nodes)),
                None => continue,
            },
            Event::Alias(_) => return Err(DocumentError::Alias),
            _ => continue,
        };
        match open.last_mut() {
            Some(above) => above.nodes.push(closed),
            None => return Ok(closed),
        }
    }
    Err(DocumentError::NoMapping)
}

/// Returns the long name of the function that a tag stands for.
fn function(tag: Option<Cow<'_, Tag>>) -> Option<String> {
    let tag = tag?;
    if tag.handle() != "!" {
        return None;
    }
    Some(match tag.suffix() {
        name @ ("Ref" | "Condition") => name.to_owned(),
        name => format!("Fn::{name}"),
    })
}

fn tagged(function: Option<String>, value: Value) -> Value {
    match function {
        Some(name) => Value::Object(Map::from_iter([(name, value)])),
        None => value,
    }
}

fn object(nodes: Vec<Value>) -> Value {
    let mut nodes = nodes.into_iter();
    let mut members = Map::new();
    while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
        let key = match key {
            Value::String(key) => key,
            other => other.to_string(),
        };
        members.insert(key, value);
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_names_become_long_ones() {
        let yaml = "
# A comment.
AWSTemplateFormatVersion: 2010-09-09
Resources:
  App:
    Type: AWS::Lambda::Function
    Condition: Wanted
    Properties:
      Image: !Sub '${AWS::AccountId}.dkr.ecr.eu-west-1.amazonaws.com/app:1.10'
      Other: !Sub
        - '${Host}/app'
        - { Host: !Ref Registry }
      Joined: !Join [':', [!GetAtt Repo.RepositoryUri, !Select [0, !Split [',', !Ref Tags]]]]
      Found: !FindInMap [A, !Ref B, C]
      Chosen: !If [Wanted, a, !Ref 'AWS::NoValue']
      Long: { 'Fn::Sub': x }
      Text: |
        docker run x
      Role: !GetAtt
        - A
        - Arn
      Number: 012345678901
Conditions: { Wanted: !Not [!Equals [!Ref A, '']], Other: !And [!Condition Wanted] }
";
        let expected = json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Resources": {"App": {"Type": "AWS::Lambda::Function", "Condition": "Wanted", "Properties": {
                "Image": {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.eu-west-1.amazonaws.com/app:1.10"},
                "Other": {"Fn::Sub": ["${Host}/app", {"Host": {"Ref": "Registry"}}]},
                "Joined": {"Fn::Join": [":", [{"Fn::GetAtt": "Repo.RepositoryUri"},
                    {"Fn::Select": ["0", {"Fn::Split": [",", {"Ref": "Tags"}]}]}]]},
                "Found": {"Fn::FindInMap": ["A", {"Ref": "B"}, "C"]},
                "Chosen": {"Fn::If": ["Wanted", "a", {"Ref": "AWS::NoValue"}]},
                "Long": {"Fn::Sub": "x"},
                "Text": "docker run x\n",
                "Role": {"Fn::GetAtt": ["A", "Arn"]},
                "Number": "012345678901",
            }}},
            "Conditions": {"Wanted": {"Fn::Not": [{"Fn::Equals": [{"Ref": "A"}, ""]}]},
                "Other": {"Fn::And": [{"Condition": "Wanted"}]}},
        });
        assert_eq!(read(yaml), Ok(expected.clone()));
        assert_eq!(read(&expected.to_string()), Ok(expected));
        let tabs = "{\n\t\"Resources\": {\"A\": {\"Type\": \"x\",}}\n}";
        let lax = json!({"Resources": {"A": {"Type": "x"}}});
        assert_eq!(read(tabs), Ok(lax), "JSON as people write it");
    }

    #[test]
    fn a_hyphen_may_stand_without_quotes() {
        for text in [
            "a: !Join [-, [b]]",
            "a: !Join [ -, [b] ]",
            "a: !Join ['-', [b]]",
        ] {
            let expected = json!({"a": {"Fn::Join": ["-", ["b"]]}});
            assert_eq!(read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_template_is_an_error() {
        for text in ["", "text", "- a", "[]", "a: [", "a: &x 1\nb: *x", "a: *x"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
