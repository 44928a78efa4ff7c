//! Who uses what: every kind of user keeps its image, and is named in the reason.

use super::objects::{
    config_map, custom, deployment, image, object, of_every_kind, pod, secret, template,
};
use super::world::{CONFIG, add_cluster, one_cluster, program, push, run};
use base64::{Engine, prelude::BASE64_STANDARD};
use ecr_cleanup::report::Warning;
use serde_json::{Value, json};
use simulated_aws::{Push, SimulatedAws, days_ago};

use crate::support::{HOST, WorldExt};

/// Each kind of user keeps its image (U5, U6).
#[tokio::test]
async fn an_old_image_is_kept_whoever_its_only_user_is() {
    let aws = SimulatedAws::start().await;
    let prod = add_cluster(&aws, "prod").await;
    let staging = add_cluster(&aws, "staging").await;
    prod.define("argoproj.io", "v1alpha1", "rollouts", "Rollout");
    for tag in "init debug zero revision suspended rollout nobody".split(' ') {
        push(&aws, tag);
    }
    let main = json!([{"name": "main", "image": "nginx:1"}]);
    let init =
        json!({"initContainers": [{"name": "init", "image": image("init")}], "containers": main});
    prod.apply(pod("web-1", init, json!({"phase": "Pending"})));
    let debug = json!({"ephemeralContainers": [{"name": "debug", "image": image("debug")}], "containers": main});
    staging.apply(pod("web-2", debug, json!({"phase": "Running"})));
    let replica_set = json!({"spec": {"replicas": 0, "template": template(&image("zero"))}});
    let manifest = |api_version, kind, rest| object(api_version, kind, "shop", "web", rest);
    staging.apply(manifest("apps/v1", "ReplicaSet", replica_set));
    let data = json!({"data": {"spec": {"template": {"$patch": "replace", "spec": template(&image("revision"))["spec"]}}}});
    prod.apply(manifest("apps/v1", "ControllerRevision", data));
    let job = json!({"spec": {"template": template(&image("suspended"))}});
    let cron_job = json!({"spec": {"suspend": true, "jobTemplate": job}});
    prod.apply(manifest("batch/v1", "CronJob", cron_job));
    let rollout = json!({"template": template(&image("rollout"))});
    prod.apply(custom("argoproj.io/v1alpha1", "Rollout", "web", rollout));

    let ran = run(&program(&aws, CONFIG)).await;
    for (tag, user) in [
        ("init", "Pod `shop/web-1` in cluster `prod`"),
        ("debug", "Pod `shop/web-2` in cluster `staging`"),
        ("zero", "ReplicaSet `shop/web` in cluster `staging`"),
        (
            "revision",
            "ControllerRevision `shop/web` in cluster `prod`",
        ),
        ("suspended", "CronJob `shop/web` in cluster `prod`"),
        ("rollout", "Rollout `shop/web` in cluster `prod`"),
    ] {
        assert_starts!(ran.why(tag), format!("in use by {user}"));
    }
    let kept = "debug init newest revision rollout suspended zero";
    assert_eq!(aws.tags("app").join(" "), kept);
    assert!(ran.coverage("prod").is_complete());
    assert!(ran.coverage("staging").is_complete());
    assert_eq!(ran.coverage("prod").references, 4);
}

#[tokio::test]
async fn every_built_in_kind_is_read() {
    let (aws, prod) = one_cluster().await;
    let mut expected = vec!["newest"];
    for (number, (plural, _)) in of_every_kind("").into_iter().enumerate() {
        push(&aws, plural);
        let (_, manifest) = of_every_kind(&image(plural)).swap_remove(number);
        prod.apply(manifest);
        expected.push(plural);
    }
    push(&aws, "nobody");
    run(&program(&aws, CONFIG)).await;
    expected.sort_unstable();
    assert_eq!(aws.tags("app"), expected);
}

