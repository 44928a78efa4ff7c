//! How many calls a second an account bears, and how many of these the program makes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{path::Path, problems::Problems, scalar, text::TextError};

/// How many calls a second the program makes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `share` or `rates`")]
#[schemars(rename = "Aws")]
pub struct AwsRates {
    /// The part, above 0 and up to 1, of the calls a second that AWS allows of which the program
    /// makes use, where deployments and schedulers make the same calls. Default: 0.9.
    #[serde(deserialize_with = "scalar::price")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub share: f64,
    /// Calls a second that the caller's own account allows in its own Region, where they are more or fewer than AWS
    /// documents: by operation (`ecs:DescribeTaskDefinition`), or for all that begin alike (`ecs:*`).
    /// Default: what Service Quotas lists for the account, if it may be read, or else what AWS documents; and for reading and deleting images, what is found out.
    #[schemars(extend("additionalProperties" = { "type": "number", "exclusiveMinimum": 0 }))]
    pub rates: BTreeMap<String, f64>,
}

impl Default for AwsRates {
    fn default() -> Self {
        Self {
            share: 0.9,
            rates: BTreeMap::new(),
        }
    }
}

/// Returns the rates, whose keys have to be names of operations as IAM writes them.
pub(super) fn compile(written: &AwsRates, problems: &mut Problems) -> AwsRates {
    let path = Path::of("aws");
    if !(written.share > 0.0 && written.share <= 1.0) {
        let expected = format!(
            "expected a part, above 0 and up to 1, found {}",
            written.share
        );
        problems.add(&path.key("share"), expected);
    }
    let path = path.key("rates");
    for (name, rate) in &written.rates {
        if !is_name(name) {
            let expected = "an operation such as `ecs:DescribeTaskDefinition`, or `ecs:*`";
            problems.add(&path.key(name), TextError::new(expected, name).to_string());
        } else if !(*rate > 0.0 && rate.is_finite()) {
            let expected = format!("expected a number of calls a second, above 0, found {rate}");
            problems.add(&path.key(name), expected);
        }
    }
    written.clone()
}

fn is_name(text: &str) -> bool {
    let Some((service, operation)) = text.split_once(':') else {
        return false;
    };
    let operation = match operation.strip_suffix('*') {
        Some(begin) => begin,
        None if operation.is_empty() => return false,
        None => operation,
    };
    !service.is_empty()
        && service
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && operation.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
