//! `ecr-cleanup rbac`

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
};

use crate::{exit::Exit, output, session::Session};

/// A cluster that is named in one of two ways.
pub(crate) enum Cluster {
    /// By a context of a kubeconfig.
    Context { kubeconfig: String, name: String },
    /// By its name in Amazon EKS.
    Eks(String),
}

impl Cluster {
    /// Returns the cluster of the arguments, of which clap demands one of the first two.
    pub(crate) fn new(context: Option<&str>, eks: Option<&str>, kubeconfig: &str) -> Self {
        match (context, eks) {
            (_, Some(name)) => Self::Eks(name.to_owned()),
            (name, None) => {
                let home = env::var_os("HOME").map(PathBuf::from);
                Self::Context {
                    kubeconfig: first(kubeconfig, home.as_deref(), Path::exists),
                    name: name.unwrap_or_default().to_owned(),
                }
            }
        }
    }
}

/// Returns the first file that exists of a list as `KUBECONFIG` has it; `~/` is the user's folder.
fn first(list: &str, home: Option<&Path>, exists: impl Fn(&Path) -> bool) -> String {
    let at_home = |path: PathBuf| match (path.strip_prefix("~"), home) {
        (Ok(below), Some(home)) => home.join(below),
        _ => path,
    };
    let found = env::split_paths(list)
        .map(at_home)
        .find(|path| exists(path));
    found.map_or_else(|| list.to_owned(), |path| path.display().to_string())
}

/// Prints what a cluster has to grant.
pub(crate) async fn execute(cluster: &Cluster, session: &Session) -> anyhow::Result<Exit> {
    let program = &session.program;
    let progress = &session.progress;
    let role = match cluster {
        Cluster::Context { kubeconfig, name } => {
            let asking = program.cluster_role_of_context(kubeconfig, name);
            progress.show_while(asking).await?
        }
        Cluster::Eks(name) => {
            progress
                .show_while(program.cluster_role_of_eks(name))
                .await?
        }
    };
    write!(output::stdout(), "{role}")?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_kubeconfig_that_exists_is_read() {
        let exists = |path: &Path| path.starts_with("/home/me/.kube") || path.ends_with("here");
        for (list, expected) in [
            ("~/.kube/config", "/home/me/.kube/config"),
            ("/gone:/here:/home/me/.kube/config", "/here"),
            ("/gone", "/gone"),
            ("~gone", "~gone"),
        ] {
            let home = Some(Path::new("/home/me"));
            assert_eq!(first(list, home, exists), expected, "{list}");
        }
        assert_eq!(first("~/here", None, exists), "~/here");
    }
}
