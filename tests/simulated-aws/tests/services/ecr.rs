//! ECR: paging, filters, deletes, storage classes.

use crate::client::{call, count, text};
use serde_json::{Value, json};
use simulated_aws::{Moment, Push, SimulatedAws, days_ago};

#[tokio::test]
async fn pages_show_every_image_once_and_only_what_the_filter_asks_for() {
    let aws = SimulatedAws::start().await;
    let mut expected = aws.edit(|world| {
        let app = world.home().repository("team/app");
        for number in 0..7 {
            let push = Push::image().tag(format!("1.{number}"));
            app.push(push.tag(format!("b{number}")));
        }
        app.push(Push::image());
        let active = app.digests();
        app.push(Push::image().archived_at(days_ago(3)));
        active
    });
    let (mut seen, mut token) = (Vec::new(), Value::Null);
    loop {
        let mut body = json!({"repositoryName": "team/app", "maxResults": 3});
        if !token.is_null() {
            body["nextToken"] = token;
        }
        let (_, page) = call(&aws, "ecr:DescribeImages", &body).await;
        let details = page["imageDetails"].as_array().unwrap();
        seen.extend(details.iter().map(|it| text(&it["imageDigest"]).to_owned()));
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
    assert_eq!(aws.count("ecr:DescribeImages"), 3);

    let all = json!({"repositoryName": "team/app", "filter": {"imageStatus": "ANY"}});
    let (_, page) = call(&aws, "ecr:DescribeImages", &all).await;
    assert_eq!(count(&page["imageDetails"]), 9);

    let mut ids = 0;
    let mut body = json!({"repositoryName": "team/app", "maxResults": 4});
    loop {
        let (_, page) = call(&aws, "ecr:ListImages", &body).await;
        ids += count(&page["imageIds"]);
        if page["nextToken"].is_null() {
            break;
        }
        body["nextToken"] = page["nextToken"].clone();
    }
    assert_eq!(ids, 7 * 2 + 1);
}

#[tokio::test]
async fn wrong_requests_are_refused_as_ecr_does() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.home().repository("app").push(Push::image().tag("1"));
    });
    let invalid = "InvalidParameterException";
    let tag = |tag| json!({"imageTag": tag});
    for (repository, parameters, code) in [
        ("none", json!({}), "RepositoryNotFoundException"),
        ("app", json!({"maxResults": 1001}), invalid),
        ("app", json!({"nextToken": "made up"}), invalid),
        (
            "app",
            json!({"maxResults": 5, "imageIds": [tag("1")]}),
            invalid,
        ),
        ("app", json!({"imageIds": vec![tag("1"); 101]}), invalid),
        (
            "app",
            json!({"imageIds": [tag("1"), tag("2")]}),
            "ImageNotFoundException",
        ),
    ] {
        let mut body = parameters;
        body["repositoryName"] = repository.into();
        let (status, answer) = call(&aws, "ecr:DescribeImages", &body).await;
        assert_eq!(status, 400, "{body}");
        assert_eq!(answer["__type"].as_str(), Some(code), "{body}");
    }
    let (_, answer) = call(&aws, "ecr:NoSuchThing", &json!({})).await;
    assert_eq!(answer["__type"], "UnknownOperationException");
}

