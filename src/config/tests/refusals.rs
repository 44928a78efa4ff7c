//! One line per bad document, with the exact lines that are printed for it.

use super::{check, errors};

#[test]
fn settings_of_the_document() {
    check(&[
        (
            "version: 2",
            &["version: expected 1, the only version there is, found 2"],
        ),
        ("version: 0", &["version: expected 1 or more, found 0"]),
        ("version: -1", &["version: expected 1 or more, found -1"]),
        (
            r#"version: "1""#,
            &["version: expected a whole number, 1 or more, found `1`"],
        ),
        (
            "mode: deleet",
            &[
                "mode: expected `plan`, `archive` or `delete`, found `deleet`; did you mean `delete`?",
            ],
        ),
        (
            "mode: 5",
            &["mode: expected `plan`, `archive` or `delete`, found the number 5"],
        ),
        (
            "mode: no",
            &["mode: expected `plan`, `archive` or `delete`, found `no`"],
        ),
        ("mdoe: plan", &["mdoe: unknown key; did you mean `mode`?"]),
        (
            "policy: []",
            &["policy: unknown key; did you mean `policies`?"],
        ),
        ("colour: red", &["colour: unknown key;"]),
        (
            "- mode: plan",
            &["document: expected a mapping of settings, found a list"],
        ),
        (
            "just words",
            &["document: expected a mapping of settings, found `just words`"],
        ),
        (
            "42",
            &["document: expected a mapping of settings, found the number 42"],
        ),
        (
            "false",
            &["document: expected a mapping of settings, found `false`"],
        ),
        (
            "mode:",
            &["mode: expected a value, found nothing; leave the key out for its default"],
        ),
        (r#""a b\u0007": 1"#, &[r"[`a b\u{7}`]: unknown key;"]),
        (r#""": 1"#, &["[``]: unknown key;"]),
        (
            "mode: &a plan\nstate: *a",
            &["state: expected `s3://BUCKET/PREFIX`, found `plan`"],
        ),
    ]);
}

#[test]
fn policies() {
    check(&[
        (
            "policies:",
            &["policies: expected a value, found nothing; leave the key out for its default"],
        ),
        (
            "policies: []",
            &["policies: expected a policy; leave the key out for the default ones"],
        ),
        (
            "policies: {}",
            &["policies: expected a list, found a mapping"],
        ),
        (
            "policies: [~]",
            &["policies[0]: expected a value, found nothing"],
        ),
        (
            r#"policies: ["**"]"#,
            &["policies[0]: expected a mapping with `repositories`, found `**`"],
        ),
        (
            "policies: [{}]",
            &["policies[0]: `repositories` is missing"],
        ),
        (
            "policies: [{keep: [{tags: x}]}]",
            &["policies[0]: `repositories` is missing"],
        ),
        (
            r#"policies: [{repositories: "**"}]"#,
            &["policies[0].repositories: expected a list, found `**`"],
        ),
        (
            "policies: [{repositories: []}]",
            &["policies[0].repositories: expected a glob; every repository is `**`"],
        ),
        (
            r#"policies: [{repositories: [""]}]"#,
            &["policies[0].repositories[0]: expected a glob, found an empty text"],
        ),
        (
            r#"policies: [{repositories: ["a[", "team**", 5, "{a", ~]}]"#,
            &[
                "policies[0].repositories[0]: unclosed character class; missing ']'",
                "policies[0].repositories[1]: `**` stands for whole parts of a path: write `team/**`, `**/app` or `*`",
                "policies[0].repositories[2]: expected text, found the number 5; put it in quotes",
                "policies[0].repositories[3]: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)",
                "policies[0].repositories[4]: expected a value, found nothing",
            ],
        ),
        (
            r#"policies: [{repositores: ["**"]}]"#,
            &["policies[0].repositores: unknown key; did you mean `repositories`?"],
        ),
        (
            r#"policies: [{repositories: ["**"], keep: []}]"#,
            &[
                "policies[0].keep: keeps nothing: say what to keep; to leave repositories alone write `leave_alone: true`",
            ],
        ),
        (
            r#"policies: [{repositories: ["**"], leave_alone: yes}]"#,
            &["policies[0].leave_alone: expected `true` or `false`, found `yes`"],
        ),
        (
            r#"policies: [{repositories: ["**"], leave_alone: true, keep: [{newest: 1}], delete_unmatched: true}]"#,
            &[
                "policies[0]: `leave_alone: true` contradicts `delete_unmatched`: leave one of them out",
                "policies[0]: `leave_alone: true` contradicts `keep`: leave one of them out",
            ],
        ),
    ]);
}

#[test]
fn sources_of_use_and_what_is_not_supported() {
    check(&[
        (
            "archive: {delete_after: -1d}",
            &[
                "archive.delete_after: expected a whole number and a unit, `m` (minutes), `h`, `d` or `w`, such as `14d`, found `-1d`",
            ],
        ),
        ("archive: {after: 90d}", &["archive.after: unknown key;"]),
        (
            "in_use: false",
            &["in_use: expected a mapping of `ecs` and other sources, found `false`"],
        ),
        (
            "in_use: {ecs: true}",
            &["in_use.ecs: expected `false` or a mapping (`{}` for its defaults), found `true`"],
        ),
        (
            "in_use: {ecs: on}",
            &["in_use.ecs: expected `false` or a mapping (`{}` for its defaults), found `on`"],
        ),
        (
            "in_use: {ecs: {task_definition: active}}",
            &["in_use.ecs.task_definition: unknown key; did you mean `task_definitions`?"],
        ),
        (
            "in_use: {ecs: {task_definitions: activ}}",
            &[
                "in_use.ecs.task_definitions: expected `active`, `referenced` or `{ newest: N }`, found `activ`",
            ],
        ),
        (
            r#"in_use: {eks: {clusters: [], custom_resources: {exclude: ["apps/Deployment", "core/Pod", "core/ConfigMap", "Rollout", "*/x", "a.b/*"]}}}"#,
            &[
                "in_use.eks.clusters: expected a glob; every cluster is `**`, and none is `eks: false`",
                "in_use.eks.custom_resources.exclude[0]: names built-in workloads, which are always read",
                "in_use.eks.custom_resources.exclude[1]: of the built-in kinds only `core/ConfigMap` can be left out",
                "in_use.eks.custom_resources.exclude[3]: expected `GROUP/KIND` or `GROUP/*`, such as `argoproj.io/Workflow`, found `Rollout`",
                "in_use.eks.custom_resources.exclude[4]: expected one group: `*` stands for kinds",
            ],
        ),
        (
            "in_use: {kubernetes: [{kubeconfig: a}]}",
            &["in_use.kubernetes[0]: `context` is missing"],
        ),
        (
            "in_use: {ecs: {task_definitions: {newest: 0}}}",
            &["in_use.ecs.task_definitions.newest: expected 1 or more, found 0"],
        ),
        (
            "in_use: {ecs: {task_definitions: {newest: 5000000000}}}",
            &["in_use.ecs.task_definitions.newest: expected 4294967295 or less, found 5000000000"],
        ),
        (
            "in_use: {ecs: {task_definitions: {}}}",
            &["in_use.ecs.task_definitions: `newest` is missing"],
        ),
        (
            "in_use: {ecs: {task_definitions: {oldest: 1}}}",
            &["in_use.ecs.task_definitions.oldest: unknown key;"],
        ),
        (
            "in_use: {ecs: {task_definitions: false}}",
            &[
                "in_use.ecs.task_definitions: expected `active`, `referenced` or `{ newest: N }`, found `false`",
            ],
        ),
        (
            "in_use: {accounts: [{}, {regions: []}, {role_arn: x, regions: [eu-west-1, west, eu-west-1]}, {external_id: a}, {role: x}]}",
            &[
                "in_use.accounts[0]: expected `role_arn`, `regions` or both: the caller's own account and Region are read anyway",
                "in_use.accounts[1].regions: expected a Region; leave `regions` out for the caller's",
                "in_use.accounts[2].regions[1]: expected an AWS Region such as `eu-west-1`, found `west`",
                "in_use.accounts[2].regions[2]: `eu-west-1` is written twice",
                "in_use.accounts[2].role_arn: expected the ARN of a role, such as `arn:aws:iam::222222222222:role/ecr-cleanup`, found `x`",
                "in_use.accounts[3]: expected `role_arn`, `regions` or both: the caller's own account and Region are read anyway",
                "in_use.accounts[3].external_id: expected 2 to 1224 letters, digits and `_ + = , . @ : / -`",
                "in_use.accounts[4].role: unknown key; did you mean `role_arn`?",
            ],
        ),
        (
            "in_use: {lambda: true}",
            &["in_use.lambda: expected `false` or a mapping (`{}` for its defaults), found `true`"],
        ),
        (
            "in_use: {services: [batch, greengrass, batch, 7]}",
            &[
                "in_use.services[1]: expected `app_runner`, `batch`, `bedrock_agentcore`, `codebuild`, `eventbridge`, `lightsail`, `pipes`, `sagemaker`, `scheduler` or `step_functions`, found `greengrass`",
                "in_use.services[2]: `batch` is written twice",
                "in_use.services[3]: expected `app_runner`, `batch`, `bedrock_agentcore`, `codebuild`, `eventbridge`, `lightsail`, `pipes`, `sagemaker`, `scheduler` or `step_functions`, found the number 7",
            ],
        ),
        (
            "registries: [{}, {}, {region: Ireland}, {external_id: abc}, {role_arn: arn:aws:iam::222222222222:user/a}]",
            &[
                "registries[1]: is written twice: an entry above has the same role and Region",
                "registries[2].region: expected an AWS Region such as `eu-west-1`, found `Ireland`",
                "registries[3]: is written twice: an entry above has the same role and Region",
                "registries[3].external_id: needs `role_arn`, the role that asks for it",
                "registries[4].role_arn: expected the ARN of a role, such as `arn:aws:iam::222222222222:role/ecr-cleanup`, found `arn:aws:iam::222222222222:user/a`",
            ],
        ),
        (
            "registries: []",
            &[
                "registries: expected a registry; leave it out for that of the caller's own account and Region",
            ],
        ),
        (
            "guards: {unread_pull_accounts: ignore}",
            &["guards.unread_pull_accounts: expected `refuse` or `warn`, found `ignore`"],
        ),
        (
            r#"in_use: {eks: {clusters: ["**"], helm: true}, lambda: {x: 1}}"#,
            &[
                "in_use.eks.helm: unknown key; did you mean `helm_history`?",
                "in_use.lambda.x: unknown key;",
            ],
        ),
        (
            "state: a/b\nreport: s3://A/b\nnotify: arn",
            &[
                "notify: expected the ARN of an SNS topic, such as `arn:aws:sns:eu-west-1:111111111111:topic`, found `arn`",
                "report: expected `s3://BUCKET/PREFIX`, found `s3://A/b`",
                "state: expected `s3://BUCKET/PREFIX`, found `a/b`",
            ],
        ),
        (
            "registries: [{regoin: eu-west-1}]",
            &["registries[0].regoin: unknown key; did you mean `region`?"],
        ),
        (
            "guards: {max_usage_drop_percent: 50, soak: 1d, change_window: {timezone: UTC, days: [mon]}}",
            &[
                "guards.change_window: `from` is missing",
                "guards.change_window: `to` is missing",
                "guards.soak: needs `state`, where it is written down since when images are candidates",
            ],
        ),
        (
            r#"guards: {change_window: {timezone: Europe/Brelin, days: [], from: "8:00", to: "24:00"}}"#,
            &[
                "guards.change_window.days: expected a day; leave `change_window` out to delete at any time",
                "guards.change_window.from: expected a time of day such as `\"08:00\"`, found `8:00`",
                "guards.change_window.timezone: expected the IANA name of a time zone, such as `Europe/Berlin`, found `Europe/Brelin`",
                "guards.change_window.to: expected a time of day such as `\"08:00\"`, found `24:00`",
            ],
        ),
        (
            "in_use: {keep_lists: [a.json, 's3://bucket/']}",
            &[
                "in_use.keep_lists[0]: expected `s3://BUCKET/KEY`, found `a.json`",
                "in_use.keep_lists[1]: expected `s3://BUCKET/KEY`, with `*` for any part of a name, found `s3://bucket/`",
            ],
        ),
        (
            "guards: {change_window: {days: [monday]}}",
            &[
                "guards.change_window.days[0]: expected `mon`, `tue`, `wed`, `thu`, `fri`, `sat` or `sun`, found `monday`",
            ],
        ),
    ]);
}

#[test]
fn guards_costs_and_aliases() {
    check(&[
        (
            "guards: {soak: 1y}",
            &[
                "guards.soak: expected a whole number and a unit, `m` (minutes), `h`, `d` or `w`, such as `14d`, found `1y`; months and years differ in length: write days",
            ],
        ),
        (
            r#"guards: {expected_accounts: [111111111111, "11", "012345678901", 012345678901]}"#,
            &[
                "guards.expected_accounts[0]: expected text, found the number 111111111111; put it in quotes",
                "guards.expected_accounts[1]: expected an account id of 12 digits, found `11`",
                "guards.expected_accounts[3]: expected text, found the number 12345678901.0; put it in quotes",
            ],
        ),
        (
            "guards: {allow_no_usage: 1, max_deletions_per_run: -1, max_percent_per_repository: 101}",
            &[
                "guards.allow_no_usage: expected `true` or `false`, found the number 1",
                "guards.max_deletions_per_run: expected 0 or more, found -1",
                "guards.max_percent_per_repository: expected 100 or less, found 101",
            ],
        ),
        (
            "guards: {max_deletions_per_run: 18446744073709551616, max_percent_per_repository: -1}",
            &[
                "guards.max_deletions_per_run: expected 18446744073709551615 or less, found 1.8446744073709552e19",
                "guards.max_percent_per_repository: expected 0 or more, found -1",
            ],
        ),
        (
            "guards: {max_deletions_per_run: 1e4}",
            &[
                "guards.max_deletions_per_run: expected a whole number, 0 or more, found the number 10000.0",
            ],
        ),
        (
            "guards: []",
            &["guards: expected a mapping of guards, found a list"],
        ),
        (
            "cost: {usd_per_gb_month: -0.1}",
            &["cost.usd_per_gb_month: expected 0 or more, found -0.1"],
        ),
        (
            r#"cost: {usd_per_gb_month: "0.1"}"#,
            &["cost.usd_per_gb_month: expected a number, 0 or more, found `0.1`"],
        ),
        (
            "cost: {usd: 1}",
            &["cost.usd: unknown key; did you mean `usd_per_gb_month`?"],
        ),
        (
            r#"registry_aliases: ["https://a.b/c", "111111111111.dkr.ecr.eu-west-1.amazonaws.com", "A.b", "a.B"]"#,
            &[
                "registry_aliases[0]: expected a host name without a scheme, such as `a.b`, found `https://a.b/c`",
                "registry_aliases[1]: `111111111111.dkr.ecr.eu-west-1.amazonaws.com` is a host of ECR itself, and needs no alias",
                "registry_aliases[3]: `a.b` is written twice",
            ],
        ),
    ]);
}

#[test]
fn syntax_errors_carry_their_place() {
    check(&[
        (
            "cost: {usd_per_gb_month: .nan}",
            &["line 1, column 26: value `.nan` is not a finite number"],
        ),
        (
            "cost: {usd_per_gb_month: 1e999}",
            &["line 1, column 26: value `1e999` is not a finite number"],
        ),
        (
            "mode: plan\nmode: delete",
            &["line 2, column 1: `mode` is written twice"],
        ),
        (
            "{\"mode\": \"plan\",\n \"mode\": \"delete\"}",
            &["line 2, column 7: `mode` is written twice"],
        ),
        (
            r#"{"guards": {"soak": "0d", "soak": "1d"}}"#,
            &["line 1, column 32: `soak` is written twice"],
        ),
        (
            "{mode: plan, mode: delete}",
            &["line 1, column 14: `mode` is written twice"],
        ),
        (
            r#"{"mode": "plan""#,
            &["line 1, column 15: EOF while parsing an object"],
        ),
        (r#"{"mode": plan}"#, &["line 1, column 10: expected value"]),
        (
            "guards:\n\tallow_no_usage: true",
            &["line 2, column 2: tabs disallowed within this context (block indentation)"],
        ),
        ("mode: [plan", &["line 1, column 7: unclosed bracket '['"]),
        (
            "a: b: c",
            &["line 1, column 5: mapping values are not allowed in this context"],
        ),
        (
            "mode: plan\n---\nmode: delete",
            &["line 3, column 1: expected one document, found a second"],
        ),
        ("? [a]\n: 1", &["line 1, column 3: expected string scalar"]),
        (
            r#"{"version": 1e999}"#,
            &["line 1, column 17: number out of range"],
        ),
    ]);
}

#[test]
fn all_problems_of_a_document_are_told_at_once() {
    check(&[(
        "mdoe: plan\npolicies: [{repositories: [team/*], keep: [{newest: 0, tags: '('}, {colour: red}], leave_alone: 1}]\nguards: {max_percent_per_repository: 200, expected_accounts: [x]}\nstate: x/y",
        &[
            "guards.expected_accounts[0]: expected an account id of 12 digits, found `x`",
            "guards.max_percent_per_repository: expected 100 or less, found 200",
            "mdoe: unknown key; did you mean `mode`?",
            "policies[0].keep[0].newest: expected 1 or more, found 0",
            "policies[0].keep[0].tags: bad regex `(`: unclosed group",
            "policies[0].keep[1].colour: unknown key;",
            "policies[0].leave_alone: expected `true` or `false`, found the number 1",
            "state: expected `s3://BUCKET/PREFIX`, found `x/y`",
        ],
    )]);
}

#[test]
fn an_unknown_key_lists_the_accepted_ones() {
    let error = crate::config::Config::parse("in_use: { ecss: {} }")
        .unwrap_err()
        .to_string();
    let expected = "in_use.ecss: unknown key; did you mean `ecs`? accepted: `ecs`, `eks`, `kubernetes`, `lambda`, `services`, `accounts` and `keep_lists`";
    assert_eq!(error, expected);
}

#[test]
fn no_more_than_a_hundred_problems_are_told() {
    let keys: Vec<String> = (0..5000)
        .map(|number| format!("key{number}: 1\n"))
        .collect();
    let blanks = format!("policies: [{}]", "~,".repeat(5000));
    let aliases = format!("registry_aliases: [{}]", "'-',".repeat(5000));
    for text in [keys.concat(), blanks, aliases] {
        let errors = errors(&text);
        assert_eq!(errors.len(), 101);
        assert_eq!(
            errors[0],
            "document: more than 100 problems; these are the first"
        );
    }
}

#[test]
fn depth_is_limited() {
    for text in [
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        "- ".repeat(100_000),
        "{a: ".repeat(100_000),
    ] {
        assert_eq!(errors(&text).len(), 1);
    }
}