#[tokio::test]
async fn whatever_form_a_runtime_gives_a_digest_it_protects() {
    let (aws, prod) = one_cluster().await;
    let (index, child, platform, parent, other, pulled) = aws.edit(|world| {
        let old = || Push::image().pushed_at(days_ago(90));
        let app = world.home().repository("app");
        app.push(Push::image().tag("newest").pushed_at(days_ago(1)));
        let child = app.push(old());
        let index = app.push(Push::index([&child]).tag("index").pushed_at(days_ago(90)));
        let platform = app.push(old());
        let parent = Push::index([&platform]).tag("parent");
        let parent = app.push(parent.pushed_at(days_ago(90)));
        let pulled = app.push(old().tag("pulled"));
        app.push(old().tag("nobody"));
        let other = world.home().repository("other").push(old().tag("x"));
        world.tagged("other", "newest", 1);
        (index, child, platform, parent, other, pulled)
    });
    let statuses = [
        // The digest of an index; that of one platform; that of an image in another repository.
        format!("{HOST}/app@{index}"),
        format!("{HOST}/app@{platform}"),
        format!("{HOST}/app@{other}"),
        format!("docker-pullable://{HOST}/app@{pulled}"),
        // A configuration's, which is no manifest; and what says nothing at all.
        format!("sha256:{}", "c".repeat(64)),
        format!("docker://sha256:{}", "d".repeat(64)),
        String::new(),
        "sha256:tooshort".to_owned(),
    ];
    let container = |id| json!({"name": "c", "image": "docker.io/library/nginx:1", "imageID": id});
    let spec = json!({"containers": [{"name": "c", "image": "nginx:1"}]});
    let status = json!({"phase": "Running", "containerStatuses": statuses.map(container)});
    prod.apply(pod("web", spec, status));

    let ran = run(&program(&aws, CONFIG)).await;
    let in_use = &ran.answer.in_use;
    assert!(ran.coverage("prod").is_complete(), "{in_use:?}");
    let left = aws.digests("app");
    for digest in [index, child, platform, parent, pulled] {
        assert!(left.contains(&digest), "{digest}: {left:?}");
    }
    assert_eq!(left.len(), 6, "those and the newest");
    let left = aws.digests("other").len();
    assert_eq!(left, 2, "a digest protects wherever it is stored: {other}");
}

/// Every text of a custom resource is searched (U6).
#[tokio::test]
async fn image_volumes_and_text_anywhere_count() {
    let (aws, prod) = one_cluster().await;
    for tag in "volume annotation argument variable key nobody".split(' ') {
        push(&aws, tag);
    }
    let spec = json!({
        "containers": [{
            "name": "c", "image": "nginx:1", "args": [format!("--reloader={}", image("argument"))],
            "env": [{"name": "RELATED_IMAGE", "value": image("variable")}],
        }],
        "volumes": [{"name": "model", "image": {"reference": image("volume")}}],
    });
    let mut web = pod("web", spec, json!({}));
    web["metadata"]["annotations"] =
        json!({"injector": format!("{{\"image\":\"{}\"}}", image("annotation"))});
    prod.apply(web);
    let pods = json!({image("key"): [1]}).to_string();
    prod.apply(config_map("agents", json!({"pods.json": pods})));
    run(&program(&aws, CONFIG)).await;
    let kept = "annotation argument key newest variable volume";
    assert_eq!(aws.tags("app").join(" "), kept);
}

