//! The keep rules of one policy, and the exact lines that are printed for bad ones.

use super::errors;

/// Each line of the table: the rules, and the errors without the path of their list.
fn check(table: &[(&str, &[&str])]) {
    for (rules, expected) in table {
        let text = format!("policies: [{{ repositories: ['**'], keep: [{rules}] }}]");
        let errors = errors(&text);
        let errors = errors
            .iter()
            .map(|line| line.trim_start_matches("policies[0].keep"));
        assert_eq!(errors.collect::<Vec<_>>(), *expected, "{rules}");
    }
}

#[test]
fn values_of_a_rule() {
    check(&[
        (
            r#"{newest: 0}, {newest: -1}, {newest: 4294967296}, {newest: 18446744073709551616}, {newest: 1.5}, {newest: "3"}, {newest: [3]}, {newest: true}"#,
            &[
                "[0].newest: expected 1 or more, found 0",
                "[1].newest: expected 1 or more, found -1",
                "[2].newest: expected 4294967295 or less, found 4294967296",
                "[3].newest: expected 4294967295 or less, found 1.8446744073709552e19",
                "[4].newest: expected a whole number, 1 or more, found the number 1.5",
                "[5].newest: expected a whole number, 1 or more, found `3`",
                "[6].newest: expected a whole number, 1 or more, found a list",
                "[7].newest: expected a whole number, 1 or more, found `true`",
            ],
        ),
        (
            r#"{name: 12345678901234567890123456789012345678901234567890123456789012345a, newest: 1}, {name: "a\u0007", newest: 1}"#,
            &[
                "[0].name: expected 1 to 64 visible characters, found 66 characters",
                r"[1].name: expected 1 to 64 visible characters, found `a\u{7}`",
            ],
        ),
        (
            "{pushed_within: 30}, {pushed_within: 1mo}, {pulled_within: -1d}, {pushed_within: 999999d}, {pushed_within: P1D}, {pushed_within: 1.5d}, {pushed_within: 1m}",
            &[
                "[0].pushed_within: expected a whole number and a unit, `m` (minutes), `h`, `d` or `w`, such as `14d`, found the number 30",
                "[1].pushed_within: expected a whole number and a unit, `m` (minutes), `h`, `d` or `w`, such as `14d`, found `1mo`; months and years differ in length: write days",
                "[2].pulled_within: expected a whole number and a unit, `m` (minutes), `h`, `d` or `w`, such as `14d`, found `-1d`",
                "[3].pushed_within: expected at most 3650d, found `999999d`",
                "[4].pushed_within: expected a whole number and a unit, `m` (minutes), `h`, `d` or `w`, such as `14d`, found `P1D`; months and years differ in length: write days",
                "[5].pushed_within: expected a whole number and a unit, `m` (minutes), `h`, `d` or `w`, such as `14d`, found `1.5d`",
            ],
        ),
        (
            "{tags: x, by: pull}",
            &["[0].by: expected `pushed` or `version`, found `pull`"],
        ),
    ]);
}

#[test]
fn what_the_keys_of_a_rule_need_of_each_other() {
    check(&[
        (
            "{}",
            &[
                "[0]: has no condition: write `tags`, `untagged: true`, `pushed_within`, `pulled_within` or `newest`",
            ],
        ),
        (
            "{name: x}, {untagged: false}",
            &[
                "[0]: has no condition: write `tags`, `untagged: true`, `pushed_within`, `pulled_within` or `newest`",
                "[1]: has no condition: write `tags`, `untagged: true`, `pushed_within`, `pulled_within` or `newest`",
            ],
        ),
        (
            "{newst: 5}, {Newest: 5}, {tgas: x}, {newest-groups: 1}",
            &[
                "[0].newst: unknown key; did you mean `newest`?",
                "[1].Newest: unknown key; did you mean `newest`?",
                "[2].tgas: unknown key; did you mean `tags`?",
                "[3].newest-groups: unknown key; did you mean `newest_groups`?",
            ],
        ),
        (
            r#"{tags: "("}, {tags: "[z-a]"}, {tags: 'a{1000000}'}, {tags: 1.0}, {tags: '(?=x)'}"#,
            &[
                "[0].tags: bad regex `(`: unclosed group",
                "[1].tags: bad regex `[z-a]`: invalid character class range, the start must be <= the end",
                r"[2].tags: expected a smaller regex: this one takes more than 1 MiB; write `[0-9]` for `\d`, and repeat less",
                "[3].tags: expected text, found the number 1.0; put it in quotes",
                "[4].tags: bad regex `(?=x)`: look-around, including look-ahead and look-behind, is not supported",
            ],
        ),
        (
            "{tags: x, untagged: true}, {except: x, newest: 1}, {per: a, newest: 1}, {by: version, newest: 1}, {newest_groups: 2}, {tags: x, per: a}, {tags: x, by: version}",
            &[
                "[0]: `tags` contradicts `untagged: true`: make it two rules",
                "[1].except: needs `tags`, which it narrows; every tag is `tags: '.'`",
                "[2].per: needs `tags` with a group of that name",
                "[3].by: `version` needs `tags`, which have the versions",
                "[4].newest_groups: needs `per`, whose values it counts",
                "[5].per: expected a named group of `tags`, found `a`: it has none; write one as `(?<name>...)`",
                "[5].per: needs `newest` or `newest_groups`, which count by it",
                "[6].by: needs `newest` or `newest_groups`, which count in that order",
            ],
        ),
        (
            r"{tags: '(?<major>\d+)[.](?<minor>\d+)', per: maior, newest: 1}, {tags: x, per: x, newest: 1}",
            &[
                "[0].per: expected a named group of `tags`, found `maior`: it has `major`, `minor`",
                "[1].per: expected a named group of `tags`, found `x`: it has none; write one as `(?<name>...)`",
            ],
        ),
        (
            r#"{name: a, newest: 1}, {name: a, newest: 2}, {name: "", newest: 1}, {name: "rule 5", newest: 1}, {newest: 1}"#,
            &[
                "[1].name: `a` is the name of rule [0] too: names are unique in a policy",
                "[2].name: expected 1 to 64 visible characters, found ``",
                "[4].name: `rule 5` is the name of rule [3] too: names are unique in a policy",
            ],
        ),
    ]);
}
