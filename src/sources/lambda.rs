//! What AWS Lambda uses (U8): the image of every function, and of each of its published versions.
//!
//! Lambda pins a function to the digest that its tag had when it was deployed, and fetches that
//! image again whenever it likes; the function fails for good once it is gone ("Create a Lambda
//! function using a container image"). So both count, the reference as it was written and the
//! digest. An alias points at versions, which are all read, so that aliases are not asked for.
//!
//! A list of functions does not say their images; each is asked for. A version that was published
//! never changes and is asked for once in a lifetime, `$LATEST` in every run. What was deployed or
//! deleted meanwhile is listed again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{FutureExt, StreamExt, TryStreamExt, future::LocalBoxFuture, stream};

use super::{Reading, Source};
use crate::{
    aws::{
        ApiError, Cause, Clients, FunctionCode, FunctionConfiguration, LambdaService, Operation,
        all_pages,
    },
    cache::{Caches, FunctionImage},
    evidence::{EvidenceKind, SourceError, User, Uses},
    image::{Arn, AwsNameError, Registry},
};

const AT_ONCE: usize = 16;
/// How often functions are listed while they change.
const ROUNDS: usize = 4;
const LIST: Operation = Operation::ListFunctions;
const LATEST: &str = LambdaService::LATEST;

pub(crate) struct Lambda {
    pub(crate) clients: Clients,
    pub(crate) location: Registry,
    pub(crate) caches: Arc<Caches>,
}

/// A version of a function whose code is, or may be, an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    /// The ARN of the function, without a version.
    function: Arn,
    name: String,
    /// A number, or `$LATEST`.
    number: String,
    /// What tells its code from any other.
    code: Option<String>,
}

/// What became of a version since it was listed.
enum Read {
    Image(Option<FunctionImage>),
    /// It has other code, or is gone.
    Changed,
}

impl Source for Lambda {
    fn name(&self) -> &'static str {
        "lambda"
    }

    fn location(&self) -> &Registry {
        &self.location
    }

    fn read<'a>(&'a self, uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>> {
        async {
            for (version, image) in self.images().await? {
                let user = Arc::new(User {
                    location: self.location.clone(),
                    kind: "Lambda function".into(),
                    name: version.title(),
                    cluster: None,
                    live: true,
                });
                let (written, digest) = (&image.written, image.digest.as_deref());
                uses.add(&user, written, digest, EvidenceKind::Field)
                    .map_err(SourceError::reference(&user))?;
            }
            Ok(Reading::default())
        }
        .boxed_local()
    }
}

impl Lambda {
    /// The images of all versions of all functions. Where one changed or vanished since it was
    /// listed, functions are listed again, until none did.
    async fn images(&self) -> Result<BTreeMap<Version, FunctionImage>, ApiError> {
        let service = &LambdaService::new(&self.clients)?;
        let mut images = BTreeMap::new();
        let mut read = BTreeSet::new();
        for _ in 0..ROUNDS {
            let mut listed = self.versions(service).await?;
            listed.retain(|version| !read.contains(version));
            let readings = stream::iter(listed).map(|version| async {
                let reading = self.image_of(service, &version).await?;
                Ok::<_, ApiError>((version, reading))
            });
            let mut readings = readings.buffer_unordered(AT_ONCE);
            let mut changed = false;
            while let Some((version, reading)) = readings.try_next().await? {
                match reading {
                    Read::Changed => changed = true,
                    Read::Image(image) => {
                        read.insert(version.clone());
                        images.extend(image.map(|image| (version, image)));
                    }
                }
            }
            if !changed {
                return Ok(images);
            }
        }
        Err(ApiError::answer(
            LIST,
            "",
            format!("functions changed while they were read, {ROUNDS} times in a row"),
        ))
    }

    /// Every version of every function that may have an image.
    async fn versions(&self, service: &LambdaService) -> Result<Vec<Version>, ApiError> {
        let functions = all_pages(LIST, "", |token| async move {
            service.list_functions(token.as_deref()).await
        })
        .await?;
        // What does not say how it is packaged may be an image.
        let images = functions
            .iter()
            .filter(|function| function.package_type.as_deref() != Some("Zip"));
        images.map(Version::of).collect()
    }

    async fn image_of(&self, service: &LambdaService, version: &Version) -> Result<Read, ApiError> {
        let known = &self.caches.functions;
        let key = version.key();
        if let Some(image) = key.as_ref().and_then(|key| known.get(key)) {
            return Ok(Read::Image(Some(image)));
        }
        let read = self.get(service, version).await?;
        if let (Some(key), Read::Image(Some(image))) = (key, &read) {
            known.learn(key, image.clone());
        }
        Ok(read)
    }

    async fn get(&self, service: &LambdaService, version: &Version) -> Result<Read, ApiError> {
        let title = version.title();
        let answer = match service
            .get_function(&title, &version.name, &version.number)
            .await
        {
            Ok(answer) => answer,
            Err(error) if error.cause == Cause::ResourceNotFound => return Ok(Read::Changed),
            Err(error) => return Err(error),
        };
        let incomplete = |what: &str| ApiError::answer(Operation::GetFunction, &title, what);
        let configuration = answer
            .configuration
            .ok_or_else(|| incomplete("the answer has no `Configuration`"))?;
        // Until an update is through, the code before it goes on serving, and nothing says which
        // that is.
        if configuration.last_update_status.as_deref() == Some("InProgress") {
            return Err(incomplete(
                "it is being updated, so that the image it runs cannot be told; run again later",
            ));
        }
        if configuration.code_sha256 != version.code {
            return Ok(Read::Changed);
        }
        let code = answer
            .code
            .ok_or_else(|| incomplete("the answer has no `Code`"))?;
        image(&configuration, &code)
            .map(Read::Image)
            .map_err(incomplete)
    }
}

