//! Documents that are refused, each with what is said.

use super::*;

/// A change of a document that is believed.
type Change = fn(&mut Document);

/// Changes, each with what is said of the document.
const CHANGES: &[(Change, &str)] = &[
    (
        |it| it.schema = "x/2".into(),
        "its schema is `x/2`, and this version reads `ecr-git-evidence/1`",
    ),
    (
        |it| it.repository = "github.com/org/other".into(),
        "it is of repository `github.com/org/other`, but `git.repository` is `github.com/org/app`",
    ),
    (
        |it| it.generated_at = Timestamp::from_second(NOW - 2 * DAY - 1).unwrap(),
        "it was exported at 2026-11-19T11:59:59Z, longer ago than `git.max_age`",
    ),
    (
        |it| it.generated_at = Timestamp::from_second(NOW + 301).unwrap(),
        "it was exported at 2026-11-21T12:05:01Z, which is in the future, so a clock is wrong",
    ),
    (
        |it| it.shallow = true,
        "it is of a shallow clone; export it from a whole one",
    ),
    (
        |it| it.complete = false,
        "it does not say that it is complete",
    ),
    (|it| it.refs.clear(), "it has no branch"),
    (
        |it| it.refs.retain(|it| !it.name.starts_with("refs/heads")),
        "it has no branch",
    ),
    (
        |it| it.default_branch = "v1".into(),
        "it has no branch `v1`, which it calls the default branch",
    ),
    (
        |it| it.commits.time.truncate(7),
        "it has 8 commit ids, 7 times and 8 lists of parents",
    ),
    (
        |it| it.commits.id[3] = CommitId::parse("abcdef0").unwrap(),
        "commit id `abcdef0` is abbreviated, or shorter or longer than the others",
    ),
    (
        |it| it.commits.id[3] = CommitId::parse(&"ab".repeat(32)).unwrap(),
        "commit id `abababababababababababababababababababababababababababababababab` is abbreviated, or shorter or longer than the others",
    ),
    (
        |it| it.commits.id[3] = it.commits.id[5],
        "commit `0000633100000000000000000000000000000000` is in it twice",
    ),
    (
        |it| it.refs[0].name = "refs/tags/v1".into(),
        "ref `refs/tags/v1` is in it twice",
    ),
    (
        |it| it.refs[0].commit = 8,
        "ref `refs/heads/main` names commit number 8, which it does not have",
    ),
    (
        |it| it.refs[0].commit = -1,
        "ref `refs/heads/main` names commit number -1, which it does not have",
    ),
    (
        |it| it.commits.parents[1] = vec![8],
        "commit `00006d3200000000000000000000000000000000` names commit number 8, which it does not have",
    ),
    (
        |it| it.commits.parents[1] = vec![-2],
        "commit `00006d3200000000000000000000000000000000` names commit number -2, which it does not have",
    ),
    (
        |it| it.commits.parents[1] = vec![-1],
        "it says that it has every commit, but not the parents of `00006d3200000000000000000000000000000000`",
    ),
    (
        |it| it.commits.parents[0] = vec![6],
        "a commit in it is its own ancestor",
    ),
    (
        |it| it.commits.parents[0] = vec![0],
        "a commit in it is its own ancestor",
    ),
];

/// The same, of documents of megabytes.
const LARGE: &[(Change, &str)] = &[
    (
        |it| it.refs = vec![it.refs[0].clone(); 100_001],
        "it has 100001 refs, and at most 100000 are read",
    ),
    (
        |it| it.commits.id = vec![it.commits.id[0]; 500_001],
        "it has 500001 commits, and at most 500000 are read",
    ),
];

#[test]
fn a_document_that_cannot_be_believed_is_refused() {
    for (change, error) in CHANGES {
        let mut document = document(COMMITS, REFS);
        change(&mut document);
        let text = serde_json::to_vec(&document).unwrap();
        let refused = History::parse(&text, &expected()).unwrap_err();
        assert_eq!(refused.to_string(), *error);
    }
    for (change, error) in LARGE {
        let mut document = document(COMMITS, REFS);
        change(&mut document);
        let refused = History::of(document, &expected()).unwrap_err();
        assert_eq!(refused.to_string(), *error);
    }
    let malformed = History::parse(br#"{"schema": "ecr-git-evidence/1"}"#, &expected());
    assert!(
        matches!(malformed, Err(HistoryError::Malformed(_))),
        "{malformed:?}"
    );
    let other = History::parse(
        br#"{"schema": "ecr-git-evidence/2", "new": 1}"#,
        &expected(),
    );
    assert!(matches!(other, Err(HistoryError::Schema(_))), "{other:?}");
    for edge in [NOW - 2 * DAY, NOW + 300] {
        let generated_at = Timestamp::from_second(edge).unwrap();
        let document = Document {
            generated_at,
            ..document(COMMITS, REFS)
        };
        assert!(History::of(document, &expected()).is_ok(), "{edge}");
    }
}

#[test]
fn a_document_that_shrank_by_more_than_half_is_refused() {
    let now = Counts {
        commits: 8,
        refs: 5,
    };
    for (commits, refs, whole, sliced) in [
        (16, 10, None, None),
        (
            17,
            10,
            Some(
                "it has 8 commits, less than half of the 17 that the last one had; if that is right, `ecr-cleanup accept-use git` accepts it",
            ),
            None,
        ),
        (
            16,
            11,
            Some(
                "it has 5 refs, less than half of the 11 that the last one had; if that is right, `ecr-cleanup accept-use git` accepts it",
            ),
            Some("refs"),
        ),
        (1, 1, None, None),
    ] {
        let expected = Expected {
            last: Some(Counts { commits, refs }),
            ..expected()
        };
        let read = |since| {
            let document = Document {
                since,
                ..document(COMMITS, REFS)
            };
            History::of(document, &expected)
                .map(|it| it.counts())
                .map_err(|it| it.to_string())
        };
        assert_eq!(read(None), whole.map_or(Ok(now), |it| Err(it.to_owned())));
        let slice = read(Some(Timestamp::from_second(0).unwrap()));
        assert_eq!(slice.is_err(), sliced.is_some(), "{slice:?}");
    }
}
