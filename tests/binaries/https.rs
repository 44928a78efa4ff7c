//! Calls over TLS: whom the program trusts, and that it takes the way through a proxy that the
//! environment names.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io::Write,
    sync::{Arc, Mutex},
};

use demo::{CREDENTIALS, acceptance};
use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use simulated_cluster::Certificates;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinHandle,
};

use crate::support::{Account, Ended, run};

const ANSWER: &str = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>heard over TLS</Message></Error></ErrorResponse>";

/// A server that answers every call with an error, and records how it was asked.
struct Recorder {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    acceptor: JoinHandle<()>,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

impl Recorder {
    /// Starts the server on this machine, behind a certificate if there is one.
    async fn start(certificates: Option<&Certificates>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let tls = certificates.map(Certificates::acceptor);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        let acceptor = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                match &tls {
                    None => serve(stream, &record).await,
                    Some(tls) => {
                        // An error is a client that does not trust it.
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, &record).await;
                        }
                    }
                }
            }
        });
        Self {
            port,
            asked,
            acceptor,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, record: &Mutex<Vec<String>>) {
    let service = service_fn(async |request: Request<Incoming>| {
        let asked = format!("{} {}", request.method(), request.uri());
        record.lock().unwrap().push(asked);
        let response = Response::builder().status(403);
        Ok::<_, Infallible>(response.body(Full::<Bytes>::from(ANSWER)).unwrap())
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let _ = connection.await;
}

/// Runs `plan` with these variables. It fails, since nothing answers it well.
async fn plan(variables: &[(&str, &str)]) -> Ended {
    let one_attempt = ("AWS_MAX_ATTEMPTS", "1");
    let all = CREDENTIALS.into_iter().chain(variables.iter().copied());
    let environment: BTreeMap<String, String> = all
        .chain([one_attempt])
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let ended = run(&["plan"], environment).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    ended
}

#[tokio::test]
async fn a_server_is_heard_if_its_authority_is_trusted() {
    let certificates = Certificates::new(&["127.0.0.1"]);
    let server = Recorder::start(Some(&certificates)).await;
    let endpoint = format!("https://127.0.0.1:{}", server.port);
    let endpoint = ("AWS_ENDPOINT_URL", endpoint.as_str());
    let ended = plan(&[endpoint]).await;
    assert!(ended.errors.contains("UnknownIssuer"), "{ended:?}");
    assert_eq!(server.asked(), [""; 0]);

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(certificates.authority.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let ended = plan(&[endpoint, ("SSL_CERT_FILE", path)]).await;
    let answer = "AccessDenied: heard over TLS";
    assert!(ended.errors.contains(answer), "{ended:?}");
    assert_eq!(server.asked(), ["POST /"]);
}

#[tokio::test]
async fn the_way_to_aws_is_through_the_proxy() {
    let server = Recorder::start(None).await;
    let proxy = format!("http://127.0.0.1:{}", server.port);
    let ended = plan(&[("HTTPS_PROXY", &proxy)]).await;
    assert!(ended.errors.contains("sts:GetCallerIdentity"), "{ended:?}");
    assert_eq!(server.asked(), ["CONNECT sts.eu-west-1.amazonaws.com:443"]);
}

/// What needs no proxy is read; a service behind one cannot be asked, which does not mean that it
/// is not offered.
#[tokio::test]
async fn a_proxy_that_is_not_found_says_nothing_of_what_is_offered() {
    let account = Account::start(acceptance()).await;
    let mut environment = account.environment();
    let endpoint = environment.remove("AWS_ENDPOINT_URL").unwrap();
    for service in ["STS", "ECR", "ECS", "LAMBDA"] {
        environment.insert(format!("AWS_ENDPOINT_URL_{service}"), endpoint.clone());
    }
    let proxy = "http://no-such-proxy.invalid:1".to_owned();
    environment.insert("HTTPS_PROXY".to_owned(), proxy);
    environment.insert("AWS_MAX_ATTEMPTS".to_owned(), "1".to_owned());
    let config = json!({"in_use": {"eks": false, "services": ["batch"]}}).to_string();
    let arguments = ["plan", "--output", "json", "--config", &config];
    let ended = run(&arguments, environment).await;
    let answer: Value = serde_json::from_str(&ended.output).unwrap();
    let sources = answer["in_use"].as_array().unwrap().iter();
    let read: BTreeMap<&str, &Value> = sources
        .map(|source| (source["source"].as_str().unwrap(), source))
        .collect();
    let complete: Vec<(&str, &Value)> = read
        .iter()
        .map(|(name, source)| (*name, &source["complete"]))
        .collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(complete, [("batch", &no), ("ecs", &yes), ("lambda", &yes)]);
    let error = read["batch"]["error"].as_str().unwrap();
    assert!(error.contains("tunnel error"), "{error}");
}
