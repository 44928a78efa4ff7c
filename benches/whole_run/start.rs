//! The start of the function: how soon after its process it makes its first call, and what it takes
//! for a team's run.
//!
//! The binary is the real one; this file answers it as Lambda's Runtime API does.

use std::{
    convert::Infallible,
    env, fs,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use http_body_util::{BodyExt, Collected, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::watch};

use crate::{process::resident_at_most, world::Size};

type Failure = Box<dyn std::error::Error>;

/// How many starts the median is of.
const STARTS: usize = 11;

/// Returns what the function under test is, and how large.
pub(crate) fn function() -> String {
    env::var("ECR_CLEANUP_FUNCTION")
        .unwrap_or_else(|_| env!("CARGO_BIN_EXE_ecr-cleanup-lambda").to_owned())
}

/// Prints the row of the start.
pub(crate) async fn measure() -> Result<(), Failure> {
    let team = Size::named("team").ok_or("no such world")?;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(start(Size::named("small").ok_or("no such world")?).await?.0);
    }
    starts.sort_unstable();
    let (_, resident, answer) = start(team).await?;
    let binary = function();
    #[expect(clippy::cast_precision_loss, reason = "no binary is that large")]
    let size = fs::metadata(&binary)?.len() as f64 / 1e6;
    println!("function {}", Path::new(&binary).display());
    println!(
        "  first call after start: median {:?}, worst {:?} of {STARTS} (bound 100 ms)",
        starts[STARTS / 2],
        starts[STARTS - 1]
    );
    println!("  resident after a team's run: {resident:.1} MB (bound 40 MB); it answered {answer}");
    println!("  binary: {size:.1} MB (bound 15 MB, as packaged)");
    Ok(())
}

/// Starts the function, lets it handle one event, and says when it made its first call, how much
/// memory was resident at the most, and how its answer begins.
async fn start(size: Size) -> Result<(Duration, f64, String), Failure> {
    let (aws, _clusters) = size.build(Duration::ZERO, Duration::ZERO).await;
    let first_call = Arc::new(Mutex::new(None));
    let recorder = Arc::clone(&first_call);
    aws.before("*", 1, move |_| {
        if let Ok(mut at) = recorder.lock() {
            *at = Some(Instant::now());
        }
    });
    let (runtime, mut answers) = runtime_api().await?;
    let config = size.config();
    let started = Instant::now();
    let mut process = Command::new(function())
        .env_clear()
        .envs([
            ("AWS_LAMBDA_RUNTIME_API", runtime.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "ecr-cleanup"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_LOG_LEVEL", "WARN"),
            ("AWS_ENDPOINT_URL", aws.endpoint().as_str()),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKIAHOME"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("ECR_CLEANUP_CONFIG", config.as_str()),
        ])
        .stdout(Stdio::null())
        .spawn()?;
    answers.changed().await?;
    let answer = answers.borrow().clone();
    let resident = resident_at_most(process.id());
    process.kill()?;
    process.wait()?;
    let at = first_call
        .lock()
        .map_err(|_| "a poisoned lock")?
        .ok_or("no call was made")?;
    Ok((at - started, resident, answer.chars().take(60).collect()))
}

/// Gives one event to whoever asks, and waits for the answer.
async fn runtime_api() -> Result<(String, watch::Receiver<String>), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let (answered, answers) = watch::channel(String::new());
    let answered = Arc::new(answered);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answered = Arc::clone(&answered);
            let service = service_fn(move |request| exchange(request, Arc::clone(&answered)));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok((address, answers))
}

async fn exchange(
    request: Request<Incoming>,
    answered: Arc<watch::Sender<String>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path().ends_with("/invocation/next") {
        if !answered.borrow().is_empty() {
            // There is no further event.
            return std::future::pending().await;
        }
        let deadline = SystemTime::now() + Duration::from_mins(15);
        let deadline = deadline
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let mut response = Response::new(Full::from("{}"));
        let headers = [
            (
                "lambda-runtime-aws-request-id",
                "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
            ),
            ("lambda-runtime-deadline-ms", deadline.to_string()),
            (
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-west-1:111111111111:function:ecr-cleanup".to_owned(),
            ),
        ];
        for (name, value) in headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        return Ok(response);
    }
    let body = request
        .into_body()
        .collect()
        .await
        .map(Collected::to_bytes)
        .unwrap_or_default();
    answered.send_replace(String::from_utf8_lossy(&body).into_owned());
    let mut response = Response::new(Full::from("{}"));
    *response.status_mut() = hyper::StatusCode::ACCEPTED;
    Ok(response)
}
