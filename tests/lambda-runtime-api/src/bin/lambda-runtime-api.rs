//! Invokes the binary of a function once, for tests that are not written in Rust.
//!
//! Reads one JSON object: the members of `Settings`, and `event`. Prints one: `payload` or `error`,
//! and `log`.

use std::error::Error;

use lambda_runtime_api::{Settings, invoke};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Question {
    #[serde(flatten)]
    settings: Settings,
    event: Value,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let Question { settings, event } = serde_json::from_reader(std::io::stdin().lock())?;
    let invocation = invoke(&settings, &event).await?;
    let (payload, error) = match invocation.outcome {
        Ok(payload) => (payload, None),
        Err(error) => (Value::Null, Some(error)),
    };
    let answer = json!({"payload": payload, "error": error, "log": invocation.log});
    println!("{answer}");
    Ok(())
}
