//! Faults, races, the record, limits; STS, SSM and S3.

use crate::client::{call, count, raw, status_of, text};
use serde_json::{Value, json};
use simulated_aws::{Fault, FaultKind, Push, RateLimits, SimulatedAws};
use std::time::Duration;

async fn three_images() -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        for tag in ["1", "2", "3"] {
            world.home().repository("app").push(Push::image().tag(tag));
        }
    });
    aws
}

fn describe() -> Value {
    json!({"repositoryName": "app"})
}

#[tokio::test]
async fn faults_hit_the_calls_they_name() {
    let aws = three_images().await;
    let fault = Fault::on("ecr:DescribeImages").matching("app");
    aws.fault(fault.call(2).once());
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(call(&aws, "ecr:DescribeImages", &describe()).await);
    }
    let statuses: Vec<_> = answers.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 400, 200]);
    assert_eq!(answers[1].1["__type"], "ThrottlingException");
    assert_eq!(aws.repeated_calls().len(), 2);

    aws.fault(Fault::denied("ecs:*"));
    let (_, answer) = call(&aws, "ecs:ListClusters", &json!({})).await;
    assert!(text(&answer["message"]).contains("not authorized to perform: ecs:ListClusters"));
}

#[tokio::test]
async fn faults_change_answers() {
    let aws = three_images().await;
    let with = async |kind: FaultKind, operation: &str, body: Value| {
        aws.clear_faults();
        aws.fault(Fault::on(operation).kind(kind));
        call(&aws, operation, &body).await.1
    };
    let answer = with(FaultKind::LoseItem, "ecr:DescribeImages", describe()).await;
    assert_eq!(count(&answer["imageDetails"]), 2);
    let answer = with(FaultKind::EmptyToken, "ecr:DescribeImages", describe()).await;
    assert_eq!(answer["nextToken"], "");
    let first = with(FaultKind::RepeatToken, "ecr:DescribeImages", describe()).await;
    let mut next = describe();
    next["nextToken"] = first["nextToken"].clone();
    let second = with(FaultKind::RepeatToken, "ecr:DescribeImages", next).await;
    assert_eq!(second, first);

    let ids = json!({"repositoryName": "app", "imageIds": [{"imageTag": "1"}, {"imageTag": "2"}]});
    let answer = with(
        FaultKind::fail_item("ImageInaccessible"),
        "ecr:BatchDeleteImage",
        ids,
    )
    .await;
    assert_eq!(answer["failures"][0]["failureCode"], "ImageInaccessible");
    let left = aws.edit(|world| world.home().repository("app").tags());
    assert_eq!(left, ["1", "3"]);

    let clusters = json!({"clusters": ["prod"]});
    aws.edit(|world| world.home().cluster("prod").cluster_arn.clone());
    let kind = FaultKind::fail_item("INTERNAL");
    let answer = with(kind, "ecs:DescribeClusters", clusters).await;
    assert_eq!(answer["clusters"], json!([]));
    assert!(text(&answer["failures"][0]["arn"]).ends_with("cluster/prod"));
    assert_eq!(answer["failures"][0]["reason"], "INTERNAL");
}

#[tokio::test]
async fn connections_break_where_the_fault_says() {
    let aws = three_images().await;
    let head =
        "POST / HTTP/1.1\r\nx-amz-target: AmazonEC2ContainerRegistry_V20150921.BatchDeleteImage";
    let delete =
        |tag: &str| json!({"repositoryName": "app", "imageIds": [{"imageTag": tag}]}).to_string();
    let left = || aws.edit(|world| world.home().repository("app").len());

    let next_delete = |kind| aws.fault(Fault::on("ecr:BatchDeleteImage").once().kind(kind));
    next_delete(FaultKind::Drop);
    assert_eq!(raw(&aws, head, &delete("1")).await, None);
    assert_eq!(left(), 3);
    next_delete(FaultKind::DropAfter);
    assert_eq!(raw(&aws, head, &delete("1")).await, None);
    assert_eq!(left(), 2);
    next_delete(FaultKind::CutBody);
    let answer = raw(&aws, head, &delete("2")).await.unwrap();
    let (head_sent, body) = answer.split_once("\r\n\r\n").unwrap();
    let announced = head_sent.split("content-length: ").nth(1).unwrap();
    let announced: usize = announced.split("\r\n").next().unwrap().parse().unwrap();
    assert!(!body.is_empty() && body.len() < announced, "{answer}");
    assert_eq!(left(), 1);
    next_delete(FaultKind::Hang);
    let body = delete("3");
    let hung = tokio::time::timeout(Duration::from_millis(50), raw(&aws, head, &body)).await;
    assert!(hung.is_err());
    let statuses: Vec<_> = aws.calls().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [0, 0, 200, 0]);
}

