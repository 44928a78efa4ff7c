//! The planner alone: time, instructions and allocations for each image, with and without indexes
//! and attachments.
//!
//! `make bench`, or `cargo bench --workspace --bench planner`. Instructions and allocations are
//! counted where `valgrind` is installed: they are the same on every machine.

use std::{collections::BTreeSet, env, error::Error, hint::black_box, process::Command, sync::Arc};

use ecr_cleanup::{
    config::Config,
    evidence::{Coverage, Evidence, EvidenceKind, SourceStatus, UsageIndex, User, Uses},
    image::{
        ArtifactType, Digest, Image, MediaType, Registry, RepositoryName, Status, Tag, Tags, Time,
    },
    inventory::{Child, Content, Images, Inventory, Repository, Role},
    plan::{Plan, plan},
    policy::Policies,
};
use sha2::{Digest as _, Sha256};

type Failure = Box<dyn Error>;

const NOW: i64 = 1_795_262_400_000;
const HOUR: i64 = 3_600_000;
/// Images of a repository.
const REPOSITORY: u32 = 1_000;
const SIZES: [u32; 4] = [1_000, 10_000, 100_000, LARGEST];
const LARGEST: u32 = 1_000_000;
/// How often each size is planned.
const TIMES: u32 = 5;
/// How many images are counted with: as good as any number, and quick under valgrind.
const COUNTED: u32 = 10_000;

/// What the images of a world have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing: half have a tag, half have not.
    Plain,
    /// Of every ten, one is an index of two others, and one is an attestation of that index.
    Graph,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    match arguments.as_slice() {
        // What valgrind counts: a world is built, and with `plan` also planned.
        [kind, what] => {
            let (inventory, usage) = world(
                COUNTED,
                if kind == "graph" {
                    Kind::Graph
                } else {
                    Kind::Plain
                },
            )?;
            let policies = policies()?;
            if what == "plan" {
                black_box(plan_of(inventory, &usage, &policies));
            } else {
                black_box((inventory, policies));
            }
            Ok(())
        }
        _ => [Kind::Plain, Kind::Graph].into_iter().try_for_each(table),
    }
}

fn table(kind: Kind) -> Result<(), Failure> {
    let bound = if kind == Kind::Graph {
        2_000.0
    } else {
        1_000.0
    };
    println!("{kind:?}, bound {bound:.0} ns an image");
    let mut costs = Vec::new();
    for size in SIZES {
        let cost = cost(size, kind)?;
        println!(
            "  {size:>9} images: {cost:6.0} ns an image, ratio to the bound {:.2}",
            cost / bound
        );
        costs.push(cost);
    }
    println!(
        "  1,000,000 to 10,000: {:.2} (bound 1.5)",
        costs[3] / costs[1]
    );
    let name = if kind == Kind::Graph {
        "graph"
    } else {
        "plain"
    };
    for (what, tool, before, after) in [
        (
            "instructions",
            &["--tool=callgrind", "--callgrind-out-file=/dev/null"][..],
            "Collected : ",
            "",
        ),
        (
            "allocations",
            &["--tool=memcheck", "--undef-value-errors=no"][..],
            "total heap usage: ",
            " allocs",
        ),
    ] {
        let count = |what: &str| counted(tool, [name, what], before, after);
        match (count("build"), count("plan")) {
            (Ok(build), Ok(plan)) => println!(
                "  {what}: {:.1} an image",
                (plan - build) / f64::from(COUNTED)
            ),
            (Err(problem), _) | (_, Err(problem)) => println!("  {what}: not counted ({problem})"),
        }
    }
    Ok(())
}

/// Nanoseconds for an image, of the best of several times. Small worlds are planned one after the
/// other, as many of them as make the largest, since the kernel does not say more often than every
/// few milliseconds what was computed.
fn cost(size: u32, kind: Kind) -> Result<f64, Failure> {
    let policies = policies()?;
    let mut best = f64::INFINITY;
    for _ in 0..TIMES {
        let worlds = (0..LARGEST / size)
            .map(|_| world(size, kind))
            .collect::<Result<Vec<_>, _>>()?;
        let start = computed()?;
        for (inventory, usage) in worlds {
            black_box(plan_of(inventory, &usage, &policies));
        }
        best = best.min(computed()? - start);
    }
    Ok(best / f64::from(LARGEST))
}

/// Returns the nanoseconds that this thread has computed so far: what other processes take of the
/// machine does not count.
fn computed() -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text
        .split_whitespace()
        .next()
        .ok_or("no scheduler statistics")?
        .parse()?)
}

