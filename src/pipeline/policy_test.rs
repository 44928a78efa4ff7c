//! Policy tests: what the policies of a configuration keep of images that a test names, decided by
//! the planner itself.

mod document;

use std::{collections::BTreeSet, sync::Arc};

use jiff::SignedDuration;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

pub use document::PolicyTestError;

use crate::{
    config::{Config, nearest_name},
    evidence::{Coverage, Evidence, EvidenceKind, SourceStatus, UsageIndex, User, Uses},
    image::{
        Aliases, ArtifactType, Digest, Image, MediaType, Registry, RepositoryName, Status, Tag,
        Time,
    },
    inventory::{Content, Images, Inventory, NotRead, Repository},
    plan::{self, Archiving, DeleteReason, KeepReason, PlanSettings, RepositoryPlan, Verdict},
    policy::{Action, Choice},
};
use document::{Expected, Test, Written};

/// Time of every test: only ages matter.
const NOW: i64 = 1_767_225_600_000;
/// Reason of images whose repository is left alone.
const LEFT_ALONE: &str = "left_alone";

/// Result of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestResult {
    /// Name, or its repository if it has none.
    pub name: String,
    /// Line at which it begins.
    pub line: u64,
    /// Number of expectations.
    pub expectations: usize,
    /// Expectations that do not hold, by their lines.
    pub failures: Vec<TestFailure>,
}

/// An expectation that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestFailure {
    /// Line of the expectation.
    pub line: u64,
    /// Image, as the test names it.
    pub image: String,
    /// Verdict and reason that were expected.
    pub expected: String,
    /// Verdict and reasons that there are.
    pub actual: String,
    /// These reasons as sentences.
    pub because: Vec<String>,
}

/// Runs the tests of a document in YAML.
///
/// # Errors
/// Returns an error with its line, if the document is wrong.
pub fn test_policies(text: &str, config: &Config) -> Result<Vec<TestResult>, PolicyTestError> {
    let tests = document::parse(text)?;
    tests.iter().map(|test| run(test, config)).collect()
}

fn run(test: &Written<Test>, config: &Config) -> Result<TestResult, PolicyTestError> {
    let (line, test) = (test.line, &test.value);
    let images = images(test)?;
    for (name, expected) in &test.expect {
        if !images.iter().any(|(known, _)| *known == name) {
            return Err(unknown(name, expected.line, test));
        }
    }
    let name = test.name.clone();
    let name = name.unwrap_or_else(|| test.repository.value.clone());
    let usage = usage(test, &images, &name, config)?;
    let repository = repository(test, &images, config)?;
    let inventory = Inventory {
        registry: home(),
        repositories: vec![repository],
    };
    let settings = PlanSettings {
        now: now(),
        archive: Archiving::default(),
        keep_pulled_within: config.guards.unexplained_pulls.kept_within(),
        has_others: false,
    };
    let plan = plan::plan(inventory, &usage, &config.policies, settings);
    let planned = plan.repositories().first();
    let mut failures: Vec<TestFailure> = images
        .iter()
        .filter_map(|(name, image)| {
            let expected = test.expect.get(*name)?;
            let actual = Actual::of(planned?, &image.digest);
            actual.failure(name, expected.line, &expected.value)
        })
        .collect();
    failures.sort_by_key(|failure| failure.line);
    Ok(TestResult {
        name,
        line,
        expectations: test.expect.len(),
        failures,
    })
}

fn now() -> Time {
    Time::from_millis(NOW).unwrap_or_else(|| unreachable!("it is a time"))
}

/// Returns the registry of every test.
fn home() -> Registry {
    let parsed = (|| {
        Some(Registry {
            account: "111111111111".parse().ok()?,
            region: "us-east-1".parse().ok()?,
        })
    })();
    parsed.unwrap_or_else(|| unreachable!("it is a registry"))
}

