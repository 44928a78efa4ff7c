//! Policy tests: what they find, and what is wrong with their files.

use ecr_cleanup::{
    config::Config,
    pipeline::{TestResult, test_policies},
};

const CONFIG: &str = "policies: [
  { repositories: [alone], leave_alone: true },
  { repositories: ['by/**'], repository_tags: { tier: prod }, keep: [{ name: all, newest: 100 }] },
  { repositories: ['by/**', 'team/**'], keep: [{ name: releases, tags: '^[0-9]', newest: 1 }] },
]";

fn tested(text: &str) -> Result<Vec<TestResult>, String> {
    let config = Config::parse(CONFIG).unwrap();
    test_policies(text, &config).map_err(|error| error.to_string())
}

/// Returns what is wrong with these expectations of images of a repository, one a line.
fn failures(test: &str) -> String {
    let text = format!("tests: [{{ {test} }}]");
    let results = tested(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let failures = results.iter().flat_map(|result| &result.failures);
    let lines = failures.map(|it| format!("{}: {} / {}", it.image, it.expected, it.actual));
    lines.collect::<Vec<_>>().join("\n")
}

const IMAGES: &str = "images: { 2: 1d, 1: 9d, x: 9d, none: { pushed: 9d, tags: [] } }";

#[test]
fn an_expectation_is_a_verdict_and_maybe_a_reason() {
    for (repository, rest, expected) in [
        (
            "team/app",
            "expect: { 2: keep, 1: delete, x: delete, none: delete }",
            "",
        ),
        (
            "team/app",
            "expect: { 2: { verdict: keep, reason: releases }, 1: { verdict: delete, reason: releases }, x: { verdict: delete, reason: no_rule }, none: { verdict: delete, reason: untagged } }",
            "",
        ),
        (
            "team/app",
            "expect: { 2: delete }",
            "2: delete / keep (releases)",
        ),
        (
            "team/app",
            "expect: { 2: { verdict: keep, reason: in_use } }",
            "2: keep (in_use) / keep (releases)",
        ),
        (
            "team/app",
            "in_use: ['team/app:1', x], expect: { 1: { verdict: keep, reason: in_use }, x: keep }",
            "",
        ),
        (
            "team/app",
            "in_use: ['111111111111.dkr.ecr.eu-west-1.amazonaws.com/team/app:1'], expect: { 1: keep }",
            "",
        ),
        (
            "alone",
            "expect: { x: { verdict: keep, reason: left_alone } }",
            "",
        ),
        (
            "other",
            "expect: { x: delete }",
            "x: delete / keep (left_alone)",
        ),
        ("by/app", "expect: { x: delete }", ""),
        (
            "by/app",
            "repository_tags: { tier: prod }, expect: { x: { verdict: keep, reason: all } }",
            "",
        ),
    ] {
        let test = format!("repository: {repository}, {IMAGES}, {rest}");
        assert_eq!(failures(&test), expected, "{test}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let test =
        |rest: &str| format!("tests:\n  - repository: team/app\n    images: {{ 1: 9d }}\n{rest}");
    for (text, expected) in [
        ("", "line 1: "),
        ("tests: []", "line 1: there is no test"),
        (
            "tests:\n  - repositry: x",
            "line 2: unknown field `repositry`",
        ),
        (
            &test("    expect: { 2: keep }"),
            "line 4: the test has no image `2`",
        ),
        (&test("    expect: { 1: stay }"), "line 4: "),
        (
            &test("    in_use: [2]\n    expect: { 1: keep }"),
            "line 4: the test has no image `2`",
        ),
        (
            "tests:\n  - repository: Team\n    images: { 1: 9d }\n    expect: { 1: keep }",
            "line 2: `Team` is no repository name",
        ),
        (
            "tests:\n  - repository: team/app\n    images:\n      1: 9 days\n    expect: { 1: keep }",
            "line 4: ",
        ),
        (
            "tests:\n  - repository: team/app\n    images:\n      a: 9d\n      b: { pushed: 9d, tags: [a] }\n    expect: { a: keep }",
            "line 5: another image has the tag `a`",
        ),
        (
            "tests:\n  - repository: team/app\n    images:\n      ' ': 9d\n    expect: {}",
            "line 4: ",
        ),
    ] {
        let error = tested(text).unwrap_err();
        assert!(error.starts_with(expected), "{error}\n{text}");
    }
}
