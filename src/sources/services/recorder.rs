//! Records what answers name: images, wherever they stand, and task definitions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use regex::Regex;
use serde_json::Value;

use super::{
    request::{Chain, text},
    spec::UserOf,
};
use crate::{
    aws::ApiError,
    evidence::{EvidenceKind, Hit, SourceError, TextScanner, User, Uses},
    image::{ImageReference, Registry},
    sources::ecs::Ecs,
};

/// Records what answers name.
pub(in crate::sources) struct Recorder<'f> {
    pub(super) uses: &'f mut Uses,
    location: Registry,
    scanner: TextScanner,
    definition_arn: Regex,
    definition_name: Regex,
    /// Task definitions by `family` or `family:revision`, with who names them.
    definitions: BTreeMap<String, BTreeSet<Arc<User>>>,
    /// Fields of the item at hand in which no tag means `latest`.
    fields: BTreeSet<String>,
    /// Whether the item at hand mentions images.
    mentions: bool,
}

/// Depth of a text: a field of an answer, or within a definition, a template or an input that is
/// one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Field,
    Within,
}

impl<'f> Recorder<'f> {
    pub(in crate::sources) fn new(
        location: Registry,
        uses: &'f mut Uses,
    ) -> Result<Self, regex::Error> {
        Ok(Self {
            scanner: TextScanner::new(uses.aliases())?,
            definition_arn: Regex::new(
                r"arn:[a-z0-9-]+:ecs:([a-z0-9-]+):([0-9]{12}):task-definition/([A-Za-z0-9_-]+(?::[0-9]+)?)",
            )?,
            definition_name: Regex::new(r"^[A-Za-z0-9_-]+(?::[0-9]+)?$")?,
            definitions: BTreeMap::new(),
            fields: BTreeSet::new(),
            mentions: false,
            uses,
            location,
        })
    }

    /// Records what an item names, and what it mentions if that is not what is pushed to.
    pub(super) fn record(
        &mut self,
        user: &'static UserOf,
        item: &Chain<'_>,
        mentions: bool,
    ) -> Result<(), SourceError> {
        let name = user.name.iter().filter_map(|field| text(item.get(field)));
        let name: Vec<String> = name.collect();
        let user = Arc::new(User {
            location: self.location.clone(),
            kind: user.kind.as_str().into(),
            name: name.join(":"),
            cluster: None,
            live: user.live,
            used_at: None,
        });
        self.item(&user, item.item, Depth::Field, mentions)
    }

    /// Records what a part of a template names, and what it mentions if that may be used.
    pub(in crate::sources) fn record_template(
        &mut self,
        user: &Arc<User>,
        part: &Value,
        mentions: bool,
    ) -> Result<(), SourceError> {
        self.item(user, part, Depth::Within, mentions)
    }

    fn item(
        &mut self,
        user: &Arc<User>,
        item: &Value,
        depth: Depth,
        mentions: bool,
    ) -> Result<(), SourceError> {
        self.fields.clear();
        self.mentions = false;
        self.value(user, None, item, depth)?;
        if self.mentions && mentions {
            let is_field = |text: &str| self.fields.contains(text);
            let mentions = self.scanner.mentions(&item.to_string(), is_field);
            self.uses.add_mentions(user, mentions);
        }
        Ok(())
    }

