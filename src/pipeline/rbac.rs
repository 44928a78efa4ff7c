//! What a cluster has to grant.

use super::Program;
use crate::{
    aws::ApiError,
    config::KubernetesUse,
    evidence::SourceError,
    kubernetes::{ClusterRole, Context, Settings},
    sources::eks,
};

/// A cluster whose kinds cannot be discovered.
#[derive(Debug, thiserror::Error)]
pub enum RbacError {
    /// A call of AWS failed.
    #[error(transparent)]
    Call(#[from] ApiError),
    /// The cluster cannot be reached, or does not say what it has.
    #[error(transparent)]
    Cluster(#[from] SourceError),
    /// `in_use.eks` is `false`.
    #[error("`in_use.eks` is off, so no cluster of Amazon EKS is read")]
    Off,
    /// There is no such cluster.
    #[error("there is no cluster `{name}` in {location}")]
    Unknown {
        /// Its name.
        name: String,
        /// Account and Region.
        location: String,
    },
}

impl Program {
    /// Returns what the cluster of a context has to grant. Calls nothing of AWS.
    ///
    /// # Errors
    /// Returns an error if the cluster does not say what it has.
    pub async fn cluster_role_of_context(
        &self,
        kubeconfig: &str,
        context: &str,
    ) -> Result<ClusterRole, RbacError> {
        let in_use = &self.config.in_use;
        let unnamed = KubernetesUse {
            kubeconfig: kubeconfig.to_owned(),
            context: context.to_owned(),
            allow_empty: None,
            helm_history: None,
            exclude: None,
        };
        let configured = in_use.kubernetes.iter().find(|it| it.context == context);
        let settings = Settings::of_context(in_use.eks.as_ref(), configured.unwrap_or(&unnamed));
        let named = Context {
            file: kubeconfig,
            name: context,
        };
        let discovered = match named.client(self.cluster_timeouts) {
            Ok(client) => ClusterRole::discover(context, &client, &settings).await,
            Err(problem) => Err(problem),
        };
        let error = |problem| SourceError::from(settings.error(problem, context, None));
        Ok(discovered.map_err(error)?)
    }

    /// Returns what a cluster of Amazon EKS has to grant, in the caller's own account and Region.
    ///
    /// # Errors
    /// Returns an error if the cluster cannot be found, or does not say what it has.
    pub async fn cluster_role_of_eks(&self, name: &str) -> Result<ClusterRole, RbacError> {
        let own = self.clients.identity().await?;
        let location = &own.registry;
        let eks = self.eks_in(location, &self.clients, &eks::pages());
        let clusters = eks.ok_or(RbacError::Off)?.clusters().await?;
        let found = clusters.into_iter().find(|cluster| cluster.cluster == name);
        let found = found.ok_or_else(|| RbacError::Unknown {
            name: name.to_owned(),
            location: location.to_string(),
        })?;
        Ok(found.cluster_role().await.map_err(SourceError::from)?)
    }
}
