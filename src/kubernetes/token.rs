//! The bearer token: who the program is to a cluster.
//!
//! For EKS it is a presigned `sts:GetCallerIdentity` in disguise, which needs no call to make. The
//! cluster's authenticator accepts it for 15 minutes after it was signed, and refuses one with any
//! parameter too many, so nothing but the signer touches the URL. Source: "aws-iam-authenticator",
//! `pkg/token`.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hyper::http;

use crate::image::{Partition, Time};

/// A token is signed again when it is this old.
const RENEWED_AFTER: Duration = Duration::from_mins(10);
/// The longest token that a cluster reads.
const LONGEST: usize = 4096;

/// A secret that shows itself to nobody but the server.
#[derive(Clone)]
pub(crate) struct Bearer(http::HeaderValue);

impl Bearer {
    /// Makes a token of what is written.
    pub(crate) fn new(token: &str) -> Result<Self, TokenError> {
        let value = http::HeaderValue::from_str(&format!("Bearer {}", token.trim()));
        let mut value = value.map_err(|_| TokenError::Header)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// Returns the value of the `Authorization` header, marked as sensitive.
    pub(crate) fn header(&self) -> http::HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

/// Reason for which there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("no AWS credentials to sign a token with: {0}")]
    Credentials(String),
    #[error("a token could not be signed: {0}")]
    Signing(String),
    #[error(
        "the token has {0} characters and a cluster reads {LONGEST}: use credentials with a shorter session token"
    )]
    TooLong(usize),
    #[error("the token has characters that cannot be sent")]
    Header,
}

impl TokenError {
    /// Returns whether there may be a token in a moment.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Self::Credentials(_))
    }
}

/// Authentication of the program.
#[derive(Debug)]
pub(crate) enum Authentication {
    /// By tokens signed with the credentials of a role.
    Role(RoleToken),
    Given(Bearer),
    Certificate,
}

impl Authentication {
    /// Returns the token to send now, `None` if the certificate says who the program is.
    pub(crate) async fn bearer(&self) -> Result<Option<Bearer>, TokenError> {
        match self {
            Self::Role(role) => role.bearer().await.map(Some),
            Self::Given(bearer) => Ok(Some(bearer.clone())),
            Self::Certificate => Ok(None),
        }
    }

    /// Forgets a token that was refused, and returns whether there may be another one.
    pub(crate) fn renew(&self) -> bool {
        match self {
            Self::Role(role) => {
                *role.signed.lock().unwrap_or_else(PoisonError::into_inner) = None;
                true
            }
            Self::Given(_) | Self::Certificate => false,
        }
    }
}

/// Tokens for one cluster of EKS.
pub(crate) struct RoleToken {
    credentials: SharedCredentialsProvider,
    region: String,
    cluster: String,
    clock: fn() -> Time,
    signed: Mutex<Option<(SystemTime, Bearer)>>,
}

impl fmt::Debug for RoleToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoleToken({} {})", self.region, self.cluster)
    }
}

impl RoleToken {
    /// Makes tokens for the cluster of that name in that Region.
    pub(crate) fn new(
        credentials: SharedCredentialsProvider,
        region: &str,
        cluster: &str,
        clock: fn() -> Time,
    ) -> Self {
        Self {
            credentials,
            region: region.to_owned(),
            cluster: cluster.to_owned(),
            clock,
            signed: Mutex::new(None),
        }
    }

    async fn bearer(&self) -> Result<Bearer, TokenError> {
        let since_1970 = u64::try_from((self.clock)().millis()).unwrap_or_default();
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(since_1970);
        if let Some((at, bearer)) = &*self.signed.lock().unwrap_or_else(PoisonError::into_inner)
            && now.duration_since(*at).is_ok_and(|age| age < RENEWED_AFTER)
        {
            return Ok(bearer.clone());
        }
        let credentials = self.credentials.provide_credentials().await;
        let credentials =
            credentials.map_err(|error| TokenError::Credentials(error.to_string()))?;
        let bearer = presign(&credentials, &self.region, &self.cluster, now)?;
        *self.signed.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, bearer.clone()));
        Ok(bearer)
    }
}

