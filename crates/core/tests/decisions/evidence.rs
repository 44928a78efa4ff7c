//! The set of evidence, and evidence as documents (A14, U14).

use std::{
    collections::BTreeSet,
    fmt::Debug,
    sync::{Arc, LazyLock},
};

use ecr_cleanup_core::{
    evidence::{
        Coverage, Document, DocumentError, Evidence, EvidenceKind, Gap, Listed, Mentions, Origin,
        Piece, PieceKey, SourceError, SourceStatus, Terms, TextScanner, Unreadable, UsageIndex,
        UseLedger, User, Uses, assemble,
    },
    guard::{
        self, Doubts, GuardInput, KnownPullers, Memory, PullAccess, PullingAccounts, unread_pullers,
    },
    image::{AccountId, Aliases, Digest},
    plan::{self, Plan, PlanSettings},
};
use jiff::SignedDuration;
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::{
    guards::settings,
    support::{HOST, days_ago, digest, inventory, keeping, name, plan_of, registry, source},
};

const CASES: u32 = if cfg!(debug_assertions) { 100 } else { 2_000 };
const OTHER: &str = "222222222222.dkr.ecr.eu-west-1.amazonaws.com";
const HEX: &str = "6262626262626262626262626262626262626262626262626262626262626262";
/// Images as users write them: in ECR, under an alias, elsewhere, nowhere, or in doubt.
const IMAGES: [&str; 21] = [
    "HOST/app:a",
    "HOST/app@sha256:HEX",
    "HOST/app:c@sha256:HEX",
    "OTHER/shared/team/app:a",
    "OTHER/app:b",
    "proxy.example.com/x/team/app:d",
    "proxy.example.com/app",
    "app:a",
    "library/app:b",
    "mirror.example.com/app:e",
    "mirror.example.com:5000/x/app:e@sha256:HEX",
    "localhost/app:c",
    "sha256:HEX",
    "no image at all@sha256:HEX",
    "https://mirror.example.com/app:a",
    "???",
    "HOST/App:1",
    "HOST/app:${TAG}",
    "HOST/${X}/app:c",
    "OTHER/Team/App:1",
    "proxy.example.com/App:1",
];
/// Objects that mention repositories, or name them in parts.
const OBJECTS: [&str; 7] = [
    r#"{"repository": "HOST/team/app", "tag": "a"}"#,
    r#"{"repository": "HOST/team/app"}"#,
    r#"{"image": {"repository": "HOST/app", "digest": "sha256:HEX"}}"#,
    r#"{"registry": "HOST", "image": {"name": "team/app", "tag": "b"}, "of": "app"}"#,
    r#"{"args": ["--image=HOST/team/${NAME}:c"]}"#,
    r#"{"registry": "proxy.example.com", "list": ["app", "team"]}"#,
    r#"{"base": "HOST/team", "a": {"name": "app", "tag": "1"}, "b": "HOST/app:a"}"#,
];

static SCANNER: LazyLock<TextScanner> = LazyLock::new(|| TextScanner::new(&aliases()).unwrap());

fn text(template: &str) -> String {
    template.replace("HOST", HOST).replace("OTHER", OTHER).replace("HEX", HEX)
}

fn aliases() -> Arc<Aliases> {
    Arc::new(Aliases::new(&["proxy.example.com".to_owned()]))
}

/// What a user names.
#[derive(Debug, Clone)]
enum Named {
    Image(String, Option<Digest>, EvidenceKind),
    Container(String, String),
    Object(&'static str),
}

/// A source with its findings; sources are numbered, and clusters found by the one before them.
#[derive(Debug, Clone)]
struct Drawn {
    location: usize,
    incomplete: bool,
    note: bool,
    clusters: Vec<Vec<(usize, bool, Named)>>,
    uses: Vec<(usize, bool, Named)>,
}

fn named() -> impl Strategy<Value = Named> {
    let kinds =
        [EvidenceKind::Pull, EvidenceKind::Container, EvidenceKind::Field, EvidenceKind::Text];
    let image =
        prop_oneof![select(&IMAGES[..]).prop_map(text), "[ -~]{0,30}", "[a-z:./@ -]{0,12}",];
    let resolved = option::of((0_u8..6).prop_map(|it| Digest::from_bytes([b'a' + it; 32])));
    prop_oneof![
        4 => (image.clone(), resolved, select(kinds.to_vec()))
            .prop_map(|(image, resolved, kind)| Named::Image(image, resolved, kind)),
        1 => (image.clone(), image).prop_map(|(image, id)| Named::Container(image, id)),
        2 => select(&OBJECTS[..]).prop_map(Named::Object),
    ]
}

fn uses() -> impl Strategy<Value = Vec<(usize, bool, Named)>> {
    vec((0_usize..3, any::<bool>(), named()), 0..6)
}

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let source = (0_usize..2, any::<bool>(), any::<bool>(), vec(uses(), 0..3), uses());
    let source = source.prop_map(|(location, incomplete, note, clusters, uses)| Drawn {
        location,
        incomplete: incomplete && location == 1,
        note,
        clusters,
        uses,
    });
    vec(source, 1..4)
}

