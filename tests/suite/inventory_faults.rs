//! What goes wrong while ECR is read: a failing repository stops itself alone, and what is not
//! understood is not deleted.

use ecr_cleanup::{
    aws::ApiError,
    report::{Answer, Warning, WarningCode},
};
use futures::future::join_all;
use simulated_aws::{
    Fault, FaultKind, INDEX, PullThroughCacheRule, Push, SimulatedAws, World, days_ago,
};

use crate::support::{
    DELETE, WorldExt, failures,
    faults::{any_list, try_to_run},
    line, run,
};

const GOOD: &str = "team/good";
const ODD: &str = "team/odd";

/// Fills a repository that is cleaned whatever happens to the other, which has as much to clean.
fn two_repositories(world: &mut World) {
    world.in_use_elsewhere();
    world.untagged_images(GOOD, 2);
    world.untagged_images(ODD, 2);
}

/// Runs after something was done to the odd repository.
async fn run_with(config: &str, edit: impl FnOnce(&mut World)) -> (SimulatedAws, Answer) {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        two_repositories(world);
        edit(world);
    });
    let answer = run(&aws, config).await;
    let left = aws.digests(GOOD).len();
    assert_eq!(left, 1, "the other repository is cleaned");
    (aws, answer)
}

fn error_of(answer: Result<Answer, ApiError>) -> ApiError {
    answer.map(|answer| answer.summary).unwrap_err()
}

/// Asserts that the odd repository was left alone, with a warning that says why.
fn assert_left_alone(run: &(SimulatedAws, Answer), images: usize, why: &str) {
    let answer = &run.1;
    assert_deleted!(answer, Completed, 2);
    let mut warnings = answer.warnings.iter();
    let warning = warnings.find(|warning| warning.repository.as_deref() == Some(ODD));
    let found = warning.is_some_and(|warning| warning.message.contains(why));
    assert!(found, "{:?}", answer.warnings);
    assert_untouched(run, images);
}

/// Asserts that the odd repository was left alone since an index could not be read, as a failure
/// that says why.
fn assert_not_read(run: &(SimulatedAws, Answer), images: usize, why: &str) {
    let answer = &run.1;
    assert_deleted!(answer, CompletedWithFailures, 2);
    let failure = failures(answer, "index_not_read");
    assert_eq!(failure.repositories, [ODD]);
    assert_contains!(failure.message, why);
    assert_untouched(run, images);
}

fn assert_untouched((aws, answer): &(SimulatedAws, Answer), images: usize) {
    assert_eq!(aws.digests(ODD).len(), images);
    let mut mutations = aws.mutations().into_iter();
    assert!(mutations.all(|it| it.body["repositoryName"] == GOOD));
    let line = line(answer, ODD);
    assert_eq!((line.candidates, line.deleted), (0, 0));
}

#[tokio::test]
async fn without_the_list_of_repositories_there_is_no_run() {
    let cases = any_list()
        .flat_map(|kind| [(kind.clone(), 1), (kind, 2)])
        .map(|(kind, from)| async move {
            let aws = SimulatedAws::start().await;
            aws.edit(|world| {
                two_repositories(world);
                for number in 0..if from == 2 { 1000 } else { 0 } {
                    world.home().repository(&format!("many/{number}"));
                }
            });
            let fault = Fault::on("ecr:DescribeRepositories").call(from);
            aws.fault(fault.kind(kind.clone()));
            let error = error_of(try_to_run(&aws, DELETE, &kind).await);
            assert_contains!(error, "ecr:DescribeRepositories");
            assert_eq!(aws.mutations().len(), 0, "{kind:?}");
        });
    join_all(cases).await;
}

