//! The API, against a small function that does what its event says: this program again, when
//! Lambda's variables are set.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::exit,
    thread::sleep,
    time::{Duration, SystemTime},
};

use lambda_runtime_api::{EXITED, Function, Settings, TIMED_OUT, invoke};
use serde_json::{Value, json};

fn main() {
    if let Ok(api) = env::var("AWS_LAMBDA_RUNTIME_API") {
        function(&api);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        one_event_is_answered().await;
        a_warm_process_answers_event_after_event().await;
        a_process_that_does_not_answer_is_an_error().await;
        the_process_gets_no_variables_of_the_caller().await;
    });
    println!("4 tests of the Runtime API passed");
}

fn this(variables: &[(&str, &str)]) -> Settings {
    let variables = variables.iter().copied();
    let mut settings = Settings::new(env::current_exe().unwrap(), variables);
    settings.timeout = 30;
    settings
}

async fn one_event_is_answered() {
    let invocation = invoke(&this(&[]), &json!({"mode": "plan"})).await.unwrap();
    let answer = invocation.outcome.unwrap();
    assert_eq!(answer["event"], json!({"mode": "plan"}));
    let left = answer["left"].as_u64().unwrap();
    assert!((25_000..=30_000).contains(&left), "{left}");
    assert_eq!(invocation.log, "event 1\ndone 1\n");
}

async fn a_warm_process_answers_event_after_event() {
    let mut function = Function::start(&this(&[])).await.unwrap();
    let first = function.invoke(&json!("a")).await.unwrap().outcome.unwrap();
    let failed = function.invoke(&json!("fail")).await.unwrap();
    let second = function.invoke(&json!("b")).await.unwrap().outcome.unwrap();
    assert_eq!((&first["count"], &second["count"]), (&json!(1), &json!(3)));
    let error = failed.outcome.unwrap_err();
    assert_eq!(error.error_type, "Refused");
    assert_eq!(error.error_message, "no");
    assert_eq!(failed.log, "event 2\ndone 2\n");
}

async fn a_process_that_does_not_answer_is_an_error() {
    for (event, variables, timeout, expected) in [
        ("exit", &[][..], 30, EXITED),
        ("hang", &[][..], 1, TIMED_OUT),
        (
            "never read",
            &[("FAIL_TO_START", "1")][..],
            30,
            "InvalidConfig",
        ),
    ] {
        let mut settings = this(variables);
        settings.timeout = timeout;
        let mut function = Function::start(&settings).await.unwrap();
        let process = function.process_id().unwrap();
        let error = function
            .invoke(&json!(event))
            .await
            .unwrap()
            .outcome
            .unwrap_err();
        assert_eq!(error.error_type, expected);
        assert_eq!(function.process_id(), None);
        assert!(!Path::new(&format!("/proc/{process}")).exists(), "{event}");
    }
}

async fn the_process_gets_no_variables_of_the_caller() {
    // Cargo sets it for every test.
    assert!(env::var("CARGO_MANIFEST_DIR").is_ok());
    let settings = this(&[("ECR_CLEANUP_CONFIG", "{}")]);
    let invocation = invoke(&settings, &json!("environment")).await.unwrap();
    let variables = invocation.outcome.unwrap();
    assert_eq!(variables["AWS_LAMBDA_FUNCTION_NAME"], "ecr-cleanup");
    assert_eq!(variables["ECR_CLEANUP_CONFIG"], "{}");
    assert_eq!(variables.get("CARGO_MANIFEST_DIR"), None);
}

/// Answers events until the process is ended.
fn function(api: &str) -> ! {
    let mut api = BufReader::new(TcpStream::connect(api).unwrap());
    if env::var("FAIL_TO_START").is_ok() {
        let error = r#"{"errorType": "InvalidConfig", "errorMessage": "no"}"#;
        ask(&mut api, "POST", "init/error", Some(error));
        exit(1);
    }
    for count in 1.. {
        let (headers, body) = ask(&mut api, "GET", "invocation/next", None);
        let header = |name: &str| {
            let line = headers.iter().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim().to_owned()
        };
        let event: Value = serde_json::from_str(&body).unwrap();
        println!("event {count}");
        let (kind, answer) = match event.as_str() {
            Some("exit") => exit(3),
            Some("hang") => {
                sleep(Duration::from_mins(1));
                exit(0)
            }
            Some("fail") => (
                "error",
                json!({"errorType": "Refused", "errorMessage": "no"}),
            ),
            Some("environment") => ("response", env::vars().collect::<Value>()),
            _ => {
                let deadline: u128 = header("lambda-runtime-deadline-ms:").parse().unwrap();
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                let left = u64::try_from(deadline - now.unwrap().as_millis()).unwrap();
                (
                    "response",
                    json!({"count": count, "event": event, "left": left}),
                )
            }
        };
        let id = header("lambda-runtime-aws-request-id:");
        let path = format!("invocation/{id}/{kind}");
        ask(&mut api, "POST", &path, Some(&answer.to_string()));
        println!("done {count}");
    }
    exit(0)
}

/// Makes a request, with its body in two chunks; returns the lines of the answer's head, and its
/// body.
fn ask(
    api: &mut BufReader<TcpStream>,
    method: &str,
    path: &str,
    body: Option<&str>,
) -> (Vec<String>, String) {
    let mut request = format!("{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nhost: api\r\n");
    match body {
        Some(body) => {
            let (first, rest) = body.split_at(7);
            request += &format!(
                "transfer-encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n",
                first.len(),
                rest.len()
            );
        }
        None => request += "\r\n",
    }
    api.get_mut().write_all(request.as_bytes()).unwrap();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        api.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        headers.push(line.to_lowercase());
    }
    let length = headers
        .iter()
        .find_map(|line| line.strip_prefix("content-length:"));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    api.read_exact(&mut body).unwrap();
    (headers, String::from_utf8(body).unwrap())
}
