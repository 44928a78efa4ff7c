//! AWS Config: `SelectResourceConfig` of task definitions.
//!
//! Where nothing was ever recorded, there are no rows; AWS does not document what else it might
//! answer there. Of the query language this knows a list of properties and the type of resource.

use crate::ecs::task::TaskDefinition;
use crate::error::{Answer, ApiError, json};
use crate::input::required;
use crate::page::Paging;
use crate::world::{Location, Region, World};
use serde_json::{Map, Value, json as object};

const TYPE: &str = "AWS::ECS::TaskDefinition";

impl Region {
    /// Lets AWS Config record every task definition that there is now.
    pub fn record_task_definitions(&mut self) {
        let definitions = self.ecs.task_definitions.values();
        let rows = definitions.map(|it| (it.key(), self.row(it)));
        self.recorded = rows.collect();
    }

    /// Returns what AWS Config records of a task definition.
    fn row(&self, definition: &TaskDefinition) -> Value {
        let Location { account, region } = &self.location;
        let arn = &definition.task_definition_arn;
        let containers = definition.container_definitions.iter();
        let containers = containers.map(|container| {
            object!({"Name": container.name, "Image": container.image, "Essential": true, "Environment": []})
        });
        object!({
            "accountId": account, "awsRegion": region, "arn": arn,
            "resourceId": arn, "resourceType": TYPE,
            "configuration": {
                "TaskDefinitionArn": arn, "Family": definition.family, "Status": "ACTIVE",
                "ContainerDefinitions": containers.collect::<Vec<_>>(),
            },
        })
    }
}

pub(crate) fn answer(
    world: &mut World,
    location: &Location,
    operation: &str,
    body: &Value,
) -> Answer {
    if operation != "SelectResourceConfig" {
        return Err(ApiError::unknown_operation(operation));
    }
    let invalid = |problem: &str| ApiError::new("InvalidExpressionException", problem);
    let query = required(body, "Expression")?;
    let query = query
        .strip_prefix("SELECT ")
        .and_then(|query| query.strip_suffix(&format!(" WHERE resourceType = '{TYPE}'")));
    let query = query.ok_or_else(|| invalid("Invalid expression provided."))?;
    let properties: Vec<Vec<&str>> = query
        .split(", ")
        .map(|property| property.split('.').collect())
        .collect();
    let asked = object!({"maxResults": body["Limit"], "nextToken": body["NextToken"]});
    let paging = Paging::read(&asked, "recorded", 25, 100)?;
    let rows = world.at(location).recorded.range::<str, _>(paging.bounds());
    let page = paging.take(rows.map(|(key, row)| (key, selected(row, &properties).to_string())));
    json(&object!({"Results": page.items, "NextToken": page.next_token}))
}

/// Returns these properties of a value; of a list, those of each element.
fn selected(value: &Value, properties: &[Vec<&str>]) -> Value {
    match value {
        Value::Array(values) => values.iter().map(|it| selected(it, properties)).collect(),
        Value::Object(members) => {
            let members = members.iter().filter_map(|(name, value)| {
                let below = properties
                    .iter()
                    .filter(|path| path.first() == Some(&&**name));
                let below: Vec<Vec<&str>> = below.map(|path| path[1..].to_vec()).collect();
                let whole = below.iter().any(Vec::is_empty);
                let part = || {
                    if whole {
                        value.clone()
                    } else {
                        selected(value, &below)
                    }
                };
                (!below.is_empty()).then(|| (name.clone(), part()))
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}
