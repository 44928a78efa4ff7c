//! A configuration that is proposed for what is there, with what it would do as comments.

mod groups;
mod tally;

use std::{collections::BTreeMap, fmt};

use serde_json::{Value, json};

use self::{groups::groups, tally::Tallies};
use super::{Answer, Size, Warning, WarningCode, count};
use crate::{
    config::yaml,
    evidence::{SourceStatus, Unread},
    inventory::{LifecyclePolicy, NotRead},
    plan::{LeftAlone, Plan, RepositoryPlan},
    policy::{Action, KeepRule, Policy, Shape},
};

/// The most lines about one thing.
const LINES: usize = 20;

/// A proposed configuration, displayed as YAML.
#[derive(Debug)]
pub struct Proposal {
    text: String,
    result: String,
}

impl Proposal {
    /// Proposes a policy, `None` for the default one, of which a plan was made with this answer.
    #[must_use]
    pub fn new(
        plan: &Plan,
        answer: &Answer,
        policy: Option<&Policy>,
        settings: &[(String, Value)],
    ) -> Self {
        let parts = [
            head(plan, answer),
            policy.map_or_else(no_images, |policy| rules(plan, policy)),
            others(plan, settings),
            attention(plan, answer),
            use_read(answer),
        ];
        Self {
            text: parts
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("\n"),
            result: answer.result.clone(),
        }
    }

    /// Returns what a run by it would do, in a few sentences.
    #[must_use]
    pub fn result(&self) -> &str {
        &self.result
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn head(plan: &Plan, answer: &Answer) -> String {
    let registries: Vec<String> = plan.registries().iter().map(ToString::to_string).collect();
    let title = format!(
        "Proposed by `ecr-cleanup init` for {}. It deletes nothing: in mode `plan`, runs only show what they would delete. Look at `ecr-cleanup plan` with it, change the rules, and read https://github.com/ecr-cleanup/ecr-cleanup/blob/main/docs/runbook.md before you change the mode.",
        registries.join(", ")
    );
    let (counts, bytes) = (answer.counts, answer.bytes);
    let stored = format!(
        "Stored: {} in {}, {}. In use, and kept whatever the rules say: {}. By the rules below {} ({}) would be deleted, parts and signatures included.",
        count(counts.images, "image", "images"),
        count(counts.repositories, "repository", "repositories"),
        Size(bytes.scanned),
        counts.in_use,
        counts.candidates,
        Size(bytes.candidates),
    );
    let mut text = yaml::comment(0, &title) + "mode: plan\n\n" + &yaml::comment(0, &stored);
    let groups = groups(plan);
    if !groups.is_empty() {
        text += &yaml::comment(
            0,
            "Images by what their tags look like, in each group of repositories:",
        );
    }
    for group in groups.iter().take(LINES) {
        text += &yaml::comment(0, &format!("  {group}"));
    }
    text + &more(groups.len(), "groups")
}

/// Returns a line that says how many are left out, if some are.
fn more(number: usize, what: &str) -> String {
    match number.saturating_sub(LINES) {
        0 => String::new(),
        more => yaml::comment(0, &format!("  and {more} more {what}")),
    }
}

fn no_images() -> String {
    yaml::comment(
        0,
        "No image could be read, so the default rules hold: `latest`, the newest 5 snapshots, the newest 10 releases.",
    )
}

fn rules(plan: &Plan, policy: &Policy) -> String {
    let globs: Vec<String> = policy
        .repositories
        .patterns()
        .iter()
        .map(|glob| yaml::scalar(glob))
        .collect();
    let mut text = yaml::comment(
        0,
        "An image is kept if one of these rules keeps it; each counts in every repository by itself. For repositories that need other rules, write a policy before this one.",
    );
    text += &format!(
        "policies:\n  - repositories: [{}]\n    keep:\n",
        globs.join(", ")
    );
    let Action::Keep(keep) = &policy.action else {
        return text;
    };
    let tallies = Tallies::of(plan);
    for rule in &keep.rules {
        let shape = shape_of(rule);
        let says = shape.map_or(
            "Whatever has no tag, for a day: it may be in the middle of a push.",
            says,
        );
        text += &yaml::comment(6, &format!("{says} {}", tallies.of_shape(shape)));
        text += &format!("      - {}\n", yaml::rule(rule));
    }
    text
}

/// Returns the shape of the tags that a rule is about; `None` if it is about images without any.
fn shape_of(rule: &KeepRule) -> Option<Shape> {
    Shape::ALL
        .iter()
        .copied()
        .find(|shape| shape.name() == rule.name)
}

/// Returns what the rule about a shape keeps.
fn says(shape: Shape) -> &'static str {
    match shape {
        Shape::Latest => "What is called latest.",
        Shape::Snapshot => "The newest five snapshots.",
        Shape::Release => "The ten highest versions.",
        Shape::Number => "The newest ten numbers and dates.",
        Shape::Request => "The newest image of each pull request, for thirty days.",
        Shape::Commit => "The newest twenty commit hashes.",
        Shape::Build => {
            "The newest five builds of each branch; with `newest_groups: 20`, of twenty branches."
        }
        Shape::Other => "Every image with a tag of another kind, now or one day.",
    }
}

/// Returns the settings besides the policies.
fn others(plan: &Plan, settings: &[(String, Value)]) -> String {
    let accounts = plan
        .registries()
        .iter()
        .map(|registry| registry.account.to_string());
    let mut accounts: Vec<String> = accounts.collect();
    accounts.sort_unstable();
    accounts.dedup();
    let mut text = yaml::comment(
        0,
        "A run in any other account is refused. Every other key, with its default: `ecr-cleanup check-config` without a configuration.",
    );
    let mut guards = json!({"expected_accounts": accounts});
    for (key, value) in settings {
        match (key.as_str(), value, guards.as_object_mut()) {
            ("guards", Value::Object(own), Some(guards)) => guards.extend(own.clone()),
            _ => text += &format!("{key}: {}\n", yaml::flow(value)),
        }
    }
    text + &format!("guards: {}\n", yaml::flow(&guards))
}

/// Returns what needs attention: repositories left alone, refusals, warnings.
fn attention(plan: &Plan, answer: &Answer) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut left: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for repository in plan.repositories() {
        match repository.left_alone() {
            None | Some(LeftAlone::NotRead(NotRead::NotAsked)) => {}
            Some(why) => left
                .entry(why.to_string())
                .or_default()
                .push(repository.title()),
        }
    }
    for (why, names) in left {
        let number = count(names.len() as u64, "repository is", "repositories are");
        lines.push(format!(
            "{number} left alone, such as `{}`: {why}",
            names[0]
        ));
    }
    let has_policy = |it: &&RepositoryPlan| matches!(it.lifecycle(), LifecyclePolicy::Text(_));
    let mut with_policy = plan.repositories().iter().filter(has_policy);
    if let Some(first) = with_policy.next() {
        let number = count(
            with_policy.count() as u64 + 1,
            "repository has",
            "repositories have",
        );
        lines.push(format!(
            "{number} a lifecycle policy, by which ECR deletes besides and whatever is in use. `ecr-cleanup import-lifecycle {}` prints its rules as keep rules",
            first.name()
        ));
    }
    let refusals = answer.refusals.iter();
    lines.extend(refusals.map(|refusal| format!("A run that deletes would be refused: {refusal}")));
    let told = |warning: &&Warning| warning.code != WarningCode::LeftAlone;
    let warnings = answer.warnings.iter().filter(told);
    lines.extend(warnings.map(ToString::to_string));
    if lines.is_empty() {
        return String::new();
    }
    let mut text = yaml::comment(0, "To look at:");
    for line in lines.iter().take(LINES) {
        text += &yaml::comment(0, &format!("- {line}"));
    }
    text + &more(lines.len(), "findings")
}

