//! SNS: `Publish`, to any topic.

use crate::error::{Answer, ApiError};
use crate::input::{required, text};
use crate::request::Request;
use crate::world::World;

/// A message that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The Region the call went to.
    pub region: String,
    /// The topic.
    pub topic_arn: String,
    /// The subject; empty if there is none.
    pub subject: String,
    /// The text.
    pub text: String,
}

pub(crate) fn answer(world: &mut World, request: &Request) -> Answer {
    if request.operation != "Publish" {
        return Err(ApiError::unknown_operation(&request.operation));
    }
    world.messages.push(Message {
        region: request.region.clone().unwrap_or_default(),
        topic_arn: required(&request.body, "TopicArn")?.to_owned(),
        subject: text(&request.body, "Subject")
            .unwrap_or_default()
            .to_owned(),
        text: required(&request.body, "Message")?.to_owned(),
    });
    Ok(b"<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>1</MessageId>\
        </PublishResult><ResponseMetadata><RequestId>simulated</RequestId></ResponseMetadata></PublishResponse>"
        .to_vec())
}
