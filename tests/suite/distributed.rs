//! Distributed runs: functions that read each location, and one for each registry that cleans it by
//! what these delivered. Whatever is lost on the way keeps what it could hide (A14).

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use ecr_cleanup::{
    event::PhaseFunction,
    function::{FunctionError, handle, handle_phase},
    pipeline::{EvidenceAnswer, Program, RunName, Turn},
    stop_time::StopTime,
};
use futures::{StreamExt, future::LocalBoxFuture, stream};
use proptest::{
    prelude::*,
    sample::subsequence,
    strategy::ValueTree,
    test_runner::{Config as Cases, TestRunner},
};
use serde_json::{Value, json};
use simulated_aws::{Fault, FaultKind, Push, SimulatedAws, Trust, World, days_ago};
use tokio::time::Instant;

use crate::support::{
    deleted, program, run, set_clock,
    state::{gunzip, gzip, keys, object, put_object},
};

const RUN: &str = "night-1";
const BUCKET: &str = "memory";
const OWN: &str = "111111111111";
const OTHERS: [&str; 3] = ["222222222222", "333333333333", "444444444444"];
const REGIONS: [&str; 3] = ["eu-west-1", "eu-central-1", "us-east-1"];
/// Deadline of an invocation that has time.
const MINUTES: u64 = 14;

/// What a test configures besides.
const NOTHING: &str = "";

fn config(more: &str) -> String {
    let accounts = OTHERS.map(|account| {
        let role = format!("arn:aws:iam::{account}:role/reader");
        format!("{{role_arn: '{role}', regions: [{}]}}", REGIONS.join(", "))
    });
    let accounts = accounts.join(", ");
    format!(
        "{{mode: delete, state: 's3://{BUCKET}/prefix', notify: 'arn:aws:sns:eu-west-1:{OWN}:t', {more} \
         policies: [{{repositories: ['**'], keep: [{{tags: '^keep$'}}]}}], \
         in_use: {{eks: false, lambda: false, services: false, cloudformation: false, regions: own, \
         accounts: [{{regions: [eu-central-1, us-east-1]}}, {accounts}]}}}}"
    )
}

fn accounts() -> impl Iterator<Item = &'static str> {
    [OWN].into_iter().chain(OTHERS)
}

fn locations() -> Vec<(&'static str, &'static str)> {
    let all = accounts().flat_map(|account| REGIONS.map(|region| (account, region)));
    all.collect()
}

fn tag(account: &str, region: &str) -> String {
    format!("{account}-{region}")
}

/// Makes four accounts in three Regions. For each account there is a repository that only it may pull
/// from, besides the own one, with an image for each of its locations, which one task definition
/// there names, and one that nobody needs.
fn fill(world: &mut World) {
    world.bucket(BUCKET);
    for account in OTHERS {
        let trust = Trust {
            accounts: vec![OWN.to_owned()],
            ..Trust::default()
        };
        let role = format!("arn:aws:iam::{account}:role/reader");
        world.roles.insert(role, trust);
    }
    for account in accounts() {
        let policy = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "ecr:*"}});
        let repository = world.home().repository(&repository(account));
        if account != OWN {
            repository.repository_policy = Some(policy.to_string());
        }
        repository.push(Push::image().tag("keep").pushed_at(days_ago(1)));
        let garbage = Push::image().content(format!("garbage {account}"));
        repository.push(garbage.tag("garbage").pushed_at(days_ago(90)));
        let uri = repository.uri();
        for region in REGIONS {
            let tag = tag(account, region);
            let push = Push::image().content(tag.clone()).tag(&tag);
            let repository = world.home().repository(&self::repository(account));
            repository.push(push.pushed_at(days_ago(80)));
            let ecs = &mut world.region(account, region).ecs;
            ecs.register("web", [format!("{uri}:{tag}")]);
        }
    }
}

fn repository(account: &str) -> String {
    format!("of-{account}")
}

async fn organization() -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(fill);
    aws
}

/// Returns the accounts whose repository was cleaned. Nothing that is needed may be gone.
fn cleaned(aws: &SimulatedAws) -> Vec<&'static str> {
    let cleaned = accounts().filter(|account| {
        let tags = aws.tags(&repository(account));
        for region in REGIONS {
            let needed = tag(account, region);
            assert!(tags.contains(&needed), "{needed} is gone");
        }
        !tags.contains(&"garbage".to_owned())
    });
    cleaned.collect()
}

/// The functions of a run, each a process of its own.
struct Functions<'a> {
    aws: &'a SimulatedAws,
    config: String,
    run: String,
}

type Answered = Result<Value, FunctionError>;

