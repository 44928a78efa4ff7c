//! Generated accounts: what they store, and who uses it, in the order in which it came about.

use std::collections::BTreeSet;

use ecr_cleanup::{
    config::Mode,
    pipeline::Request,
    policy::RepositoryGlobs,
    report::{SavedImage, SavedPlan, Status},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{select, subsequence},
};
use serde_json::{Value, json};
use simulated_aws::{ContainerImage, Object, Push, SimulatedAws, World, days_ago};

use crate::support::{WorldExt, answer, program, request};

/// The repositories: the first two are of one policy, the third has none unless a law adds one.
pub(super) const REPOSITORIES: [&str; 3] = ["team/app", "team/web", "shared/base"];
const TAGS: [&str; 6] = ["1.0", "1.1", "2.0", "main-1", "main-2", "latest"];
/// Keep rules, to take some of.
pub(super) const RULES: [&str; 7] = [
    "{name: latest, tags: '^latest$'}",
    "{name: releases, tags: '^[0-9]', newest: 1}",
    "{name: versions, tags: '^[0-9]', newest: 2, by: version}",
    "{name: branches, tags: '^(?<branch>[a-z]+)-', newest: 1, per: branch}",
    "{name: young, pushed_within: 10d}",
    "{name: untagged, untagged: true, newest: 1}",
    "{name: newest, newest: 2}",
];
const OTHER_ACCOUNT: &str = "222222222222";
const OTHER_REGION: &str = "us-east-1";

/// An image. Numbers stand for earlier ones of the same repository, as far as there are any.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    repository: usize,
    days: u64,
    tags: Vec<usize>,
    shape: Shape,
}

#[derive(Debug, Clone)]
enum Shape {
    Image,
    Index(Vec<usize>),
    Referrer(usize),
    Signature(usize),
}

/// Use of an image, by its digest or by one of the tags.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    image: usize,
    tag: Option<usize>,
    by: By,
}

/// What may use an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Definition,
    Task,
    Daemon,
    Rule,
    Account,
    Region,
    KeepList,
}

impl By {
    const ALL: [Self; 7] = [
        Self::Definition,
        Self::Task,
        Self::Daemon,
        Self::Rule,
        Self::Account,
        Self::Region,
        Self::KeepList,
    ];
    /// What a configuration may leave out, each a source of its own.
    pub(crate) const SOURCES: [Self; 4] = [Self::Rule, Self::Account, Self::Region, Self::KeepList];
}

#[derive(Debug, Clone)]
pub(crate) struct Account {
    images: Vec<Stored>,
    pub(crate) uses: Vec<Use>,
    pub(super) rules: Vec<&'static str>,
}

/// Images, each by repository and digest: mostly what a run deleted.
pub(super) type Images = BTreeSet<(String, String)>;

fn stored() -> impl Strategy<Value = Stored> {
    let number = || 0_usize..6;
    let shape = prop_oneof![
        6 => Just(Shape::Image),
        2 => vec(number(), 1..3).prop_map(Shape::Index),
        1 => number().prop_map(Shape::Referrer),
        1 => number().prop_map(Shape::Signature),
    ];
    let (repository, tags) = (0..REPOSITORIES.len(), vec(0..TAGS.len(), 0..2));
    (repository, 0_u64..40, tags, shape).prop_map(|(repository, days, tags, shape)| Stored {
        repository,
        days,
        tags,
        shape,
    })
}

pub(super) fn one_use() -> impl Strategy<Value = Use> {
    let tag = prop::option::of(0..TAGS.len());
    (0_usize..14, tag, select(By::ALL.to_vec())).prop_map(|(image, tag, by)| Use { image, tag, by })
}

pub(crate) fn account() -> impl Strategy<Value = Account> {
    let rules = subsequence(RULES.to_vec(), 1..4);
    (vec(stored(), 4..14), vec(one_use(), 0..3), rules).prop_map(|(images, uses, rules)| Account {
        images,
        uses,
        rules,
    })
}

