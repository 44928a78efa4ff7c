//! Gathers what is stored and what is in use.

use std::convert::Infallible;

use futures::future::{LocalBoxFuture, join_all, pending, try_join_all};
use tokio::time::Instant;

use super::{Locations, Program, Request, Run, git::Histories};
use crate::{
    aws::{ApiError, Identity},
    cache::AllCaches,
    config::Mode,
    evidence::UsageIndex,
    guard::Refusal,
    inventory::{Content, Inventory},
    policy::Policies,
    registry::{self, Known, RepositoryPolicies, Scope},
    report::Warning,
    state::{State, StateError},
    stop_time::StopTime,
};

/// Everything that was gathered for a run.
pub(super) struct Gathered {
    pub(super) locations: Locations,
    pub(super) state: Option<State>,
    /// Refusal, if a person stopped deletion.
    pub(super) stopped: Option<Refusal>,
    pub(super) caches: AllCaches,
    /// Contents of the registries; `None` if time ran out before everything was read.
    pub(super) inventories: Option<Vec<Inventory>>,
    /// Policies of repositories, which say who may pull.
    pub(super) pull_policies: RepositoryPolicies,
    pub(super) usage: UsageIndex,
    pub(super) histories: Histories,
    /// Warning, if the evidence could not be published.
    pub(super) not_published: Option<Warning>,
    /// Time at which reading began.
    pub(super) read_at: Instant,
}

impl Gathered {
    /// Creates what is known when time ran out before anything was read.
    pub(super) fn nothing(own: Identity) -> Self {
        Self {
            locations: Locations::none(own),
            state: None,
            stopped: None,
            caches: AllCaches::default(),
            inventories: None,
            pull_policies: RepositoryPolicies::new(),
            usage: UsageIndex::default(),
            histories: Histories::unread(Policies::default()),
            not_published: None,
            read_at: Instant::now(),
        }
    }

    /// Returns the refusals that gathering met already.
    pub(super) fn preconditions(&self) -> Vec<Refusal> {
        let errors = self.state.iter().flat_map(|state| &state.errors);
        let unexpected = self.locations.unexpected.iter().cloned();
        let stopped = self.stopped.iter().cloned();
        let known = unexpected.chain(errors.map(state_refusal));
        known.chain(stopped).collect()
    }
}

/// Returns the refusal for state that cannot be used.
pub(super) fn state_refusal(error: &StateError) -> Refusal {
    Refusal::state_unreadable(error.problem(), error)
}

/// Returns whether every repository was read to its end of which anything may be deleted.
fn are_whole(inventories: &[Inventory]) -> bool {
    let mut repositories = inventories.iter().flat_map(|it| &it.repositories);
    repositories.all(|it| match it.content {
        Content::Complete(_) | Content::NotRead(_) | Content::Vanished => true,
        Content::Unclear { .. } | Content::TagsUnread(_) | Content::Failed(_) => false,
    })
}

