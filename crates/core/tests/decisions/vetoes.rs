//! Repositories whose images may be used where use is not read (U16, U17).

use std::{collections::BTreeSet, sync::Arc};

use ecr_cleanup_core::{
    evidence::{
        Coverage, Evidence, EvidenceKind, SourceError, SourceStatus, UsageIndex, User, Uses,
    },
    guard::{Doubts, KnownPullers, PullAccess, TrustedPullers, unread_pullers},
    inventory::replications,
    plan::LeftAlone,
};

use crate::support::{HOST, name, registry, source};

const OWN: &str = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "ecr:*"}}"#;
const OTHER: &str = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "ecr:*"}}"#;
const ANYBODY: &str = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "ecr:*"}}"#;

/// What the two accounts use, or `-` for one that is not read; `!` marks an incomplete source.
#[derive(Debug, Clone, Copy)]
struct Read(&'static str, &'static str);

const BOTH: Read = Read("app", "app");
const OWN_ONLY: Read = Read("app", "-");

fn usage(read: Read) -> UsageIndex {
    let evidence = [(0, read.0), (1, read.1)].into_iter().filter(|(_, used)| *used != "-");
    let evidence = evidence.map(|(account, text)| {
        let used = text.trim_start_matches('!');
        let coverage = if used == text {
            Coverage::Complete
        } else {
            Coverage::Incomplete(SourceError::Call("timeout".to_owned()))
        };
        let status = SourceStatus { coverage, location: registry(account), ..source("ecs", 1) };
        let user = User {
            location: registry(account),
            kind: "ECS service".into(),
            name: "web".to_owned(),
            cluster: None,
            live: true,
            used_at: None,
        };
        let mut uses = Uses::new(Arc::default());
        let image = format!("{HOST}/{used}:1");
        uses.add(&Arc::new(user), &image, None, EvidenceKind::Field).unwrap();
        Evidence { status, uses: uses.into_vec(), locations: BTreeSet::new(), unread: Vec::new() }
    });
    UsageIndex::from(evidence.collect::<Vec<_>>())
}

/// Returns why a repository is left alone, shortly.
fn why(
    policies: [Result<Option<&str>, &str>; 2],
    repeated: Result<Option<&str>, &str>,
    read: Read,
) -> String {
    let usage = usage(read);
    let doubts = Doubts::of(&usage);
    let rules = repeated.map(|to| {
        to.map_or_else(Vec::new, |to| {
            let rules = format!(
                r#"{{"replicationConfiguration": {{"rules": [{{
                "destinations": [{{"region": "eu-west-1", "registryId": "{to}"}}],
                "deleteReplication": {{"enabled": true}},
                "repositoryFilters": [{{"filter": "app", "filterType": "PREFIX_MATCH"}}]}}]}}}}"#
            );
            replications(rules.as_bytes()).unwrap()
        })
    });
    let [policy, registry_policy] = policies;
    let access = PullAccess {
        registry_policy: registry_policy.as_ref().copied(),
        replications: rules.as_ref().map(Vec::as_slice),
        doubts: &doubts,
        known: KnownPullers {
            own: &registry(0),
            organization: None,
            trusted: &TrustedPullers::default(),
        },
    };
    let key = (Arc::new(registry(0)), name("app"));
    let veto = unread_pullers(&key, policy.as_ref().copied(), &access, &usage);
    let Some(veto) = veto else { return String::new() };
    assert_eq!(veto.repository, key);
    match veto.why {
        LeftAlone::PulledFrom { by, .. } => format!("pulled from {}", by.join(", ")),
        LeftAlone::Repeated { locations } => format!("repeated in {}", locations.join(", ")),
        LeftAlone::InDoubt { by } => format!("in doubt: {}", by.join(", ")),
        LeftAlone::PullersUnknown { error } => format!("unknown: {error}"),
        why => panic!("{why:?}"),
    }
}

#[test]
fn who_may_pull_has_to_be_read() {
    let other = "pulled from account 222222222222 in eu-west-1";
    for (policy, read, expected) in [
        (None, OWN_ONLY, ""),
        (Some(OWN), OWN_ONLY, ""),
        (Some(OTHER), BOTH, ""),
        (Some(OTHER), OWN_ONLY, other),
        (Some(ANYBODY), BOTH, "pulled from any account"),
    ] {
        // By the policy of the repository or of the registry.
        assert_eq!(why([Ok(policy), Ok(None)], Ok(None), read), expected, "{policy:?}");
        assert_eq!(why([Ok(None), Ok(policy)], Ok(None), read), expected, "{policy:?}");
    }
    let unreadable = "unknown: denied";
    assert_eq!(why([Err("denied"), Ok(None)], Ok(None), BOTH), unreadable);
    assert_eq!(why([Ok(None), Err("denied")], Ok(None), BOTH), unreadable);
    assert_eq!(why([Ok(None); 2], Err("denied"), BOTH), unreadable);
    let malformed = why([Ok(Some("{}")), Ok(None)], Ok(None), BOTH);
    assert!(malformed.starts_with("unknown: a policy cannot be understood"), "{malformed}");
}

#[test]
fn where_deletions_are_repeated_has_to_be_read() {
    for (to, read, expected) in [
        ("222222222222", BOTH, ""),
        ("222222222222", OWN_ONLY, "repeated in 222222222222 eu-west-1"),
        ("111111111111", OWN_ONLY, ""),
    ] {
        assert_eq!(why([Ok(None); 2], Ok(Some(to)), read), expected, "{to}");
    }
}

#[test]
fn what_is_missing_of_an_account_holds_what_it_may_use() {
    let doubt = "in doubt: ecs in 222222222222 eu-west-1: timeout";
    for (policy, repeated, read, expected) in [
        (Some(OTHER), None, Read("app", "!web"), doubt),
        (None, None, Read("app", "!web"), ""),
        // It is seen to use the repository, though no policy says so.
        (None, None, Read("app", "!app"), doubt),
        (None, Some("222222222222"), Read("app", "!web"), doubt),
        // What is missing of the registry's own account stops the whole run.
        (Some(OWN), Some("111111111111"), Read("!app", "app"), ""),
    ] {
        assert_eq!(why([Ok(policy), Ok(None)], Ok(repeated), read), expected, "{read:?}");
    }
}
