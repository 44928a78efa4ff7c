//! What is not read although nothing that is demanded failed, and what would read it (P7).

use std::collections::{BTreeMap, BTreeSet};

use super::Locations;
use crate::{
    aws::{ApiError, Operation},
    config::{CloudFormation, InUse, Service, Services, TaskDefinitions},
    evidence::{OTHERS, Unread, UnreadKind, UsageIndex},
    guard::{Guards, Organization},
    image::Registry,
    plan::{LeftAlone, Plan, Veto, first_of},
};

/// Services that start tasks of task definitions which nothing else names.
const STARTERS: [Service; 3] = [
    Service::Eventbridge,
    Service::Scheduler,
    Service::StepFunctions,
];
/// Number of repositories that are named.
const NAMED: usize = 5;

/// Returns what the sources were not asked to read.
pub(super) fn left_out(in_use: &InUse, locations: &Locations, usage: &UsageIndex) -> Vec<Unread> {
    let mut unread = locations.unread.clone();
    unread.extend(services(in_use, locations));
    let counts = in_use.ecs.as_ref().map(|ecs| ecs.task_definitions);
    if counts.is_some_and(|counts| counts != TaskDefinitions::Active) {
        let ecs = usage.sources().iter().filter(|it| it.source == "ecs");
        unread.extend(ecs.filter_map(|ecs| task_definitions(&ecs.location, usage)));
    }
    unread
}

/// Returns everything that was not read for a plan, principals that policies let pull among it: those
/// of repositories that are left alone for them or cleaned all the same (`tolerated`), those that are
/// trusted, and accounts that are left out.
pub(super) fn all(
    plan: &Plan,
    usage: &UsageIndex,
    tolerated: &[Veto],
    guards: &Guards,
    organization: Option<&Organization>,
) -> Vec<Unread> {
    const KIND: UnreadKind = UnreadKind::Principal;
    let mut pulled_from: BTreeMap<&str, (BTreeSet<String>, &str)> = BTreeMap::new();
    let left_alone = plan.repositories().iter();
    let left_alone = left_alone.filter_map(|of| Some((of.title(), of.left_alone()?)));
    let tolerated = tolerated.iter().filter_map(|veto| {
        let repository = plan.repository_in(&veto.repository.0, &veto.repository.1)?;
        Some((repository.title(), &veto.why))
    });
    for (repository, why) in left_alone.chain(tolerated) {
        if let LeftAlone::PulledFrom { by, next } = why {
            for principal in by {
                let new = || (BTreeSet::new(), &**next);
                let (repositories, _) = pulled_from.entry(principal).or_insert_with(new);
                repositories.insert(format!("`{repository}`"));
            }
        }
    }
    let principals = pulled_from.into_iter().map(|(who, (from, next))| {
        let from: Vec<String> = from.into_iter().collect();
        let why = format!("policies let it pull from {}", first_of(&from, NAMED));
        Unread::new(KIND, who, None, why, next)
    });
    let trusted = guards.trusted_pullers.names().map(|name| {
        let why = "`guards.trusted_pullers` says that nothing of it needs to be read";
        let setting = format!("take `{name}` out of `guards.trusted_pullers`");
        Unread::new(KIND, name, None, why, setting)
    });
    let excluded = organization.into_iter().flat_map(|it| &it.excluded);
    let excluded = excluded.map(|account| {
        let why = "`in_use.organization.exclude` leaves it out";
        let setting = format!("take `{account}` out of `in_use.organization.exclude`");
        Unread::new(KIND, account.to_string(), None, why, setting)
    });
    let unread = usage.unread().cloned().chain(principals);
    let mut unread: Vec<Unread> = unread.chain(trusted).chain(excluded).collect();
    unread.sort_unstable();
    unread
}

/// A Region that denies its first call or cannot be reached.
pub(super) fn region(location: &Registry, error: &ApiError) -> Unread {
    let setting = if error.cause.is_denied() {
        "let the role read there"
    } else {
        error.remedy()
    };
    let name = &*location.region;
    let why = error.to_string();
    Unread::new(UnreadKind::Region, name, Some(location), why, setting)
}

/// The Regions besides the caller's own, if they cannot be listed.
pub(super) fn unlisted_regions(home: &Registry, error: &ApiError) -> Unread {
    let (list, probe) = (Operation::ListRegions, Operation::ListClusters);
    let setting = format!(
        "let the role call `{list}`, and `{probe}` everywhere; or name the Regions: `in_use: {{regions: [...]}}`"
    );
    let why = error.to_string();
    Unread {
        region: None,
        ..Unread::new(UnreadKind::Region, OTHERS, Some(home), why, setting)
    }
}

/// The Regions that the configuration leaves out; `how` is what `in_use.regions` does.
pub(super) fn other_regions(how: &str) -> Unread {
    let why = format!("`in_use.regions` {how}");
    let setting = "`in_use: {regions: auto}`";
    Unread::new(UnreadKind::Region, OTHERS, None, why, setting)
}

/// Returns the services that the configuration leaves out, everywhere or in some Regions.
fn services(in_use: &InUse, locations: &Locations) -> Vec<Unread> {
    let left_out = |name: &str, why: String, setting: String| {
        Unread::new(UnreadKind::Service, name, None, why, setting)
    };
    let switches = [
        ("ecs", in_use.ecs.is_some()),
        ("eks", in_use.eks.is_some()),
        ("lambda", in_use.lambda),
        (
            "cloudformation",
            in_use.cloudformation != CloudFormation::Off,
        ),
    ];
    let mut unread = Vec::new();
    for (name, _) in switches.into_iter().filter(|(_, is_on)| !is_on) {
        let why = format!("`in_use.{name}` is off");
        unread.push(left_out(name, why, format!("`in_use: {{{name}: {{}}}}`")));
    }
    let region = &locations.own.registry.region;
    let stacks = in_use.cloudformation == CloudFormation::Auto && !locations.found.is_empty();
    if stacks && in_use.services != Services::Auto {
        let why = format!("outside of {region}, it is read only if it is demanded");
        let setting = "`in_use: {cloudformation: {}}`".to_owned();
        unread.push(left_out("cloudformation", why, setting));
    }
    match &in_use.services {
        Services::Auto if locations.found.is_empty() => {}
        Services::Auto => {
            let why = format!("outside of {region}, only services that are named are read");
            let stacks = if stacks {
                ", and `cloudformation: {}`"
            } else {
                ""
            };
            let setting = format!("`in_use: {{services: all}}`, or a list of their names{stacks}");
            unread.push(left_out(OTHERS, why, setting));
        }
        Services::Demanded(named) => {
            for service in Service::ALL.iter().filter(|it| !named.contains(it)) {
                let why = "`in_use.services` leaves it out".to_owned();
                let setting = "`in_use: {services: auto}`".to_owned();
                unread.push(left_out(service.name(), why, setting));
            }
        }
    }
    unread
}

/// Returns the task definitions of a location that count for nothing unless something names them,
/// if some of what would is not read.
fn task_definitions(location: &Registry, usage: &UsageIndex) -> Option<Unread> {
    let unread = STARTERS.iter().map(|service| service.name());
    let unread: Vec<&str> = unread
        .filter(|name| !usage.is_source_in(name, location))
        .collect();
    let why = format!(
        "not every ACTIVE revision counts, and what starts tasks of the others is not read: {}",
        unread.join(", ")
    );
    let setting = "read these services, or `in_use: {ecs: {task_definitions: active}}`";
    let kind = UnreadKind::TaskDefinitions;
    (!unread.is_empty()).then(|| Unread::new(kind, "older revisions", Some(location), why, setting))
}
