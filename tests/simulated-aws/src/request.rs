//! A request as the simulated AWS understands it: who asks which service for what.

use crate::s3::ObjectRequest;
use crate::scripted;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use serde_json::{Map, Value, json};

/// How a service writes requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Json,
    Query,
    Rest,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) protocol: Protocol,
    /// `cloudformation`, `ecr`, `ecs`, `eks`, `lambda`, `organizations`, `ssm`, `sts`, `sns`, `s3`, or one whose answers a test says.
    pub(crate) service: &'static str,
    pub(crate) operation: String,
    pub(crate) access_key: String,
    /// Unless the request is signed, the home Region is meant.
    pub(crate) region: Option<String>,
    /// The body; for STS, SNS and CloudFormation its form, for S3 bucket and key.
    pub(crate) body: Value,
    /// The body as text, for faults that look into it.
    pub(crate) text: String,
    /// What only S3 has.
    pub(crate) object: Option<ObjectRequest>,
}

impl Request {
    /// Reads a request. What cannot be read becomes an operation that does not exist.
    #[expect(clippy::too_many_lines, reason = "a branch for each protocol")]
    pub(crate) fn read(parts: &Parts, content: &Bytes) -> Self {
        let (access_key, region, signed_for) = credential(parts);
        let header = |name| {
            let value = parts.headers.get(name)?;
            value.to_str().ok()
        };
        let mut request = Self {
            protocol: Protocol::Json,
            service: "s3",
            operation: String::new(),
            access_key,
            region,
            body: Value::Null,
            text: String::new(),
            object: None,
        };
        if let Some((service, operation)) = header("x-amz-target").and_then(target) {
            request.service = service;
            operation.clone_into(&mut request.operation);
            request.body = serde_json::from_slice(content).unwrap_or_default();
            request.text = String::from_utf8_lossy(content).into_owned();
        } else if ["sts", "sns", "iam"].contains(&signed_for.as_str())
            || (parts.method == "POST" && parts.uri.path() == "/")
        {
            request.protocol = Protocol::Query;
            request.service = match signed_for.as_str() {
                "sns" => "sns",
                "cloudformation" => "cloudformation",
                "iam" => "iam",
                _ => "sts",
            };
            request.body = form(&String::from_utf8_lossy(content));
            let operation = request.body.get("Action").and_then(Value::as_str);
            request.operation = operation.unwrap_or_default().to_owned();
            request.text = request.body.to_string();
        } else if let Some((service, operation)) =
            scripted::operation(&signed_for, parts.method.as_str(), parts.uri.path())
        {
            request.service = service;
            operation.clone_into(&mut request.operation);
            let path = parts
                .uri
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default();
            request.body = serde_json::from_slice(content)
                .unwrap_or_else(|_| form(parts.uri.query().unwrap_or_default()));
            request.text = scripted::text(&path, &String::from_utf8_lossy(content));
            request.body["path"] = path.into();
        } else if signed_for == "lambda" {
            request.service = "lambda";
            let path = parts
                .uri
                .path()
                .trim_start_matches("/2015-03-31/functions")
                .trim_matches('/');
            let query = parts.uri.query().unwrap_or_default();
            (request.operation, request.body) = match path.split_once('/').unwrap_or((path, "")) {
                ("", _) => ("ListFunctions".to_owned(), page(query)),
                (name, "") => (
                    "GetFunction".to_owned(),
                    with(form(query), "FunctionName", decode(name)),
                ),
                _ => (path.to_owned(), Value::Null),
            };
            request.text = request.body.to_string();
        } else if signed_for == "eks" {
            request.service = "eks";
            let path = parts.uri.path().trim_start_matches('/');
            (request.operation, request.body) = match path.split_once('/').unwrap_or((path, "")) {
                ("clusters", "") => (
                    "ListClusters".to_owned(),
                    page(parts.uri.query().unwrap_or_default()),
                ),
                ("clusters", name) => ("DescribeCluster".to_owned(), json!({"name": decode(name)})),
                _ => (path.to_owned(), Value::Null),
            };
            request.text = request.body.to_string();
        } else {
            let object = ObjectRequest::read(parts, content);
            request.protocol = Protocol::Rest;
            object.operation().clone_into(&mut request.operation);
            request.body = json!({"bucket": object.bucket, "key": object.key});
            request.text = format!("{}/{}", object.bucket, object.key);
            request.object = Some(object);
        }
        request
    }
}

/// Returns the service and operation of an `X-Amz-Target` header.
fn target(header: &str) -> Option<(&'static str, &str)> {
    let (prefix, operation) = header.rsplit_once('.')?;
    let service = match prefix {
        "AmazonEC2ContainerRegistry_V20150921" => "ecr",
        "AmazonEC2ContainerServiceV20141113" => "ecs",
        "AmazonSSM" => "ssm",
        "StarlingDoveService" => "config",
        "AWSOrganizationsV20161128" => "organizations",
        _ => {
            scripted::TARGETS
                .iter()
                .find(|(known, _)| *known == prefix)?
                .1
        }
    };
    Some((service, operation))
}

/// Access key, Region and service of the signature; the signature itself is not looked at.
fn credential(parts: &Parts) -> (String, Option<String>, String) {
    let header = parts.headers.get("authorization");
    let scope = header
        .and_then(|header| header.to_str().ok())
        .and_then(|header| header.split_once("Credential="))
        .and_then(|(_, rest)| rest.split(',').next())
        .unwrap_or_default();
    let mut scope = scope.split('/');
    let access_key = scope.next().unwrap_or_default().to_owned();
    let region = scope.nth(1).map(str::to_owned);
    let service = scope.next().unwrap_or_default().to_owned();
    (access_key, region, service)
}

/// Returns a body with one more member.
fn with(mut body: Value, member: &str, value: String) -> Value {
    body[member] = value.into();
    body
}

/// Returns the members of a list request from a query. What pages are asked for by has one name for
/// all services.
fn page(query: &str) -> Value {
    let mut body = form(query);
    for (name, member) in [("MaxItems", "maxResults"), ("Marker", "nextToken")] {
        if let Some(value) = body.as_object_mut().and_then(|body| body.remove(name)) {
            body[member] = value;
        }
    }
    if let Some(number) = body["maxResults"]
        .as_str()
        .and_then(|text| text.parse::<u64>().ok())
    {
        body["maxResults"] = number.into();
    }
    body
}

fn form(text: &str) -> Value {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let decoded = pairs.map(|(name, value)| {
        let value = decode(&value.replace('+', " "));
        (decode(name), Value::String(value))
    });
    Value::Object(decoded.collect::<Map<_, _>>())
}

/// Undoes percent encoding.
pub(crate) fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
        decoded.extend(hex::decode(digits).unwrap_or_default());
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