impl Functions<'_> {
    fn new<'a>(aws: &'a SimulatedAws, config: &str) -> Functions<'a> {
        Functions {
            aws,
            config: config.to_owned(),
            run: RUN.to_owned(),
        }
    }

    fn program(&self) -> Program {
        program(self.aws, &self.config)
    }

    /// Sends an event to the function of its phase.
    fn send(&self, event: Value) -> LocalBoxFuture<'_, Answered> {
        Box::pin(async move {
            let function = match event["phase"].as_str().unwrap() {
                "list" | "fresh" => PhaseFunction::List,
                "evidence" => PhaseFunction::Evidence,
                "clean" => PhaseFunction::Clean,
                _ => PhaseFunction::Finish,
            };
            let deadline = SystemTime::now() + Duration::from_mins(MINUTES);
            let program = self.program();
            handle_phase(&program, function, &event, deadline, Vec::new()).await
        })
    }

    async fn list(&self) -> Value {
        self.send(json!({"phase": "list", "run": self.run}))
            .await
            .unwrap()
    }

    fn evidence<'a>(
        &'a self,
        list: &Value,
        location: (&str, &str),
        pass: u8,
    ) -> LocalBoxFuture<'a, Answered> {
        let (account, region) = location;
        self.send(json!({"phase": "evidence", "run": self.run, "sha256": list["sha256"], "pass": pass,
            "location": {"account": account, "region": region}, "turn": {"done": false, "turns": 0}}))
    }

    /// Reads these locations, side by side as the machine does, and returns nothing of them: what it
    /// says of its children is not to be trusted.
    async fn read(&self, list: &Value, locations: &[(&str, &str)], pass: u8) {
        let reading = locations
            .iter()
            .map(|location| self.evidence(list, *location, pass));
        let reading: Vec<_> = reading.collect();
        let answers: Vec<Answered> = stream::iter(reading).buffer_unordered(4).collect().await;
        assert_eq!(answers.len(), locations.len());
    }

    async fn fresh(&self, list: &Value) -> Value {
        let event = json!({"phase": "fresh", "run": self.run, "sha256": list["sha256"]});
        self.send(event).await.unwrap()
    }

    async fn clean_turn(&self, list: &Value, registry: &Value, turn: Value) -> Answered {
        self.send(
            json!({"phase": "clean", "run": self.run, "sha256": list["sha256"],
            "registry": registry, "turn": turn}),
        )
        .await
    }

    /// Cleans every registry, in as many turns as it takes, and returns the last answer.
    async fn clean(&self, list: &Value) -> Value {
        let mut last = Value::Null;
        for registry in list["registries"].as_array().unwrap() {
            let mut turn = json!({"done": false, "turns": 0});
            while turn["done"] != true {
                assert!(turn["turns"].as_u64().unwrap() < 9, "{turn}");
                turn = self.clean_turn(list, registry, turn).await.unwrap();
            }
            last = turn;
        }
        last
    }

    async fn finish(&self, error: Option<Value>) -> Answered {
        let mut event = json!({"phase": "finish", "run": self.run});
        if let Some(error) = error {
            event["error"] = error;
        }
        self.send(event).await
    }

    /// Does a whole run in which nothing goes wrong.
    async fn all(&self) -> Value {
        let list = self.list().await;
        self.read(&list, &locations(), 1).await;
        assert_eq!(self.fresh(&list).await["again"], false);
        self.clean(&list).await;
        self.finish(None).await.unwrap()
    }
}

fn evidence_key(location: (&str, &str), name: &str) -> String {
    format!(
        "prefix/runs/{RUN}/evidence/{}/{}/{name}",
        location.0, location.1
    )
}

/// Changes a document, and the index to fit.
fn forge(aws: &SimulatedAws, location: (&str, &str), change: impl Fn(&mut Value)) {
    use sha2::Digest;
    let key = evidence_key(location, "ecs.json.gz");
    let text = gunzip(&object(aws, BUCKET, &key).unwrap());
    let mut document: Value = serde_json::from_str(&text).unwrap();
    change(&mut document);
    let bytes = gzip(&document.to_string());
    let hash = hex::encode(sha2::Sha256::digest(&bytes));
    put_object(aws, BUCKET, &key, bytes);
    let key = evidence_key(location, "index.json");
    let mut index: Value = serde_json::from_slice(&object(aws, BUCKET, &key).unwrap()).unwrap();
    index["documents"][0]["sha256"] = hash.into();
    index["began_at"] = document["began_at"].clone();
    put_object(aws, BUCKET, &key, index.to_string());
}

