//! A message to an SNS topic: short, for people.

use aws_sdk_sns::config::Region;

use super::{Answer, Status};
use crate::{
    aws::{ApiError, Clients},
    config::Mode,
    image::Arn,
};

/// The most characters of a subject.
const SUBJECT: usize = 100;
/// How many lines of a kind a message has at most.
const LINES: usize = 5;

/// Tells the topic how a run ended, if there is anything to tell: what changed, what failed, what was refused, what is
/// missing.
///
/// # Errors
/// Where the message cannot be sent.
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
    Box::pin(request.send())
        .await
        .map(|_| ())
        .map_err(|error| ApiError::new("sns:Publish", &topic.to_string(), &error))
}

/// Subject and message; none where there is nothing to tell.
fn compose(answer: &Answer) -> Option<(String, String)> {
    let live: Vec<_> = answer
        .missing
        .iter()
        .filter(|missing| missing.live)
        .collect();
    let acted = answer.mode != Mode::Plan;
    let changed =
        answer.counts.deleted + answer.counts.archived > 0 || answer.status == Status::Truncated;
    if !(acted && changed)
        && answer.refusals.is_empty()
        && answer.failures.is_empty()
        && live.is_empty()
    {
        return None;
    }
    let (images, done) = match (answer.counts.deleted, answer.counts.archived) {
        (0, archived) if archived > 0 => (archived, "archived"),
        (deleted, _) => (deleted, "deleted"),
    };
    let what = match answer.status {
        Status::Refused => "refused".to_owned(),
        Status::Planned if !answer.refusals.is_empty() => "would be refused".to_owned(),
        Status::Planned => format!("{} images would go", answer.counts.candidates),
        Status::CompletedWithFailures => format!("{images} images {done}, with failures"),
        Status::Completed | Status::Truncated => format!("{images} images {done}"),
    };
    let missing = if live.is_empty() {
        String::new()
    } else {
        format!(", {} in use are missing", live.len())
    };
    let subject: String = format!("ecr-cleanup: {what}{missing}")
        .chars()
        .take(SUBJECT)
        .collect();
    let mut message = format!("{}\n", answer.summary);
    let mut list = |title: &str, lines: Vec<String>| {
        if lines.is_empty() {
            return;
        }
        message += &format!("\n{title}\n");
        for line in lines.iter().take(LINES) {
            message += &format!("- {line}\n");
        }
        if lines.len() > LINES {
            message += &format!("- and {} more\n", lines.len() - LINES);
        }
    };
    list(
        "Refused:",
        answer.refusals.iter().map(ToString::to_string).collect(),
    );
    list(
        "Failed:",
        answer
            .failures
            .iter()
            .map(|failure| format!("{}: {}", failure.code, failure.message))
            .collect(),
    );
    list(
        "In use, and cannot be pulled:",
        live.iter()
            .map(|missing| format!("{}, used by {}", missing.title(), missing.users.join(", ")))
            .collect(),
    );
    if let Some(report) = &answer.report {
        message += &format!("\nReport: {report}\n");
    }
    message += &format!("Run: {}\n", answer.run_id);
    Some((subject, message))
}
