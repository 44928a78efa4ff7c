//! What names a registry: host names, Regions and roles.

use super::text::{TextError, quoted};
use crate::image::{AccountId, Arn, Region};

/// Reason for which a text is no alias of a registry.
#[derive(Debug, thiserror::Error)]
pub(super) enum AliasError {
    #[error(transparent)]
    Form(#[from] TextError),
    #[error("{} is a host of ECR itself, and needs no alias", quoted(.0))]
    Ecr(String),
}

/// Returns the alias in lower case, if it is a host name, with or without a port, and not one of
/// ECR.
pub(super) fn alias(text: &str) -> Result<String, AliasError> {
    let alias = text.to_ascii_lowercase();
    let without = |what: &str, host: &str| {
        let expected = format!("a host name without a {what}, such as {}", quoted(host));
        TextError::new(expected, text)
    };
    if let Some((_, rest)) = alias.split_once("://") {
        let host = rest.split('/').next().unwrap_or_default();
        return Err(without("scheme", host).into());
    }
    if let Some((host, _)) = alias.split_once('/') {
        return Err(without("path", host).into());
    }
    let (host, port) = alias.split_once(':').unwrap_or((&alias, "443"));
    if !is_host(host) || !is_port(port) {
        let expected = "a host name such as `registry.example.com`";
        return Err(TextError::new(expected, text).into());
    }
    if is_ecr(host) {
        return Err(AliasError::Ecr(text.to_owned()));
    }
    Ok(alias)
}

/// Returns whether a text is a DNS name: labels of letters, digits and inner hyphens.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let inner = !label.starts_with('-') && !label.ends_with('-');
        inner && (1..=63).contains(&label.len()) && label.bytes().all(good)
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Returns whether a host is one of ECR, in any partition: `<account>.dkr.ecr...`,
/// `<account>.dkr-ecr...`, and ECR Public.
fn is_ecr(host: &str) -> bool {
    let private = host.split_once('.').is_some_and(|(account, rest)| {
        let is_service = rest.starts_with("dkr.ecr") || rest.starts_with("dkr-ecr");
        is_service && account.parse::<AccountId>().is_ok()
    });
    private || host == "public.ecr.aws" || host.ends_with(".public.ecr.aws")
}

/// Reads a Region of the usual form: `eu-west-1`, `us-gov-west-1`, `eusc-de-east-1`.
pub(super) fn region(text: &str) -> Result<Region, TextError> {
    let is_word =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let parts: Vec<&str> = text.split('-').collect();
    let is_usual = parts.split_last().is_some_and(|(number, words)| {
        (2..=4).contains(&words.len())
            && words.iter().all(is_word)
            && (1..=2).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    let region = text.parse().ok().filter(|_| is_usual);
    region.ok_or_else(|| TextError::new("an AWS Region such as `eu-west-1`", text))
}

/// Reads the id of an account.
pub(super) fn account(text: &str) -> Result<AccountId, TextError> {
    text.parse()
        .map_err(|_| TextError::new("an account id of 12 digits", text))
}

/// Returns whether a text is the name of an IAM role, with or without its path.
fn is_role_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@/-".contains(&byte);
    !name.is_empty() && !name.starts_with('/') && !name.ends_with('/') && name.bytes().all(good)
}

/// Reads the name of an IAM role, with or without its path.
pub(super) fn role_name(text: &str) -> Result<String, TextError> {
    let is_name = text.len() <= 1024 && is_role_name(text);
    let name = is_name.then(|| text.to_owned());
    name.ok_or_else(|| TextError::new("the name of a role, such as `ecr-cleanup-reader`", text))
}

/// Reads the ARN of an IAM role, and its account.
pub(super) fn role_arn(text: &str) -> Result<(Arn, AccountId), TextError> {
    let is_role = |arn: &Arn| {
        let name = arn.resource.strip_prefix("role/");
        let is_global = &*arn.service == "iam" && arn.region.is_none();
        text.len() <= 2048 && is_global && name.is_some_and(is_role_name)
    };
    let arn: Option<Arn> = text.parse().ok().filter(is_role);
    let role = arn.and_then(|arn| arn.account.map(|account| (arn, account)));
    role.ok_or_else(|| {
        let example = "`arn:aws:iam::222222222222:role/ecr-cleanup`";
        TextError::new(format!("the ARN of a role, such as {example}"), text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_a_host_in_lower_case() {
        for (text, expected) in [
            ("registry.example.com", "registry.example.com"),
            ("Registry.Example.COM:5000", "registry.example.com:5000"),
            ("localhost:5000", "localhost:5000"),
            ("mirror", "mirror"),
            ("10.0.0.7:443", "10.0.0.7:443"),
            ("dkr.ecr.example.com", "dkr.ecr.example.com"),
        ] {
            assert_eq!(alias(text).unwrap(), expected);
        }
    }

    #[test]
    fn regions_and_roles_are_known_by_their_form() {
        let usual =
            "eu-west-1 us-gov-west-1 us-isob-east-1 cn-north-1 eusc-de-east-1 ap-southeast-7";
        for text in usual.split(' ') {
            assert!(region(text).is_ok(), "{text}");
        }
        let others = "eu-west eu-west-1a EU-WEST-1 eu_west_1 1 west-1 eu--1 eu-west-123 *";
        for text in others.split(' ').chain([""]) {
            assert!(region(text).is_err(), "{text}");
        }
        for arn in [
            "arn:aws:iam::222222222222:role/ecr-cleanup",
            "arn:aws-us-gov:iam::222222222222:role/a/b/c+d@e",
        ] {
            assert!(role_arn(arn).is_ok(), "{arn}");
        }
        for arn in [
            "",
            "ecr-cleanup",
            "arn:aws:iam::222222222222:user/me",
            "arn:aws:iam::22222222222:role/short",
            "arn:aws:iam::222222222222:role/",
            "arn:aws:iam::222222222222:role/*",
            "arn:aws:sts::222222222222:assumed-role/a/b",
            "arn:azure:iam::222222222222:role/a",
            "arn:aws:iam:eu-west-1:222222222222:role/a",
        ] {
            assert!(role_arn(arn).is_err(), "{arn}");
        }
    }

    #[test]
    fn all_else_is_no_alias() {
        for (text, message) in [
            (
                "https://registry.example.com/v2",
                "expected a host name without a scheme, such as `registry.example.com`",
            ),
            (
                "registry.example.com/team",
                "expected a host name without a path, such as `registry.example.com`",
            ),
            (
                "111111111111.dkr.ecr.eu-west-1.amazonaws.com",
                "`111111111111.dkr.ecr.eu-west-1.amazonaws.com` is a host of ECR",
            ),
            (
                "111111111111.DKR.ecr-fips.us-east-1.amazonaws.com",
                "`111111111111.DKR.ecr-fips.us-east-1.amazonaws.com` is a host of ECR",
            ),
            (
                "111111111111.dkr-ecr.eu-west-1.on.aws:443",
                "`111111111111.dkr-ecr.eu-west-1.on.aws:443` is a host of ECR",
            ),
            ("public.ecr.aws", "`public.ecr.aws` is a host of ECR"),
        ] {
            let error = alias(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
        let no_hosts = "|a b|-a.example.com|a..b|*.example.com|a.example.com:|a.example.com:0|\
             a.example.com:65536|a.example.com:+80|a:1:2|[::1]:5000";
        for text in no_hosts.split('|') {
            let error = alias(text).unwrap_err().to_string();
            assert!(error.starts_with("expected a host name such as"), "{error}");
        }
    }
}
