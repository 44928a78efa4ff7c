//! What services besides ECS, EKS and Lambda use, each switched on by its name.
//!
//! What to call is data (`spec`), one table a service. What counts is every text anywhere in the answers that names an
//! image (`note`), so that no field, known or future, is missed. A task definition that a service names, as the target
//! of a rule or in a workflow, counts with its images, whatever `in_use.ecs` says.
//!
//! A service that is not offered in a Region uses nothing there: it is not offered where its host name does not exist.
//! That is certain, since the program has found and asked STS and ECR of the same Region before by the same means, so
//! that the resolver works; one that cannot answer now says something else, which is a failure like any other.

mod note;
mod spec;
mod try_access;
mod wire;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use futures::{FutureExt, StreamExt, future::LocalBoxFuture, stream};
use serde_json::{Value, json};

use self::{
    note::Notes,
    spec::{Batch, Spec, Step},
    wire::{Chain, members, text, wire},
};
use super::{Collector, Source, SourceError, ecs::Ecs};
use crate::{
    aws::{ApiError, Bucket, CallError, Clients, Endpoint, JsonService, all_pages},
    config::{Service, TaskDefinitions},
    image::Registry,
    state::Caches,
};

const AT_ONCE: usize = 8;
/// How often a list is read while what it names vanishes.
const ROUNDS: usize = 4;

/// A service in one account and Region.
pub(crate) struct OtherService {
    /// Which.
    pub(crate) service: Service,
    /// The clients.
    pub(crate) clients: Clients,
    /// The account and Region.
    pub(crate) place: Registry,
    /// What is known of task definitions already.
    pub(crate) caches: Arc<Caches>,
}

/// Why a step has no answer.
enum Ended {
    /// What it was about is not there, as far as the service says.
    Gone(ApiError),
    /// The service is not offered in this Region.
    Absent,
    /// All else.
    Failed(SourceError),
}

impl From<SourceError> for Ended {
    fn from(error: SourceError) -> Self {
        Self::Failed(error)
    }
}

impl From<ApiError> for Ended {
    fn from(error: ApiError) -> Self {
        Self::Failed(error.into())
    }
}

impl Source for OtherService {
    fn name(&self) -> &'static str {
        self.service.name()
    }

    fn place(&self) -> &Registry {
        &self.place
    }

    fn read<'a>(&'a self, found: &'a mut Collector) -> LocalBoxFuture<'a, Result<(), SourceError>> {
        async {
            let spec = self.spec()?;
            let notes = RefCell::new(
                Notes::new(self.place.clone(), spec, found)
                    .map_err(|error| self.problem(&error))?,
            );
            let answered = Cell::new(false);
            let reader = Reader {
                spec,
                client: self.client(spec)?,
                clients: &self.clients,
                answered,
                notes: &notes,
            };
            for step in &spec.read {
                match reader.step(step, None).await {
                    Ok(()) => {}
                    Err(Ended::Absent) => {
                        let note =
                            format!("{} is not offered in {}", spec.title, self.place.region);
                        notes.borrow_mut().found.add_note(note);
                        return Ok(());
                    }
                    Err(Ended::Failed(error)) => return Err(error),
                    Err(Ended::Gone(error)) => return Err(error.into()),
                }
            }
            drop(reader);
            notes.into_inner().read_definitions(&self.ecs()).await
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
        ApiError::answer(self.service.name(), "", error.to_string())
    }

    /// What describes the task definitions that are named.
    fn ecs(&self) -> Ecs {
        Ecs {
            clients: self.clients.clone(),
            place: self.place.clone(),
            task_definitions: TaskDefinitions::Referenced,
            caches: Arc::clone(&self.caches),
        }
    }
}

/// A service while it is being read.
struct Reader<'a, 'f> {
    spec: &'static Spec,
    client: JsonService,
    clients: &'a Clients,
    /// Whether the service has answered at all: then it is there, whatever its host name seems to be.
    answered: Cell<bool>,
    notes: &'a RefCell<Notes<'f>>,
}

