//! The simulated AWS in a process of its own.
//!
//! It prints its endpoint as its first line, and a [`Snapshot`] in one line of JSON for every line
//! it reads. It ends when its standard input is closed, or reads `quit`.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Write, stdin, stdout},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde::{Deserialize, Serialize};
use simulated_aws::{SimulatedAws, World};

use crate::{ImageKey, Reference, Scenario, Use, digest_of, uses};

/// What a program needs in its environment besides the endpoint.
pub const CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_REGION", "eu-west-1"),
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "example"),
];

/// What is stored and in use at one moment.
#[derive(Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The clusters of ECS.
    pub clusters: Vec<String>,
    /// The images.
    pub images: Vec<Stored>,
    /// The images that ECS names, once for each user.
    pub uses: Vec<Used>,
}

/// A stored image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stored {
    /// The repository.
    pub repository: String,
    /// What people call the image.
    pub label: String,
    /// Its digest.
    pub digest: String,
}

/// An image that something names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Used {
    /// For people: `service production/web`.
    pub user: String,
    /// For people: `shop/web:2.2.0`, or a short digest with what people call the image.
    pub image: String,
    /// The digest that a pull would get now; `None` if it would fail.
    pub digest: Option<String>,
}

impl Snapshot {
    fn of(world: &World, labels: &BTreeMap<ImageKey, String>) -> Self {
        let label = |key: &ImageKey| labels.get(key).cloned().unwrap_or_default();
        let stored = Scenario::images(world).into_iter().map(|key| Stored {
            label: label(&key),
            repository: key.0,
            digest: key.1,
        });
        let used = uses(world).into_iter().map(|one| Used {
            digest: digest_of(world, &one),
            image: name(&one, labels),
            user: one.user,
        });
        let home = world.regions.get(&world.home);
        let clusters = home.map(|home| home.ecs.clusters.keys().cloned().collect());
        Self {
            clusters: clusters.unwrap_or_default(),
            images: stored.collect(),
            uses: used.collect(),
        }
    }
}

fn name(one: &Use, labels: &BTreeMap<ImageKey, String>) -> String {
    match &one.reference {
        Reference::Tag(_) => one.to_string(),
        Reference::Digest(digest) => {
            let label = labels.get(&(one.repository.clone(), digest.clone()));
            let label = label.map_or("unknown", String::as_str);
            let short: String = digest.chars().skip("sha256:".len()).take(8).collect();
            format!("{}@{short} ({label})", one.repository)
        }
    }
}

/// Serves a scenario until standard input is closed or says `quit`.
pub async fn serve(scenario: Scenario) -> io::Result<()> {
    let Scenario { world, labels, .. } = scenario;
    let aws = SimulatedAws::builder().world(world).start().await;
    println!("{}", aws.endpoint());
    stdout().flush()?;
    loop {
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            stdin().lock().read_line(&mut line).map(|_| line)
        });
        let line = line.await??;
        if line.is_empty() || line.trim() == "quit" {
            return Ok(());
        }
        let snapshot = aws.read(|world| Snapshot::of(world, &labels));
        println!("{}", serde_json::to_string(&snapshot)?);
        stdout().flush()?;
    }
}

/// The process that serves; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// The endpoint URL for all services.
    pub endpoint: String,
}

impl Server {
    /// Starts the program `simulated-aws` with a scenario.
    pub fn start(program: &Path, scenario: &str) -> io::Result<Self> {
        let mut process = Command::new(program)
            .arg(scenario)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let missing = || io::Error::other("no pipe to the simulated AWS");
        let answers = process.stdout.take().ok_or_else(missing)?;
        let mut server = Self {
            questions: process.stdin.take(),
            answers: BufReader::new(answers),
            process,
            endpoint: String::new(),
        };
        server.endpoint = server.line()?;
        Ok(server)
    }

    /// Returns what is stored and in use now.
    pub fn snapshot(&mut self) -> io::Result<Snapshot> {
        if let Some(questions) = &mut self.questions {
            writeln!(questions, "snapshot")?;
        }
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::Error::other("the simulated AWS ended"));
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Closing its standard input ends it.
        self.questions.take();
        let _ = self.process.wait();
    }
}
