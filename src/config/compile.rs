//! From what was written, completed by the defaults, to what the program uses. What is wrong between keys is found here.
//!
//! Each function records what is wrong and goes on; it gives `None` only where a problem is recorded.

use super::{
    Archive, Config, EcsUse, EksUse, InUse, KubernetesUse, S3Location, S3Objects, Service,
    TaskDefinitions, accounts,
    error::{Path, Problems, quoted},
    guards, policies,
    raw::{self, Document},
    registry,
    scalar::{self, List, Switch},
};
use crate::{image::Arn, policy::RepositoryGlobs};

/// The configuration that `document` means; `defaults` has the keep rules of policies without any.
pub(super) fn compile(
    document: &Document,
    defaults: &Document,
    problems: &mut Problems,
) -> Option<Config> {
    let root = Path::default();
    let version = required(&root, "version", document.version, problems);
    let mode = required(&root, "mode", document.mode, problems);
    let policies = required(&root, "policies", document.policies.as_ref(), problems);
    let in_use = required(&root, "in_use", document.in_use.as_ref(), problems);
    let aliases = document.registry_aliases.as_ref();
    let aliases = required(&root, "registry_aliases", aliases, problems);
    let guards = required(&root, "guards", document.guards.as_ref(), problems);
    let archive = required(&root, "archive", document.archive.as_ref(), problems);
    let cost = required(&root, "cost", document.cost.as_ref(), problems);

    if let Some(version) = version.filter(|version| version.0.get() != 1) {
        let message = format!("expected 1, the only version there is, found {}", version.0);
        problems.add_unless_known(&root.key("version"), message);
    }
    let registries = document
        .registries
        .as_ref()
        .map(|written| accounts::registries(written, problems));
    let mut default_keep = defaults.policies.iter().flat_map(List::items);
    let default_keep = default_keep.find_map(|(_, policy)| policy.keep.as_ref());
    let policies = policies.and_then(|written| policies::compile(written, default_keep, problems));
    let in_use = in_use.and_then(|written| compile_in_use(written, problems));
    let registry_aliases = aliases.map(|written| compile_aliases(written, problems));
    let guards = guards.and_then(|written| {
        let has_state = document.state.is_some() || problems.knows(&root.key("state"));
        guards::compile(written, has_state, problems)
    });
    let price = cost.and_then(|written| {
        required(
            &root.key("cost"),
            "usd_per_gb_month",
            written.usd_per_gb_month,
            problems,
        )
    });
    let state = location("state", document.state.as_ref(), problems);
    let report = location("report", document.report.as_ref(), problems);
    let notify = document.notify.as_ref();
    let notify = notify.and_then(|text| topic(text, problems));
    Some(Config {
        version: version?.0.get(),
        mode: mode?,
        registries: registries.unwrap_or_default(),
        policies: policies?,
        in_use: in_use?,
        registry_aliases: registry_aliases?,
        guards: guards?,
        state,
        report,
        notify,
        archive: Archive {
            delete_after: archive?.delete_after.map(|after| after.0),
        },
        usd_per_gb_month: price?.0,
    })
}

/// What is written for `key` of `mapping`. A gap is a problem of the mapping, unless a wrong value was taken out there.
pub(super) fn required<T>(
    mapping: &Path,
    key: &str,
    value: Option<T>,
    problems: &mut Problems,
) -> Option<T> {
    if value.is_none() {
        problems.add_unless_known(mapping, format!("`{key}` is missing"));
    }
    value
}

fn compile_in_use(written: &raw::InUse, problems: &mut Problems) -> Option<InUse> {
    let path = Path::of_keys("in_use");
    let ecs = match required(&path, "ecs", written.ecs.as_ref(), problems)? {
        Switch::Off => None,
        Switch::On(ecs) => Some(compile_ecs(ecs, &path.key("ecs"), problems)?),
    };
    let eks = match required(&path, "eks", written.eks.as_ref(), problems)? {
        Switch::Off => None,
        Switch::On(eks) => Some(compile_eks(eks, &path.key("eks"), problems)?),
    };
    let contexts = required(&path, "kubernetes", written.kubernetes.as_ref(), problems)?;
    let kubernetes = compile_contexts(contexts, &path.key("kubernetes"), problems)?;
    let lambda = matches!(
        required(&path, "lambda", written.lambda.as_ref(), problems)?,
        Switch::On(_)
    );
    let keep_lists = required(&path, "keep_lists", written.keep_lists.as_ref(), problems)?;
    let keep_lists = compile_keep_lists(keep_lists, &path.key("keep_lists"), problems);
    let services = required(&path, "services", written.services.as_ref(), problems)?;
    let services = compile_services(services, &path.key("services"), problems);
    let accounts = required(&path, "accounts", written.accounts.as_ref(), problems)?;
    let accounts = accounts::accounts(accounts, &path.key("accounts"), problems);
    Some(InUse {
        ecs,
        eks,
        kubernetes,
        lambda,
        services,
        accounts,
        keep_lists,
    })
}

fn compile_services(written: &List<Service>, path: &Path, problems: &mut Problems) -> Vec<Service> {
    let mut services = Vec::new();
    for (index, &service) in written.items() {
        if services.contains(&service) {
            problems.add(
                &path.index(index),
                format!("{} is written twice", quoted(service.name())),
            );
        } else {
            services.push(service);
        }
    }
    services
}

