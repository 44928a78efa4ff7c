//! The simulated AWS in a process of its own: this program again, with the argument `serve`.
//!
//! It says its endpoint in one line, and for every line it reads what it was asked since the last
//! one.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write, stdin, stdout},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde::{Deserialize, Serialize};
use simulated_aws::{Call, RateLimits, SimulatedAws};

use crate::world::{JITTER, LATENCY, Size};

/// What a run asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// Its phases, one after the other: none of one can be made before those of the one before.
    pub(crate) phases: [BTreeMap<String, Calls>; 4],
    /// Requests to Kubernetes clusters.
    pub(crate) kubernetes: usize,
    /// Images that were really deleted.
    pub(crate) deleted: usize,
    /// Calls of a deployment that were throttled.
    pub(crate) starved: f64,
}

/// The calls of one operation.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Calls {
    pub(crate) answered: usize,
    pub(crate) throttled: usize,
}

impl Asked {
    /// Divides calls into phases. Gathering ends where it is asked who else may need what would go,
    /// that ends with the first image that is rechecked again, and acting with the last deletion.
    fn of(calls: &[Call]) -> [BTreeMap<String, Calls>; 4] {
        let again = |call: &Call| {
            call.operation == "ecr:DescribeImages" && call.body.get("imageIds").is_some()
        };
        let act = calls.iter().position(again).unwrap_or(calls.len());
        let asks = |call: &Call| {
            call.operation == "ecr:GetRegistryPolicy" || call.operation == "ecr:DescribeRegistry"
        };
        let ask = calls.iter().position(asks).unwrap_or(act);
        let deletes = |call: &Call| call.operation == "ecr:BatchDeleteImage";
        let end = calls
            .iter()
            .rposition(deletes)
            .map_or(act, |last| last + 1)
            .max(act);
        [
            &calls[..ask],
            &calls[ask..act],
            &calls[act..end],
            &calls[end..],
        ]
        .map(|calls| {
            let mut counts = BTreeMap::<String, Calls>::new();
            for call in calls {
                let of = counts.entry(call.operation.clone()).or_default();
                of.answered += usize::from(!call.throttled);
                of.throttled += usize::from(call.throttled);
            }
            counts
        })
    }

    pub(crate) fn sum(&self, of: impl Fn(&str, Calls) -> usize) -> usize {
        self.phases
            .iter()
            .flatten()
            .map(|(operation, calls)| of(operation, *calls))
            .sum()
    }
}

/// Serves a world until nobody asks any more.
pub(crate) async fn serve(size: Size) -> Result<(), Box<dyn std::error::Error>> {
    let (aws, clusters) = size.build(LATENCY, JITTER).await;
    println!("{}", aws.endpoint());
    stdout().flush()?;
    loop {
        let asked = tokio::task::spawn_blocking(|| stdin().lock().read_line(&mut String::new()));
        if asked.await?? == 0 {
            return Ok(());
        }
        println!("{}", serde_json::to_string(&report(&aws, &clusters))?);
        stdout().flush()?;
    }
}

fn report(aws: &SimulatedAws, clusters: &[simulated_cluster::SimulatedCluster]) -> Asked {
    let asked = Asked {
        phases: Asked::of(&aws.calls()),
        kubernetes: clusters
            .iter()
            .map(|cluster| cluster.requests().len())
            .sum(),
        deleted: aws.deletions().len(),
        starved: aws.starved(),
    };
    aws.clear_record();
    for cluster in clusters {
        cluster.clear_record();
    }
    asked
}

/// The process that serves.
pub(crate) struct Server {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pub(crate) endpoint: String,
}

impl Server {
    pub(crate) fn start(name: &str) -> std::io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command
            .args(["serve", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || std::io::Error::other("no pipe to the simulated AWS");
        let (questions, answers) = (
            process.stdin.take(),
            process.stdout.take().ok_or_else(missing)?,
        );
        let mut server = Self {
            process,
            questions,
            answers: BufReader::new(answers),
            endpoint: String::new(),
        };
        server.endpoint = server.line()?;
        Ok(server)
    }

    /// Returns what was asked since the last time.
    pub(crate) fn asked(&mut self) -> std::io::Result<Asked> {
        if let Some(questions) = &mut self.questions {
            writeln!(questions)?;
        }
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        if line.is_empty() {
            return Err(std::io::Error::other("the simulated AWS ended"));
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends when nobody can ask any more.
        self.questions.take();
        let _ = self.process.wait();
    }
}

/// Returns the least times that the phases can take: what their calls wait for tokens or for each
/// other, and the calls of which each needs the answer of the one before.
pub(crate) fn bounds(asked: &Asked, limits: &RateLimits) -> [f64; 4] {
    let answer = (LATENCY + JITTER / 2).as_secs_f64();
    let phases = [0, 1, 2, 3].map(|phase| (&asked.phases[phase], STEPS[phase]));
    phases.map(|(calls, steps)| {
        if calls.is_empty() {
            0.0
        } else {
            bound(calls, limits) + answer * steps
        }
    })
}

/// From who the program is over the state, clusters, services, tasks, deployments and revisions to
/// task definitions; the registry, its repositories, lock and state; recheck and delete; look,
/// unlock.
const STEPS: [f64; 4] = [13.0, 6.0, 2.0, 3.0];

fn bound(phase: &BTreeMap<String, Calls>, limits: &RateLimits) -> f64 {
    let mut buckets = BTreeMap::<&str, (f64, f64, f64)>::new();
    let mut bound = 0.0_f64;
    for (operation, calls) in phase {
        let calls = count(calls.answered);
        bound = bound.max(calls * (LATENCY + JITTER / 2).as_secs_f64() / at_once(operation));
        if let Some((name, rate, burst)) = limits.bucket_of(operation) {
            buckets.entry(name).or_insert((0.0, rate, burst)).0 += calls;
        }
    }
    buckets
        .values()
        .map(|(calls, rate, burst)| (calls - burst) / rate)
        .fold(bound, f64::max)
}

/// Returns how many calls of an operation the program makes at once.
fn at_once(operation: &str) -> f64 {
    match operation {
        "ecr:DescribeImages"
        | "ecr:ListImages"
        | "ecr:BatchGetImage"
        | "ecr:GetLifecyclePolicy"
        | "ecr:GetRepositoryPolicy"
        | "ecr:BatchDeleteImage"
        | "ecs:DescribeTaskDefinition" => 16.0,
        // A page after the other.
        "ecs:ListTaskDefinitions" | "ecr:DescribeRepositories" => 1.0,
        _ => 8.0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no run makes that many calls")]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}
