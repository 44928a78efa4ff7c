//! Account Management, AWS Config, Amazon ECR, ECS, EKS, Lambda, SNS, SSM, STS and S3 as ecr-cleanup sees them, over HTTP on this
//! machine.
//!
//! The unmodified AWS SDK talks to it by its endpoint URL, so that a test exercises paging, retries
//! and error parsing as they are in production. They do what AWS documents of them; where it
//! documents nothing, the choice made here is said at the item that makes it.
//!
//! * [`SimulatedAws`]: the server, what tests edit, read, break and count.
//! * [`World`]: the state, per account and Region ([`Region`]), plain data with helpers.
//! * [`Fault`] and [`FaultKind`]: what goes wrong, and on which call; [`Gate`]: whose answers wait.
//! * [`Call`]: the record of what was asked.
//! * [`Scripted`]: what Batch, `CodeBuild` and other services answer, as a test says it.
//!
//! Everything is deterministic: the clock is [`World::now`] and made-up digests and ARNs follow
//! from the order of the edits. The real clock is used only where latency, delays or rate limits
//! are asked for.

mod account;
mod cloudformation;
mod connection;
mod ecr;
mod ecs;
mod eks;
mod error;
mod exchange;
mod fault;
mod gate;
mod input;
mod lambda;
mod limits;
mod moment;
mod organizations;
mod page;
mod record;
mod recorder;
mod request;
mod reshape;
mod s3;
mod scripted;
mod server;
mod sns;
mod ssm;
mod sts;
mod world;

pub use cloudformation::{ChangeSet, Stack, Stacks, Template};
pub use ecr::image::Image;
pub use ecr::manifest::{CONFIG, INDEX, MANIFEST, MANIFEST_LIST};
pub use ecr::push::Push;
pub use ecr::registry::{PullThroughCacheRule, Registry};
pub use ecr::repository::Repository;
pub use ecs::daemon::{Daemon, DaemonDeployment, DaemonRevision, DaemonTaskDefinition};
pub use ecs::express::{ExpressConfiguration, ExpressContainer, ExpressService};
pub use ecs::service::{
    Deployment, RevisionReference, Service, ServiceDeployment, ServiceRevision, TaskSet,
};
pub use ecs::state::{Cluster, Ecs};
pub use ecs::task::{Container, ContainerDefinition, ContainerImage, Task, TaskDefinition};
pub use eks::EksCluster;
pub use fault::{Fault, FaultKind};
pub use gate::Gate;
pub use lambda::{Function, FunctionVersion};
pub use limits::RateLimits;
pub use moment::{Moment, days_ago, hours_ago};
pub use organizations::Organization;
pub use record::Call;
pub use s3::Object;
pub use scripted::Scripted;
pub use server::{Builder, SimulatedAws};
pub use sns::Message;
pub use world::{Deletion, Identity, Location, Region, Trust, World};