/// Returns where use was read and where not.
fn use_read(answer: &Answer) -> String {
    let mut read: BTreeMap<String, Vec<&SourceStatus>> = BTreeMap::new();
    for status in &answer.in_use {
        read.entry(status.location.to_string())
            .or_default()
            .push(status);
    }
    let mut text = yaml::comment(
        0,
        "Where use of images was looked for, with the number of references found:",
    );
    for (location, sources) in read.iter().take(LINES) {
        let (used, unused): (Vec<&SourceStatus>, Vec<_>) = sources
            .iter()
            .partition(|status| status.references > 0 || !status.is_complete());
        let used = used.iter().map(|status| in_words(status));
        let unused: Vec<String> = unused.iter().map(|status| name(status)).collect();
        let nothing = (!unused.is_empty()).then(|| format!("nothing in {}", unused.join(", ")));
        let all: Vec<String> = used.chain(nothing).collect();
        text += &yaml::comment(0, &format!("- {location}: {}", all.join("; ")));
    }
    text += &more(read.len(), "accounts and Regions");
    let unread = unread_lines(&answer.unread);
    if unread.is_empty() {
        return text;
    }
    text += &yaml::comment(
        0,
        "Where it was not; what only they use is protected by the rules alone:",
    );
    for line in unread.iter().take(LINES) {
        text += &yaml::comment(0, &format!("- {line}"));
    }
    text + &more(unread.len(), "that were not read")
}

/// Returns what was not read, in one line for all of a kind in an account and Region.
fn unread_lines(unread: &[Unread]) -> Vec<String> {
    let mut groups: BTreeMap<_, Vec<&Unread>> = BTreeMap::new();
    for one in unread {
        // Regions are in an account and not in one of themselves.
        let region = one.region.as_ref().filter(|region| ***region != *one.name);
        groups
            .entry((one.kind, one.account, region))
            .or_default()
            .push(one);
    }
    let lines = groups.into_iter().map(|((kind, account, region), all)| {
        if let [one] = all[..] {
            return one.to_string();
        }
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        let account = account.map(|account| account.to_string());
        let location = account.into_iter().chain(region.map(ToString::to_string));
        let location: Vec<String> = location.collect();
        format!(
            "{} {} in {}: {}; `ecr-cleanup in-use` says why of each, and `ecr-cleanup check-config --access` what to grant",
            names.len(),
            kind.words().1,
            location.join(" "),
            names.join(", ")
        )
    });
    lines.collect()
}

fn name(status: &SourceStatus) -> String {
    match &status.cluster {
        Some(cluster) => format!("{} cluster `{cluster}`", status.source),
        None => status.source.to_owned(),
    }
}

fn in_words(status: &SourceStatus) -> String {
    match status.error() {
        Some(error) => format!("{} NOT READ COMPLETELY ({error})", name(status)),
        None => format!("{} {}", name(status), status.references),
    }
}
