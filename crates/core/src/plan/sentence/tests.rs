//! Snapshots of the sentences.

use super::*;
use crate::image::{Interned, RepositoryName, Time};

fn digest() -> Digest {
    format!("sha256:{}", "ab".repeat(32)).parse().unwrap()
}

fn rule() -> Interned {
    "releases".into()
}

fn tag() -> Tag {
    Tag::new("1.4.0").unwrap()
}

fn name(_: &Digest) -> String {
    "app:1.2".to_owned()
}

fn lines<T>(reasons: &[T], sentence: impl Fn(&T) -> String) -> String {
    reasons.iter().map(sentence).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_image_in_use_names_its_user() {
    let user = "ECS service `prod/web`";
    let sentences = [(1, None), (2, None), (3, Some(tag()))]
        .map(|(users, tag)| in_use_sentence(&user, users, tag.as_ref()));
    insta::assert_snapshot!(sentences.join("\n"), @r"
    in use by ECS service `prod/web` (digest)
    in use by ECS service `prod/web` and 1 other (digest)
    in use by ECS service `prod/web` and 2 others (tag `1.4.0`)
    ");
}

#[test]
fn a_rule_says_the_rank() {
    let rank = |keeps| Some(Rank { rank: 3, keeps });
    let by_rule = |tag, rank| KeepReason::Rule {
        rule: rule(),
        tag,
        rank,
        used: None,
    };
    let at = Time::from_millis(86_400_000).unwrap();
    let used = LastUse {
        at,
        by: "ECS service `web`".into(),
    };
    let reasons = [
        by_rule(Some(tag()), rank(Some(10))),
        by_rule(Some(tag()), rank(None)),
        by_rule(None, None),
        KeepReason::Rule {
            rule: rule(),
            tag: None,
            rank: rank(Some(5)),
            used: Some(Box::new(used)),
        },
        KeepReason::YoungLedger {
            rule: rule(),
            days: 3,
            until: at,
        },
        KeepReason::NoVersion {
            rule: rule(),
            tag: tag(),
        },
    ];
    insta::assert_snapshot!(lines(&reasons, |reason| reason.sentence(&name)), @r"
    kept by rule `releases` (tag `1.4.0`): rank 3 of 10
    kept by rule `releases` (tag `1.4.0`) with its group
    kept by rule `releases`
    kept by rule `releases`: rank 3 of 5; last used by ECS service `web` at 1970-01-02T00:00:00Z
    the use ledger is 3 days old, so rule `releases` keeps what it may be about until 1970-01-02T00:00:00Z
    rule `releases` ranks by version, but tag `1.4.0` has no version
    ");
}

#[test]
fn a_kept_image_has_its_reasons() {
    let (subject, index) = (digest(), digest());
    let attached = |repository| KeepReason::AttachedElsewhere {
        subject: Box::new(subject),
        repository,
    };
    let reasons = [
        KeepReason::RepositoryLeftAlone,
        KeepReason::PartOf {
            index,
            role: Some("linux/arm64".into()),
        },
        KeepReason::PartOf { index, role: None },
        KeepReason::PossibleChildOf { index },
        KeepReason::HasPartInUse { part: digest() },
        KeepReason::RefersTo {
            subject,
            how: Attachment::Signs,
        },
        attached(Some(RepositoryName::new("app").unwrap())),
        attached(None),
        KeepReason::Artifact,
        KeepReason::NoTagMatched,
        KeepReason::NoImageRule,
        KeepReason::Archived,
        KeepReason::BeingRestored,
        KeepReason::UnknownStatus,
        KeepReason::NoPushTime,
        KeepReason::PushedInFuture,
        KeepReason::JustPushed,
        KeepReason::UnexplainedPull {
            pulled_at: Time::from_millis(1_780_000_000_000).unwrap(),
        },
    ];
    insta::assert_snapshot!(lines(&reasons, |reason| reason.sentence(&name)), @r"
    the repository is left alone
    child of app:1.2 (linux/arm64), which is kept
    child of app:1.2, which is kept
    may be a child of app:1.2, which is archived and cannot be read
    its child app:1.2 is in use
    signs app:1.2, which is kept
    attached to sha256:abababababab, which is kept in `app`
    attached to sha256:abababababab, which may be in a repository or registry that was not read
    not a container image and attached to none, and no rule is about such artifacts
    images here are left alone, since none of their tags matches a rule of the policy
    every rule of the policy is about artifacts, and this is none
    archived
    being restored from the archive
    its status is unknown to this version of ecr-cleanup
    it has no push time, so its age is unknown
    its push time is in the future, so a clock is wrong
    untagged and pushed less than an hour ago, so its push may not be complete
    somebody pulled it on 2026-05-28T20:26:40Z, though nothing that is read uses it
    ");
}

#[test]
fn a_candidate_has_its_reason() {
    let since = Time::from_millis(1_780_000_000_000).unwrap();
    let superseded = |keeps| DeleteReason::Superseded {
        rule: rule(),
        rank: Rank { rank: 11, keeps },
    };
    let archived = |charged_until| DeleteReason::Archived {
        since,
        charged_until,
    };
    let reasons = [
        superseded(Some(10)),
        superseded(None),
        DeleteReason::NoRule,
        DeleteReason::Untagged,
        DeleteReason::PartOf {
            index: digest().into(),
            role: Some("linux/amd64".into()),
        },
        DeleteReason::RefersTo {
            subject: digest().into(),
            how: Attachment::ListsReferrers,
        },
        DeleteReason::Orphan {
            subject: digest().into(),
            how: Attachment::Attests,
        },
        archived(None),
        archived(Some(since)),
    ];
    insta::assert_snapshot!(lines(&reasons, |reason| reason.sentence(&name)), @r"
    rank 11 for rule `releases` (keeps 10); not in use
    its group is not among the newest for rule `releases`; not in use
    no rule keeps any of its tags; not in use
    untagged; not in use
    child of app:1.2 (linux/amd64), which is not kept
    lists the referrers of app:1.2, which is not kept
    attests sha256:abababababab, which no longer exists
    archived since 2026-05-28T20:26:40Z, longer than `archive.delete_after`; not in use
    archived since 2026-05-28T20:26:40Z, longer than `archive.delete_after`; not in use; AWS charges for it until 2026-05-28T20:26:40Z (at least 90 days)
    ");
}

#[test]
fn a_repository_says_why_it_is_left_alone() {
    let by = || vec!["account 333333333333".to_owned(), "`*`".to_owned()];
    let reasons = [
        LeftAlone::NotRead(NotRead::NoPolicy),
        LeftAlone::NotRead(NotRead::Policy { policy: 2 }),
        LeftAlone::NotRead(NotRead::PullThroughCache),
        LeftAlone::NotRead(NotRead::RootCache),
        LeftAlone::NotRead(NotRead::NotAsked),
        LeftAlone::NoTagMatched,
        LeftAlone::TooMuch {
            percent: 80,
            limit: 50,
            policy: None,
        },
        LeftAlone::TooMuch {
            percent: 80,
            limit: 5,
            policy: Some("team".to_owned()),
        },
        LeftAlone::PulledFrom {
            by: by(),
            next: "name it on a keep list".to_owned(),
        },
        LeftAlone::Repeated { locations: by() },
        LeftAlone::InDoubt {
            by: vec!["ecs in 333333333333 eu-west-1: no answer".to_owned()],
        },
        LeftAlone::PullersUnknown {
            error: "AccessDenied".to_owned(),
        },
        LeftAlone::Vanished,
        LeftAlone::Failed {
            error: "KmsError".to_owned(),
        },
    ];
    insta::assert_snapshot!(lines(&reasons, ToString::to_string), @r"
    no policy matches it
    `policies[2]` says `leave_alone: true`
    it is a pull-through cache, and no policy names it without a wildcard or reaches it with `pull_through_cache: true`
    it may be a pull-through cache, since a rule has the prefix `ROOT`, and no policy names it without a wildcard or reaches it with `pull_through_cache: true`
    it was not selected for this run
    none of its tags matches a rule of its policy; to clean it anyway, set `delete_unmatched: true` in the policy
    80 % of its images are candidates, but `guards.max_percent_per_repository` allows 50 %
    80 % of its images are candidates, but `max_percent` of policy `team` allows 5 %
    its policy lets account 333333333333 and `*` pull, but use there is not read; name it on a keep list
    replication repeats its deletions in account 333333333333 and `*`, but use there is not read; add it to `in_use.accounts`; to clean the repository anyway, set `guards.unread_pull_accounts: warn`
    images of it may be used where something could not be read: ecs in 333333333333 eu-west-1: no answer; do what that says and run it again
    cannot determine who may pull from it: AccessDenied
    it was deleted during the run
    its images could not be listed: KmsError
    ");
}

#[test]
fn a_repository_says_what_its_tags_have_to_do_with_it() {
    let reasons = [
        LeftAlone::NotRead(NotRead::Protected {
            tag: "ecr-cleanup".to_owned(),
        }),
        LeftAlone::NotRead(NotRead::UnknownPolicy {
            tag: "ecr-cleanup".to_owned(),
            name: "strct".to_owned(),
        }),
        LeftAlone::TagsUnread {
            error: "AccessDenied".to_owned(),
        },
    ];
    insta::assert_snapshot!(lines(&reasons, ToString::to_string), @r"
    its AWS tag `ecr-cleanup` says `protect`
    its AWS tag `ecr-cleanup` says `strct`, and no policy has that `name`; change one of them
    its AWS tags, which decide on its policy, could not be read: AccessDenied
    ");
}
