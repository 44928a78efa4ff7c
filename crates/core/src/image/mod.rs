//! Images, their digests and tags, and references to them.
//!
//! Text is parsed once, at the edge. Sizes matter, since a registry of a million images has to fit
//! into a function of 320 MB: a digest is 32 bytes, a time is 8, text that recurs is kept once, and only
//! what is unusual about an image is boxed.

mod attachment;
mod aws;
mod digest;
mod escape;
mod interned;
mod media_type;
mod name;
mod partition;
mod reference;
mod stored;
mod tags;
mod time;
mod typed;

pub use attachment::Attachment;
pub use aws::{AccountId, Arn, AwsNameError, Region};
pub use digest::{Digest, DigestError};
pub use escape::{escaped, escaped_lines};
pub use interned::Interned;
pub use media_type::{ArtifactType, MANIFEST_MEDIA_TYPES, MediaType};
pub use name::{NameError, RepositoryName, Tag};
pub use partition::Partition;
pub use reference::{
    Aliases, ImageReference, Parsed, ReferenceError, ReferenceProblem, Registry,
    TypedReferenceError,
};
pub use stored::{Archival, Image, Status};
pub use tags::{KnownTags, Tags};
pub use time::Time;
pub use typed::TypedImage;
