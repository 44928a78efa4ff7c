//! Who is told of runs besides a topic: chats, by their webhooks.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use simulated_aws::{Push, SimulatedAws, days_ago};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{assertions::assert_warns, plan, run};

/// A chat that takes messages at an address.
struct Chat {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Chat {
    /// Starts a chat that answers each message with this status line and text.
    async fn start(status: &'static str, answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let received = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                received.lock().unwrap().push(request);
                let length = answer.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self {
            address: format!("http://127.0.0.1:{port}/services/secret?key=secret"),
            requests,
        }
    }

    fn messages(&self) -> Vec<Value> {
        let requests = self.requests.lock().unwrap();
        let bodies = requests.iter().map(|request| {
            assert!(
                request.starts_with("POST /services/secret?key=secret HTTP/1.1\r\n"),
                "{request}"
            );
            let (_, body) = request.split_once("\r\n\r\n").unwrap();
            serde_json::from_str(body).unwrap()
        });
        bodies.collect()
    }
}

/// Reads a request to the end of its body.
async fn read(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        stream.read_buf(&mut request).await.unwrap();
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_lowercase();
        let length = head.split_once("content-length: ").unwrap().1;
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if body.len() >= length {
            return text.into_owned();
        }
    }
}

async fn account() -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        let app = world.home().repository("app");
        app.push(Push::image().tag("latest").pushed_at(days_ago(40)));
        app.push(Push::image().pushed_at(days_ago(40)));
    });
    aws
}

fn config(recipients: &[&str]) -> String {
    json!({"mode": "delete", "guards": {"allow_no_usage": true}, "notify": recipients}).to_string()
}

#[tokio::test]
async fn a_chat_is_told_by_an_address_a_parameter_or_a_secret() {
    let chat = Chat::start("200 OK", "ok").await;
    let aws = account().await;
    aws.edit(|world| {
        let address = format!("{}\n", chat.address);
        let parameters = &mut world.home().parameters;
        parameters.insert("/team/chat".to_owned(), address.clone());
        let secret = json!({ "SecretString": address });
        world
            .home()
            .script("secretsmanager:GetSecretValue", "team-chat", secret);
    });
    let recipients = [chat.address.as_str(), "ssm:/team/chat", "secret:team-chat"];
    let answer = run(&aws, &config(&recipients)).await;
    assert_eq!(answer.counts.deleted, 1);
    assert_eq!(answer.warnings, []);
    let messages = chat.messages();
    assert_eq!(messages.len(), 3);
    for message in messages {
        let text = message["text"].as_str().unwrap();
        assert!(
            text.starts_with("*ecr-cleanup: 1 image deleted*\n"),
            "{text}"
        );
        assert!(text.contains(&answer.run_id), "{text}");
    }
}

#[tokio::test]
async fn a_plan_with_nothing_to_tell_reads_no_address() {
    let aws = account().await;
    let answer = plan(&aws, &config(&["ssm:/team/none"]).replace("delete", "plan")).await;
    assert_eq!(answer.warnings, []);
    assert_eq!(aws.count("ssm:GetParameter"), 0);
}

/// One that cannot be told is a warning, which tells no secret, and the others are told.
#[tokio::test]
async fn what_keeps_somebody_from_being_told_is_a_warning() {
    let (chat, gone) = tokio::join!(
        Chat::start("200 OK", "ok"),
        Chat::start("404 Not Found", "no_service")
    );
    let aws = account().await;
    aws.edit(|world| {
        let parameters = &mut world.home().parameters;
        parameters.insert("/team/text".to_owned(), "hello secret".to_owned());
    });
    let recipients = [
        gone.address.as_str(),
        "http://127.0.0.1:1/secret",
        "ssm:/team/text",
        "ssm:/team/none",
        "secret:none",
        chat.address.as_str(),
    ];
    let answer = run(&aws, &config(&recipients)).await;
    assert_eq!(answer.counts.deleted, 1);
    for expected in [
        "the webhook at `127.0.0.1` answered HTTP 404: no_service",
        "the webhook at `127.0.0.1` was not reached: ",
        "`ssm:/team/text` does not hold the address of a webhook",
        "`ssm:GetParameter` for `/team/none` failed",
        "`secretsmanager:GetSecretValue` for `none` failed",
    ] {
        let expected = format!("a message about this run could not be sent: {expected}");
        assert_warns(&answer, &expected);
    }
    assert_eq!(answer.warnings.len(), 5, "{:?}", answer.warnings);
    for warning in &answer.warnings {
        assert!(!warning.message.contains("services/secret"), "{warning}");
        assert!(!warning.message.contains("hello"), "{warning}");
    }
    assert_eq!(chat.messages().len(), 1);
}
