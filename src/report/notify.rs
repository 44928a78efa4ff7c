//! Notifications: short messages to an SNS topic, for people.

use std::fmt;

use aws_sdk_sns::config::Region;

use super::{Answer, Counts, Status, count};
use crate::{
    aws::{ApiError, Clients, Operation},
    config::Mode,
    image::Arn,
    plan::Missing,
};

/// The most characters of a subject.
const SUBJECT: usize = 100;
/// The most lines of a list in a message.
const LINES: usize = 5;

/// Notifies a topic of a run that changed something, failed, was refused or found missing images.
///
/// # Errors
/// Returns an error if the message cannot be sent.
pub(crate) async fn notify(
    clients: &Clients,
    topic: &Arn,
    answer: &Answer,
) -> Result<(), ApiError> {
    let Some((subject, message)) = compose(answer) else {
        return Ok(());
    };
    let request = clients
        .sns
        .publish()
        .topic_arn(topic.to_string())
        .subject(subject)
        .message(message);
    let mut request = request.customize();
    if let Some(region) = &topic.region {
        // A topic hears only in its own Region.
        let here = aws_sdk_sns::config::Builder::new().region(Region::new(region.to_string()));
        request = request.config_override(here);
    }
    let topic = topic.to_string();
    let sent = clients.call(Operation::Publish, &topic, request.send());
    sent.await.map(|_| ())
}

/// Returns the subject and the message. `None` if there is nothing to tell.
fn compose(answer: &Answer) -> Option<(String, String)> {
    let live: Vec<&Missing> = answer
        .missing
        .iter()
        .filter(|missing| missing.live)
        .collect();
    let Counts {
        deleted, archived, ..
    } = answer.counts;
    let changed = deleted + archived > 0 || answer.status == Status::Truncated;
    let acted = answer.mode != Mode::Plan && changed;
    let quiet = answer.refusals.is_empty() && answer.failures.is_empty() && live.is_empty();
    if quiet && !acted {
        return None;
    }
    let missing = live.len() as u64;
    let subject = Subject { answer, missing }.to_string();
    let subject = subject.chars().take(SUBJECT).collect();
    let message = Message {
        answer,
        missing: &live,
    };
    Some((subject, message.to_string()))
}

/// Displays the outcome of a run on one line.
struct Subject<'a> {
    answer: &'a Answer,
    /// Number of images that run now and cannot be pulled.
    missing: u64,
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Answer {
            counts,
            status,
            refusals,
            ..
        } = self.answer;
        f.write_str("ecr-cleanup: ")?;
        match status {
            Status::Refused => f.write_str("refused")?,
            Status::Planned if !refusals.is_empty() => f.write_str("would be refused")?,
            Status::Planned => {
                let candidates = count(counts.candidates, "candidate", "candidates");
                write!(f, "dry run, {candidates}")?;
            }
            Status::Completed | Status::CompletedWithFailures | Status::Truncated => {
                Changed(*counts).fmt(f)?;
            }
        }
        if *status == Status::CompletedWithFailures {
            f.write_str(", with failures")?;
        }
        match self.missing {
            0 => Ok(()),
            missing => {
                let missing = count(missing, "image in use is", "images in use are");
                write!(f, ", {missing} missing")
            }
        }
    }
}

/// Displays what a run changed.
struct Changed(Counts);

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let images = |number| count(number, "image", "images");
        match (self.0.archived, self.0.deleted) {
            (0, deleted) => write!(f, "{} deleted", images(deleted)),
            (archived, 0) => write!(f, "{} archived", images(archived)),
            (archived, deleted) => write!(f, "{} archived, {deleted} deleted", images(archived)),
        }
    }
}