impl Reader<'_, '_> {
    /// A step with all that follows. What vanished between a list and what is asked about its items is no failure,
    /// if the list, read again, does not show it any more.
    fn step<'s>(
        &'s self,
        step: &'static Step,
        above: Option<&'s Chain<'s>>,
    ) -> LocalBoxFuture<'s, Result<(), Ended>> {
        async move {
            let mut done: HashSet<String> = HashSet::new();
            let mut last = None;
            for _ in 0..ROUNDS {
                let mut items = self.items(step, above).await?;
                let mut listed = HashSet::new();
                items.retain(|(id, _)| !done.contains(id) && listed.insert(id.clone()));
                let gone = self.follow(step, &items, above).await?;
                if gone.is_empty() {
                    return Ok(());
                }
                done.extend(listed.into_iter().filter(|id| !gone.contains_key(id)));
                last = gone.into_values().next();
            }
            Err(last.map_or_else(
                || ApiError::answer(&step.call, "", "it changes all the time").into(),
                Ended::from,
            ))
        }
        .boxed_local()
    }

    /// Notes what items name, and asks for what follows from them; those that are not there any more, with the error
    /// that says so.
    async fn follow(
        &self,
        step: &'static Step,
        items: &[(String, Value)],
        above: Option<&Chain<'_>>,
    ) -> Result<BTreeMap<String, ApiError>, Ended> {
        let chains: Vec<(&str, Chain<'_>)> = items
            .iter()
            .map(|(id, item)| (id.as_str(), Chain { item, above }))
            .collect();
        for (_, chain) in &chains {
            self.notes.borrow_mut().note(&step.user, chain)?;
        }
        let mut gone = BTreeMap::new();
        for child in &step.then {
            if let Some(batch) = &child.batch {
                for (id, error) in self.batches(child, batch, &chains).await? {
                    gone.insert(id, error);
                }
                continue;
            }
            let wanted = chains
                .iter()
                .filter(|(_, chain)| is_wanted(child, chain.item));
            let steps = stream::iter(wanted)
                .map(|(id, chain)| async move { (*id, self.step(child, Some(chain)).await) });
            let mut steps = steps.buffer_unordered(AT_ONCE);
            while let Some((id, ended)) = steps.next().await {
                match ended {
                    Ok(()) => {}
                    Err(Ended::Gone(error)) => drop(gone.insert(id.to_owned(), error)),
                    Err(ended) => return Err(ended),
                }
            }
        }
        Ok(gone)
    }

    /// A step that is asked for many items at once; the items above that are not there any more.
    async fn batches(
        &self,
        step: &'static Step,
        batch: &'static Batch,
        above: &[(&str, Chain<'_>)],
    ) -> Result<BTreeMap<String, ApiError>, Ended> {
        let mut owners: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (id, chain) in above {
            let value = text(chain.get(&batch.field)).ok_or_else(|| missing(step, &batch.field))?;
            owners.entry(value).or_default().insert(id);
        }
        let asked: Vec<&String> = owners.keys().collect();
        let mut gone = BTreeMap::new();
        for asked in asked.chunks(batch.most) {
            let body = json!({ &batch.member: asked });
            let answer = self.ask(step, body, None).await?;
            let items = listed(step, answer)?;
            let answered: HashSet<&str> = items.iter().map(|(id, _)| id.as_str()).collect();
            let unanswered = asked.iter().filter(|id| !answered.contains(id.as_str()));
            let silent = unanswered.map(|id| {
                let error =
                    ApiError::answer(&step.call, id, "the answer does not say anything about it");
                ((*id).clone(), error)
            });
            gone.extend(silent);
            gone.extend(self.follow(step, &items, None).boxed_local().await?);
        }
        let named = gone
            .into_iter()
            .filter_map(|(id, error)| Some((owners.get(&id)?, error)));
        Ok(named
            .flat_map(|(ids, error)| ids.iter().map(move |id| ((*id).to_owned(), error.clone())))
            .collect())
    }

    /// The items of a list, all pages of it, or the one thing that is asked for, each with what tells it from others.
    async fn items(
        &self,
        step: &'static Step,
        above: Option<&Chain<'_>>,
    ) -> Result<Vec<(String, Value)>, Ended> {
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
    ) -> Result<Vec<(String, Value)>, Ended> {
        let Some(pages) = &step.pages else {
            let answer = self.ask(step, body, above).await?;
            if step.list.is_some() {
                return Ok(listed(step, answer)?);
            }
            return Ok(vec![(String::new(), one(step, answer)?)]);
        };
        let (token_in, token_out) = &pages.token;
        let (body, above) = (&body, above);
        // What is no failure of the call goes past the pages.
        let other = RefCell::new(None);
        let (ended, resource) = (&other, above.map(Chain::title).unwrap_or_default());
        let read = all_pages(&step.call, &resource, |token| async move {
            let mut body = body.clone();
            if let Some((name, most)) = &pages.size {
                body[name] = (*most).into();
            }
            if let Some(token) = token {
                body[token_in] = token.into();
            }
            let answer = match self.ask(step, body, above).await {
                Ok(answer) => answer,
                Err(other) => {
                    ended.replace(Some(other));
                    return Err(ApiError::answer(&step.call, "", "ended"));
                }
            };
            let token = match answer.get(token_out) {
                None | Some(Value::Null) => None,
                Some(Value::String(token)) => Some(token.clone()),
                Some(_) => {
                    return Err(ApiError::answer(
                        &step.call,
                        "",
                        format!("`{token_out}` is no text"),
                    ));
                }
            };
            Ok((Some(listed(step, answer)?), token))
        })
        .await;
        match other.into_inner() {
            Some(ended) => Err(ended),
            None => Ok(read?),
        }
    }

    async fn ask(
        &self,
        step: &'static Step,
        body: Value,
        above: Option<&Chain<'_>>,
    ) -> Result<Value, Ended> {
        self.clients.paced(Bucket::OtherService).await;
        let resource = above.map(Chain::title).unwrap_or_default();
        let request = wire(&self.spec.protocol, step, body);
        let request =
            request.map_err(|problem| ApiError::answer(&step.call, &resource, problem))?;
        match self.client.call(&step.call, &resource, request).await {
            Ok(answer) => {
                self.answered.set(true);
                Ok(answer)
            }
            Err(CallError::Absent(_)) if self.answered.get() => Err(ApiError::answer(
                &step.call,
                &resource,
                "the host name of the service is not found any more",
            )
            .into()),
            Err(CallError::Absent(_)) => Err(Ended::Absent),
            Err(CallError::Api(error)) => {
                let is_gone = error
                    .code
                    .as_ref()
                    .is_some_and(|code| step.gone.contains(code));
                Err(if is_gone {
                    Ended::Gone(error)
                } else {
                    error.into()
                })
            }
        }
    }
}

/// Whether a step is made for an item.
fn is_wanted(step: &Step, item: &Value) -> bool {
    let is =
        |(field, value): (&String, &String)| item.get(field).and_then(Value::as_str) == Some(value);
    step.only.iter().all(is) && !step.except.iter().any(is)
}

fn missing(step: &'static Step, field: &str) -> ApiError {
    ApiError::answer(
        &step.call,
        "",
        format!("there is nothing to call it with: an answer has no `{field}`"),
    )
}

/// The items of a list. An empty one is `[]`: an answer without it says nothing of what there is.
fn listed(step: &'static Step, mut answer: Value) -> Result<Vec<(String, Value)>, ApiError> {
    let key = step.list.as_deref().unwrap_or_default();
    let incomplete = |what: String| ApiError::answer(&step.call, "", what);
    let Some(Value::Array(items)) = answer.get_mut(key).map(Value::take) else {
        return Err(incomplete(format!("the answer has no list `{key}`")));
    };
    let field = step.id.as_deref().unwrap_or_default();
    let items = items.into_iter().map(|item| {
        let id = text(
            Chain {
                item: &item,
                above: None,
            }
            .get(field),
        );
        let id = id.ok_or_else(|| incomplete(format!("something in `{key}` has no `{field}`")))?;
        check(step, &item)?;
        Ok((id, item))
    });
    items.collect()
}

/// The one thing that an answer is about.
fn one(step: &'static Step, mut answer: Value) -> Result<Value, ApiError> {
    let item = match &step.item {
        None => answer,
        Some(name) => answer.get_mut(name).map(Value::take).unwrap_or_default(),
    };
    if !item.is_object() {
        let name = step.item.as_deref().unwrap_or("answer");
        return Err(ApiError::answer(
            &step.call,
            "",
            format!("there is no `{name}` in the answer"),
        ));
    }
    check(step, &item)?;
    Ok(item)
}

/// Checks that an item has what it says its images with. A text that was left out for lack of a right is `{}`.
fn check(step: &'static Step, item: &Value) -> Result<(), ApiError> {
    let has = |name: &&String| match item.get(name.as_str()) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty() && text != "{}",
        Some(_) => true,
    };
    match step.needs.iter().find(|name| !has(name)) {
        None => Ok(()),
        Some(name) => Err(ApiError::answer(
            &step.call,
            "",
            format!("the answer does not say its `{name}`"),
        )),
    }
}
