//! The server, as tests hold it.

use crate::answer::{Ending, Reply, answer, compressed};
use crate::fault::Fault;
use crate::state::{Resource, State};
use crate::tls::Certificates;
use crate::token::Signer;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// A running cluster. It stops, and its connections close, when it is dropped.
pub struct SimulatedCluster {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    authority: String,
    acceptor: JoinHandle<()>,
}

impl Drop for SimulatedCluster {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

impl SimulatedCluster {
    /// An empty cluster of that name on a free port of this machine, which accepts anybody.
    ///
    /// # Panics
    /// If no port can be had.
    pub async fn start(name: &str) -> Self {
        Self::start_as(name, &["127.0.0.1"]).await
    }

    /// The same with a certificate for other host names.
    ///
    /// # Panics
    /// If no port can be had.
    pub async fn start_as(name: &str, hosts: &[&str]) -> Self {
        #[expect(clippy::expect_used, reason = "a test cannot go on without its server")]
        let (listener, address) = {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("a bound address");
            (listener, address)
        };
        let tls = Certificates::new(hosts);
        let state = Arc::new(Mutex::new(State::new(name)));
        let acceptor = tokio::spawn(accept(listener, tls.acceptor(), Arc::clone(&state)));
        Self {
            state,
            address,
            authority: tls.authority,
            acceptor,
        }
    }

    /// Its URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Its certificate authority in PEM, in base64.
    #[must_use]
    pub fn authority(&self) -> String {
        BASE64_STANDARD.encode(&self.authority)
    }

    /// Returns a kubeconfig with one context of that name and this token.
    #[must_use]
    pub fn kubeconfig(&self, context: &str, token: &str) -> String {
        let (endpoint, authority) = (self.endpoint(), self.authority());
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {context}\n\
             clusters: [{{name: c, cluster: {{server: \"{endpoint}\", certificate-authority-data: {authority}}}}}]\n\
             users: [{{name: u, user: {{token: \"{token}\"}}}}]\n\
             contexts: [{{name: {context}, context: {{cluster: c, user: u, namespace: default}}}}]\n"
        )
    }

    /// Accepts anybody again.
    pub fn anybody(&self) {
        self.lock().signer = None;
    }

    /// Accepts only tokens of this signer.
    pub fn only(&self, signer: Signer) {
        self.lock().signer = Some(signer);
    }

    /// Defines a custom kind, or another version of one. Each version has objects of its own, as if
    /// they were converted.
    pub fn define(&self, group: &str, version: &str, plural: &str, kind: &str) {
        let [group, version, plural, kind] = [group, version, plural, kind].map(str::to_owned);
        self.lock()
            .resources
            .entry(Resource {
                group,
                version,
                plural,
                kind,
            })
            .or_default();
    }

    /// Calls lists of a kind, by its plural, something else than `KINDList`.
    pub fn name_lists(&self, plural: &str, list_kind: &str) {
        let mut state = self.lock();
        let names = (plural.to_owned(), list_kind.to_owned());
        state.list_kinds.extend([names]);
    }

    /// Stores an object under its kind, namespace and name.
    ///
    /// # Panics
    /// If its kind is not defined.
    pub fn apply(&self, manifest: Value) {
        self.lock().apply(manifest);
    }

    /// Denies `list` on a kind, by its plural.
    pub fn deny(&self, plural: &str) {
        self.lock().denied.push(plural.to_owned());
    }

    /// Grants everything again, and ends all faults.
    pub fn heal(&self) {
        let mut state = self.lock();
        state.denied.clear();
        state.faults.clear();
        state.stale.clear();
    }

    /// The server behind an API group does not answer: neither to discovery nor with lists.
    pub fn stale(&self, group: &str) {
        self.lock().stale.push(group.to_owned());
    }

    /// Adds a fault.
    pub fn fault(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Gives pages of at most so many objects.
    pub fn page_size(&self, size: usize) {
        self.lock().page_size = size;
    }

    /// Takes that long for every answer.
    pub fn latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// Offers discovery in the older form only.
    pub fn without_aggregated_discovery(&self) {
        self.lock().aggregated = false;
    }

    /// Returns every request so far, as path and query.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    /// Returns the tokens of all requests so far, each once, in order.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        let mut tokens = self.lock().tokens.clone();
        tokens.dedup();
        tokens
    }

    /// Forgets the requests so far.
    pub fn clear_record(&self) {
        let mut state = self.lock();
        state.requests.clear();
        state.tokens.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, tls.clone(), Arc::clone(&state)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, state: Arc<Mutex<State>>) {
    let _ = stream.set_nodelay(true);
    // A client that does not trust this server leaves here.
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let service = service_fn(|request| exchange(request, &state));
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn exchange(
    request: Request<Incoming>,
    state: &Mutex<State>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let uri = request
        .uri()
        .path_and_query()
        .map_or("/", |uri| uri.as_str());
    let token = header("authorization").strip_prefix("Bearer ");
    let latency = state.lock().unwrap_or_else(PoisonError::into_inner).latency;
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let ending = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        answer(&mut state, uri, header("accept"), token)
    };
    match ending {
        Ending::Answer(reply) => Ok(respond(reply)),
        Ending::Cut(mut reply) => {
            reply.body = compressed(&reply.body);
            reply.body.truncate(reply.body.len() / 2);
            reply.headers.push(("content-encoding", "gzip".to_owned()));
            Ok(respond(reply))
        }
        Ending::Hang => std::future::pending().await,
        Ending::Drop => Err(std::io::Error::other(
            "the simulated cluster closes the connection",
        )),
    }
}

fn respond(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
