//! Trying the calls of a service, with what there is to ask about.

use futures::{FutureExt, future::LocalBoxFuture};
use serde_json::{Value, json};

use super::{
    OtherService,
    answer::{is_wanted, listed, missing, one},
    request::{Chain, members, operation, request, text},
    spec::{Spec, Step},
};
use crate::{
    aws::{ApiError, Cause, JsonService, Tried},
    evidence::Unread,
};

/// The calls of a service, tried or not.
#[derive(Default)]
pub(crate) struct TriedService {
    /// Those that were made.
    pub(crate) tried: Vec<Tried>,
    /// Those that could not be, for lack of something to ask about.
    pub(crate) untried: Vec<&'static str>,
    /// The service, if it cannot be asked and nobody demands it.
    pub(crate) unread: Option<Unread>,
}

impl OtherService {
    /// Tries every call once, as far as there is something to ask about.
    pub(crate) async fn try_calls(&self) -> Result<TriedService, ApiError> {
        let spec = self.spec()?;
        let client = self.client(spec)?;
        let mut tried = TriedService::default();
        if let Some(error) = self.cannot_be_asked(spec).await? {
            tried.unread = Some(Unread {
                setting: format!("allow to the role: {}", spec.actions().join(", ")),
                ..self.as_unread(&error)
            });
            return Ok(tried);
        }
        for step in &spec.read {
            try_step(spec, &client, step, None, &mut tried).await;
        }
        let made = tried.tried.iter().map(|tried| tried.action.name());
        let made: Vec<&str> = made.collect();
        tried.untried.retain(|action| !made.contains(action));
        tried.untried.sort_unstable();
        tried.untried.dedup();
        Ok(tried)
    }

    /// Returns why the service cannot be asked, if nobody demands it.
    async fn cannot_be_asked(&self, spec: &'static Spec) -> Result<Option<ApiError>, ApiError> {
        let first = spec.read.first().filter(|_| !self.is_demanded);
        let request = first.and_then(|step| {
            let body = body(step, None).ok()?;
            Some((step, request(&spec.protocol, step, body).ok()?))
        });
        let Some((step, request)) = request else {
            return Ok(None);
        };
        let client = self.brief_client(spec)?;
        let error = client.call(operation(step), "", request).await.err();
        Ok(error.filter(|it| it.cause.leaves_unread() && it.cause != Cause::NotOffered))
    }
}

fn try_step<'a>(
    spec: &'static Spec,
    client: &'a JsonService,
    step: &'static Step,
    above: Option<&'a Chain<'a>>,
    tried: &'a mut TriedService,
) -> LocalBoxFuture<'a, ()> {
    async move {
        let operation = operation(step);
        let answer = match body(step, above) {
            Ok(body) => match request(&spec.protocol, step, body) {
                Ok(request) => client.call(operation, "", request).await,
                Err(error) => Err(ApiError::answer(operation, "", error.to_string())),
            },
            Err(error) => Err(error),
        };
        let items = answer.and_then(|answer| items(step, answer));
        let error = items.as_ref().err();
        // Nothing is needed where there is no service.
        if error.is_some_and(|error| error.cause == Cause::NotOffered) {
            return;
        }
        tried.tried.push(Tried::new(operation, error));
        let items = items.unwrap_or_default();
        for next in &step.then {
            match items.iter().find(|item| is_wanted(next, item)) {
                Some(item) => {
                    try_step(spec, client, next, Some(&Chain { item, above }), tried).await;
                }
                None => leave(next, tried),
            }
        }
    }
    .boxed_local()
}

/// Returns the members of a call about the first thing there is.
fn body(step: &'static Step, above: Option<&Chain<'_>>) -> Result<Value, ApiError> {
    let mut body = members(step, above).map_err(|field| missing(step, field))?;
    if let Some(batch) = &step.batch {
        let field = above.and_then(|above| text(above.get(&batch.field)));
        let field = field.ok_or_else(|| missing(step, &batch.field))?;
        body = json!({ &batch.member: [field] });
    }
    if let Some(each) = &step.each {
        body[&each.member] = each.values.first().cloned().unwrap_or_default();
    }
    Ok(body)
}

/// Returns what an answer lists, or the one thing that it is about.
fn items(step: &'static Step, answer: Value) -> Result<Vec<Value>, ApiError> {
    if step.list.is_none() {
        return Ok(vec![one(step, answer)?]);
    }
    let listed = listed(step, answer)?.into_iter();
    Ok(listed.map(|(_, item)| item).collect())
}

fn leave(step: &'static Step, tried: &mut TriedService) {
    tried.untried.push(operation(step).name());
    step.then.iter().for_each(|step| leave(step, tried));
}
