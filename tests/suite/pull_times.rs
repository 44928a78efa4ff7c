//! Pull times: what others pulled, and what the program itself did by reading manifests (K12).

use std::time::Duration;

use ecr_cleanup::config::Mode;
use simulated_aws::{Fault, FaultKind, Push, SimulatedAws, World, days_ago};

use crate::support::{WorldExt, candidates, plan, program, request, run, set_clock, state::BUCKET};

const DAY: Duration = Duration::from_hours(24);
const RULE: &str = "policies: [{repositories: ['**'], keep: [{pulled_within: 30d}]}]";
const BY_PULL: &str = "policies: [{repositories: ['**'], keep: [{newest: 5, by: pulled}]}]";
const WITH_STATE: &str = "{state: 's3://memory/prefix', policies: [{repositories: ['**'], keep: [{pulled_within: 30d}]}]}";
const ROLE: &str = "arn:aws:iam::111111111111:role/ecr-cleanup";

/// An index of two parts, one whose parts are not stored, and an image; all of them old.
struct Old {
    index: String,
    parts: [String; 2],
    bare: String,
    image: String,
}

impl Old {
    /// Pushes them, the last pull of all but the parts so many days ago.
    fn push(world: &mut World, pulled: Option<u64>) -> Self {
        world.bucket(BUCKET);
        world.in_use_elsewhere();
        let app = world.home().repository("team/app");
        let old = |push: Push| push.pushed_at(days_ago(200));
        let pulled = |push: Push| match pulled {
            Some(days) => old(push).pulled_at(days_ago(days)),
            None => old(push),
        };
        let parts = [Push::image(), Push::image()].map(|push| app.push(old(push)));
        let index = app.push(pulled(Push::index(&parts)));
        let gone = app.push(old(Push::image()));
        let bare = app.push(pulled(Push::index([&gone])));
        app.remove(&gone);
        let image = app.push(pulled(Push::image()));
        Self {
            index,
            parts,
            bare,
            image,
        }
    }

    /// Returns which of index, bare index and image are candidates.
    fn are(&self, candidates: &[String]) -> [bool; 3] {
        [&self.index, &self.bare, &self.image].map(|digest| candidates.contains(digest))
    }
}

async fn account(pulled: Option<u64>) -> (SimulatedAws, Old) {
    let aws = SimulatedAws::start().await;
    let old = aws.edit(|world| Old::push(world, pulled));
    (aws, old)
}

/// Plans on a day, and returns the candidates.
async fn candidates_on(aws: &SimulatedAws, config: &str, day: u32) -> Vec<String> {
    set_clock(aws, DAY * day);
    let program = program(aws, config);
    let planned = program.plan(request(Mode::Plan)).await.unwrap();
    let candidates = candidates(planned.plan());
    planned.finish().await;
    candidates
}

fn exclude(aws: &SimulatedAws, arn: &str) {
    let arn = arn.to_owned();
    aws.edit(|world| world.home().ecr.pull_time_update_exclusions.push(arn));
}

fn pull(aws: &SimulatedAws, digest: &str) {
    aws.edit(|world| {
        let now = world.now;
        let app = world.home().repository("team/app");
        app.image_mut(digest).unwrap().pulled_at = Some(now);
    });
}

/// Every run without a state reads the manifests of all indexes.
#[tokio::test]
async fn an_index_is_pulled_when_a_part_of_it_is() {
    let (aws, old) = account(None).await;
    assert_eq!(old.are(&candidates_on(&aws, RULE, 0).await), [true; 3]);
    // Of an index without parts nobody can tell.
    let expected = [true, false, true];
    assert_eq!(old.are(&candidates_on(&aws, RULE, 3).await), expected);
    pull(&aws, &old.parts[1]);
    let expected = [false, false, true];
    assert_eq!(old.are(&candidates_on(&aws, RULE, 6).await), expected);
    assert_eq!(old.are(&candidates_on(&aws, RULE, 32).await), expected);
    let expected = [true, false, true];
    assert_eq!(old.are(&candidates_on(&aws, RULE, 34).await), expected);
}

/// A part that is gone or archived shows no pull.
#[tokio::test]
async fn an_index_none_of_whose_parts_can_be_pulled_tells_its_own_pulls() {
    let (aws, old) = account(Some(3)).await;
    assert_eq!(
        old.are(&candidates_on(&aws, RULE, 0).await),
        [true, false, false]
    );
    let (aws, old) = account(Some(3)).await;
    aws.edit(|world| {
        let app = world.home().repository("team/app");
        for part in &old.parts {
            app.image_mut(part).unwrap().status = "ARCHIVED".into();
        }
    });
    assert_eq!(old.are(&candidates_on(&aws, RULE, 0).await), [false; 3]);
}

/// The state remembers when the program read a manifest, and when that was pulled before.
#[tokio::test]
async fn a_state_tells_the_programs_own_reading_from_a_pull() {
    let (aws, old) = account(None).await;
    assert_eq!(
        old.are(&candidates_on(&aws, WITH_STATE, 0).await),
        [true; 3]
    );
    // Another pull of the same day would not be recorded.
    let half = old.are(&candidates_on(&aws, WITH_STATE, 1).await);
    assert_eq!(half, [true, false, true]);
    assert_eq!(
        old.are(&candidates_on(&aws, WITH_STATE, 2).await),
        [true; 3]
    );
    pull(&aws, &old.bare);
    pull(&aws, &old.index);
    let pulled = old.are(&candidates_on(&aws, WITH_STATE, 4).await);
    assert_eq!(pulled, [false, false, true]);

    let (aws, old) = account(Some(10)).await;
    for day in [0, 5, 20] {
        let pulled = old.are(&candidates_on(&aws, WITH_STATE, day).await);
        assert_eq!(pulled, [false; 3], "day {day}");
    }
    assert_eq!(
        old.are(&candidates_on(&aws, WITH_STATE, 21).await),
        [true; 3]
    );
}

