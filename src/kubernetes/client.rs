//! The connection to an API server: GET, over TLS, with the cluster's own authority and nothing
//! else trusted.
//!
//! The host name is verified, redirects are not followed, and there is no switch to be less
//! careful. What may pass is tried again a few times, and a server that says how long to wait is
//! believed.

use std::{
    hash::{BuildHasher, RandomState},
    io::{self, ErrorKind, Write},
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
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::{failure::Failure, token::Authentication};

/// The most bytes of an answer, decompressed.
pub(super) const LARGEST: usize = 32 << 20;
/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// The most characters of a server's message that are passed on.
const MESSAGE: usize = 300;
/// Media type that most requests accept.
pub(super) const JSON: &str = "application/json";

/// Timeouts and attempts of requests to an API server.
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

/// Address of an API server, and the certificates to know it by.
#[derive(Debug)]
pub(crate) struct Server {
    /// `https://` and a host, perhaps with a path.
    pub(crate) url: String,
    /// The certificates of the only authorities to trust, in PEM.
    pub(crate) authority: Vec<u8>,
    /// The certificate to show and its key, in PEM, if the server knows the program by that.
    pub(crate) certificate: Option<(Vec<u8>, Vec<u8>)>,
}

/// Reason for which a server cannot even be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("its endpoint `{0}` is not an `https://` URL")]
    Url(String),
    #[error("its certificate authority cannot be used: {0}")]
    Authority(TlsError),
    #[error("the certificate to show it cannot be used: {0}")]
    Certificate(TlsError),
}

/// Reason for which a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error(transparent)]
    Pem(#[from] pem::Error),
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
    #[error("it holds no certificate")]
    Empty,
}

/// A failed attempt, with the time the server asks to wait.
struct Attempt(Failure, Option<Duration>);

impl From<Failure> for Attempt {
    fn from(failure: Failure) -> Self {
        Self(failure, None)
    }
}

pub(crate) struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    url: String,
    authentication: Authentication,
    timeouts: Timeouts,
}

impl Client {
    /// Makes a client, and no call yet.
    pub(crate) fn new(
        server: &Server,
        authentication: Authentication,
        timeouts: Timeouts,
    ) -> Result<Self, ServerError> {
        let url = server.url.trim_end_matches('/').to_owned();
        let parsed = url.parse::<hyper::Uri>();
        if !parsed.is_ok_and(|uri| uri.scheme_str() == Some("https")) {
            return Err(ServerError::Url(server.url.clone()));
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
        Ok(Self {
            http: legacy::Client::builder(TokioExecutor::new()).build(connector),
            url,
            authentication,
            timeouts,
        })
    }

    /// Returns the body at a path, after as many attempts as it takes.
    pub(crate) async fn get(&self, path: &str, accept: &str) -> Result<Vec<u8>, Failure> {
        let (mut attempts, mut backoff) = (1, self.timeouts.first_backoff);
        let mut renewed = false;
        loop {
            let attempt = self.attempt(path, accept);
            let Attempt(failure, asked) = match timeout(self.timeouts.answer, attempt).await {
                Ok(Ok(body)) => return Ok(body),
                Ok(Err(failed)) => failed,
                Err(_) => {
                    Failure::Connection(format!("no answer in {:?}", self.timeouts.answer)).into()
                }
            };
            // The clock may have jumped, or the credentials may have been replaced.
            let is_unknown = matches!(failure, Failure::Status(401, _));
            if is_unknown && !renewed && self.authentication.renew() {
                renewed = true;
                continue;
            }
            if !failure.may_pass() || attempts >= self.timeouts.attempts {
                return Err(failure);
            }
            let wait = asked.unwrap_or_default().max(jittered(backoff));
            sleep(wait.min(LONGEST_WAIT)).await;
            attempts += 1;
            backoff = backoff.saturating_mul(2);
        }
    }

    async fn attempt(&self, path: &str, accept: &str) -> Result<Vec<u8>, Attempt> {
        let bearer = self.authentication.bearer().await;
        let bearer = bearer.map_err(Failure::from)?;
        let mut request = Request::get(format!("{}{path}", self.url))
            .header(ACCEPT, accept)
            .header(ACCEPT_ENCODING, "gzip")
            .header(
                USER_AGENT,
                concat!("ecr-cleanup/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(bearer) = bearer {
            request = request.header(AUTHORIZATION, bearer.header());
        }
        let request = request.body(Empty::new()).map_err(Failure::from)?;
        let response = self.http.request(request).await.map_err(Failure::from)?;
        let (head, body) = response.into_parts();
        let body = collect(body, &head.headers).await;
        if head.status == StatusCode::OK {
            return Ok(body?);
        }
        // What an error says is for people; that it cannot be read changes nothing about the error.
        let message = message(&body.unwrap_or_default());
        let failure = Failure::Status(head.status.as_u16(), message);
        Err(Attempt(failure, retry_after(&head.headers)))
    }
}

fn tls(server: &Server) -> Result<ClientConfig, ServerError> {
    let roots = roots(&server.authority).map_err(ServerError::Authority)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ServerError::Authority(error.into()))?
        .with_root_certificates(roots);
    match &server.certificate {
        None => Ok(config.with_no_client_auth()),
        Some((certificates, key)) => {
            with_certificate(config, certificates, key).map_err(ServerError::Certificate)
        }
    }
}

fn roots(authority: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        roots.add(certificate?)?;
    }
    if roots.is_empty() {
        return Err(TlsError::Empty);
    }
    Ok(roots)
}