fn origin() -> Origin {
    Origin { run: Some("run".into()), configuration: Some("configuration".into()) }
}

fn terms() -> Terms {
    let max_age = Some(SignedDuration::from_mins(30));
    Terms { origin: origin(), now: days_ago(0), max_age }
}

fn accounts() -> BTreeSet<AccountId> {
    [registry(0).account, registry(1).account].into()
}

fn collect(found: &[(usize, bool, Named)], location: usize) -> Uses {
    let mut uses = Uses::new(aliases());
    for (user, live, named) in found {
        let user = Arc::new(User {
            // A keep list may be of another location than that of its source.
            location: registry(if *user == 2 { 1 - location } else { location }),
            kind: ["ECS service", "ECS task definition", "ConfigMap"][*user].into(),
            name: format!("user-{user}"),
            cluster: (*user == 1).then(|| "cluster".to_owned()),
            live: *live,
            used_at: (*user == 0 && !live).then(|| days_ago(50)),
        });
        // What cannot be parsed makes a source incomplete, and adds nothing.
        match named {
            Named::Image(image, resolved, kind) => {
                let resolved = resolved.map(|digest| digest.to_string());
                let _ = uses.add(&user, image, resolved.as_deref(), *kind);
            }
            Named::Container(image, id) => drop(uses.add_container(&user, image, Some(id))),
            Named::Object(object) => {
                let mentions: Mentions = SCANNER.mentions(&text(object), |_| false);
                uses.add_mentions(&user, mentions);
            }
        }
    }
    uses
}

fn piece(key: PieceKey, source: &'static str, drawn: &Drawn, uses: Uses) -> Piece {
    let error = SourceError::Call("it failed".to_owned());
    let status = SourceStatus {
        source,
        location: key.location.clone(),
        cluster: key.cluster.clone(),
        coverage: if drawn.incomplete { Coverage::Incomplete(error) } else { uses.coverage() },
        references: uses.count_references(&accounts()),
        note: drawn.note.then(|| "a cluster was left out".to_owned()),
    };
    let locations = BTreeSet::from([registry(0)]);
    Piece {
        key,
        origin: origin(),
        began_at: days_ago(0),
        max_age: None,
        evidence: Evidence { status, uses: uses.into_vec(), locations, unread: Vec::new() },
        found: Vec::new(),
    }
}

/// Returns what is demanded, and the pieces as one process reads them. Two sources may have the
/// same name.
fn pieces(world: &[Drawn]) -> (Vec<PieceKey>, Vec<Piece>) {
    let (mut demanded, mut pieces) = (Vec::new(), Vec::new());
    for (number, drawn) in world.iter().enumerate() {
        let source = ["ecs", "eks", "lambda"][number];
        let location = registry(drawn.location);
        let key = PieceKey::new(&location, source, None);
        demanded.push(key.clone());
        let mut own = piece(key, source, drawn, collect(&drawn.uses, drawn.location));
        let clusters = drawn.clusters.iter().enumerate();
        let clusters = clusters.map(|(cluster, uses)| {
            let key = PieceKey::new(&location, source, Some(&cluster.to_string()));
            piece(key, source, drawn, collect(uses, drawn.location))
        });
        let clusters: Vec<Piece> = clusters.collect();
        own.found = clusters.iter().map(|it| it.key.clone()).collect();
        pieces.push(own);
        pieces.extend(clusters);
    }
    (demanded, pieces)
}

/// Writes a piece and reads it back, as another process does.
fn carried(piece: &Piece) -> Piece {
    let bytes = serde_json::to_vec(&Document::of(piece, None, None)).unwrap();
    let document = Document::parse(&bytes).unwrap();
    assert_eq!(document.key(), piece.key);
    document.into_piece(None, &aliases(), &accounts()).unwrap()
}

fn planned(usage: &UsageIndex) -> Plan {
    let stored = [
        ("app", "a 90 | tag a\n b 80 | tag b\n c 70 | tag c\n d 60\n e 50 | tag e"),
        ("team/app", "a 90 | tag a\n b 80\n d 70 | tag d\n f 60 | tag latest"),
    ];
    plan::plan(inventory(&stored), usage, &keeping("^kept"), PlanSettings::from(days_ago(0)))
}

