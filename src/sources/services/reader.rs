//! Reading a service step by step, as its table says.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashSet},
};

use futures::{FutureExt, StreamExt, future::LocalBoxFuture, stream};
use serde_json::{Value, json};

use super::{
    answer::{Item, is_wanted, listed, missing, one},
    recorder::Recorder,
    request::{Chain, members, operation, request, text},
    spec::{Batch, Pages, Spec, Step},
};
use crate::{
    aws::{ApiError, Cause, JsonRequest, JsonService, Operation, Page, all_pages},
    evidence::SourceError,
};

const AT_ONCE: usize = 8;
/// Number of times that a list is read while what it names vanishes.
const ROUNDS: usize = 4;

/// Reason for which a step has no answer.
pub(super) enum StepError {
    /// Its subject does not exist, as far as the service says.
    NotFound(ApiError),
    /// The service is not offered in this Region.
    NotOffered,
    /// The service cannot be asked, and nobody demands it.
    Unread(ApiError),
    /// Anything else.
    Failed(SourceError),
}

impl From<SourceError> for StepError {
    fn from(error: SourceError) -> Self {
        Self::Failed(error)
    }
}

impl From<ApiError> for StepError {
    fn from(error: ApiError) -> Self {
        Self::Failed(error.into())
    }
}

pub(super) struct Reader<'a, 'f> {
    spec: &'static Spec,
    client: JsonService,
    /// Client of the first call, if the service is unread where that fails.
    first: Cell<Option<JsonService>>,
    /// Whether the service has answered at all: then it is offered, whatever its host name seems to
    /// be.
    answered: Cell<bool>,
    recorder: &'a RefCell<Recorder<'f>>,
}

impl<'a, 'f> Reader<'a, 'f> {
    pub(super) const fn new(
        spec: &'static Spec,
        client: JsonService,
        first: Option<JsonService>,
        recorder: &'a RefCell<Recorder<'f>>,
    ) -> Self {
        Self {
            spec,
            client,
            first: Cell::new(first),
            answered: Cell::new(false),
            recorder,
        }
    }

