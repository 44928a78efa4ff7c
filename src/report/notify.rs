//! Notifications: short messages for people, to an SNS topic or a chat.

use aws_sdk_sns::config::Region;
use serde_json::{Value, json};

use super::{Answer, Counts, Status, count, shortened};
use crate::{
    aws::{ApiError, Clients, Operation, Webhook, WebhookError},
    config::{Fetch as _, Mode, Recipient},
    image::Arn,
};

/// The most characters of a subject.
const SUBJECT: usize = 100;
/// The most lines of a list in a message, and users of an image.
const LINES: usize = 5;
/// The most characters of a line of a list.
const ITEM: usize = 1000;
/// The domains at which Microsoft Teams takes messages.
const TEAMS: [&str; 3] = [
    ".webhook.office.com",
    ".logic.azure.com",
    ".powerplatform.com",
];
/// The most characters of the summary. SNS takes messages of 256 KB.
const SUMMARY: usize = 4000;

/// Reason for which somebody was not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotifyError {
    #[error("{0}")]
    Call(#[from] ApiError),
    #[error("{0}")]
    Webhook(#[from] WebhookError),
    #[error("`{0}` does not hold the address of a webhook, `https://...`")]
    NoAddress(Recipient),
}

/// What people are told of a run.
pub(crate) struct Message {
    /// Its end; `None` if it failed.
    pub(super) status: Option<Status>,
    pub(super) mode: Mode,
    pub(super) counts: Counts,
    pub(super) summary: String,
    pub(super) refusals: Vec<String>,
    pub(super) failures: Vec<String>,
    /// Images that something live needs and that cannot be pulled, with their users.
    pub(super) missing: Vec<String>,
    pub(super) report: Option<String>,
    pub(super) run_id: String,
}

impl From<&Answer> for Message {
    fn from(answer: &Answer) -> Self {
        let failures = answer.failures.iter();
        let missing = answer.missing.iter().filter(|missing| missing.live);
        Self {
            status: Some(answer.status),
            mode: answer.mode,
            counts: answer.counts,
            summary: answer.summary.clone(),
            refusals: answer.refusals.iter().map(ToString::to_string).collect(),
            failures: failures
                .map(|failure| format!("{}: {}", failure.code, failure.message))
                .collect(),
            missing: missing
                .map(|missing| {
                    let users = missing.first_users(LINES);
                    format!("{}, used by {users}", missing.title())
                })
                .collect(),
            report: answer.report.clone(),
            run_id: answer.run_id.clone(),
        }
    }
}

/// Tells somebody of a run that changed something, failed, was refused or found missing images.
///
/// # Errors
/// Returns an error if the message cannot be sent.
pub(crate) async fn notify(
    clients: &Clients,
    recipient: &Recipient,
    message: &Message,
) -> Result<(), NotifyError> {
    let Some((subject, message)) = compose(message) else {
        return Ok(());
    };
    let address = match recipient {
        Recipient::Topic(topic) => {
            return Ok(publish(clients, topic, subject, message).await?);
        }
        Recipient::Webhook(address) => address.clone(),
        Recipient::Parameter(name) => clients.ssm(name).await?,
        Recipient::Secret(name) => clients.secret(name).await?,
    };
    let webhook = Webhook::parse(&address);
    let webhook = webhook.ok_or_else(|| NotifyError::NoAddress(recipient.clone()))?;
    let document = document(webhook.host(), &subject, &message);
    Ok(clients.post(&webhook, &document).await?)
}

/// Publishes a message to a topic.
async fn publish(
    clients: &Clients,
    topic: &Arn,
    subject: String,
    message: String,
) -> Result<(), ApiError> {
    let topic_arn = topic.to_string();
    let request = clients.sns.publish().topic_arn(&topic_arn);
    let mut request = request.subject(subject).message(message).customize();
    if let Some(region) = &topic.region {
        // A topic accepts messages only in its own Region.
        let here = aws_sdk_sns::config::Builder::new().region(Region::new(region.to_string()));
        request = request.config_override(here);
    }
    let sent = clients.call(Operation::Publish, &topic_arn, request.send());
    sent.await.map(|_| ())
}

/// Returns a message as the chat at a host takes it: an Adaptive Card for Microsoft Teams, else the
/// `text` of Slack, which Google Chat, Mattermost and Rocket.Chat take too.
fn document(host: &str, subject: &str, message: &str) -> Value {
    if TEAMS.iter().any(|domain| host.ends_with(domain)) {
        // A line of Markdown ends only where an empty one follows.
        let message = message.replace('\n', "\n\n");
        let block = |text: &str, weight: &str| json!({"type": "TextBlock", "text": text, "weight": weight, "wrap": true});
        let card = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [block(subject, "Bolder"), block(&message, "Default")],
        });
        let content_type = "application/vnd.microsoft.card.adaptive";
        let attachment = json!({"contentType": content_type, "content": card});
        return json!({"type": "message", "attachments": [attachment]});
    }
    let text = format!("*{subject}*\n{message}");
    // What begins a link or a mention in Slack is written so everywhere.
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    json!({ "text": text.replace('>', "&gt;") })
}

