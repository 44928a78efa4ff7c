//! Trying the calls of a service, with what there is to ask about.

use futures::{FutureExt, future::LocalBoxFuture};
use serde_json::{Value, json};

use super::{
    OtherService,
    answer::{is_wanted, listed, one},
    request::{Chain, members, operation, request, text},
    spec::{Spec, Step},
};
use crate::aws::{ApiError, Cause, JsonService, Tried};

/// The calls of a service, tried or not.
#[derive(Default)]
pub(crate) struct TriedService {
    /// Those that were made.
    pub(crate) tried: Vec<Tried>,
    /// Those that could not be, for lack of something to ask about.
    pub(crate) untried: Vec<&'static str>,
}

impl OtherService {
    /// Tries every call once, as far as there is something to ask about.
    pub(crate) async fn try_calls(&self) -> Result<TriedService, ApiError> {
        let spec = self.spec()?;
        let client = self.client(spec)?;
        let mut tried = TriedService::default();
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
}

fn try_step<'a>(
    spec: &'static Spec,
    client: &'a JsonService,
    step: &'static Step,
    above: Option<&'a Chain<'a>>,
    tried: &'a mut TriedService,
) -> LocalBoxFuture<'a, ()> {
    async move {
        let request = body(step, above).and_then(|body| request(&spec.protocol, step, body).ok());
        let Some(request) = request else {
            return leave(step, tried);
        };
        let operation = operation(step);
        let answer = match client.call(operation, "", request).await {
            Ok(answer) => answer,
            // Nothing is needed where there is no service.
            Err(error) if error.cause == Cause::NotOffered => return,
            Err(error) => {
                tried.tried.push(Tried::new(operation, Some(&error)));
                step.then.iter().for_each(|step| leave(step, tried));
                return;
            }
        };
        tried.tried.push(Tried::new(operation, None));
        let items: Vec<Value> = if step.list.is_some() {
            let listed = listed(step, answer).into_iter().flatten();
            listed.map(|(_, item)| item).collect()
        } else {
            one(step, answer).into_iter().collect()
        };
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
fn body(step: &Step, above: Option<&Chain<'_>>) -> Option<Value> {
    let mut body = members(step, above).ok()?;
    if let Some(batch) = &step.batch {
        body = json!({ &batch.member: [text(above?.get(&batch.field))?] });
    }
    if let Some(each) = &step.each {
        body[&each.member] = each.values.first()?.clone();
    }
    Some(body)
}

fn leave(step: &'static Step, tried: &mut TriedService) {
    tried.untried.push(operation(step).name());
    step.then.iter().for_each(|step| leave(step, tried));
}
