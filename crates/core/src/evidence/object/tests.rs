use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::image::Aliases;

const HOST: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";

/// Returns what an object tells of each of these repositories that it mentions.
fn mentioned(object: &str) -> Vec<String> {
    const REPOSITORIES: [&str; 6] = [
        "team/app",
        "nvidia/dcgm-exporter",
        "app",
        "app-prod",
        "prod-app",
        "web",
    ];
    let scanner = TextScanner::new(&Aliases::default()).unwrap();
    let mentions = scanner.mentions(&object.replace("HOST", HOST), |_| false);
    let mut found = Vec::new();
    for repository in REPOSITORIES {
        let name = RepositoryName::new(repository).unwrap();
        let whole = mentions.repositories.get(&name).into_iter();
        let told = whole.chain(mentions.parts.mentions_of(repository));
        let told: BTreeSet<String> = told.flatten().map(shown).collect();
        found.extend(told.iter().map(|told| format!("{repository}: {told}")));
    }
    found
}

fn shown(words: &Words) -> String {
    match words.len() {
        0 => "any".to_owned(),
        _ => words
            .iter()
            .map(|word| &**word)
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// Objects with the only mention in each, or with the one that matters.
const IN_PARTS: &str = r#"
{"image": {"registry": "HOST", "repository": "team/app", "tag": "1.0"}} => team/app: 1.0
{"global": {"registry": "HOST"}, "image": {"repository": "team/app", "tag": "1.0"}} => team/app: 1.0
{"hub": "HOST/team", "image": "app", "tag": "1.0"} => team/app: 1.0
{"repository": "HOST/nvidia", "image": "dcgm-exporter", "version": "2.1.4"} => nvidia/dcgm-exporter: 2.1.4
{"registry": "HOST", "org": "team", "name": "app"} => team/app: any
{"list": [{"name": "image.registry", "value": "HOST"}, {"name": "image.repository", "value": "team/app"}, {"name": "image.tag", "value": "1.0"}]} => team/app: 1.0
{"env": [{"name": "REGISTRY", "value": "HOST"}, {"name": "IMAGE", "value": "team/app"}, {"name": "TAG", "value": "1.0"}]} => team/app: 1.0
{"env": [{"name": "REGISTRY", "value": "HOST"}, {"name": "IMAGE", "value": "team/app:1.0"}]} => team/app: 1.0
{"data": {"REGISTRY": "HOST", "IMAGE": "team/app", "IMAGE_TAG": "1.0"}} => team/app: 1.0
{"data": {"env": "REGISTRY=HOST\nIMAGE=team/app\nTAG=1.0\n"}} => team/app: 1.0
{"values": "global:\n  registry: HOST\nimage:\n  repository: team/app\n  tag: '1.0'\n"} => team/app: 1.0
{"args": ["--registry=HOST", "--image=team/app", "--tag=1.0"]} => team/app: 1.0
{"args": "--set image.registry=HOST,image.repository=team/app,image.tag=1.0"} => team/app: 1.0
{"image": "HOST/{{name}}:{{tag}}", "with": {"name": "team/app", "tag": "1.0"}} => team/app: 1.0
{"image": "HOST/$(params.name)", "params": [{"name": "name", "value": "team/app"}]} => team/app: any
{"registry": "HOST", "images": {"team/app": {"tag": "1.0"}}} => team/app: 1.0
{"registry": "HOST", "versions": {"team/app": "1.0"}} => team/app: 1.0
{"registry": "https://HOST/", "run": "docker run $REGISTRY/team/app:1.0"} => team/app: 1.0
{"metadata": {"name": "web", "labels": {"web": "web"}}, "registry": "HOST"} => web: any
"#;

/// A registry apart from the name mentions the repository (U12).
#[test]
fn names_in_parts_are_put_together() {
    for (object, expected) in rows(IN_PARTS) {
        let (repository, _) = expected.split_once(':').unwrap();
        let mut found = mentioned(object);
        found.retain(|it| it.starts_with(&format!("{repository}:")));
        assert_eq!(found, [expected], "{object}");
    }
}

fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    table.lines().filter_map(|line| line.split_once(" => "))
}

/// A placeholder in a name stands for whatever fits (U12).
#[test]
fn names_with_placeholders_mean_what_fits() {
    for (image, expected) in [
        ("HOST/app-${ENV}:1.0", &["app-prod: 1.0"][..]),
        ("HOST/app-{{ env }}", &["app-prod: any"]),
        ("HOST/{{env}}-app:{{tag}}", &["prod-app: any"]),
        ("HOST/{{team}}/app", &["team/app: any"]),
        ("HOST/<team>/app", &["team/app: any"]),
        ("HOST/nvidia/%s", &["nvidia/dcgm-exporter: any"]),
        ("HOST/app:1.0-${BUILD}", &["app: 1.0-*"]),
        ("HOST/{{name}}", &["app: any", "web: any"]),
        ("HOST/*", &[]),
    ] {
        let object = json!({"image": image, "names": "app or web, not dcgm-exporter"});
        let found = mentioned(&object.to_string());
        let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
        let found: Vec<String> = match image {
            "HOST/{{name}}" => found
                .into_iter()
                .filter(|it| !it.starts_with("nvidia"))
                .collect(),
            _ => found,
        };
        assert_eq!(found, expected, "{image}");
    }
}

/// Objects with what they tell of the repository `app`.
const BESIDE: &str = r#"
{"image": "HOST/app", "tag": "1.0"} => 1.0
{"newName": "HOST/app", "newTag": "1.0"} => 1.0
{"baseImage": "HOST/app", "sha": "HEX"} => sha256:HEX
{"HOST/app": {"tags": [{"tag": "1.0"}, {"tag": "2.0"}]}} => 1.0 2.0
{"HOST/app": "1.0"} => 1.0
{"image": "HOST/app", "tags": ["1.0", "2.0"]} => 1.0 2.0
{"url": "oci://HOST/app", "ref": {"tag": "1.0"}} => 1.0
{"text": "image:\n  repository: HOST/app\n  tag: v1.0\nother:\n  tag: v2.0\n"} => v1.0
{"text": "- repository: HOST/app\n  tag: v1.0\n- tag: v2.0\n"} => v1.0
{"text": "{repository: HOST/app, tag: \"1.0\"}"} => 1.0
{"text": "{\"image\": \"HOST/app\", \"tag\": \"1.0\"}"} => 1.0
{"image": "HOST/app", "labels": {"version": "1.1"}} => any
{"text": "{image: HOST/app, labels: {version: '1.1', tag: '1.1'}}"} => any
{"name": "HOST/app", "version": "1.1"} => any
{"metadata": {"labels": {"version": "1.1"}}, "spec": {"image": "HOST/app"}} => any
{"metadata": {"annotations": {"image": "HOST/app", "tag": "1.1"}}} => any
{"chart": {"version": "1.1", "image": "HOST/app"}} => any
{"chart": "x", "version": "1.1", "image": "HOST/app"} => any
{"image": "HOST/app", "sidecar": {"image": "nginx", "tag": "1.1"}} => any
{"image": "HOST/app", "sidecarTag": "1.1", "other": "HOST/b:1.1"} => any
{"tag": "1.1", "spec": {"image": "HOST/app"}} => any
{"image": "HOST/app", "tag": 1.1} => any
{"image": "HOST/app", "tag": "{{ tag }}", "digest": "HEX"} => any
{"text": "image: HOST/app\ntag: 1.10\n"} => any
{"text": "image: HOST/app\nlabels:\n  version: v1.1\n"} => any
{"text": "metadata:\n  image: HOST/app\n  tag: v1.1\n"} => any
{"text": "chart: x\nversion: v1.1\nimage: HOST/app\n"} => any
"#;

/// Only what stands beside the name narrows it, and no label, chart or other image (U12).
#[test]
fn nothing_but_the_tag_beside_a_name_narrows_it() {
    let table = BESIDE.replace("HEX", &"0a".repeat(32));
    for (object, expected) in rows(&table) {
        assert_eq!(mentioned(object), [format!("app: {expected}")], "{object}");
    }
}

/// Every place counts, and one that tells nothing keeps all (U12).
#[test]
fn each_place_tells_by_itself() {
    let object = json!({"one": {"image": "HOST/app", "tag": "1.0"}, "two": {"image": "HOST/app"}});
    assert_eq!(mentioned(&object.to_string()), ["app: 1.0", "app: any"]);
    let object = json!({"registry": "HOST", "one": {"image": "app", "tag": "1.0"},
        "two": {"image": "app", "tag": "2.0"}, "metadata": {"name": "app"}});
    assert_eq!(mentioned(&object.to_string()), ["app: 1.0", "app: 2.0"]);
}

/// Finds no mention in what is pushed to, watched, or named with its tag (U12).
#[test]
fn some_places_mention_nothing() {
    let container = |args: &[&str]| json!({"containers": [{"args": args}]});
    for object in [
        container(&["--destination=HOST/app", "--cache-repo=HOST/app"]),
        container(&[
            "--destination",
            "HOST/app",
            "--cache-repo",
            "HOST/app/cache",
        ]),
        container(&["--cache-to=type=registry,ref=HOST/app/cache,mode=max"]),
        container(&["--cache-to", "type=registry,ref=HOST/app"]),
        container(&["--cache-from=type=registry,ref=HOST/app"]),
        container(&["--output", "type=image,name=HOST/app,push=true"]),
        container(&["--export-cache", "mode=max,type=registry,ref=HOST/app"]),
        json!({"with": {"cache-to": "type=registry,ref=HOST/app,mode=max"}}),
        json!({"text": "with:\n  outputs: type=registry,name=HOST/app\n"}),
        json!({"script": "crane push image.tar HOST/app\nhelm push app.tgz oci://HOST/web\n"}),
        json!({"text": "metadata:\n  annotations:\n    argocd-image-updater.argoproj.io/image-list: app=HOST/app\n"}),
        json!({"script": "executor \\\n  --destination HOST/app \\\n  --cache=true\n"}),
        json!({"metadata": {"annotations": {"argocd-image-updater.argoproj.io/image-list": "app=HOST/app"}}}),
        json!({"script": "docker build .\ndocker push HOST/app\n"}),
        json!({"image": "HOST/app:1.0"}),
        json!({"metadata": {"name": "app"}, "image": "HOST/app:1.0", "env": [{"name": "REGISTRY", "value": "HOST"}]}),
        json!({"metadata": {"name": "app"}, "image": "nginx:1.0"}),
    ] {
        assert_eq!(mentioned(&object.to_string()), [""; 0], "{object}");
    }
}
