//! The calls that are made to AWS CloudFormation, and what is needed of their answers.
//!
//! It speaks only the query protocol. Source: "AWS CloudFormation API Reference".

#![expect(
    clippy::struct_field_names,
    reason = "fields are called as they are in answers"
)]

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::{
    ApiError, Clients, Endpoint, JsonRequest, JsonService, Operation, Page,
    endpoint::ServiceConfigError, json_request::parsed,
};

const ENDPOINT: Endpoint<'static> = Endpoint {
    id: "CloudFormation",
    prefix: "cloudformation",
    signing: "cloudformation",
};
const VERSION: &str = "2010-05-15";

pub(crate) struct CloudFormationService(JsonService);

/// A stack, as it is described.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Stack {
    /// An ARN that no other stack ever has.
    pub(crate) stack_id: String,
    pub(crate) stack_name: String,
    pub(crate) stack_status: String,
    pub(crate) creation_time: String,
    /// When the last update began, if there was one.
    pub(crate) last_updated_time: Option<String>,
    /// The stack that a nested one is in.
    pub(crate) parent_id: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) parameters: Vec<Parameter>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) outputs: Vec<Output>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Parameter {
    pub(crate) parameter_key: String,
    pub(crate) parameter_value: Option<String>,
    /// Value of the parameter of AWS Systems Manager that the value names.
    pub(crate) resolved_value: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    pub(crate) output_key: String,
    #[serde(default)]
    pub(crate) output_value: String,
    /// The name by which other stacks import it.
    pub(crate) export_name: Option<String>,
}

/// A change set of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ChangeSet {
    pub(crate) change_set_id: String,
    #[serde(default)]
    pub(crate) change_set_name: String,
    pub(crate) status: Option<String>,
    pub(crate) execution_status: Option<String>,
}

/// A template in one stage.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Template {
    pub(crate) template_body: String,
    /// The stages that there are of it.
    #[serde(default, deserialize_with = "list")]
    pub(crate) stages_available: Vec<String>,
}

/// Whose template is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TemplateOf<'a> {
    /// A stack, by its ID.
    Stack(&'a str),
    /// A change set, by its ID.
    ChangeSet(&'a str),
}

impl CloudFormationService {
    /// Makes a client for AWS CloudFormation, which is `brief` if it may be that it cannot be asked.
    pub(crate) fn new(clients: &Clients, brief: bool) -> Result<Self, ApiError> {
        let service = if brief {
            clients.brief_json_service(ENDPOINT)
        } else {
            clients.json_service(ENDPOINT)
        };
        let unusable = |error: ServiceConfigError| {
            ApiError::answer(Operation::DescribeStacks, "", error.to_string())
        };
        service.map(Self).map_err(unusable)
    }

    /// Reads a page of all stacks that are not deleted.
    pub(crate) async fn describe_stacks(
        &self,
        token: Option<&str>,
    ) -> Result<Page<Stack>, ApiError> {
        const OPERATION: Operation = Operation::DescribeStacks;
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            #[serde(default, deserialize_with = "some_list")]
            stacks: Option<Vec<Value>>,
            next_token: Option<String>,
        }
        let members: Vec<_> = token
            .map(|token| ("NextToken", token))
            .into_iter()
            .collect();
        let answer: Answer = self.call(OPERATION, "", &members).await?;
        let stacks = answer.stacks.map(|stacks| {
            let read = |stack| parsed(OPERATION, "", stack);
            stacks.into_iter().map(read).collect()
        });
        Ok((stacks.transpose()?, answer.next_token))
    }

    /// Reads a page of the change sets of a stack.
    pub(crate) async fn list_change_sets(
        &self,
        stack: &Stack,
        token: Option<&str>,
    ) -> Result<Page<ChangeSet>, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            #[serde(default, deserialize_with = "some_list")]
            summaries: Option<Vec<ChangeSet>>,
            next_token: Option<String>,
        }
        let mut members = vec![("StackName", &*stack.stack_id)];
        members.extend(token.map(|token| ("NextToken", token)));
        let answer: Answer = self
            .call(Operation::ListChangeSets, &stack.stack_name, &members)
            .await?;
        Ok((answer.summaries, answer.next_token))
    }

    /// Reads the parameters of a change set.
    pub(crate) async fn describe_change_set(
        &self,
        title: &str,
        change_set: &ChangeSet,
    ) -> Result<Vec<Parameter>, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            /// Proof that this describes the change set.
            #[serde(rename = "ChangeSetId")]
            _id: String,
            #[serde(default, deserialize_with = "list")]
            parameters: Vec<Parameter>,
        }
        let members = [("ChangeSetName", &*change_set.change_set_id)];
        let answer: Answer = self
            .call(Operation::DescribeChangeSet, title, &members)
            .await?;
        Ok(answer.parameters)
    }

    /// Reads a template in a stage: `Original` or `Processed`.
    pub(crate) async fn get_template(
        &self,
        title: &str,
        of: TemplateOf<'_>,
        stage: &str,
    ) -> Result<Template, ApiError> {
        let of = match of {
            TemplateOf::Stack(id) => ("StackName", id),
            TemplateOf::ChangeSet(id) => ("ChangeSetName", id),
        };
        let members = [of, ("TemplateStage", stage)];
        self.call(Operation::GetTemplate, title, &members).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        operation: Operation,
        resource: &str,
        members: &[(&str, &str)],
    ) -> Result<T, ApiError> {
        let action = operation.action();
        let request = JsonRequest::query(action, VERSION, members);
        let mut answer = self.0.call(operation, resource, request).await?;
        let result = answer.get_mut(format!("{action}Result"));
        parsed(
            operation,
            resource,
            result.map(Value::take).unwrap_or_default(),
        )
    }
}

