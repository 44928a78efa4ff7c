//! A distributed run over an organization of many accounts in four Regions: the size of its objects,
//! and the time and memory of the phases that look at all of them. Each phase is a process of its own;
//! the evidence of all locations but two is made of that of one.
//!
//! `cargo bench --workspace --bench distributed`, or with a number of accounts `-- 300`.

use std::{
    env,
    error::Error,
    io::{Read, Write},
    process::Stdio,
    time::{Duration, Instant, SystemTime},
};

use ecr_cleanup::{
    aws::{ClientOptions, Clients},
    config::Config,
    event::PhaseFunction,
    function::handle_phase,
    pipeline::Program,
};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use simulated_aws::{Object, Organization, Push, SimulatedAws, Trust, World, days_ago};

type Failure = Box<dyn Error>;

const OWN: &str = "111111111111";
const TEMPLATE: &str = "200000000000";
const BUCKET: &str = "memory";
const REGIONS: [&str; 4] = ["eu-west-1", "eu-central-1", "us-east-1", "us-west-2"];
const RUN: &str = "bench";
/// Repositories of the registry, and images in each.
const REPOSITORIES: usize = 500;
const IMAGES: usize = 40;
/// Images that a location uses.
const USES: usize = 40;
const CONFIG: &str = "{mode: delete, state: 's3://memory/state', guards: {evidence_max_age: 24h}, \
    policies: [{repositories: ['**'], keep: [{tags: '^keep$'}], delete_unmatched: true}], \
    in_use: {regions: own, eks: false, organization: {role_name: reader, \
    regions: [eu-west-1, eu-central-1, us-east-1, us-west-2]}}}";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args()
        .skip(1)
        .filter(|it| !it.starts_with("--"))
        .collect();
    match &arguments[..] {
        [phase, event] => phase_of(phase, event).await,
        [accounts] => measure(accounts.parse()?).await,
        _ => measure(3000).await,
    }
}

/// Does one phase, and prints its answer.
async fn phase_of(phase: &str, event: &str) -> Result<(), Failure> {
    let clients = Clients::from_environment(ClientOptions::default()).await;
    let program = Program::new(Config::parse(CONFIG)?, clients);
    let function: PhaseFunction = phase.parse()?;
    let deadline = SystemTime::now() + Duration::from_hours(1);
    let event = serde_json::from_str(event)?;
    let answer = handle_phase(&program, function, &event, deadline, std::io::sink()).await?;
    println!("{answer}");
    Ok(())
}

fn account(number: usize) -> String {
    (200_000_000_000 + number).to_string()
}

fn fill(world: &mut World, accounts: usize) {
    let members: Vec<String> = (0..accounts).map(account).collect();
    let members = [OWN].into_iter().chain(members.iter().map(String::as_str));
    world.organization = Some(Organization::of("o-bench", members));
    let trust = Trust {
        accounts: vec![OWN.to_owned()],
        ..Trust::default()
    };
    world
        .roles
        .insert(format!("arn:aws:iam::{TEMPLATE}:role/reader"), trust);
    world.bucket(BUCKET);
    let policy = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "ecr:*",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-bench"}}}});
    for number in 0..REPOSITORIES {
        let repository = world.home().repository(&format!("team/service-{number}"));
        repository.repository_policy = Some(policy.to_string());
        for image in 0..IMAGES {
            let push = Push::image().content(format!("{number} {image}"));
            repository.push(push.tag(format!("1.{image}")).pushed_at(days_ago(90)));
        }
    }
    let uri = world.home().repository("team/service-0").uri();
    let base = uri.trim_end_matches("service-0").to_owned();
    let ecs = &mut world.region(TEMPLATE, "eu-west-1").ecs;
    for number in 0..USES {
        ecs.register(
            &format!("service-{number}"),
            [format!("{base}service-{number}:1.{number}")],
        );
    }
    let ecs = &mut world.home().ecs;
    ecs.register("own", [format!("{base}service-1:1.0")]);
}