/// What an excluded role reads is not recorded, so that every recorded pull is somebody else's. The
/// role of another account is not this one.
#[tokio::test]
async fn where_the_role_is_excluded_every_pull_counts() {
    let (aws, old) = account(Some(10)).await;
    exclude(&aws, &ROLE.replace('1', "2"));
    assert_eq!(
        old.are(&candidates_on(&aws, RULE, 0).await),
        [true, false, false]
    );
    let (aws, old) = account(Some(10)).await;
    exclude(&aws, ROLE);
    for day in [0, 20] {
        assert_eq!(old.are(&candidates_on(&aws, RULE, day).await), [false; 3]);
    }
    assert_eq!(old.are(&candidates_on(&aws, RULE, 21).await), [true; 3]);
}

/// Exclusions that cannot be listed now may be there; without the right to list them, or where there
/// are none, they are not.
#[tokio::test]
async fn exclusions_that_cannot_be_listed_keep_more() {
    const LIST: &str = "ecr:ListPullTimeUpdateExclusions";
    let unknown = FaultKind::error(400, "UnknownOperationException", "");
    for (fault, candidate) in [
        (Fault::denied(LIST), true),
        (Fault::on(LIST).kind(unknown), true),
        (
            Fault::on(LIST).kind(FaultKind::error(500, "ServerException", "")),
            false,
        ),
    ] {
        let (aws, old) = account(Some(10)).await;
        aws.fault(fault);
        let candidates = old.are(&candidates_on(&aws, RULE, 0).await);
        assert_eq!(candidates, [candidate, false, false]);
    }
}

/// Exact sizes need the manifest of every image: the state remembers those readings too.
#[tokio::test]
async fn exact_sizes_are_no_pulls_by_others() {
    let (aws, old) = account(None).await;
    let program = program(&aws, WITH_STATE);
    let planned = program.plan(request(Mode::Plan)).await.unwrap();
    planned.exact_sizes().await.unwrap();
    drop(planned);
    for (day, expected) in [(1, [false; 3]), (2, [true; 3])] {
        let candidates = old.are(&candidates_on(&aws, WITH_STATE, day).await);
        assert_eq!(candidates, expected, "day {day}");
    }
}

/// Restoring an image reads the manifests of its repository: once, and the state knows when.
#[tokio::test]
async fn a_restore_is_no_pull_by_others() {
    let (aws, old) = account(None).await;
    let program = program(&aws, WITH_STATE);
    let away = aws.edit(|world| {
        let app = world.home().repository("team/app");
        app.push(Push::image().tag("away").archived_at(days_ago(1)))
    });
    let image = program.reference(&format!("team/app@{away}")).unwrap();
    let restoring = program.restore(&image, Duration::from_millis(1));
    let finishing = async {
        while aws.count("ecr:UpdateImageStorageClass") == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        aws.edit(|world| world.home().repository("team/app").finish_restores());
    };
    tokio::join!(async { restoring.await.unwrap() }, finishing);
    assert_eq!(aws.count("ecr:BatchGetImage"), 1);
    assert_eq!(
        old.are(&candidates_on(&aws, WITH_STATE, 2).await),
        [true; 3]
    );
    assert_eq!(aws.count("ecr:BatchGetImage"), 1);
}

/// The program's own reading does not make a repository one that somebody pulls from.
#[tokio::test]
async fn a_repository_of_which_only_the_program_reads_is_unused() {
    let (aws, _) = account(None).await;
    for day in [0, 1] {
        set_clock(&aws, DAY * day);
        let answer = plan(&aws, RULE).await;
        assert_eq!(answer.hygiene.unused_repositories.first, ["team/app"]);
    }
}

/// The recheck right before deletion sees the program's own reading too (G6).
#[tokio::test]
async fn what_only_the_program_read_is_deleted() {
    let (aws, old) = account(None).await;
    aws.edit(|world| world.home().repository("team/app").remove(&old.bare));
    for config in ["", RULE] {
        plan(&aws, config).await;
    }
    let answer = run(&aws, &format!("{{mode: delete, {RULE}}}")).await;
    assert_deleted!(answer, Completed, 4);
}

/// Where rules use pull times and the role is not excluded, the access check says so.
#[tokio::test]
async fn the_access_check_advises_to_exclude_the_role() {
    for (config, excluded, advised) in [
        (RULE, false, 1),
        (RULE, true, 0),
        ("", false, 0),
        (BY_PULL, false, 1),
    ] {
        let (aws, _) = account(None).await;
        if excluded {
            exclude(&aws, ROLE);
        }
        let access = program(&aws, config).access().await.unwrap();
        assert_eq!(access.advice.len(), advised, "{:?}", access.advice);
        for advice in &access.advice {
            assert_contains!(advice, "register-pull-time-update-exclusion");
        }
        assert!(access.is_complete(), "{access}");
    }
}