fn compile_keep_lists(
    written: &List<String>,
    path: &Path,
    problems: &mut Problems,
) -> Vec<S3Objects> {
    let mut lists = Vec::new();
    for (index, text) in written.items() {
        match S3Objects::parse(text) {
            Ok(objects) => lists.push(objects),
            Err(message) => problems.add(&path.index(index), message),
        }
    }
    lists
}

/// The place that `key` names; none too where it names none, which is recorded.
fn location(key: &str, written: Option<&String>, problems: &mut Problems) -> Option<S3Location> {
    S3Location::parse(written?)
        .map_err(|message| problems.add(&Path::of_keys(key), message))
        .ok()
}

fn topic(text: &str, problems: &mut Problems) -> Option<Arn> {
    let is_topic = |arn: &Arn| {
        let placed = arn.region.is_some() && arn.account.is_some();
        &*arn.service == "sns" && placed && !arn.resource.contains(':')
    };
    let topic = text.parse().ok().filter(is_topic);
    if topic.is_none() {
        let example = "arn:aws:sns:eu-west-1:111111111111:topic";
        let message = format!(
            "expected the ARN of an SNS topic, such as `{example}`, found {}",
            quoted(text)
        );
        problems.add(&Path::of_keys("notify"), message);
    }
    topic
}

fn compile_eks(written: &raw::Eks, path: &Path, problems: &mut Problems) -> Option<EksUse> {
    let clusters = required(path, "clusters", written.clusters.as_ref(), problems);
    let clusters = clusters.and_then(|written| {
        let path = path.key("clusters");
        if written.0.is_empty() {
            problems.add(
                &path,
                "expected a glob; every cluster is `**`, and none is `eks: false`",
            );
            return None;
        }
        policies::globs(written, &path, problems)
    });
    let allow_empty = required(path, "allow_empty", written.allow_empty.as_ref(), problems);
    let allow_empty =
        allow_empty.map(|names| names.items().map(|(_, name)| name.clone()).collect());
    let helm_history = required(path, "helm_history", written.helm_history, problems);
    let custom = required(
        path,
        "custom_resources",
        written.custom_resources.as_ref(),
        problems,
    );
    let exclude = custom.and_then(|custom| {
        let path = path.key("custom_resources");
        let written = required(&path, "exclude", custom.exclude.as_ref(), problems)?;
        compile_exclude(written, &path.key("exclude"), problems)
    });
    Some(EksUse {
        clusters: clusters?,
        allow_empty: allow_empty?,
        helm_history: helm_history?,
        exclude: exclude?,
    })
}

/// Globs on `GROUP/KIND`, none of which can leave out a workload.
fn compile_exclude(
    written: &List<String>,
    path: &Path,
    problems: &mut Problems,
) -> Option<RepositoryGlobs> {
    let mut all_good = true;
    for (index, text) in written.items() {
        let message = match text.split_once('/') {
            Some((group, kind)) if group.is_empty() || kind.is_empty() || kind.contains('/') => {
                None
            }
            Some(("apps" | "batch", _)) => {
                Some("names built-in workloads, which are always read".to_owned())
            }
            Some(("core", kind)) if kind != "ConfigMap" => {
                Some("of the built-in kinds only `core/ConfigMap` can be left out".to_owned())
            }
            Some((group, _)) if group.starts_with('*') => {
                Some("expected one group: `*` stands for kinds".to_owned())
            }
            Some(_) => continue,
            None => None,
        };
        let message = message.unwrap_or_else(|| {
            format!(
                "expected `GROUP/KIND` or `GROUP/*`, such as `argoproj.io/Workflow`, found {}",
                quoted(text)
            )
        });
        problems.add(&path.index(index), message);
        all_good = false;
    }
    policies::globs(written, path, problems).filter(|_| all_good)
}

fn compile_contexts(
    written: &List<raw::Context>,
    path: &Path,
    problems: &mut Problems,
) -> Option<Vec<KubernetesUse>> {
    let contexts: Vec<Option<KubernetesUse>> = written
        .items()
        .map(|(index, written)| {
            let path = path.index(index);
            let kubeconfig = required(&path, "kubeconfig", written.kubeconfig.clone(), problems);
            let context = required(&path, "context", written.context.clone(), problems);
            Some(KubernetesUse {
                kubeconfig: kubeconfig?,
                context: context?,
            })
        })
        .collect();
    contexts.into_iter().collect()
}

fn compile_ecs(written: &raw::Ecs, path: &Path, problems: &mut Problems) -> Option<EcsUse> {
    let definitions = written.task_definitions;
    let task_definitions = match required(path, "task_definitions", definitions, problems)? {
        scalar::TaskDefinitions::Active => TaskDefinitions::Active,
        scalar::TaskDefinitions::Referenced => TaskDefinitions::Referenced,
        scalar::TaskDefinitions::Newest(newest) => {
            let path = path.key("task_definitions");
            TaskDefinitions::Newest(required(&path, "newest", newest, problems)?.0)
        }
    };
    Some(EcsUse { task_definitions })
}

fn compile_aliases(written: &List<String>, problems: &mut Problems) -> Vec<String> {
    let path = Path::of_keys("registry_aliases");
    let mut aliases = Vec::new();
    for (index, alias) in written.items() {
        match registry::alias(alias) {
            Ok(alias) if aliases.contains(&alias) => {
                problems.add(
                    &path.index(index),
                    format!("{} is written twice", quoted(&alias)),
                );
            }
            Ok(alias) => aliases.push(alias),
            Err(message) => problems.add(&path.index(index), message),
        }
    }
    aliases
}