/// The words beside the name may be its tag (U12).
#[tokio::test]
async fn a_repository_named_without_its_tag_keeps_what_may_be_meant() {
    for (values, kept) in [
        (
            r#"{"image": {"repository": "$HOST/app", "tag": "2.3.4"}}"#,
            "2.3.4 newest",
        ),
        (
            r#"{"values": "image:\n  repository: $HOST/app\n  tag: v2.3.4\n"}"#,
            "2.3.4 newest",
        ),
        (
            r#"{"image": {"repository": "$HOST/app", "tag": 2.3}}"#,
            "2.3.4 7.8.9 newest",
        ),
        (
            r#"{"image": {"registry": "$HOST", "repository": "app", "tag": "2.3.4"}}"#,
            "2.3.4 newest",
        ),
        (
            r#"{"image": {"registry": "$HOST", "repository": "app", "tag": "2.3"}}"#,
            "2.3.4 newest",
        ),
        (
            r#"{"image": {"registry": "$HOST", "repository": "app"}, "labels": {"version": "2.3.4"}}"#,
            "2.3.4 7.8.9 newest",
        ),
        (
            r#"{"image": "$HOST/app", "template": {"metadata": {"labels": {"version": "2.3.4"}}}}"#,
            "2.3.4 7.8.9 newest",
        ),
        (
            r#"{"chart": {"version": "2.3.4"}, "values": {"image": "$HOST/app"}}"#,
            "2.3.4 7.8.9 newest",
        ),
        (
            r#"{"image": "$HOST/app", "sidecar": "docker.io/team/sidecar:2.3.4"}"#,
            "2.3.4 7.8.9 newest",
        ),
        (
            r#"{"image": "$HOST/app:$(params.tag)"}"#,
            "2.3.4 7.8.9 newest",
        ),
        (r#"{"images": ["$HOST/*", "$HOST"]}"#, "newest"),
    ] {
        let values: Value = serde_json::from_str(&values.replace("$HOST", HOST)).unwrap();
        let (aws, prod) = one_cluster().await;
        push(&aws, "2.3.4");
        push(&aws, "7.8.9");
        let (helm, image) = ("helm.toolkit.fluxcd.io", "image.toolkit.fluxcd.io");
        prod.define(helm, "v2", "helmreleases", "HelmRelease");
        prod.define(image, "v1", "imagerepositories", "ImageRepository");
        let release = values.clone();
        prod.apply(custom(&format!("{helm}/v2"), "HelmRelease", "web", release));
        // To watch a repository is not to use it.
        let watched = json!({"image": format!("{HOST}/app")});
        let version = format!("{image}/v1");
        prod.apply(custom(&version, "ImageRepository", "app", watched));
        let ran = run(&program(&aws, CONFIG)).await;
        let in_use = &ran.answer.in_use;
        assert_eq!(aws.tags("app").join(" "), kept, "{values}: {in_use:?}");
        if kept != "newest" {
            let start = "HelmRelease `shop/web` in cluster `prod` refers to this repository";
            assert_starts!(ran.why("2.3.4"), start);
        }
    }
}

/// A variable of a pod that holds the registry mentions what the others name (U12).
#[tokio::test]
async fn variables_of_a_pod_make_up_a_name() {
    let (aws, prod) = one_cluster().await;
    for tag in ["2.3.4", "7.8.9"] {
        push(&aws, tag);
    }
    let variable = |name: &str, value: &str| json!({"name": name, "value": value});
    let variables = [
        variable("REGISTRY", HOST),
        variable("IMAGE", "app"),
        variable("TAG", "2.3.4"),
    ];
    let launcher = json!({"containers": [{"name": "c", "image": "docker:27", "env": variables}]});
    prod.apply(pod("launcher", launcher, json!({"phase": "Running"})));
    let ran = run(&program(&aws, CONFIG)).await;
    assert_eq!(aws.tags("app").join(" "), "2.3.4 newest");
    assert_contains!(ran.why("2.3.4"), "Pod `shop/launcher` in cluster `prod`");
    assert_eq!(about_host(&ran.answer.warnings), [""; 0]);
}

/// A repository that is kept whole for a mention says for which object, and a mention fails nothing
/// (U12).
#[tokio::test]
async fn a_repository_that_is_kept_whole_says_since_when_and_a_digest_beside_it_narrows() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    for (data, kept, warns) in [
        (
            json!({"REPOSITORY": "$HOST/app"}),
            "2.3.4 7.8.9 newest",
            true,
        ),
        (
            json!({"repository": "$HOST/app", "digest": "$OLD"}),
            "2.3.4 newest",
            false,
        ),
        (
            json!({"registry": HOST, "repository": "app", "digest": "$OLD"}),
            "2.3.4 newest",
            false,
        ),
        (
            json!({"repository": "$HOST/app", "tag": "2.3.4"}),
            "2.3.4 newest",
            false,
        ),
        // It is no image of that repository, so it tells nothing.
        (
            json!({"repository": "$HOST/app", "digest": digest}),
            "2.3.4 7.8.9 newest",
            true,
        ),
        (json!({"args": "--destination=$HOST/app"}), "newest", false),
        (
            json!({"args": "--cache-to=type=registry,ref=$HOST/app"}),
            "newest",
            false,
        ),
    ] {
        let (aws, prod) = one_cluster().await;
        let old = push(&aws, "2.3.4");
        push(&aws, "7.8.9");
        let data = data
            .to_string()
            .replace("$HOST", HOST)
            .replace("$OLD", &old);
        let data: Value = serde_json::from_str(&data).unwrap();
        prod.apply(config_map("settings", data.clone()));
        let ran = run(&program(&aws, CONFIG)).await;
        assert_eq!(aws.tags("app").join(" "), kept, "{data}");
        assert_status!(ran.answer, Completed, "{data}");
        let warning = "`app` is kept whole, 2 of its images by nothing else, since it is named without a tag: by ConfigMap `shop/settings` in cluster `prod`";
        let warnings = &ran.answer.warnings;
        assert_eq!(
            warnings.iter().any(|it| it.message == warning),
            warns,
            "{data} {warnings:?}"
        );
    }
}

