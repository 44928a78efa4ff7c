//! CloudFormation: stacks with their templates and change sets.

use crate::error::{Answer, ApiError, json};
use crate::input::{required, text};
use crate::page::Paging;
use crate::world::{Location, Region, World};
use serde_json::{Value, json as object};
use std::collections::BTreeMap;

/// The stacks of a location.
#[derive(Debug, Clone, Default)]
pub struct Stacks {
    /// The stacks by name.
    pub by_name: BTreeMap<String, Stack>,
    /// Stacks and change sets in a page; 100 if it is 0.
    pub page: usize,
}

/// A stack.
#[derive(Debug, Clone, Default)]
pub struct Stack {
    /// Its ARN.
    pub id: String,
    /// `CREATE_COMPLETE`, ...
    pub status: String,
    /// The template in each stage.
    pub template: Template,
    /// Names of outputs with their values and export names.
    pub outputs: Vec<(String, String, Option<String>)>,
    /// The ARN of the stack that it is in.
    pub parent: Option<String>,
    /// Number of updates so far.
    pub updates: u32,
    /// The change sets by name.
    pub change_sets: BTreeMap<String, ChangeSet>,
}

/// A template as it was written and as macros made it.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// As it was written.
    pub original: String,
    /// As macros made it; the same if there are none.
    pub processed: Option<String>,
    /// Values of parameters.
    pub parameters: BTreeMap<String, String>,
    /// Values of Systems Manager that parameters name.
    pub resolved: BTreeMap<String, String>,
}

/// A change set.
#[derive(Debug, Clone, Default)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// `CREATE_COMPLETE`, ...
    pub status: String,
    /// `AVAILABLE`, ...
    pub execution_status: String,
    /// What it would make of the stack.
    pub template: Template,
}

impl From<&str> for Template {
    fn from(text: &str) -> Self {
        Self {
            original: text.to_owned(),
            ..Self::default()
        }
    }
}

impl Template {
    /// Sets a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    fn parameters(&self) -> Value {
        let parameters = self.parameters.iter().map(|(name, value)| {
            let resolved = self.resolved.get(name);
            object!({"ParameterKey": name, "ParameterValue": value, "ResolvedValue": resolved})
        });
        parameters.collect()
    }
}

impl Region {
    /// The stacks; while nobody asked for them, CloudFormation denies every call.
    pub fn stacks(&mut self) -> &mut Stacks {
        self.stacks.get_or_insert_default()
    }

    /// Creates or updates a stack, at once.
    pub fn deploy_stack(&mut self, name: &str, template: impl Into<Template>) -> &mut Stack {
        let Location { account, region } = self.location.clone();
        let stacks = &mut self.stacks().by_name;
        let number = stacks.len();
        let id = format!("arn:aws:cloudformation:{region}:{account}:stack/{name}/{number}");
        let is_new = !stacks.contains_key(name);
        let stack = stacks.entry(name.to_owned()).or_default();
        if is_new {
            stack.id = id;
        } else {
            stack.updates += 1;
        }
        let status = if is_new {
            "CREATE_COMPLETE"
        } else {
            "UPDATE_COMPLETE"
        };
        status.clone_into(&mut stack.status);
        stack.template = template.into();
        stack
    }
}

impl Stack {
    /// Adds a change set that can be executed.
    pub fn plan_change(&mut self, name: &str, template: impl Into<Template>) -> &mut ChangeSet {
        let id = format!("{}/{name}", self.id.replace(":stack/", ":changeSet/"));
        let change_set = ChangeSet {
            id,
            status: "CREATE_COMPLETE".to_owned(),
            execution_status: "AVAILABLE".to_owned(),
            template: template.into(),
        };
        self.change_sets.insert(name.to_owned(), change_set);
        self.change_sets.entry(name.to_owned()).or_default()
    }

    fn describe(&self, name: &str) -> Value {
        let outputs = self.outputs.iter().map(|(name, value, export)| {
            object!({"OutputKey": name, "OutputValue": value, "ExportName": export})
        });
        let updated = (self.updates > 0).then(|| time(self.updates));
        object!({
            "StackId": self.id, "StackName": name, "StackStatus": self.status,
            "CreationTime": time(0), "LastUpdatedTime": updated, "ParentId": self.parent,
            "Parameters": self.template.parameters(), "Outputs": outputs.collect::<Value>(),
        })
    }
}

fn time(updates: u32) -> String {
    format!("2026-11-01T{:02}:{:02}:00Z", updates / 60, updates % 60)
}