/// A whole run is what one process does.
#[tokio::test]
async fn functions_delete_what_one_process_does() {
    let aws = organization().await;
    let answer = Functions::new(&aws, &config(NOTHING)).all().await;
    assert_eq!(answer["status"], "completed", "{answer:#}");
    assert_eq!(cleaned(&aws), accounts().collect::<Vec<_>>());
    assert_eq!(answer["counts"]["deleted"], 4);
    assert_eq!(answer["locations"]["expected"], 12);
    assert_eq!(answer["locations"]["failed"], 0);
    let alone = organization().await;
    let answer = run(&alone, &config(NOTHING)).await;
    assert_eq!(answer.counts.deleted, 4);
    assert_eq!(deleted(&aws), deleted(&alone));
    // One message for the run, and the counts of use once.
    assert_eq!(aws.read(|world| world.messages.len()), 1);
    let counts = "prefix/111111111111/eu-west-1/use-counts.json.gz";
    let written = aws.calls_to("s3:PutObject");
    let written = written
        .iter()
        .filter(|call| call.body.to_string().contains(counts));
    assert_eq!(written.count(), 1);
    let stored = |aws: &SimulatedAws| gunzip(&object(aws, BUCKET, counts).unwrap());
    let numbers = |text: String| serde_json::from_str::<Value>(&text).unwrap()["content"].clone();
    let name =
        |value: &Value| value.as_object().unwrap().values().next().unwrap()["counts"].clone();
    assert_eq!(name(&numbers(stored(&aws))), name(&numbers(stored(&alone))));
    // What definitions say is read once, in the location's own cache.
    aws.clear_record();
    let mut next = Functions::new(&aws, &config(NOTHING));
    "night-2".clone_into(&mut next.run);
    next.all().await;
    assert_eq!(aws.count("ecs:DescribeTaskDefinition"), 0);
}

/// One location is denied, one takes two turns, the child of one dies and begins again, a document of
/// one is changed: what those could hide is kept, and nothing else.
#[tokio::test]
async fn what_gaps_could_hide_is_kept_and_all_else_is_cleaned() {
    let (denied, slow, killed, tampered) = (
        ("222222222222", "us-east-1"),
        ("444444444444", "us-east-1"),
        ("444444444444", "eu-central-1"),
        ("333333333333", "eu-central-1"),
    );
    let aws = organization().await;
    aws.edit(|world| {
        let ecs = &mut world.region(slow.0, slow.1).ecs;
        for number in 0..9 {
            ecs.register("more", [format!("docker.io/library/x:{number}")]);
        }
    });
    let functions = Functions::new(&aws, &config(NOTHING));
    let list = functions.list().await;
    aws.fault(
        Fault::denied("ecs:ListTaskDefinitions")
            .account(denied.0)
            .region(denied.1),
    );
    let (slow_ones, others): (Vec<_>, Vec<_>) = locations()
        .into_iter()
        .partition(|it| [slow, killed].contains(it));
    assert_eq!(slow_ones.len(), 2);
    functions.read(&list, &others, 1).await;

    let hangs = Fault::on("ecs:DescribeTaskDefinition")
        .call(6)
        .kind(FaultKind::Hang);
    aws.fault(hangs.account(slow.0).region(slow.1));
    let turn = slow_turn(&functions, &list, slow, Turn::default()).await;
    assert!(!turn.turn.done && turn.turn.turns == 1, "{turn:?}");
    aws.clear_faults();
    aws.clear_record();
    let turn = slow_turn(&functions, &list, slow, turn.turn).await;
    assert!(turn.turn.done && turn.turn.turns == 2, "{turn:?}");
    let again = aws.count("ecs:DescribeTaskDefinition");
    assert_eq!(again, 5, "what was read is not read again");

    let index = evidence_key(killed, "index.json");
    aws.fault(Fault::denied("s3:PutObject").matching(index));
    assert!(functions.evidence(&list, killed, 1).await.is_err());
    aws.clear_faults();
    functions.evidence(&list, killed, 1).await.unwrap();

    tamper(&aws, tampered);
    assert_eq!(functions.fresh(&list).await["again"], false);
    let cleaned_by = functions.clean(&list).await;
    assert_eq!(cleaned_by["status"], "completed_with_failures");
    assert_eq!(cleaned(&aws), [OWN, "444444444444"]);
    let answer = functions.finish(None).await.unwrap();
    assert_eq!(answer["counts"]["deleted"], 2);
    let held = answer["held"].as_array().unwrap().iter();
    let held: Vec<_> = held.map(|it| it["repository"].as_str().unwrap()).collect();
    assert_eq!(held, [repository(denied.0), repository(tampered.0)]);
    let errors = answer["in_use"].to_string();
    assert_contains!(
        errors,
        "it is not what was written",
        "ecs:ListTaskDefinitions"
    );
    // Nothing twice.
    assert_eq!(aws.deletions().len(), 2);
}

/// Takes the uses out of a document.
fn tamper(aws: &SimulatedAws, location: (&str, &str)) {
    let key = evidence_key(location, "ecs.json.gz");
    let text = gunzip(&object(aws, BUCKET, &key).unwrap());
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["uses"] = json!([]);
    put_object(aws, BUCKET, &key, gzip(&document.to_string()));
}

/// Reads a location in a turn that ends soon.
async fn slow_turn(
    functions: &Functions<'_>,
    list: &Value,
    (account, region): (&str, &str),
    turn: Turn,
) -> EvidenceAnswer {
    let stop_at = StopTime::from(Instant::now() + Duration::from_secs(2));
    let location = serde_json::from_value(json!({"account": account, "region": region})).unwrap();
    let run: RunName = RUN.parse().unwrap();
    let (program, sha256) = (functions.program(), list["sha256"].as_str().unwrap());
    let reading = program.read_location(&run, sha256, &location, false, turn, &stop_at);
    Box::pin(reading).await.unwrap()
}