#[tokio::test]
async fn a_repository_that_cannot_be_listed_is_left_and_named_and_the_others_are_cleaned() {
    let cases = any_list()
        .flat_map(|kind| [(kind.clone(), 1), (kind, 2)])
        .map(|(kind, from)| async move {
            let aws = SimulatedAws::start().await;
            let stored = aws.edit(|world| {
                two_repositories(world);
                world.untagged_images(ODD, if from == 2 { 1000 } else { 0 });
                world.home().repository(ODD).len()
            });
            let fault = Fault::on("ecr:DescribeImages").matching(ODD).call(from);
            aws.fault(fault.kind(kind.clone()));
            let answer = try_to_run(&aws, DELETE, &kind).await.unwrap();
            assert_status!(answer, CompletedWithFailures, "{kind:?}");
            assert_eq!(aws.digests(GOOD).len(), 1, "{kind:?}");
            assert_eq!(aws.digests(ODD).len(), stored, "{kind:?}");
            let failure = failures(&answer, "not_listed");
            assert_eq!(failure.repositories, [ODD], "{kind:?}");
            assert_eq!(failure.images, 0, "{kind:?}");
            assert_contains!(failure.message, "ecr:DescribeImages");
            let mut calls = aws.calls_to("ecr:DescribeImages");
            calls.retain(|call| call.body["repositoryName"] == ODD);
            assert!(calls.len() as u64 >= from, "{kind:?}");
        });
    join_all(cases).await;
}

#[tokio::test]
async fn a_repository_that_vanishes_while_it_is_listed_is_no_failure() {
    let aws = SimulatedAws::start().await;
    aws.edit(two_repositories);
    aws.after("ecr:DescribeRepositories", 1, |world| {
        world.home().ecr.repositories.remove(ODD);
    });
    let answer = run(&aws, DELETE).await;
    assert_deleted!(answer, Completed, 2);
    assert!(answer.failures.is_empty(), "{:?}", answer.failures);
    assert!(line(&answer, ODD).left_alone.is_some());
}

#[tokio::test]
async fn an_image_without_a_digest_leaves_its_repository_alone() {
    let run = run_with(DELETE, |world| {
        let digest = world.untagged(ODD, 50);
        let odd = world.home().repository(ODD);
        odd.image_mut(&digest).unwrap().without_digest = true;
    })
    .await;
    assert_left_alone(&run, 4, "without a usable digest");
}

/// What kind of manifest it is must be known (P4, G5).
#[tokio::test]
async fn an_unknown_media_type_leaves_its_repository_alone() {
    for media_type in [None, Some("application/vnd.example.index.v9+json")] {
        let run = run_with(DELETE, |world| {
            let digest = world.untagged(ODD, 50);
            let image = world.home().repository(ODD).image_mut(&digest);
            image.unwrap().media_type = media_type.map(Into::into);
        })
        .await;
        assert_left_alone(&run, 4, "media type");
    }
}

#[tokio::test]
async fn an_image_without_push_time_or_of_unknown_status_is_kept_and_the_rest_deleted() {
    for (push_time, status) in [
        (false, "ACTIVE"),
        (true, "FROZEN"),
        (true, "ACTIVATING"),
        (true, "ARCHIVED"),
    ] {
        let (aws, answer) = run_with(DELETE, |world| {
            let digest = world.untagged(ODD, 50);
            let image = world.home().repository(ODD).image_mut(&digest).unwrap();
            image.status = status.into();
            image.pushed_at = image.pushed_at.filter(|_| push_time);
        })
        .await;
        assert_deleted!(answer, Completed, 4, "{status}");
        assert_eq!(aws.digests(ODD).len(), 2, "{status}");
    }
}

/// An archived image is listed, and takes no rank from active ones (G7).
#[tokio::test]
async fn an_archived_image_has_no_rank_and_is_kept() {
    let config = "{mode: delete, policies: [{repositories: ['**'], keep: [{name: newest, tags: '.', newest: 1}]}]}";
    let (aws, _) = run_with(config, |world| {
        let archived = Push::image().tag("2.0").archived_at(days_ago(1));
        world.home().repository(ODD).push(archived);
    })
    .await;
    assert_eq!(aws.tags(ODD), ["1.0", "2.0"]);
}

/// Whatever is wrong with the manifest (G5).
#[tokio::test]
async fn an_index_that_cannot_be_read_leaves_its_repository_alone() {
    let run = run_with(DELETE, |world| {
        let [index, ..] = world.multi_arch(ODD, 50);
        let image = world.home().repository(ODD).image_mut(&index);
        image.unwrap().pull_failure = Some("KmsError".to_owned());
    })
    .await;
    assert_not_read(&run, 6, "KmsError");

    for broken in [
        r#""manifests":[{"digest":"nonsense"}]"#,
        r#""manifests":{}"#,
        r#""layers":[]"#,
    ] {
        let run = run_with(DELETE, |world| {
            let manifest = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}",{broken}}}"#);
            let push = Push::manifest(manifest).pushed_at(days_ago(50));
            world.home().repository(ODD).push(push);
        })
        .await;
        assert_left_alone(&run, 4, "could not be understood");
    }
}

