//! What Kubernetes clusters use, from the clusters of a simulated EKS to what is deleted in a
//! simulated ECR.

mod access;
mod api_server;
mod conformance;
mod faults;
mod history;
pub(crate) mod objects;
mod rbac;
mod reaching;
mod users;
mod ways_out;
pub(crate) mod world;
