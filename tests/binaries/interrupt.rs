//! Ctrl-C and SIGTERM at any moment (A13). Answers of AWS are held back, so that the moment is
//! certain.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::Read,
    path::Path,
    process::Stdio,
    time::Duration,
};

use demo::team;
use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::Value;
use simulated_aws::{Fault, FaultKind, Gate, Push, SimulatedAws};
use tokio::{
    io::{AsyncReadExt, BufReader},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use crate::support::{COMMAND, Ended, environment, run};

const CONFIG: &str =
    r#"{"mode": "delete", "state": "s3://memory/prefix", "report": "s3://reports"}"#;
const RUN: [&str; 6] = ["run", "--yes", "--output", "json", "--repository", "bulk"];
/// More than two batches.
const IMAGES: usize = 250;
const SIGNALS: [Signal; 2] = [Signal::INT, Signal::TERM];

/// Starts the account of a team, with a repository of images that nobody needs.
async fn account() -> SimulatedAws {
    let aws = SimulatedAws::builder().world(team().world).start().await;
    aws.edit(|world| {
        world.bucket("memory");
        world.bucket("reports");
        let old = world.now - Duration::from_hours(2000);
        let bulk = world.home().repository("bulk");
        for number in 0..IMAGES {
            let image = Push::image().content(format!("bulk {number}"));
            bulk.push(image.pushed_at(old));
        }
    });
    aws
}

/// Holds back the answers of an operation whose requests have this text.
fn hold(aws: &SimulatedAws, operation: &str, text: &str) -> Gate {
    let gate = Gate::default();
    let fault = Fault::on(operation).matching(text);
    aws.fault(fault.kind(FaultKind::Hold(gate.clone())));
    gate
}

/// A command that was started.
struct Started {
    child: Child,
    errors: BufReader<ChildStderr>,
    said: String,
}

impl Started {
    fn new(aws: &SimulatedAws, arguments: &[&str]) -> Self {
        Self::with(aws, arguments, |_| {})
    }

    /// Starts it with further settings of its process.
    fn with(aws: &SimulatedAws, arguments: &[&str], set: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(COMMAND);
        let mut variables: BTreeMap<String, String> = environment(aws, CONFIG);
        variables.insert("COLUMNS".to_owned(), "80".to_owned());
        variables.insert("PATH".to_owned(), env::var("PATH").unwrap());
        command.args(arguments).env_clear().envs(variables);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(Stdio::piped()).kill_on_drop(true);
        set(&mut command);
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let said = String::new();
        Self {
            child,
            errors,
            said,
        }
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.id().unwrap();
        kill_process(Pid::from_raw(id.cast_signed()).unwrap(), signal).unwrap();
    }

    /// Waits until it has said this on standard error.
    async fn says(&mut self, text: &str) {
        let saying = async {
            while !self.said.contains(text) {
                let byte = self.errors.read_u8().await;
                self.said
                    .push(byte.unwrap_or_else(|_| panic!("{}", self.said)).into());
            }
        };
        timeout(Duration::from_mins(5), saying).await.unwrap();
    }

    async fn end(mut self) -> Ended {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let mut stdout = self.child.stdout.take();
        let reading = async {
            match &mut stdout {
                Some(stdout) => stdout.read_to_end(&mut output).await.unwrap(),
                None => 0,
            }
        };
        let ending = async {
            tokio::join!(
                reading,
                self.errors.read_to_end(&mut errors),
                self.child.wait()
            )
            .2
        };
        let status = timeout(Duration::from_mins(5), ending).await.unwrap();
        Ended {
            code: status.unwrap().code(),
            output: String::from_utf8(output).unwrap(),
            errors: self.said + &String::from_utf8(errors).unwrap(),
        }
    }
}

/// Returns the only report.
fn report(aws: &SimulatedAws) -> Option<Value> {
    let reports = |world: &simulated_aws::World| {
        let objects = world.buckets["reports"].iter();
        let reports = objects.filter(|(key, _)| key.ends_with("report.json"));
        reports
            .map(|(_, it)| it.content.clone())
            .collect::<Vec<_>>()
    };
    let reports = aws.read(reports);
    assert!(reports.len() <= 1);
    reports
        .first()
        .map(|report| serde_json::from_slice(report).unwrap())
}

/// Asserts that a run can have the lock, and deletes what is left.
async fn assert_unlocked(aws: &SimulatedAws, left: usize, moment: &str) {
    aws.clear_faults();
    let again = run(&RUN, environment(aws, CONFIG)).await.json(0);
    assert_eq!(again["status"], "completed", "{moment}: {again:#}");
    assert_eq!(again["counts"]["deleted"], left, "{moment}");
}

#[tokio::test]
async fn the_batch_under_way_ends_and_the_report_says_what_was_deleted() {
    for signal in SIGNALS {
        let aws = account().await;
        let gate = hold(&aws, "ecr:BatchDeleteImage", "");
        let mut started = Started::new(&aws, &RUN);
        gate.reached().await;
        started.signal(signal);
        started.says("Interrupted: ending what is under way.").await;
        gate.open();
        let answer = started.end().await.json(130);
        assert_eq!(answer["status"], "truncated");
        let summary = answer["summary"].as_str().unwrap();
        assert!(
            summary.starts_with("Interrupted. Deleted 100 of 250 images"),
            "{summary}"
        );
        assert_eq!(answer["counts"]["deleted"], 100);
        assert_eq!(aws.deletions().len(), 100);
        assert_eq!(report(&aws).unwrap()["counts"], answer["counts"]);
        assert_unlocked(&aws, IMAGES - 100, "deleting").await;
    }
}

#[tokio::test]
async fn the_second_signal_ends_it_at_once() {
    for second in SIGNALS {
        let aws = account().await;
        let gate = hold(&aws, "ecr:BatchDeleteImage", "");
        let mut started = Started::new(&aws, &RUN);
        gate.reached().await;
        started.signal(Signal::INT);
        started.says("Interrupted: ending what is under way.").await;
        started.signal(second);
        assert_eq!(started.end().await.output(130), "");
        assert_eq!(aws.deletions().len(), 100);
        assert_eq!(report(&aws), None);
    }
}

/// Calls before which nothing was deleted, by a part of their requests; whether their answers are
/// waited for.
const BEFORE: [(&str, &str, bool); 9] = [
    ("ecr:DescribeRepositories", "", false),
    ("ecr:DescribeImages", "maxResults", false),
    ("ecs:ListTasks", "", false),
    ("s3:GetObject", "use-counts", false),
    // What was acquired has to be given back.
    ("s3:PutObject", "run-lock", true),
    ("s3:PutObject", "use-counts", false),
    ("s3:PutObject", "images.jsonl.gz", false),
    ("s3:GetObject", "prefix/stop", false),
    ("ecr:DescribeImages", "imageIds", false),
];

#[tokio::test]
async fn before_anything_is_deleted_nothing_is_and_the_lock_is_given_back() {
    for (operation, text, waits) in BEFORE {
        let moment = format!("{operation} {text}");
        let aws = account().await;
        let gate = hold(&aws, operation, text);
        let mut started = Started::new(&aws, &RUN);
        gate.reached().await;
        started.signal(Signal::INT);
        if waits {
            started.says("Interrupted: ending what is under way.").await;
            gate.open();
        }
        let ended = started.end().await;
        assert_eq!(ended.code, Some(130), "{moment}: {ended:?}");
        let answer = ended.json(130);
        assert_eq!(answer["status"], "truncated", "{moment}");
        let summary = answer["summary"].as_str().unwrap();
        assert!(summary.starts_with("Interrupted."), "{moment}: {summary}");
        assert_eq!(answer["counts"]["deleted"], 0, "{moment}");
        assert_eq!(report(&aws).unwrap()["status"], "truncated", "{moment}");
        assert_eq!(aws.deletions(), [], "{moment}");
        assert_unlocked(&aws, IMAGES, &moment).await;
    }
}

#[tokio::test]
async fn commands_that_change_nothing_end_at_once() {
    for (arguments, operation, text) in [
        (&["plan"][..], "ecr:DescribeImages", ""),
        (&["plan", "--output", "json"], "ecr:GetRepositoryPolicy", ""),
        (&["plan", "--exact-sizes"], "ecr:BatchGetImage", "bulk"),
        (&["explain", "shop/web:2.2.0"], "ecs:ListTasks", ""),
        (&["lifecycle"], "ecr:DescribeImages", ""),
        (&["in-use"], "ecs:ListTasks", ""),
        (&["keep-list"], "ecs:ListTasks", ""),
        (&["verify"], "ecr:DescribeImages", ""),
        (&["init"], "ecr:DescribeImages", ""),
        (&["plan"], "sts:GetCallerIdentity", ""),
        (&["run", "--yes"], "sts:GetCallerIdentity", ""),
    ] {
        for signal in SIGNALS {
            let aws = account().await;
            let gate = hold(&aws, operation, text);
            let started = Started::new(&aws, arguments);
            gate.reached().await;
            started.signal(signal);
            let ended = started.end().await;
            assert_eq!(ended.code, Some(130), "{arguments:?}: {ended:?}");
            // Nothing but who it is, and where.
            let lines = ended.output.split("\n\n").nth(1).unwrap_or_default();
            assert_eq!(lines, "", "{arguments:?}");
            assert!(!ended.errors.contains("error"), "{ended:?}");
            assert!(aws.mutations().is_empty());
        }
    }
}

/// What a plan learnt before that is not read again (P9).
#[tokio::test]
async fn what_was_learnt_is_kept() {
    let aws = account().await;
    // Layers are read when all else was.
    let gate = hold(&aws, "ecr:BatchGetImage", "bulk");
    let started = Started::new(&aws, &["plan", "--exact-sizes"]);
    gate.reached().await;
    started.signal(Signal::INT);
    assert_eq!(started.end().await.code, Some(130));
    let read = aws.count("ecs:DescribeTaskDefinition");
    assert!(read > 0);
    aws.clear_faults();
    run(&["plan"], environment(&aws, CONFIG)).await.output(0);
    assert_eq!(aws.count("ecs:DescribeTaskDefinition"), read);
}

/// Opens a terminal: what a person sees and types on, and what a program has.
fn terminal() -> (File, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let mut options = File::options();
    let program = options.read(true).write(true);
    (person.into(), program.open(name.to_str().unwrap()).unwrap())
}

#[tokio::test]
async fn a_question_is_answered_with_no() {
    for signal in SIGNALS {
        let aws = account().await;
        let (_person, stdin) = terminal();
        let mut started = Started::with(&aws, &["run", "--repository", "bulk"], |command| {
            command.stdin(stdin);
        });
        started.says("Type the account id: ").await;
        started.signal(signal);
        let ended = started.end().await;
        assert!(
            ended.errors.ends_with("\nNothing was changed.\n"),
            "{ended:?}"
        );
        assert_eq!(ended.code, Some(130));
        assert!(aws.mutations().is_empty());
        assert_unlocked(&aws, IMAGES, "a question").await;
    }
}

/// Ctrl-C in a pager is the pager's; SIGTERM ends it too.
#[tokio::test]
async fn a_pager_is_left_with_the_command() {
    let aws = account().await;
    let (mut person, stdout) = terminal();
    let shown = tokio::task::spawn_blocking(move || {
        // A terminal that nothing has open any more is an error.
        let mut shown = Vec::new();
        let _ = person.read_to_end(&mut shown);
        String::from_utf8(shown).unwrap()
    });
    let mut started = Started::with(&aws, &["plan"], |command| {
        command.stdout(stdout);
        command.env("PAGER", "cat; echo paging >&2; exec tail -f /dev/null");
        command.env("TERM", "xterm");
    });
    started.says("paging").await;
    started.signal(Signal::INT);
    started.signal(Signal::INT);
    started.signal(Signal::TERM);
    // Standard error ends when the pager has ended, which has it too.
    assert_eq!(started.end().await.code, Some(130));
    let shown = shown.await.unwrap();
    assert!(shown.contains("Would delete 2"), "{shown}");
}

const BEGIN: &str =
    "```text\n$ ecr-cleanup run --yes --config '{mode: delete}' --repository platform/base\n";
const END: &str = "```\n";

/// `docs/reference/command.md` shows what Ctrl-C does. After a change: `UPDATE_COMMAND=1`, and this test.
#[tokio::test]
async fn the_page_shows_what_ctrl_c_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/command.md");
    let document = fs::read_to_string(&path).unwrap();
    let aws = account().await;
    let gate = hold(&aws, "ecr:BatchDeleteImage", "");
    let arguments = ["run", "--yes", "--config", "{mode: delete}"];
    let arguments = [&arguments[..], &["--repository", "platform/base"]].concat();
    let mut started = Started::new(&aws, &arguments);
    gate.reached().await;
    started.signal(Signal::INT);
    started.says("at once.\n").await;
    gate.open();
    let ended = started.end().await;
    assert_eq!(ended.code, Some(130));
    // The result comes after what was said meanwhile.
    let (before, result) = ended.output.trim_end().rsplit_once("\n\n").unwrap();
    let shown = format!(
        "{before}\n\n^C{}\n{result}\n(exit code 130)\n",
        ended.errors
    );
    let (start, rest) = document.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let text = [start, BEGIN, &shown, END, after].concat();
    if env::var_os("UPDATE_COMMAND").is_some() {
        fs::write(path, text).unwrap();
    } else {
        assert_eq!(
            document, text,
            "write docs/reference/command.md again with UPDATE_COMMAND=1"
        );
    }
}