impl Parameter {
    /// Returns values by their names; those that are not shown (`NoEcho`) are left out.
    pub(crate) fn values(parameters: &[Self]) -> BTreeMap<String, String> {
        let values = parameters.iter().filter_map(|parameter| {
            let value = parameter.resolved_value.as_ref();
            let value = value.or(parameter.parameter_value.as_ref())?;
            let is_hidden = !value.is_empty() && value.bytes().all(|byte| byte == b'*');
            (!is_hidden).then(|| (parameter.parameter_key.clone(), value.clone()))
        });
        values.collect()
    }
}

/// Reads a list; an empty one is an empty text.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written<T> {
        List(Vec<T>),
        Text(String),
    }
    match Written::deserialize(d)? {
        Written::List(list) => Ok(list),
        Written::Text(text) if text.trim().is_empty() => Ok(Vec::new()),
        Written::Text(_) => Err(serde::de::Error::custom("a text is no list")),
    }
}

fn some_list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    d: D,
) -> Result<Option<Vec<T>>, D::Error> {
    list(d).map(Some)
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use serde_json::{Map, json};

    use super::*;

    /// What the requests of botocore hold (see `tests/moto/test_aws_models.py`).
    #[test]
    fn requests_are_those_of_the_sdks() {
        let models: Value =
            serde_json::from_str(include_str!("../../tests/moto/aws_models.json")).unwrap();
        let (stack, change_set) = ("arn:aws:stack/a", "arn:aws:changeSet/b");
        for (action, members) in [
            ("DescribeStacks", &[("NextToken", "a/b+c==")][..]),
            (
                "GetTemplate",
                &[("StackName", stack), ("TemplateStage", "Original")],
            ),
            (
                "ListChangeSets",
                &[("StackName", stack), ("NextToken", "next")],
            ),
            ("DescribeChangeSet", &[("ChangeSetName", change_set)]),
        ] {
            let request = JsonRequest::query(action, VERSION, members);
            let pairs = request.body.split('&').filter_map(|it| it.split_once('='));
            let decoded = pairs.map(|(name, value)| {
                let value = percent_decode_str(value).decode_utf8().unwrap();
                (name.to_owned(), Value::from(value.into_owned()))
            });
            let body = Value::Object(decoded.collect::<Map<_, _>>());
            let made = json!({"method": request.method, "uri": request.uri, "body": body,
                "content_type": request.headers[0].1});
            let expected = &models["requests"][format!("cloudformation:{action}")];
            assert_eq!(&made, expected, "{action}");
        }
    }

    #[test]
    fn a_list_may_be_empty_and_what_is_not_there_is_an_error() {
        let stack = |more: Value| {
            let mut stack =
                json!({"StackId": "x", "StackName": "x", "StackStatus": "x", "CreationTime": "x"});
            for (name, value) in more.as_object().unwrap() {
                stack[name] = value.clone();
            }
            parsed::<Stack>(Operation::DescribeStacks, "", stack)
        };
        let parameters = json!([{"ParameterKey": "A", "ParameterValue": "1"}, {"ParameterKey": "B", "ParameterValue": "****"},
            {"ParameterKey": "C", "ParameterValue": "/c", "ResolvedValue": "3"}, {"ParameterKey": "D"}]);
        let read = stack(json!({"Parameters": parameters, "Outputs": "\n  "})).unwrap();
        let values =
            [("A", "1"), ("C", "3")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(Parameter::values(&read.parameters), values.into());
        assert_eq!(read.outputs, []);
        for wrong in [
            json!({"Parameters": "text"}),
            json!({"Parameters": [{}]}),
            json!({"StackId": []}),
        ] {
            assert!(stack(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