    fn value(
        &mut self,
        user: &Arc<User>,
        key: Option<&str>,
        value: &Value,
        depth: Depth,
    ) -> Result<(), SourceError> {
        match value {
            Value::String(text) => self.text(user, key, text, depth),
            Value::Array(values) => values
                .iter()
                .try_for_each(|value| self.value(user, key, value, depth)),
            Value::Object(members) => members.iter().try_for_each(|(key, value)| {
                self.text(user, None, key, depth)?;
                self.value(user, Some(key), value, depth)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn text(
        &mut self,
        user: &Arc<User>,
        key: Option<&str>,
        text: &str,
        depth: Depth,
    ) -> Result<(), SourceError> {
        if text.trim_start().starts_with(['{', '['])
            && let Ok(inner) = serde_json::from_str::<Value>(text)
        {
            return self.value(user, key, &inner, Depth::Within);
        }
        self.name_definitions(user, key, text);
        // In a template, it may be still to be filled in.
        let is_filled_in = || {
            let parsed = ImageReference::parse(text, self.uses.aliases());
            depth == Depth::Field || parsed.is_ok()
        };
        // A field that holds an image is exact: without a tag, it means the latest one.
        if key.is_some_and(is_image_key) && is_filled_in() {
            let added = self.uses.add(user, text, None, EvidenceKind::Field);
            if added.map_err(SourceError::reference(user))? {
                self.fields.insert(text.to_owned());
                return Ok(());
            }
        }
        self.scan(user, text)
    }

    /// Records every image that is named in a text.
    fn scan(&mut self, user: &Arc<User>, text: &str) -> Result<(), SourceError> {
        for hit in self.scanner.scan(text.as_bytes()) {
            match hit {
                Hit::Reference(reference) => {
                    let added = self.uses.add(user, &reference, None, EvidenceKind::Text);
                    added.map_err(SourceError::reference(user))?;
                }
                Hit::Digest(digest) => self.uses.add_digest(user, digest),
                Hit::Mention => self.mentions = true,
            }
        }
        Ok(())
    }

    /// Records the task definitions that a text names, however it names them. Those of another
    /// account or Region are read there.
    fn name_definitions(&mut self, user: &Arc<User>, key: Option<&str>, text: &str) {
        let Registry { account, region } = &self.location;
        let mut names = Vec::new();
        for found in self.definition_arn.captures_iter(text) {
            let (_, [in_region, in_account, name]) = found.extract();
            if in_region == &**region && in_account == &**account {
                names.push(name.to_owned());
            }
        }
        let is_key = |key: &str| {
            ["taskdefinition", "taskdefinitionarn"].contains(&key.to_ascii_lowercase().as_str())
        };
        if key.is_some_and(is_key) && self.definition_name.is_match(text) {
            names.push(text.to_owned());
        }
        for name in names {
            let users = self.definitions.entry(name).or_default();
            users.insert(Arc::clone(user));
        }
    }

    /// Adds the images of the task definitions that were named.
    pub(super) async fn read_definitions(self, ecs: &Ecs) -> Result<(), SourceError> {
        for (name, users) in self.definitions {
            let images = ecs.images_of_named(&name).await.map_err(|error| {
                let user = users.first().map(ToString::to_string).unwrap_or_default();
                let message = format!("{} (named by {user})", error.message);
                ApiError { message, ..error }
            })?;
            for user in &users {
                for image in &images {
                    let added = self.uses.add(user, image, None, EvidenceKind::Field);
                    added.map_err(SourceError::reference(user))?;
                }
            }
        }
        Ok(())
    }
}

/// Returns whether a member of that name holds an image: `image`, `TrainingImage`, `ImageUri`,
/// `containerUri`, ...
fn is_image_key(key: &str) -> bool {
    const ENDS: [&str; 4] = ["image", "imageuri", "imageidentifier", "containeruri"];
    let key = key.to_ascii_lowercase();
    ENDS.iter().any(|end| key.ends_with(end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::spec::Spec;
    use super::*;
    use crate::{config::Service, evidence::Use};

    const HOST: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";

    fn recorded(service: Service, item: &Value) -> Result<(Vec<String>, Vec<String>), SourceError> {
        let location = Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let mut uses = Uses::new(Arc::default());
        let spec = Spec::of(service).unwrap();
        let mut recorder = Recorder::new(location, &mut uses).unwrap();
        let (user, chain) = (&spec.read[0].user, Chain { item, above: None });
        recorder.record(user, &chain, !spec.names_repositories_to_push)?;
        let definitions = recorder.definitions.into_keys().collect();
        let references: BTreeSet<_> = uses.into_vec().iter().flat_map(Use::references).collect();
        let references = references.iter().map(ToString::to_string).collect();
        Ok((references, definitions))
    }

    #[test]
    fn images_count_wherever_they_stand() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let asl = json!({"States": {"Train": {"Parameters": {"Image": format!("{HOST}/train"), "Digest": digest}}}});
        let inner = json!({"definition": asl.to_string(), "text": format!("docker run {HOST}/job:2 --fast")});
        let item = json!({"Container": {"Image": format!("{HOST}/app:1")}, "map": {format!("{HOST}/key:3"): []},
            "list": [inner.to_string()], "elsewhere": "nginx:1", "count": 7});
        let (mut images, definitions) = recorded(Service::StepFunctions, &item).unwrap();
        images.sort();
        let expected = ["app:1", "job:2", "key:3", &digest, "train:latest"];
        assert_eq!(images, expected);
        assert_eq!(definitions, [""; 0]);
    }

    #[test]
    fn a_repository_alone_may_be_any_of_its_images_unless_it_is_pushed_to() {
        let images = |service, item| recorded(service, item).unwrap().0;
        let item = json!({"variables": [{"name": "REPOSITORY", "value": format!("{HOST}/app")}]});
        assert_eq!(images(Service::Pipes, &item), ["app (some image of it)"]);
        assert_eq!(images(Service::Codebuild, &item), [""; 0]);
        let item = json!({"environment": {"image": format!("{HOST}/app")}});
        assert_eq!(images(Service::Codebuild, &item), ["app:latest"]);
    }

    #[test]
    fn an_image_that_may_be_any_is_an_error_but_for_a_template() {
        let image = format!("{HOST}/${{IMAGE}}");
        assert!(recorded(Service::Batch, &json!({"image": image})).is_err());
        let image = format!("{HOST}/app:${{TAG}}");
        let (images, _) = recorded(Service::Batch, &json!({"image": image})).unwrap();
        assert_eq!(images, [""; 0], "its repository is in doubt");
        let template = json!({"image": image}).to_string();
        let (images, _) = recorded(Service::Pipes, &json!({"Input": template})).unwrap();
        assert_eq!(images, ["app (some image of it)"]);
    }

    #[test]
    fn task_definitions_count_by_arn_anywhere_and_by_name_where_one_is_named() {
        let arn = |of: &str, name: &str| format!("arn:aws:ecs:{of}:task-definition/{name}");
        let home = "eu-west-1:111111111111";
        let definition = json!({"States": {
            "One": {"Parameters": {"TaskDefinition": "batch:7"}},
            "Other": {"Arguments": {"TaskDefinition": "{% $states.input.definition %}"}},
            "Text": format!("start {} now", arn(home, "web:3")),
        }});
        let item = json!({"definition": definition.to_string(),
            "EcsParameters": {"TaskDefinitionArn": arn(home, "job")},
            "far": arn("us-east-1:111111111111", "far:1"), "foreign": arn("eu-west-1:222222222222", "foreign:1"),
            "name": "batch:8"});
        let (_, definitions) = recorded(Service::StepFunctions, &item).unwrap();
        assert_eq!(definitions, ["batch:7", "job", "web:3"]);
    }
}