    /// Makes a step with all that follows. What vanished between a list and what is asked about its
    /// items is no failure if the list, read again, does not show it any more.
    pub(super) fn step<'s>(
        &'s self,
        step: &'static Step,
        above: Option<&'s Chain<'s>>,
    ) -> LocalBoxFuture<'s, Result<(), StepError>> {
        async move {
            let mut done: HashSet<String> = HashSet::new();
            let mut last = None;
            for _ in 0..ROUNDS {
                let mut items = self.items(step, above).await?;
                let mut listed = HashSet::new();
                items.retain(|(id, _)| !done.contains(id) && listed.insert(id.clone()));
                let vanished = self.follow(step, &items, above).await?;
                if vanished.is_empty() {
                    return Ok(());
                }
                done.extend(listed.into_iter().filter(|id| !vanished.contains_key(id)));
                last = vanished.into_values().next();
            }
            let changing = || ApiError::answer(operation(step), "", "it changes all the time");
            Err(last.unwrap_or_else(changing).into())
        }
        .boxed_local()
    }

    /// Records what items name, and asks for what follows from them. Returns those that do not
    /// exist any more, with the error that says so.
    async fn follow(
        &self,
        step: &'static Step,
        items: &[Item],
        above: Option<&Chain<'_>>,
    ) -> Result<BTreeMap<String, ApiError>, StepError> {
        let chains = items
            .iter()
            .map(|(id, item)| (id.as_str(), Chain { item, above }));
        let chains: Vec<(&str, Chain<'_>)> = chains.collect();
        for (_, chain) in &chains {
            let mentions = !self.spec.names_repositories_to_push;
            let mut recorder = self.recorder.borrow_mut();
            recorder.record(&step.user, chain, mentions)?;
        }
        let mut vanished = BTreeMap::new();
        for child in &step.then {
            if let Some(batch) = &child.batch {
                vanished.extend(self.batches(child, batch, &chains).await?);
                continue;
            }
            let wanted = chains.iter();
            let wanted = wanted.filter(|(_, chain)| is_wanted(child, chain.item));
            let steps = stream::iter(wanted)
                .map(|(id, chain)| async move { (*id, self.step(child, Some(chain)).await) });
            let mut steps = steps.buffer_unordered(AT_ONCE);
            while let Some((id, ended)) = steps.next().await {
                match ended {
                    Ok(()) => {}
                    Err(StepError::NotFound(error)) => drop(vanished.insert(id.to_owned(), error)),
                    Err(ended) => return Err(ended),
                }
            }
        }
        Ok(vanished)
    }

    /// Makes a step that is asked for many items at once. Returns the items above that do not exist
    /// any more.
    async fn batches(
        &self,
        step: &'static Step,
        batch: &'static Batch,
        above: &[(&str, Chain<'_>)],
    ) -> Result<BTreeMap<String, ApiError>, StepError> {
        let mut owners: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (id, chain) in above {
            let value = text(chain.get(&batch.field)).ok_or_else(|| missing(step, &batch.field))?;
            owners.entry(value).or_default().insert(id);
        }
        let asked: Vec<&String> = owners.keys().collect();
        let mut vanished = BTreeMap::new();
        for asked in asked.chunks(batch.most) {
            let body = json!({ &batch.member: asked });
            let answer = self.ask(step, body, None).await?;
            let items = listed(step, answer)?;
            let answered: HashSet<&str> = items.iter().map(|(id, _)| id.as_str()).collect();
            let unanswered = asked.iter().filter(|id| !answered.contains(id.as_str()));
            let silent = "the answer does not say anything about it";
            let silent = |id: &String| ApiError::answer(operation(step), id, silent);
            vanished.extend(unanswered.map(|id| ((*id).clone(), silent(id))));
            vanished.extend(self.follow(step, &items, None).boxed_local().await?);
        }
        let named = vanished.into_iter();
        let named = named.filter_map(|(id, error)| Some((owners.get(&id)?, error)));
        Ok(named
            .flat_map(|(ids, error)| ids.iter().map(move |id| ((*id).to_owned(), error.clone())))
            .collect())
    }

    /// Reads all pages of a list, or the one thing that is asked for.
    async fn items(
        &self,
        step: &'static Step,
        above: Option<&Chain<'_>>,
    ) -> Result<Vec<Item>, StepError> {
        let body = members(step, above).map_err(|field| missing(step, field))?;
        let Some(each) = &step.each else {
            return self.items_of(step, body, above).await;
        };
        let mut items = Vec::new();
        for value in &each.values {
            let mut body = body.clone();
            body[&each.member] = value.clone();
            items.extend(self.items_of(step, body, above).await?);
        }
        Ok(items)
    }

    async fn items_of(
        &self,
        step: &'static Step,
        body: Value,
        above: Option<&Chain<'_>>,
    ) -> Result<Vec<Item>, StepError> {
        let Some(pages) = &step.pages else {
            let answer = self.ask(step, body, above).await?;
            if step.list.is_some() {
                return Ok(listed(step, answer)?);
            }
            return Ok(vec![(String::new(), one(step, answer)?)]);
        };
        let resource = above.map(Chain::title).unwrap_or_default();
        let body = &body;
        all_pages(operation(step), &resource, |token| {
            self.page(step, pages, body.clone(), above, token)
        })
        .await
    }

    async fn page(
        &self,
        step: &'static Step,
        pages: &Pages,
        mut body: Value,
        above: Option<&Chain<'_>>,
        token: Option<String>,
    ) -> Result<Page<Item>, StepError> {
        let (token_in, token_out) = &pages.token;
        if let Some((name, most)) = &pages.size {
            body[name] = (*most).into();
        }
        if let Some(token) = token {
            body[token_in] = token.into();
        }
        let answer = self.ask(step, body, above).await?;
        let token = match answer.get(token_out) {
            None | Some(Value::Null) => None,
            Some(Value::String(token)) => Some(token.clone()),
            Some(_) => {
                let problem = format!("`{token_out}` is no text");
                return Err(ApiError::answer(operation(step), "", problem).into());
            }
        };
        Ok((Some(listed(step, answer)?), token))
    }

    async fn ask(
        &self,
        step: &'static Step,
        body: Value,
        above: Option<&Chain<'_>>,
    ) -> Result<Value, StepError> {
        let operation = operation(step);
        let resource = above.map(Chain::title).unwrap_or_default();
        let unusable = |problem: &str| ApiError::answer(operation, &resource, problem);
        let request = request(&self.spec.protocol, step, body);
        let request = request.map_err(|error| unusable(&error.to_string()))?;
        match self.call(operation, &resource, request).await? {
            Ok(answer) => {
                self.answered.set(true);
                Ok(answer)
            }
            Err(error) if error.cause == Cause::NotOffered => Err(if self.answered.get() {
                unusable("the host name of the service is not found any more").into()
            } else {
                StepError::NotOffered
            }),
            Err(error) if is_not_found(step, &error) => Err(StepError::NotFound(error)),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a call. The first one of all shows whether the service can be asked; whatever else is
    /// wrong then may pass, and is tried again.
    async fn call(
        &self,
        operation: Operation,
        resource: &str,
        request: JsonRequest,
    ) -> Result<Result<Value, ApiError>, StepError> {
        if let Some(first) = self.first.take() {
            match first.call(operation, resource, request.clone()).await {
                Err(error) if error.cause == Cause::NotOffered => return Ok(Err(error)),
                Err(error) if error.cause.leaves_unread() => return Err(StepError::Unread(error)),
                Err(error) if error.cause.may_pass() => {}
                ended => return Ok(ended),
            }
        }
        Ok(self.client.call(operation, resource, request).await)
    }
}

fn is_not_found(step: &Step, error: &ApiError) -> bool {
    let code = error.code.as_ref();
    code.is_some_and(|code| step.not_found.contains(code))
}
