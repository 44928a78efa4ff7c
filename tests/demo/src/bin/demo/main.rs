//! The whole product without an AWS account: fills a simulated one, plans, deletes, and checks what
//! is left.
//!
//! Ends with an error when an image that ECS uses can no longer be pulled. The other programs are
//! those beside this one.

mod show;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, bail};
use demo::{CREDENTIALS, Server, Snapshot};
use lambda_runtime_api::{Settings, invoke};
use serde_json::Value;

const CONFIG: &str = r#"{"mode":"delete"}"#;
const EXPLAINED: &str = "shop/web:2.2.0";
const PLAN: (&str, &str) = (
    "manual-plan.json",
    include_str!("../../../../../events/manual-plan.json"),
);
const SCHEDULED: (&str, &str) = (
    "scheduled-rule.json",
    include_str!("../../../../../events/scheduled-rule.json"),
);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ndemo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let own = std::env::current_exe()?;
    let mut demo = Demo::start(own.parent().unwrap_or(Path::new(".")))?;

    show::heading("1. A team's account");
    let before = demo.server.snapshot()?;
    show::account(&before);

    show::heading("2. What is in use");
    demo.command(&["in-use"])?;

    show::heading("3. What would be deleted, and why");
    demo.command(&["plan"])?;
    println!();
    demo.command(&["explain", EXPLAINED])?;

    show::heading("4. The Lambda function, asked for a plan");
    demo.function(PLAN).await?;
    if demo.server.snapshot()?.images != before.images {
        bail!("a plan deleted images");
    }

    show::heading("5. The Lambda function, on its schedule");
    demo.function(SCHEDULED).await?;

    show::heading("6. What was deleted and what was kept");
    let after = demo.server.snapshot()?;
    show::difference(&before, &after);

    show::heading("7. Can everything in use still be pulled?");
    check(&before, &after)
}

struct Demo {
    server: Server,
    programs: PathBuf,
}

impl Demo {
    fn start(programs: &Path) -> anyhow::Result<Self> {
        let server = programs.join("simulated-aws");
        let server = Server::start(&server, "team")
            .with_context(|| format!("failed to start `{}`", server.display()))?;
        Ok(Self {
            server,
            programs: programs.to_owned(),
        })
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let endpoint = ("AWS_ENDPOINT_URL", self.server.endpoint.as_str());
        let given = CREDENTIALS
            .into_iter()
            .chain([endpoint, ("ECR_CLEANUP_CONFIG", CONFIG)]);
        given
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// Runs the command and shows what it prints.
    fn command(&self, arguments: &[&str]) -> anyhow::Result<()> {
        println!("$ ecr-cleanup {}", arguments.join(" "));
        let program = self.programs.join("ecr-cleanup");
        let output = Command::new(&program)
            .args(arguments)
            .env_clear()
            .envs(self.environment())
            .env("COLUMNS", "80")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("failed to start `{}`", program.display()))?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!(
                "ecr-cleanup {arguments:?} ended with {}:\n{errors}",
                output.status
            );
        }
        show::indented(&String::from_utf8(output.stdout)?);
        Ok(())
    }

    /// Invokes the function with one of the events and shows the most important members of its
    /// answer.
    async fn function(&self, (name, event): (&str, &str)) -> anyhow::Result<()> {
        println!("$ ecr-cleanup-lambda < events/{name}");
        let program = self.programs.join("ecr-cleanup-lambda");
        let settings = Settings::new(&program, self.environment());
        let invocation = invoke(&settings, &serde_json::from_str(event)?)
            .await
            .with_context(|| format!("failed to start `{}`", program.display()))?;
        let answer = match invocation.outcome {
            Ok(answer) => answer,
            Err(error) => bail!("the function failed: {error:?}\n{}", invocation.log),
        };
        let text = |member: &str| answer[member].as_str().unwrap_or_default();
        show::indented(text("summary"));
        println!("  status: {}", text("status"));
        let counts = answer["counts"].as_object().into_iter().flatten();
        let counts: Vec<String> = counts
            .map(|(name, count): (&String, &Value)| format!("{name}: {count}"))
            .collect();
        println!("  {}", counts.join(", "));
        Ok(())
    }
}

/// Fails unless every reference gives the image that it gave before: a tag that gives another one
/// is a loss too.
fn check(before: &Snapshot, after: &Snapshot) -> anyhow::Result<()> {
    let mut lost = 0;
    for used in &before.uses {
        let found = used.digest.is_some() && after.uses.contains(used);
        lost += usize::from(!found);
        let answer = if found { "yes" } else { "NO " };
        println!("  {answer}  {:<43} {}", used.image, used.user);
    }
    let all = before.uses.len();
    if all == 0 || lost > 0 {
        bail!("{lost} of {all} references in use have lost their image");
    }
    println!("  All {all} references in use still give the image they gave before.");
    Ok(())
}
