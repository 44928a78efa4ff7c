//! What a document means, and what is said of a bad one.

mod refusals;

use proptest::prelude::*;

use super::*;
use crate::guard::{PullAction, PullGuard, TrustedPullers, UnreadPullers};
use crate::policy::{Action, Ceiling, Choice, KeepRule, Limits, Order, RepositoryTags};

fn parse(text: &str) -> Config {
    Config::parse(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// Returns the lines that are printed for a bad document, each cut before the keys that would be
/// accepted.
fn errors(text: &str) -> Vec<String> {
    let error = Config::parse(text).expect_err(text);
    let lines = error.to_string();
    let cut = |line: &str| line.split(" accepted: ").next().map(ToOwned::to_owned);
    lines.lines().filter_map(cut).collect()
}

fn rules_of(config: &Config, policy: usize) -> &[KeepRule] {
    match &config.policies.all[policy].action {
        Action::Keep(keep) => &keep.rules,
        Action::LeaveAlone => panic!("left alone"),
    }
}

#[test]
fn no_document_is_the_default_file() {
    let defaults = parse(TEMPLATE);
    let nothing = ["", "\n", "---\n", "{}", " {}\n", "\u{feff}"];
    for text in nothing.into_iter().chain(["# nothing\n", "version: 1"]) {
        assert_eq!(parse(text), defaults, "{text:?}");
    }
    assert_eq!(defaults.mode, Mode::Plan);
    let every = ClusterGlobs::new(&["**".to_owned()]).unwrap();
    let eks = EksUse {
        clusters: every,
        allow_empty: Vec::new(),
        helm_history: false,
        exclude: RepositoryGlobs::none(),
    };
    let ecs = EcsUse {
        task_definitions: TaskDefinitions::Active,
        config_recorder: ConfigRecorder::Off,
    };
    assert_eq!(
        defaults.in_use,
        InUse {
            ecs: Some(ecs),
            eks: Some(eks),
            kubernetes: Vec::new(),
            lambda: true,
            services: Services::Auto,
            cloudformation: CloudFormation::Auto,
            regions: Regions::Auto,
            accounts: Vec::new(),
            organization: None,
            keep_lists: Vec::new()
        }
    );
    assert_eq!(
        defaults.guards,
        Guards {
            expected_accounts: Vec::new(),
            allow_no_usage: false,
            max_deletions_per_run: 10_000,
            max_percent_per_repository: 100,
            max_usage_drop_percent: 50,
            min_usage_drop: 3,
            unread_pull_accounts: UnreadPullers::Refuse,
            trusted_pullers: TrustedPullers::default(),
            unexplained_pulls: PullGuard {
                within: SignedDuration::from_hours(14 * 24),
                action: PullAction::Warn,
            },
            soak: SignedDuration::ZERO,
            evidence_max_age: SignedDuration::from_mins(30),
            change_window: None,
        }
    );
    assert_eq!(
        defaults.archive,
        Archive {
            delete_after: None,
            restore_in_use: true
        }
    );
    assert!((defaults.usd_per_gb_month - 0.10).abs() < f64::EPSILON);
}

#[test]
fn the_default_keep_rules_are_those_of_the_contract() {
    let contract = r"
policies:
  - repositories: ['**']
    keep:
      - { name: latest,    tags: '(^|[._-])latest($|[._-])' }
      - { name: snapshots, tags: 'SNAPSHOT', newest: 5 }
      - { name: releases,  tags: '.', except: 'SNAPSHOT|(^|[._-])latest($|[._-])', newest: 10 }
      - { name: settling,  untagged: true, pushed_within: 1d }
";
    assert_eq!(parse(contract), parse(""));
}

#[test]
fn keys_left_out_keep_their_defaults_at_every_level() {
    let defaults = parse("");
    let written = parse("guards: { allow_no_usage: true }\nin_use: { ecs: {} }");
    let guards = Guards {
        allow_no_usage: true,
        ..defaults.guards.clone()
    };
    let expected = Config {
        guards,
        ..defaults.clone()
    };
    assert_eq!(written, expected);

    let written = parse(
        "policies: [{ repositories: [a] }, { repositories: ['b/*'], delete_unmatched: true }]",
    );
    assert_eq!(rules_of(&written, 0), rules_of(&defaults, 0));
    assert_eq!(rules_of(&written, 1), rules_of(&defaults, 0));
    assert_eq!(written.policies.all.len(), 2);
    let policies = &written.policies;
    let positions: Vec<usize> = policies.all.iter().map(|policy| policy.position).collect();
    assert_eq!(positions, [0, 1]);
    let second = policies.of("b/c", false, &RepositoryTags::new());
    assert_eq!(second, Choice::Policy(&policies.all[1]));

    let written = parse("policies: [{ repositories: [a], leave_alone: true }]");
    assert_eq!(written.policies.all[0].action, Action::LeaveAlone);
    let off = parse("in_use: { ecs: false, eks: false }").in_use;
    let expected = InUse {
        ecs: None,
        eks: None,
        ..defaults.in_use
    };
    assert_eq!(off, expected);
}

#[test]
fn yaml_and_json_mean_the_same() {
    let config = parse(include_str!("tests/everything.yaml"));
    assert_eq!(config, parse(include_str!("tests/everything.json")));
    // What `check-config` prints is a document of the same meaning.
    let printed = serde_json::to_string_pretty(&config).unwrap();
    assert_eq!(parse(&printed), config);
    let flow = "{mode: delete, guards: {allow_no_usage: true}}";
    let json = r#"{"mode": "delete", "guards": {"allow_no_usage": true}}"#;
    assert_eq!(parse(flow), parse(json));
}

/// The block in the comments of the default file says what holds if only the document is named.
#[test]
fn the_defaults_of_git_are_those_of_the_comment() {
    let block = TEMPLATE
        .lines()
        .skip_while(|line| !line.contains("#   git:"));
    let block = block.map_while(|line| line.strip_prefix("    #   "));
    let text: Vec<String> = block.map(|line| format!("    {line}")).collect();
    assert_eq!(text.len(), 13, "{text:?}");
    let policy = |git: &str| format!("policies:\n  - repositories: ['**']\n{git}");
    let shortest =
        "    git: { document: 's3://bucket/git/org-app.json.gz', repository: github.com/org/app }";
    assert_eq!(parse(&policy(&text.join("\n"))), parse(&policy(shortest)));
}

#[test]
fn every_setting_is_read() {
    let config = parse(include_str!("tests/everything.yaml"));
    assert_eq!(config.mode, Mode::Delete);
    let task_definitions = TaskDefinitions::Newest(NonZeroU32::new(3).unwrap());
    assert_eq!(
        config.in_use.ecs,
        Some(EcsUse {
            task_definitions,
            config_recorder: ConfigRecorder::Auto
        })
    );
    assert_eq!(config.guards.unread_pull_accounts, UnreadPullers::Warn);
    assert_eq!(config.guards.unexplained_pulls.action, PullAction::Keep);
    let reaching: Vec<bool> = config
        .policies
        .all
        .iter()
        .map(|it| it.pull_through_cache)
        .collect();
    assert_eq!(reaching, [false, true]);
    assert_eq!(config.registry_aliases, ["registry.example.com:5000"]);
    let accounts = ["111111111111", "012345678901"].map(|account| account.parse().unwrap());
    assert_eq!(config.guards.expected_accounts, accounts);
    assert_eq!(config.guards.max_deletions_per_run, 0);
    assert_eq!(config.guards.max_percent_per_repository, 0);
    let rules = rules_of(&config, 1);
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(
        names,
        ["rule 1", "pulled", "rule 3", "rule 4", "rule 5", "rule 6"]
    );
    assert_eq!(rules[0].by, Order::Version);
    let minutes = jiff::SignedDuration::from_mins(90);
    assert_eq!(rules[2].pushed_within, Some(minutes));
    assert_eq!(rules[3].by, Order::Pulled);
    let days = |days: i64| Some(jiff::SignedDuration::from_hours(24 * days));
    assert_eq!((rules[4].by, rules[4].used_within), (Order::Used, days(90)));
    let tagged = (rules[5].by, rules[5].tagged_within);
    assert_eq!(tagged, (Order::Tagged, days(14)));
}

#[test]
fn registries_and_accounts_have_roles_and_regions() {
    let config = parse(include_str!("tests/everything.yaml"));
    let role = |arn: &str, id: &str| {
        let arn: Arn = arn.parse().unwrap();
        Some(Role {
            account: arn.account.unwrap(),
            arn,
            external_id: Some(id.to_owned()),
        })
    };
    let region = |text: &str| text.parse::<Region>().unwrap();
    let home = Registry {
        region: Some(region("eu-west-1")),
        role: None,
    };
    assert_eq!(config.registries[0], home);
    let cleaner = role("arn:aws:iam::222222222222:role/ecr-cleanup", "s3cret");
    assert_eq!(config.registries[1].role, cleaner);
    let own = Account {
        role: None,
        regions: vec![region("us-east-1")],
    };
    assert_eq!(config.in_use.accounts[0], own);
    let other = Account {
        role: role("arn:aws:iam::333333333333:role/team/reader", "id"),
        regions: ["eu-west-1", "us-east-1"].map(region).to_vec(),
    };
    assert_eq!(config.in_use.accounts[1], other);
    let organization = Organization {
        role_name: "team/reader".to_owned(),
        external_id: Some("id".to_owned()),
        list_role: role("arn:aws:iam::444444444444:role/lister", "id"),
        regions: vec![region("eu-west-1")],
        exclude: vec!["999999999999".parse().unwrap()],
    };
    assert_eq!(config.in_use.organization, Some(organization));
    let trusted: Vec<_> = config.guards.trusted_pullers.names().collect();
    assert_eq!(
        trusted,
        ["222222222222", "codebuild.amazonaws.com", "o-abc123"]
    );
}

#[test]
fn modes_rise_from_plan_to_delete() {
    assert!(Mode::Plan < Mode::Archive && Mode::Archive < Mode::Delete);
}

#[test]
fn extremes_that_are_valid() {
    let most = parse(
        "guards: { max_deletions_per_run: 18446744073709551615, max_percent_per_repository: 100, soak: 0m }",
    );
    assert_eq!(most.guards.max_deletions_per_run, u64::MAX);
    let text = "policies: [{ repositories: ['**'], keep: [{ newest: 4294967295, pushed_within: 1m, pulled_within: 3650d }] }]";
    let config = parse(text);
    let rule = &rules_of(&config, 0)[0];
    assert_eq!(rule.newest, NonZeroU32::new(u32::MAX));
    assert_eq!(rule.pushed_within, Some(SignedDuration::from_mins(1)));
    let sources = parse("in_use: { eks: {}, kubernetes: [], lambda: {} }");
    assert_eq!(sources, parse(""));
    let free = parse("cost: { usd_per_gb_month: -0.0 }");
    assert!(free.usd_per_gb_month.is_sign_positive());
    let merged = parse("guards: { <<: { allow_no_usage: true } }");
    assert!(merged.guards.allow_no_usage);
}

/// What a policy allows is read and written back; `delete` is what the run may do anyway.
#[test]
fn a_policy_has_a_name_and_limits() {
    let text = "{ state: 's3://bucket/p', policies: [
        { name: team, repositories: ['team/**'], mode: archive, max_percent: 0, max_deletions: 7, soak: 0d },
        { repositories: ['**'], mode: delete, soak: 2d }] }";
    let config = parse(text);
    let [team, rest] = &config.policies.all[..] else {
        panic!("{config:?}")
    };
    let limits = Limits {
        mode: Some(Ceiling::Archive),
        max_percent: Some(0),
        max_deletions: Some(7),
        soak: Some(SignedDuration::ZERO),
    };
    assert_eq!((team.title(), team.limits), ("team".to_owned(), limits));
    let soak = Some(SignedDuration::from_hours(48));
    let limits = Limits {
        soak,
        ..Limits::default()
    };
    assert_eq!((rest.title(), rest.limits), ("policy 2".to_owned(), limits));
    assert!(config.soaks() && !parse("").soaks());
    assert_eq!(parse(&serde_json::to_string(&config).unwrap()), config);
}