/// Returns the subject and the message. `None` if there is nothing to tell.
fn compose(run: &Message) -> Option<(String, String)> {
    let Counts {
        deleted, archived, ..
    } = run.counts;
    let changed = deleted + archived > 0 || run.status == Some(Status::Truncated);
    let acted = run.mode != Mode::Plan && changed;
    let quiet = run.refusals.is_empty() && run.failures.is_empty() && run.missing.is_empty();
    if quiet && !acted && run.status.is_some() {
        return None;
    }
    let subject = subject(run).chars().take(SUBJECT).collect();
    Some((subject, message(run)))
}

/// Returns the outcome of a run on one line.
fn subject(run: &Message) -> String {
    let (archived, deleted) = (run.counts.archived, run.counts.deleted);
    let images = |number| count(number, "image", "images");
    let candidates = || count(run.counts.candidates, "candidate", "candidates");
    let outcome = match run.status {
        None if deleted + archived == 0 => "failed".to_owned(),
        None => format!("failed, {} deleted or archived", images(deleted + archived)),
        Some(Status::Refused) => "refused".to_owned(),
        Some(Status::Planned) if !run.refusals.is_empty() => "would be refused".to_owned(),
        Some(Status::Planned) => format!("dry run, {}", candidates()),
        _ if archived == 0 => format!("{} deleted", images(deleted)),
        _ if deleted == 0 => format!("{} archived", images(archived)),
        _ => format!("{} archived, {deleted} deleted", images(archived)),
    };
    let mut subject = format!("ecr-cleanup: {outcome}");
    if run.status == Some(Status::CompletedWithFailures) {
        subject += ", with failures";
    }
    let missing = run.missing.len() as u64;
    if missing > 0 {
        let missing = count(missing, "image in use is", "images in use are");
        subject += &format!(", {missing} missing");
    }
    subject
}

/// Returns the summary and the first lines of every list.
fn message(run: &Message) -> String {
    let mut message = format!("{}\n", shortened(&run.summary, SUMMARY));
    message += &list("Refused:", &run.refusals);
    message += &list("Failed:", &run.failures);
    message += &list("In use, but cannot be pulled:", &run.missing);
    if let Some(report) = &run.report {
        message += &format!("\nReport: {report}\n");
    }
    message + &format!("Run: {}\n", run.run_id)
}

fn list(title: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let more = items.len().saturating_sub(LINES);
    let mut list = format!("\n{title}\n");
    for item in items.iter().take(LINES) {
        list += &format!("- {}\n", shortened(item, ITEM));
    }
    if more > 0 {
        list += &format!("- and {more} more\n");
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        image::{Aliases, ImageReference},
        plan::{Missing, MissingReason},
        report::{Bytes, FailureGroup, Hygiene, answer::Omitted},
    };

    fn answer(status: Status) -> Answer {
        Answer {
            summary: "The summary.".to_owned(),
            result: String::new(),
            freed: String::new(),
            status,
            mode: Mode::Delete,
            run_id: "run-1".to_owned(),
            version: "1.0.0",
            saved_plan: None,
            counts: Counts::default(),
            bytes: Bytes::default(),
            exact_bytes: None,
            monthly_savings_usd: 0.0,
            possible_monthly_savings_usd: 0.0,
            in_use: Vec::new(),
            unread: Vec::new(),
            refusals: Vec::new(),
            explanation: None,
            repositories: Vec::new(),
            held: Vec::new(),
            unexplained_pulls: Vec::new(),
            progress: None,
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
        assert_eq!(compose(&(&answer(Status::Completed)).into()), None);
        assert_eq!(compose(&(&answer(Status::Planned)).into()), None);
        let dry_run = Answer {
            mode: Mode::Plan,
            ..changed(Status::Truncated, 0, 0)
        };
        assert_eq!(compose(&(&dry_run).into()), None);
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
        let subjects = answers.map(|answer| compose(&(&answer).into()).unwrap().0);
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
        insta::assert_snapshot!(compose(&(&answer).into()).unwrap().1, @r"
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

    /// Slack's links and mentions cannot be made by the name of an image.
    #[test]
    fn a_chat_gets_the_document_that_it_takes() {
        let slack = document("hooks.slack.com", "one & two", "- <!channel>\nRun: 1");
        insta::assert_snapshot!(slack, @r#"{"text":"*one &amp; two*\n- &lt;!channel&gt;\nRun: 1"}"#);
        let teams = document("prod-1.westeurope.logic.azure.com", "one", "- two\nRun: 1");
        let content = &teams["attachments"][0]["content"];
        insta::assert_snapshot!(content["body"], @r#"[{"type":"TextBlock","text":"one","weight":"Bolder","wrap":true},{"type":"TextBlock","text":"- two\n\nRun: 1","weight":"Default","wrap":true}]"#);
        assert_eq!(teams["type"], "message");
    }
}
