//! The remote that a clone was made from, as the program `git` reaches it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use anyhow::{Context, bail};

use super::clone::LocalRef;

/// Endings of the refs of a pull request.
const PULL_ENDINGS: [&str; 2] = ["/head", "/merge"];

/// Refs of a remote.
pub(super) struct Remote {
    pub(super) default_branch: String,
    /// Object of each ref, by name.
    refs: BTreeMap<String, String>,
}

impl Remote {
    /// Lists the refs of the remote.
    pub(super) fn ask(clone: &Path, remote: &str) -> anyhow::Result<Self> {
        Self::parse(&git(clone, &["ls-remote", "--symref", "--", remote])?)
            .with_context(|| format!("remote `{remote}` does not say which branch is its default"))
    }

    fn parse(text: &str) -> Option<Self> {
        let (mut default_branch, mut refs) = (None, BTreeMap::new());
        for (first, name) in text.lines().filter_map(|line| line.split_once('\t')) {
            match first.strip_prefix("ref: refs/heads/") {
                Some(branch) if name == "HEAD" => default_branch = Some(branch.to_owned()),
                None if !name.ends_with("^{}") => {
                    refs.insert(name.to_owned(), first.to_owned());
                }
                _ => {}
            }
        }
        Some(Self {
            default_branch: default_branch?,
            refs,
        })
    }

    /// Returns a line for each ref that the clone has otherwise than the remote. Pull requests are
    /// compared only if the clone has some.
    pub(super) fn differences(&self, local: &[LocalRef]) -> Vec<String> {
        let local: BTreeMap<&str, String> = local
            .iter()
            .map(|it| (it.name.as_str(), it.object.to_string()))
            .collect();
        let fetched = |ending: &str| {
            let mut names = local.keys();
            names.any(|name| is_pull(name) && name.ends_with(ending))
        };
        let endings: Vec<&str> = PULL_ENDINGS.into_iter().filter(|it| fetched(it)).collect();
        let counts = |name: &str| {
            let is_fetched = || endings.iter().any(|ending| name.ends_with(ending));
            name.starts_with("refs/heads/")
                || name.starts_with("refs/tags/")
                || is_pull(name) && is_fetched()
        };
        let remote = self
            .refs
            .keys()
            .map(String::as_str)
            .filter(|name| counts(name));
        let names: BTreeSet<&str> = remote.chain(local.keys().copied()).collect();
        let of = |id: Option<&String>| id.map_or("missing".to_owned(), |id| format!("at {id}"));
        let differing = names.into_iter().filter_map(|name| {
            let (here, there) = (local.get(name), self.refs.get(name));
            let line = || {
                format!(
                    "`{name}` is {} in the clone, and {} in the remote",
                    of(here),
                    of(there)
                )
            };
            (here != there).then(line)
        });
        differing.collect()
    }
}

/// Returns whether a ref is one of a pull request or merge request.
pub(super) fn is_pull(name: &str) -> bool {
    let is_request = ["refs/pull/", "refs/merge-requests/"]
        .iter()
        .any(|it| name.starts_with(it));
    is_request && PULL_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Returns the name of the repository, from the address of the remote.
pub(super) fn name(clone: &Path, remote: &str) -> anyhow::Result<String> {
    let url = git(clone, &["remote", "get-url", "--", remote])?;
    Ok(name_in(url.trim()))
}

/// Returns the host and the path of an address, without user, port and `.git`.
fn name_in(url: &str) -> String {
    let path = url.split_once("://").map(|(_, rest)| rest);
    let rest = path.unwrap_or(url);
    let (host, rest) = match (path, rest.split_once('/')) {
        (Some(_), Some((host, rest))) => (host, rest),
        // `git@github.com:org/app.git`
        _ => rest.split_once(':').unwrap_or(("", rest)),
    };
    let host = host.rsplit('@').next().unwrap_or(host);
    let host = host.split(':').next().unwrap_or(host).to_lowercase();
    let rest = rest.trim_matches('/');
    let rest = rest.strip_suffix(".git").unwrap_or(rest);
    if host.is_empty() {
        rest.to_owned()
    } else {
        format!("{host}/{rest}")
    }
}

/// Runs `git` in the clone and returns what it prints.
fn git(clone: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command
        .env("GIT_TERMINAL_PROMPT", "0")
        // It would stand for another clone, as in a hook.
        .env_remove("GIT_DIR")
        .arg("-C")
        .arg(clone)
        .args(arguments);
    let output = command
        .output()
        .context("failed to run `git`, which asks the remote")?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("`git {}` failed: {}", arguments.join(" "), errors.trim());
    }
    String::from_utf8(output.stdout).context("`git` printed something that is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_repository_is_in_every_form_of_its_address() {
        for (url, name) in [
            ("https://github.com/org/app.git", "github.com/org/app"),
            (
                "https://x-access-token:secret@github.com/org/app",
                "github.com/org/app",
            ),
            ("git@github.com:org/app.git", "github.com/org/app"),
            (
                "ssh://git@GitLab.example.com:2222/group/sub/app.git/",
                "gitlab.example.com/group/sub/app",
            ),
            ("file:///srv/git/app.git", "srv/git/app"),
            ("/srv/git/app.git", "srv/git/app"),
            (
                "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/app",
                "git-codecommit.eu-west-1.amazonaws.com/v1/repos/app",
            ),
        ] {
            assert_eq!(name_in(url), name, "{url}");
        }
    }

    #[test]
    fn the_default_branch_is_what_the_head_of_the_remote_names() {
        let text = "ref: refs/heads/trunk\tHEAD\n11\tHEAD\n11\trefs/heads/trunk\n22\trefs/tags/v1\n11\trefs/tags/v1^{}\n";
        let remote = Remote::parse(text);
        let branch = remote.as_ref().map(|it| it.default_branch.as_str());
        assert_eq!(branch, Some("trunk"));
        let names = remote.iter().flat_map(|it| it.refs.keys());
        let names: Vec<&str> = names.map(String::as_str).collect();
        assert_eq!(names, ["HEAD", "refs/heads/trunk", "refs/tags/v1"]);
        assert!(Remote::parse("11\trefs/heads/trunk\n").is_none());
    }
}
