//! Laws of whole runs, over HTTP, in generated accounts: one more thing to know never deletes more,
//! and it does not matter how a run gets to its end.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::Value;
use simulated_aws::{Fault, FaultKind, Moment, World};

use super::account::{By, Images, REPOSITORIES, RULES, Run, account, block_on, one_use};
use crate::support::WorldExt;

/// Returns what was deleted of these repositories.
fn of<'d>(deleted: &'d Images, repositories: &[&str]) -> Vec<&'d (String, String)> {
    let deleted = deleted.iter();
    deleted
        .filter(|(repository, _)| repositories.contains(&repository.as_str()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is in use is there afterwards, with all that belongs to it, and the next run has nothing
    /// to do. But for a part that something keeps while its index is deleted, which has a rank from
    /// then on (G1).
    #[test]
    fn a_run_takes_nothing_that_is_in_use_and_leaves_nothing_to_do(account in account()) {
        block_on(async {
            let config = account.config(&[], &[], &[]);
            let run = Run::of(&account).await;
            let needed = run.aws.read(|world| account.needed(world, &run.digests));
            let deleted = run.delete(&config, None).await;
            for (repository, digest) in &needed {
                prop_assert!(run.aws.digests(repository).contains(digest), "{digest}");
            }
            prop_assume!(!account.frees_a_part(&run.digests, &deleted));
            prop_assert_eq!(run.delete(&config, None).await, Images::new());
            prop_assert_eq!(run.aws.mutations().len(), 0);
            Ok(())
        })?;
    }

    /// Whatever uses an image, and however it names it (P3).
    #[test]
    fn one_more_use_never_deletes_more(account in account(), more in vec(one_use(), 1..3)) {
        let (before, after) = block_on(async {
            let config = account.config(&[], &[], &[]);
            let before = Run::of(&account).await.delete(&config, None).await;
            let mut used = account.clone();
            used.uses.extend(more);
            (before, Run::of(&used).await.delete(&config, None).await)
        });
        prop_assert!(after.is_subset(&before), "{:?}", after.difference(&before));
    }

    /// A source, an account, a Region, a service or a keep list that is read besides (P3). But for
    /// a repository that was left alone since an account may pull from it that was not read (U16):
    /// no repository of these accounts has a policy.
    #[test]
    fn one_more_source_never_deletes_more(
        account in account(),
        unread in prop::sample::subsequence(By::SOURCES.to_vec(), 1..4),
        position in any::<prop::sample::Index>(),
    ) {
        let (before, after) = block_on(async {
            let config = account.config(&unread, &[], &[]);
            let before = Run::of(&account).await.delete(&config, None).await;
            let mut less = unread.clone();
            less.remove(position.index(unread.len()));
            let config = account.config(&less, &[], &[]);
            (before, Run::of(&account).await.delete(&config, None).await)
        });
        prop_assert!(after.is_subset(&before), "{:?}", after.difference(&before));
    }

    /// But for a part that the rule keeps while its index is deleted, which has a rank from then on
    /// (G1). The repositories are cleaned though no rule matches their tags, so that a rule cannot
    /// end K7.
    #[test]
    fn one_more_rule_never_deletes_more(account in account(), rule in select(RULES.to_vec())) {
        let (before, after, digests) = block_on(async {
            let config = account.config(&[], &[], &[]);
            let before = Run::of(&account).await.delete(&config, None).await;
            let mut more = account.clone();
            if !more.rules.contains(&rule) {
                more.rules.push(rule);
            }
            let run = Run::of(&more).await;
            (before, run.delete(&more.config(&[], &[], &[]), None).await, run.digests)
        });
        prop_assume!(!account.frees_a_part(&digests, &after));
        prop_assert!(after.is_subset(&before), "{:?}", after.difference(&before));
    }

    /// One that comes first and leaves repositories alone; one that comes last but for the
    /// repositories that no other policy matches (K1).
    #[test]
    fn one_more_policy_never_deletes_more(account in account(), left_alone in select(REPOSITORIES.to_vec())) {
        let (before, first, last) = block_on(async {
            let before = account.config(&[], &[], &[]);
            let leave_alone = format!("{{repositories: ['{left_alone}'], leave_alone: true}}");
            let first = account.config(&[], &[&leave_alone], &[]);
            let last = account.config(&[], &[], &["{repositories: ['shared/*'], keep: [{newest: 1}]}"]);
            (
                Run::of(&account).await.delete(&before, None).await,
                Run::of(&account).await.delete(&first, None).await,
                Run::of(&account).await.delete(&last, None).await,
            )
        });
        prop_assert!(first.is_subset(&before), "{:?}", first.difference(&before));
        prop_assert_eq!(of(&last, &REPOSITORIES[..2]), of(&before, &REPOSITORIES[..2]));
    }

    #[test]
    fn a_narrowed_run_deletes_what_the_full_run_deletes_there(
        account in account(),
        only in prop::sample::subsequence(REPOSITORIES.to_vec(), 1..3),
    ) {
        let (full, narrowed) = block_on(async {
            let config = account.config(&[], &[], &["{repositories: ['shared/*'], keep: [{newest: 1}]}"]);
            let full = Run::of(&account).await.delete(&config, None).await;
            (full, Run::of(&account).await.delete(&config, Some(&only)).await)
        });
        prop_assert!(narrowed.is_subset(&full), "{:?}", narrowed.difference(&full));
        prop_assert!(narrowed.iter().all(|(repository, _)| only.contains(&repository.as_str())));
    }

    #[test]
    fn the_size_of_pages_and_the_order_in_them_change_nothing(
        account in account(),
        size in 1_u64..4,
        seed in any::<u64>(),
    ) {
        let (before, after) = block_on(async {
            let config = account.config(&[], &[], &[]);
            let before = Run::of(&account).await.delete(&config, None).await;
            let run = Run::of(&account).await;
            run.aws.fault(Fault::on("*").kind(FaultKind::Rearrange { size, seed }));
            (before, run.delete(&config, None).await)
        });
        prop_assert_eq!(before, after);
    }

    /// A run that may delete a few images, again and again, ends where runs without a limit do. But
    /// for a part that something keeps while its index is deleted, which has a rank from then on
    /// (G1), and for images that belong together and are more than the limit (A1).
    #[test]
    fn limited_runs_end_where_one_run_ends(account in account(), limit in 1_usize..6) {
        prop_assume!(account.largest_unit() <= limit);
        block_on(async {
            let config = account.config(&[], &[], &[]);
            let limited = config.replacen('{', &format!("{{guards: {{max_deletions_per_run: {limit}}}, "), 1);
            let mut left = Vec::new();
            for config in [&config, &limited] {
                let (run, mut all) = (Run::of(&account).await, Images::new());
                loop {
                    let deleted = run.delete(config, None).await;
                    prop_assert!(*config != limited || deleted.len() <= limit);
                    if deleted.is_empty() {
                        break;
                    }
                    all.extend(deleted);
                }
                prop_assume!(!account.frees_a_part(&run.digests, &all));
                left.push(REPOSITORIES.map(|repository| run.aws.digests(repository)));
            }
            prop_assert_eq!(&left[0], &left[1]);
            Ok(())
        })?;
    }

    /// It deletes what a plan of now deletes too, whatever is used, stored or gone since (A11).
    #[test]
    fn a_saved_plan_deletes_what_is_in_it_and_in_a_fresh_one(
        account in account(),
        uses in vec(one_use(), 0..3),
        gone in vec(any::<bool>(), 14),
        pushed in 0..3_usize,
    ) {
        block_on(async {
            let config = account.config(&[], &[], &[]);
            let (run, fresh) = (Run::of(&account).await, Run::of(&account).await);
            let (saved, images) = run.save(&config).await;
            let mut after = account.clone();
            after.uses = uses;
            for run in [&run, &fresh] {
                run.aws.edit(|world| {
                    *world = World::default();
                    let digests = after.fill(world);
                    after.remove(world, &digests, &gone);
                    for repository in REPOSITORIES.iter().take(pushed) {
                        world.tagged(repository, "9.9", 3);
                    }
                });
            }
            let fresh = fresh.delete(&config, None).await;
            let deleted = run.delete_within(&config, None, Some(saved)).await;
            let both: Images = fresh.intersection(&images).cloned().collect();
            prop_assert!(deleted.is_subset(&both), "{:?}", deleted.difference(&both));
            prop_assert_eq!(deleted, both);
            Ok(())
        })?;
    }

    /// At whatever call of the run it happens, as long as the image is rechecked after that (A3).
    /// The registry may be listed long after the tasks.
    #[test]
    fn an_image_that_a_task_is_started_on_meanwhile_is_kept(
        account in account(),
        image in any::<prop::sample::Index>(),
        call in any::<prop::sample::Index>(),
        slow in any::<bool>(),
    ) {
        let config = account.config(&[], &[], &[]);
        let (deleted, calls) = block_on(async {
            let run = Run::of(&account).await;
            (run.delete(&config, None).await, run.aws.total())
        });
        prop_assume!(!deleted.is_empty());
        let (repository, digest) = image.get(&deleted.into_iter().collect::<Vec<_>>()).clone();
        let call = call.index(calls) + 1;
        block_on(async {
            let run = Run::of(&account).await;
            if slow {
                let kind = FaultKind::Delay(Duration::from_millis(50));
                run.aws.fault(Fault::on("ecr:DescribeRepositories").kind(kind));
            }
            let started = (repository.clone(), digest.clone());
            run.aws.before("*", call as u64, move |world| start_task(world, &started));
            run.delete(&config, None).await;
            let mut later = run.aws.calls().into_iter().skip(call - 1);
            let asked = |body: &Value| {
                let ids = body["imageIds"].as_array().into_iter().flatten();
                body["repositoryName"] == repository && ids.into_iter().any(|id| id["imageDigest"] == digest)
            };
            let rechecked = later.any(|it| it.operation == "ecr:DescribeImages" && asked(&it.body));
            prop_assume!(rechecked);
            prop_assert!(run.aws.digests(&repository).contains(&digest), "before call {call}");
            Ok(())
        })?;
    }
}

/// Starts a task that alone says that it uses an image, a minute after the run began.
fn start_task(world: &mut World, (repository, digest): &(String, String)) {
    world.now = Moment::NOW + Duration::from_mins(1);
    let image = format!("{}@{digest}", world.home().repository(repository).uri());
    let definition = world.home().ecs.register("sudden", [image]);
    world.run_task("prod", &definition);
    world.home().ecs.set_status(&definition, "INACTIVE");
}
