//! Names that AWS gives: of accounts, Regions and resources.

use std::{fmt, ops::Deref, str::FromStr};

use serde_with::{DeserializeFromStr, SerializeDisplay};

/// Text that is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsNameError {
    /// Not an account id.
    #[error("`{0}` is no account id: expected 12 digits")]
    Account(String),
    /// Not a Region.
    #[error("`{0}` is no Region: expected letters, digits and `-`, such as `eu-west-1`")]
    Region(String),
    /// Not an ARN.
    #[error("`{0}` is no ARN: expected `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`")]
    Arn(String),
}

/// The id of an account: twelve digits.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay, DeserializeFromStr,
)]
pub struct AccountId([u8; 12]);

impl FromStr for AccountId {
    type Err = AwsNameError;

    fn from_str(text: &str) -> Result<Self, AwsNameError> {
        <[u8; 12]>::try_from(text.as_bytes())
            .ok()
            .filter(|digits| digits.iter().all(u8::is_ascii_digit))
            .map(Self)
            .ok_or_else(|| AwsNameError::Account(text.to_owned()))
    }
}

impl Deref for AccountId {
    type Target = str;

    fn deref(&self) -> &str {
        // Digits are UTF-8.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The name of a Region, such as `eu-west-1`.
///
/// Any word that a host name can hold counts, so that a Region of a new partition is no blind spot.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay, DeserializeFromStr)]
pub struct Region(Box<str>);

impl FromStr for Region {
    type Err = AwsNameError;

    fn from_str(text: &str) -> Result<Self, AwsNameError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !text.is_empty() && text.bytes().all(good) {
            Ok(Self(text.into()))
        } else {
            Err(AwsNameError::Region(text.to_owned()))
        }
    }
}

impl Deref for Region {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// An Amazon Resource Name: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay, DeserializeFromStr)]
pub struct Arn {
    /// The partition, such as `aws` or `aws-cn`.
    pub partition: Box<str>,
    /// The service, such as `iam`.
    pub service: Box<str>,
    /// The Region; `None` for what belongs to none, such as a role.
    pub region: Option<Region>,
    /// The account; `None` for what belongs to none, such as a bucket.
    pub account: Option<AccountId>,
    /// Resource, in the service's own form; it may hold colons and slashes.
    pub resource: Box<str>,
}

impl FromStr for Arn {
    type Err = AwsNameError;

    fn from_str(text: &str) -> Result<Self, AwsNameError> {
        fn optional<T: FromStr>(text: &str) -> Result<Option<T>, T::Err> {
            (!text.is_empty()).then(|| text.parse()).transpose()
        }
        let parse = || {
            let parts: Vec<&str> = text.splitn(6, ':').collect();
            let ["arn", partition, service, region, account, resource] = parts[..] else {
                return None;
            };
            let named = partition.starts_with("aws") && !service.is_empty();
            (named && !resource.is_empty()).then_some(Self {
                partition: partition.into(),
                service: service.into(),
                region: optional(region).ok()?,
                account: optional(account).ok()?,
                resource: resource.into(),
            })
        };
        parse().ok_or_else(|| AwsNameError::Arn(text.to_owned()))
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (region, account) = (self.region.as_deref(), self.account.as_deref());
        write!(
            f,
            "arn:{}:{}:{}:{}:{}",
            self.partition,
            self.service,
            region.unwrap_or_default(),
            account.unwrap_or_default(),
            self.resource
        )
    }
}

/// Shows a name as its text.
macro_rules! debug_as_text {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{self}\"")
            }
        }
    };
}

debug_as_text!(AccountId);
debug_as_text!(Region);
debug_as_text!(Arn);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_has_twelve_digits() {
        let account: AccountId = "012345678901".parse().unwrap();
        assert_eq!(&*account, "012345678901");
        assert_eq!(account.to_string(), "012345678901");
        for text in ["", "1", "1234567890123", "12345678901a", "１２３４", "*"] {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_region_is_a_word_of_a_host_name() {
        for text in ["eu-west-1", "eusc-de-east-1", "us-isob-east-1", "new1"] {
            assert_eq!(&*text.parse::<Region>().unwrap(), text);
        }
        for text in ["", "*", "eu west", "eu.west", "eu_west_1"] {
            assert!(text.parse::<Region>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_arn_reads_back_as_it_was_written() {
        for (text, region, account, resource) in [
            (
                "arn:aws:iam::222222222222:role/a/b",
                None,
                Some("222222222222"),
                "role/a/b",
            ),
            (
                "arn:aws-cn:lambda:cn-north-1:222222222222:function:app:7",
                Some("cn-north-1"),
                Some("222222222222"),
                "function:app:7",
            ),
            ("arn:aws:s3:::bucket/key", None, None, "bucket/key"),
        ] {
            let arn: Arn = text.parse().unwrap();
            assert_eq!(arn.to_string(), text);
            let found = (
                arn.region.as_deref(),
                arn.account.as_deref(),
                &*arn.resource,
            );
            assert_eq!(found, (region, account, resource), "{text}");
        }
        for text in [
            "",
            "arn",
            "arn:aws:iam::222222222222",
            "arn:aws:iam::222222222222:",
            "arn:aws:iam::2222:role/a",
            "arn:aws:iam::*:role/a",
            "arn:azure:iam::222222222222:role/a",
            "arn:aws::eu-west-1:222222222222:x",
            "222222222222",
        ] {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_strings_in_json() {
        let account: AccountId = serde_json::from_str("\"222222222222\"").unwrap();
        assert_eq!(serde_json::to_string(&account).unwrap(), "\"222222222222\"");
        let error = serde_json::from_str::<AccountId>("\"1\"").unwrap_err();
        let expected = "`1` is no account id: expected 12 digits";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
