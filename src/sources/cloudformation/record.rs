//! Records what templates name.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Found,
    document::{self, DocumentError},
    resolve::Resolver,
    surroundings::Surroundings,
};
use crate::{
    aws::{ApiError, Operation},
    evidence::{SourceError, User, Uses},
    sources::services::Recorder,
};

/// Sections of a template that name nothing by themselves: what they say counts where it is used.
const ASIDE: [&str; 5] = ["Resources", "Parameters", "Mappings", "Conditions", "Rules"];
/// Beginnings of types of resources that make, fill or rule on repositories, or hand on what counts
/// elsewhere.
const NO_MENTIONS: [&str; 6] = [
    "AWS::CloudFormation::Stack",
    "AWS::CodeBuild::",
    "AWS::CodePipeline::",
    "AWS::ECR::",
    "AWS::IAM::",
    "AWS::ImageBuilder::",
];

/// Adds what templates name.
pub(super) fn record_all(
    found: &[Found],
    surroundings: &Surroundings,
    uses: &mut Uses,
) -> Result<(), SourceError> {
    let unusable =
        |found: &Found, why: String| ApiError::answer(Operation::GetTemplate, &found.title, why);
    let location = surroundings.location.clone();
    let mut recorder = Recorder::new(location, uses)
        .map_err(|error| ApiError::answer(Operation::GetTemplate, "", error.to_string()))?;
    for found in found {
        for body in &found.template.bodies {
            let text = body
                .text()
                .map_err(|error| unusable(found, error.to_string()))?;
            let template = document::read(&text).map_err(|error: DocumentError| {
                unusable(found, format!("the template cannot be read: {error}"))
            })?;
            record(found, &template, surroundings, &mut recorder)?;
        }
    }
    Ok(())
}

fn record(
    found: &Found,
    template: &Value,
    surroundings: &Surroundings,
    recorder: &mut Recorder<'_>,
) -> Result<(), SourceError> {
    let user = |name: String, live: bool| {
        Arc::new(User {
            location: surroundings.location.clone(),
            kind: found.kind.into(),
            name,
            cluster: None,
            live,
            used_at: None,
        })
    };
    let parameters = &found.template.parameters;
    let stack = (found.stack_id.as_str(), found.stack_name.as_str());
    let resolver = Resolver::new(surroundings, stack, parameters, template);
    for (name, resource) in template["Resources"].as_object().into_iter().flatten() {
        let kind = resource["Type"].as_str().unwrap_or_default();
        let mentions = !NO_MENTIONS
            .iter()
            .any(|beginning| kind.starts_with(beginning));
        let condition = resource["Condition"].as_str();
        let is_made = condition.and_then(|name| resolver.condition(name)) != Some(false);
        let user = user(format!("{}/{name}", found.title), found.live && is_made);
        recorder.record_template(&user, &resolver.value(resource), mentions)?;
    }
    // What is beside the resources says which images there are, not that they run.
    let user = user(found.title.clone(), false);
    let sections = template.as_object().into_iter().flatten();
    let sections = sections.filter(|(name, _)| !ASIDE.contains(&name.as_str()));
    for (_, section) in sections {
        recorder.record_template(&user, &resolver.value(section), false)?;
    }
    let parameters = parameters.iter();
    let parameters = parameters.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    recorder.record_template(
        &user,
        &Value::Object(parameters.collect::<Map<_, _>>()),
        false,
    )
}