fn presign(
    credentials: &Credentials,
    region: &str,
    cluster: &str,
    now: SystemTime,
) -> Result<Bearer, TokenError> {
    let signing = |error: &dyn fmt::Display| TokenError::Signing(error.to_string());
    let host = sts_host(region);
    let url = format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    // By convention; the authenticator counts its own 15 minutes.
    settings.expires_in = Some(Duration::from_mins(1));
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| signing(&error))?;
    let headers = [("x-k8s-aws-id", cluster)];
    let request = SignableRequest::new("GET", &url, headers.into_iter(), SignableBody::Bytes(b""));
    let request = request.map_err(|error| signing(&error))?;
    let signature = sign(request, &parameters.into()).map_err(|error| signing(&error))?;
    let signed = http::Request::get(&url).body(());
    let mut signed = signed.map_err(|error| signing(&error))?;
    signature
        .into_parts()
        .0
        .apply_to_request_http1x(&mut signed);
    let encoded = BASE64_URL_SAFE_NO_PAD.encode(signed.uri().to_string());
    let token = format!("k8s-aws-v1.{encoded}");
    if token.len() > LONGEST {
        return Err(TokenError::TooLong(token.len()));
    }
    Bearer::new(&token)
}

/// Returns the host of STS in a Region: the authenticator accepts only one of the cluster's own
/// partition.
fn sts_host(region: &str) -> String {
    format!("sts.{region}.{}", Partition::dns_suffix_of(region))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01T00:00:00Z.
    const NEW_YEAR: Duration = Duration::from_hours(490_896);

    fn token(session: Option<&str>) -> Result<Bearer, TokenError> {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let session = session.map(str::to_owned);
        let credentials = Credentials::new("AKIDEXAMPLE", secret, session, None, "test");
        let now = SystemTime::UNIX_EPOCH + NEW_YEAR;
        presign(&credentials, "eu-west-1", "my-cluster", now)
    }

    fn url(session: Option<&str>) -> String {
        let token = token(session).unwrap().header();
        let token = token.to_str().unwrap();
        let encoded = token.strip_prefix("Bearer k8s-aws-v1.").unwrap();
        String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
    }

    /// The signatures that botocore makes of the same things.
    #[test]
    fn signs_as_the_official_clients_do() {
        let start = "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&";
        let of_key = [
            "X-Amz-Expires=60",
            "X-Amz-SignedHeaders=host%3Bx-k8s-aws-id",
            "X-Amz-Signature=40851dec30bb8fb6885cff3c186700d16f9d29f95f04f830ddfebff330953692",
        ];
        let of_session = [
            "X-Amz-Expires=60",
            "X-Amz-Security-Token=IQoJb3JpZ2luX2VjEXAMPLE%2Ftoken%2Bx%3D%3D",
            "X-Amz-Signature=540661df94148867c228d447d4de714e2c412fa2cc97b26608138acd696fa386",
        ];
        let session = Some("IQoJb3JpZ2luX2VjEXAMPLE/token+x==");
        for (session, parts) in [(None, of_key), (session, of_session)] {
            let url = url(session);
            assert!(url.starts_with(start), "{url}");
            for part in parts {
                assert!(url.contains(part), "{part}: {url}");
            }
        }
    }

    #[test]
    fn a_token_too_long_for_a_cluster_is_an_error() {
        let error = token(Some(&"x".repeat(4000))).unwrap_err();
        assert!(matches!(error, TokenError::TooLong(_)), "{error}");
    }

    #[test]
    fn shows_nothing_of_the_secret() {
        let token = token(None).unwrap();
        assert_eq!(format!("{token:?}"), "Bearer(..)");
        assert_eq!(format!("{:?}", token.header()), "Sensitive");
    }

    #[test]
    fn a_token_that_cannot_be_sent_is_none() {
        let token = |text| Bearer::new(text).map(|token| token.header());
        assert_eq!(token("a\nb").unwrap_err(), TokenError::Header);
        assert_eq!(token(" a\n").unwrap(), "Bearer a");
        assert!(!TokenError::Header.may_pass());
    }

    #[test]
    fn each_partition_has_its_own_sts() {
        for (region, host) in [
            ("eu-west-1", "sts.eu-west-1.amazonaws.com"),
            ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
            ("us-isob-east-1", "sts.us-isob-east-1.sc2s.sgov.gov"),
        ] {
            assert_eq!(sts_host(region), host);
        }
    }
}
