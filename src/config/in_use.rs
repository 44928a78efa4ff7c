//! The usage sources: what is written, checked and compiled.

use super::{
    ClusterGlobs, EksUse, InUse, KubernetesUse, Regions, S3Objects, Service, Services, accounts,
    exclude,
    path::Path,
    policies,
    problems::{Problems, all_of},
    raw::{self, RegionsWord, ServicesWord},
    registry,
    scalar::{List, WordOrList},
};
use crate::policy::RepositoryGlobs;

/// Returns the sources of use as they are written.
pub(super) fn compile(written: &raw::InUse, problems: &mut Problems) -> Option<InUse> {
    let path = Path::of("in_use");
    let eks = written.eks.0.as_ref();
    let eks = eks.map(|written| self::eks(written, &path.key("eks"), problems));
    let kubernetes = contexts(&written.kubernetes, &path.key("kubernetes"), problems);
    let keep_lists = path.key("keep_lists");
    let keep_lists = problems.all_parsed(&keep_lists, &written.keep_lists, S3Objects::parse);
    let services = services(&written.services, &path.key("services"), problems);
    let regions = regions(&written.regions, &path.key("regions"), problems);
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
        cloudformation: written.cloudformation,
        regions,
        accounts,
        organization: match organization {
            Some(organization) => Some(organization?),
            None => None,
        },
        keep_lists: keep_lists.into_iter().map(|(_, objects)| objects).collect(),
    })
}

fn services(
    written: &WordOrList<ServicesWord, Service>,
    path: &Path,
    problems: &mut Problems,
) -> Services {
    match written {
        WordOrList::Word(ServicesWord::Auto) => Services::Auto,
        WordOrList::Word(ServicesWord::All) => Services::Demanded(Service::ALL.to_vec()),
        WordOrList::Word(ServicesWord::Off) => Services::Demanded(Vec::new()),
        WordOrList::List(list) => {
            let named = list.items().map(|(index, service)| (index, *service));
            Services::Demanded(problems.distinct(path, named))
        }
    }
}

fn regions(
    written: &WordOrList<RegionsWord, String>,
    path: &Path,
    problems: &mut Problems,
) -> Regions {
    match written {
        WordOrList::Word(RegionsWord::Auto) => Regions::Auto,
        WordOrList::Word(RegionsWord::Own) => Regions::Own,
        WordOrList::Word(RegionsWord::All) => Regions::All,
        WordOrList::List(list) => {
            if list.0.is_empty() {
                problems.add(path, "expected a Region; none but the caller's is `own`");
            }
            let named = problems.all_parsed(path, list, registry::region);
            Regions::Named(problems.distinct(path, named))
        }
    }
}

fn eks(written: &raw::Eks, path: &Path, problems: &mut Problems) -> Option<EksUse> {
    let clusters = self::clusters(&written.clusters, &path.key("clusters"), problems);
    let exclude = self::exclude(&written.custom_resources, path, problems);
    Some(EksUse {
        clusters: clusters?,
        allow_empty: written.allow_empty.0.iter().flatten().cloned().collect(),
        helm_history: written.helm_history,
        exclude: exclude?,
    })
}

fn clusters(written: &List<String>, path: &Path, problems: &mut Problems) -> Option<ClusterGlobs> {
    let items = written.items().map(|(index, text)| (index, text.clone()));
    let (indexes, texts): (Vec<usize>, Vec<String>) = items.unzip();
    if written.0.is_empty() {
        let message = "expected a glob; every cluster is `**`, and none is `eks: false`";
        problems.add(path, message);
        return None;
    }
    if let (Some(first), Some(&index)) = (texts.first(), indexes.first())
        && first.starts_with('!')
    {
        let message =
            "leaves out what no glob before it matches; begin with `**`, for every cluster";
        problems.add(&path.index(index), message);
    }
    let globs = ClusterGlobs::new(&texts).map_err(|errors| {
        for (position, error) in errors {
            problems.add(&path.index(indexes[position]), error.to_string());
        }
    });
    globs.ok()
}

fn exclude(
    written: &raw::CustomResources,
    path: &Path,
    problems: &mut Problems,
) -> Option<RepositoryGlobs> {
    let path = path.key("custom_resources").key("exclude");
    problems.all_parsed(&path, &written.exclude, exclude::check);
    policies::globs(&written.exclude, &path, problems)
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
        let exclude = written.custom_resources.as_ref();
        let exclude = exclude.map(|written| self::exclude(written, &path, problems));
        Some(KubernetesUse {
            kubeconfig: kubeconfig?,
            context: context?,
            allow_empty: written.allow_empty,
            helm_history: written.helm_history,
            exclude: match exclude {
                Some(exclude) => Some(exclude?),
                None => None,
            },
        })
    });
    all_of(contexts)
}

impl InUse {
    /// Returns a warning about the sources that are off, if any are.
    #[must_use]
    pub fn unprotected(&self) -> Option<String> {
        let sources = [
            ("ecs", self.ecs.is_some()),
            ("eks", self.eks.is_some()),
            ("lambda", self.lambda),
        ];
        let off = sources.iter().filter(|(_, on)| !on);
        let off: Vec<String> = off
            .map(|(source, _)| format!("`in_use.{source}`"))
            .collect();
        let is = match off.len() {
            0 => return None,
            1 => "is",
            _ => "are",
        };
        let off = off.join(" and ");
        Some(format!(
            "{off} {is} off: images that are used only there are not protected"
        ))
    }
}