impl Account {
    /// Fills a world, and returns the digests in the order of the images.
    pub(crate) fn fill(&self, world: &mut World) -> Vec<String> {
        world.in_use_elsewhere();
        let mut digests: Vec<String> = Vec::new();
        for (position, stored) in self.images.iter().enumerate() {
            let earlier = self.earlier(position, &digests);
            let other = |number: usize| earlier.get(number).copied();
            let parts = self.parts(position, &digests);
            let mut push = match &stored.shape {
                // Nothing can run an index of nothing.
                Shape::Index(_) if parts.is_empty() => Push::image(),
                Shape::Index(_) => Push::index(parts),
                Shape::Referrer(subject) => match other(*subject) {
                    Some(subject) => Push::image().subject(subject),
                    None => Push::image(),
                },
                Shape::Image | Shape::Signature(_) => Push::image(),
            };
            if let Shape::Signature(signed) = stored.shape
                && let Some(signed) = other(signed)
            {
                let hex = signed.trim_start_matches("sha256:");
                push = push.tag(format!("sha256-{hex}.sig"));
            } else {
                push = stored
                    .tags
                    .iter()
                    .fold(push, |push, &tag| push.tag(TAGS[tag]));
            }
            let push = push.content(format!("image {position}"));
            let repository = world.home().repository(REPOSITORIES[stored.repository]);
            digests.push(repository.push(push.pushed_at(days_ago(stored.days))));
        }
        let mut targets = Vec::new();
        for (number, used) in self.uses.iter().enumerate() {
            self.add_use(world, &digests, (number, used), &mut targets);
        }
        say_rule(world, &targets);
        let list = keep_list(&[]);
        world.bucket("lists").insert("none.json".to_owned(), list);
        digests
    }

    /// Removes those of the images that are gone.
    pub(super) fn remove(&self, world: &mut World, digests: &[String], gone: &[bool]) {
        for ((stored, digest), gone) in self.images.iter().zip(digests).zip(gone) {
            let repository = world.home().repository(REPOSITORIES[stored.repository]);
            if *gone {
                repository.remove(digest);
            }
        }
    }

    /// Adds a use, and its target if it is one of the rule.
    fn add_use(
        &self,
        world: &mut World,
        digests: &[String],
        (number, used): (usize, &Use),
        targets: &mut Vec<Value>,
    ) {
        let position = used.image % digests.len();
        let repository = REPOSITORIES[self.images[position].repository];
        let uri = world.home().repository(repository).uri();
        let image = match used.tag {
            Some(tag) => format!("{uri}:{}", TAGS[tag]),
            None => format!("{uri}@{}", digests[position]),
        };
        let name = format!("used-{number}");
        let ecs = &mut world.home().ecs;
        match used.by {
            By::Definition => drop(ecs.register(&name, [image])),
            By::Task => {
                let definition = ecs.register(&name, [image]);
                world.run_task("prod", &definition);
                world.home().ecs.set_status(&definition, "INACTIVE");
            }
            By::Daemon => {
                let container = ContainerImage {
                    container_name: "main".to_owned(),
                    image,
                    image_digest: None,
                };
                ecs.deploy_daemon("prod", &name, vec![container]);
            }
            By::Rule => {
                let definition = ecs.register(&name, [image]);
                ecs.set_status(&definition, "INACTIVE");
                let target =
                    json!({"Id": name, "EcsParameters": {"TaskDefinitionArn": definition}});
                targets.push(target);
            }
            By::Account => {
                let ecs = &mut world.region(OTHER_ACCOUNT, "eu-west-1").ecs;
                ecs.register(&name, [image]);
            }
            By::Region => {
                let ecs = &mut world.region("111111111111", OTHER_REGION).ecs;
                ecs.register(&name, [image]);
            }
            By::KeepList => {
                let list = keep_list(&[image]);
                world.bucket("lists").insert(format!("{name}.json"), list);
            }
        }
    }