#[tokio::test]
async fn races_happen_at_their_call() {
    let aws = three_images().await;
    aws.before("ecr:DescribeImages", 2, |world| {
        let raced = Push::image().tag("raced");
        world.home().repository("app").push(raced);
    });
    aws.after("ecr:DescribeImages", 2, |world| {
        world.home().repository("app").untag("1");
    });
    let mut tagged = Vec::new();
    for _ in 0..3 {
        let body = json!({"repositoryName": "app", "filter": {"tagStatus": "TAGGED"}});
        let (_, answer) = call(&aws, "ecr:DescribeImages", &body).await;
        tagged.push(count(&answer["imageDetails"]));
    }
    assert_eq!(tagged, [3, 4, 3]);
}

#[tokio::test]
async fn rates_are_limited_when_asked_for() {
    let limits = RateLimits::none().limit("ecs:ListClusters", 1, 2);
    let aws = SimulatedAws::builder().rate_limits(limits).start().await;
    for expected in [200, 200, 400] {
        assert_eq!(call(&aws, "ecs:ListClusters", &json!({})).await.0, expected);
    }
    assert_eq!(aws.throttled(), 1);
}

#[tokio::test]
async fn sts_gives_keys_of_the_role_s_account() {
    let aws = SimulatedAws::start().await;
    let head = "POST / HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded";
    let body = "Action=AssumeRole&Version=2011-06-15&RoleSessionName=s&RoleArn=arn%3Aaws%3Aiam%3A%3A222222222222%3Arole%2Fcleaner";
    let answer = raw(&aws, head, body).await.unwrap();
    let (_, key) = answer.split_once("<AccessKeyId>").unwrap();
    let (key, _) = key.split_once('<').unwrap();
    let scope = format!("{key}/20261121/eu-west-1/sts/aws4_request");
    let head = format!("{head}\r\nauthorization: AWS4-HMAC-SHA256 Credential={scope}");
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let answer = raw(&aws, &head, body).await.unwrap();
    for part in ["<Account>222222222222</Account>", "assumed-role/cleaner/s"] {
        assert!(answer.contains(part), "{answer}");
    }
    assert_eq!(aws.count("sts:AssumeRole"), 1);
}

#[tokio::test]
async fn parameters_and_objects() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        let parameters = &mut world.home().parameters;
        parameters.insert("/cleanup/config".to_owned(), "rules: []".to_owned());
        world.bucket("state");
    });
    let body = json!({"Name": "/cleanup/config"});
    let (_, answer) = call(&aws, "ssm:GetParameter", &body).await;
    assert_eq!(answer["Parameter"]["Value"], "rules: []");
    let (_, answer) = call(&aws, "ssm:GetParameter", &json!({"Name": "none"})).await;
    assert_eq!(answer["__type"], "ParameterNotFound");

    let put = "PUT /state/a%20b?x-id=PutObject HTTP/1.1\r\ncontent-encoding: aws-chunked\r\nif-none-match: *";
    let chunks = "5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    assert_eq!(status_of(&aws, put, chunks).await, "200");
    assert_eq!(status_of(&aws, put, chunks).await, "412");
    let answer = raw(&aws, "GET /state/a%20b HTTP/1.1", "").await.unwrap();
    assert!(answer.ends_with("\r\n\r\nhello world"), "{answer}");
    let etag = aws.read(|world| world.buckets["state"]["a b"].etag.clone());
    let stale = "PUT /state/a%20b HTTP/1.1\r\nif-match: \"other\"";
    assert_eq!(status_of(&aws, stale, "x").await, "412");
    let fresh = format!("PUT /state/a%20b HTTP/1.1\r\nif-match: {etag}");
    assert_eq!(status_of(&aws, &fresh, "x").await, "200");
    let delete = "DELETE /state/a%20b HTTP/1.1";
    assert_eq!(status_of(&aws, delete, "").await, "204");
    let answer = raw(&aws, "GET /state/a%20b HTTP/1.1", "").await.unwrap();
    assert!(answer.contains("<Code>NoSuchKey</Code>"), "{answer}");
}
