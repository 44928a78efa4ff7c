//! Who makes the calls: what a person chose, how the account is called, and what to do where there
//! are no credentials.

use std::{env, fmt};

use aws_config::profile::{self, Profile, ProfileFileLoadError, ProfileSet};
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use super::{ApiError, Clients, Endpoint, JsonRequest, Operation, error::chain};
use crate::{
    config::nearest_name,
    image::{Partition, Region},
};

const IAM: Endpoint<'static> = Endpoint {
    id: "IAM",
    prefix: "iam",
    signing: "iam",
};
const ALIASES: Operation = Operation::ListAccountAliases;

/// Profile and Region that a person chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerChoice {
    /// Profile, whose credentials go before those of the environment.
    pub profile: Option<String>,
    /// Region.
    pub region: Option<Region>,
}

/// Reason for which nobody can make a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoCaller {
    /// Observation.
    problem: String,
    /// Next step: mostly, what to type.
    next: String,
}

impl fmt::Display for NoCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.problem, self.next)
    }
}

impl std::error::Error for NoCaller {}

impl CallerChoice {
    /// Returns the profile that holds: the chosen one, or that of the environment where no keys are
    /// written beside it.
    #[must_use]
    pub fn or_environment(mut self) -> Self {
        let written = |name| env::var(name).ok().filter(|value| !value.is_empty());
        if self.profile.is_none() && written("AWS_ACCESS_KEY_ID").is_none() {
            self.profile = written("AWS_PROFILE");
        }
        self
    }
}

impl Clients {
    /// Checks that there are a Region and credentials.
    ///
    /// # Errors
    /// Returns what to type where there are none.
    pub async fn check_caller(&self, caller: &CallerChoice) -> Result<(), NoCaller> {
        let profiles = load_profiles().await;
        let profiles = match (&profiles, &caller.profile) {
            (Ok(profiles), _) => Some(profiles),
            (Err(error), Some(name)) => {
                return Err(NoCaller {
                    problem: format!("profile `{name}` cannot be read: {}", chain(error)),
                    next: "mend the file that it names".to_owned(),
                });
            }
            (Err(_), None) => None,
        };
        if let (Some(name), Some(profiles)) = (&caller.profile, profiles)
            && profiles.get_profile(name).is_none()
        {
            return Err(no_profile(name, profiles));
        }
        let found = caller.profile.as_deref().zip(profiles);
        let found = found.and_then(|(name, all)| Some((name, all.get_profile(name)?)));
        if self.region().is_none() {
            return Err(NoCaller {
                problem: "no Region is configured".to_owned(),
                next: "pass `--region`, or set AWS_REGION".to_owned(),
            });
        }
        match self.credentials() {
            None => Err(no_credentials()),
            Some(provider) => {
                let provided = provider.provide_credentials().await;
                provided.map(|_| ()).map_err(|error| match found {
                    None => match error {
                        CredentialsError::CredentialsNotLoaded(_)
                        | CredentialsError::ProviderTimedOut(_) => no_credentials(),
                        _ => unusable("the credentials of the environment", &error, None),
                    },
                    Some((name, profile)) => {
                        let next = login(name, profile);
                        unusable(&format!("profile `{name}`"), &error, next)
                    }
                })
            }
        }
    }

    /// Returns what to type after the caller's identity could not be found out; `None` if the error
    /// says all there is to say.
    pub async fn advice(&self, error: &ApiError, caller: &CallerChoice) -> Option<String> {
        let code = error.code.as_deref()?;
        let is_over = code.starts_with("ExpiredToken");
        let is_unknown = matches!(
            code,
            "InvalidClientTokenId" | "SignatureDoesNotMatch" | "UnrecognizedClientException"
        );
        if error.operation != Operation::GetCallerIdentity || !(is_over || is_unknown) {
            return None;
        }
        let name = caller.profile.as_deref();
        let profiles = load_profiles().await;
        let login = name.and_then(|name| login(name, profiles.as_ref().ok()?.get_profile(name)?));
        let what = match name {
            Some(name) => format!("the credentials of profile `{name}`"),
            None => "the credentials of the environment".to_owned(),
        };
        let problem = if is_over {
            "have expired"
        } else {
            "are not valid"
        };
        let next = login
            .unwrap_or_else(|| "get new ones, or name another profile with `--profile`".to_owned());
        Some(format!("{what} {problem}: {next}"))
    }

    /// Returns the alias of the caller's account; `None` if it has none, or the caller may not know.
    pub(crate) async fn account_alias(&self, home: &Region) -> Option<String> {
        // Elsewhere the host names follow other rules, for a name that is nice to have.
        let partition = Partition::of(home).filter(|partition| partition.id == "aws")?;
        let clients = self.in_region(partition.global_region);
        let service = clients.brief_json_service(IAM).ok()?;
        let request = JsonRequest {
            method: "POST".to_owned(),
            uri: "/".to_owned(),
            headers: vec![(
                "content-type",
                "application/x-www-form-urlencoded".to_owned(),
            )],
            body: "Action=ListAccountAliases&Version=2010-05-08".to_owned(),
        };
        let answer = service.call(ALIASES, "", request).await.ok()?;
        // There is at most one: IAM API Reference.
        let alias = answer.pointer("/ListAccountAliasesResult/AccountAliases/0")?;
        alias.as_str().map(ToOwned::to_owned)
    }
}

async fn load_profiles() -> Result<ProfileSet, ProfileFileLoadError> {
    let files = EnvConfigFiles::default();
    profile::load(&Fs::real(), &Env::real(), &files, None).await
}

fn no_profile(name: &str, profiles: &ProfileSet) -> NoCaller {
    let names: Vec<&str> = profiles.profiles().collect();
    let next = match nearest_name(name, &names) {
        Some(near) => format!("did you mean `--profile {near}`?"),
        None if names.is_empty() => "`aws configure sso` writes one".to_owned(),
        None => format!("there are {}", names.join(", ")),
    };
    NoCaller {
        problem: format!("there is no profile `{name}`"),
        next,
    }
}

fn no_credentials() -> NoCaller {
    NoCaller {
        problem: "there are no AWS credentials".to_owned(),
        next: "pass `--profile NAME` (after `aws sso login --profile NAME`), or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned(),
    }
}

fn unusable(what: &str, error: &CredentialsError, login: Option<String>) -> NoCaller {
    NoCaller {
        problem: format!("{what} cannot be used: {}", chain(error)),
        next: login.unwrap_or_else(|| "mend what the message names".to_owned()),
    }
}

/// Returns the command that logs in with a profile; `None` if it needs none.
fn login(name: &str, profile: &Profile) -> Option<String> {
    if profile
        .get("sso_session")
        .or_else(|| profile.get("sso_start_url"))
        .is_some()
    {
        return Some(format!("log in with `aws sso login --profile {name}`"));
    }
    if profile.get("login_session").is_some() {
        return Some(format!("log in with `aws login --profile {name}`"));
    }
    let source = profile.get("source_profile")?;
    Some(format!(
        "it takes its credentials from profile `{source}`: log in with that, as by `aws sso login --profile {source}`"
    ))
}