    /// Returns a configuration that reads everything but these sources, and has these policies
    /// besides its own.
    pub(crate) fn config(&self, unread: &[By], before: &[&str], after: &[&str]) -> String {
        let reads = |by: By| !unread.contains(&by);
        let role = format!("role_arn: 'arn:aws:iam::{OTHER_ACCOUNT}:role/reader'");
        let accounts: Vec<String> = [
            (By::Account, role),
            (By::Region, format!("regions: [{OTHER_REGION}]")),
        ]
        .into_iter()
        .filter(|(by, _)| reads(*by))
        .map(|(_, account)| format!("{{{account}}}"))
        .collect();
        let services = if reads(By::Rule) { "eventbridge" } else { "" };
        let lists = if reads(By::KeepList) {
            "'s3://lists/*.json'"
        } else {
            ""
        };
        let own = self.policy();
        let policies: Vec<&str> = before
            .iter()
            .copied()
            .chain([&*own])
            .chain(after.iter().copied())
            .collect();
        format!(
            "{{mode: delete, in_use: {{eks: false, services: [{services}], keep_lists: [{lists}], accounts: [{}]}}, policies: [{}]}}",
            accounts.join(", "),
            policies.join(", ")
        )
    }

    fn policy(&self) -> String {
        let rules = self.rules.join(", ");
        format!("{{repositories: ['team/**'], keep: [{rules}], delete_unmatched: true}}")
    }

    /// Returns whether an index was deleted and left a part: as an image of its own, that has a rank
    /// from then on.
    pub(super) fn frees_a_part(&self, digests: &[String], deleted: &Images) -> bool {
        let is_deleted = |digest: &String| deleted.iter().any(|(_, it)| it == digest);
        let mut indexes = self.images.iter().zip(digests).enumerate();
        indexes.any(|(position, (stored, digest))| {
            let parts = self.parts(position, digests);
            matches!(stored.shape, Shape::Index(_))
                && is_deleted(digest)
                && parts.iter().any(|part| !is_deleted(part))
        })
    }

    /// Returns every image that is used, with the parts of an index, at any depth.
    pub(super) fn needed(&self, world: &World, digests: &[String]) -> Images {
        let mut open: Vec<usize> = Vec::new();
        for used in &self.uses {
            let position = used.image % digests.len();
            let repository = REPOSITORIES[self.images[position].repository];
            let named = match used.tag {
                None => Some(digests[position].as_str()),
                Some(tag) => world.stored(repository).and_then(|it| it.digest(TAGS[tag])),
            };
            open.extend(
                digests
                    .iter()
                    .position(|digest| Some(digest.as_str()) == named),
            );
        }
        let mut needed = Images::new();
        while let Some(position) = open.pop() {
            let repository = REPOSITORIES[self.images[position].repository].to_owned();
            if needed.insert((repository, digests[position].clone())) {
                let parts = self.parts(position, digests);
                open.extend(
                    parts
                        .iter()
                        .filter_map(|part| digests.iter().position(|it| it == *part)),
                );
            }
        }
        needed
    }

    /// Returns the most images that belong together.
    pub(super) fn largest_unit(&self) -> usize {
        let positions = 0..self.images.len();
        let mut unit_of: Vec<usize> = positions.clone().collect();
        for position in positions.clone() {
            let stored = &self.images[position];
            let earlier =
                (0..position).filter(|&it| self.images[it].repository == stored.repository);
            let earlier: Vec<usize> = earlier.collect();
            let numbers = match &stored.shape {
                Shape::Image => &[][..],
                Shape::Index(children) => children,
                Shape::Referrer(one) | Shape::Signature(one) => std::slice::from_ref(one),
            };
            for other in numbers.iter().filter_map(|&number| earlier.get(number)) {
                let (from, to) = (unit_of[*other], unit_of[position]);
                for unit in &mut unit_of {
                    if *unit == from {
                        *unit = to;
                    }
                }
            }
        }
        let sizes = positions.map(|of| unit_of.iter().filter(|unit| **unit == of).count());
        sizes.max().unwrap_or_default()
    }

