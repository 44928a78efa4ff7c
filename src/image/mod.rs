//! The vocabulary: what an image, its digest, its tags and a reference to it are.
//!
//! Everything here is parsed once, at the edge, and is pure: no SDK type, no clock, no I/O. Sizes matter, since a
//! registry of a million images has to fit into a function of 512 MB: a digest is 32 bytes, a time is 8, and only
//! what is unusual about an image is boxed.

mod attachment;
mod aws;
mod digest;
mod media_type;
mod name;
mod partition;
mod reference;
mod stored;
mod time;

pub use attachment::Attachment;
pub use aws::{AccountId, Arn, AwsNameError, Region};
pub use digest::{Digest, DigestError};
pub use media_type::{ArtifactType, MANIFEST_MEDIA_TYPES, MediaType};
pub use name::{NameError, RepositoryName, Tag};
pub use partition::Partition;
pub use reference::{Aliases, ImageReference, Parsed, ReferenceError, Registry};
pub use stored::{Archival, Image, Status};
pub use time::Time;