fn shown(usage: &UsageIndex) -> impl Debug + PartialEq + use<> {
    let plan = planned(usage);
    let verdicts = plan.repositories().iter().flat_map(|repository| {
        let name = repository.name().to_string();
        repository.images().map(move |it| format!("{name} {it:?}"))
    });
    let references = usage.references().map(|it| format!("{it:?}"));
    let pulls = usage.tag_pulls().map(|it| format!("{it:?}"));
    let parts = usage.unmatched_parts([]).map(|(user, hosts)| {
        let hosts: BTreeSet<_> = hosts.collect();
        format!("{user:?} {hosts:?}")
    });
    (
        usage.sources().to_vec(),
        verdicts.collect::<Vec<_>>(),
        references.collect::<Vec<_>>(),
        pulls.collect::<Vec<_>>(),
        parts.collect::<BTreeSet<_>>(),
        plan::missing(&plan, usage).iter().map(|it| format!("{it:?}")).collect::<Vec<_>>(),
    )
}

/// What became of a piece on its way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Arrived,
    Lost,
    Twice,
    Late,
    Future,
    OtherRun,
    OtherConfiguration,
    Truncated,
}

const FATES: [Fate; 8] = [
    Fate::Arrived,
    Fate::Lost,
    Fate::Twice,
    Fate::Late,
    Fate::Future,
    Fate::OtherRun,
    Fate::OtherConfiguration,
    Fate::Truncated,
];

fn delivered(mut piece: Piece, fate: Fate) -> Vec<Result<Piece, Unreadable>> {
    match fate {
        Fate::Arrived => {}
        Fate::Lost => return Vec::new(),
        Fate::Twice => return vec![Ok(carried(&piece)), Ok(piece)],
        Fate::Late => piece.began_at = days_ago(1),
        Fate::Future => piece.began_at = days_ago(-1),
        Fate::OtherRun => piece.origin.run = Some("another".into()),
        Fate::OtherConfiguration => piece.origin.configuration = None,
        Fate::Truncated => {
            let bytes = serde_json::to_vec(&Document::of(&piece, None, None)).unwrap();
            let why = Document::parse(&bytes[..bytes.len() - 1]).unwrap_err();
            return vec![Err(Unreadable { key: piece.key, why })];
        }
    }
    vec![Ok(piece)]
}

/// Returns the images that a run deletes. The second account may pull from `team/app`.
fn deletions(usage: &UsageIndex) -> BTreeSet<String> {
    const POLICY: &str = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "ecr:*"}}"#;
    let plan = planned(usage);
    let (doubts, mut pulling) = (Doubts::of(usage), PullingAccounts::default());
    let (own, guards) = (registry(0), settings());
    let trusted = &guards.trusted_pullers;
    let known = KnownPullers { own: &own, organization: None, trusted };
    let access = PullAccess::<String> {
        registry_policy: Ok(None),
        replications: Ok(&[]),
        doubts: &doubts,
        known,
    };
    let mut deleted = BTreeSet::new();
    for repository in plan.repositories() {
        let key = (Arc::new(registry(0)), repository.name().clone());
        let policy = (&**repository.name() == "team/app").then_some(POLICY);
        pulling.add(policy.unwrap_or_default(), &key, &known);
        if unread_pullers(&key, Ok(policy), &access, usage).is_none() {
            let images = repository.candidates();
            deleted.extend(images.map(|it| format!("{}@{}", repository.name(), it.image.digest)));
        }
    }
    let input = GuardInput {
        plan: &plan,
        saved: None,
        usage,
        guards: &guards,
        memory: &Memory::default(),
        pulling: &pulling,
        now: days_ago(0),
        preconditions: &[],
    };
    if guard::refusals(input).is_empty() { deleted } else { BTreeSet::new() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    /// Whichever pieces were carried as documents, and in whichever order they come, the plan is
    /// that of one process.
    #[test]
    fn any_partition_of_the_evidence_gives_the_same_plan(
        world in drawn(),
        carries in vec(any::<bool>(), 12),
        order in vec(any::<u32>(), 12),
    ) {
        let (demanded, whole) = pieces(&world);
        let whole = UsageIndex::from(assemble(&demanded, whole.into_iter().map(Ok), &terms()));
        let mut parts: Vec<_> = pieces(&world).1.into_iter().zip(order).zip(carries).collect();
        parts.sort_by_key(|((_, order), _)| *order);
        let parts = parts.into_iter().map(|((piece, _), carries)| {
            Ok(if carries { carried(&piece) } else { piece })
        });
        let parts = UsageIndex::from(assemble(&demanded, parts, &terms()));
        prop_assert_eq!(shown(&parts), shown(&whole));
    }

    /// Whatever is lost or is not what it should be, nothing more is deleted. The second account
    /// uses what it may pull.
    #[test]
    fn any_loss_of_evidence_deletes_a_part_of_what_all_of_it_deletes(
        world in drawn(),
        fates in vec(select(&FATES[..]), 12),
    ) {
        let mut world = world;
        for drawn in world.iter_mut().filter(|it| it.location == 1) {
            let foreign = (0, true, Named::Image(format!("{HOST}/team/app:a"), None, EvidenceKind::Pull));
            drawn.uses = vec![foreign.clone(); drawn.uses.len()];
            drawn.clusters = vec![vec![foreign]; drawn.clusters.len()];
        }
        let (demanded, all) = pieces(&world);
        let all = UsageIndex::from(assemble(&demanded, all.into_iter().map(Ok), &terms()));
        let (_, some) = pieces(&world);
        let is_whole = fates.iter().take(some.len()).all(|fate| *fate == Fate::Arrived);
        let some = some.into_iter().zip(fates).flat_map(|(piece, fate)| delivered(piece, fate));
        let some = UsageIndex::from(assemble(&demanded, some, &terms()));
        prop_assert!(is_whole || !some.is_complete());
        let (some, all) = (deletions(&some), deletions(&all));
        prop_assert!(some.is_subset(&all), "{some:?} {all:?}");
    }
}