/// Returns the images of a test, with their names.
fn images(test: &Test) -> Result<Vec<(&String, Image)>, PolicyTestError> {
    let (mut tagged, mut digests) = (BTreeSet::new(), BTreeSet::new());
    let mut images = Vec::new();
    for (name, written) in &test.images {
        let wrong = |problem: String| PolicyTestError::new(written.line, problem);
        let of = &written.value;
        let names = of.tags.clone().unwrap_or_else(|| vec![name.clone()]);
        let tags = names.iter().map(|tag| Tag::new(tag));
        let tags: Result<BTreeSet<Tag>, _> = tags.collect();
        let tags = tags.map_err(|error| wrong(error.to_string()))?;
        if let Some(twice) = tags.iter().find(|tag| !tagged.insert((*tag).clone())) {
            return Err(wrong(format!("another image has the tag `{twice}`")));
        }
        let digest = match &of.digest {
            Some(digest) => digest
                .parse::<Digest>()
                .map_err(|error| wrong(format!("{error}")))?,
            None => Digest::from_bytes(Sha256::digest(name).into()),
        };
        if !digests.insert(digest) {
            return Err(wrong(format!("another image has the digest `{digest}`")));
        }
        let ago = |age: SignedDuration| {
            let millis = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            Time::from_millis(NOW.saturating_sub(millis))
        };
        let image = Image {
            digest,
            tags: tags.into_iter().collect(),
            pushed_at: ago(of.pushed),
            pulled_at: of.pulled.and_then(ago),
            archival: None,
            bytes: 0,
            media_type: MediaType::Image,
            artifact_type: ArtifactType::ContainerImage,
            subject: None,
            status: Status::Active,
        };
        images.push((name, image));
    }
    images.sort_by_key(|(_, image)| image.digest);
    Ok(images)
}

fn unknown(name: &str, line: u64, test: &Test) -> PolicyTestError {
    let names: Vec<&str> = test.images.keys().map(String::as_str).collect();
    let near = nearest_name(name, &names);
    let near = near.map(|near| format!("; did you mean `{near}`?"));
    let near = near.unwrap_or_default();
    PolicyTestError::new(line, format!("the test has no image `{name}`{near}"))
}

/// Returns the use of a test: of an image by its name, or by a reference.
fn usage(
    test: &Test,
    images: &[(&String, Image)],
    name: &str,
    config: &Config,
) -> Result<UsageIndex, PolicyTestError> {
    let location = home();
    let user = Arc::new(User {
        location: location.clone(),
        kind: "test".into(),
        name: name.to_owned(),
        cluster: None,
        live: true,
        used_at: None,
    });
    let mut uses = Uses::new(Arc::new(Aliases::new(&config.registry_aliases)));
    for used in &test.in_use {
        let text = &used.value;
        let named = images.iter().find(|(name, _)| *name == text);
        let reference = match (named, text.split_once('/')) {
            (Some((_, image)), _) => image.digest.to_string(),
            (None, Some((host, _))) if host.contains(['.', ':']) => text.clone(),
            (None, _) if text.contains(['/', ':', '@']) => format!("{}/{text}", location.host()),
            (None, _) => return Err(unknown(text, used.line, test)),
        };
        let added = uses.add(&user, &reference, None, EvidenceKind::Field);
        added.map_err(|error| PolicyTestError::new(used.line, error.to_string()))?;
    }
    Ok(UsageIndex::from(vec![Evidence {
        status: SourceStatus {
            source: "ecs",
            location,
            cluster: None,
            coverage: Coverage::Complete,
            references: test.in_use.len(),
            note: None,
        },
        uses: uses.into_vec(),
        locations: BTreeSet::new(),
        unread: Vec::new(),
    }]))
}

