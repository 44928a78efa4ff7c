//! A context of a kubeconfig, for clusters that are not of EKS and pull from ECR all the same.
//!
//! Only what works without running anything: a token, a file with one, or a client certificate.
//! Source: the Kubernetes documentation, "kubeconfig (v1)".

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;

use super::{
    client::{Client, Server, Timeouts},
    error::{KubeconfigError, Problem},
    token::{Authentication, Bearer},
};

/// A context by its file and name.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) file: &'a str,
    pub(crate) name: &'a str,
}

#[derive(Deserialize)]
struct Kubeconfig {
    #[serde(default)]
    clusters: Vec<Named<Cluster>>,
    #[serde(default)]
    users: Vec<Named<Option<User>>>,
    #[serde(default)]
    contexts: Vec<Named<Names>>,
}

#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(alias = "cluster", alias = "user", alias = "context")]
    value: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
    insecure_skip_tls_verify: Option<bool>,
    tls_server_name: Option<String>,
    proxy_url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
}

#[derive(Deserialize)]
struct Names {
    cluster: String,
    user: String,
}

impl Context<'_> {
    /// Makes a client of the cluster that the context names.
    pub(crate) fn client(&self, timeouts: Timeouts) -> Result<Client, Problem> {
        let (server, authentication) = self.read().map_err(|error| Problem::Kubeconfig {
            file: self.file.to_owned(),
            error,
        })?;
        Ok(Client::new(&server, authentication, timeouts)?)
    }

    fn read(&self) -> Result<(Server, Authentication), KubeconfigError> {
        let text = String::from_utf8(read(Path::new(self.file))?);
        let text = text.map_err(|_| KubeconfigError::NotText)?;
        let config: Kubeconfig =
            serde_saphyr::from_str(&text).map_err(|_| KubeconfigError::NotYaml)?;
        let names = find(config.contexts, "context", self.name)?;
        let cluster = find(config.clusters, "cluster", &names.cluster)?;
        let user = find(config.users, "user", &names.user)?.unwrap_or_default();

        if cluster.insecure_skip_tls_verify == Some(true) {
            return Err(KubeconfigError::Insecure);
        }
        if cluster.tls_server_name.is_some() || cluster.proxy_url.is_some() {
            return Err(KubeconfigError::NameOrProxy);
        }
        let authority = self
            .part(
                cluster.certificate_authority_data,
                cluster.certificate_authority,
            )?
            .ok_or(KubeconfigError::NoAuthority(names.cluster))?;
        let certificate = self.part(user.client_certificate_data, user.client_certificate)?;
        let key = self.part(user.client_key_data, user.client_key)?;
        let authentication = match (user.token, user.token_file) {
            (Some(token), _) => Authentication::Given(Bearer::new(&token)?),
            (None, Some(file)) => {
                let token = String::from_utf8(self.file(&file)?);
                let token = token.map_err(|_| KubeconfigError::TokenNotText)?;
                Authentication::Given(Bearer::new(&token)?)
            }
            (None, None) if certificate.is_some() => Authentication::Certificate,
            (None, None) => return Err(KubeconfigError::NoCredentials(names.user)),
        };
        let server = Server {
            url: cluster.server,
            authority,
            certificate: certificate.zip(key),
        };
        Ok((server, authentication))
    }

    /// Returns what is written in base64, or in another file.
    fn part(
        &self,
        data: Option<String>,
        file: Option<PathBuf>,
    ) -> Result<Option<Vec<u8>>, KubeconfigError> {
        match (data, file) {
            (Some(data), _) => Ok(Some(BASE64_STANDARD.decode(data.trim())?)),
            (None, file) => file.map(|file| self.file(&file)).transpose(),
        }
    }

    /// Reads a file that is named relative to this one.
    fn file(&self, file: &Path) -> Result<Vec<u8>, KubeconfigError> {
        let folder = Path::new(self.file).parent().unwrap_or(Path::new(""));
        read(&folder.join(file))
    }
}

fn find<T>(all: Vec<Named<T>>, what: &'static str, name: &str) -> Result<T, KubeconfigError> {
    let found = all.into_iter().find(|named| named.name == name);
    let missing = || KubeconfigError::Missing {
        what,
        name: name.to_owned(),
    };
    Ok(found.ok_or_else(missing)?.value)
}

fn read(file: &Path) -> Result<Vec<u8>, KubeconfigError> {
    fs::read(file).map_err(|error| KubeconfigError::Unreadable {
        file: file.display().to_string(),
        error,
    })
}
