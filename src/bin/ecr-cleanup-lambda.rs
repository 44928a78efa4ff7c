//! The Lambda function `ecr-cleanup`.

use std::io::stdout;

use ecr_cleanup::{
    aws::{ClientOptions, Clients},
    function::{
        FunctionError, handle, handle_phase, phase_from_environment, program_from_environment,
    },
    report::log,
};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::start_in_function();
    // A configuration that cannot be used fails every invocation, in words, rather than the start.
    let program =
        &program_from_environment(Clients::from_environment(ClientOptions::default()).await).await;
    let phase = &phase_from_environment();
    let answer = |event: LambdaEvent<Value>| async move {
        let deadline = event.context.deadline();
        let program = program
            .as_ref()
            .map_err(|error| diagnostic(&FunctionError::InvalidConfig(error.clone())))?;
        let phase = phase.clone().map_err(|error| diagnostic(&error.into()))?;
        let answer = match phase {
            None => handle(program, &event.payload, deadline, stdout()).await,
            Some(phase) => handle_phase(program, phase, &event.payload, deadline, stdout()).await,
        };
        answer.map_err(|error| diagnostic(&error))
    };
    run(service_fn(answer)).await
}

fn diagnostic(error: &FunctionError) -> Diagnostic {
    error.log();
    Diagnostic {
        error_type: error.name().to_owned(),
        error_message: error.to_string(),
    }
}
