//! Ways out of a refusal: each is printed literally, is narrow, and is said in every answer.

use super::objects::{config_map, custom, deployment, image, pod, secret};
use super::world::{CONFIG, Ran, add_cluster, one_cluster, program, push, run};
use ecr_cleanup::evidence::{Unread, UnreadKind};
use serde_json::json;
use simulated_aws::SimulatedAws;
use simulated_cluster::{Fault, FaultKind, SimulatedCluster};

use crate::support::HOST;

/// A way of breaking a cluster.
type Break = fn(&SimulatedCluster);

/// Returns the configuration with more settings of EKS.
fn with(settings: &str) -> String {
    CONFIG.replace("ecs: false", &format!("ecs: false, eks: {{ {settings} }}"))
}

/// Returns the setting that the only refusal tells to write.
fn printed(ran: &Ran) -> String {
    let [refusal] = &ran.answer.refusals[..] else {
        panic!("{:?}", ran.answer.refusals)
    };
    let (_, rest) = refusal.next.split_once(" write `").unwrap();
    let (setting, rest) = rest.split_once('`').unwrap();
    assert!(rest.starts_with(", and ") && rest.contains("not protected"));
    setting.to_owned()
}

fn unread(ran: &Ran, kind: UnreadKind) -> Vec<&str> {
    let unread = ran.answer.unread.iter().filter(|it| it.kind == kind);
    unread.map(|it| it.name.as_str()).collect()
}

/// What is broken, and the exclusion that the refusal prints.
const BROKEN: [(&str, Break, &str); 10] = [
    (
        "a conversion webhook",
        |it| it.fault(Fault::first("widgets", FaultKind::Conversion)),
        "example.com/Widget",
    ),
    (
        "a kind",
        |it| it.fault(Fault::first("widgets", FaultKind::Status(500))),
        "example.com/Widget",
    ),
    (
        "a list that is none",
        |it| it.fault(Fault::first("widgets", FaultKind::NoItems)),
        "example.com/Widget",
    ),
    ("a right", |it| it.deny("widgets"), "example.com/Widget"),
    ("a group", |it| it.stale("example.com"), "example.com/*"),
    (
        "a group in the older discovery",
        |it| {
            it.without_aggregated_discovery();
            it.stale("example.com");
        },
        "example.com/*",
    ),
    (
        "a built-in kind",
        |it| it.fault(Fault::first("namespaces", FaultKind::Status(500))),
        "core/Namespace",
    ),
    (
        "a release",
        |it| it.apply(secret("bad", "%%%")),
        "core/Secret/shop/bad",
    ),
    (
        "a release in a ConfigMap",
        |it| {
            let mut map = config_map("bad", json!({"release": "%%%"}));
            map["metadata"]["labels"] = json!({"owner": "helm"});
            it.apply(map);
        },
        "core/ConfigMap/shop/bad",
    ),
    (
        "a pod",
        |it| it.apply(pod("bad", json!({"containers": "none"}), json!({}))),
        "core/Pod/shop/bad",
    ),
];

/// Written as it is printed, the setting resolves the refusal, hides nothing else, and is said in
/// the answer (P7, U6).
#[tokio::test]
async fn a_refusal_prints_the_setting_that_resolves_it() {
    for (what, break_it, exclusion) in BROKEN {
        let (aws, prod) = one_cluster().await;
        for tag in ["gadget", "map", "pod", "nobody"] {
            push(&aws, tag);
        }
        prod.define("example.com", "v1", "widgets", "Widget");
        prod.define("other.example.com", "v1", "gadgets", "Gadget");
        let spec = json!({"image": image("gadget")});
        prod.apply(custom("other.example.com/v1", "Gadget", "good", spec));
        prod.apply(config_map("good", json!({"image": image("map")})));
        let spec = json!({"containers": [{"image": image("pod")}]});
        prod.apply(pod("good", spec, json!({})));
        break_it(&prod);

        let ran = run(&program(&aws, &with("helm_history: true"))).await;
        assert_status!(ran.answer, Refused, "{what}");
        let setting = printed(&ran);
        let expected = format!("custom_resources: {{ exclude: [\"{exclusion}\"] }}");
        assert_eq!(setting, expected, "{what}");

        let config = with(&format!("helm_history: true, {setting}"));
        let ran = run(&program(&aws, &config)).await;
        assert_status!(ran.answer, Completed, "{what}");
        assert_eq!(unread(&ran, UnreadKind::Resource), [exclusion], "{what}");
        assert_eq!(
            aws.tags("app"),
            ["gadget", "map", "newest", "pod"],
            "{what}"
        );
    }
}

