//! What goes wrong, and on which call.

use crate::gate::Gate;
use crate::world::{Location, World};
use std::fmt;
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum FaultKind {
    /// The service's throttling error.
    Throttle,
    /// An internal error with this status, such as 500 or 503.
    ServerError(u16),
    /// The caller lacks the permission.
    AccessDenied,
    /// Any error.
    Error {
        /// The HTTP status.
        status: u16,
        /// The error code.
        code: String,
        /// The message.
        message: String,
    },
    /// No answer until the client leaves; the operation is not carried out.
    Hang,
    /// The connection closes without an answer; the operation is not carried out.
    Drop,
    /// The operation is carried out, then the connection closes without an answer.
    DropAfter,
    /// The operation is carried out; the answer ends before its announced length.
    CutBody,
    /// The operation is carried out; the answer is not JSON (or XML).
    BadJson,
    /// The answer carries the token the request came with; a first page carries one that is good,
    /// and leads to the first page, as long as the fault lasts.
    RepeatToken,
    /// The answer carries an empty token.
    EmptyToken,
    /// The answer comes after this time; other faults of the same call apply as well.
    Delay(Duration),
    /// The operation is carried out; the answer waits until this gate is open. Other faults of the
    /// same call apply as well.
    Hold(Gate),
    /// The last element of the answered list is left out, without being reported as a failure.
    LoseItem,
    /// The answered list is left out as a whole.
    LoseList,
    /// Pages are smaller, where the request says how large they may be, and what is on them comes in
    /// another order.
    Rearrange {
        /// The most elements on a page.
        size: u64,
        /// What the order follows from.
        seed: u64,
    },
    /// The first element is reported as a failure with this code or reason. `BatchDeleteImage` does
    /// not delete it.
    FailItem {
        /// The `failureCode` (ECR) or `reason` (ECS).
        code: String,
    },
}

impl FaultKind {
    /// An error with this HTTP status, code and message.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    /// A failure of the first element with this code or reason.
    #[must_use]
    pub fn fail_item(code: &str) -> Self {
        let code = code.to_owned();
        Self::FailItem { code }
    }
}

/// A fault: which calls, and what happens to them.
///
/// Calls are counted from the moment the fault is added, and only those that match.
#[derive(Debug, Clone)]
#[must_use]
pub struct Fault {
    operation: String,
    text: Option<String>,
    account: Option<String>,
    region: Option<String>,
    first: u64,
    times: Option<u64>,
    kind: FaultKind,
    seen: u64,
}

impl Fault {
    /// A fault of an operation such as `ecs:ListTasks`, of all operations of a service (`ecs:*`),
    /// or of all (`*`): by default throttling, on every call.
    pub fn on(operation: impl Into<String>) -> Self {
        Self {
            operation: operation.into(),
            text: None,
            account: None,
            region: None,
            first: 1,
            times: None,
            kind: FaultKind::Throttle,
            seen: 0,
        }
    }

    /// A fault that denies access to an operation.
    pub fn denied(operation: impl Into<String>) -> Self {
        Self::on(operation).kind(FaultKind::AccessDenied)
    }

    /// Only calls whose body contains this text. The body of an S3 request is `bucket/key` here.
    pub fn matching(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Only calls of this account.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Only calls to this Region.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// The first call that goes wrong, from 1.
    pub fn call(mut self, number: u64) -> Self {
        self.first = number;
        self
    }

    /// How many calls go wrong, instead of all.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// One call goes wrong.
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// What goes wrong.
    pub fn kind(mut self, kind: FaultKind) -> Self {
        self.kind = kind;
        self
    }

    /// Counts a call, and says whether it goes wrong.
    fn hits(&mut self, operation: &str, location: &Location, text: &str) -> bool {
        let other = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_some_and(|wanted| wanted != value)
        };
        if !covers(&self.operation, operation)
            || other(&self.account, &location.account)
            || other(&self.region, &location.region)
            || self
                .text
                .as_deref()
                .is_some_and(|wanted| !text.contains(wanted))
        {
            return false;
        }
        self.seen += 1;
        let end = self.times.map(|times| self.first.saturating_add(times));
        self.seen >= self.first && end.is_none_or(|end| self.seen < end)
    }
}

fn covers(pattern: &str, operation: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => operation.starts_with(prefix),
        None => pattern == operation,
    }
}

/// How long an answer takes.
#[derive(Debug, Default)]
pub(crate) struct Delay {
    pub(crate) time: Duration,
    pub(crate) gates: Vec<Gate>,
}

impl Delay {
    /// Waits until the answer may go.
    pub(crate) async fn pass(self) {
        if !self.time.is_zero() {
            tokio::time::sleep(self.time).await;
        }
        for gate in self.gates {
            gate.hold().await;
        }
    }
}

/// Counts a call at every fault: the first that is not a delay, and all delays together.
pub(crate) fn pick(
    faults: &mut [Fault],
    operation: &str,
    location: &Location,
    text: &str,
) -> (Option<FaultKind>, Delay) {
    let (mut picked, mut delay) = (None, Delay::default());
    for fault in faults {
        if !fault.hits(operation, location, text) {
            continue;
        }
        match &fault.kind {
            FaultKind::Delay(time) => delay.time += *time,
            FaultKind::Hold(gate) => delay.gates.push(gate.clone()),
            kind => {
                picked.get_or_insert_with(|| kind.clone());
            }
        }
    }
    (picked, delay)
}

/// Something that happens in the world right before or after a call.
pub(crate) struct Race {
    pub(crate) operation: String,
    pub(crate) calls_to_go: u64,
    pub(crate) after: bool,
    pub(crate) action: Box<dyn FnOnce(&mut World) + Send>,
}

impl fmt::Debug for Race {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Race")
            .field("operation", &self.operation)
            .field("calls_to_go", &self.calls_to_go)
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}

/// Counts a call at the races of one side, and takes out those whose call it is.
pub(crate) fn due(races: &mut Vec<Race>, operation: &str, after: bool) -> Vec<Race> {
    for race in races.iter_mut() {
        if race.after == after && covers(&race.operation, operation) {
            race.calls_to_go = race.calls_to_go.saturating_sub(1);
        }
    }
    races
        .extract_if(.., |race| race.after == after && race.calls_to_go == 0)
        .collect()
}
