//! ECS: what a deployment leaves behind, failures, pages.

use crate::client::{call, call_as, count, text};
use serde_json::json;
use simulated_aws::{Moment, Push, SimulatedAws, days_ago};
use std::time::Duration;

#[tokio::test]
async fn a_deployment_pins_digests_and_remembers_the_revision_before() {
    let aws = SimulatedAws::start().await;
    let (old, new) = aws.edit(|world| {
        let app = world.home().repository("app");
        let image = format!("{}:prod", app.uri());
        let old = app.push(Push::image().tag("prod").pushed_at(days_ago(9)));
        world.home().ecs.register("web", [&image]);
        world.deploy("prod", "web", "web:1");
        let new = Push::image().tag("prod");
        let new = world.home().repository("app").push(new);
        world.home().ecs.register("web", [&image]);
        world.deploy("prod", "web", "web");
        world.now = world.now + Duration::from_hours(1);
        world.run_task("prod", "web:2");
        (old, new)
    });
    let body = json!({"cluster": "prod", "services": ["web", "gone"]});
    let (_, answer) = call(&aws, "ecs:DescribeServices", &body).await;
    let service = &answer["services"][0];
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
    assert!(text(&service["taskDefinition"]).ends_with("task-definition/web:2"));
    assert_eq!(count(&service["deployments"]), 2);

    let body = json!({"cluster": "prod", "service": "web"});
    let (_, answer) = call(&aws, "ecs:ListServiceDeployments", &body).await;
    assert_eq!(count(&answer["serviceDeployments"]), 2);
    let arns = json!({"serviceDeploymentArns": [service["currentServiceDeployment"]]});
    let (_, answer) = call(&aws, "ecs:DescribeServiceDeployments", &arns).await;
    let deployment = &answer["serviceDeployments"][0];
    let revisions = [
        &deployment["sourceServiceRevisions"][0]["arn"],
        &deployment["targetServiceRevision"]["arn"],
    ];
    let body = json!({"serviceRevisionArns": revisions});
    let (_, answer) = call(&aws, "ecs:DescribeServiceRevisions", &body).await;
    let pinned =
        |number: usize| &answer["serviceRevisions"][number]["containerImages"][0]["imageDigest"];
    assert_eq!([pinned(0), pinned(1)], [&json!(old), &json!(new)]);

    let body = json!({"cluster": "prod", "family": "web"});
    let (_, answer) = call(&aws, "ecs:ListTasks", &body).await;
    let tasks = json!({"cluster": "prod", "tasks": answer["taskArns"]});
    let (_, answer) = call(&aws, "ecs:DescribeTasks", &tasks).await;
    let container = &answer["tasks"][0]["containers"][0];
    assert_eq!(container["imageDigest"], new);
    aws.edit(|world| {
        let app = world.home().repository("app");
        let expected = Some(Moment::NOW + Duration::from_hours(1));
        assert_eq!(app.image(&new).unwrap().pulled_at, expected);
        assert_eq!(app.image(&old).unwrap().pulled_at, Some(Moment::NOW));
    });
}

#[tokio::test]
async fn lists_are_paged_filtered_and_kept_apart_by_account_and_region() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        let home = world.home();
        for number in 0..12 {
            home.cluster("prod").service(&format!("s{number}"));
        }
        home.ecs.register("web", ["a"]);
        home.ecs.register("web", ["b"]);
        home.ecs.set_status("web:1", "INACTIVE");
        world.region("222222222222", "us-east-1").cluster("other");
        let other = simulated_aws::Identity::of("222222222222");
        world.access_keys.insert("AKIAOTHER".to_owned(), other);
    });
    let mut body = json!({"cluster": "prod"});
    let (_, answer) = call(&aws, "ecs:ListServices", &body).await;
    assert_eq!(count(&answer["serviceArns"]), 10);
    body["nextToken"] = answer["nextToken"].clone();
    let (_, answer) = call(&aws, "ecs:ListServices", &body).await;
    assert_eq!(count(&answer["serviceArns"]), 2);
    assert!(answer["nextToken"].is_null());

    let (_, answer) = call(&aws, "ecs:ListTaskDefinitions", &json!({})).await;
    let active = json!(["arn:aws:ecs:eu-west-1:111111111111:task-definition/web:2"]);
    assert_eq!(answer["taskDefinitionArns"], active);
    let body = json!({"taskDefinition": "web:1"});
    let (_, answer) = call(&aws, "ecs:DescribeTaskDefinition", &body).await;
    assert_eq!(answer["taskDefinition"]["status"], "INACTIVE");
    let body = json!({"taskDefinition": "web:3"});
    let (_, answer) = call(&aws, "ecs:DescribeTaskDefinition", &body).await;
    assert_eq!(answer["__type"], "ClientException");
    let body = json!({"taskDefinition": "web"});
    let (_, answer) = call(&aws, "ecs:DescribeTaskDefinition", &body).await;
    assert_eq!(answer["taskDefinition"]["revision"], 2);
    let without_revision = "arn:aws:ecs:eu-west-1:111111111111:task-definition/web";
    let body = json!({"taskDefinition": without_revision});
    let (_, answer) = call(&aws, "ecs:DescribeTaskDefinition", &body).await;
    assert_eq!(answer["__type"], "ClientException");
    let (_, answer) = call(&aws, "ecs:ListTasks", &json!({})).await;
    assert_eq!(answer["__type"], "ClusterNotFoundException");
    let body = json!({});
    let (_, answer) = call_as(&aws, "AKIAOTHER", "us-east-1", "ecs:ListClusters", &body).await;
    let other = json!(["arn:aws:ecs:us-east-1:222222222222:cluster/other"]);
    assert_eq!(answer["clusterArns"], other);
}
