//! Git repositories, made by the program `git`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// The program that is tested, without AWS.
const PROGRAM: &str = env!("CARGO_BIN_EXE_ecr-cleanup");
const DAY: i64 = 86_400;

/// A repository with a working tree, which clones have as their remote.
pub(crate) struct Origin {
    folder: TempDir,
    /// Time that ages are counted from, in seconds since 1970.
    now: i64,
}

impl Origin {
    /// Creates a repository without commits, whose default branch is `main`.
    pub(crate) fn new(now: i64) -> Self {
        let origin = Self {
            folder: tempfile::tempdir().unwrap(),
            now,
        };
        fs::create_dir(origin.path("origin")).unwrap();
        origin.git(&["init", "--quiet", "--initial-branch=main"], 0);
        origin
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `git` as if it were so many days ago.
    pub(crate) fn git(&self, arguments: &[&str], days_ago: i64) -> String {
        git(&self.path("origin"), arguments, self.now - days_ago * DAY)
    }

    /// Makes a commit on a branch, which begins at the current commit if there is none of the name,
    /// and returns its id.
    pub(crate) fn commit(&self, branch: &str, days_ago: i64) -> String {
        let current = self.git(&["symbolic-ref", "--short", "HEAD"], 0);
        if current != branch {
            let known = self.git(&["branch", "--list", branch], 0);
            let create: &[&str] = if known.is_empty() { &["-b"] } else { &[] };
            self.git(&[&["checkout", "--quiet"], create, &[branch]].concat(), 0);
        }
        let message = format!("{branch} {days_ago}");
        self.git(
            &["commit", "--quiet", "--allow-empty", "-m", &message],
            days_ago,
        );
        self.git(&["rev-parse", "HEAD"], 0)
    }

    /// Clones it, and returns the clone.
    pub(crate) fn cloned(&self, name: &str, options: &[&str]) -> PathBuf {
        let url = format!("file://{}", self.path("origin").display());
        let path = self.path(name);
        let arguments = [
            &["clone", "--quiet"],
            options,
            &[&url, path.to_str().unwrap()],
        ];
        git(self.folder.path(), &arguments.concat(), self.now);
        path
    }

    /// Exports a clone, and returns the document, or what the refusal said.
    pub(crate) fn export(&self, clone: &Path, options: &[&str]) -> Result<String, String> {
        let file = self.path("document.json");
        let _ = fs::remove_file(&file);
        let mut command = Command::new(PROGRAM);
        command
            .args(["git", "export"])
            .arg(clone)
            .arg("--out")
            .arg(&file);
        let output = isolated(command.args(options)).output().unwrap();
        if output.status.success() {
            return Ok(fs::read_to_string(file).unwrap());
        }
        assert!(!file.exists(), "something was written");
        assert_eq!(output.status.code(), Some(1));
        Err(text(&output.stderr))
    }
}

/// Runs `git` in a folder at a time in seconds since 1970, and returns what it prints.
pub(crate) fn git(folder: &Path, arguments: &[&str], time: i64) -> String {
    let time = format!("@{time} +0000");
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments);
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "somebody");
        command.env(format!("GIT_{role}_EMAIL"), "somebody@example.com");
        command.env(format!("GIT_{role}_DATE"), &time);
    }
    let Output {
        status,
        stdout,
        stderr,
    } = isolated(&mut command).output().unwrap();
    assert!(status.success(), "{arguments:?}: {}", text(&stderr));
    text(&stdout)
}

/// Keeps what is configured on this machine from a command.
fn isolated(command: &mut Command) -> &mut Command {
    let command = command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_CONFIG_NOSYSTEM", "1").stdin(Stdio::null())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
