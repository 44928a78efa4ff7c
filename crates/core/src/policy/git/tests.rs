//! Histories as tables, and laws.

mod laws;
mod mapping;
mod refusals;

use jiff::Timestamp;

use super::*;
use crate::image::Time;

/// 2026-11-21T12:00:00Z.
const NOW: i64 = 1_795_262_400;
const DAY: i64 = 86_400;
const REPOSITORY: &str = "github.com/org/app";

fn now() -> Time {
    Time::from_millis(NOW * 1000).unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days * 24)
}

fn days_ago(days: i64) -> i64 {
    NOW - days * DAY
}

/// Returns the commit of a letter: `a` is `aaaaaaa0…`, but beyond `f` letters have their number.
fn id(name: &str) -> String {
    let number = name
        .bytes()
        .fold(0_u64, |all, byte| all * 256 + u64::from(byte));
    format!("{number:08x}{:032x}", 0)
}

fn short(name: &str) -> String {
    id(name)[..8].to_owned()
}

/// Makes a document of two tables: `NAME DAYS_AGO PARENT..` for each commit, and `REF COMMIT` for
/// each ref, of the time of its commit unless a number of days follows.
fn document(commits: &str, refs: &str) -> Document {
    let rows = |table: &str| -> Vec<Vec<String>> {
        let rows = table
            .lines()
            .map(|line| line.split_whitespace().map(str::to_owned).collect());
        rows.filter(|row: &Vec<String>| !row.is_empty()).collect()
    };
    let commits = rows(commits);
    let at = |name: &str| match name {
        "outside" => -1,
        _ => i64::try_from(commits.iter().position(|row| row[0] == name).unwrap()).unwrap(),
    };
    let time = |days: &String| days_ago(days.parse().unwrap());
    Document {
        schema: SCHEMA.to_owned(),
        repository: REPOSITORY.to_owned(),
        generated_at: Timestamp::from_second(NOW - 3600).unwrap(),
        producer: "test".to_owned(),
        complete: true,
        shallow: false,
        default_branch: "main".to_owned(),
        since: None,
        refs: rows(refs)
            .iter()
            .map(|row| {
                let commit = at(&row[1]);
                let own = || &commits[usize::try_from(commit).unwrap()][1];
                DocumentRef {
                    name: format!("refs/{}", row[0]),
                    commit,
                    time: time(row.get(2).unwrap_or_else(own)),
                }
            })
            .collect(),
        commits: Commits {
            id: commits
                .iter()
                .map(|row| CommitId::parse(&id(&row[0])).unwrap())
                .collect(),
            time: commits.iter().map(|row| time(&row[1])).collect(),
            parents: commits
                .iter()
                .map(|row| row[2..].iter().map(|it| at(it)).collect())
                .collect(),
        },
    }
}

fn expected() -> Expected<'static> {
    Expected {
        repository: REPOSITORY,
        max_age: days(2),
        last: None,
        now: now(),
    }
}

fn rule(kind: RefKind, names: &str) -> GitRule {
    GitRule {
        kind,
        names: RefPattern::new(names).unwrap(),
        refs: Limit::default(),
        images: last(1),
    }
}

fn last(last: u32) -> Limit {
    Limit {
        last: NonZeroU32::new(last),
        ..Limit::default()
    }
}

fn within(limit: i64) -> Limit {
    Limit {
        within: Some(days(limit)),
        ..Limit::default()
    }
}

fn rules(document: Document, keep: Vec<GitRule>) -> GitRules {
    GitRules {
        document: "s3://bucket/git.json".to_owned(),
        repository: REPOSITORY.to_owned(),
        commit: Some(Pattern::new("(?:^|-)(?<commit>[0-9a-f]{7,40})$").unwrap()),
        annotation: true,
        max_age: days(2),
        unreachable_grace: days(30),
        unmapped: Unmapped::Keep,
        keep,
        history: Some(History::of(document, &expected()).map(Arc::new)),
    }
}

/// Returns what is said of images with these tags, which were pushed long ago.
fn judged(rules: &GitRules, tags: &[&str]) -> Vec<String> {
    let tags: Vec<[&str; 1]> = tags.iter().map(|tag| [*tag]).collect();
    let images = tags.iter().map(|tags| image(tags, 400));
    let reasons = rules.judge(&images.collect::<Vec<_>>(), now()).unwrap();
    reasons
        .iter()
        .map(|it| it.as_ref().map_or("-".to_owned(), ToString::to_string))
        .collect()
}

