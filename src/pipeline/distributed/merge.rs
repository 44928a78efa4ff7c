//! The end of a run, from what its phases left behind.

use serde_json::{Value, json};

use super::{
    index::{EvidenceIndex, FoundIndex},
    turn_report::TurnReport,
};
use crate::{
    image::{Registry, Time},
    report::{LocationMetrics, Size, Status, count},
};

/// Number of locations that are named.
const NAMED: usize = 50;

/// A registry of the run, with what its turns left; the error says why there is nothing.
pub(super) struct Part {
    pub(super) registry: Registry,
    pub(super) report: Result<TurnReport, String>,
}

impl Part {
    /// Returns how the cleaning ended; `None` if it failed.
    pub(super) fn status(&self) -> Option<Status> {
        let status = self.report.as_ref().ok()?.answer.get("status")?;
        serde_json::from_value(status.clone()).ok()
    }

    /// Returns what became of it.
    pub(super) fn line(&self) -> Value {
        let Registry { account, region } = &self.registry;
        let mut line = json!({
            "account": account,
            "region": region,
            "status": self.status().map_or_else(|| json!("failed"), |it| json!(it)),
        });
        match &self.report {
            Ok(report) => {
                line["turns"] = report.turns.into();
                line["deleted"] = report.spent.deleted.into();
                line["summary"] = report.answer.get("summary").cloned().unwrap_or_default();
                if let Some(address) = report.answer.get("report") {
                    line["report"] = address.clone();
                }
            }
            Err(why) => line["summary"] = why.as_str().into(),
        }
        line
    }

    /// Returns why it failed, if it did.
    pub(super) fn failure(&self) -> Option<Value> {
        let message = match (&self.report, self.status()) {
            (_, Some(_)) => return None,
            (Err(why), _) => why.clone(),
            (Ok(report), _) => {
                let summary = report.answer.get("summary").and_then(Value::as_str);
                summary.unwrap_or("the cleaning failed").to_owned()
            }
        };
        let host = self.registry.host();
        let message = format!("{host}: {message}");
        Some(json!({"code": "RegistryFailed", "message": message, "images": 0, "repositories": []}))
    }
}

/// Returns how a run ended whose registries ended like this; `None` if it failed.
pub(super) fn status(parts: &[Part]) -> Option<Status> {
    let all: Vec<Option<Status>> = parts.iter().map(Part::status).collect();
    let any = |status| all.contains(&Some(status));
    let worse = [Status::Refused, Status::CompletedWithFailures];
    if all.iter().all(Option::is_none) {
        None
    } else if any(Status::Truncated) {
        Some(Status::Truncated)
    } else if all.iter().all(|status| *status == Some(Status::Refused)) {
        Some(Status::Refused)
    } else if all.contains(&None) || worse.into_iter().any(any) {
        Some(Status::CompletedWithFailures)
    } else if any(Status::Planned) {
        Some(Status::Planned)
    } else {
        Some(Status::Completed)
    }
}

/// Returns what became of the locations.
pub(super) fn locations(indexes: &[FoundIndex], now: Time) -> LocationMetrics {
    let read = || indexes.iter().flatten().flatten();
    let whole = read()
        .filter(|index| index.done && index.unread == 0)
        .count();
    let oldest = read().map(EvidenceIndex::began_at).min();
    LocationMetrics {
        expected: indexes.len(),
        read: read().count(),
        failed: indexes.len() - whole,
        slowest_seconds: read().map(|index| index.seconds).fold(0.0, f64::max),
        oldest_seconds: oldest.map(|oldest| oldest.age(now).as_secs_f64()),
    }
}

/// Returns the locations that failed, those without evidence first, and the slowest one.
pub(super) fn location_lines(
    listed: &[Registry],
    indexes: &[FoundIndex],
    metrics: &LocationMetrics,
) -> Value {
    let all = || listed.iter().zip(indexes);
    let lost = all().filter(|(_, index)| !matches!(index, Ok(Some(_))));
    let partly = all()
        .filter(|(_, index)| matches!(index, Ok(Some(index)) if !index.done || index.unread > 0));
    let failed: Vec<&Registry> = lost.chain(partly).map(|it| it.0).take(NAMED).collect();
    let slowest = all().filter_map(|(location, index)| {
        let index = index.as_ref().ok()?.as_ref()?;
        Some((location, index.seconds))
    });
    let slowest = slowest.max_by(|one, other| one.1.total_cmp(&other.1));
    let mut lines = json!(metrics);
    lines["failed_locations"] = json!(failed);
    if let Some((location, _)) = slowest {
        lines["slowest"] = json!(location);
    }
    lines
}

/// Returns the result in a few sentences.
pub(super) fn summary(
    parts: &[Part],
    error: Option<&str>,
    locations: Option<&LocationMetrics>,
) -> String {
    let spent = || parts.iter().filter_map(|part| part.report.as_ref().ok());
    let deleted: u64 = spent().map(|report| report.spent.deleted).sum();
    let archived: u64 = spent().map(|report| report.spent.archived).sum();
    let bytes: u64 = spent().map(|report| report.spent.bytes).sum();
    let mut text = error.map_or_else(String::new, |error| format!("The run failed: {error}. "));
    text += &format!(
        "Deleted {} ({}) and archived {archived} in {}.",
        count(deleted, "image", "images"),
        Size(bytes),
        count(parts.len() as u64, "registry", "registries"),
    );
    if let Some(LocationMetrics {
        expected,
        read,
        failed,
        ..
    }) = locations
    {
        text +=
            &format!(" Of {expected} locations, {read} were read, {failed} of all not completely.");
    }
    for part in parts {
        let is_fine = matches!(part.status(), Some(Status::Completed | Status::Planned));
        if parts.len() == 1 || !is_fine {
            let line = part.line();
            let summary = line["summary"].as_str().unwrap_or_default();
            text += &format!(" {}: {summary}", part.registry.host());
        }
    }
    text
}