/// Displays the summary and the first lines of every list.
struct Message<'a> {
    answer: &'a Answer,
    missing: &'a [&'a Missing],
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Answer {
            summary,
            refusals,
            failures,
            report,
            run_id,
            ..
        } = self.answer;
        writeln!(f, "{summary}")?;
        list(f, "Refused:", refusals, ToString::to_string)?;
        list(f, "Failed:", failures, |failure| {
            format!("{}: {}", failure.code, failure.message)
        })?;
        list(
            f,
            "In use, but cannot be pulled:",
            self.missing,
            |missing| format!("{}, used by {}", missing.title(), missing.users.join(", ")),
        )?;
        if let Some(report) = report {
            writeln!(f, "\nReport: {report}")?;
        }
        writeln!(f, "Run: {run_id}")
    }
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    items: &[T],
    line: impl Fn(&T) -> String,
) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    for item in items.iter().take(LINES) {
        writeln!(f, "- {}", line(item))?;
    }
    match items.len().saturating_sub(LINES) {
        0 => Ok(()),
        more => writeln!(f, "- and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        image::{Aliases, ImageReference},
        plan::MissingReason,
        report::{Bytes, FailureGroup, Hygiene, answer::Omitted},
    };

    fn answer(status: Status) -> Answer {
        Answer {
            summary: "The summary.".to_owned(),
            status,
            mode: Mode::Delete,
            run_id: "run-1".to_owned(),
            version: "1.0.0",
            counts: Counts::default(),
            bytes: Bytes::default(),
            exact_bytes: None,
            monthly_savings_usd: 0.0,
            in_use: Vec::new(),
            refusals: Vec::new(),
            explanation: None,
            repositories: Vec::new(),
            missing: Vec::new(),
            failures: Vec::new(),
            warnings: Vec::new(),
            hygiene: Hygiene::default(),
            report: None,
            omitted: Omitted::default(),
        }
    }

    fn changed(status: Status, archived: u64, deleted: u64) -> Answer {
        let mut answer = answer(status);
        (answer.counts.archived, answer.counts.deleted) = (archived, deleted);
        answer
    }

    fn missing() -> Missing {
        Missing {
            reference: ImageReference::parse_typed("app:1", &Aliases::default()).unwrap(),
            host: None,
            problem: MissingReason::NoImage,
            live: true,
            users: vec!["Deployment `web`".to_owned()],
        }
    }

    fn failure(number: u64) -> FailureGroup {
        FailureGroup {
            code: format!("Code{number}"),
            message: "no".to_owned(),
            images: 1,
            repositories: vec!["app".to_owned()],
        }
    }

    #[test]
    fn a_run_without_anything_to_tell_is_not_notified() {
        assert_eq!(compose(&answer(Status::Completed)), None);
        assert_eq!(compose(&answer(Status::Planned)), None);
        let dry_run = Answer {
            mode: Mode::Plan,
            ..changed(Status::Truncated, 0, 0)
        };
        assert_eq!(compose(&dry_run), None);
    }

    #[test]
    fn the_subject_is_the_outcome() {
        let mut failed = changed(Status::CompletedWithFailures, 0, 1);
        failed.failures.push(failure(1));
        let mut incomplete = answer(Status::Planned);
        incomplete.missing.push(missing());
        let answers = [
            changed(Status::Completed, 0, 1),
            changed(Status::Completed, 2, 0),
            changed(Status::Truncated, 2, 3),
            failed,
            incomplete,
        ];
        let subjects = answers.map(|answer| compose(&answer).unwrap().0);
        insta::assert_snapshot!(subjects.join("\n"), @r"
        ecr-cleanup: 1 image deleted
        ecr-cleanup: 2 images archived
        ecr-cleanup: 2 images archived, 3 deleted
        ecr-cleanup: 1 image deleted, with failures
        ecr-cleanup: dry run, 0 candidates, 1 image in use is missing
        ");
    }

    #[test]
    fn the_message_lists_what_needs_attention() {
        let mut answer = changed(Status::CompletedWithFailures, 0, 3);
        answer.failures = (1..=7).map(failure).collect();
        answer.missing.push(missing());
        answer.report = Some("s3://reports/run-1/report.json".to_owned());
        insta::assert_snapshot!(compose(&answer).unwrap().1, @r"
        The summary.

        Failed:
        - Code1: no
        - Code2: no
        - Code3: no
        - Code4: no
        - Code5: no
        - and 2 more

        In use, but cannot be pulled:
        - app:1, used by Deployment `web`

        Report: s3://reports/run-1/report.json
        Run: run-1
        ");
    }
}
