//! How many calls a large account takes: the fewest pages there are, and no call twice.

use simulated_aws::{Push, SimulatedAws, World, days_ago};

use crate::support::{WorldExt, plan};

const REPOSITORIES: u64 = 300;
const FAMILIES: u64 = 1_000;
const SERVICES: usize = 100;

fn large(world: &mut World) {
    for number in 0..REPOSITORIES {
        let repository = world.home().repository(&format!("team/app-{number}"));
        for image in 0..1_000 {
            repository.push(
                Push::image()
                    .tag(format!("1.{image}"))
                    .pushed_at(days_ago(image)),
            );
        }
    }
    for family in 0..FAMILIES {
        for revision in 0..3 {
            let repository = format!("team/app-{}", family % REPOSITORIES);
            world.define(
                &format!("family-{family}"),
                &repository,
                &format!("1.{}", 900 + revision),
            );
        }
    }
    for service in 0..SERVICES {
        world.deploy(
            "prod",
            &format!("service-{service}"),
            &format!("family-{service}:2"),
        );
    }
}

/// Pages are full and calls are not repeated (P6).
#[tokio::test]
async fn a_large_account_takes_the_fewest_calls_and_none_twice() {
    let aws = SimulatedAws::start().await;
    aws.edit(large);
    let answer = plan(&aws, "").await;
    assert_status!(answer, Planned);
    assert!(answer.refusals.is_empty(), "{:?}", answer.refusals);
    assert_eq!(answer.counts.repositories, REPOSITORIES);
    assert_eq!(answer.counts.images, REPOSITORIES * 1_000);
    assert_eq!(answer.counts.in_use, REPOSITORIES * 3);
    assert_eq!(answer.counts.candidates, REPOSITORIES * (1_000 - 10 - 3));

    let reading = aws.count("ecr:DescribeImages") + aws.count("ecr:DescribeRepositories");
    assert_eq!(
        reading as u64,
        REPOSITORIES + 1,
        "a page of images for each repository, and one of repositories"
    );
    for (operation, calls) in [
        ("ecs:ListTaskDefinitions", 30),
        ("ecs:DescribeTaskDefinition", 3_000),
        ("ecs:ListServices", 1),
        ("ecs:DescribeServices", 10),
        ("ecs:DescribeServiceDeployments", 5),
        ("ecs:DescribeServiceRevisions", 5),
    ] {
        assert_eq!(aws.count(operation), calls, "{operation}");
    }
    let repeated: Vec<_> = aws
        .repeated_calls()
        .into_iter()
        .map(|call| (call.operation, call.body))
        .collect();
    assert!(repeated.is_empty(), "{repeated:?}");
    assert_eq!(aws.mutations().len(), 0);
}
