//! What AWS Lambda uses (U8): the image of every function, and of each of its published versions.
//!
//! Lambda pins a function to the digest that its tag had when it was deployed, and fetches that
//! image again whenever it likes; the function fails for good once it is deleted ("Create a Lambda
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
/// Number of times that functions are listed while they change.
const ROUNDS: usize = 4;
const LIST: Operation = Operation::ListFunctions;
const GET: Operation = Operation::GetFunction;
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
    /// Hash that tells its code from any other.
    code: Option<String>,
}

/// Image of a version.
#[derive(Debug, Clone, PartialEq)]
struct Found {
    image: FunctionImage,
    /// Why it may be another image of the same repository.
    doubt: Option<&'static str>,
}

/// State of a version since it was listed.
enum Read {
    /// `None` if it certainly has no image.
    Image(Option<Found>),
    /// It has other code, or was deleted.
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
            for (version, Found { image, doubt }) in self.images().await? {
                let user = Arc::new(User {
                    location: self.location.clone(),
                    kind: "Lambda function".into(),
                    name: version.title(),
                    cluster: None,
                    live: true,
                    used_at: None,
                });
                let (written, digest) = (&image.written, image.digest.as_deref());
                uses.add(&user, written, digest, EvidenceKind::Field)
                    .map_err(SourceError::reference(&user))?;
                if let Some(why) = doubt
                    && !uses.add_doubt(&user, written, why)
                {
                    return Err(ApiError::answer(GET, &user.name, why).into());
                }
            }
            Ok(Reading::default())
        }
        .boxed_local()
    }
}

impl Lambda {
    /// Reads the images of all versions of all functions. If one changed or vanished since it was
    /// listed, functions are listed again, until none did.
    async fn images(&self) -> Result<BTreeMap<Version, Found>, ApiError> {
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
        let problem = format!("functions changed while they were read, {ROUNDS} times in a row");
        Err(ApiError::answer(LIST, "", problem))
    }

    /// Lists every version of every function that may have an image.
    async fn versions(&self, service: &LambdaService) -> Result<Vec<Version>, ApiError> {
        let functions = all_pages(LIST, "", |token| async move {
            service.list_functions(token.as_deref()).await
        })
        .await?;
        // What does not say how it is packaged may be an image.
        let is_zip = |it: &FunctionConfiguration| it.package_type.as_deref() == Some("Zip");
        let images = functions.iter().filter(|function| !is_zip(function));
        images.map(Version::of).collect()
    }

    async fn image_of(&self, service: &LambdaService, version: &Version) -> Result<Read, ApiError> {
        let known = &self.caches.functions;
        let key = version.key();
        if let Some(image) = key.as_ref().and_then(|key| known.get(key)) {
            let found = Found { image, doubt: None };
            return Ok(Read::Image(Some(found)));
        }
        let read = self.get(service, version).await?;
        if let (Some(key), Read::Image(Some(Found { image, doubt: None }))) = (key, &read) {
            known.learn(key, image.clone());
        }
        Ok(read)
    }

    async fn get(&self, service: &LambdaService, version: &Version) -> Result<Read, ApiError> {
        let title = version.title();
        let answer = service.get_function(&title, &version.name, &version.number);
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(error) if error.cause == Cause::ResourceNotFound => return Ok(Read::Changed),
            Err(error) => return Err(error),
        };
        let incomplete = |what: &str| ApiError::answer(GET, &title, what);
        let configuration = answer
            .configuration
            .ok_or_else(|| incomplete("the answer has no `Configuration`"))?;
        // Until an update is through, the code before it still serves, and nothing says which that
        // is.
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
        let image = image(&configuration, &code).map_err(incomplete)?;
        Ok(Read::Image(image))
    }
}

