//! Answers of AWS that are kept, so that they can be given again where there is no AWS.
//!
//! Only answers about registries, accounts, Git history and the memory of runs are kept. Those in
//! which secrets may stand, such as task definitions, are not, nor are credentials.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
        http_client_fn,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::chain;
use crate::image::Arn;

/// Headers by which an answer is understood.
const HEADERS: [&str; 4] = ["content-type", "etag", "server", "x-amzn-errortype"];
/// Objects of the state whose content is not kept: they cache evidence, which is kept by itself.
const EVIDENCE: [&str; 3] = ["task-definitions", "functions", "stack-templates"];
const NO_OBJECT: &str = "<Error><Code>NoSuchKey</Code><Message>not kept</Message></Error>";
/// Code of the answer where none was kept.
const NOT_KEPT: &str = "NotInSnapshot";
const WHY_NOT_KEPT: &str = "the snapshot does not have it; take one with this configuration";
/// Answer to `AssumeRole` that is kept instead of credentials.
const ASSUMED: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>none</AccessKeyId>\
    <SecretAccessKey>none</SecretAccessKey><SessionToken>none</SessionToken>\
    <Expiration>9999-12-31T23:59:59Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

/// Answers, each by its request.
pub(crate) type Answers = BTreeMap<Asked, Answer>;

/// A request, without what differs from run to run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// ARN of the role that asked; `None` for the caller itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<Box<str>>,
    region: Box<str>,
    service: Box<str>,
    request: Box<str>,
}

/// Answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Answer {
    Given {
        status: u16,
        headers: BTreeMap<Box<str>, Box<str>>,
        body: Body,
    },
    /// There was none.
    Failed { timed_out: bool, problem: Box<str> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Body {
    Text(Box<str>),
    Base64(Box<str>),
}

/// A network that keeps answers, or gives them again.
#[derive(Debug, Clone)]
pub(crate) struct RecordedNetwork {
    /// What answers; `None` if only what is kept does.
    inner: Option<SharedHttpClient>,
    answers: Arc<Mutex<Answers>>,
}

impl RecordedNetwork {
    /// Creates a network that keeps the answers of another one.
    pub(super) fn recording(inner: SharedHttpClient) -> Self {
        Self {
            inner: Some(inner),
            answers: Arc::default(),
        }
    }

    /// Creates a network in which nobody answers but with what was kept.
    pub(crate) fn replaying(answers: Answers) -> Self {
        Self {
            inner: None,
            answers: Arc::new(Mutex::new(answers)),
        }
    }

    /// Returns the answers that are kept.
    pub(crate) fn answers(&self) -> Answers {
        self.kept().clone()
    }

    /// Returns the client of a role, or of the caller itself.
    pub(super) fn client(&self, role: Option<&Arn>) -> SharedHttpClient {
        let (network, role) = (self.clone(), role.map(|role| role.to_string().into()));
        http_client_fn(move |settings, components| {
            let inner = network.inner.as_ref();
            SharedHttpConnector::new(Connector {
                inner: inner.map(|inner| inner.http_connector(settings, components)),
                network: network.clone(),
                role: role.clone(),
            })
        })
    }

    fn kept(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Connector {
    inner: Option<SharedHttpConnector>,
    network: RecordedNetwork,
    role: Option<Box<str>>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked = Asked::of(&request, self.role.as_deref());
        let Some(inner) = &self.inner else {
            let kept = self.network.kept();
            let answer = asked.as_ref().and_then(|asked| kept.get(asked));
            return HttpConnectorFuture::ready(match answer {
                Some(answer) => answer.give(),
                None => Ok(not_kept(&request)),
            });
        };
        let answering = inner.call(request);
        let Some(asked) = asked else { return answering };
        let network = self.network.clone();
        // So it stays if the time of the call is over before there is an answer.
        network.kept().insert(asked.clone(), Answer::late());
        HttpConnectorFuture::new(async move {
            let (answer, given) = read(answering.await, &asked).await;
            network.kept().insert(asked, answer);
            given
        })
    }
}

impl Asked {
    /// Returns the request as it is kept; `None` if its answer is not.
    fn of(request: &HttpRequest, role: Option<&str>) -> Option<Self> {
        let (_, scope) = request
            .headers()
            .get("authorization")?
            .split_once("Credential=")?;
        let mut scope = scope.split(',').next()?.split('/').skip(2);
        let (region, service) = (scope.next()?, scope.next()?);
        let body = std::str::from_utf8(request.body().bytes()?).ok()?;
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let uri = request.uri();
        let after = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        let path = after.find('/').map_or("/", |start| &after[start..]);
        let request = match service {
            "ecr" => format!("{target} {body}"),
            // Whether a Region can be asked is found out so.
            "ecs" if target.ends_with(".ListClusters") && body == r#"{"maxResults":1}"# => {
                format!("{target} {body}")
            }
            "account" | "iam" | "organizations" => format!("{path} {target} {body}"),
            "sts" => assumed(body),
            "s3" if request.method() == "GET" && path.ends_with("?x-id=GetObject") => {
                path.to_owned()
            }
            _ => return None,
        };
        Some(Self {
            role: role.map(Into::into),
            region: region.into(),
            service: service.into(),
            request: request.into(),
        })
    }

    /// Returns what is kept instead of the answer, with its status, if that is secret or too much.
    fn instead(&self) -> Option<(u16, &'static [u8])> {
        let name = self.request.rsplit('/').next()?.split('.').next()?;
        if self.request.starts_with("AssumeRole ") {
            Some((200, ASSUMED.as_bytes()))
        } else if &*self.service == "s3" && EVIDENCE.contains(&name) {
            Some((404, NO_OBJECT.as_bytes()))
        } else {
            None
        }
    }
}

/// Returns a request to AWS STS without the name of the session, which every run has of its own, and
/// without the text of an external id.
fn assumed(body: &str) -> String {
    let parts = body.split('&');
    let parts: Vec<&str> = parts
        .filter(|part| !part.starts_with("RoleSessionName="))
        .collect();
    let action = parts.iter().find_map(|part| part.strip_prefix("Action="));
    let hash = Sha256::digest(parts.join("&"));
    format!("{} {}", action.unwrap_or_default(), hex::encode(hash))
}

/// Returns what is kept of an answer, and the answer.
async fn read(
    answered: Result<HttpResponse, ConnectorError>,
    asked: &Asked,
) -> (Answer, Result<HttpResponse, ConnectorError>) {
    let failed = |error: ConnectorError| (Answer::failed(&error), Err(error));
    let mut response = match answered {
        Ok(response) => response,
        Err(error) => return failed(error),
    };
    let bytes = match ByteStream::new(response.take_body()).collect().await {
        Ok(bytes) => bytes.into_bytes(),
        Err(error) => return failed(ConnectorError::io(error.into())),
    };
    let (status, body) = match asked.instead() {
        Some(instead) if response.status().is_success() => instead,
        _ => (response.status().as_u16(), &*bytes),
    };
    let headers = HEADERS.iter().filter_map(|name| {
        let value = response.headers().get(*name)?;
        Some(((*name).into(), value.into()))
    });
    let answer = Answer::Given {
        status,
        headers: headers.collect(),
        body: Body::of(body),
    };
    *response.body_mut() = SdkBody::from(bytes);
    (answer, Ok(response))
}

impl Answer {
    fn late() -> Self {
        Self::Failed {
            timed_out: true,
            problem: "there was no answer in time".into(),
        }
    }

    fn failed(error: &ConnectorError) -> Self {
        Self::Failed {
            timed_out: error.is_timeout(),
            problem: error
                .source()
                .map_or_else(|| error.to_string(), chain)
                .into(),
        }
    }

    fn give(&self) -> Result<HttpResponse, ConnectorError> {
        match self {
            Self::Given {
                status,
                headers,
                body,
            } => Ok(response(*status, headers, body.bytes())),
            Self::Failed { timed_out, problem } => {
                let problem = problem.to_string().into();
                Err(if *timed_out {
                    ConnectorError::timeout(problem)
                } else {
                    ConnectorError::io(problem)
                })
            }
        }
    }
}

impl Body {
    fn of(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes).map_or_else(
            |_| Self::Base64(BASE64_STANDARD.encode(bytes).into()),
            |text| Self::Text(text.into()),
        )
    }

    /// Returns the bytes; none, which no reader takes for an answer, if they cannot be decoded.
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Base64(text) => BASE64_STANDARD.decode(&**text).unwrap_or_default(),
        }
    }
}

/// Returns the answer to a request whose answer was not kept: an error that is none of those after
/// which something counts as absent or unread.
fn not_kept(request: &HttpRequest) -> HttpResponse {
    let is_xml = request.headers().get("x-amz-target").is_none()
        && request.headers().get("content-type") != Some("application/json");
    let body = if is_xml {
        let error =
            format!("<Error><Code>{NOT_KEPT}</Code><Message>{WHY_NOT_KEPT}</Message></Error>");
        // Amazon S3 has no element around it.
        match request.method() {
            "GET" => error,
            _ => format!("<ErrorResponse>{error}</ErrorResponse>"),
        }
    } else {
        format!(r#"{{"__type": "{NOT_KEPT}", "message": "{WHY_NOT_KEPT}"}}"#)
    };
    let headers = BTreeMap::from([("x-amzn-errortype".into(), NOT_KEPT.into())]);
    response(400, &headers, body.into_bytes())
}

fn response(status: u16, headers: &BTreeMap<Box<str>, Box<str>>, body: Vec<u8>) -> HttpResponse {
    // A status that there is not is one of a server that failed.
    let status = status.try_into().or_else(|_| 500.try_into());
    let status = status.unwrap_or_else(|_| unreachable!("500 is a status"));
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    for (name, value) in headers {
        let _ = response
            .headers_mut()
            .try_insert(name.to_string(), value.to_string());
    }
    response
}
