//! Which commits images are of, and images of which too little is known.

use super::*;

/// An image of a commit that no ref has is kept for a time after its push and after its pull; a
/// slice cannot tell that a commit is on no ref.
#[test]
fn an_unknown_commit_keeps_for_a_time() {
    let mut whole = rules(document(COMMITS, REFS), vec![]);
    let sliced = Document {
        since: Some(Timestamp::from_second(0).unwrap()),
        ..document(COMMITS, REFS)
    };
    let sliced = rules(sliced, vec![]);
    let (known, gone) = (short("m1"), short("zz"));
    let (known, both) = ([known.as_str()], [gone.as_str(), known.as_str()]);
    let time = |days: i64| Time::from_millis(days_ago(days) * 1000);
    let of = |pushed_at, pulled_at| GitImage {
        tags: &both,
        counts: true,
        revisions: Some(&[]),
        pushed_at,
        pulled_at,
    };
    let kept = |rules: &GitRules, it: GitImage<'_>| {
        rules.judge(&[image(&known, 400), it], now()).unwrap()[1].clone()
    };
    for (pushed, pulled, expected) in [
        (time(30), None, Some(GitReason::Unreachable)),
        (time(31), None, None),
        (time(31), time(31), None),
        (time(31), time(30), Some(GitReason::Unreachable)),
        (time(-1), None, Some(GitReason::Unreachable)),
        (None, None, Some(GitReason::Unreachable)),
    ] {
        assert_eq!(
            kept(&whole, of(pushed, pulled)),
            expected,
            "{pushed:?} {pulled:?}"
        );
        assert_eq!(
            kept(&sliced, of(pushed, pulled)),
            Some(GitReason::NotInSlice)
        );
    }
    // What begins like a commit of a slice may be an older one; a whole id is not.
    let (short, long) = (short("m2"), id("m2"));
    for (tag, expected) in [(short, Some(GitReason::NotInSlice)), (long, None)] {
        let tags = [tag.as_str()];
        assert_eq!(kept(&sliced, image(&tags, 400)), expected, "{tag}");
        assert_eq!(kept(&whole, image(&tags, 400)), None, "{tag}");
    }
    // That somebody needs one of its commits tells more than that another one is unknown.
    whole.keep = vec![GitRule {
        images: last(9),
        ..rule(RefKind::Branch, "main")
    }];
    assert!(matches!(
        kept(&whole, of(time(1), None)),
        Some(GitReason::Needed { .. })
    ));
}

/// What stands for a commit, in tags and in the annotation, and what does not.
#[test]
fn commits_are_found_by_their_beginning_in_every_tag() {
    let same = format!("{}1{}", &id("m1")[..39], "");
    let mut document = document(COMMITS, REFS);
    document.commits.id[7] = CommitId::parse(&same).unwrap();
    let mut rules = rules(document, vec![rule(RefKind::Branch, "feature/c")]);
    rules.commit = Some(Pattern::new("(?<commit>[0-9a-z]{6,})").unwrap());
    let (m1, m2) = (id("m1"), id("m2"));
    let kept = |tags: &[&str], revision: Option<&str>| {
        let revisions: Vec<&str> = revision.into_iter().collect();
        let it = GitImage {
            revisions: Some(&revisions),
            ..image(tags, 400)
        };
        let anchor = [m2.as_str()];
        rules.judge(&[image(&anchor, 400), it], now()).unwrap()[1].clone()
    };
    let needed = |reason: Option<GitReason>| matches!(reason, Some(GitReason::Needed { .. }));
    assert!(needed(kept(&[&same], None)));
    // Both begin so: either may be meant.
    assert!(needed(kept(&[&m1[..39]], None)));
    assert!(!needed(kept(&[&m1], None)));
    // Of a tag, every match counts: a date looks like a commit too.
    assert!(needed(kept(&[&format!("20260101-{same}")], None)));
    assert!(needed(kept(&["v1", &same], None)));
    assert!(needed(kept(&[], Some(&same))));
    for tag in ["latest1", "123456", "zzzzzzzz", "1234567z"] {
        assert_eq!(kept(&[tag], None), Some(GitReason::Unmapped), "{tag}");
    }
    assert_eq!(kept(&["v1"], Some("unknown")), Some(GitReason::Unmapped));
    // SHA-256 has 64 digits, and no commit of this document has.
    assert_eq!(
        kept(&[&format!("{same}{:024}", 0)], None),
        Some(GitReason::Unmapped)
    );
    // Nothing says what it is of: rules decide.
    assert_eq!(kept(&[], None), None);
    let not_read = |tags| GitImage {
        revisions: None,
        ..image(tags, 400)
    };
    let (known, other) = ([m2.as_str()], [m1.as_str()]);
    let images = [image(&known, 400), not_read(&other), not_read(&[])];
    let reasons = rules.judge(&images, now()).unwrap();
    assert_eq!(reasons[1..], [const { Some(GitReason::NotRead) }; 2]);
}

#[test]
fn an_image_that_was_pushed_lately_is_recent_whatever_its_commit_is() {
    let keep = vec![GitRule {
        images: within(30),
        ..rule(RefKind::Branch, "main")
    }];
    let rules = rules(document(COMMITS, REFS), keep);
    let (m1, m2) = (short("m1"), short("m2"));
    let (m1, m2) = ([m1.as_str()], [m2.as_str()]);
    let unknown = GitImage {
        pushed_at: None,
        ..image(&m2, 0)
    };
    let reasons = rules
        .judge(&[image(&m1, 31), unknown, image(&m1, 30)], now())
        .unwrap();
    assert!(reasons.iter().all(Option::is_some), "{reasons:?}");
    let reasons = rules.judge(&[image(&m1, 31), unknown], now()).unwrap();
    assert!(reasons[0].is_none() && reasons[1].is_some(), "{reasons:?}");
}
