//! `clean`: cleans one registry by the evidence of all locations, as a run that reads it itself does.
//!
//! Use is not read again before images are deleted: the turn ends when its evidence is too old, and
//! the next one takes it for what it is then.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    Delivered, Phase, PhaseError, RunName, Turn,
    turn_report::{Spent, TurnReport},
};
use crate::{
    config::{Config, Mode},
    guard::Guards,
    image::Registry,
    pipeline::{Finished, Program, Request, Run, RunTimeouts},
    report::{self, Status, WarningCode},
};

/// Answer of the phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CleanAnswer {
    /// Turns.
    #[serde(flatten)]
    pub turn: Turn,
    /// How the last turn ended.
    pub status: String,
    /// Images that all turns deleted.
    pub deleted: u64,
    /// Bytes that all turns deleted.
    pub bytes: u64,
}

impl Program {
    /// Cleans a registry of a run, until `stop_at`.
    ///
    /// # Errors
    /// Returns an error if the registry is none of the run, or what is done cannot be written down.
    pub async fn clean_registry(
        &self,
        run: &RunName,
        sha256: &str,
        registry: &Registry,
        turn: Turn,
        stop_at: Instant,
    ) -> Result<CleanAnswer, PhaseError> {
        let phase = self.phase(run).await?;
        let list = phase.list(sha256).await?;
        if !list.registries.contains(registry) {
            return Err(PhaseError::Unknown(registry.clone(), "registries"));
        }
        let mut report = phase.report(registry).await?.unwrap_or_default();
        if report.done || report.turns > turn.turns {
            // It is done, or the answer of this turn was lost.
            return Ok(report.to_answer());
        }
        let delivered = Box::pin(phase.delivered(list, registry)).await?;
        let is_known = report.turns == turn.turns;
        report.turns = turn.turns.saturating_add(1);
        let is_first = phase.claim(registry, report.turns).await?;
        let before = Before {
            has_died: !is_known || !is_first,
            deletions: report.spent.deletions(),
        };
        Box::pin(phase.clean(delivered, before, stop_at, &mut report)).await;
        phase.write_report(registry, &report).await?;
        Ok(report.to_answer())
    }

    /// Returns the program that cleans a registry by what was delivered, after what earlier turns
    /// of the run deleted.
    fn cleaning(&self, delivered: Delivered, before: Before) -> Self {
        let config = self.config.clone();
        let limit = config.guards.max_deletions_per_run;
        Self {
            config: Config {
                guards: Guards {
                    max_deletions_per_run: limit.saturating_sub(before.deletions),
                    ..config.guards
                },
                // The run as a whole tells, and who reads use publishes it.
                notify: Vec::new(),
                publish: None,
                ..config
            },
            clients: self.clients.clone(),
            aliases: Arc::clone(&self.aliases),
            timeouts: RunTimeouts {
                usage_fresh_for: Duration::MAX,
                ..self.timeouts
            },
            cluster_timeouts: self.cluster_timeouts,
            kept: None,
            delivered: Some(Box::new(delivered)),
        }
    }
}

/// What earlier turns of a run did.
#[derive(Clone, Copy)]
struct Before {
    /// Whether the last one died: it may have deleted more than is known.
    has_died: bool,
    /// Images that they deleted, or may have.
    deletions: u64,
}

impl TurnReport {
    fn to_answer(&self) -> CleanAnswer {
        CleanAnswer {
            turn: Turn {
                done: self.done,
                turns: self.turns,
            },
            status: self.status().to_owned(),
            deleted: self.spent.deleted,
            bytes: self.spent.bytes,
        }
    }
}

impl Phase<'_> {
    /// Cleans a registry, and adds what became of it to the report.
    async fn clean(
        &self,
        delivered: Delivered,
        before: Before,
        stop_at: Instant,
        report: &mut TurnReport,
    ) {
        let run = self.run_of(delivered.registry());
        let evidence_ends = delivered.ends_at(self.now());
        let program = self.program.cleaning(delivered, before);
        let mode = if before.has_died {
            Mode::Plan
        } else {
            program.config.mode
        };
        let request = Request {
            mode,
            only: None,
            stop_at: evidence_ends.map_or(stop_at, |it| it.min(stop_at)).into(),
            saved: None,
        };
        let (id, time) = (run.id.clone(), request.stop_at.clone());
        let planned = match program.plan_in(run, request).await {
            Ok(planned) => planned,
            Err(error) => {
                report.answer = object(report::failed(&id, &error));
                report.done = true;
                return;
            }
        };
        let mut finished = planned.finish().await;
        let answer = &mut finished.answer;
        if before.has_died {
            answer.status = Status::Truncated;
            answer.warn(
                WarningCode::TurnDied,
                "an earlier turn ended without a report, so this one deletes nothing: the next run goes on".to_owned(),
            );
        }
        let limits = program.config.policies.all.iter();
        let has_limits = limits
            .map(|it| it.limits)
            .any(|it| it.max_deletions.is_some());
        report.take(finished);
        let limit = self.program.config.guards.max_deletions_per_run;
        let goes_on = report.status() == Status::Truncated.to_string()
            && !before.has_died
            && time.is_over()
            && !has_limits
            && report.spent.deletions() < limit;
        report.done = !goes_on;
    }

    /// Begins the part of the run that cleans a registry. No other turn has its name, so that none
    /// takes its lock for its own.
    fn run_of(&self, registry: &Registry) -> Run {
        let run = self.program.begin();
        let unique = run.id.get(..8).unwrap_or_default();
        let Registry { account, region } = registry;
        let id = format!("{}.{account}.{region}.{unique}", self.run);
        Run { id, ..run }
    }
}

impl TurnReport {
    fn take(&mut self, finished: Finished) {
        let (counts, bytes) = (finished.answer.counts, finished.answer.bytes);
        let Spent {
            deleted,
            archived,
            failed,
            bytes: freed,
        } = self.spent;
        self.spent = Spent {
            deleted: deleted + counts.deleted,
            archived: archived + counts.archived,
            failed: failed + counts.failed,
            bytes: freed + bytes.deleted,
        };
        self.usage_counts = finished.usage_counts;
        self.metrics.add_turn(&finished.metrics);
        self.answer = object(finished.answer.to_json());
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
