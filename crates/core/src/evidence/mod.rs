//! What is in use: uses of images, their users, and whether everything was read.

mod beside;
mod document;
mod doubt;
mod error;
mod first_sights;
mod index;
mod ledger;
mod lines;
mod mention;
mod object;
mod parts;
mod path;
mod push;
mod reference;
mod set;
mod status;
mod stored;
mod template;
mod text;
mod unread;
mod user;
mod uses;

use std::collections::BTreeSet;

pub use document::{Document, DocumentError};
pub use doubt::Doubt;
pub use error::SourceError;
pub use index::{InUse, TagPull, UsageIndex};
pub use ledger::{LastUse, Listed, RepositoryLedger, UseLedger};
pub use mention::{Mentioned, Narrowing, Words};
pub use object::Mentions;
pub use parts::Parts;
pub use reference::Reference;
pub use set::{CLOCK_SKEW, Gap, Origin, Piece, PieceKey, Terms, Unreadable, assemble};
pub use status::{Coverage, SourceStatus};
pub use stored::{Resolved, StoredUsage};
pub use text::{Hit, TextScanner};
pub use unread::{OTHERS, Unread, UnreadGroup, UnreadKind};
pub use user::User;
pub use uses::{EvidenceKind, Use, UsedImage, Uses};

use crate::image::Registry;

/// Findings of one source in one location.
#[derive(Debug)]
pub struct Evidence {
    /// Source, location and completeness.
    pub status: SourceStatus,
    /// Uses, also of a source that is not complete.
    pub uses: Vec<Use>,
    /// Further accounts and Regions whose use this is.
    pub locations: BTreeSet<Registry>,
    /// Things that it did not read, though it is complete otherwise (P7).
    pub unread: Vec<Unread>,
}