/// Returns the warnings that are about a registry.
fn about_host(warnings: &[Warning]) -> Vec<&str> {
    let warnings = warnings.iter().map(|it| it.message.as_str());
    warnings.filter(|warning| warning.contains(HOST)).collect()
}

/// What makes, watches or rules on a repository uses none of its images (U12).
#[tokio::test]
async fn objects_about_a_repository_use_nothing_of_it() {
    let (aws, prod) = one_cluster().await;
    push(&aws, "nobody");
    for (group, kind) in [
        ("ecr.aws.upbound.io", "Repository"),
        ("ecr.aws.m.upbound.io", "LifecyclePolicy"),
        ("ecr.aws.kubeform.com", "Repository"),
        ("ecr.services.k8s.aws", "Repository"),
        ("ecr.aws.crossplane.io", "RepositoryPolicy"),
        ("argocd-image-updater.argoproj.io", "ImageUpdater"),
        ("image.toolkit.fluxcd.io", "ImageRepository"),
        ("source.toolkit.fluxcd.io", "HelmRepository"),
        ("kargo.akuity.io", "Warehouse"),
        ("kyverno.io", "ClusterPolicy"),
    ] {
        prod.define(group, "v1", &kind.to_lowercase(), kind);
        let version = format!("{group}/v1");
        let spec = json!({"uri": format!("{HOST}/app"), "host": HOST, "name": "app"});
        prod.apply(custom(&version, kind, "app", spec));
    }
    let ran = run(&program(&aws, CONFIG)).await;
    assert_eq!(aws.tags("app"), ["newest"]);
    assert_eq!(about_host(&ran.answer.warnings), [""; 0]);
}

/// A registry beside which no repository is named may hide a use, which is said (U12).
#[tokio::test]
async fn a_registry_without_a_repository_is_a_warning() {
    let (aws, prod) = one_cluster().await;
    push(&aws, "nobody");
    prod.apply(config_map(
        "settings",
        json!({"registry": HOST, "service": "checkout"}),
    ));
    prod.apply(config_map(
        "elsewhere",
        json!({"registry": HOST.replace('1', "9")}),
    ));
    prod.apply(config_map("rule", json!({"allowed": format!("{HOST}/*")})));
    let ran = run(&program(&aws, CONFIG)).await;
    assert_eq!(aws.tags("app"), ["newest"]);
    let [warning] = about_host(&ran.answer.warnings)[..] else {
        panic!("{:?}", ran.answer.warnings)
    };
    let start = format!(
        "`{HOST}` is named without a repository that there is, by ConfigMap `shop/settings` in cluster `prod`: "
    );
    assert_starts!(warning, start);
}

/// Images that another host stands for are in use, by what their tag means now as well (U1).
#[tokio::test]
async fn the_tag_of_an_image_behind_a_mirror_counts() {
    let (aws, prod) = one_cluster().await;
    let old = push(&aws, "prod");
    push(&aws, "nobody");
    aws.edit(|world| {
        let app = world.home().repository("app");
        let moved = app.push(Push::image().pushed_at(days_ago(80)));
        app.tag(&moved, "prod");
        world.tagged("team/nginx", "1.0", 90);
        world.tagged("team/nginx", "1.1", 90);
        world.tagged("team/nginx", "newest", 1);
    });
    let image = "mirror.example.com/x/renamed:prod";
    let spec = json!({"containers": [
        {"name": "c", "image": image}, {"name": "swapped", "image": "docker.io/team/nginx:1.0"},
    ]});
    let id = format!("mirror.example.com/x/renamed@{old}");
    let status = json!({"phase": "Running", "containerStatuses": [{"name": "c", "image": image, "imageID": id}]});
    prod.apply(pod("web", spec, status));
    let ran = run(&program(&aws, CONFIG)).await;
    assert_contains!(ran.why("prod"), "Pod `shop/web` in cluster `prod`");
    assert_eq!(aws.tags("app"), ["newest", "prod"]);
    assert!(aws.digests("app").contains(&old));
    assert_eq!(aws.tags("team/nginx"), ["1.0", "newest"]);
}