/// What is delivered and does not belong to the run is a gap (A14).
#[tokio::test]
async fn evidence_that_does_not_belong_to_the_run_is_a_gap() {
    type Change = fn(&SimulatedAws, (&str, &str));
    let location = ("222222222222", "eu-central-1");
    let changes: [(&str, Change); 9] = [
        ("there is no evidence of it", |aws, at| {
            aws.edit(|world| drop(world.bucket(BUCKET).remove(&evidence_key(at, "index.json"))));
        }),
        ("it was written and is gone", |aws, at| {
            aws.edit(|world| {
                drop(
                    world
                        .bucket(BUCKET)
                        .remove(&evidence_key(at, "ecs.json.gz")),
                );
            });
        }),
        ("is malformed", |aws, at| {
            put_object(aws, BUCKET, &evidence_key(at, "index.json"), "{}");
        }),
        ("of another run", |aws, at| {
            forge(aws, at, |it| it["run"] = "other".into());
        }),
        ("of another configuration", |aws, at| {
            forge(aws, at, |it| it["configuration"] = "other".into());
        }),
        ("too old", |aws, at| {
            forge(aws, at, |it| it["began_at"] = "2026-11-21T11:00:00Z".into());
        }),
        ("still to come", |aws, at| {
            forge(aws, at, |it| it["began_at"] = "2026-11-22T12:00:00Z".into());
        }),
        ("it is of ecs in 222222222222 us-west-1", |aws, at| {
            forge(aws, at, |it| it["region"] = "us-west-1".into());
        }),
        // Nobody may leave unread what is demanded.
        ("there is no evidence of it", |aws, at| {
            forge(aws, at, |it| {
                it["complete"] = false.into();
                it["is_unread"] = true.into();
            });
        }),
    ];
    for (expected, change) in changes {
        let aws = organization().await;
        let functions = Functions::new(&aws, &config(NOTHING));
        let list = functions.list().await;
        functions.read(&list, &locations(), 1).await;
        change(&aws, location);
        functions.clean(&list).await;
        let rest = accounts().filter(|account| *account != location.0);
        assert_eq!(cleaned(&aws), rest.collect::<Vec<_>>(), "{expected}");
        let answer = functions.finish(None).await.unwrap();
        assert_contains!(answer["in_use"].to_string(), expected);
        assert_eq!(answer["status"], "completed_with_failures");
    }
}

/// A child that was never invoked, whatever the machine says of it, is a gap of each of its sources.
#[tokio::test]
async fn what_nobody_read_is_a_gap() {
    let aws = organization().await;
    let functions = Functions::new(&aws, &config(NOTHING));
    let list = functions.list().await;
    let mut read = locations();
    read.retain(|location| *location != ("333333333333", "eu-west-1"));
    functions.read(&list, &read, 1).await;
    let fresh = functions.fresh(&list).await;
    assert_eq!(fresh["again"], true, "{fresh}");
    let answer = functions.clean(&list).await;
    assert_eq!(answer["deleted"], 3);
    assert!(!cleaned(&aws).contains(&"333333333333"));
    // A gap of the registry's own account stops everything, as it does in one process.
    let aws = organization().await;
    let functions = Functions::new(&aws, &config(NOTHING));
    let list = functions.list().await;
    functions.read(&list, &locations()[1..], 1).await;
    assert_eq!(functions.clean(&list).await["status"], "refused");
    let error = functions.finish(None).await.unwrap_err();
    assert_eq!(error.name(), "Refused");
    assert_eq!(deleted(&aws), [""; 0]);
    assert_eq!(
        object(
            &aws,
            BUCKET,
            "prefix/111111111111/eu-west-1/use-counts.json.gz"
        ),
        None
    );
}

/// A start with the name of a run that began is that run.
#[tokio::test]
async fn a_run_begins_once() {
    let aws = organization().await;
    let functions = Functions::new(&aws, &config(NOTHING));
    let list = functions.list().await;
    assert_eq!(list["locations"]["count"], 12);
    assert_eq!(
        list["locations"]["key"],
        format!("prefix/runs/{RUN}/locations.json")
    );
    assert_eq!(list["locations"]["bucket"], BUCKET);
    assert_eq!(
        list["registries"],
        json!([{"account": OWN, "region": "eu-west-1"}])
    );
    let key = format!("prefix/runs/{RUN}/locations.json");
    let listed: Vec<Value> = serde_json::from_slice(&object(&aws, BUCKET, &key).unwrap()).unwrap();
    assert_eq!(listed[0], json!({"account": OWN, "region": "eu-west-1"}));
    assert_eq!(aws.count("sts:AssumeRole"), 0, "only named");
    set_clock(&aws, Duration::from_mins(1));
    assert_eq!(functions.list().await, list);

    let other = Functions::new(&aws, &config("guards: {min_usage_drop: 9},"));
    let again = other
        .send(json!({"phase": "list", "run": RUN}))
        .await
        .unwrap_err();
    assert_contains!(again.to_string(), "another configuration");
    assert_eq!(again.name(), "Refused");
    let reading = other.evidence(&list, locations()[0], 1).await.unwrap_err();
    assert_contains!(reading.to_string(), "another configuration");
}

