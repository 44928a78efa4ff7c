//! What services besides ECS, EKS and Lambda use, each switched on by its name.
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

use self::{
    reader::{Reader, StepError},
    recorder::Recorder,
    spec::Spec,
};
use super::{Reading, Source, ecs::Ecs};
use crate::{
    aws::{ApiError, Clients, Endpoint, JsonService, Operation},
    cache::Caches,
    config::{Service, TaskDefinitions},
    evidence::{SourceError, Uses},
    image::Registry,
};

pub(crate) struct OtherService {
    pub(crate) service: Service,
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

    fn read<'a>(&'a self, uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>> {
        async {
            let spec = self.spec()?;
            let recorder = Recorder::new(self.location.clone(), spec, uses)
                .map_err(|error| self.problem(&error))?;
            let recorder = RefCell::new(recorder);
            let reader = Reader::new(spec, self.client(spec)?, &recorder);
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
        let endpoint = Endpoint {
            id: &spec.id,
            prefix: &spec.endpoint,
            signing: &spec.signing,
        };
        self.clients
            .json_service(endpoint)
            .map_err(|error| self.problem(&error))
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
            caches: Arc::clone(&self.caches),
        }
    }
}
