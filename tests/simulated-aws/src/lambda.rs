//! Lambda: functions of container images, their published versions and aliases.

use crate::error::{Answer, ApiError, json};
use crate::input::{required, text};
use crate::page::Paging;
use crate::world::{Location, Region, World};
use serde_json::{Value, json as object};
use std::collections::BTreeMap;

/// A function.
#[derive(Debug, Clone, Default)]
pub struct Function {
    /// Its versions, `$LATEST` too.
    pub versions: BTreeMap<String, FunctionVersion>,
    /// The version that each alias points at.
    pub aliases: BTreeMap<String, String>,
}

/// A version of a function.
#[derive(Debug, Clone)]
pub struct FunctionVersion {
    /// `Image` or `Zip`.
    pub package_type: Option<String>,
    /// The image as it was written.
    pub image_uri: Option<String>,
    /// The image by the digest that it had then.
    pub resolved_image_uri: Option<String>,
    /// What tells its code from any other.
    pub code_sha256: String,
    /// Whether it is being updated: `Successful`, `InProgress`, `Failed`.
    pub last_update_status: String,
}

/// The version that is not published.
const LATEST: &str = "$LATEST";

impl FunctionVersion {
    /// A version whose code is no image.
    #[must_use]
    pub fn zip() -> Self {
        Self {
            package_type: Some("Zip".to_owned()),
            image_uri: None,
            resolved_image_uri: None,
            code_sha256: "zip".to_owned(),
            last_update_status: "Successful".to_owned(),
        }
    }

    /// A version whose image was resolved to this digest.
    #[must_use]
    pub fn image(uri: &str, digest: &str) -> Self {
        let repository = uri.split('@').next().unwrap_or(uri);
        let repository = repository
            .rsplit_once(':')
            .map_or(repository, |(repository, _)| repository);
        Self {
            package_type: Some("Image".to_owned()),
            image_uri: Some(uri.to_owned()),
            resolved_image_uri: Some(format!("{repository}@{digest}")),
            code_sha256: digest.trim_start_matches("sha256:").to_owned(),
            ..Self::zip()
        }
    }
}

impl Region {
    /// Creates or updates a function with a tag of a repository of this location, as it is now.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn deploy_function(&mut self, name: &str, repository: &str, tag: &str) {
        let stored = self.repository(repository);
        let uri = format!("{}:{tag}", stored.uri());
        #[expect(
            clippy::expect_used,
            reason = "a test that names an image which is not there is wrong"
        )]
        let digest = stored
            .digest(tag)
            .expect("an image with this tag")
            .to_owned();
        let function = self.functions.entry(name.to_owned()).or_default();
        function
            .versions
            .insert(LATEST.to_owned(), FunctionVersion::image(&uri, &digest));
    }

    /// Publishes a version of a function; its number.
    ///
    /// # Panics
    /// If there is no such function.
    pub fn publish_function(&mut self, name: &str) -> String {
        #[expect(
            clippy::expect_used,
            reason = "a test that names a function which is not there is wrong"
        )]
        let function = self.functions.get_mut(name).expect("a function");
        let number = function.versions.len().to_string();
        let latest = function.versions[LATEST].clone();
        function.versions.insert(number.clone(), latest);
        number
    }
}

pub(crate) fn answer(
    world: &mut World,
    location: &Location,
    operation: &str,
    body: &Value,
) -> Answer {
    let functions = &world.at(location).functions;
    match operation {
        "ListFunctions" => {
            let all = text(body, "FunctionVersion") == Some("ALL");
            let versions = functions.iter().flat_map(|(name, function)| {
                let versions = function
                    .versions
                    .iter()
                    .filter(move |(version, _)| all || *version == LATEST);
                versions.map(move |(version, code)| {
                    (format!("{name}:{version}"), (name, version, code))
                })
            });
            let versions: BTreeMap<String, _> = versions.collect();
            let paging = Paging::read(body, "functions", 50, 50)?;
            let shown = versions.range::<str, _>(paging.bounds());
            let page = paging.take(shown.map(|(key, (name, version, code))| {
                (key, configuration(location, name, version, code, all))
            }));
            json(&object!({"Functions": page.items, "NextMarker": page.next_token}))
        }
        "GetFunction" => {
            let name = required(body, "FunctionName")?;
            let qualifier = text(body, "Qualifier").unwrap_or(LATEST);
            let found = functions.get(name).and_then(|function| {
                let version = function
                    .aliases
                    .get(qualifier)
                    .map_or(qualifier, String::as_str);
                function.versions.get_key_value(version)
            });
            let (version, code) = found.ok_or_else(|| {
                let message = format!("Function not found: {name}:{qualifier}");
                ApiError::with_status(404, "ResourceNotFoundException", message)
            })?;
            let mut configuration = configuration(location, name, version, code, true);
            configuration["LastUpdateStatus"] = code.last_update_status.as_str().into();
            let (uri, resolved) = (&code.image_uri, &code.resolved_image_uri);
            let location = if uri.is_some() || resolved.is_some() {
                object!({"RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": resolved})
            } else {
                object!({"RepositoryType": "S3", "Location": "https://example.com/code.zip"})
            };
            json(&object!({"Configuration": configuration, "Code": location}))
        }
        _ => Err(ApiError::unknown_operation(operation)),
    }
}

fn configuration(
    location: &Location,
    name: &str,
    version: &str,
    code: &FunctionVersion,
    qualified: bool,
) -> Value {
    let arn = format!(
        "arn:aws:lambda:{}:{}:function:{name}",
        location.region, location.account
    );
    object!({
        "FunctionName": name,
        "FunctionArn": if qualified { format!("{arn}:{version}") } else { arn },
        "Version": version,
        "PackageType": code.package_type,
        "CodeSha256": code.code_sha256,
    })
}