/// What it maps over, and what it holds to, are what was listed.
#[tokio::test]
async fn what_is_of_another_run_is_refused() {
    let aws = organization().await;
    let functions = Functions::new(&aws, &config(NOTHING));
    let list = functions.list().await;
    let key = format!("prefix/runs/{RUN}/locations.json");
    let registry = json!({"account": OWN, "region": "eu-west-1"});
    put_object(&aws, BUCKET, &key, "[]");
    let turn = json!({"done": false, "turns": 0});
    let cleaning = functions
        .clean_turn(&list, &registry, turn.clone())
        .await
        .unwrap_err();
    assert_contains!(
        cleaning.to_string(),
        "`locations.json` is not what the run began with"
    );
    let mut other = list.clone();
    other["sha256"] = "0".into();
    let reading = functions
        .evidence(&other, locations()[0], 1)
        .await
        .unwrap_err();
    assert_contains!(
        reading.to_string(),
        "`list.json` is not what the run began with"
    );
    for (account, region) in [("999999999999", "eu-west-1"), (OTHERS[0], "ap-south-1")] {
        let reading = functions
            .evidence(&list, (account, region), 1)
            .await
            .unwrap_err();
        assert_contains!(reading.to_string(), "is none of the locations of this run");
    }
    let registry = json!({"account": OTHERS[0], "region": "eu-west-1"});
    let cleaning = functions
        .clean_turn(&list, &registry, turn)
        .await
        .unwrap_err();
    assert_contains!(
        cleaning.to_string(),
        "is none of the registries of this run"
    );
    assert_eq!(aws.mutations().len(), 0);
}

/// Each function takes the events of its phase and no other.
#[tokio::test]
async fn a_phase_in_another_function_is_refused() {
    use PhaseFunction::{Clean, Evidence, Finish, List};
    let run = json!({"run": RUN});
    let sha = json!({"run": RUN, "sha256": "0"});
    let mut evidence = sha.clone();
    evidence["location"] = json!({"account": OWN, "region": "eu-west-1"});
    let mut clean = sha.clone();
    clean["registry"] = evidence["location"].clone();
    let phases = [
        ("list", &run, List),
        ("fresh", &sha, List),
        ("evidence", &evidence, Evidence),
        ("clean", &clean, Clean),
        ("finish", &run, Finish),
    ];
    let aws = organization().await;
    let program = program(&aws, &config(NOTHING));
    let deadline = || SystemTime::now() + Duration::from_mins(MINUTES);
    for (phase, event, own) in phases {
        let mut event = event.clone();
        event["phase"] = phase.into();
        for function in [List, Evidence, Clean, Finish]
            .into_iter()
            .filter(|it| *it != own)
        {
            let error = handle_phase(&program, function, &event, deadline(), Vec::new())
                .await
                .unwrap_err();
            assert_eq!(error.name(), "InvalidEvent");
            let expected =
                format!("`{phase}` is not for this function (`ECR_CLEANUP_PHASE={function}`)");
            assert_contains!(error.to_string(), expected);
        }
        let error = handle(&program, &event, deadline(), Vec::new())
            .await
            .unwrap_err();
        assert_contains!(error.to_string(), "does whole runs");
        let mut unknown = event.clone();
        unknown["dryrun"] = true.into();
        let error = handle_phase(&program, own, &unknown, deadline(), Vec::new())
            .await
            .unwrap_err();
        assert_contains!(error.to_string(), "dryrun");
        let mut other = event.clone();
        other["run"] = "a/b".into();
        let error = handle_phase(&program, own, &other, deadline(), Vec::new())
            .await
            .unwrap_err();
        assert_contains!(error.to_string(), "at most 80 letters");
    }
    assert_eq!(aws.total(), 0);
}

#[tokio::test]
async fn whatever_is_no_phase_is_refused() {
    use PhaseFunction::{Clean, Evidence, Finish, List};
    let aws = organization().await;
    let program = program(&aws, &config(NOTHING));
    let deadline = || SystemTime::now() + Duration::from_mins(MINUTES);
    for event in [
        json!({}),
        Value::Null,
        json!({"mode": "delete"}),
        json!({"phase": "x"}),
        json!({"phase": 1}),
    ] {
        for function in [List, Evidence, Clean, Finish] {
            let error = handle_phase(&program, function, &event, deadline(), Vec::new())
                .await
                .unwrap_err();
            assert_eq!(error.name(), "InvalidEvent", "{event}");
        }
    }
    assert_eq!(aws.total(), 0);
    let stateless = crate::support::program(&aws, "{mode: delete}");
    let event = json!({"phase": "list", "run": RUN});
    let error = handle_phase(&stateless, List, &event, deadline(), Vec::new())
        .await
        .unwrap_err();
    assert_contains!(error.to_string(), "no `state`");
}