/// Returns the image that a function has; `None` if it certainly has none.
///
/// # Errors
/// Returns an error if nothing tells the repository.
fn image(
    configuration: &FunctionConfiguration,
    code: &FunctionCode,
) -> Result<Option<Found>, &'static str> {
    let is_given = |it: &&String| !it.is_empty();
    let written = code.image_uri.as_ref().filter(is_given);
    let resolved = code.resolved_image_uri.as_ref().filter(is_given);
    let (package, repository) = (&configuration.package_type, &code.repository_type);
    let Some(named) = written.or(resolved) else {
        return match (package.as_deref(), repository.as_deref()) {
            (Some("Zip"), _) => Ok(None),
            // A way of packaging that is not known yet.
            (package, Some("S3")) if package != Some("Image") => Ok(None),
            _ => Err("the answer has no `ImageUri`"),
        };
    };
    let (digest, doubt) = match resolved.map(|resolved| resolved.split_once('@')) {
        Some(Some((_, digest))) => (Some(digest.to_owned()), None),
        Some(None) => (None, Some("its `ResolvedImageUri` has no digest")),
        None if named.contains('@') => (None, None),
        None => (None, Some("the answer has no `ResolvedImageUri`")),
    };
    let unwritten = written.is_none().then_some("the answer has no `ImageUri`");
    let image = FunctionImage {
        written: named.clone(),
        digest,
    };
    Ok(Some(Found {
        image,
        doubt: doubt.or(unwritten),
    }))
}

impl Version {
    fn of(function: &FunctionConfiguration) -> Result<Self, ApiError> {
        let name = function.function_name.as_deref().unwrap_or_default();
        let unusable = |problem: String| ApiError::answer(LIST, name, problem);
        let missing = |what: &str| unusable(format!("a function comes without its `{what}`"));
        let arn = function.function_arn.as_ref();
        let arn = arn.ok_or_else(|| missing("FunctionArn"))?.parse();
        let arn: Arn = arn.map_err(|error: AwsNameError| unusable(error.to_string()))?;
        // With or without the version: `function:NAME:VERSION`.
        let resource: Vec<&str> = arn.resource.split(':').take(2).collect();
        let resource = resource.join(":").into();
        let version = function.version.as_ref();
        let version = version.ok_or_else(|| missing("Version"))?;
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

    /// Returns the key of a version in the cache; `None` if it is not published. The code is part
    /// of it though numbers are not used again, since it costs nothing to be sure of that.
    fn key(&self) -> Option<String> {
        let code = self.code.as_ref().filter(|_| self.number != LATEST)?;
        Some(format!("{}:{} {code}", self.function, self.number))
    }

    /// Returns what people call it.
    fn title(&self) -> String {
        if self.number == LATEST {
            return self.name.clone();
        }
        format!("{}:{}", self.name, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/app";

    #[test]
    fn a_function_that_does_not_say_its_image_says_its_repository_or_is_an_error() {
        let function = |package: &str| FunctionConfiguration {
            package_type: Some(package.to_owned()),
            ..FunctionConfiguration::default()
        };
        let (tag, pinned) = (format!("{URI}:1"), format!("{URI}@sha256:1"));
        let (tag, pinned) = (Some(tag.as_str()), Some(pinned.as_str()));
        let code = |repository: &str, image: Option<&str>, resolved: Option<&str>| FunctionCode {
            repository_type: Some(repository.to_owned()),
            image_uri: image.map(ToOwned::to_owned),
            resolved_image_uri: resolved.map(ToOwned::to_owned),
        };
        let found = |written: Option<&str>, digest: Option<&str>, doubt| {
            let image = FunctionImage {
                written: written.unwrap().to_owned(),
                digest: digest.map(ToOwned::to_owned),
            };
            Ok(Some(Found { image, doubt }))
        };
        let resolved = found(tag, Some("sha256:1"), None);
        let no_resolved = found(tag, None, Some("the answer has no `ResolvedImageUri`"));
        let no_digest = found(tag, None, Some("its `ResolvedImageUri` has no digest"));
        let no_uri = "the answer has no `ImageUri`";
        let unwritten = found(pinned, Some("sha256:1"), Some(no_uri));
        let no_uri = Err(no_uri);
        for (package, code, expected) in [
            ("Image", code("ECR", tag, pinned), resolved),
            (
                "Image",
                code("ECR", pinned, None),
                found(pinned, None, None),
            ),
            ("Image", code("ECR", tag, None), no_resolved),
            ("Image", code("ECR", tag, tag), no_digest),
            ("Image", code("ECR", None, pinned), unwritten),
            ("Image", code("S3", None, None), no_uri.clone()),
            ("Other", code("Other", None, None), no_uri),
            ("Other", code("S3", None, None), Ok(None)),
            ("Zip", code("S3", None, None), Ok(None)),
        ] {
            let found = image(&function(package), &code);
            assert_eq!(found, expected, "{package} {code:?}");
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
        assert_eq!(version(arn, "7").key(), key);
        assert_eq!(version(&format!("{arn}:7"), "7").key(), key);
        assert_eq!(version(&format!("{arn}:$LATEST"), "$LATEST").key(), None);
    }
}
