//! Two clusters, a repository, and a run.

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use ecr_cleanup::{
    aws::Clients,
    config::{Config, Mode},
    kubernetes::Patience,
    report::Answer,
    run::{Program, Request},
    usage::Coverage,
};
use simulated_aws::{EksCluster, Push, SimulatedAws, days_ago};
use simulated_cluster::{Signer, SimulatedCluster};
use std::time::Duration;

pub(crate) const HOST: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
pub(crate) const SECRET: &str = "simulated-secret";

/// The sources and policies of most tests: Kubernetes alone, one image kept by its age.
pub(crate) const CONFIG: &str = "
mode: delete
policies: [{ repositories: ['**'], keep: [{ tags: '.', newest: 1 }], delete_unmatched: true }]
in_use: { ecs: false, lambda: false }
guards: { allow_no_usage: true }
";

pub(crate) fn patience() -> Patience {
    Patience {
        attempts: 2,
        first_backoff: Duration::from_millis(1),
        connect: Duration::from_secs(5),
        answer: Duration::from_secs(10),
    }
}

/// A simulated account whose only cluster, `prod`, has a user of the image `app:base`.
pub(crate) async fn one_cluster() -> (SimulatedAws, SimulatedCluster) {
    let aws = SimulatedAws::start().await;
    let prod = add_cluster(&aws, "prod").await;
    (aws, prod)
}

/// A cluster that EKS describes and that accepts only tokens made for it.
pub(crate) async fn add_cluster(aws: &SimulatedAws, name: &str) -> SimulatedCluster {
    let cluster = SimulatedCluster::start(name).await;
    cluster.only(Signer::new("eu-west-1", SECRET));
    cluster.apply(crate::objects::deployment("kube-system", "coredns", "registry.k8s.io/coredns:1"));
    describe(aws, name, EksCluster::active(cluster.endpoint(), cluster.authority()));
    cluster
}

pub(crate) fn describe(aws: &SimulatedAws, name: &str, cluster: EksCluster) {
    aws.edit(|world| world.home().eks.insert(name.to_owned(), cluster));
}

/// Pushes an old image with this tag, unless it is there one that is newer than all old ones, and answers the old
/// one's digest.
pub(crate) fn push(aws: &SimulatedAws, tag: &str) -> String {
    aws.edit(|world| {
        let app = world.home().repository("app");
        if app.digest("newest").is_none() {
            app.push(Push::image().tag("newest").pushed_at(days_ago(1)));
        }
        app.push(Push::image().tag(tag).pushed_at(days_ago(90)))
    })
}

pub(crate) async fn clients(aws: &SimulatedAws, patience: Patience) -> Clients {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(aws.endpoint())
        .region(Region::from_static("eu-west-1"))
        .credentials_provider(Credentials::new("AKIAHOME", SECRET, None, None, "test"))
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .load()
        .await;
    Clients::new(&config, false).with_patience(patience)
}

pub(crate) async fn program(aws: &SimulatedAws, config: &str) -> Program {
    program_with(aws, config, patience()).await
}

pub(crate) async fn program_with(aws: &SimulatedAws, config: &str, patience: Patience) -> Program {
    Program::new(Config::parse(config).unwrap(), clients(aws, patience).await)
}

/// What became of a run, and why images stayed.
pub(crate) struct Ran {
    pub(crate) answer: Answer,
    /// Each tag with the reasons of its image, for those that stay.
    kept: Vec<(String, Vec<String>)>,
}

impl Ran {
    /// Why the image of a tag stays; empty if it goes.
    pub(crate) fn why(&self, tag: &str) -> String {
        let kept = self.kept.iter().find(|(kept, _)| kept == tag);
        kept.map(|(_, reasons)| reasons.join("; ")).unwrap_or_default()
    }

    /// What a cluster said; panics if there is not exactly one such coverage.
    pub(crate) fn coverage(&self, cluster: &str) -> &Coverage {
        let mut of = self.answer.in_use.iter().filter(|coverage| coverage.cluster.as_deref() == Some(cluster));
        let coverage = of.next().unwrap_or_else(|| panic!("{cluster}: {:?}", self.answer.in_use));
        assert_eq!(of.next(), None);
        coverage
    }

    /// The error of the only source that is incomplete.
    pub(crate) fn error(&self) -> &str {
        let errors: Vec<_> = self.answer.in_use.iter().filter_map(|coverage| coverage.error.as_deref()).collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors[0]
    }
}

/// A run that deletes.
pub(crate) async fn run(program: &Program) -> Ran {
    let prepared = program.prepare(Request { mode: Mode::Delete, only: None, stop_at: None }).await.unwrap();
    let mut kept = Vec::new();
    for repository in &prepared.plan.repositories {
        for (image, verdict) in repository.images().filter(|(_, verdict)| !verdict.deletes()) {
            kept.extend(image.tags.iter().map(|tag| (tag.to_string(), repository.because(verdict))));
        }
    }
    let answer = prepared.finish().await.answer;
    Ran { answer, kept }
}