/// The configuration is the ceiling.
#[tokio::test]
async fn a_configuration_that_plans_deletes_nothing() {
    let aws = organization().await;
    let config = config(NOTHING).replace("mode: delete", "mode: plan");
    let answer = Functions::new(&aws, &config).all().await;
    assert_eq!(answer["status"], "planned");
    assert_eq!(answer["counts"]["candidates"], 4);
    assert_eq!(deleted(&aws), [""; 0]);
}

/// Evidence is deleted by while it is young; a second pass makes it young again.
#[tokio::test]
async fn old_evidence_is_read_again_and_deletes_nothing() {
    let aws = organization().await;
    let functions = Functions::new(&aws, &config(NOTHING));
    let list = functions.list().await;
    functions.read(&list, &locations(), 1).await;
    set_clock(&aws, Duration::from_mins(16));
    let fresh = functions.fresh(&list).await;
    assert_eq!(
        fresh,
        json!({"again": true, "oldest": "2026-11-21T12:00:00Z"})
    );
    let one = (OTHERS[0], "eu-central-1");
    aws.clear_record();
    functions.read(&list, &[one], 2).await;
    assert!(aws.count("ecs:ListTaskDefinitions") > 0);
    aws.clear_record();
    functions.read(&list, &[one], 2).await;
    assert_eq!(aws.count("ecs:ListTaskDefinitions"), 0, "it is young");
    set_clock(&aws, Duration::from_mins(31));
    let registry = list["registries"][0].clone();
    let turn = json!({"done": false, "turns": 0});
    let cleaned_by = functions.clean_turn(&list, &registry, turn).await.unwrap();
    assert_eq!(cleaned_by["status"], "refused", "{cleaned_by}");
    assert_eq!(deleted(&aws), [""; 0]);

    let aws = organization().await;
    let functions = Functions::new(&aws, &config(NOTHING));
    let list = functions.list().await;
    functions.read(&list, &locations(), 1).await;
    set_clock(&aws, Duration::from_mins(62));
    let mut rest = locations();
    rest.retain(|location| *location != one);
    functions.read(&list, &rest, 2).await;
    let answer = functions.clean(&list).await;
    assert_eq!(answer["deleted"], 3, "one is too old");
    assert!(!cleaned(&aws).contains(&one.0));
}

/// Whoever pulled an image since the evidence was read may use it (A3).
#[tokio::test]
async fn what_was_pulled_since_use_was_read_is_kept() {
    let aws = organization().await;
    let functions = Functions::new(&aws, &config(NOTHING));
    let list = functions.list().await;
    functions.read(&list, &locations(), 1).await;
    set_clock(&aws, Duration::from_mins(5));
    aws.edit(|world| {
        let now = world.now;
        let repository = world.home().repository(&repository(OWN));
        let garbage = repository.digest("garbage").unwrap().to_owned();
        repository.image_mut(&garbage).unwrap().pulled_at = Some(now);
    });
    set_clock(&aws, Duration::from_mins(10));
    let answer = functions.clean(&list).await;
    assert_eq!(answer["deleted"], 3);
    assert_eq!(cleaned(&aws), OTHERS);
}

/// An account that appears while a run reads is read by none of its functions.
#[tokio::test]
async fn an_account_that_appears_meanwhile_is_named_and_holds_what_it_may_pull() {
    use simulated_aws::Organization;
    let aws = organization().await;
    let policy = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "ecr:*",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}});
    aws.edit(|world| {
        world.organization = Some(Organization::of("o-1", accounts()));
        let shared = world.home().repository("shared");
        shared.repository_policy = Some(policy.to_string());
        for tag in ["keep", "garbage"] {
            let push = Push::image().content(format!("shared {tag}")).tag(tag);
            world
                .home()
                .repository("shared")
                .push(push.pushed_at(days_ago(90)));
        }
    });
    let found = "organization: {role_name: reader, regions: [eu-west-1, eu-central-1, us-east-1]}, accounts: [{regions: [eu-central-1, us-east-1]}]}}";
    let all = config(NOTHING);
    let (before, _) = all.split_once("accounts: [").unwrap();
    let config = format!("{before}{found}");
    let functions = Functions::new(&aws, &config);
    let list = functions.list().await;
    assert_eq!(list["locations"]["count"], 12);
    aws.edit(|world| {
        let organization = world.organization.as_mut().unwrap();
        organization
            .accounts
            .insert("555555555555".to_owned(), "ACTIVE".to_owned());
    });
    functions.read(&list, &locations(), 1).await;
    let answer = functions.clean(&list).await;
    assert_eq!(answer["status"], "completed_with_failures", "{answer}");
    assert!(aws.tags("shared").contains(&"garbage".to_owned()));
    let answer = functions.finish(None).await.unwrap();
    assert_contains!(
        answer["in_use"].to_string(),
        "555555555555",
        "the next one reads it"
    );
    // The next night it is one of the locations.
    aws.edit(|world| {
        let trust = Trust {
            accounts: vec![OWN.to_owned()],
            ..Trust::default()
        };
        let role = "arn:aws:iam::555555555555:role/reader";
        world.roles.insert(role.to_owned(), trust);
    });
    let next = Functions {
        run: "night-2".to_owned(),
        ..functions
    };
    let list = next.list().await;
    assert_eq!(list["locations"]["count"], 15);
    let mut read = locations();
    read.extend(REGIONS.map(|region| ("555555555555", region)));
    next.read(&list, &read, 1).await;
    assert_eq!(next.clean(&list).await["status"], "completed");
    assert!(!aws.tags("shared").contains(&"garbage".to_owned()));
}

