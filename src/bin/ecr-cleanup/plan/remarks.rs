//! What stands below a plan: what is left alone, failed, missing or refused, and the result.

use std::collections::{BTreeMap, HashSet};

use ecr_cleanup::{
    config::Mode,
    evidence::UnreadGroup,
    inventory::NotRead,
    plan::{LeftAlone, Plan, RepositoryPlan, first_of},
    report::{Answer, ExactBytes, FailureGroup, Hygiene, Size, Warning, WarningCode, count},
};

use crate::page::{Look, Page};

/// The most users of an image, or repositories of a reason, in a line.
const NAMED: usize = 5;
/// The words by which an answer points at its other members, which are not on a terminal.
const POINTERS: [(&str, &str); 1] = [("see `unexplained_pulls`; ", "")];

/// What was said already: a run says each thing once, before and after it deletes.
#[derive(Debug)]
pub(crate) struct Remarks {
    said: HashSet<String>,
    /// Whether only what went wrong is said.
    quiet: bool,
    /// Whether nothing is deleted in any case.
    plans: bool,
}

impl Remarks {
    /// Begins with nothing said.
    pub(crate) fn new(quiet: bool, mode: Mode) -> Self {
        Self {
            said: HashSet::new(),
            quiet,
            plans: mode == Mode::Plan,
        }
    }

    /// Adds what was not said before, and the result, unless that is asked for next.
    pub(crate) fn add(&mut self, page: &mut Page, plan: &Plan, answer: &Answer, result: bool) {
        page.gap();
        self.left_alone(page, plan);
        for failure in &answer.failures {
            if !is_of_left_alone(plan, failure) {
                self.failure(page, failure);
            }
        }
        for missing in answer.missing.iter().filter(|missing| missing.live) {
            let users = missing.first_users(NAMED);
            let text = format!("{}, used by {users}: {}", missing.title(), missing.problem);
            self.say(page, (Look::Delete, "Missing"), &text);
        }
        self.warnings(page, plan, answer);
        self.hygiene(page, &answer.hygiene);
        for unread in UnreadGroup::of(&answer.unread) {
            self.say(page, (Look::Alone, "Not read"), &unread.to_string());
        }
        let refused = if self.plans {
            "A run that deletes would be refused"
        } else {
            "Refused"
        };
        for refusal in &answer.refusals {
            let label = format!("{refused} ({})", refusal.guard);
            self.say(page, (Look::Delete, &label), &refusal.sentences());
        }
        if let Some(bytes) = &answer.exact_bytes {
            self.exact_bytes(page, bytes);
        }
        if result && self.said.insert(answer.result.clone()) {
            page.gap();
            page.paragraph((Look::Plain, ""), 0, Look::Strong, &answer.result);
        }
    }

    /// Adds a paragraph, if it was not said before.
    fn say(&mut self, page: &mut Page, (look, label): (Look, &str), text: &str) {
        if self.quiet && look != Look::Delete {
            return;
        }
        if self.said.insert(text.to_owned()) {
            page.paragraph((look, &format!("{label}: ")), 2, Look::Plain, text);
        }
    }

    /// Adds each reason for which repositories are left alone, with these.
    fn left_alone(&mut self, page: &mut Page, plan: &Plan) {
        let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (repository, why) in alone(plan) {
            by_reason
                .entry(why.to_string())
                .or_default()
                .push(repository.title());
        }
        for (why, repositories) in by_reason {
            let text = format!("{}: {why}", first_of(&repositories, NAMED));
            self.say(page, (Look::Alone, "Left alone"), &text);
        }
    }

    fn failure(&mut self, page: &mut Page, failure: &FailureGroup) {
        let FailureGroup { code, message, .. } = failure;
        let images = match failure.images {
            0 => String::new(),
            images => format!("{} in ", count(images, "image", "images")),
        };
        let repositories = failure.repositories.join(", ");
        let text = format!("{images}{repositories}: {code}: {message}");
        self.say(page, (Look::Delete, "Failed"), &text);
    }

