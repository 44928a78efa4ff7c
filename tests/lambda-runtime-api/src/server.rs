//! The HTTP side: what the process asks and answers.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

use crate::{FunctionError, exchange::Exchange};

const RUNTIME: &str = "/2018-06-01/runtime/";

/// A running server. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    acceptor: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

impl Server {
    /// Starts the server on a free port of 127.0.0.1.
    pub(crate) async fn start(exchange: Arc<Exchange>, arn: String) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let arn: Arc<str> = arn.into();
        let acceptor = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (exchange, arn) = (Arc::clone(&exchange), Arc::clone(&arn));
                let service = service_fn(move |request| {
                    let (exchange, arn) = (Arc::clone(&exchange), Arc::clone(&arn));
                    async move { Ok::<_, Infallible>(answer(request, &exchange, &arn).await) }
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(connection);
            }
        });
        Ok(Self { address, acceptor })
    }
}

async fn answer(
    request: Request<Incoming>,
    exchange: &Exchange,
    arn: &str,
) -> Response<Full<Bytes>> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let Some(asked) = path.strip_prefix(RUNTIME) else {
        return respond(StatusCode::NOT_FOUND);
    };
    if method == Method::GET && asked == "invocation/next" {
        return next(exchange, arn).await;
    }
    let Ok(body) = request.into_body().collect().await else {
        return respond(StatusCode::BAD_REQUEST);
    };
    let body = body.to_bytes();
    let asked: Vec<&str> = asked.split('/').collect();
    match (method, asked.as_slice()) {
        (Method::POST, ["init", "error"]) => exchange.fail_to_start(error(&body)),
        (Method::POST, ["invocation", id, "error"]) => exchange.answer(id, Err(error(&body))),
        (Method::POST, ["invocation", id, "response"]) => {
            let outcome = serde_json::from_slice(&body)
                .map_err(|error| FunctionError::new("Runtime.InvalidResponse", error.to_string()));
            exchange.answer(id, outcome);
        }
        _ => return respond(StatusCode::NOT_FOUND),
    }
    respond(StatusCode::ACCEPTED)
}

async fn next(exchange: &Exchange, arn: &str) -> Response<Full<Bytes>> {
    let event = exchange.next().await;
    let mut response = Response::new(Full::from(event.body));
    let headers = [
        ("lambda-runtime-aws-request-id", event.request_id.as_str()),
        ("lambda-runtime-deadline-ms", &event.deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", arn),
        (
            "lambda-runtime-trace-id",
            "Root=1-00000000-000000000000000000000000;Sampled=0",
        ),
    ];
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn error(body: &[u8]) -> FunctionError {
    serde_json::from_slice(body)
        .unwrap_or_else(|error| FunctionError::new("Runtime.InvalidError", error.to_string()))
}

fn respond(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
