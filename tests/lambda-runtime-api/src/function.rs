//! A function and its process.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::Deserialize;
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep_until},
};

use crate::{
    EXITED, FunctionError, TIMED_OUT,
    exchange::{Event, Exchange, Outcome},
    server::Server,
};

const NAME: &str = "ecr-cleanup";
const REGION: &str = "eu-west-1";

/// What is run, and how.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// The binary that Lambda would start as `bootstrap`.
    pub binary: PathBuf,
    /// The function's own variables; they win over Lambda's.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Seconds for each event, start included.
    #[serde(default = "Settings::default_timeout")]
    pub timeout: u64,
    /// The ARN that the function is told it was invoked by.
    #[serde(default = "Settings::default_arn")]
    pub arn: String,
}

impl Settings {
    /// Makes a function of this binary with these variables, with five minutes for each event.
    pub fn new<K: Into<String>, V: Into<String>>(
        binary: impl Into<PathBuf>,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let environment = environment.into_iter();
        Self {
            binary: binary.into(),
            environment: environment
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            timeout: Self::default_timeout(),
            arn: Self::default_arn(),
        }
    }

    fn default_timeout() -> u64 {
        300
    }

    fn default_arn() -> String {
        format!("arn:aws:lambda:{REGION}:111111111111:function:{NAME}")
    }
}

/// What came of one event.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The answer, or the function's error.
    pub outcome: Result<Value, FunctionError>,
    /// What the process wrote to standard output and standard error meanwhile.
    pub log: String,
}

/// A running process of a function. It is killed when it is dropped.
#[derive(Debug)]
pub struct Function {
    process: Child,
    exchange: Arc<Exchange>,
    timeout: Duration,
    log: File,
    _server: Server,
}

/// Starts a function, gives it one event and ends it.
pub async fn invoke(settings: &Settings, event: &Value) -> io::Result<Invocation> {
    Function::start(settings).await?.invoke(event).await
}

impl Function {
    /// Starts the process; it waits for its first event.
    pub async fn start(settings: &Settings) -> io::Result<Self> {
        let exchange = Arc::new(Exchange::new());
        let server = Server::start(Arc::clone(&exchange), settings.arn.clone()).await?;
        // A file, since all that was written is in it as soon as the process asks for the next
        // event.
        let file = tempfile::NamedTempFile::new()?;
        let output = File::options().append(true).open(file.path())?;
        let process = Command::new(&settings.binary)
            .env_clear()
            .envs(lambda_variables(
                &settings.binary,
                &server.address.to_string(),
            ))
            .envs(&settings.environment)
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            process,
            exchange,
            timeout: Duration::from_secs(settings.timeout),
            log: file.into_file(),
            _server: server,
        })
    }

    /// Returns the id of the process, until it has ended.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Gives the process one event and waits for what comes of it. A process that does not answer
    /// in time is killed.
    pub async fn invoke(&mut self, event: &Value) -> io::Result<Invocation> {
        let before = self.log.seek(io::SeekFrom::End(0))?;
        let outcome = self.exchange_one(event).await?;
        let mut log = Vec::new();
        self.log.seek(io::SeekFrom::Start(before))?;
        self.log.read_to_end(&mut log)?;
        Ok(Invocation {
            outcome,
            log: String::from_utf8_lossy(&log).into_owned(),
        })
    }

    async fn exchange_one(&mut self, event: &Value) -> io::Result<Outcome> {
        let deadline = SystemTime::now() + self.timeout;
        let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH);
        self.exchange.offer(Event {
            request_id: request_id()?,
            body: event.to_string().into_bytes(),
            deadline: deadline.unwrap_or_default().as_millis(),
        });
        let failed = tokio::select! {
            () = self.exchange.answered() => FunctionError::new(EXITED, String::new()),
            ended = self.process.wait() => FunctionError::new(EXITED, ended?.to_string()),
            () = sleep_until(Instant::now() + self.timeout) => {
                self.process.kill().await?;
                let message = format!("no answer in {} s", self.timeout.as_secs());
                FunctionError::new(TIMED_OUT, message)
            }
        };
        Ok(self.exchange.outcome().unwrap_or(Err(failed)))
    }
}

/// Returns a UUID, as Lambda's request ids are.
fn request_id() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let hex = hex::encode(bytes);
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    Ok(parts.join("-"))
}

fn lambda_variables(binary: &Path, api: &str) -> [(&'static str, String); 15] {
    let folder = binary.parent().unwrap_or(Path::new("/"));
    [
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("LAMBDA_TASK_ROOT", folder.display().to_string()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("AWS_LAMBDA_RUNTIME_API", api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", NAME.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{NAME}")),
        (
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "2026/11/21/[$LATEST]0".to_owned(),
        ),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
    ]
}