fn with_certificate(
    config: ConfigBuilder<ClientConfig, WantsClientCert>,
    certificates: &[u8],
    key: &[u8],
) -> Result<ClientConfig, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(certificates).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key)?;
    Ok(config.with_client_auth_cert(certificates, key)?)
}

/// Reads a body in whole, decompressed as it comes, and no more of it than [`LARGEST`].
async fn collect(mut body: Incoming, headers: &HeaderMap) -> Result<Vec<u8>, Failure> {
    let mut sink = match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Sink::Plain(Capped::default()),
        Some(b"gzip") => Sink::Gzip(Box::new(GzDecoder::new(Capped::default()))),
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            let problem = format!("the answer is encoded as `{other}`, which was not asked for");
            return Err(Failure::Connection(problem));
        }
    };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::broken_off(&error))?;
        if let Some(data) = frame.data_ref() {
            match &mut sink {
                Sink::Plain(plain) => plain.write_all(data)?,
                Sink::Gzip(gzip) => gzip.write_all(data)?,
            }
        }
    }
    match sink {
        Sink::Plain(plain) => Ok(plain.0),
        Sink::Gzip(mut gzip) => {
            gzip.try_finish()?;
            Ok(std::mem::take(&mut gzip.get_mut().0))
        }
    }
}

enum Sink {
    Plain(Capped),
    Gzip(Box<GzDecoder<Capped>>),
}

/// Bytes up to [`LARGEST`].
#[derive(Default)]
struct Capped(Vec<u8>);

impl Write for Capped {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        let Self(bytes) = self;
        if part.len() > LARGEST - bytes.len() {
            return Err(ErrorKind::FileTooLarge.into());
        }
        if part.len() > bytes.capacity() - bytes.len() {
            // By an eighth at a time: doubled, a page would take up to twice its size.
            bytes.reserve_exact(part.len().max(bytes.len() / 8));
        }
        bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the message of a `Status`, or the beginning of any other answer.
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
        return "no message".to_owned();
    }
    text.chars().take(MESSAGE).collect()
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Returns something between half of a time and the whole of it.
fn jittered(time: Duration) -> Duration {
    let part = RandomState::new().hash_one(0) % 512;
    time * (512 + u32::try_from(part).unwrap_or_default()) / 1024
}