/// What is excluded already stays so.
#[tokio::test]
async fn a_printed_setting_holds_what_is_written_already() {
    let (aws, prod) = one_cluster().await;
    prod.define("example.com", "v1", "widgets", "Widget");
    prod.deny("widgets");
    let config = with("custom_resources: { exclude: ['a.b/*', core/ConfigMap/shop/x] }");
    let setting = printed(&run(&program(&aws, &config)).await);
    let expected = r#"exclude: ["a.b/*", "core/ConfigMap/shop/x", "example.com/Widget"]"#;
    assert_contains!(setting, expected);
}

/// One object is left out, and no other one of its kind, whether a namespace holds it or not (U6).
#[tokio::test]
async fn a_single_object_is_left_out() {
    let (aws, prod) = one_cluster().await;
    for tag in ["other-map", "other-namespace", "other-widget", "nobody"] {
        push(&aws, tag);
    }
    let names = |tag: &str| json!({"image": image(tag)});
    prod.define("example.com", "v1", "widgets", "Widget");
    let widget = |name: &str, tag: &str| {
        json!({
            "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name},
            "spec": {"image": image(tag)},
        })
    };
    // A mention keeps the whole repository.
    prod.apply(config_map(
        "ecr-repo",
        json!({"url": format!("{HOST}/app")}),
    ));
    prod.apply(config_map("ecr-repo-2", names("other-map")));
    let mut elsewhere = config_map("ecr-repo", names("other-namespace"));
    elsewhere["metadata"]["namespace"] = "web".into();
    prod.apply(elsewhere);
    prod.apply(widget("base", "nobody"));
    prod.apply(widget("base-2", "other-widget"));
    let ran = run(&program(&aws, CONFIG)).await;
    assert_eq!(
        (
            unread(&ran, UnreadKind::Resource).len(),
            ran.answer.counts.deleted
        ),
        (0, 0)
    );

    let exclude = ["core/ConfigMap/shop/ecr-repo", "example.com/Widget/base"];
    let config = with(&format!("custom_resources: {{ exclude: {exclude:?} }}"));
    let ran = run(&program(&aws, &config)).await;
    assert_eq!(unread(&ran, UnreadKind::Resource), exclude);
    let kept = ["newest", "other-map", "other-namespace", "other-widget"];
    assert_eq!(aws.tags("app"), kept);
}

/// A workload that is named is read as far as it can be: tomorrow it may be in order, and use
/// something else (U5).
#[tokio::test]
async fn a_workload_is_never_left_out() {
    let (aws, prod) = one_cluster().await;
    for tag in ["template", "noted", "nobody"] {
        push(&aws, tag);
    }
    prod.apply(deployment("shop", "web", &image("template")));
    let spec = json!({"containers": "none", "note": image("noted")});
    prod.apply(pod("bad", spec, json!({})));
    let exclude = ["apps/Deployment/shop/web", "core/Pod/shop/bad"];
    let config = with(&format!("custom_resources: {{ exclude: {exclude:?} }}"));
    let ran = run(&program(&aws, &config)).await;
    assert_status!(ran.answer, Completed);
    assert_eq!(aws.tags("app"), ["newest", "noted", "template"]);
    assert_contains!(ran.why("noted"), "Pod `shop/bad` in cluster `prod`");
}

