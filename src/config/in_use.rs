//! The usage sources: what is written, checked and compiled.

use super::{
    EksUse, InUse, KubernetesUse, S3Objects, accounts, path::Path, policies, problems::Problems,
    raw, scalar::List, text::TextError,
};

/// Returns the sources of use as they are written.
pub(super) fn compile(written: &raw::InUse, problems: &mut Problems) -> Option<InUse> {
    let path = Path::of("in_use");
    let eks = written.eks.0.as_ref();
    let eks = eks.map(|written| self::eks(written, &path.key("eks"), problems));
    let kubernetes = contexts(&written.kubernetes, &path.key("kubernetes"), problems);
    let keep_lists = path.key("keep_lists");
    let keep_lists = problems.all_parsed(&keep_lists, &written.keep_lists, S3Objects::parse);
    let services = written.services.items();
    let services = services.map(|(index, service)| (index, *service));
    let services = problems.distinct(&path.key("services"), services);
    let accounts = accounts::accounts(&written.accounts, &path.key("accounts"), problems);
    let organization = written
        .organization
        .as_ref()
        .map(|written| accounts::organization(written, &path.key("organization"), problems));
    Some(InUse {
        ecs: written.ecs.0.clone(),
        eks: match eks {
            Some(eks) => Some(eks?),
            None => None,
        },
        kubernetes: kubernetes?,
        lambda: written.lambda.0.is_some(),
        services,
        accounts,
        organization: match organization {
            Some(organization) => Some(organization?),
            None => None,
        },
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
    let in_exclude = path.key("custom_resources").key("exclude");
    let exclude = &written.custom_resources.exclude;
    problems.all_parsed(&in_exclude, exclude, check_kind);
    let exclude = policies::globs(exclude, &in_exclude, problems);
    Some(EksUse {
        clusters: clusters?,
        allow_empty: written.allow_empty.0.iter().flatten().cloned().collect(),
        helm_history: written.helm_history,
        exclude: exclude?,
    })
}

/// Reason for which a glob on `GROUP/KIND` cannot leave out kinds.
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
    let is_kind =
        |(group, kind): &(&str, &str)| !group.is_empty() && !kind.is_empty() && !kind.contains('/');
    match text.split_once('/').filter(is_kind) {
        Some(("apps" | "batch", _)) => Err(KindError::Workload),
        Some(("core", kind)) if kind != "ConfigMap" => Err(KindError::BuiltIn),
        Some((group, _)) if group.starts_with('*') => Err(KindError::Group),
        Some(_) => Ok(()),
        None => {
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
    policies::all_of(contexts)
}
