//! A scenario in the simulated AWS, and both binaries pointed at it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs, io,
    path::Path,
    process::Stdio,
    time::Duration,
};

use demo::{CREDENTIALS, ImageKey, Scenario, digest_of, uses};
use lambda_runtime_api::{FunctionError, Invocation, Settings, invoke};
use serde_json::Value;
use simulated_aws::{SimulatedAws, World};
use tokio::{process::Command, time::timeout};

pub(crate) const COMMAND: &str = env!("CARGO_BIN_EXE_ecr-cleanup");
pub(crate) const FUNCTION: &str = env!("CARGO_BIN_EXE_ecr-cleanup-lambda");

const READING: [&str; 4] = ["Describe", "List", "Get", "BatchGet"];

/// Reads one of the project's event files.
pub(crate) fn event(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("events")
        .join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn delete() -> String {
    r#"{"mode":"delete"}"#.to_owned()
}

/// Returns the variables of a program with this configuration, which finds AWS at this endpoint and
/// gives up soon: after enough attempts to ride out two throttles.
pub(crate) fn environment(aws: &SimulatedAws, config: &str) -> BTreeMap<String, String> {
    let endpoint = aws.endpoint();
    let own = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_MAX_ATTEMPTS", "3"),
        ("ECR_CLEANUP_CONFIG", config),
    ];
    let all = CREDENTIALS.into_iter().chain(own);
    all.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Ended {
    /// Returns standard output, if the command ended with this code.
    pub(crate) fn output(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.output
    }

    /// Returns standard output as JSON, if the command ended with this code.
    pub(crate) fn json(self, code: i32) -> Value {
        serde_json::from_str(&self.output(code)).unwrap()
    }
}

/// Runs the command with these variables and no others.
pub(crate) async fn run(arguments: &[&str], environment: BTreeMap<String, String>) -> Ended {
    let output = Command::new(COMMAND)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(Duration::from_mins(5), output).await.unwrap();
    let output = output.unwrap();
    Ended {
        code: output.status.code(),
        output: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Returns the answer of a function that did not fail.
pub(crate) fn answer(invocation: io::Result<Invocation>) -> Value {
    let invocation = invocation.unwrap();
    match invocation.outcome {
        Ok(answer) => answer,
        Err(error) => panic!("{error:?}\n{}", invocation.log),
    }
}

/// Returns the error of a function that failed, which it has logged.
pub(crate) fn error(invocation: io::Result<Invocation>) -> FunctionError {
    let invocation = invocation.unwrap();
    let error = invocation.outcome.unwrap_err();
    let lines = invocation.log.lines();
    let mut lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let logged = lines.find(|line| line["event"] == "run_failed").unwrap();
    assert_eq!(logged["error_type"], error.error_type);
    assert_eq!(logged["message"], error.error_message);
    error
}

/// A scenario in the simulated AWS.
pub(crate) struct Account {
    pub(crate) aws: SimulatedAws,
    pub(crate) expected: Scenario,
    pub(crate) config: String,
}

impl Account {
    /// Starts a scenario, with mode `delete` for both binaries.
    pub(crate) async fn start(mut scenario: Scenario) -> Self {
        let world = std::mem::take(&mut scenario.world);
        Self {
            aws: SimulatedAws::builder().world(world).start().await,
            expected: scenario,
            config: delete(),
        }
    }

    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        environment(&self.aws, &self.config)
    }

    pub(crate) async fn command(&self, arguments: &[&str]) -> Ended {
        run(arguments, self.environment()).await
    }

    /// Returns what the function is, for a process that is to stay.
    pub(crate) fn settings(&self) -> Settings {
        Settings::new(FUNCTION, self.environment())
    }

    pub(crate) async fn function(&self, event: &Value) -> io::Result<Invocation> {
        invoke(&self.settings(), event).await
    }

    pub(crate) fn edit<T>(&self, edit: impl FnOnce(&mut World) -> T) -> T {
        self.aws.edit(edit)
    }

    /// Asserts that all images are there, and that no call asked ECR for a change.
    pub(crate) fn assert_untouched(&self) {
        self.assert_left(&(&self.expected.kept | &self.expected.deleted));
        let calls = self.aws.calls().into_iter().map(|call| call.operation);
        let asked: BTreeSet<String> = calls
            .filter(|operation| {
                let action = operation.strip_prefix("ecr:");
                action.is_some_and(|action| !READING.iter().any(|verb| action.starts_with(verb)))
            })
            .collect();
        assert_eq!(asked, BTreeSet::new());
    }

    /// Asserts that the images that nobody needs are deleted, and all others can be pulled.
    pub(crate) fn assert_cleaned(&self) {
        self.assert_left(&self.expected.kept);
        let lost: Vec<String> = self.aws.read(|world| {
            let uses = uses(world).into_iter();
            uses.filter(|one| digest_of(world, one).is_none())
                .map(|one| one.to_string())
                .collect()
        });
        assert_eq!(lost, Vec::<String>::new());
    }

    pub(crate) fn assert_left(&self, expected: &BTreeSet<ImageKey>) {
        let left = self.aws.read(Scenario::images);
        let names = |images: Vec<&ImageKey>| -> Vec<String> {
            let names = images.into_iter();
            names
                .map(|key| format!("{} {}", key.0, self.expected.labels[key]))
                .collect()
        };
        let not_deleted = names(left.difference(expected).collect());
        let deleted = names(expected.difference(&left).collect());
        assert_eq!((not_deleted, deleted), (vec![], vec![]));
    }
}