fn one() -> (Vec<PieceKey>, Piece) {
    let named = Named::Image(format!("{HOST}/app:a"), None, EvidenceKind::Pull);
    let (location, incomplete, note) = (0, false, false);
    let uses = vec![(0, true, named.clone())];
    let clusters = vec![vec![(0, true, named)]];
    let world = [Drawn { location, incomplete, note, clusters, uses }];
    let (demanded, mut all) = pieces(&world);
    (demanded, all.remove(0))
}

#[test]
fn each_gap_has_its_words() {
    let not_whole = "its evidence cannot be used: it is no evidence: EOF";
    for (fate, expected) in [
        (Fate::Lost, "there is no evidence of it"),
        (Fate::Twice, "there is evidence of it more than once"),
        (Fate::Late, "its evidence is too old: reading began at 2026-11-20T12:00:00Z"),
        (Fate::Future, "its evidence is of 2026-11-22T12:00:00Z, which is still to come"),
        (Fate::OtherRun, "its evidence is of another run"),
        (Fate::OtherConfiguration, "its evidence is of another configuration"),
        (Fate::Truncated, not_whole),
    ] {
        let (demanded, mut piece) = one();
        piece.found.clear();
        let evidence = assemble(&demanded, delivered(piece, fate), &terms());
        let error = evidence[0].status.error().unwrap().to_string();
        assert!(error.starts_with(expected), "{fate:?}: {error}");
    }
}

/// What an unknown list of demands lost is a gap too, and so is a cluster that did not come.
#[test]
fn what_is_found_and_what_is_not_demanded_is_compared() {
    let (demanded, piece) = one();
    let evidence = assemble(&demanded, [Ok(piece)], &terms());
    let errors = evidence.iter().map(|it| (it.status.cluster.is_some(), it.status.error()));
    let missing = SourceError::Gap(Gap::Missing);
    assert_eq!(errors.collect::<Vec<_>>(), [(false, None), (true, Some(&missing))]);

    let (_, mut piece) = one();
    piece.found.clear();
    let evidence = assemble(&[], [Ok(piece)], &terms());
    assert_eq!(evidence[0].status.error(), Some(&SourceError::Gap(Gap::NotDemanded)));
    assert_eq!(evidence[0].uses.len(), 1, "what it found is in use all the same");
}

/// Each source of which nothing but its name is known has one in reports.
#[test]
fn a_source_that_this_version_does_not_know_is_another_one() {
    let keys = ["ecs", "nomad"].map(|source| PieceKey::new(&registry(0), source, None));
    let evidence = assemble(&keys, [], &terms());
    let names: Vec<_> = evidence.iter().map(|it| it.status.source).collect();
    assert_eq!(names, ["ecs", "other"]);
}

