//! The rule that came nearest to keeping an image.

use std::fmt;

use jiff::SignedDuration;

use super::{
    Plan, RepositoryPlan, can_run::can_run, eligibility::eligibility, graph::Graph,
    last_pull::LastPulls,
};
use crate::{
    evidence::RepositoryLedger,
    image::{ArtifactType, Digest, Image, Time},
    policy::{Action, KeepRule, KeepRules, Policies, RuleImage},
};

/// A rule all of whose conditions an image meets but for its age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    rule: String,
    /// Event that is too long ago.
    event: Event,
    within: SignedDuration,
    age: SignedDuration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Pushed,
    Pulled,
    /// It was never pulled, so that its push counts.
    NeverPulled,
}

impl Plan {
    /// Returns the rule that would keep an image if it were younger; of several that which misses
    /// by least, in proportion. `None` if there is no such rule.
    #[must_use]
    pub fn near_miss(
        &self,
        repository: &RepositoryPlan,
        image: &Digest,
        policies: &Policies,
    ) -> Option<NearMiss> {
        let policy = policies.all.get(repository.policy()?)?;
        let Action::Keep(keep) = &policy.action else {
            return None;
        };
        let subject = repository.subject();
        let images = subject.images;
        let is_image = |it: &Image| it.artifact_type == ArtifactType::ContainerImage;
        let index = images.iter().position(|it| it.digest == *image)?;
        if !is_image(&images[index]) {
            return None;
        }
        let graph = Graph::new(images, subject.children);
        let pulls = LastPulls {
            images,
            graph: &graph,
            own: subject.own_readings,
        };
        let now = self.now();
        let ruled = (0..).zip(images).map(|(index, image)| {
            let can_run = can_run(image, images, subject.children);
            let is_child = graph.parents(index).next().is_some();
            RuleImage {
                image,
                can_run,
                eligibility: eligibility(image, can_run, is_child, &self.settings),
                is_artifact: !is_image(image),
                pulled_at: pulls.possible(index, now),
                revisions: None,
                used_at: None,
            }
        });
        let ruled: Vec<RuleImage<'_>> = ruled.collect();
        let would_keep = |rule: &KeepRule| {
            let alone = KeepRules {
                rules: vec![rule.clone()],
                at_least: None,
                git: None,
                ..keep.clone()
            };
            let nothing = RepositoryLedger::new();
            !alone.evaluate(&ruled, &nothing, now).kept[index].is_empty()
        };
        let (pushed, pulled) = (images[index].pushed_at, ruled[index].pulled_at);
        // The use ledger is not asked here.
        let rules = keep.rules.iter();
        let misses = rules
            .filter(|rule| rule.ledger_window().is_none())
            .flat_map(|rule| misses(rule, pushed, pulled, now));
        let misses = misses.filter(|(younger, _)| would_keep(younger));
        misses
            .map(|(_, miss)| miss)
            .min_by_key(|miss| miss.age.as_millis() * 1000 / miss.within.as_millis().max(1))
    }
}

/// Returns the rule without each of its conditions on age, with what that condition misses.
fn misses(
    rule: &KeepRule,
    pushed: Option<Time>,
    pulled: Option<Time>,
    now: Time,
) -> impl Iterator<Item = (KeepRule, NearMiss)> {
    let [mut by_push, mut by_pull] = [rule.clone(), rule.clone()];
    let within = [by_push.pushed_within.take(), by_pull.pulled_within.take()];
    let event = if pulled.is_some() {
        Event::Pulled
    } else {
        Event::NeverPulled
    };
    let events = [(Event::Pushed, pushed), (event, pulled.or(pushed))];
    let all = [by_push, by_pull].into_iter().zip(within).zip(events);
    all.filter_map(move |((younger, within), (event, at))| {
        let miss = NearMiss {
            rule: younger.name.clone(),
            event,
            within: within?,
            age: at?.age(now),
        };
        Some((younger, miss))
    })
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, was) = match self.event {
            Event::Pushed => ("pushed", "pushed"),
            Event::Pulled => ("pulled", "last pulled"),
            Event::NeverPulled => ("pulled", "never pulled, and pushed"),
        };
        write!(
            f,
            "rule `{}` would keep it if {verb} within {}: {was} {} ago",
            self.rule,
            whole(self.within),
            whole(self.age)
        )
    }
}

/// Returns a duration in its largest unit of which there is one: `7 d`, `36 h`, `5 min`.
fn whole(duration: SignedDuration) -> String {
    let hours = duration.as_hours();
    match (hours / 24, hours) {
        (2.., _) => format!("{} d", hours / 24),
        (_, 24) => "1 d".to_owned(),
        (_, 1..) => format!("{hours} h"),
        _ => format!("{} min", duration.as_mins()),
    }
}