/// What adds containers to pods, volumes that are images, and what injectors read (U5).
#[tokio::test]
async fn policies_volumes_and_namespaces_are_read() {
    let (aws, prod) = one_cluster().await;
    for tag in "policy volume namespace nobody".split(' ') {
        push(&aws, tag);
    }
    let group = "admissionregistration.k8s.io";
    prod.define(
        group,
        "v1",
        "mutatingadmissionpolicies",
        "MutatingAdmissionPolicy",
    );
    prod.define(
        group,
        "v1",
        "validatingadmissionpolicies",
        "ValidatingAdmissionPolicy",
    );
    let version = format!("{group}/v1");
    let expression = format!("Object{{spec: [{{image: \"{}\"}}]}}", image("policy"));
    let policy = json!({"mutations": [{"applyConfiguration": {"expression": expression}}]});
    prod.apply(custom(
        &version,
        "MutatingAdmissionPolicy",
        "sidecar",
        policy,
    ));
    let rule = json!({"validations": [{"expression": image("nobody")}]});
    prod.apply(custom(&version, "ValidatingAdmissionPolicy", "rule", rule));
    let volume = json!({"spec": {"csi": {"driver": "image.csi.example.com", "volumeHandle": image("volume")}}});
    prod.apply(object("v1", "PersistentVolume", "", "data", volume));
    let mut namespace = object("v1", "Namespace", "", "shop", json!({}));
    namespace["metadata"]["annotations"] = json!({"inject.example.com/image": image("namespace")});
    prod.apply(namespace);
    run(&program(&aws, CONFIG)).await;
    assert_eq!(aws.tags("app").join(" "), "namespace newest policy volume");
}

/// One version of a kind may drop what another shows (U6).
#[tokio::test]
async fn every_served_version_of_a_kind_is_read() {
    for aggregated in [true, false] {
        let (aws, prod) = one_cluster().await;
        for tag in ["dropped", "shown", "nobody"] {
            push(&aws, tag);
        }
        for version in ["v1", "v1alpha1", "v1beta1"] {
            prod.define("example.com", version, "widgets", "Widget");
        }
        let widget = |version, tag| {
            let version = format!("example.com/{version}");
            custom(&version, "Widget", "web", json!({"image": image(tag)}))
        };
        prod.apply(widget("v1", "shown"));
        prod.apply(widget("v1beta1", "dropped"));
        if !aggregated {
            prod.without_aggregated_discovery();
        }
        run(&program(&aws, CONFIG)).await;
        assert_eq!(aws.tags("app"), ["dropped", "newest", "shown"]);
    }
}

#[tokio::test]
async fn no_tag_in_the_image_of_a_pod_is_latest() {
    let (aws, prod) = one_cluster().await;
    push(&aws, "latest");
    push(&aws, "nobody");
    prod.apply(deployment("shop", "web", &format!("{HOST}/app")));
    run(&program(&aws, CONFIG)).await;
    assert_eq!(aws.tags("app"), ["latest", "newest"]);
}

