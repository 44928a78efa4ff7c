//! A Kubernetes API server as ecr-cleanup sees it, over HTTPS on this machine, for its tests.
//!
//! It has its own certificate authority, checks tokens as Amazon EKS does (`token.rs`), denies by
//! RBAC, lists in pages with tokens, offers discovery in both forms, and holds objects of any kind
//! from plain manifests. What goes wrong is said by [`Fault`].
//!
//! * [`SimulatedCluster`]: the server, what tests apply, break and count.
//! * [`Fault`], [`FaultKind`]: what goes wrong, with which kind and on which page.

mod answer;
mod fault;
mod server;
mod state;
mod tls;
mod token;

pub use fault::{Fault, FaultKind};
pub use server::SimulatedCluster;
pub use state::Resource;
pub use tls::Certificates;
pub use token::Signer;
