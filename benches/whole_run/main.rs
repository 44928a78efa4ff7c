//! A whole run of the release binary against the simulated AWS in another process, with latency and
//! the documented rate limits: measured beside the bound that follows from its calls, the latency
//! and the rates. And the function's start.
//!
//! `make bench`, or for some of it `cargo bench --workspace --bench whole_run -- team start`. Other limits than
//! the documented ones follow the name of a world: `company:x10`, with the rates in the configuration;
//! `company:off`, without any; `company:found-x10`, of which the program knows nothing; `company:deployment`, where
//! something else makes half of the calls for task definitions; `giant:config`, where AWS Config records them;
//! `company:left`, where a run leaves the rest to the next one; several such as `giant:config+x1`.

mod process;
mod server;
mod start;
mod world;

use std::{
    env,
    error::Error,
    process::Stdio,
    time::{Duration, Instant},
};

use process::{Took, limited, watch};
use serde_json::Value;
use server::{Asked, Server, bounds, count};
use simulated_aws::RateLimits;
use world::Size;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let named =
        |name: &str| Size::named(name).ok_or_else(|| format!("no world is called `{name}`"));
    if let [serve, name] = arguments.as_slice()
        && serve == "serve"
    {
        return server::serve(named(name)?).await;
    }
    let all = ["start", "team", "company", "giant"].map(str::to_owned);
    for name in if arguments.is_empty() {
        &all[..]
    } else {
        &arguments
    } {
        if name == "start" {
            start::measure().await?;
        } else {
            measure(name, named(name)?)?;
        }
    }
    Ok(())
}

/// Prints the rows of a world: a first run, and a second one that remembers it.
fn measure(name: &str, size: Size) -> Result<(), Box<dyn Error>> {
    let mut server = Server::start(name)?;
    println!(
        "{name}, in a process of {} MB, of which {} images go",
        size.megabytes,
        size.candidates()
    );
    let mut ecs = Vec::new();
    for run in ["first", "second"] {
        // By the next run, the buckets of the account are full again.
        std::thread::sleep(Duration::from_secs(5));
        let (took, answer) = clean(size, &server)?;
        let asked = server.asked()?;
        print(run, took, &asked, &answer, &size.variant.rates());
        ecs.push(asked.sum(|operation, calls| {
            if operation.starts_with("ecs:") {
                calls.answered
            } else {
                0
            }
        }));
    }
    println!(
        "  calls to ECS: {} and {}, {:.0} times fewer",
        ecs[0],
        ecs[1],
        count(ecs[0]) / count(ecs[1])
    );
    Ok(())
}

/// Runs the command once.
fn clean(size: Size, server: &Server) -> Result<(Took, Value), Box<dyn Error>> {
    let started = Instant::now();
    let mut process = limited(env!("CARGO_BIN_EXE_ecr-cleanup"), size.megabytes)
        .args([
            "run",
            "--yes",
            "--output",
            "json",
            "--config",
            &size.config(),
        ])
        .env("AWS_ENDPOINT_URL", &server.endpoint)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "AKIAHOME")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .stdout(Stdio::piped())
        .spawn()?;
    let output = process.stdout.take().ok_or("no pipe to the command")?;
    // Read meanwhile, so that the command never waits for a reader.
    let reader = std::thread::spawn(move || std::io::read_to_string(output));
    let took = watch(process, started)?;
    let text = reader.join().map_err(|_| "the reader panicked")??;
    Ok((
        took,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    ))
}

fn print(run: &str, took: Took, asked: &Asked, answer: &Value, limits: &RateLimits) {
    let bounds = bounds(asked, limits);
    let all: f64 = bounds.iter().sum();
    let calls = asked.sum(|_, calls| calls.answered + calls.throttled);
    let throttled = asked.sum(|_, calls| calls.throttled);
    println!(
        "  {run} run: {:.1} s, bound {all:.1} s ({:.1} gather, {:.1} ask, {:.1} act, {:.1} recheck), ratio {:.2}; CPU {:.1} s, resident {:.0} MB",
        took.wall,
        bounds[0],
        bounds[1],
        bounds[2],
        bounds[3],
        took.wall / all,
        took.cpu,
        took.resident
    );
    println!(
        "    {calls} calls to AWS, {throttled} throttled ({:.2} %), {} to Kubernetes; {} images deleted; {}: {}",
        100.0 * count(throttled) / count(calls),
        asked.kubernetes,
        asked.deleted,
        if took.succeeded {
            "succeeded"
        } else {
            "FAILED"
        },
        answer["summary"]
            .as_str()
            .map_or_else(|| answer.to_string(), ToOwned::to_owned),
    );
    if asked.starved > 0.0 {
        println!(
            "    {:.0} calls of a deployment were throttled",
            asked.starved
        );
    }
    for (phase, calls) in ["gather", "ask", "act", "recheck"]
        .iter()
        .zip(&asked.phases)
    {
        let calls: Vec<_> = calls
            .iter()
            .map(|(operation, calls)| format!("{operation} {}", calls.answered))
            .collect();
        println!("    {phase}: {}", calls.join(", "));
    }
}
