//! Where use is looked for: what is written, checked and compiled.

use super::{
    EcsUse, EksUse, InUse, KubernetesUse, S3Objects, accounts,
    path::Path,
    policies,
    problems::Problems,
    raw,
    scalar::{List, Switch},
    text::TextError,
};

/// Returns the sources of use as they are written.
pub(super) fn compile(written: &raw::InUse, problems: &mut Problems) -> Option<InUse> {
    let path = Path::of_keys("in_use");
    let eks = match &written.eks {
        Switch::Off => Some(None),
        Switch::On(written) => eks(written, &path.key("eks"), problems).map(Some),
    };
    let kubernetes = contexts(&written.kubernetes, &path.key("kubernetes"), problems);
    let keep_lists = path.key("keep_lists");
    let keep_lists = problems.all_parsed(&keep_lists, &written.keep_lists, S3Objects::parse);
    let services = written
        .services
        .items()
        .map(|(index, service)| (index, *service));
    let services = problems.distinct(&path.key("services"), services);
    let accounts = accounts::accounts(&written.accounts, &path.key("accounts"), problems);
    Some(InUse {
        ecs: match &written.ecs {
            Switch::Off => None,
            Switch::On(ecs) => Some(EcsUse {
                task_definitions: ecs.task_definitions,
            }),
        },
        eks: eks?,
        kubernetes: kubernetes?,
        lambda: matches!(written.lambda, Switch::On(_)),
        services,
        accounts,
        keep_lists: keep_lists.into_iter().map(|(_, objects)| objects).collect(),
    })
}

fn eks(written: &raw::Eks, path: &Path, problems: &mut Problems) -> Option<EksUse> {
    let clusters = path.key("clusters");
    let clusters = if written.clusters.0.is_empty() {
        let message = "expected a glob; every cluster is `**`, and none is `eks: false`";
        problems.add(&clusters, message);
        None
    } else {
        policies::globs(&written.clusters, &clusters, problems)
    };
    let exclude = path.key("custom_resources").key("exclude");
    let written_exclude = &written.custom_resources.exclude;
    let kinds = problems.all_parsed(&exclude, written_exclude, check_kind);
    let all_good = kinds.len() == written_exclude.items().count();
    let exclude = policies::globs(written_exclude, &exclude, problems).filter(|_| all_good);
    Some(EksUse {
        clusters: clusters?,
        allow_empty: texts(&written.allow_empty),
        helm_history: written.helm_history,
        exclude: exclude?,
    })
}

/// Why a glob on `GROUP/KIND` cannot leave out kinds.
#[derive(Debug, thiserror::Error)]
enum KindError {
    #[error("names built-in workloads, which are always read")]
    Workload,
    #[error("of the built-in kinds only `core/ConfigMap` can be left out")]
    BuiltIn,
    #[error("expected one group: `*` stands for kinds")]
    Group,
    #[error(transparent)]
    Form(TextError),
}

fn check_kind(text: &str) -> Result<(), KindError> {
    match text.split_once('/') {
        Some((group, kind)) if !group.is_empty() && !kind.is_empty() && !kind.contains('/') => {
            match group {
                "apps" | "batch" => Err(KindError::Workload),
                "core" if kind != "ConfigMap" => Err(KindError::BuiltIn),
                _ if group.starts_with('*') => Err(KindError::Group),
                _ => Ok(()),
            }
        }
        _ => {
            let expected = "`GROUP/KIND` or `GROUP/*`, such as `argoproj.io/Workflow`";
            Err(KindError::Form(TextError::new(expected, text)))
        }
    }
}

fn contexts(
    written: &List<raw::Context>,
    path: &Path,
    problems: &mut Problems,
) -> Option<Vec<KubernetesUse>> {
    let contexts = written.items().map(|(index, written)| {
        let path = path.index(index);
        let kubeconfig = problems.required(&path, "kubeconfig", written.kubeconfig.clone());
        let context = problems.required(&path, "context", written.context.clone());
        Some(KubernetesUse {
            kubeconfig: kubeconfig?,
            context: context?,
        })
    });
    let contexts: Vec<_> = contexts.collect();
    contexts.into_iter().collect()
}

fn texts(written: &List<String>) -> Vec<String> {
    written.items().map(|(_, text)| text.clone()).collect()
}
