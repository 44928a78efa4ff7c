//! What passes between the caller that invokes and the process that answers.

use serde_json::Value;
use tokio::sync::watch;

use crate::FunctionError;

/// An event on its way to the process.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) request_id: String,
    pub(crate) body: Vec<u8>,
    /// Milliseconds since the epoch.
    pub(crate) deadline: u128,
}

pub(crate) type Outcome = Result<Value, FunctionError>;

#[derive(Debug, Default)]
pub(crate) struct State {
    event: Option<Event>,
    request_id: String,
    outcome: Option<Outcome>,
    start_error: Option<FunctionError>,
    /// Whether the process waits for an event: it is done with the last one, its log included.
    idle: bool,
}

/// The state of one process.
#[derive(Debug)]
pub(crate) struct Exchange {
    state: watch::Sender<State>,
}

impl Exchange {
    pub(crate) fn new() -> Self {
        Self {
            state: watch::Sender::new(State::default()),
        }
    }

    /// Offers an event to the process.
    pub(crate) fn offer(&self, event: Event) {
        self.state.send_modify(|state| {
            state.request_id.clone_from(&event.request_id);
            state.outcome = None;
            state.event = Some(event);
        });
    }

    /// Waits until the process has answered and asks for the next event.
    pub(crate) async fn answered(&self) {
        let mut states = self.state.subscribe();
        let answered = states.wait_for(|state| state.outcome.is_some() && state.idle);
        // The sender lives as long as this.
        let _ = answered.await;
    }

    /// Returns the answer so far, else the error that the process ended its start with.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        let state = self.state.borrow();
        let start_error = || state.start_error.clone().map(Err);
        state.outcome.clone().or_else(start_error)
    }

    /// Waits for an event and takes it.
    pub(crate) async fn next(&self) -> Event {
        self.state.send_modify(|state| state.idle = true);
        let mut states = self.state.subscribe();
        loop {
            let mut taken = None;
            self.state.send_if_modified(|state| {
                taken = state.event.take();
                state.idle = taken.is_none();
                taken.is_some()
            });
            match taken {
                Some(event) => return event,
                None => {
                    let _ = states.changed().await;
                }
            }
        }
    }

    /// Takes the answer to a request; one to another request than the last is ignored.
    pub(crate) fn answer(&self, request_id: &str, outcome: Outcome) {
        self.state.send_modify(|state| {
            if request_id == state.request_id {
                state.outcome = Some(outcome);
            }
        });
    }

    pub(crate) fn fail_to_start(&self, error: FunctionError) {
        self.state
            .send_modify(|state| state.start_error = Some(error));
    }
}