pub(crate) fn answer(
    world: &mut World,
    location: &Location,
    operation: &str,
    body: &Value,
) -> Answer {
    let Some(stacks) = &world.at(location).stacks else {
        let message = format!("not authorized to perform: cloudformation:{operation}");
        return Err(ApiError::with_status(403, "AccessDenied", message));
    };
    let limit = if stacks.page == 0 { 100 } else { stacks.page };
    let paging = |scope: &str| {
        let page = object!({"nextToken": body["NextToken"]});
        Paging::read(&page, scope, limit, limit)
    };
    match operation {
        "DescribeStacks" => {
            let paging = paging("stacks")?;
            let shown = stacks.by_name.range::<str, _>(paging.bounds());
            let shown = shown.filter(|(_, stack)| stack.status != "DELETE_COMPLETE");
            let page = paging.take(shown.map(|(name, stack)| (name, stack.describe(name))));
            json(&object!({"Stacks": page.items, "NextToken": page.next_token}))
        }
        "ListChangeSets" => {
            let stack = find(stacks, required(body, "StackName")?)?;
            let paging = paging(&stack.id)?;
            let shown = stack.change_sets.range::<str, _>(paging.bounds());
            let page = paging.take(shown.map(|(name, it)| {
                let summary = object!({"ChangeSetId": it.id, "ChangeSetName": name, "StackId": stack.id,
                    "Status": it.status, "ExecutionStatus": it.execution_status});
                (name, summary)
            }));
            json(&object!({"Summaries": page.items, "NextToken": page.next_token}))
        }
        "DescribeChangeSet" => {
            let it = find_change_set(stacks, required(body, "ChangeSetName")?)?;
            json(
                &object!({"ChangeSetId": it.id, "Status": it.status, "ExecutionStatus": it.execution_status,
                "Parameters": it.template.parameters(), "Changes": []}),
            )
        }
        "GetTemplate" => {
            let (template, is_made) = match text(body, "ChangeSetName") {
                Some(id) => {
                    let it = find_change_set(stacks, id)?;
                    (&it.template, it.status == "CREATE_COMPLETE")
                }
                None => (&find(stacks, required(body, "StackName")?)?.template, true),
            };
            let original = text(body, "TemplateStage") == Some("Original");
            let body = template.processed.as_ref().filter(|_| !original);
            let stages = if is_made {
                &["Original", "Processed"][..]
            } else {
                &["Original"]
            };
            let body = body.unwrap_or(&template.original);
            json(&object!({"TemplateBody": body, "StagesAvailable": stages}))
        }
        _ => Err(ApiError::unknown_operation(operation)),
    }
}

fn find<'s>(stacks: &'s Stacks, id: &str) -> Result<&'s Stack, ApiError> {
    let mut all = stacks.by_name.iter();
    let found = all.find(|(name, stack)| stack.id == id || *name == id);
    found.map(|(_, stack)| stack).ok_or_else(|| {
        ApiError::new(
            "ValidationError",
            format!("Stack with id {id} does not exist"),
        )
    })
}

fn find_change_set<'s>(stacks: &'s Stacks, id: &str) -> Result<&'s ChangeSet, ApiError> {
    let all = stacks.by_name.values();
    let mut all = all.flat_map(|stack| stack.change_sets.values());
    all.find(|it| it.id == id).ok_or_else(|| {
        let message = format!("ChangeSet [{id}] does not exist");
        ApiError::with_status(404, "ChangeSetNotFound", message)
    })
}

/// Writes an answer in XML. What is no JSON any more stays as it is.
pub(crate) fn xml(operation: &str, body: &[u8]) -> Option<Vec<u8>> {
    let Ok(answer @ Value::Object(_)) = serde_json::from_slice(body) else {
        return None;
    };
    let result = element(&answer);
    Some(
        format!(
            "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
             <{operation}Result>{result}</{operation}Result>\
             <ResponseMetadata><RequestId>simulated</RequestId></ResponseMetadata></{operation}Response>"
        )
        .into_bytes(),
    )
}

fn element(value: &Value) -> String {
    let named = |(name, value): (&str, &Value)| match value {
        Value::Null => String::new(),
        _ => format!("<{name}>{}</{name}>", element(value)),
    };
    match value {
        Value::Object(members) => {
            let members = members.iter();
            members.map(|(name, value)| named((name, value))).collect()
        }
        Value::Array(items) => items.iter().map(|item| named(("member", item))).collect(),
        Value::String(text) => {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
            escaped.replace('>', "&gt;").replace('"', "&quot;")
        }
        other => other.to_string(),
    }
}