fn image<'a>(tags: &'a [&'a str], pushed: i64) -> GitImage<'a> {
    let pushed_at = Time::from_millis(days_ago(pushed) * 1000);
    GitImage {
        tags,
        counts: true,
        revisions: Some(&[]),
        pushed_at,
        pulled_at: None,
    }
}

/// `main` with a merged branch `b`, a living branch `c`, and a release.
const COMMITS: &str = "
    m1  90
    m2  80 m1
    b1  75 m2
    b2  70 b1
    m3  60 m2 b2
    c1  50 m3
    m4  40 m3
    c2  20 c1
";
const REFS: &str = "
    heads/main      m4
    heads/feature/c c2
    tags/v1         m2
    pull/17/head    c2
    pull/17/merge   c2
";

/// Returns rules, each with the commits whose images it keeps, with their ranks.
fn cases() -> Vec<(GitRule, &'static str)> {
    let (branch, tag, pull) = (RefKind::Branch, RefKind::Tag, RefKind::Pull);
    let images = |rule: GitRule, images| GitRule { images, ..rule };
    let refs = |rule: GitRule, refs| GitRule { refs, ..rule };
    vec![
        // All parents are walked, and the newest commits come first whichever line they are of.
        (images(rule(branch, "main"), last(3)), "b2:3 m3:2 m4:1"),
        (
            images(rule(branch, "main"), last(9)),
            "m1:6 m2:5 b1:4 b2:3 m3:2 m4:1",
        ),
        (rule(branch, ".*"), "m4:1 c2:1"),
        (rule(branch, "main|x"), "m4:1"),
        // Each alternative is anchored.
        (rule(branch, "x|ain"), ""),
        (rule(branch, "feature/.*"), "c2:1"),
        (rule(branch, "feature"), ""),
        (rule(tag, ".*"), "m2:1"),
        (rule(pull, "17"), "c2:1"),
        (rule(pull, "1"), ""),
        (refs(rule(branch, ".*"), last(1)), "c2:1"),
        (refs(rule(branch, ".*"), within(30)), "c2:1"),
        (
            refs(
                rule(branch, ".*"),
                Limit {
                    operator: Operator::Or,
                    ..within(30)
                },
            ),
            "m4:1 c2:1",
        ),
        (images(rule(branch, "main"), within(60)), "m3 m4"),
        (
            images(
                rule(branch, "main"),
                Limit {
                    last: NonZeroU32::new(1),
                    ..within(60)
                },
            ),
            "m4:1",
        ),
        (
            images(
                rule(branch, "main"),
                Limit {
                    last: NonZeroU32::new(1),
                    operator: Operator::Or,
                    ..within(72)
                },
            ),
            "b2 m3 m4:1",
        ),
    ]
}

#[test]
fn images_of_refs_are_kept_by_their_rank() {
    let commits = ["m1", "m2", "b1", "b2", "m3", "c1", "m4", "c2"];
    let all: Vec<String> = commits
        .iter()
        .map(|it| format!("app-{}", short(it)))
        .collect();
    let tags: Vec<&str> = all.iter().map(String::as_str).collect();
    for (rule, kept) in cases() {
        let rules = rules(document(COMMITS, REFS), vec![rule.clone()]);
        let judged = judged(&rules, &tags);
        let found = commits.iter().zip(&judged).filter(|(_, why)| *why != "-");
        let found = found.map(|(commit, why)| {
            let rank = why
                .find(|letter: char| letter.is_ascii_digit())
                .filter(|at| *at == 0);
            match (rank, why.split(' ').next().unwrap()) {
                (Some(_), rank) => format!("{commit}:{}", &rank[..rank.len() - 2]),
                (None, "newest") => format!("{commit}:1"),
                (None, _) => (*commit).to_owned(),
            }
        });
        assert_eq!(found.collect::<Vec<_>>().join(" "), kept, "{rule:?}");
    }
}

/// The wording, and every reason that is not a rank.
#[test]
fn the_reason_says_which_ref_needs_the_image() {
    let keep = vec![
        GitRule {
            images: last(30),
            ..rule(RefKind::Branch, ".*")
        },
        GitRule {
            images: within(100),
            ..rule(RefKind::Pull, ".*")
        },
    ];
    let mut rules = rules(document(COMMITS, REFS), keep);
    let tags = [
        format!("x-{}", short("m4")),
        format!("x-{}", short("m3")),
        id("b2").to_uppercase(),
        short("c2"),
        short("c1"),
        "latest".to_owned(),
        format!("x-{}", short("zz")),
    ];
    let upper = "(?:^|-)(?<commit>[0-9a-fA-F]{7,40})$";
    rules.commit = Some(Pattern::new(upper).unwrap());
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    assert_eq!(
        judged(&rules, &tags),
        [
            "newest image of branch `main`",
            "2nd newest image of branch `main`",
            "3rd newest image of branch `main`",
            "newest image of branch `feature/c`",
            "2nd newest image of branch `feature/c`",
            "nothing of it names a commit (`git.unmapped`)",
            "-",
        ]
    );
    rules.keep.remove(0);
    rules.unmapped = Unmapped::Ignore;
    assert_eq!(
        judged(&rules, &tags)[..6],
        [
            "-",
            "recent image of pull request `17`",
            "recent image of pull request `17`",
            "recent image of pull request `17`",
            "recent image of pull request `17`",
            "-"
        ]
    );
}

#[test]
fn ranks_are_read_as_people_say_them() {
    for (rank, text) in [
        (1, "newest"),
        (2, "2nd newest"),
        (3, "3rd newest"),
        (4, "4th newest"),
        (11, "11th newest"),
        (12, "12th newest"),
        (13, "13th newest"),
        (21, "21st newest"),
        (22, "22nd newest"),
        (111, "111th newest"),
        (1003, "1003rd newest"),
    ] {
        let (kind, name) = (RefKind::Tag, "v1".into());
        let reason = GitReason::Needed {
            kind,
            name,
            rank: Some(rank),
        };
        assert_eq!(reason.to_string(), format!("{text} image of tag `v1`"));
    }
}

/// A clock that was wrong puts no commit before what it was made from.
#[test]
fn a_commit_counts_as_newer_than_its_parents() {
    let commits = "
        m1 10
        m2 900 m1
        m3 5 m2
    ";
    let rules = rules(
        document(commits, "heads/main m3\n tags/v2 m2"),
        vec![
            rule(RefKind::Tag, ".*"),
            GitRule {
                images: last(2),
                ..rule(RefKind::Branch, "main")
            },
        ],
    );
    let tags = [short("m1"), short("m2"), short("m3")];
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let expected = [
        "-",
        "2nd newest image of branch `main`",
        "newest image of branch `main`",
    ];
    assert_eq!(judged(&rules, &tags), expected);
}

#[test]
fn without_a_history_there_is_no_verdict() {
    let commit = short("zz");
    let (unknown, known) = ([commit.as_str()], [short("m1")]);
    let mut rules = rules(document(COMMITS, REFS), vec![]);
    let of = |rules: &GitRules, images: &[GitImage<'_>]| rules.judge(images, now());
    assert_eq!(
        of(&rules, &[image(&unknown, 1)]),
        Err(HistoryError::MapsNone)
    );
    let known = [known[0].as_str()];
    assert!(of(&rules, &[image(&unknown, 1), image(&known, 1)]).is_ok());
    // Nothing that could name a commit, nothing to prove.
    assert_eq!(of(&rules, &[image(&[], 1)]), Ok(vec![None]));
    rules.history = Some(Err(HistoryError::Shallow));
    assert_eq!(of(&rules, &[image(&known, 1)]), Err(HistoryError::Shallow));
    rules.history = None;
    assert_eq!(of(&rules, &[image(&known, 1)]), Err(HistoryError::NotRead));
}

#[test]
fn a_pattern_of_refs_is_shown_as_it_was_written() {
    assert_eq!(RefPattern::new("a|b").unwrap().as_str(), "a|b");
    assert!(RefPattern::new("a)|(b").is_err());
    assert!(
        RefPattern::new("(")
            .unwrap_err()
            .to_string()
            .contains("(\n")
    );
}
