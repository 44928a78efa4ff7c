//! The functions of a distributed run.

use std::{io::Write, time::SystemTime};

use serde::Serialize;
use serde_json::Value;

use super::{FunctionError, send, stop_at};
use crate::{
    event::{Pass, PhaseEvent, PhaseFunction},
    pipeline::Program,
    report::{Metrics, Trigger},
};

/// Handles one phase, in the function that is for it.
///
/// # Errors
/// If it is for another function, does not belong to the run, or a call fails. What of AWS cannot be
/// read is none: it is in what the phase writes.
pub async fn handle_phase(
    program: &Program,
    function: PhaseFunction,
    event: &Value,
    deadline: SystemTime,
    mut stdout: impl Write,
) -> Result<Value, FunctionError> {
    let stop_at = stop_at(deadline);
    match PhaseEvent::parse(event, function)? {
        PhaseEvent::List { run } => Ok(answer(&program.list_run(&run).await?)),
        PhaseEvent::Evidence {
            run,
            sha256,
            location,
            pass,
            turn,
        } => {
            let (again, stop_at) = (pass == Pass::Second, stop_at.into());
            let reading = program.read_location(&run, &sha256, &location, again, turn, &stop_at);
            Ok(answer(&reading.await?))
        }
        PhaseEvent::Fresh { run, sha256 } => {
            Ok(answer(&program.is_run_fresh(&run, &sha256).await?))
        }
        PhaseEvent::Clean {
            run,
            sha256,
            registry,
            turn,
        } => {
            let cleaning = program.clean_registry(&run, &sha256, &registry, turn, stop_at);
            Ok(answer(&cleaning.await?))
        }
        PhaseEvent::Finish { run, error, .. } => {
            let (id, trigger) = (run.to_string(), Trigger::Scheduled);
            send(program, &Metrics::started(), trigger, &id, &mut stdout);
            let finished = program
                .finish_run(&run, error.as_ref(), &stop_at.into())
                .await?;
            send(program, &finished.metrics, trigger, &id, &mut stdout);
            match finished.failed {
                Some(why) if finished.is_refused => Err(FunctionError::Refused(why)),
                Some(why) => Err(FunctionError::Failed(why)),
                None => Ok(finished.answer),
            }
        }
    }
}

fn answer(answer: &impl Serialize) -> Value {
    serde_json::to_value(answer).unwrap_or_default()
}
