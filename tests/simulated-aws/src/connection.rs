//! Connections: HTTP/1.1 in and out.

use crate::exchange::{Ending, Reply};
use crate::request::Request;
use crate::server::Shared;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::http::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Accepts connections until it is dropped; they end with it.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    shared.connections.accept();
    // Without this, the kernel holds small answers back.
    let _ = stream.set_nodelay(true);
    let service = service_fn(async |request| {
        shared.connections.begin();
        let answer = exchange(request, &shared).await;
        shared.connections.end();
        answer
    });
    // An error is the client that left, or a fault that closes the connection.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

type Content = Either<Full<Bytes>, Cut>;

async fn exchange(
    request: hyper::Request<Incoming>,
    shared: &Shared,
) -> Result<Response<Content>, Closed> {
    let (parts, body) = request.into_parts();
    let content = body.collect().await.map_err(|_| Closed)?.to_bytes();
    let request = Request::read(&parts, &content);
    let latency = shared.latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let (ending, delay) = shared.lock().handle(request);
    delay.pass().await;
    match ending {
        Ending::Answer(reply) => Ok(respond(reply, |body| Either::Left(Full::from(body)))),
        Ending::Cut(mut reply) => {
            let length = reply.body.len().max(1).to_string();
            reply.headers.push(("content-length", length));
            Ok(respond(reply, |mut body| {
                body.truncate(body.len() / 2);
                Either::Right(Cut::After(body.into()))
            }))
        }
        Ending::Hang => std::future::pending().await,
        Ending::Drop => Err(Closed),
    }
}

fn respond(reply: Reply, content: impl FnOnce(Vec<u8>) -> Content) -> Response<Content> {
    let mut response = Response::new(content(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("x-amzn-requestid", HeaderValue::from_static("simulated"));
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

/// The connection is to be closed without an answer.
#[derive(Debug)]
pub(crate) struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the simulated AWS closes the connection")
    }
}

impl std::error::Error for Closed {}

/// A body that breaks off.
pub(crate) enum Cut {
    After(Bytes),
    Flush,
    Now,
}

impl Body for Cut {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        match std::mem::replace(&mut *self, Self::Now) {
            Self::After(bytes) => {
                *self = Self::Flush;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            // A pause, so that what was written so far is sent.
            Self::Flush => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Now => Poll::Ready(Some(Err(Closed))),
        }
    }
}
