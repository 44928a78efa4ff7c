//! One request and what becomes of it: limits, faults, races, the operation, the record.

use crate::error::{Answer, ApiError};
use crate::fault::{Delay, Fault, FaultKind, Race, due, pick};
use crate::limits::RateLimits;
use crate::record::Record;
use crate::request::{Protocol, Request};
use crate::world::{Location, World};
use crate::{
    account, cloudformation, ecr, ecs, eks, lambda, organizations, recorder, reshape, s3, scripted,
    sns, ssm, sts,
};

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body,
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn error(protocol: Protocol, error: &ApiError) -> Self {
        let ApiError {
            status,
            code,
            message,
        } = error;
        match protocol {
            Protocol::Json => {
                let body = serde_json::json!({"__type": code, "message": message});
                let reply = Self::new(*status, JSON, body.to_string().into_bytes());
                reply.with_header("x-amzn-errortype", code)
            }
            Protocol::Query => Self::new(
                *status,
                "text/xml",
                format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                     <Code>{code}</Code><Message>{message}</Message></Error>\
                     <RequestId>simulated</RequestId></ErrorResponse>"
                )
                .into_bytes(),
            ),
            Protocol::Rest => Self::new(
                *status,
                "application/xml",
                format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>").into_bytes(),
            ),
        }
    }
}

const JSON: &str = "application/x-amz-json-1.1";

/// How the exchange ends.
#[derive(Debug)]
pub(crate) enum Ending {
    Answer(Reply),
    /// The answer ends in the middle of its body.
    Cut(Reply),
    Hang,
    Drop,
}

/// Everything behind the server's mutex.
#[derive(Debug)]
pub(crate) struct Backstage {
    pub(crate) world: World,
    pub(crate) faults: Vec<Fault>,
    pub(crate) races: Vec<Race>,
    pub(crate) record: Record,
    pub(crate) limits: RateLimits,
}

impl Backstage {
    /// Handles a request; the answer is to be sent after the returned delay.
    pub(crate) fn handle(&mut self, mut request: Request) -> (Ending, Delay) {
        let account = self.world.identity(&request.access_key).account;
        let region = request.region.as_ref().unwrap_or(&self.world.home.region);
        let location = Location::new(account, region);
        let name = format!("{}:{}", request.service, request.operation);
        for race in due(&mut self.races, &name, false) {
            (race.action)(&mut self.world);
        }
        let throttled = !self.limits.allow(&name, &location);
        let (fault, delay) = pick(&mut self.faults, &name, &location, &request.text);
        let fault = if throttled {
            Some(FaultKind::Throttle)
        } else {
            fault
        };
        let recorded = request.body.clone();
        let mut ending = self.end(&mut request, &location, &name, fault);
        // Faults change JSON.
        if let Ending::Answer(reply) | Ending::Cut(reply) = &mut ending
            && request.service == "cloudformation"
            && let Some(body) = cloudformation::xml(&request.operation, &reply.body)
        {
            reply.body = body;
        }
        for race in due(&mut self.races, &name, true) {
            (race.action)(&mut self.world);
        }
        let status = match &ending {
            Ending::Answer(reply) | Ending::Cut(reply) => reply.status,
            Ending::Hang | Ending::Drop => 0,
        };
        self.record.add(name, location, recorded, status, throttled);
        (ending, delay)
    }

