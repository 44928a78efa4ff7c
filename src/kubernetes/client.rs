//! The connection to an API server: GET, over TLS, with the cluster's own authority and nothing
//! else trusted.
//!
//! The host name is verified, redirects are not followed, and there is no switch to be less
//! careful. What may pass is tried again a few times, and a server that says how long to wait is
//! believed.

use std::{
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use flate2::write::GzDecoder;
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, StatusCode,
    body::{Bytes, Incoming},
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderValue,
        RETRY_AFTER, USER_AGENT,
    },
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde::Deserialize;

use super::token::Authentication;
use crate::aws::chain;

/// The most bytes of an answer, decompressed.
const LARGEST: usize = 32 << 20;
/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// The most characters of a server's message that are passed on.
const MESSAGE: usize = 300;

/// How long and how often an API server is asked.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Attempts of a request, the first included.
    pub attempts: u32,
    /// The wait before the first retry; it doubles from there, with jitter.
    pub first_backoff: Duration,
    /// Time for a connection.
    pub connect: Duration,
    /// Time for one attempt, from the connection to the last byte.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_backoff: Duration::from_millis(500),
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(75),
        }
    }
}

/// Where an API server is, and how to know it.
#[derive(Debug)]
pub(crate) struct Server<'a> {
    /// Its URL, `https://` and a host, perhaps with a path.
    pub(crate) url: &'a str,
    /// The certificates of the only authorities to trust, in PEM.
    pub(crate) authority: &'a [u8],
    /// The certificate to show and its key, in PEM, where the server knows the program by that.
    pub(crate) certificate: Option<(&'a [u8], &'a [u8])>,
}

/// A server that cannot even be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("its endpoint `{0}` is not an `https://` URL")]
    Url(String),
    #[error("its certificate authority cannot be used: {0}")]
    Authority(String),
    #[error("the certificate to show it cannot be used: {0}")]
    Certificate(String),
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// An answer that is none of what was asked for.
    #[error("{status}: {message}")]
    Status { status: u16, message: String },
    /// More than is ever read at once.
    #[error("the answer is larger than {} MiB", LARGEST >> 20)]
    TooLarge,
    /// No answer, or not all of it.
    #[error("{0}")]
    Connection(String),
}

impl Failure {
    /// The HTTP status, if there was an answer.
    pub(crate) const fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::TooLarge | Self::Connection(_) => None,
        }
    }

    fn may_pass(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            Self::TooLarge => false,
            Self::Connection(_) => true,
        }
    }
}

/// A failed attempt, with the time the server asks to wait.
struct Attempt(Failure, Option<Duration>);

impl From<Failure> for Attempt {
    fn from(failure: Failure) -> Self {
        Self(failure, None)
    }
}

/// A client of one API server.
pub(crate) struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    url: String,
    authentication: Authentication,
    timeouts: Timeouts,
}

impl Client {
    /// A client; no call is made yet.
    pub(crate) fn new(
        server: &Server<'_>,
        authentication: Authentication,
        timeouts: Timeouts,
    ) -> Result<Self, ServerError> {
        let url = server.url.trim_end_matches('/');
        let parsed = url
            .parse::<hyper::Uri>()
            .ok()
            .filter(|uri| uri.scheme_str() == Some("https"));
        if parsed.is_none() {
            return Err(ServerError::Url(server.url.to_owned()));
        }
        let mut http = HttpConnector::new();
        http.set_connect_timeout(Some(timeouts.connect));
        http.set_nodelay(true);
        http.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(server)?)
            .https_only()
            .enable_http1()
            .wrap_connector(http);
        let http = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self {
            http,
            url: url.to_owned(),
            authentication,
            timeouts,
        })
    }

    /// The body at a path, after as many attempts as it takes.
    pub(crate) async fn get(&self, path: &str, accept: &str) -> Result<Vec<u8>, Failure> {
        let (mut attempts, mut backoff) = (1, self.timeouts.first_backoff);
        let mut renewed = false;
        loop {
            let attempt =
                tokio::time::timeout(self.timeouts.answer, self.attempt(path, accept)).await;
            let Attempt(failure, asked) = match attempt {
                Ok(Ok(body)) => return Ok(body),
                Ok(Err(failed)) => failed,
                Err(_) => {
                    Failure::Connection(format!("no answer in {:?}", self.timeouts.answer)).into()
                }
            };
            // The clock may have jumped, or the credentials may have been replaced.
            if failure.status() == Some(401) && !renewed && self.authentication.renew() {
                renewed = true;
                continue;
            }
            if !failure.may_pass() || attempts >= self.timeouts.attempts {
                return Err(failure);
            }
            tokio::time::sleep(
                asked
                    .unwrap_or_default()
                    .max(jittered(backoff))
                    .min(LONGEST_WAIT),
            )
            .await;
            attempts += 1;
            backoff = backoff.saturating_mul(2);
        }
    }

    async fn attempt(&self, path: &str, accept: &str) -> Result<Vec<u8>, Attempt> {
        let bearer = self
            .authentication
            .bearer()
            .await
            .map_err(|error| Failure::Status {
                status: 401,
                message: error.to_string(),
            })?;
        let mut request = Request::get(format!("{}{path}", self.url))
            .header(ACCEPT, accept)
            .header(ACCEPT_ENCODING, "gzip")
            .header(
                USER_AGENT,
                concat!("ecr-cleanup/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(bearer) = bearer {
            let header = bearer
                .header()
                .map_err(|error| Failure::Connection(error.to_string()))?;
            request = request.header(AUTHORIZATION, header);
        }
        let request = request
            .body(Empty::new())
            .map_err(|error| Failure::Connection(error.to_string()))?;
        let response = self
            .http
            .request(request)
            .await
            .map_err(|error| Failure::Connection(chain(&error)))?;
        let (head, body) = response.into_parts();
        let body = collect(body, &head.headers).await;
        if head.status == StatusCode::OK {
            return Ok(body?);
        }
        // What an error says is for people; that it cannot be read changes nothing about the error.
        let message = message(&body.unwrap_or_default());
        let failure = Failure::Status {
            status: head.status.as_u16(),
            message,
        };
        Err(Attempt(failure, retry_after(&head.headers)))
    }
}