    /// Returns what an index names.
    fn parts<'d>(&self, position: usize, digests: &'d [String]) -> Vec<&'d String> {
        let Shape::Index(children) = &self.images[position].shape else {
            return Vec::new();
        };
        let earlier = self.earlier(position, digests);
        children
            .iter()
            .filter_map(|&child| earlier.get(child).copied())
            .collect()
    }

    /// Returns the earlier images of the same repository.
    fn earlier<'d>(&self, position: usize, digests: &'d [String]) -> Vec<&'d String> {
        let repository = self.images[position].repository;
        let images = digests.iter().zip(&self.images).take(position);
        images
            .filter(|(_, it)| it.repository == repository)
            .map(|(digest, _)| digest)
            .collect()
    }
}

fn keep_list(images: &[String]) -> Object {
    let list = json!({"schema": "ecr-cleanup/keep-list/1", "generated_at": "2026-11-21T11:00:00Z",
        "max_age": "24h", "account": "111111111111", "images": images});
    Object::new(list.to_string())
}

/// Makes a rule of EventBridge with these targets, and no event bus elsewhere.
fn say_rule(world: &mut World, targets: &[Value]) {
    for (account, region) in [("111111111111", OTHER_REGION), (OTHER_ACCOUNT, "eu-west-1")] {
        let region = world.region(account, region);
        region.script("events:ListEventBuses", "", json!({"EventBuses": []}));
    }
    let home = world.home();
    for (operation, answer) in [
        (
            "events:ListEventBuses",
            json!({"EventBuses": [{"Name": "default"}]}),
        ),
        (
            "events:ListRules",
            json!({"Rules": [{"Name": "one", "EventBusName": "default"}]}),
        ),
        ("events:ListTargetsByRule", json!({"Targets": targets})),
    ] {
        home.script(operation, "", answer);
    }
}

/// A simulated AWS with a generated account in it.
pub(super) struct Run {
    pub(super) aws: SimulatedAws,
    pub(super) digests: Vec<String>,
}

impl Run {
    pub(super) async fn of(account: &Account) -> Self {
        let aws = SimulatedAws::start().await;
        let digests = aws.edit(|world| account.fill(world));
        Self { aws, digests }
    }

    /// Saves a plan, and returns it with what it deletes.
    pub(super) async fn save(&self, config: &str) -> (SavedPlan, Images) {
        let program = program(&self.aws, config);
        let planned = program.plan(request(Mode::Plan)).await.unwrap();
        let bytes = planned.to_saved().unwrap();
        let (_, images) = SavedPlan::read(&bytes).unwrap();
        let image = |it: SavedImage| (it.repository.to_string(), it.digest.to_string());
        let images = images.into_iter().map(image).collect();
        (program.saved_plan(bytes).await.unwrap(), images)
    }

    /// Runs in mode `delete`, of all repositories or of these, and returns what it deleted.
    pub(super) async fn delete(&self, config: &str, only: Option<&[&str]>) -> Images {
        self.delete_within(config, only, None).await
    }

    /// Does the same by a saved plan.
    pub(super) async fn delete_within(
        &self,
        config: &str,
        only: Option<&[&str]>,
        saved: Option<SavedPlan>,
    ) -> Images {
        let only = only.map(|globs| {
            let globs: Vec<String> = globs.iter().map(ToString::to_string).collect();
            RepositoryGlobs::new(&globs).unwrap()
        });
        let request = Request {
            only,
            saved,
            ..request(Mode::Delete)
        };
        self.aws.clear_record();
        let program = program(&self.aws, config);
        let answer = answer(&program, request).await.unwrap();
        let good = matches!(answer.status, Status::Completed | Status::Truncated);
        assert!(
            good,
            "{} {:?} {:?}",
            answer.summary, answer.refusals, answer.failures
        );
        let deletions = self.aws.deletions().into_iter();
        deletions.map(|it| (it.repository, it.digest)).collect()
    }
}

/// Runs a law to its end: `proptest` waits for nothing.
pub(crate) fn block_on<T>(law: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(law)
}