    fn end(
        &mut self,
        request: &mut Request,
        location: &Location,
        name: &str,
        fault: Option<FaultKind>,
    ) -> Ending {
        let Some(fault) = fault else {
            return Ending::Answer(self.perform(request, location));
        };
        let error = match fault {
            FaultKind::Throttle => throttling(request.service),
            FaultKind::ServerError(status) => server_error(request.service, status),
            FaultKind::AccessDenied => self.denied(request, name),
            FaultKind::Error {
                status,
                code,
                message,
            } => ApiError {
                status,
                code,
                message,
            },
            FaultKind::Hang => return Ending::Hang,
            FaultKind::Drop => return Ending::Drop,
            FaultKind::DropAfter => {
                self.perform(request, location);
                return Ending::Drop;
            }
            FaultKind::CutBody => return Ending::Cut(self.perform(request, location)),
            FaultKind::BadJson => {
                let mut reply = self.perform(request, location);
                reply.body.truncate(reply.body.len() / 2);
                reply.body.extend_from_slice(b"<\x01");
                return Ending::Answer(reply);
            }
            kind => {
                let changed = reshape::request(&mut request.body, &request.operation, kind);
                let mut reply = if changed.is_emptied() {
                    Reply::new(200, JSON, br#"{"imageIds":[],"failures":[]}"#.to_vec())
                } else {
                    self.perform(request, location)
                };
                if reply.status == 200 {
                    reshape::answer(&mut reply.body, changed);
                }
                return Ending::Answer(reply);
            }
        };
        Ending::Answer(Reply::error(request.protocol, &error))
    }

    fn perform(&mut self, request: &Request, location: &Location) -> Reply {
        let (operation, body) = (request.operation.as_str(), &request.body);
        let world = &mut self.world;
        let caller = world.identity(&request.access_key);
        let (content_type, answer): (_, Answer) = match request.service {
            "account" => (JSON, account::answer(world, location, operation, body)),
            "cloudformation" => (
                "text/xml",
                cloudformation::answer(world, location, operation, body),
            ),
            "config" => (JSON, recorder::answer(world, location, operation, body)),
            "ecr" => (JSON, ecr::answer(world, location, &caller, operation, body)),
            "ecs" => (JSON, ecs::answer(world, location, operation, body)),
            "eks" => (JSON, eks::answer(world, location, operation, body)),
            "lambda" => (JSON, lambda::answer(world, location, operation, body)),
            "organizations" => (
                JSON,
                organizations::answer(world, location, operation, body),
            ),
            "ssm" => (JSON, ssm::answer(world, location, operation, body)),
            "sts" => ("text/xml", sts::answer(world, request)),
            "iam" => ("text/xml", sts::aliases(world, operation)),
            "sns" => ("text/xml", sns::answer(world, request)),
            service if request.protocol == Protocol::Json => (
                JSON,
                scripted::answer(
                    world,
                    location,
                    &format!("{service}:{operation}"),
                    &request.text,
                ),
            ),
            _ => {
                let answer = match &request.object {
                    Some(object) => s3::answer(world, object),
                    None => Err(ApiError::unknown_operation(operation)),
                };
                return answer.unwrap_or_else(|error| Reply::error(request.protocol, &error));
            }
        };
        match answer {
            Ok(body) => Reply::new(200, content_type, body),
            Err(error) => Reply::error(request.protocol, &error),
        }
    }

    fn denied(&self, request: &Request, name: &str) -> ApiError {
        let arn = self.world.identity(&request.access_key).arn;
        let message = format!(
            "User: {arn} is not authorized to perform: {name} on resource: * \
             because no identity-based policy allows the {name} action"
        );
        match request.service {
            "cloudformation" | "s3" | "sts" | "sns" | "iam" => {
                ApiError::with_status(403, "AccessDenied", message)
            }
            _ => ApiError::new("AccessDeniedException", message),
        }
    }
}

fn throttling(service: &str) -> ApiError {
    match service {
        "s3" => ApiError::with_status(503, "SlowDown", "Please reduce your request rate."),
        "cloudformation" | "sts" => ApiError::new("Throttling", "Rate exceeded"),
        "lambda" => ApiError::with_status(429, "TooManyRequestsException", "Rate exceeded"),
        _ => ApiError::new("ThrottlingException", "Rate exceeded"),
    }
}

fn server_error(service: &str, status: u16) -> ApiError {
    let code = match (service, status) {
        ("ecr" | "ecs", 500) => "ServerException",
        ("s3" | "ssm", 500) => "InternalError",
        (_, 503) => "ServiceUnavailable",
        _ => "InternalFailure",
    };
    ApiError::with_status(status, code, "An internal error occurred")
}
