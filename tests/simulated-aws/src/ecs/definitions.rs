//! `ListTaskDefinitions`, `ListTaskDefinitionFamilies`, `DescribeTaskDefinition`.

use super::{last, paged};
use crate::ecs::state::Ecs;
use crate::error::{Answer, ApiError, json};
use crate::input::{required, text};
use crate::page::Paging;
use serde_json::{Value, json as object};
use std::collections::BTreeSet;

/// `familyPrefix` is the whole name of a family here, as in ECS.
pub(crate) fn list(ecs: &Ecs, body: &Value) -> Answer {
    let paging = Paging::read(body, "task-definitions", 100, 100)?;
    let status = text(body, "status").unwrap_or("ACTIVE");
    let family = text(body, "familyPrefix");
    let shown = ecs
        .task_definitions
        .range::<str, _>(paging.bounds())
        .filter(|(_, definition)| definition.status == status)
        .filter(|(_, definition)| family.is_none_or(|family| definition.family == family))
        .map(|(key, definition)| (key, &definition.task_definition_arn));
    paged("taskDefinitionArns", paging.take(shown))
}

/// Without a status, families without active revisions are listed too.
pub(crate) fn families(ecs: &Ecs, body: &Value) -> Answer {
    let paging = Paging::read(body, "families", 100, 100)?;
    let prefix = text(body, "familyPrefix").unwrap_or_default();
    let all = || {
        let definitions = ecs.task_definitions.values();
        definitions.filter(|definition| definition.family.starts_with(prefix))
    };
    let active: BTreeSet<&str> = all()
        .filter(|definition| definition.status == "ACTIVE")
        .map(|definition| definition.family.as_str())
        .collect();
    let families: BTreeSet<&str> = all().map(|definition| definition.family.as_str()).collect();
    let shown = families
        .range::<str, _>(paging.bounds())
        .filter(|family| match text(body, "status") {
            Some("ACTIVE") => active.contains(*family),
            Some("INACTIVE") => !active.contains(*family),
            _ => true,
        })
        .map(|family| (family, family));
    paged("families", paging.take(shown))
}

/// An ARN without a revision is none of the names that ECS documents, so it is refused.
pub(crate) fn describe(ecs: &Ecs, body: &Value) -> Answer {
    let reference = required(body, "taskDefinition")?;
    let name = last(reference);
    let is_documented = name == reference || name.contains(':');
    let definition = ecs
        .task_definition(reference)
        .filter(|_| is_documented)
        .ok_or_else(|| ApiError::new("ClientException", "Unable to describe task definition."))?;
    json(&object!({"taskDefinition": definition, "tags": []}))
}
