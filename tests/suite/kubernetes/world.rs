//! Two clusters, a repository, and a run.

use ecr_cleanup::{
    config::{Config, Mode},
    evidence::SourceStatus,
    image::Tag,
    kubernetes::Timeouts,
    pipeline::Program,
    plan::PlannedImage,
    report::Answer,
};
use simulated_aws::{EksCluster, Push, SimulatedAws, days_ago};
use simulated_cluster::{Signer, SimulatedCluster};
use std::time::Duration;

use crate::support::{SECRET, clients, now, request};

/// The sources and policies of most tests: Kubernetes alone, one image kept by its age.
pub(crate) const CONFIG: &str = "
mode: delete
policies: [{ repositories: ['**'], keep: [{ tags: '.', newest: 1 }], delete_unmatched: true }]
in_use: { ecs: false, lambda: false }
guards: { allow_no_usage: true }
";

pub(crate) fn timeouts() -> Timeouts {
    Timeouts {
        attempts: 2,
        first_backoff: Duration::from_millis(1),
        connect: Duration::from_secs(5),
        answer: Duration::from_secs(10),
    }
}

/// Starts a simulated account whose only cluster, `prod`, has a user of the image `app:base`.
pub(crate) async fn one_cluster() -> (SimulatedAws, SimulatedCluster) {
    let aws = SimulatedAws::start().await;
    let prod = add_cluster(&aws, "prod").await;
    (aws, prod)
}

/// Starts a cluster that EKS describes and that accepts only tokens made for it.
pub(crate) async fn add_cluster(aws: &SimulatedAws, name: &str) -> SimulatedCluster {
    let cluster = SimulatedCluster::start(name).await;
    cluster.only(signer("eu-west-1", SECRET));
    let image = "registry.k8s.io/coredns:1";
    cluster.apply(super::objects::deployment("kube-system", "coredns", image));
    let active = EksCluster::active(cluster.endpoint(), cluster.authority());
    describe(aws, name, active);
    cluster
}

/// Returns whose tokens are accepted, by the clock of the tests.
pub(crate) fn signer(region: &str, secret: &str) -> Signer {
    Signer {
        now: || u64::try_from(now().millis() / 1000).unwrap(),
        ..Signer::new(region, secret)
    }
}

pub(crate) fn describe(aws: &SimulatedAws, name: &str, cluster: EksCluster) {
    aws.edit(|world| world.home().eks.insert(name.to_owned(), cluster));
}

/// Pushes an old image with this tag, unless it is there one that is newer than all old ones, and
/// answers the old one's digest.
pub(crate) fn push(aws: &SimulatedAws, tag: &str) -> String {
    aws.edit(|world| {
        let app = world.home().repository("app");
        if app.digest("newest").is_none() {
            app.push(Push::image().tag("newest").pushed_at(days_ago(1)));
        }
        app.push(Push::image().tag(tag).pushed_at(days_ago(90)))
    })
}

pub(crate) fn program(aws: &SimulatedAws, config: &str) -> Program {
    program_with(aws, config, timeouts())
}

pub(crate) fn program_with(aws: &SimulatedAws, config: &str, timeouts: Timeouts) -> Program {
    Program::new(Config::parse(config).unwrap(), clients(aws)).with_cluster_timeouts(timeouts)
}

/// What became of a run, and why images were kept.
pub(crate) struct Ran {
    pub(crate) answer: Answer,
    /// Each tag with the reasons of its image, for those that are kept.
    kept: Vec<(String, Vec<String>)>,
}

impl Ran {
    /// Returns why the image of a tag is kept; empty if it is deleted.
    pub(crate) fn why(&self, tag: &str) -> String {
        let kept = self.kept.iter().find(|(kept, _)| kept == tag);
        kept.map(|(_, reasons)| reasons.join("; "))
            .unwrap_or_default()
    }

    /// Returns the coverage of a cluster; panics if there is not exactly one such coverage.
    pub(crate) fn coverage(&self, cluster: &str) -> &SourceStatus {
        let of = self.answer.in_use.iter();
        let of: Vec<_> = of
            .filter(|it| it.cluster.as_deref() == Some(cluster))
            .collect();
        let [coverage] = of[..] else {
            panic!("{cluster}: {:?}", self.answer.in_use)
        };
        coverage
    }

    /// Returns the error of the only source that is incomplete.
    pub(crate) fn error(&self) -> String {
        let errors = self.answer.in_use.iter().filter_map(SourceStatus::error);
        let errors: Vec<_> = errors.map(ToString::to_string).collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors[0].clone()
    }
}

/// Runs in mode `delete`.
pub(crate) async fn run(program: &Program) -> Ran {
    let planned = program.plan(request(Mode::Delete)).await.unwrap();
    let mut kept = Vec::new();
    for repository in planned.plan().repositories() {
        let images = repository.images();
        for PlannedImage { image, verdict } in images.filter(|it| !it.verdict.deletes()) {
            let because = |tag: &Tag| (tag.to_string(), repository.because(verdict));
            kept.extend(image.tags.iter().map(because));
        }
    }
    let answer = planned.finish().await.answer;
    Ran { answer, kept }
}