#[tokio::test]
async fn an_answer_without_an_index_that_was_asked_for_leaves_its_repository_alone() {
    let faults = [
        FaultKind::LoseItem,
        FaultKind::fail_item("ImageNotFound"),
        FaultKind::Throttle,
        FaultKind::AccessDenied,
        FaultKind::Drop,
        FaultKind::BadJson,
    ];
    for kind in faults {
        for from in [1, 2] {
            let aws = SimulatedAws::start().await;
            let stored = aws.edit(|world| {
                two_repositories(world);
                for _ in 0..if from == 2 { 101 } else { 1 } {
                    world.multi_arch(ODD, 50);
                }
                world.home().repository(ODD).len()
            });
            aws.fault(Fault::on("ecr:BatchGetImage").call(from).kind(kind.clone()));
            let answer = run(&aws, DELETE).await;
            assert_eq!(aws.digests(GOOD).len(), 1, "{kind:?}");
            assert_not_read(&(aws, answer), stored, "the index");
        }
    }
}

#[tokio::test]
async fn without_the_pull_through_cache_rules_there_is_no_run() {
    let cases = any_list().map(|kind| async move {
        let aws = SimulatedAws::start().await;
        aws.edit(two_repositories);
        aws.fault(Fault::on("ecr:DescribePullThroughCacheRules").kind(kind.clone()));
        let error = error_of(try_to_run(&aws, DELETE, &kind).await);
        assert_contains!(error, "ecr:DescribePullThroughCacheRules");
        assert_eq!(aws.mutations().len(), 0, "{kind:?}");
    });
    join_all(cases).await;
}

#[tokio::test]
async fn where_pull_through_caches_are_not_known_there_are_none() {
    let aws = SimulatedAws::start().await;
    aws.edit(two_repositories);
    let unknown = FaultKind::error(400, "UnknownOperationException", "");
    aws.fault(Fault::on("ecr:DescribePullThroughCacheRules").kind(unknown));
    assert_eq!(run(&aws, DELETE).await.counts.deleted, 4);
}

/// A wildcard does not reach into a cache (K1).
#[tokio::test]
async fn a_pull_through_cache_is_cleaned_only_where_a_policy_names_it() {
    let cache = |world: &mut World| {
        world.untagged_images("mirror/nginx", 2);
        world.untagged_images("mirrored/app", 2);
        let rule = PullThroughCacheRule::new("mirror", "public.ecr.aws");
        world.home().ecr.pull_through_cache_rules.push(rule);
    };
    for (policies, left) in [
        ("[{repositories: ['**']}]", 3),
        ("[{repositories: ['mirror/*']}, {repositories: ['**']}]", 3),
        (
            "[{repositories: ['mirror/nginx']}, {repositories: ['**']}]",
            1,
        ),
    ] {
        let config = format!("{{mode: delete, policies: {policies}}}");
        let (aws, answer) = run_with(&config, cache).await;
        assert_eq!(aws.digests("mirror/nginx").len(), left, "{policies}");
        // Only what is below the prefix is a cache.
        assert_eq!(aws.digests("mirrored/app").len(), 1, "{policies}");
        assert_status!(answer, Completed);
    }
}

/// A policy reaches caches by wildcard if it says so, whatever comes before it but one that leaves
/// them alone or names them (K1, K11).
#[tokio::test]
async fn a_policy_may_reach_pull_through_caches_by_wildcard() {
    const REACHING: &str = "{repositories: ['mirror/**'], pull_through_cache: true}";
    const OTHERS: &str = "{repositories: ['**']}";
    let caches = |world: &mut World| {
        for name in ["mirror/nginx", "mirror/own"] {
            world.untagged_images(name, 2);
        }
        let rule = PullThroughCacheRule::new("mirror", "public.ecr.aws");
        world.home().ecr.pull_through_cache_rules.push(rule);
    };
    for (before, left) in [
        ("", [1, 1]),
        ("{repositories: ['**/own']},", [1, 1]),
        ("{repositories: ['**/own'], leave_alone: true},", [1, 3]),
        (
            "{repositories: ['mirror/own'], keep: [{untagged: true}]},",
            [1, 3],
        ),
    ] {
        for last in [[OTHERS, REACHING], [REACHING, OTHERS]] {
            let policies = format!("[{before} {}, {}]", last[0], last[1]);
            let config = format!("{{mode: delete, policies: {policies}}}");
            let (aws, answer) = run_with(&config, caches).await;
            let found = ["mirror/nginx", "mirror/own"].map(|name| aws.digests(name).len());
            assert_eq!(found, left, "{policies}");
            assert_status!(answer, Completed);
        }
    }
}