impl Program {
    /// Reads what is stored and what is in use, until the run has to stop.
    ///
    /// # Errors
    /// Returns an error if repositories cannot be listed. Any other failure is part of the result.
    pub(super) fn gather<'a>(
        &'a self,
        request: &'a Request,
        own: Identity,
        run: &'a Run,
    ) -> LocalBoxFuture<'a, Result<Gathered, ApiError>> {
        Box::pin(async move {
            let stop_at = &request.stop_at;
            let Some(locations) = stop_at.in_time(self.locations(own.clone(), run)).await else {
                return Ok(Gathered::nothing(own));
            };
            let mut locations = locations?;
            let state = async { tokio::join!(self.state(&locations), self.stopped()) };
            let Some((mut state, stopped)) = stop_at.in_time(state).await else {
                return Ok(Gathered::nothing(own));
            };
            let caches = state
                .as_ref()
                .map_or_else(|| locations.no_caches(), State::caches);
            let known = Known::of(&caches, state.is_some());
            let scope = self.scope(request, known, &locations.own);
            let reading = async {
                tokio::join!(
                    stop_at.in_time(self.read_stored(&locations, scope, state.as_ref(), &caches)),
                    self.read_sources(&locations, &caches, run, stop_at),
                    stop_at.in_time(self.histories(state.as_ref()))
                )
            };
            let (inventories, found, histories) = match &state {
                Some(state) => {
                    let reading = self.read_quotas_during(&locations, &caches, reading);
                    Box::pin(state.save_during(reading)).await
                }
                None => reading.await,
            };
            let (inventories, pull_policies) = match inventories.transpose() {
                Ok(read) => read.unzip(),
                Err(error) => {
                    self.save_facts(state.as_ref(), stop_at).await;
                    return Err(error);
                }
            };
            let unread = || Histories::unread(self.config.policies.clone());
            let not_published = self.publish_found(&found, stop_at).await;
            let mut usage = found.into_index(&self.config.in_use, &locations);
            if usage.unlisted().is_some() {
                // It has accounts that are not known.
                locations.organization = None;
            }
            if let Some(inventories) = &inventories {
                usage = self.settled(usage, inventories, state.as_mut());
            }
            let all_answered = usage.out_of_time().next().is_none();
            Ok(Gathered {
                inventories: inventories.filter(|_| all_answered),
                pull_policies: pull_policies.unwrap_or_default(),
                usage,
                histories: histories.unwrap_or_else(unread),
                not_published,
                locations,
                state,
                stopped,
                caches,
                read_at: run.started,
            })
        })
    }

    /// Does `work`, and meanwhile asks Service Quotas for the rates of the registries' accounts, for
    /// which nothing waits: they hold from the next run on.
    async fn read_quotas_during<T>(
        &self,
        locations: &Locations,
        caches: &AllCaches,
        work: impl Future<Output = T>,
    ) -> T {
        let registries = locations.registries.iter();
        let asking = registries.map(|(registry, clients)| async move {
            clients.read_quotas(&caches.of(registry).findings).await;
        });
        let asking = async {
            // A snapshot is read again by the calls that it has.
            if self.kept.is_none() {
                join_all(asking).await;
            }
            pending::<Infallible>().await
        };
        tokio::select! {
            biased;
            result = work => result,
            never = asking => match never {},
        }
    }

    /// Returns which repositories are read.
    pub(super) fn scope<'a>(
        &'a self,
        request: &'a Request,
        known: Known<'a>,
        own: &'a Identity,
    ) -> Scope<'a> {
        Scope {
            policies: &self.config.policies,
            only: request.only.as_ref(),
            known,
            own,
            acts: request.mode != Mode::Plan,
            whole: false,
        }
    }

    /// Returns what is in use by what is stored, and what the state knows of the past.
    fn settled(
        &self,
        mut usage: UsageIndex,
        inventories: &[Inventory],
        state: Option<&mut State>,
    ) -> UsageIndex {
        usage.settle_doubts(inventories.iter().flat_map(Inventory::names));
        if self.delivered.as_ref().is_some_and(|it| it.has_others()) {
            usage = usage.beside_others();
        }
        match state.and_then(|state| state.use_history.as_mut()) {
            Some(history) => history.add_to(usage, inventories, self.clients.now()),
            None => usage,
        }
    }

    /// Reads the registries, writes down the manifests of indexes, and gives back the memory that
    /// these take.
    async fn read_stored(
        &self,
        locations: &Locations,
        scope: Scope<'_>,
        state: Option<&State>,
        caches: &AllCaches,
    ) -> Result<(Vec<Inventory>, RepositoryPolicies), ApiError> {
        let read = self.read_registries(locations, scope).await?;
        // A dry run may be somebody's who looks at less.
        let is_partial = scope.only.is_some() || !scope.acts || !are_whole(&read.0);
        let state = state.filter(|_| self.kept.is_none());
        let saved = match state {
            Some(state) => Box::pin(state.save_indexes(is_partial)).await,
            None => Ok(()),
        };
        match saved {
            Ok(()) => caches.release_indexes(),
            // It is tried again at the end.
            Err(error) => tracing::warn!(event = "facts_not_saved", "{error}"),
        }
        Ok(read)
    }

    /// Writes down what was learnt, though the run ends without a plan.
    pub(super) async fn save_facts(&self, state: Option<&State>, stop_at: &StopTime) {
        let Some(state) = state.filter(|_| self.kept.is_none()) else {
            return;
        };
        // In a box, since the futures of S3 are large.
        let saved = Box::pin(self.at_the_end(stop_at, state.save(true))).await;
        if let Some(Err(error)) = saved {
            tracing::warn!(event = "facts_not_saved", "{error}");
        }
    }

    /// Finds the locations of a run.
    pub(super) async fn locations(&self, own: Identity, run: &Run) -> Result<Locations, ApiError> {
        if let Some(delivered) = &self.delivered {
            return delivered.enter(self, own).await;
        }
        let mut locations = Locations::find(&self.clients, own, &self.config, &run.id).await?;
        locations
            .add_regions(&self.clients, &self.config.in_use)
            .await;
        Ok(locations)
    }

    pub(super) async fn read_registries(
        &self,
        locations: &Locations,
        scope: Scope<'_>,
    ) -> Result<(Vec<Inventory>, RepositoryPolicies), ApiError> {
        let several = locations.registries.len() > 1;
        let inventories = locations
            .registries
            .iter()
            .map(|(registry, clients)| async move {
                let read = registry::read(clients, registry.clone(), scope).await;
                read.map_err(|mut error| {
                    if several {
                        error.resource.get_or_insert_with(|| registry.to_string());
                    }
                    error
                })
            });
        let read = try_join_all(inventories).await?;
        let (inventories, policies): (Vec<_>, Vec<_>) = read.into_iter().unzip();
        Ok((inventories, policies.into_iter().flatten().collect()))
    }
}