/// What is not read of a cluster is in every answer, however it is left out (P7).
#[tokio::test]
async fn what_is_left_out_is_said() {
    let (aws, _prod) = one_cluster().await;
    let lab = add_cluster(&aws, "lab-1").await;
    push(&aws, "nobody");
    let settings =
        "clusters: ['**', '!lab-*'], custom_resources: { exclude: [core/ConfigMap, 'a.b/*'] }";
    let ran = run(&program(&aws, &with(settings))).await;
    assert_eq!(ran.answer.counts.deleted, 1);
    assert!(lab.requests().is_empty());
    let of_clusters = |it: &&Unread| it.kind != UnreadKind::Service;
    let said = ran.answer.unread.iter().filter(of_clusters);
    let said = said.map(Unread::to_string);
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @r#"
    cluster `lab-1` in 111111111111 eu-west-1: `!lab-*` in `in_use.eks.clusters` leaves it out, and what it alone uses is not protected; take `!lab-*` out of `in_use.eks.clusters`
    kind of objects `core/ConfigMap` in 111111111111 eu-west-1: `custom_resources.exclude` leaves it out of cluster `prod`; take it out of that list
    cluster's Secrets `prod` in 111111111111 eu-west-1: images that only stored Helm releases or other Secrets name are not seen; for Helm releases set `helm_history: true` in `in_use.eks` and apply `infra/kubernetes/helm-history.yaml`
    "#);
    let note = ran.coverage("lab-1").note.as_deref().unwrap();
    assert_starts!(
        note,
        "not read: `!lab-*` in `in_use.eks.clusters` leaves it out"
    );

    let ran = run(&program(
        &aws,
        &with("clusters: [prod], helm_history: true"),
    ))
    .await;
    assert_eq!(unread(&ran, UnreadKind::Cluster), ["lab-1"]);
    assert_eq!(ran.answer.unread.iter().filter(of_clusters).count(), 1);
}

/// A cluster of a kubeconfig has settings of its own, whether EKS is read or not (U5, U6, U7).
#[tokio::test]
async fn a_context_has_settings_of_its_own() {
    let aws = SimulatedAws::start().await;
    let site = SimulatedCluster::start("site").await;
    push(&aws, "nobody");
    site.define("example.com", "v1", "widgets", "Widget");
    site.deny("widgets");
    let process = std::process::id();
    let file = std::env::temp_dir().join(format!("ecr-cleanup-ways-out-{process}.yaml"));
    std::fs::write(&file, site.kubeconfig("on-premises", "a-token")).unwrap();
    let config = |eks: &str, own: &str| {
        let context = format!(
            "kubeconfig: '{}', context: on-premises{own}",
            file.display()
        );
        CONFIG.replace(
            "ecs: false",
            &format!("ecs: false, eks: {eks}, kubernetes: [{{ {context} }}]"),
        )
    };
    for eks in ["false", "{ allow_empty: [on-premises] }"] {
        let ran = run(&program(&aws, &config(eks, ", allow_empty: true"))).await;
        let next = &ran.answer.refusals[0].next;
        assert_contains!(
            next,
            "in the entry of context `on-premises` in `in_use.kubernetes`"
        );
        let own = format!(", {}, allow_empty: true", printed(&ran));
        let ran = run(&program(&aws, &config(eks, &own))).await;
        assert_eq!(unread(&ran, UnreadKind::Resource), ["example.com/Widget"]);
        assert_status!(ran.answer, Completed, "{eks}");
        push(&aws, "nobody");
    }
    let own = ", custom_resources: { exclude: ['example.com/*'] }";
    for (eks, own, problem) in [
        ("false", own.to_owned(), "it has no pods"),
        (
            "{ allow_empty: [on-premises] }",
            format!("{own}, allow_empty: false"),
            "it has no pods",
        ),
        (
            "false",
            format!("{own}, helm_history: true"),
            "`list` of `secrets` was denied",
        ),
    ] {
        site.deny("secrets");
        let ran = run(&program(&aws, &config(eks, &own))).await;
        assert_contains!(ran.error(), problem);
    }
    std::fs::remove_file(&file).unwrap();
}

/// The list of a kind may be called anything (U6).
#[tokio::test]
async fn a_list_is_a_list_whatever_it_is_called() {
    let (aws, prod) = one_cluster().await;
    for tag in ["widget", "nobody"] {
        push(&aws, tag);
    }
    prod.define("example.com", "v1", "widgets", "Widget");
    prod.name_lists("widgets", "WidgetCollection");
    let spec = json!({"image": image("widget")});
    prod.apply(custom("example.com/v1", "Widget", "web", spec));
    let ran = run(&program(&aws, CONFIG)).await;
    assert_status!(ran.answer, Completed);
    assert_eq!(aws.tags("app"), ["newest", "widget"]);
}