/// The policy tag may name a policy that no repository would have otherwise.
#[test]
fn a_policy_that_a_tag_may_name_can_apply() {
    let policies = "policies: [{ repositories: ['**'] }, { name: late, repositories: [b] }]";
    assert_eq!(errors(policies).len(), 1);
    let config = parse(&format!("{policies}\npolicy_tag: ecr-cleanup"));
    assert_eq!(config.policies.tag.as_deref(), Some("ecr-cleanup"));
    let by_tags = parse("policies: [{ repository_tags: { team: 'a*', tier: prod } }]");
    for config in [config, by_tags] {
        assert_eq!(parse(&serde_json::to_string(&config).unwrap()), config);
    }
}

proptest! {
    /// Any JSON value at all is a configuration or a list of problems, and a configuration reads
    /// back as itself.
    #[test]
    fn nothing_panics(document in any_document()) {
        let text = document.to_string();
        match Config::parse(&text) {
            Ok(config) => prop_assert_eq!(&parse(&serde_json::to_string(&config).unwrap()), &config),
            Err(error) => prop_assert!(!error.0.is_empty() && error.to_string().lines().count() == error.0.len()),
        }
    }

    /// No text at all makes the parsers panic.
    #[test]
    fn no_text_panics(text in "[\\PC\n\t]{0,60}|[-{}\\[\\],:\"'&*!|>%@`#a\n ]{0,30}") {
        drop(Config::parse(&text));
    }
}