fn plan_of(inventory: Inventory, usage: &UsageIndex, policies: &Policies) -> Option<Plan> {
    Some(plan(inventory, usage, policies, Time::from_millis(NOW)?))
}

/// Returns a number that valgrind prints between two texts.
fn counted(tool: &[&str], arguments: [&str; 2], before: &str, after: &str) -> Result<f64, Failure> {
    let output = Command::new("valgrind")
        .args(tool)
        .arg(env::current_exe()?)
        .args(arguments)
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let number = text
        .split_once(before)
        .map(|(_, rest)| rest.lines().next().unwrap_or_default());
    let number = number.map(|rest| {
        rest.split_once(after)
            .filter(|_| !after.is_empty())
            .map_or(rest, |(it, _)| it)
    });
    Ok(number
        .ok_or("valgrind counted nothing")?
        .trim()
        .replace(',', "")
        .parse()?)
}

fn policies() -> Result<Policies, Failure> {
    Ok(Config::parse("mode: delete")?.policies)
}

fn world(size: u32, kind: Kind) -> Result<(Inventory, UsageIndex), Failure> {
    let registry = Registry {
        account: "111111111111".parse()?,
        region: "eu-west-1".parse()?,
    };
    let repositories = (0..size / REPOSITORY)
        .map(|number| repository(number, kind))
        .collect::<Result<_, _>>()?;
    let user = User {
        location: registry.clone(),
        kind: "ECS service".into(),
        name: "web".to_owned(),
        cluster: None,
        live: true,
        used_at: None,
    };
    let user = Arc::new(user);
    let mut uses = Uses::new(Arc::default());
    for number in 0..size / REPOSITORY {
        for image in [5, 105, 905] {
            let host = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
            uses.add(
                &user,
                &format!("{host}/{}:{}", name(number), tag(image)),
                None,
                EvidenceKind::Container,
            )?;
        }
    }
    let status = SourceStatus {
        source: "ecs",
        location: registry.clone(),
        cluster: None,
        coverage: Coverage::Complete,
        references: uses.count_references(&BTreeSet::from([registry.account])),
        note: None,
    };
    let usage = UsageIndex::from(vec![Evidence {
        status,
        uses: uses.into_vec(),
        locations: BTreeSet::new(),
        unread: Vec::new(),
    }]);
    Ok((
        Inventory {
            registry,
            repositories,
        },
        usage,
    ))
}

fn name(repository: u32) -> String {
    format!("team/app-{repository}")
}

fn tag(image: u32) -> String {
    format!("2026.11.{image}-main")
}

fn digest(repository: u32, image: u32) -> Digest {
    Digest::from_bytes(
        Sha256::digest([repository.to_be_bytes(), image.to_be_bytes()].concat()).into(),
    )
}

fn repository(number: u32, kind: Kind) -> Result<Repository, Failure> {
    let mut stored = Images::default();
    for position in 0..REPOSITORY {
        let mut image = Image {
            digest: digest(number, position),
            tags: Tags::default(),
            pushed_at: Time::from_millis(NOW - HOUR * i64::from(position + 2)),
            pulled_at: None,
            archival: None,
            bytes: 50_000_000,
            media_type: MediaType::Image,
            artifact_type: ArtifactType::ContainerImage,
            subject: None,
            status: Status::Active,
        };
        match position % 10 {
            3 if kind == Kind::Graph => {
                let children = [position - 1, position - 2].map(|part| Child {
                    digest: digest(number, part),
                    role: Some(Role::Platform("linux/arm64".into())),
                });
                stored.children.insert(image.digest, children.into());
                image.media_type = MediaType::Index;
                image.tags = [Tag::new(&tag(position))?].into();
            }
            4 if kind == Kind::Graph => {
                image.artifact_type = ArtifactType::new(Some("application/spdx+json"));
                image.subject = Some(Box::new(digest(number, position - 1)));
            }
            odd if odd % 2 == 1 && !(kind == Kind::Graph && odd == 1) => {
                image.tags = [Tag::new(&tag(position))?].into();
            }
            _ => {}
        }
        stored.images.push(image);
    }
    stored.images.sort_unstable_by_key(|image| image.digest);
    Ok(Repository {
        name: RepositoryName::new(&name(number))?,
        policy: Some(0),
        mutable_tags: true,
        content: Content::Complete(stored),
    })
}
