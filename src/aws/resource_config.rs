//! What AWS Config has recorded of task definitions.
//!
//! Sources: "AWS Config API Reference", `SelectResourceConfig`; the properties of
//! `AWS::ECS::TaskDefinition` in AWS's resource schema.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ApiError, Clients, Endpoint, JsonRequest, JsonService, Operation, Page, json_request::parsed,
};

const ENDPOINT: Endpoint<'static> = Endpoint {
    id: "Config Service",
    prefix: "config",
    signing: "config",
};
const SELECT: Operation = Operation::SelectResourceConfig;
/// The names show a container whose image is not recorded.
const QUERY: &str = "SELECT configuration.TaskDefinitionArn, configuration.ContainerDefinitions.Name, \
     configuration.ContainerDefinitions.Image WHERE resourceType = 'AWS::ECS::TaskDefinition'";

/// A client for AWS Config, and one that only finds out whether it can be asked.
pub(crate) struct ResourceConfig {
    first: JsonService,
    further: JsonService,
}

/// A task definition, as AWS Config has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RecordedDefinition {
    pub(crate) arn: String,
    /// The image of each container, of which there is at least one.
    pub(crate) images: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Selected {
    results: Option<Vec<String>>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    configuration: Configuration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    task_definition_arn: String,
    container_definitions: Vec<Container>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    image: String,
}

impl ResourceConfig {
    /// Number of rows on a page.
    pub(crate) const PAGE: usize = 100;

    /// Makes a client for AWS Config.
    pub(crate) fn new(clients: &Clients) -> Result<Self, ApiError> {
        let problem = |error: &dyn ToString| ApiError::answer(SELECT, "", error.to_string());
        let first = clients.brief_json_service(ENDPOINT);
        let further = clients.json_service(ENDPOINT);
        Ok(Self {
            first: first.map_err(|error| problem(&error))?,
            further: further.map_err(|error| problem(&error))?,
        })
    }

    /// Reads a page of the task definitions that are recorded whole.
    pub(crate) async fn task_definitions(
        &self,
        token: Option<&str>,
    ) -> Result<Page<RecordedDefinition>, ApiError> {
        let service = if token.is_none() {
            &self.first
        } else {
            &self.further
        };
        page(service.call(SELECT, "", request(token)).await?)
    }
}

fn request(token: Option<&str>) -> JsonRequest {
    let mut body = json!({"Expression": QUERY, "Limit": ResourceConfig::PAGE});
    if let Some(token) = token {
        body["NextToken"] = token.into();
    }
    let target = "StarlingDoveService.SelectResourceConfig".to_owned();
    JsonRequest::json("1.1", target, &body)
}

fn page(answer: Value) -> Result<Page<RecordedDefinition>, ApiError> {
    let page: Selected = parsed(SELECT, "", answer)?;
    let rows = page
        .results
        .map(|rows| rows.iter().filter_map(|row| definition(row)).collect());
    Ok((rows, page.next_token))
}

/// Reads a row; `None` if it is not of a task definition with the image of each container.
fn definition(row: &str) -> Option<RecordedDefinition> {
    let Row { configuration } = serde_json::from_str(row).ok()?;
    let containers = configuration.container_definitions.into_iter();
    let images: Vec<String> = containers.map(|container| container.image).collect();
    let is_whole = !images.is_empty() && images.iter().all(|image| !image.is_empty());
    is_whole.then_some(RecordedDefinition {
        arn: configuration.task_definition_arn,
        images,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_definitions_are_asked_for_as_the_sdks_do() {
        let models: Value =
            serde_json::from_str(include_str!("../../tests/moto/aws_models.json")).unwrap();
        let request = request(Some("a/b+c=="));
        let mut body: Value = serde_json::from_str(&request.body).unwrap();
        assert!(QUERY.len() < 4096);
        body["Expression"] = "SELECT arn".into();
        let made = json!({
            "method": request.method, "uri": request.uri, "body": body,
            "content_type": request.headers[0].1, "target": request.headers[1].1,
        });
        assert_eq!(made, models["requests"]["config:SelectResourceConfig"]);
    }

    #[test]
    fn a_row_counts_only_with_the_image_of_each_container() {
        let row = |arn: Value, containers: Value| {
            let configuration =
                json!({"TaskDefinitionArn": arn, "ContainerDefinitions": containers});
            json!({"configuration": configuration}).to_string()
        };
        let container = |image: Value| json!({"Name": "main", "Image": image});
        let whole = row(
            json!("a:1"),
            json!([container(json!("app:1")), container(json!("log:1"))]),
        );
        let expected = RecordedDefinition {
            arn: "a:1".to_owned(),
            images: vec!["app:1".to_owned(), "log:1".to_owned()],
        };
        let answer = json!({"Results": [whole, "{"], "NextToken": null});
        assert_eq!(page(answer), Ok((Some(vec![expected]), None)));
        for row in [
            row(Value::Null, json!([container(json!("app:1"))])),
            row(json!("a:1"), json!([])),
            row(json!("a:1"), Value::Null),
            row(json!("a:1"), json!("app:1")),
            row(
                json!("a:1"),
                json!([container(json!("app:1")), {"Name": "log"}]),
            ),
            row(json!("a:1"), json!([container(json!("app:1")), null])),
            row(json!("a:1"), json!([container(json!(""))])),
            row(json!("a:1"), json!([container(json!(["app:1", "log:1"]))])),
            json!({"configuration": "whole"}).to_string(),
            json!({"arn": "a:1"}).to_string(),
        ] {
            assert_eq!(definition(&row), None, "{row}");
        }
        let none = page(json!({"NextToken": "x"})).unwrap();
        assert_eq!(none, (None, Some("x".to_owned())));
        assert!(page(json!({"Results": [{"configuration": {}}]})).is_err());
    }
}