async fn measure(accounts: usize) -> Result<(), Failure> {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| fill(world, accounts));
    let list = run(&aws, "list", &json!({"phase": "list", "run": RUN})).await?;
    let sha256 = &list["sha256"];
    for location in [(OWN, "eu-west-1"), (TEMPLATE, "eu-west-1")] {
        let event = json!({"phase": "evidence", "run": RUN, "sha256": sha256,
            "location": {"account": location.0, "region": location.1}});
        run(&aws, "evidence", &event).await?;
    }
    copy(&aws, accounts)?;
    let size = |end: &str| {
        aws.read(|world| {
            let bucket = &world.buckets[BUCKET];
            let of = bucket.iter().filter(|(key, _)| key.contains(end));
            of.fold((0, 0), |(count, bytes), (_, object)| {
                (count + 1, bytes + object.content.len())
            })
        })
    };
    for what in ["locations.json", "list.json", "index.json", ".json.gz"] {
        let (count, bytes) = size(what);
        println!("  {what}: {count} objects, {:.2} MB", mega(bytes));
    }
    run(
        &aws,
        "list",
        &json!({"phase": "fresh", "run": RUN, "sha256": sha256}),
    )
    .await?;
    let registry = &list["registries"][0];
    let event = json!({"phase": "clean", "run": RUN, "sha256": sha256, "registry": registry});
    run(&aws, "clean", &event).await?;
    run(&aws, "finish", &json!({"phase": "finish", "run": RUN})).await?;
    println!("  {} images deleted", aws.deletions().len());
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
fn mega(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Makes the evidence of the other locations of that of one.
fn copy(aws: &SimulatedAws, accounts: usize) -> Result<(), Failure> {
    let from = format!("state/runs/{RUN}/evidence/{TEMPLATE}/eu-west-1/");
    let objects: Vec<(String, Vec<u8>)> = aws.read(|world| {
        let bucket = world.buckets[BUCKET].iter();
        let own = bucket.filter_map(|(key, object)| Some((key.strip_prefix(&from)?, object)));
        own.map(|(name, object)| (name.to_owned(), object.content.clone()))
            .collect()
    });
    let (index, documents): (Vec<_>, Vec<_>) = objects
        .into_iter()
        .partition(|(name, _)| name == "index.json");
    let index: Value = serde_json::from_slice(&index[0].1)?;
    let mut texts = Vec::new();
    for (name, bytes) in &documents {
        let mut text = String::new();
        GzDecoder::new(&bytes[..]).read_to_string(&mut text)?;
        texts.push((name, text));
    }
    let others = (0..accounts).map(account);
    for account in [OWN.to_owned()].into_iter().chain(others) {
        for region in REGIONS {
            let is_read = [OWN, TEMPLATE].contains(&&*account);
            if is_read && region == "eu-west-1" {
                continue;
            }
            let moved = |text: &str| moved(text, &account, region);
            let mut index: Value = serde_json::from_str(&moved(&index.to_string()))?;
            let folder = format!("state/runs/{RUN}/evidence/{account}/{region}");
            for (name, text) in &texts {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(moved(text).as_bytes())?;
                let bytes = encoder.finish()?;
                let hash = hex::encode(Sha256::digest(&bytes));
                let lines = index["documents"].as_array_mut().into_iter().flatten();
                for line in lines.filter(|it| {
                    it["name"]
                        .as_str()
                        .is_some_and(|it| it.ends_with(name.as_str()))
                }) {
                    line["sha256"] = hash.clone().into();
                    line["name"] = format!("{account}/{region}/{name}").into();
                }
                aws.edit(|world| {
                    world
                        .bucket(BUCKET)
                        .insert(format!("{folder}/{name}"), Object::new(bytes))
                });
            }
            let index = Object::new(index.to_string());
            aws.edit(|world| {
                world
                    .bucket(BUCKET)
                    .insert(format!("{folder}/index.json"), index)
            });
        }
    }
    Ok(())
}

/// Returns a document of the one location as that of another.
fn moved(text: &str, account: &str, region: &str) -> String {
    let (from, to) = (
        format!("\"account\":\"{TEMPLATE}\""),
        format!("\"account\":\"{account}\""),
    );
    let place = format!("{to},\"region\":\"");
    let text = text.replace(&from, &to);
    text.replace(
        &format!("{place}eu-west-1\""),
        &format!("{place}{region}\""),
    )
}

/// Does a phase in a process of its own, and prints what it took.
async fn run(aws: &SimulatedAws, function: &str, event: &Value) -> Result<Value, Failure> {
    let (started, calls) = (Instant::now(), aws.total());
    let mut process = tokio::process::Command::new(env::current_exe()?)
        .args([function, &event.to_string()])
        .env("AWS_ENDPOINT_URL", aws.endpoint())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "AKIAHOME")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .stdout(Stdio::piped())
        .spawn()?;
    let id = process.id().unwrap_or_default();
    let (mut resident, mut cpu) = (0.0_f64, 0.0_f64);
    let ended = loop {
        let waiting = tokio::time::timeout(Duration::from_millis(20), process.wait());
        resident = resident.max(resident_at_most(id));
        cpu = cpu.max(cpu_of(id));
        if let Ok(ended) = waiting.await {
            break ended?;
        }
    };
    let mut text = String::new();
    let mut output = process.stdout.take().ok_or("no output")?;
    tokio::io::AsyncReadExt::read_to_string(&mut output, &mut text).await?;
    let phase = event["phase"].as_str().unwrap_or_default();
    let shown: String = text.chars().take(300).collect();
    println!(
        "{phase}: {:.1} s, CPU {cpu:.1} s, {resident:.0} MB resident, {} calls: {}",
        started.elapsed().as_secs_f64(),
        aws.total() - calls,
        shown.trim()
    );
    if !ended.success() {
        return Err(format!("{phase} failed").into());
    }
    Ok(serde_json::from_str(&text)?)
}

fn resident_at_most(id: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}

fn cpu_of(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map(|it| it.1).unwrap_or_default();
    let fields: Vec<f64> = fields
        .split_whitespace()
        .map(|it| it.parse().unwrap_or_default())
        .collect();
    // Clock ticks, of which there are 100 a second on every Linux.
    fields
        .get(11..13)
        .map_or(0.0, |ticks| ticks.iter().sum::<f64>() / 100.0)
}
