//! A context of a kubeconfig, for clusters that are not of EKS and pull from ECR all the same.
//!
//! Only what works without running anything: a token, a file with one, or a client certificate.
//! Source: the Kubernetes documentation, "kubeconfig (v1)".

use std::path::{Path, PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;

use super::{
    client::{Client, Server, Timeouts},
    error::Problem,
    token::{Authentication, Bearer},
};

/// A kubeconfig that is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("kubeconfig `{file}`: {problem}")]
pub(crate) struct KubeconfigError {
    file: String,
    problem: String,
}

/// Where a context is described.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// The file.
    pub(crate) file: &'a str,
    /// The name of the context.
    pub(crate) name: &'a str,
}

#[derive(Deserialize)]
struct Kubeconfig {
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    users: Vec<NamedUser>,
    #[serde(default)]
    contexts: Vec<NamedContext>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
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

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    #[serde(default)]
    user: User,
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
struct NamedContext {
    name: String,
    context: Names,
}

#[derive(Deserialize)]
struct Names {
    cluster: String,
    user: String,
}

impl Context<'_> {
    /// A client of the cluster that the context names.
    pub(crate) fn client(&self, timeouts: Timeouts) -> Result<Client, Problem> {
        let text = read(Path::new(self.file)).map_err(|problem| self.error(problem))?;
        let text = String::from_utf8(text).map_err(|_| self.error("it is not text"))?;
        let config: Kubeconfig = serde_saphyr::from_str(&text)
            // The message of the parser would quote the file, which holds secrets.
            .map_err(|_| self.error("it is not the YAML of a kubeconfig"))?;
        let missing = |what: &str, name: &str| self.error(format!("there is no {what} `{name}`"));
        let context = config
            .contexts
            .iter()
            .find(|context| context.name == self.name);
        let names = &context
            .ok_or_else(|| missing("context", self.name))?
            .context;
        let cluster = config
            .clusters
            .iter()
            .find(|cluster| cluster.name == names.cluster);
        let cluster = &cluster
            .ok_or_else(|| missing("cluster", &names.cluster))?
            .cluster;
        let user = config.users.iter().find(|user| user.name == names.user);
        let user = &user.ok_or_else(|| missing("user", &names.user))?.user;

        if cluster.insecure_skip_tls_verify == Some(true) {
            return Err(self
                .error("`insecure-skip-tls-verify` is not supported: write `certificate-authority-data`")
                .into());
        }
        if cluster.tls_server_name.is_some() || cluster.proxy_url.is_some() {
            return Err(self
                .error("`tls-server-name` and `proxy-url` are not supported")
                .into());
        }
        let authority = self.part(
            cluster.certificate_authority_data.as_deref(),
            cluster.certificate_authority.as_ref(),
        )?;
        let authority = authority.ok_or_else(|| {
            self.error(format!(
                "cluster `{}` has no `certificate-authority-data`",
                names.cluster
            ))
        })?;
        let certificate = self.part(
            user.client_certificate_data.as_deref(),
            user.client_certificate.as_ref(),
        )?;
        let key = self.part(user.client_key_data.as_deref(), user.client_key.as_ref())?;
        let authentication = match (&user.token, &user.token_file) {
            (Some(token), _) => Authentication::Given(Bearer::new(token)),
            (None, Some(file)) => {
                let token = self.file(file)?;
                let token = String::from_utf8(token)
                    .map_err(|_| self.error("the token file is not text"))?;
                Authentication::Given(Bearer::new(&token))
            }
            (None, None) if certificate.is_some() => Authentication::Certificate,
            (None, None) => {
                let problem = format!(
                    "user `{}` has neither `token`, `tokenFile` nor `client-certificate-data`, and nothing else is supported (`exec` neither)",
                    names.user
                );
                return Err(self.error(problem).into());
            }
        };
        let server = Server {
            url: &cluster.server,
            authority: &authority,
            certificate: certificate.as_deref().zip(key.as_deref()),
        };
        Ok(Client::new(&server, authentication, timeouts)?)
    }

    /// What is written in base64, or in another file.
    fn part(
        &self,
        data: Option<&str>,
        file: Option<&PathBuf>,
    ) -> Result<Option<Vec<u8>>, KubeconfigError> {
        match (data, file) {
            (Some(data), _) => {
                let decoded = BASE64_STANDARD.decode(data.trim());
                decoded
                    .map(Some)
                    .map_err(|error| self.error(format!("bad base64: {error}")))
            }
            (None, Some(file)) => self.file(file).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The content of a file that is named relative to this one.
    fn file(&self, file: &Path) -> Result<Vec<u8>, KubeconfigError> {
        let folder = Path::new(self.file).parent().unwrap_or(Path::new(""));
        read(&folder.join(file)).map_err(|problem| self.error(problem))
    }

    fn error(&self, problem: impl Into<String>) -> KubeconfigError {
        KubeconfigError {
            file: self.file.to_owned(),
            problem: problem.into(),
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("`{}` cannot be read: {error}", file.display()))
}
