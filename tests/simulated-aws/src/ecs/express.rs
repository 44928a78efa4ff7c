//! Express gateway services.

use crate::moment::Moment;
use serde::Serialize;

/// An Express gateway service.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpressService {
    /// The service's ARN.
    pub service_arn: String,
    /// Its name.
    pub service_name: String,
    /// The cluster's name.
    pub cluster: String,
    /// What it runs; several while a change rolls out.
    pub active_configurations: Vec<ExpressConfiguration>,
    /// When it was created.
    pub created_at: Moment,
}

/// One configuration of an Express gateway service.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpressConfiguration {
    /// The revision it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_revision_arn: Option<String>,
    /// The task definition ECS manages for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_definition_arn: Option<String>,
    /// Its container.
    pub primary_container: ExpressContainer,
}

/// The container of an Express gateway service.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpressContainer {
    /// The image reference.
    pub image: String,
}
