//! The token, checked as the authenticator of EKS does: the URL in it is checked, and then STS
//! would be asked, with the cluster's own name in the signed header. Source:
//! "aws-iam-authenticator", `pkg/token`.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

const PARAMETERS: [&str; 9] = [
    "Action",
    "Version",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];
/// How long a token lives, in seconds.
const LIFE: u64 = 900;

/// Whose tokens are accepted.
#[derive(Debug, Clone)]
pub struct Signer {
    /// The Region of the cluster.
    pub region: String,
    /// The secret key that STS would find for the access key.
    pub secret: String,
    /// What time it is, in seconds since 1970.
    pub now: fn() -> u64,
}

impl Signer {
    /// Tokens of this Region, signed with this secret and by the real clock.
    #[must_use]
    pub fn new(region: &str, secret: &str) -> Self {
        let now = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs())
        };
        Self {
            region: region.to_owned(),
            secret: secret.to_owned(),
            now,
        }
    }

    /// Returns what is wrong with a token for the cluster of that name.
    pub(crate) fn check(&self, token: &str, cluster: &str) -> Result<(), String> {
        if token.len() > 4096 {
            return Err("token is too large".to_owned());
        }
        let encoded = token
            .strip_prefix("k8s-aws-v1.")
            .ok_or("token is missing its prefix")?;
        let url = BASE64_URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|error| error.to_string())?;
        let url = String::from_utf8(url).map_err(|error| error.to_string())?;
        let rest = url.strip_prefix("https://").ok_or("unexpected scheme")?;
        let (host, rest) = rest.split_once('/').ok_or("unexpected path")?;
        if host != format!("sts.{}.amazonaws.com", self.region) {
            return Err(format!("unexpected hostname {host}"));
        }
        let query = rest.strip_prefix('?').ok_or("unexpected path")?;
        let mut parameters = BTreeMap::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').ok_or("a parameter without a value")?;
            if !PARAMETERS.contains(&name) || parameters.insert(name, value).is_some() {
                return Err(format!("unexpected or repeated parameter {name}"));
            }
        }
        let value = |name: &str| {
            parameters
                .get(name)
                .copied()
                .ok_or(format!("{name} is missing"))
        };
        if value("Action")? != "GetCallerIdentity"
            || value("X-Amz-SignedHeaders")? != "host%3Bx-k8s-aws-id"
        {
            return Err("unexpected action or signed headers".to_owned());
        }
        if value("X-Amz-Expires")?
            .parse::<u64>()
            .ok()
            .is_none_or(|expires| expires > LIFE)
        {
            return Err("unexpected expiry".to_owned());
        }
        let date = value("X-Amz-Date")?;
        let signed_at = seconds(date).ok_or("unexpected date")?;
        let now = (self.now)();
        if signed_at > now + 60 || signed_at + LIFE < now {
            return Err("token is expired".to_owned());
        }
        let signature = value("X-Amz-Signature")?;
        parameters.remove("X-Amz-Signature");
        if signature != self.signature(&parameters, host, cluster, date) {
            return Err("STS refuses the signature".to_owned());
        }
        Ok(())
    }

    /// Returns the signature that STS computes.
    fn signature(
        &self,
        parameters: &BTreeMap<&str, &str>,
        host: &str,
        cluster: &str,
        date: &str,
    ) -> String {
        let query: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let canonical = format!(
            "GET\n/\n{}\nhost:{host}\nx-k8s-aws-id:{cluster}\n\nhost;x-k8s-aws-id\n{}",
            query.join("&"),
            hex::encode(Sha256::digest(b""))
        );
        let day = date.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/sts/aws4_request", self.region);
        let text = format!(
            "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
            hex::encode(Sha256::digest(canonical))
        );
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, &self.region, "sts", "aws4_request", &text] {
            key = hmac(&key, part.as_bytes());
        }
        hex::encode(&key)
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    let hashed = Sha256::digest(key);
    let key = if key.len() > block.len() {
        &hashed[..]
    } else {
        key
    };
    block[..key.len()].copy_from_slice(key);
    let pad = |byte: u8| block.map(|part| part ^ byte);
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner)
        .finalize()
        .to_vec()
}

/// Seconds since 1970 of `20260101T000000Z`.
fn seconds(date: &str) -> Option<u64> {
    let number = |from: usize, to: usize| date.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    // Days from the civil calendar, with the year beginning in March.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, of_era) = (year / 400, year % 400);
    let days =
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day
            - 1
            - 719_468;
    Some(days * 86_400 + number(9, 11)? * 3600 + number(11, 13)? * 60 + number(13, 15)?)
}