/// JSON values in which keys and words of the grammar are frequent.
fn any_document() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let words = "version|mode|policies|repositories|keep|name|tags|except|untagged|pushed_within|pulled_within|used_within|tagged_within|newest|per|\
        newest_groups|by|all_tags|no_tag|keep_at_least|leave_alone|delete_unmatched|in_use|ecs|eks|kubernetes|kubeconfig|context|clusters|helm_history|custom_resources|exclude|lambda|services|cloudformation|task_definitions|registry_aliases|guards|expected_accounts|\
        allow_no_usage|max_deletions_per_run|max_percent_per_repository|soak|archive|delete_after|restore_in_use|cost|usd_per_gb_month|aws|share|rates|change_window|days|state|registries|region|role_arn|external_id|accounts|regions|organization|role_name|list_role_arn|trusted_pullers|pull_through_cache|unexplained_pulls|within|action|warn|unread_pull_accounts";
    let texts = prop_oneof![
        "plan|delete|archive|warn|active|referenced|pushed|pulled|used|tagged|version|[*][*]|a/[*]|[(]|(\\?<a>.)|a|1d|0d|111111111111",
        "\\PC{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1i64..3).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts.prop_map(Value::from),
    ];
    let keys = prop_oneof![9 => words, 1 => "\\PC{0,8}"];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(keys.clone(), inner, 0..6)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}