/// A rule that may fill any repository makes each a cache: it is said what that leaves alone (K1).
#[tokio::test]
async fn a_pull_through_cache_rule_for_every_repository_turns_nothing_off_silently() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        two_repositories(world);
        let rule = PullThroughCacheRule::new("ROOT", "public.ecr.aws");
        world.home().ecr.pull_through_cache_rules.push(rule);
    });
    let answer = run(&aws, DELETE).await;
    assert_eq!(answer.counts.deleted, 0);
    let about_root = answer
        .warnings
        .iter()
        .filter(|it| it.code == WarningCode::RootCache);
    let about_root: Vec<&Warning> = about_root.collect();
    assert_eq!(about_root.len(), 1, "{:?}", answer.warnings);
    assert_contains!(about_root[0].message, "3 are left alone");
    assert_contains!(about_root[0].message, "`pull_through_cache: true`");
    let policy = "{repositories: ['**'], pull_through_cache: true}";
    let answer = run(&aws, &format!("{{mode: delete, policies: [{policy}]}}")).await;
    assert_deleted!(answer, Completed, 4);
    assert!(
        !answer
            .warnings
            .iter()
            .any(|it| it.code == WarningCode::RootCache)
    );
}

/// Rules that match no tag were written for something else (K7).
#[tokio::test]
async fn a_repository_that_no_rule_is_about_is_left_alone_unless_that_is_asked_for() {
    let policy = "repositories: ['**'], keep: [{name: releases, tags: '^1[.]', newest: 1}]";
    let other_names = |world: &mut World| {
        world.home().ecr.repositories.remove(ODD);
        for day in 1..4 {
            world.tagged(ODD, &format!("build-{day}"), day);
        }
    };
    let config = format!("{{mode: delete, policies: [{{{policy}}}]}}");
    let run = run_with(&config, other_names).await;
    assert_left_alone(&run, 3, "tag");
    let asked = format!("{{mode: delete, policies: [{{{policy}, delete_unmatched: true}}]}}");
    let (aws, _) = run_with(&asked, other_names).await;
    assert!(aws.digests(ODD).is_empty());
}

/// A rule without tags is about every tag (K7).
#[tokio::test]
async fn rules_by_age_or_number_alone_work_as_they_are_written() {
    let builds = |world: &mut World| {
        world.home().ecr.repositories.remove(ODD);
        for days in [1, 50, 100] {
            world.tagged(ODD, &format!("build-{days}"), days);
        }
    };
    for (keep, left) in [
        ("{newest: 2}", 2),
        ("{pushed_within: 90d}", 2),
        ("{pulled_within: 30d}", 1),
        ("{untagged: true, newest: 1}", 3),
        ("{untagged: true, newest: 1}, {newest: 1}", 1),
    ] {
        let odd = format!("{{repositories: ['*/odd'], keep: [{keep}]}}");
        let config = format!("{{mode: delete, policies: [{odd}, {{repositories: ['**']}}]}}");
        let (aws, _) = run_with(&config, builds).await;
        assert_eq!(aws.digests(ODD).len(), left, "{keep}");
    }
}

/// The first policy that matches decides (K1).
#[tokio::test]
async fn a_repository_that_its_policy_leaves_alone_is_not_even_read() {
    let config = "{mode: delete, policies: [{repositories: ['*/odd'], leave_alone: true}, {repositories: ['**']}]}";
    let (aws, _) = run_with(config, |_| {}).await;
    let mut calls = aws.calls_to("ecr:DescribeImages").into_iter();
    assert!(calls.all(|it| it.body["repositoryName"] != ODD));
    assert_eq!(aws.digests(ODD).len(), 3);
}
