//! Who is told of runs: a topic, or an address of a chat that takes messages (a webhook).

use std::{
    borrow::Cow,
    fmt::{self, Display, Formatter},
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor, value::SeqAccessDeserializer},
};

use super::{scalar::List, text::TextError};
use crate::image::Arn;

/// Someone who is told of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A topic of Amazon SNS.
    Topic(Arn),
    /// The address of a webhook. Whoever knows it can write there.
    Webhook(String),
    /// The parameter of Systems Manager that holds the address of a webhook.
    Parameter(String),
    /// The secret of Secrets Manager that holds the address of a webhook.
    Secret(String),
}

impl Recipient {
    pub(super) fn parse(text: &str) -> Result<Self, TextError> {
        let error = || {
            let forms = "the ARN of an SNS topic, `https://...`, `ssm:NAME` or `secret:NAME`";
            // An address is a secret: what follows the host is not shown.
            let shown = text.find("://").and_then(|start| {
                let end = start + 3 + text[start + 3..].find('/')?;
                Some(format!("{}/...", &text[..end]))
            });
            TextError::new(forms, shown.as_deref().unwrap_or(text))
        };
        if is_webhook(text) {
            return Ok(Self::Webhook(text.to_owned()));
        }
        let (scheme, name) = text.split_once(':').ok_or_else(error)?;
        match scheme {
            "ssm" if !name.is_empty() => Ok(Self::Parameter(name.to_owned())),
            "secret" if !name.is_empty() => Ok(Self::Secret(name.to_owned())),
            _ => {
                let topic = text.parse().ok().filter(is_topic);
                topic.map(Self::Topic).ok_or_else(error)
            }
        }
    }
}

/// Displays it as in the document.
impl Display for Recipient {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(arn) => arn.fmt(f),
            Self::Webhook(address) => f.write_str(address),
            Self::Parameter(name) => write!(f, "ssm:{name}"),
            Self::Secret(name) => write!(f, "secret:{name}"),
        }
    }
}

fn is_topic(arn: &Arn) -> bool {
    let placed = arn.region.is_some() && arn.account.is_some();
    &*arn.service == "sns" && placed && !arn.resource.contains(':')
}

/// Returns whether a text is an address that messages may be sent to: of HTTPS, or on this machine.
pub(crate) fn is_webhook(text: &str) -> bool {
    let Ok(address) = text.parse::<hyper::Uri>() else {
        return false;
    };
    match (address.scheme_str(), address.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => ["127.0.0.1", "[::1]", "localhost"].contains(&host),
        _ => false,
    }
}

/// A text, or a list of texts.
#[derive(Clone, Debug)]
pub(super) enum OneOrMore {
    One(String),
    More(List<String>),
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMoreVisitor)
    }
}

struct OneOrMoreVisitor;

impl<'de> Visitor<'de> for OneOrMoreVisitor {
    type Value = OneOrMore;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMore, E> {
        Ok(OneOrMore::One(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<OneOrMore, A::Error> {
        List::deserialize(SeqAccessDeserializer::new(items)).map(OneOrMore::More)
    }
}

impl Serialize for OneOrMore {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(text) => serializer.serialize_str(text),
            Self::More(texts) => texts.serialize(serializer),
        }
    }
}

impl JsonSchema for OneOrMore {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOrMore".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json_schema!({
            "type": "string",
            "pattern": r"^(arn:[^:]+:sns:[^:]+:[0-9]{12}:[^:]+|https://.+|http://(127\.0\.0\.1|localhost|\[::1\])([:/].*)?|(ssm|secret):.+)$",
        });
        json_schema!({ "anyOf": [text, { "type": "array", "items": text }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_back() {
        for text in [
            "arn:aws-cn:sns:cn-north-1:111111111111:topic",
            "https://hooks.slack.com/services/T0/B0/x?y=1",
            "http://127.0.0.1:8080/hook",
            "ssm:/ecr-cleanup/webhook",
            "secret:arn:aws:secretsmanager:eu-west-1:111111111111:secret:webhook-AbCdEf",
        ] {
            assert_eq!(Recipient::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret_part_of_an_address() {
        let errors = [
            "arn:aws:sns:eu-west-1:111111111111:topic:subscription",
            "arn:aws:sqs:eu-west-1:111111111111:queue",
            "http://hooks.slack.com/services/T0/B0/secret",
            "ssm:",
            "secret:",
            "team@example.com",
        ]
        .map(|text| Recipient::parse(text).unwrap_err().to_string());
        let found = errors.map(|error| error.rsplit(", found ").next().unwrap().to_owned());
        insta::assert_snapshot!(found.join("\n"), @r"
        `arn:aws:sns:eu-west-1:111111111111:topic:subscription`
        `arn:aws:sqs:eu-west-1:111111111111:queue`
        `http://hooks.slack.com/...`
        `ssm:`
        `secret:`
        `team@example.com`
        ");
    }
}
