//! What one Kubernetes cluster uses, of EKS or any other.

use std::sync::Arc;

use futures::{FutureExt, future::LocalBoxFuture};
use tokio::sync::Semaphore;

use super::{Reading, Source};
use crate::{
    aws::Clients,
    evidence::{SourceError, Unread, UnreadKind, Uses},
    image::Registry,
    kubernetes::{
        Cluster, ClusterError, ClusterRole, Context, Origin, Problem, Rule, Settings, Timeouts,
    },
};

/// A cluster as a source.
pub(crate) struct ClusterSource {
    /// Source that it belongs to: `eks` or `kubernetes`.
    pub(crate) name: &'static str,
    pub(crate) cluster: String,
    /// Account and Region that it belongs to, or was configured in.
    pub(crate) location: Registry,
    /// Clients of its account, if it is of Amazon EKS.
    pub(crate) clients: Option<Clients>,
    pub(crate) treatment: Treatment,
}

/// Treatment of a cluster.
pub(crate) enum Treatment {
    Read(Box<Cluster>, Settings),
    /// Nothing runs in it; the note says why.
    Skip(&'static str),
    /// The configuration leaves it out.
    LeaveOut(Unread),
    Fail(ClusterError),
}

impl ClusterSource {
    /// Makes the source for a context of a kubeconfig.
    pub(crate) fn from_context(
        context: &Context<'_>,
        location: Registry,
        settings: Settings,
        timeouts: Timeouts,
        pages: &Arc<Semaphore>,
    ) -> Self {
        let treatment = match context.client(timeouts) {
            Ok(client) => {
                let cluster = Cluster {
                    name: context.name.to_owned(),
                    location: location.clone(),
                    client,
                    pages: Arc::clone(pages),
                };
                Treatment::Read(Box::new(cluster), settings)
            }
            Err(problem) => Treatment::Fail(problem.of(context.name)),
        };
        Self {
            name: "kubernetes",
            cluster: context.name.to_owned(),
            location,
            clients: None,
            treatment,
        }
    }

    /// Returns the permissions that are missing to read it, and what else is wrong.
    pub(crate) async fn missing(&self) -> (Vec<Rule>, Vec<ClusterError>) {
        match &self.treatment {
            Treatment::Read(cluster, settings) => {
                let missing = cluster.missing(settings).await;
                let mut errors = Vec::new();
                for problem in missing.problems {
                    errors.push(self.error(settings, problem).await);
                }
                (missing.rules, errors)
            }
            Treatment::Skip(_) | Treatment::LeaveOut(_) => (Vec::new(), Vec::new()),
            Treatment::Fail(error) => (Vec::new(), vec![error.clone()]),
        }
    }

    /// Returns what it has to grant.
    pub(crate) async fn cluster_role(&self) -> Result<ClusterRole, ClusterError> {
        let not_read = |why: &str| Err(Problem::NotRead(why.to_owned()).of(&self.cluster));
        match &self.treatment {
            Treatment::Read(cluster, settings) => {
                match ClusterRole::discover(&self.cluster, &cluster.client, settings).await {
                    Ok(role) => Ok(role),
                    Err(problem) => Err(self.error(settings, problem).await),
                }
            }
            Treatment::Skip(why) => not_read(why),
            Treatment::LeaveOut(unread) => not_read(&unread.why),
            Treatment::Fail(error) => Err(error.clone()),
        }
    }

    /// Returns the error of a problem with it, with what to do.
    async fn error(&self, settings: &Settings, problem: Problem) -> ClusterError {
        let principal = match (&problem, &self.clients) {
            (Problem::Unauthorized { .. }, Some(clients)) => clients.identity().await.ok(),
            _ => None,
        };
        let principal = principal.map(|identity| role_arn(&identity.arn));
        settings.error(problem, &self.cluster, principal.as_deref())
    }

    /// Returns what is not read of it.
    fn unread(&self, settings: &Settings) -> Vec<Unread> {
        let (cluster, location) = (&self.cluster, Some(&self.location));
        let key = match settings.origin {
            Origin::Eks(_) => "in_use.eks",
            Origin::Context => "in_use.kubernetes",
        };
        let excluded = settings.exclusions.used().into_iter().map(|exclusion| {
            let why = format!("`custom_resources.exclude` leaves it out of cluster `{cluster}`");
            let setting = "take it out of that list";
            Unread::new(UnreadKind::Resource, exclusion, location, why, setting)
        });
        let mut unread: Vec<Unread> = excluded.collect();
        if !settings.helm_history {
            let why = "images that only stored Helm releases or other Secrets name are not seen";
            let setting = format!(
                "for Helm releases set `helm_history: true` in `{key}` and apply `infra/kubernetes/helm-history.yaml`"
            );
            let kind = UnreadKind::Secrets;
            unread.push(Unread::new(kind, cluster, location, why, setting));
        }
        unread
    }
}

/// Returns the ARN of the role of a session, as far as it shows: without the path of the role. Any
/// other ARN is returned as it is.
fn role_arn(caller: &str) -> String {
    let session = caller
        .split_once(":sts:")
        .zip(caller.split_once(":assumed-role/"));
    let role = session.and_then(|((partition, _), (before, role))| {
        let (_, account) = before.rsplit_once(':')?;
        let (role, _) = role.split_once('/')?;
        Some(format!("{partition}:iam::{account}:role/{role}"))
    });
    role.unwrap_or_else(|| caller.to_owned())
}

impl Source for ClusterSource {
    fn name(&self) -> &'static str {
        self.name
    }

    fn location(&self) -> &Registry {
        &self.location
    }

    fn cluster(&self) -> Option<&str> {
        Some(&self.cluster)
    }

    fn read<'a>(&'a self, uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>> {
        async move {
            let mut reading = Reading::default();
            match &self.treatment {
                Treatment::Read(cluster, settings) => {
                    if let Err(problem) = cluster.read(settings, uses).await {
                        return Err(self.error(settings, problem).await.into());
                    }
                    reading.unread = self.unread(settings);
                }
                Treatment::LeaveOut(unread) => {
                    reading.note = Some(format!("not read: {}", unread.why));
                    reading.unread = vec![unread.clone()];
                }
                Treatment::Skip(why) => reading.note = Some((*why).to_owned()),
                Treatment::Fail(error) => return Err(error.clone().into()),
            }
            Ok(reading)
        }
        .boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_of_a_session_is_what_a_cluster_knows() {
        for (caller, role) in [
            (
                "arn:aws:sts::111111111111:assumed-role/cleaner/run",
                "arn:aws:iam::111111111111:role/cleaner",
            ),
            (
                "arn:aws-cn:sts::111111111111:assumed-role/cleaner/run",
                "arn:aws-cn:iam::111111111111:role/cleaner",
            ),
            (
                "arn:aws:iam::111111111111:user/team/alice",
                "arn:aws:iam::111111111111:user/team/alice",
            ),
        ] {
            assert_eq!(role_arn(caller), role);
        }
    }
}