/// The image that a function has; none if it certainly has none.
fn image(
    configuration: &FunctionConfiguration,
    code: &FunctionCode,
) -> Result<Option<FunctionImage>, &'static str> {
    let Some(written) = code
        .image_uri
        .as_ref()
        .filter(|written| !written.is_empty())
    else {
        let is_zip = match configuration.package_type.as_deref() {
            Some("Image") => false,
            Some("Zip") => true,
            // A way of packaging that is not known yet.
            _ => code.repository_type.as_deref() == Some("S3"),
        };
        return if is_zip {
            Ok(None)
        } else {
            Err("the answer has no `ImageUri`")
        };
    };
    let digest = match (&code.resolved_image_uri, written.split_once('@')) {
        (Some(resolved), _) => {
            let (_, digest) = resolved
                .split_once('@')
                .ok_or("its `ResolvedImageUri` has no digest")?;
            Some(digest.to_owned())
        }
        (None, Some(_)) => None,
        (None, None) => return Err("the answer has no `ResolvedImageUri`"),
    };
    Ok(Some(FunctionImage {
        written: written.clone(),
        digest,
    }))
}

impl Version {
    fn of(function: &FunctionConfiguration) -> Result<Self, ApiError> {
        let name = function.function_name.as_deref().unwrap_or_default();
        let missing = |what: &str| {
            ApiError::answer(LIST, name, format!("a function comes without its `{what}`"))
        };
        let arn = function
            .function_arn
            .as_ref()
            .ok_or_else(|| missing("FunctionArn"))?;
        let invalid = |error: AwsNameError| ApiError::answer(LIST, name, error.to_string());
        let arn: Arn = arn.parse().map_err(invalid)?;
        // With or without the version: `function:NAME:VERSION`.
        let resource: Vec<&str> = arn.resource.split(':').take(2).collect();
        let resource = resource.join(":").into();
        let version = function
            .version
            .as_ref()
            .ok_or_else(|| missing("Version"))?;
        if name.is_empty() {
            return Err(missing("FunctionName"));
        }
        Ok(Self {
            function: Arn { resource, ..arn },
            name: name.to_owned(),
            number: version.clone(),
            code: function.code_sha256.clone(),
        })
    }

    /// What a published version is remembered by. The code is part of it though numbers are not
    /// used again, since it costs nothing to be sure of that.
    fn key(&self) -> Option<String> {
        let code = self.code.as_ref().filter(|_| self.number != LATEST)?;
        Some(format!("{}:{} {code}", self.function, self.number))
    }

    /// What people call it.
    fn title(&self) -> String {
        if self.number == LATEST {
            self.name.clone()
        } else {
            format!("{}:{}", self.name, self.number)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/app";

    #[test]
    fn a_function_without_the_field_that_says_its_image_is_an_error() {
        let function = |package: &str| FunctionConfiguration {
            package_type: Some(package.to_owned()),
            ..FunctionConfiguration::default()
        };
        let code = |repository: &str,
                    image_uri: Option<String>,
                    resolved_image_uri: Option<String>| FunctionCode {
            repository_type: Some(repository.to_owned()),
            image_uri,
            resolved_image_uri,
        };
        let (tag, pinned) = (Some(format!("{URI}:1")), Some(format!("{URI}@sha256:1")));
        let found = |digest: Option<&str>, written: &Option<String>| {
            Ok(Some(FunctionImage {
                written: written.clone().unwrap(),
                digest: digest.map(ToOwned::to_owned),
            }))
        };
        for (package, code, expected) in [
            (
                "Image",
                code("ECR", tag.clone(), pinned.clone()),
                found(Some("sha256:1"), &tag),
            ),
            (
                "Image",
                code("ECR", pinned.clone(), None),
                found(None, &pinned),
            ),
            (
                "Image",
                code("ECR", tag.clone(), None),
                Err("the answer has no `ResolvedImageUri`"),
            ),
            (
                "Image",
                code("ECR", tag.clone(), tag.clone()),
                Err("its `ResolvedImageUri` has no digest"),
            ),
            (
                "Image",
                code("ECR", None, pinned.clone()),
                Err("the answer has no `ImageUri`"),
            ),
            (
                "Image",
                code("S3", None, None),
                Err("the answer has no `ImageUri`"),
            ),
            (
                "Other",
                code("Other", None, None),
                Err("the answer has no `ImageUri`"),
            ),
            ("Other", code("S3", None, None), Ok(None)),
            ("Zip", code("S3", None, None), Ok(None)),
        ] {
            assert_eq!(
                image(&function(package), &code),
                expected,
                "{package} {code:?}"
            );
        }
    }

    #[test]
    fn a_published_version_is_remembered_by_function_number_and_code() {
        let version = |arn: &str, version: &str| {
            let [name, arn, version, code] =
                ["app", arn, version, "c0de"].map(|text| Some(text.to_owned()));
            let function = FunctionConfiguration {
                function_name: name,
                function_arn: arn,
                version,
                code_sha256: code,
                ..FunctionConfiguration::default()
            };
            Version::of(&function).unwrap()
        };
        let arn = "arn:aws:lambda:eu-west-1:111111111111:function:app";
        let key = Some(format!("{arn}:7 c0de"));
        assert_eq!(
            [
                version(arn, "7").key(),
                version(&format!("{arn}:7"), "7").key()
            ],
            [key.clone(), key]
        );
        assert_eq!(version(&format!("{arn}:$LATEST"), "$LATEST").key(), None);
    }
}