/// A limit is one of the run, however many turns its cleaning takes.
#[tokio::test]
async fn turns_share_the_limit_of_a_run() {
    let aws = organization().await;
    let functions = Functions::new(&aws, &config("guards: {max_deletions_per_run: 3},"));
    let list = functions.list().await;
    functions.read(&list, &locations(), 1).await;
    let registry = list["registries"][0].clone();
    let turn = json!({"done": false, "turns": 0});
    let first = functions
        .clean_turn(&list, &registry, turn.clone())
        .await
        .unwrap();
    assert_eq!(
        first,
        json!({"done": true, "turns": 1, "status": "truncated", "deleted": 3, "bytes": first["bytes"]})
    );
    // An answer that was lost is given again, and so is the last one to whoever goes on asking.
    for turn in [turn, json!({"done": false, "turns": 1})] {
        assert_eq!(
            functions.clean_turn(&list, &registry, turn).await.unwrap(),
            first
        );
    }
    assert_eq!(aws.deletions().len(), 3);
}

/// What a turn that died deleted is not known: another one deletes nothing.
#[tokio::test]
async fn a_turn_after_one_that_died_only_plans() {
    let aws = organization().await;
    let functions = Functions::new(&aws, &config(NOTHING));
    let list = functions.list().await;
    functions.read(&list, &locations(), 1).await;
    let registry = list["registries"][0].clone();
    let report = format!("prefix/runs/{RUN}/reports/{OWN}/eu-west-1.json");
    aws.fault(Fault::denied("s3:PutObject").matching(&report));
    aws.edit(|world| {
        let repository = world.home().repository(&repository(OWN));
        repository.push(
            Push::image()
                .content("late")
                .tag("late")
                .pushed_at(days_ago(50)),
        );
    });
    let turn = json!({"done": false, "turns": 0});
    assert!(
        functions
            .clean_turn(&list, &registry, turn.clone())
            .await
            .is_err()
    );
    let before = aws.deletions().len();
    assert!(before > 0);
    aws.clear_faults();
    aws.edit(|world| {
        let repository = world.home().repository(&repository(OWN));
        repository.push(
            Push::image()
                .content("later")
                .tag("later")
                .pushed_at(days_ago(50)),
        );
    });
    let answer = functions.clean_turn(&list, &registry, turn).await.unwrap();
    assert_eq!(
        (&answer["done"], &answer["status"]),
        (&json!(true), &json!("truncated"))
    );
    assert_eq!(aws.deletions().len(), before);
    let answer = functions.finish(None).await.unwrap();
    assert_contains!(answer["warnings"].to_string(), "turn_died");
    assert_eq!(answer["status"], "truncated");
}

/// Whatever went wrong, the last phase says so.
#[tokio::test]
async fn a_run_that_failed_is_reported() {
    let aws = organization().await;
    let functions = Functions::new(&aws, &config(NOTHING));
    let error = functions.finish(None).await.unwrap_err();
    assert_eq!(error.name(), "Internal");
    assert_contains!(error.to_string(), "it never began");
    let list = functions.list().await;
    functions.read(&list, &locations()[..3], 1).await;
    let cause = json!({"Error": "States.Timeout", "Cause": "it took too long"});
    let error = functions.finish(Some(cause)).await.unwrap_err();
    assert_contains!(
        error.to_string(),
        "States.Timeout: it took too long",
        "Of 12 locations, 3 were read"
    );
    let messages = aws.read(|world| world.messages.clone());
    assert_eq!(messages.len(), 2);
    assert_contains!(
        format!("{messages:?}"),
        "ecr-cleanup: failed",
        "it took too long"
    );
    assert_eq!(
        keys(&aws, BUCKET)
            .iter()
            .filter(|key| key.contains("use-counts"))
            .count(),
        0
    );
}

