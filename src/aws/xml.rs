//! Answers in XML, read as JSON: an element with elements in it is an object, one with elements that
//! are all called `member` is a list, any other is a text.
//!
//! An empty list is an empty text, since nothing tells them apart.

use serde_json::{Map, Value};
use xmlparser::{ElementEnd, Token, Tokenizer};

/// Reason for which a text is no XML.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum XmlError {
    #[error("it is not UTF-8")]
    Encoding,
    #[error("{0}")]
    Syntax(String),
    #[error("`&{0};` stands for nothing")]
    UnknownEntity(String),
    #[error("it ends too early")]
    Cut,
}

/// An element that was begun.
#[derive(Default)]
struct Element<'x> {
    name: &'x str,
    text: String,
    children: Vec<(&'x str, Value)>,
}

impl Element<'_> {
    fn into_value(self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.text);
        }
        let children = self.children.into_iter();
        if children
            .as_slice()
            .iter()
            .all(|(name, _)| *name == "member")
        {
            return children.map(|(_, value)| value).collect();
        }
        let members = children.map(|(name, value)| (name.to_owned(), value));
        Value::Object(members.collect::<Map<_, _>>())
    }
}

/// Returns what is in the outermost element.
pub(super) fn read(bytes: &[u8]) -> Result<Value, XmlError> {
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::Encoding)?;
    let mut open: Vec<Element<'_>> = Vec::new();
    for token in Tokenizer::from(text) {
        let token = token.map_err(|error| XmlError::Syntax(error.to_string()))?;
        match token {
            Token::ElementStart { local, .. } => open.push(Element {
                name: local.as_str(),
                ..Element::default()
            }),
            Token::Text { text } => {
                if let Some(element) = open.last_mut() {
                    element.text += &unescaped(text.as_str())?;
                }
            }
            Token::Cdata { text, .. } => {
                if let Some(element) = open.last_mut() {
                    element.text += text.as_str();
                }
            }
            Token::ElementEnd { end, .. } if end != ElementEnd::Open => {
                let closed = open.pop().ok_or(XmlError::Cut)?;
                let name = closed.name;
                match open.last_mut() {
                    Some(above) => above.children.push((name, closed.into_value())),
                    None => return Ok(closed.into_value()),
                }
            }
            _ => {}
        }
    }
    Err(XmlError::Cut)
}

/// Replaces what stands for other characters.
fn unescaped(text: &str) -> Result<String, XmlError> {
    let mut parts = text.split('&');
    let mut read = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').unwrap_or((part, ""));
        let number = entity.strip_prefix('#').and_then(|digits| {
            let code = match digits.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            char::from_u32(code.ok()?)
        });
        read.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => number.ok_or_else(|| XmlError::UnknownEntity(entity.to_owned()))?,
        });
        read += rest;
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_read_as_json() {
        let text = "<?xml version=\"1.0\"?>\n<A xmlns=\"http://x/\"><R>\n <Stacks>\n  <member>\n   <Name>a&amp;&lt;&#x62;&#99;</Name>\n   \
                    <Tags/>\n  </member>\n  <member><Name>  b\n</Name></member>\n </Stacks>\n <Body><![CDATA[{\"a\": \
                    \"&lt;\"}]]></Body>\n</R><!-- x --></A>";
        let expected = json!({"R": {
            "Stacks": [{"Name": "a&<bc", "Tags": ""}, {"Name": "  b\n"}],
            "Body": "{\"a\": \"&lt;\"}"
        }});
        assert_eq!(read(text.as_bytes()), Ok(expected));
        for cut in 1..text.len() {
            assert!(read(&text.as_bytes()[..cut]).is_err(), "{}", &text[..cut]);
        }
    }

    #[test]
    fn what_is_no_xml_is_an_error() {
        let unknown = |name: &str| Err(XmlError::UnknownEntity(name.to_owned()));
        assert_eq!(read(b"<a>&b;</a>"), unknown("b"));
        assert_eq!(read(b"<a>a & b</a>"), unknown(" b"));
        assert_eq!(read(b"<a>&#xd800;</a>"), unknown("#xd800"));
        assert_eq!(read(b"<a>\xff</a>"), Err(XmlError::Encoding));
        assert_eq!(read(b"<a><b></b>"), Err(XmlError::Cut));
        assert_eq!(read(b""), Err(XmlError::Cut));
        assert!(matches!(read(b"<a><"), Err(XmlError::Syntax(_))));
    }
}
