//! What services besides ECS, EKS and Lambda use. One that nobody demands is unread if it cannot be
//! asked (P7); one that answers its first call is read whole.
//!
//! What to call is data (`spec`), one table a service. Every text in the answers that names an
//! image counts (`recorder`), so that no field, known or future, is missed. A task definition that
//! a service names, as the target of a rule or in a workflow, counts with its images, whatever
//! `in_use.ecs` says.
//!
//! A service that is not offered in a Region uses nothing there. A host name that is not found does
//! not show that, since a resolver with a list of allowed names says so of services that exist. It
//! counts only if AWS's endpoint data does not have the service in that Region either
//! (`aws::endpoint`). That data may be older than the service there, so each is asked in any case.

mod answer;
mod reader;
mod recorder;
mod request;
mod spec;
mod try_access;

use std::{cell::RefCell, sync::Arc};

use futures::{FutureExt, future::LocalBoxFuture};

pub(super) use self::recorder::Recorder;
pub(crate) use self::try_access::TriedService;
use self::{
    reader::{Reader, StepError},
    spec::Spec,
};
use super::{Reading, Source, ecs::Ecs};
use crate::{
    aws::{ApiError, Clients, JsonService, Operation},
    cache::Caches,
    config::{ConfigRecorder, Service, TaskDefinitions},
    evidence::{SourceError, Unread, UnreadKind, Uses},
    image::Registry,
};

pub(crate) struct OtherService {
    pub(crate) service: Service,
    /// Whether it is a failure if it cannot be asked.
    pub(crate) is_demanded: bool,
    pub(crate) clients: Clients,
    pub(crate) location: Registry,
    /// The task definitions that are known already.
    pub(crate) caches: Arc<Caches>,
}

impl Source for OtherService {
    fn name(&self) -> &'static str {
        self.service.name()
    }

    fn location(&self) -> &Registry {
        &self.location
    }

    fn may_be_unread(&self) -> bool {
        !self.is_demanded
    }

    fn read<'a>(&'a self, uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>> {
        async {
            let spec = self.spec()?;
            let recorder =
                Recorder::new(self.location.clone(), uses).map_err(|error| self.problem(&error))?;
            let recorder = RefCell::new(recorder);
            let first = (!self.is_demanded).then(|| self.brief_client(spec));
            let reader = Reader::new(spec, self.client(spec)?, first.transpose()?, &recorder);
            for step in &spec.read {
                match reader.step(step, None).await {
                    Ok(()) => {}
                    Err(StepError::NotOffered) => {
                        let region = &self.location.region;
                        return Ok(Reading {
                            note: Some(format!("{} is not offered in {region}", spec.title)),
                            ..Reading::default()
                        });
                    }
                    Err(StepError::Unread(error)) => return Ok(self.unread(&error)),
                    Err(StepError::Failed(error)) => return Err(error),
                    Err(StepError::NotFound(error)) => return Err(error.into()),
                }
            }
            drop(reader);
            recorder.into_inner().read_definitions(&self.ecs()).await?;
            Ok(Reading::default())
        }
        .boxed_local()
    }
}

impl OtherService {
    fn spec(&self) -> Result<&'static Spec, ApiError> {
        Spec::of(self.service).map_err(|error| self.problem(&error))
    }

    fn client(&self, spec: &Spec) -> Result<JsonService, ApiError> {
        let client = self.clients.json_service(spec.endpoint());
        client.map_err(|error| self.problem(&error))
    }

    fn brief_client(&self, spec: &Spec) -> Result<JsonService, ApiError> {
        let client = self.clients.brief_json_service(spec.endpoint());
        client.map_err(|error| self.problem(&error))
    }

    /// Returns what is known of a service that could not be asked.
    fn unread(&self, error: &ApiError) -> Reading {
        Reading {
            unread: vec![self.as_unread(error)],
            is_unread: true,
            ..Reading::default()
        }
    }

    fn as_unread(&self, error: &ApiError) -> Unread {
        Unread::new(
            UnreadKind::Service,
            self.service.name(),
            Some(&self.location),
            error.to_string(),
            error.remedy(),
        )
    }

    fn problem(&self, error: &impl ToString) -> ApiError {
        let service = Operation::Other(self.service.name());
        ApiError::answer(service, "", error.to_string())
    }

    /// Returns what describes the task definitions that are named.
    fn ecs(&self) -> Ecs {
        Ecs {
            clients: self.clients.clone(),
            location: self.location.clone(),
            task_definitions: TaskDefinitions::Referenced,
            recorder: ConfigRecorder::Off,
            caches: Arc::clone(&self.caches),
        }
    }
}