/// Each registry has a lock and a ledger of its own, and what may be attached to an image of another
/// registry stays (G2).
#[tokio::test]
async fn registries_are_cleaned_by_processes_of_their_own() {
    let aws = organization().await;
    aws.edit(|world| {
        let own = world.home().repository(&repository(OWN));
        let subject = own.digest("keep").unwrap().to_owned();
        let signatures = world.region(OWN, "us-east-1").repository("signatures");
        let hex = subject.strip_prefix("sha256:").unwrap();
        let signature = Push::image()
            .content("signature")
            .tag(format!("sha256-{hex}.sig"));
        signatures.push(signature.pushed_at(days_ago(90)));
        for tag in ["keep", "garbage"] {
            let push = Push::image().content(format!("elsewhere {tag}")).tag(tag);
            signatures.push(push.pushed_at(days_ago(90)));
        }
        let uri = signatures.uri();
        world.home().ecs.register("other", [format!("{uri}:keep")]);
    });
    let both = config("registries: [{region: eu-west-1}, {region: us-east-1}],");
    let answer = Functions::new(&aws, &both).all().await;
    assert_eq!(answer["status"], "completed", "{answer:#}");
    assert_eq!(answer["counts"]["deleted"], 5);
    let left = aws.read(|world| {
        let region = world
            .regions
            .iter()
            .find(|(it, _)| it.account == OWN && it.region == "us-east-1");
        region.unwrap().1.ecr.repositories["signatures"].len()
    });
    assert_eq!(left, 2, "what is in use, and what may belong elsewhere");
    let locks = keys(&aws, BUCKET)
        .into_iter()
        .filter(|key| key.contains("run-lock"));
    assert_eq!(
        locks.collect::<Vec<_>>(),
        [
            "prefix/111111111111/eu-west-1/111111111111/us-east-1/run-lock.json.gz",
            "prefix/111111111111/eu-west-1/run-lock.json.gz",
        ]
    );
    let hosts = answer["repositories"].to_string();
    assert_contains!(
        hosts,
        "111111111111.dkr.ecr.us-east-1.amazonaws.com/signatures"
    );
}

/// Whatever is not read or lost on the way, a run deletes no more than one process that has all of it.
#[test]
fn any_loss_of_evidence_deletes_a_subset() {
    let drawn = (
        subsequence(locations(), 9..=12),
        subsequence(locations(), 0..=2),
        any::<bool>(),
    );
    let mut runner = TestRunner::new_with_rng(
        Cases::with_cases(8),
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    for _ in 0..8 {
        let (read, lost, cut) = drawn.new_tree(&mut runner).unwrap().current();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(Box::pin(async {
            let alone = organization().await;
            run(&alone, &config(NOTHING)).await;
            let aws = organization().await;
            let functions = Functions::new(&aws, &config(NOTHING));
            let list = functions.list().await;
            functions.read(&list, &read, 1).await;
            for location in &lost {
                let key = evidence_key(*location, "ecs.json.gz");
                aws.edit(|world| {
                    let bucket = world.bucket(BUCKET);
                    let Some(document) = bucket.remove(&key) else {
                        return;
                    };
                    if cut {
                        let half = document.content[..document.content.len() / 2].to_vec();
                        bucket.insert(key, simulated_aws::Object::new(half));
                    }
                });
            }
            functions.clean(&list).await;
            let whole: BTreeSet<String> = deleted(&alone).into_iter().collect();
            let part: BTreeSet<String> = deleted(&aws).into_iter().collect();
            assert!(part.is_subset(&whole), "{read:?} {lost:?}");
            let gaps: BTreeSet<&str> = locations()
                .into_iter()
                .filter(|it| !read.contains(it) || lost.contains(it))
                .map(|it| it.0)
                .collect();
            let expected: Vec<&str> = accounts().filter(|it| !gaps.contains(it)).collect();
            let expected = if gaps.contains(OWN) {
                Vec::new()
            } else {
                expected
            };
            assert_eq!(cleaned(&aws), expected, "{read:?} {lost:?}");
        }));
    }
}

/// Who reads does not enter an account by the role that deletes there.
#[tokio::test]
async fn an_account_of_the_organization_is_read_by_its_reader() {
    use simulated_aws::Organization;
    let aws = organization().await;
    aws.edit(|world| world.organization = Some(Organization::of("o-1", accounts())));
    let all = config(&format!(
        "registries: [{{region: eu-west-1}}, {{role_arn: 'arn:aws:iam::{}:role/cleaner'}}],",
        OTHERS[0]
    ));
    let (before, _) = all.split_once("accounts: [").unwrap();
    let config = format!("{before}organization: {{role_name: reader}}}}}}");
    let functions = Functions::new(&aws, &config);
    let list = functions.list().await;
    assert_eq!(list["registries"].as_array().unwrap().len(), 2);
    let read = functions.evidence(&list, (OTHERS[0], "eu-west-1"), 1).await;
    assert_eq!(read.unwrap()["unread"], 0);
    let entered = aws.calls_to("sts:AssumeRole");
    let entered = entered.iter().map(|call| call.body.to_string());
    let entered: Vec<String> = entered.filter(|body| body.contains("cleaner")).collect();
    assert_eq!(entered, [""; 0]);
    assert_eq!(aws.count("sts:AssumeRole"), 1);
}