fn tls(server: &Server<'_>) -> Result<ClientConfig, ServerError> {
    let authority = |error: &dyn std::fmt::Display| ServerError::Authority(error.to_string());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(server.authority) {
        let certificate = certificate.map_err(|error| authority(&error))?;
        roots.add(certificate).map_err(|error| authority(&error))?;
    }
    if roots.is_empty() {
        return Err(authority(&"it holds no certificate"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| authority(&error))?
        .with_root_certificates(roots);
    let Some((certificates, key)) = server.certificate else {
        return Ok(config.with_no_client_auth());
    };
    let own = |error: &dyn std::fmt::Display| ServerError::Certificate(error.to_string());
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
    let certificates = certificates.map_err(|error| own(&error))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| own(&error))?;
    config
        .with_client_auth_cert(certificates, key)
        .map_err(|error| own(&error))
}

/// A body in whole, decompressed as it comes, and no more of it than [`LARGEST`].
async fn collect(mut body: Incoming, headers: &HeaderMap) -> Result<Vec<u8>, Failure> {
    let broken = |error: &dyn std::fmt::Display| {
        Failure::Connection(format!("the answer broke off: {error}"))
    };
    let mut sink = match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Sink::Plain(Capped::default()),
        Some(b"gzip") => Sink::Gzip(Box::new(GzDecoder::new(Capped::default()))),
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            return Err(Failure::Connection(format!(
                "the answer is encoded as `{other}`, which was not asked for"
            )));
        }
    };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let written = match &mut sink {
            Sink::Plain(plain) => plain.write_all(data),
            Sink::Gzip(gzip) => gzip.write_all(data),
        };
        written.map_err(|error| {
            if sink.is_full() {
                Failure::TooLarge
            } else {
                broken(&error)
            }
        })?;
    }
    match sink {
        Sink::Plain(plain) => Ok(plain.bytes),
        Sink::Gzip(mut gzip) => {
            let ended = gzip.try_finish();
            let full = gzip.get_ref().full;
            match ended {
                Ok(()) => Ok(std::mem::take(&mut gzip.get_mut().bytes)),
                Err(_) if full => Err(Failure::TooLarge),
                Err(error) => Err(broken(&error)),
            }
        }
    }
}

enum Sink {
    Plain(Capped),
    Gzip(Box<GzDecoder<Capped>>),
}

impl Sink {
    fn is_full(&self) -> bool {
        match self {
            Self::Plain(plain) => plain.full,
            Self::Gzip(gzip) => gzip.get_ref().full,
        }
    }
}

/// Bytes up to [`LARGEST`].
#[derive(Default)]
struct Capped {
    bytes: Vec<u8>,
    full: bool,
}

impl Write for Capped {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if part.len() > LARGEST - self.bytes.len() {
            self.full = true;
            return Err(io::Error::other("too large"));
        }
        if part.len() > self.bytes.capacity() - self.bytes.len() {
            // By an eighth at a time: doubled, a page would take up to twice its size.
            self.bytes
                .reserve_exact(part.len().max(self.bytes.len() / 8));
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a `Status` says, or the beginning of whatever else it is.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Status {
        message: String,
    }
    let text = match serde_json::from_slice::<Status>(body) {
        Ok(status) => status.message,
        Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
    };
    if text.is_empty() {
        "no message".to_owned()
    } else {
        text.chars().take(MESSAGE).collect()
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse()
        .ok()
        .map(Duration::from_secs)
}

/// Between half of a time and the whole of it.
fn jittered(time: Duration) -> Duration {
    let part = RandomState::new().hash_one(0) % 512;
    time * (512 + u32::try_from(part).unwrap_or_default()) / 1024
}