#[tokio::test]
async fn deletes_follow_tags_digests_and_parents() {
    let aws = SimulatedAws::start().await;
    let (child, index, twice) = aws.edit(|world| {
        let app = world.home().repository("app");
        let child = app.push(Push::image().size(70));
        let index = app.push(Push::index([&child]).tag("2.0"));
        let twice = app.push(Push::image().tag("a").tag("b"));
        assert_eq!(app.image(&index).unwrap().size, Some(70));
        (child, index, twice)
    });
    let delete = |ids: Value| json!({"repositoryName": "app", "imageIds": ids});

    let ids = json!([{"imageDigest": child}, {"imageTag": "a"}, {"imageDigest": "sha256:12"}, {}]);
    let (_, answer) = call(&aws, "ecr:BatchDeleteImage", &delete(ids)).await;
    let failures = answer["failures"].as_array().unwrap();
    let codes = failures.iter().map(|it| text(&it["failureCode"]));
    let codes: Vec<_> = codes.collect();
    let expected = "ImageReferencedByManifestList InvalidImageDigest MissingDigestAndTag";
    assert_eq!(codes.join(" "), expected);
    assert!(text(&failures[0]["failureReason"]).contains(&index));
    let untagged = json!([{"imageDigest": twice, "imageTag": "a"}]);
    assert_eq!(answer["imageIds"], untagged);
    assert!(aws.deletions().is_empty(), "only a tag went");

    // In one call, a child can follow its index but not precede it.
    let ids = json!([{"imageTag": "b"}, {"imageDigest": index}, {"imageDigest": child}]);
    let (_, answer) = call(&aws, "ecr:BatchDeleteImage", &delete(ids)).await;
    assert_eq!(answer["failures"], json!([]));
    assert!(aws.edit(|world| world.home().repository("app").is_empty()));
    let deleted = aws.deletions().into_iter().map(|it| it.digest);
    let deleted: Vec<_> = deleted.collect();
    assert_eq!(deleted, [twice, index, child]);
    assert_eq!(aws.mutations().len(), 2);
}

#[tokio::test]
async fn manifests_are_served_byte_for_byte_and_count_as_pulled() {
    let aws = SimulatedAws::start().await;
    let (text, image, index) = aws.edit(|world| {
        let app = world.home().repository("app");
        let image = app.push(Push::image());
        let index = app.push(Push::index([&image]));
        (app.manifest(&index).unwrap(), image, index)
    });
    let ids = json!([{"imageDigest": image}, {"imageDigest": index}]);
    let body = json!({"repositoryName": "app", "imageIds": ids});
    let (_, answer) = call(&aws, "ecr:BatchGetImage", &body).await;
    assert_eq!(
        count(&answer["images"]),
        1,
        "without accepted types no index"
    );
    let accepted = json!([simulated_aws::INDEX]);
    let body = json!({"repositoryName": "app", "imageIds": ids, "acceptedMediaTypes": accepted});
    let (_, answer) = call(&aws, "ecr:BatchGetImage", &body).await;
    assert_eq!(answer["images"][0]["imageManifest"], text);
    aws.edit(|world| {
        let app = world.home().repository("app");
        assert_eq!(app.image(&index).unwrap().pulled_at, Some(Moment::NOW));
    });
}

#[tokio::test]
async fn an_index_is_archived_before_its_children_and_found_by_its_referrers() {
    let aws = SimulatedAws::start().await;
    let (child, index, signature) = aws.edit(|world| {
        let app = world.home().repository("app");
        let child = app.push(Push::image());
        let index = app.push(Push::index([&child]));
        let signature = Push::image().subject(&index);
        let signature = app.push(signature.artifact_type("application/vnd.example"));
        (child, index, signature)
    });
    let archive = |digest: &str| json!({"repositoryName": "app", "imageId": {"imageDigest": digest}, "targetStorageClass": "ARCHIVE"});
    let (_, answer) = call(&aws, "ecr:UpdateImageStorageClass", &archive(&child)).await;
    let expected = "ImageStorageClassUpdateNotSupportedException";
    assert_eq!(answer["__type"], expected);
    for digest in [&index, &child] {
        let (_, answer) = call(&aws, "ecr:UpdateImageStorageClass", &archive(digest)).await;
        assert_eq!(answer["imageStatus"], "ARCHIVED");
    }
    let body = json!({"repositoryName": "app", "subjectId": {"imageDigest": index}});
    let (_, answer) = call(&aws, "ecr:ListImageReferrers", &body).await;
    assert_eq!(answer["referrers"][0]["digest"], signature);
    let expected = "application/vnd.example";
    assert_eq!(answer["referrers"][0]["artifactType"], expected);
}