/// What a rollback could bring back is in use (U7).
#[tokio::test]
async fn helm_history_counts_where_it_is_asked_for() {
    let (aws, prod) = one_cluster().await;
    let config = CONFIG.replace("ecs: false", "ecs: false, eks: { helm_history: true }");
    for tag in ["manifest", "hook", "secret", "nobody"] {
        push(&aws, tag);
    }
    let values = BASE64_STANDARD.encode(format!("image: {}\n", image("secret")));
    let release = json!({
        "name": "web", "version": 2,
        "manifest": format!("spec:\n- image: \"{}\"\n---\ndata:\n  values.yaml: {values}\n", image("manifest")),
        "hooks": [{"manifest": format!("image: {}", image("hook"))}],
    });
    let stored = BASE64_STANDARD.encode(BASE64_STANDARD.encode(release.to_string()));
    prod.apply(secret("sh.helm.release.v1.web.v2", &stored));
    let ran = run(&program(&aws, &config)).await;
    let start = "in use by Helm release `shop/web revision 2` in cluster `prod`";
    assert_starts!(ran.why("hook"), start);
    assert_eq!(aws.tags("app"), ["hook", "manifest", "newest", "secret"]);

    // Without it, Secrets are not even asked for.
    prod.clear_record();
    run(&program(&aws, CONFIG)).await;
    assert_eq!(aws.tags("app"), ["newest"]);
    let found = prod.requests().iter().any(|it| it.contains("secrets"));
    assert!(!found, "{:?}", prod.requests());

    // A release that cannot be read is in the way.
    push(&aws, "again");
    prod.apply(secret("sh.helm.release.v1.web.v3", "%%%"));
    let ran = run(&program(&aws, &config)).await;
    let expected = "cluster `prod`: Helm release `shop/sh.helm.release.v1.web.v3` cannot be read";
    assert_contains!(ran.error(), expected);
    assert!(aws.tags("app").contains(&"again".to_owned()));
}

#[tokio::test]
async fn a_reference_that_may_mean_any_repository_stops_deletion() {
    let (aws, prod) = one_cluster().await;
    push(&aws, "nobody");
    prod.apply(deployment("shop", "web", &format!("{HOST}/${{IMAGE}}")));
    let ran = run(&program(&aws, CONFIG)).await;
    let error = ran.error();
    let start = "cluster `prod`: Deployment `shop/web` in cluster `prod`: `";
    assert_starts!(error, start);
    assert_eq!(aws.deletions(), []);
}

/// A pod that is never going to run leaves alone what it may mean, and nothing else (U2).
#[tokio::test]
async fn an_image_that_nobody_can_pull_stops_only_its_repository() {
    for (image, left_alone) in [
        (format!("{HOST}/app:${{TAG}}"), true),
        (format!("{HOST}/App:1"), true),
        (format!("{HOST}/web-${{ENV}}:1"), false),
        (format!("{HOST}/-app:1"), false),
    ] {
        let (aws, prod) = one_cluster().await;
        push(&aws, "nobody");
        prod.apply(deployment("shop", "web", &image));
        let ran = run(&program(&aws, CONFIG)).await;
        assert_eq!(ran.coverage("prod").is_complete(), !left_alone, "{image}");
        assert_eq!(aws.deletions().is_empty(), left_alone, "{image}");
        let by = ran.answer.held.iter().map(|it| it.by[0].as_str());
        let by: Vec<_> = by
            .map(|it| it.starts_with("Deployment `shop/web`"))
            .collect();
        assert_eq!(by, [true].repeat(usize::from(left_alone)), "{image}");
    }
}

#[tokio::test]
async fn a_tag_that_moved_under_a_running_pod_is_reported() {
    let (aws, prod) = one_cluster().await;
    let old = push(&aws, "prod");
    let spec = json!({"containers": [{"name": "c", "image": image("prod")}]});
    let status =
        |id: &str| json!({"phase": "Running", "containerStatuses": [{"name": "c", "imageID": id}]});
    prod.apply(pod("web", spec, status(&format!("{HOST}/app@{old}"))));
    aws.edit(|world| {
        let app = world.home().repository("app");
        let newest = app.digest("newest").unwrap().to_owned();
        app.tag(&newest, "prod");
    });
    let ran = run(&program(&aws, CONFIG)).await;
    let hygiene = &ran.answer.hygiene;
    assert_eq!(hygiene.pulled_by_tag.count, 1, "{hygiene:?}");
    assert_eq!(hygiene.moved_tags.count, 1, "{hygiene:?}");
    assert_eq!(hygiene.moved_tags.first[0].runs.to_string(), old);
    let expected = "Pod `shop/web` in cluster `prod`";
    assert_eq!(hygiene.moved_tags.first[0].user, expected);
}