/// That nothing was read, which nobody demands, is a state of its own; errors are read back as what
/// they are by whoever has to follow their advice, and as a text by others (U14).
#[test]
fn what_was_not_read_and_why_is_read_back() {
    let text = || "x".to_owned();
    let errors = [
        SourceError::AccessDenied(text()),
        SourceError::Unreachable(text()),
        SourceError::Cluster { problem: text(), advice: Some(text()) },
        SourceError::Call(text()),
    ];
    let errors = errors.map(Coverage::Incomplete);
    for coverage in [Coverage::Complete, Coverage::Unread].into_iter().chain(errors) {
        let (_, mut piece) = one();
        piece.evidence.status.coverage = coverage.clone();
        let back = |sources: Option<&[PieceKey]>| {
            let text = serde_json::to_vec(&Document::of(&piece, sources, None)).unwrap();
            let document = Document::parse(&text).unwrap();
            document.into_piece(None, &aliases(), &accounts()).unwrap().evidence.status
        };
        assert_eq!(back(None).coverage, coverage);
        let published = back(Some(&[]));
        let as_text = |it: &SourceStatus| it.error().map(ToString::to_string);
        assert_eq!(as_text(&published), as_text(&piece.evidence.status));
        let is_text = matches!(published.error(), None | Some(SourceError::Call(_)));
        assert!(is_text, "{published:?}");
    }
}

/// Where other processes clean other registries, a digest may be stored in any of them (U1, A14).
#[test]
fn a_host_counts_though_its_digest_is_in_no_registry_of_the_plan() {
    let user = Arc::new(User {
        location: registry(0),
        kind: "task".into(),
        name: "web".to_owned(),
        cluster: None,
        live: true,
        used_at: None,
    });
    let mut uses = Uses::new(Arc::default());
    let elsewhere = digest("z").to_string();
    for (image, resolved) in [("nginx:1", Some(&*elsewhere)), ("redis:7", None)] {
        let image = format!("mirror.example.com/x/{image}");
        uses.add(&user, &image, resolved, EvidenceKind::Field).unwrap();
    }
    let usage = UsageIndex::from(vec![Evidence {
        status: source("ecs", 2),
        uses: uses.into_vec(),
        locations: BTreeSet::new(),
        unread: Vec::new(),
    }]);
    let inventory = || inventory(&[("redis", "a 400 | tag 7")]);
    let is_deleted = |usage: &UsageIndex| {
        let plan = plan_of(inventory(), usage, days_ago(0));
        plan.repositories()[0].images().any(|it| it.verdict.deletes())
    };
    let observed = |usage: &UsageIndex| {
        let (stored, name) = (inventory(), name("redis"));
        let images = stored.repositories[0].images().unwrap();
        let images = Some(&*images.images);
        let listed = Listed { registry: &stored.registry, name: &name, images };
        UseLedger::default().observe(&[listed], usage, days_ago(0))
    };
    let is_seen = |usage: &UsageIndex| observed(usage) != observed(&UsageIndex::default());
    assert!(is_deleted(&usage) && !is_seen(&usage));
    let usage = usage.beside_others();
    assert!(!is_deleted(&usage) && is_seen(&usage));
}

#[test]
fn nothing_else_is_evidence() {
    let (_, piece) = one();
    let good = serde_json::to_string(&Document::of(&piece, None, Some("1h"))).unwrap();
    let problem = |from: &str, to: &str| {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from}");
        let document = Document::parse(changed.as_bytes());
        let read = document.and_then(|it| it.into_piece(None, &aliases(), &accounts()));
        read.err().map(|error| error.to_string()).unwrap_or_default()
    };
    for (from, to, expected) in [
        ("{", "", "it is no evidence"),
        ("evidence/1", "evidence/2", "it is of the schema `ecr-cleanup/evidence/2`"),
        ("\"uses\"", "\"use\"", "it is malformed: unknown field `use`"),
        (
            "\"complete\":true",
            "\"complete\":false",
            "`complete`, `error` and `is_unread` contradict",
        ),
        ("\"complete\":true", "\"complete\":true,\"error\":\"x\"", "`complete`, `error` and"),
        ("\"complete\":true", "\"complete\":true,\"is_unread\":true", "`complete`, `error` and"),
        ("111111111111", "1", "it is malformed"),
        ("/app:a", "/APP:a", "`"),
        (&format!("{HOST}/app:a"), "???", "`???` names no image"),
    ] {
        let problem = problem(from, to);
        assert!(problem.starts_with(expected), "{to}: {problem}");
    }
    let is_schema = matches!(Document::parse(b"{}"), Err(DocumentError::NotEvidence(_)));
    assert!(is_schema && !Document::is_meant(b"{}") && Document::is_meant(good.as_bytes()));
}