/// Returns the repository of a test, with what its policy makes a run read.
fn repository(
    test: &Test,
    images: &[(&String, Image)],
    config: &Config,
) -> Result<Repository, PolicyTestError> {
    let written = &test.repository;
    let name = RepositoryName::new(&written.value);
    let name = name.map_err(|error| PolicyTestError::new(written.line, error.to_string()))?;
    let images = || images.iter().map(|(_, image)| image.clone());
    let choice = config.policies.of(&name, false, &test.repository_tags);
    let (policy, content) = match choice {
        Choice::Policy(policy) if policy.action == Action::LeaveAlone => {
            let policy = policy.position;
            (Some(policy), Content::NotRead(NotRead::Policy { policy }))
        }
        Choice::Policy(policy) => {
            let images = Images {
                images: images().collect(),
                ..Images::default()
            };
            (Some(policy.position), Content::Complete(images))
        }
        Choice::Protected(tag) => {
            let tag = tag.to_owned();
            (None, Content::NotRead(NotRead::Protected { tag }))
        }
        Choice::Unknown(tag, name) => {
            let tag = tag.to_owned();
            (None, Content::NotRead(NotRead::UnknownPolicy { tag, name }))
        }
        Choice::Cache => (None, Content::NotRead(NotRead::PullThroughCache)),
        Choice::None => (None, Content::NotRead(NotRead::NoPolicy)),
    };
    Ok(Repository {
        name,
        policy,
        mutable_tags: true,
        content,
    })
}

/// What a plan says of an image.
struct Actual {
    is_kept: bool,
    /// Names of the rules that keep it, or kinds of other reasons.
    reasons: Vec<String>,
    because: Vec<String>,
}

impl Actual {
    fn of(repository: &RepositoryPlan, digest: &Digest) -> Self {
        let verdict = repository.image(digest).map(|planned| planned.verdict);
        match (repository.left_alone(), verdict) {
            (None, Some(verdict)) => Self {
                is_kept: !verdict.deletes(),
                reasons: reasons(verdict),
                because: repository.because(verdict),
            },
            (why, _) => Self {
                is_kept: true,
                reasons: vec![LEFT_ALONE.to_owned()],
                because: why.map(ToString::to_string).into_iter().collect(),
            },
        }
    }

    /// Returns the failure, if this is not what was expected.
    fn failure(&self, image: &str, line: u64, expected: &Expected) -> Option<TestFailure> {
        let has_reason = |reason: &String| self.reasons.contains(reason);
        let holds =
            self.is_kept == expected.is_kept() && expected.reason.as_ref().is_none_or(has_reason);
        (!holds).then(|| TestFailure {
            line,
            image: image.to_owned(),
            expected: verdict(expected.is_kept(), expected.reason.as_slice()),
            actual: verdict(self.is_kept, &self.reasons),
            because: self.because.clone(),
        })
    }
}

/// Returns a verdict with its reasons: `keep (releases, in_use)`.
fn verdict(is_kept: bool, reasons: &[String]) -> String {
    let verdict = if is_kept { "keep" } else { "delete" };
    match reasons {
        [] => verdict.to_owned(),
        reasons => format!("{verdict} ({})", reasons.join(", ")),
    }
}

/// Returns the reasons of a verdict, each once: the names of rules, `in_use`, or kinds.
fn reasons(verdict: &Verdict) -> Vec<String> {
    let reasons: Vec<String> = match verdict {
        Verdict::Keep(reasons) => reasons.iter().map(kept_by).collect(),
        Verdict::Delete(DeleteReason::Superseded { rule, .. }) => vec![rule.to_string()],
        Verdict::Delete(reason) => vec![kind(reason)],
    };
    let mut seen = BTreeSet::new();
    let reasons = reasons.into_iter();
    reasons
        .filter(|reason| seen.insert(reason.clone()))
        .collect()
}

fn kept_by(reason: &KeepReason) -> String {
    match reason {
        KeepReason::Rule { rule, .. }
        | KeepReason::YoungLedger { rule, .. }
        | KeepReason::NoVersion { rule, .. } => rule.to_string(),
        reason if reason.is_use() => "in_use".to_owned(),
        reason => kind(reason),
    }
}

/// Returns the kind of a reason, as it is in reports.
fn kind(reason: &impl Serialize) -> String {
    let written = serde_json::to_value(reason).unwrap_or_default();
    written["reason"].as_str().unwrap_or_default().to_owned()
}