    fn warnings(&mut self, page: &mut Page, plan: &Plan, answer: &Answer) {
        // What is left alone was said by reason.
        let others = |warning: &&Warning| warning.code != WarningCode::LeftAlone;
        for warning in answer.warnings.iter().filter(others) {
            let replace = |text: String, (from, to): (&str, &str)| text.replace(from, to);
            let warning = POINTERS.into_iter().fold(warning.to_string(), replace);
            self.say(page, (Look::Alone, "Warning"), &warning);
        }
        for pulls in &answer.unexplained_pulls {
            let images = count(pulls.images as u64, "image", "images");
            let days = pulls.last_pull.age(plan.now()).as_hours() / 24;
            let text = format!("{images} of {}, last {days} d ago", pulls.repository);
            self.say(page, (Look::Alone, "Pulled by somebody"), &text);
        }
    }

    /// Adds the tags that moved, and the number of other findings.
    fn hygiene(&mut self, page: &mut Page, hygiene: &Hygiene) {
        for moved in &hygiene.moved_tags.first {
            let (image, user) = (&moved.image, &moved.user);
            let (runs, now) = (moved.runs.short(), moved.now.short());
            let text = format!("{image} is {now} now, and {user} runs {runs}");
            self.say(page, (Look::Alone, "Moved"), &text);
        }
        for idle in &hygiene.kept_by_idle_task_definitions.first {
            let text = format!(
                "{} of {} ({}), kept only for old task definitions that nothing runs. Deregister those, or count fewer: `in_use: {{ecs: {{task_definitions: {{newest: 3}}}}}}`",
                count(idle.images as u64, "image", "images"),
                idle.repository,
                Size(idle.bytes)
            );
            self.say(page, (Look::Alone, "Idle"), &text);
        }
        let found = findings(hygiene);
        if !found.is_empty() {
            self.say(page, (Look::Dim, "Hygiene"), &found.join(", "));
        }
    }

    fn exact_bytes(&mut self, page: &mut Page, bytes: &ExactBytes) {
        let mut text = format!("{} are stored.", Size(bytes.scanned));
        if bytes.manifests_read > 0 {
            text += &format!(
                " AWS counted this as pulls of {}.",
                count(bytes.manifests_read, "image", "images")
            );
        }
        if bytes.unread > 0 {
            text += &format!(
                " The manifests of {} could not be read. Their layers are counted as if none were shared.",
                count(bytes.unread, "image", "images")
            );
        }
        self.say(page, (Look::Plain, "With each layer counted once"), &text);
    }
}

/// Returns the repositories that are left alone in this run, with the reasons.
fn alone(plan: &Plan) -> impl Iterator<Item = (&RepositoryPlan, &LeftAlone)> {
    let repositories = plan.repositories().iter();
    let asked = |why: &&LeftAlone| !matches!(why, LeftAlone::NotRead(NotRead::NotAsked));
    repositories.filter_map(move |it| Some((it, it.left_alone().filter(asked)?)))
}

/// Returns whether a failure is that of repositories that are left alone, whose reasons say it.
fn is_of_left_alone(plan: &Plan, failure: &FailureGroup) -> bool {
    failure.images == 0 && alone(plan).any(|(_, why)| why.failure_code() == Some(&*failure.code))
}

fn findings(hygiene: &Hygiene) -> Vec<String> {
    let counts = [
        (
            hygiene.mutable_repositories.count,
            "repository with mutable tags",
            "repositories with mutable tags",
        ),
        (
            hygiene.moved_tags.count,
            "tag moved while in use",
            "tags moved while in use",
        ),
        (
            hygiene.pulled_by_tag.count,
            "image pulled by tag",
            "images pulled by tag",
        ),
        (
            hygiene.unmatched_tags.count,
            "tag without a matching rule",
            "tags without a matching rule",
        ),
        (
            hygiene.unused_repositories.count,
            "unused repository",
            "unused repositories",
        ),
        (
            hygiene.nearly_full_repositories.count,
            "repository at 80 % of the quota of images",
            "repositories at 80 % of the quota of images",
        ),
    ];
    let found = counts.into_iter().filter(|(number, ..)| *number > 0);
    found
        .map(|(number, one, many)| count(number as u64, one, many))
        .collect()
}
