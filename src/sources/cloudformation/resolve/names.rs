//! What names in a template refer to.

use serde_json::Value;

use super::{super::surroundings::Surroundings, Resolver, placeholder};
use crate::image::Registry;

/// Length of the beginning of a name that CloudFormation makes up, beyond which it may cut it.
const NAME: usize = 100;

impl Resolver<'_> {
    /// Returns what a name refers to: a pseudo parameter, a parameter or a resource.
    pub(super) fn reference(&self, name: &str) -> Vec<String> {
        let Surroundings {
            location,
            partition,
            ..
        } = self.surroundings;
        let (id, stack) = self.stack;
        let known = match name {
            "AWS::AccountId" => location.account.to_string(),
            "AWS::Region" => location.region.to_string(),
            "AWS::Partition" => partition.id.to_owned(),
            "AWS::URLSuffix" => partition.dns_suffix.to_owned(),
            "AWS::StackId" => id.to_owned(),
            "AWS::StackName" => stack.to_owned(),
            "AWS::NoValue" => String::new(),
            _ => {
                if let Some(value) = self.parameters.get(name) {
                    return vec![value.clone()];
                }
                let parameter = &self.template["Parameters"][name];
                let mut texts = vec![placeholder(name)];
                if parameter.is_object() {
                    // Its value is not shown, or not known yet.
                    let default = parameter.get("Default");
                    texts.extend(default.into_iter().flat_map(|value| self.texts(value)));
                } else if self.is_repository(name) {
                    texts = self.repository(name);
                }
                return texts;
            }
        };
        vec![known]
    }

    fn is_repository(&self, resource: &str) -> bool {
        self.template["Resources"][resource]["Type"] == "AWS::ECR::Repository"
    }

    /// Returns the name of a repository that the stack makes. One that CloudFormation makes up begins
    /// with those of stack and resource.
    fn repository(&self, resource: &str) -> Vec<String> {
        let name = &self.template["Resources"][resource]["Properties"]["RepositoryName"];
        if !name.is_null() {
            return self.deeper(|| self.texts(name), || vec![placeholder(resource)]);
        }
        let (_, stack) = self.stack;
        let mut beginning = format!("{stack}-{resource}-").to_ascii_lowercase();
        beginning.truncate(NAME);
        vec![beginning + &placeholder(resource)]
    }

    /// Returns an attribute of a resource: `[Resource, Attribute]` or `Resource.Attribute`.
    pub(super) fn attribute(&self, argument: &Value) -> Vec<String> {
        let (resource, attribute) = match argument {
            Value::String(text) => text.split_once('.').unwrap_or((text, "")),
            _ => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(resource), Value::String(attribute)]) => {
                    (resource.as_str(), attribute.as_str())
                }
                _ => return vec![placeholder("Attribute")],
            },
        };
        let unknown = placeholder(&format!("{resource}.{attribute}"));
        let Surroundings {
            location,
            partition,
            ..
        } = self.surroundings;
        let Registry { account, region } = location;
        let (id, suffix) = (partition.id, partition.dns_suffix);
        let of_repository = |format: &dyn Fn(&str) -> String| {
            let names = self.repository(resource).into_iter();
            names.map(|name| format(&name)).collect()
        };
        match attribute {
            "RepositoryUri" if self.is_repository(resource) => {
                of_repository(&|name| format!("{account}.dkr.ecr.{region}.{suffix}/{name}"))
            }
            "Arn" if self.is_repository(resource) => {
                of_repository(&|name| format!("arn:{id}:ecr:{region}:{account}:repository/{name}"))
            }
            "Arn" => vec![format!("arn:{id}:{unknown}:{region}:{account}:{unknown}")],
            _ => match attribute.strip_prefix("Outputs.") {
                Some(output) => vec![self.output(resource, output).unwrap_or(unknown)],
                None => vec![unknown],
            },
        }
    }

    /// Returns an output of a stack that a resource is: its name begins with those of both.
    fn output(&self, resource: &str, output: &str) -> Option<String> {
        let (id, stack) = self.stack;
        let beginning = format!("{stack}-{resource}-");
        let nested = self.surroundings.nested.get(id)?;
        let mut named = nested
            .iter()
            .filter(|(name, _)| name.starts_with(&beginning));
        named.find_map(|(_, outputs)| outputs.get(output).cloned())
    }
}
