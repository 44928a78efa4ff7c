//! What a source gathers: references to images, and who holds them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde::Serialize;

use super::{
    Source, User, Users,
    mention::{Mentions, Words},
    pulls::Pulls,
    through::{Host, Through},
};
use crate::image::{
    AccountId, Aliases, Digest, ImageReference, Parsed, ReferenceError, RepositoryName,
};

/// Gathers the references of one source.
pub struct Collector {
    aliases: Arc<Aliases>,
    pub(super) found: BTreeMap<Reference, Users>,
    pub(super) mentions: Mentions,
    pub(super) pulls: Pulls,
    pub(super) through: Through,
    pub(super) sources: Vec<Box<dyn Source>>,
    pub(super) accounts: BTreeSet<AccountId>,
    pub(super) note: Option<String>,
}

/// A reference that counts as use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// An image of a repository.
    Image(ImageReference),
    /// A digest in any repository.
    Digest(Digest),
    /// Some image of a repository: which one, is said elsewhere or not at all.
    Repository(RepositoryName),
}

impl Reference {
    /// The reference with as much of its digest as tells images apart to a person.
    #[must_use]
    pub fn short(&self) -> String {
        match self {
            Self::Image(reference) => reference.short(),
            Self::Digest(digest) => digest.short(),
            Self::Repository(repository) => repository.to_string(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(reference) => reference.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
            Self::Repository(repository) => write!(f, "{repository} (some image of it)"),
        }
    }
}

impl Serialize for Reference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Collector {
    /// A collector that knows the names which stand for the registries.
    #[must_use]
    pub fn new(aliases: Arc<Aliases>) -> Self {
        Self {
            aliases,
            found: BTreeMap::new(),
            mentions: Mentions::default(),
            pulls: Pulls::default(),
            through: Through::default(),
            sources: Vec::new(),
            accounts: BTreeSet::new(),
            note: None,
        }
    }

    /// The names that stand for the registries.
    pub(crate) fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// Adds a source that came to light: it is read next, with a coverage of its own.
    pub fn add_source(&mut self, source: impl Source + 'static) {
        self.sources.push(Box::new(source));
    }

    /// Says what else is to be known about the source.
    pub fn add_note(&mut self, note: impl Into<String>) {
        self.note = Some(note.into());
    }

    /// Says that this is what another account uses.
    pub(crate) fn add_account(&mut self, account: AccountId) {
        self.accounts.insert(account);
    }

    /// Notes that `user` names a digest, whatever repository it is in.
    pub fn add_digest(&mut self, user: &Arc<User>, digest: Digest) {
        self.note(user, Reference::Digest(digest));
    }

    /// Notes that `user` names a repository, and beside it words of which one may be the tag; none: it may be any.
    pub(crate) fn add_mention(
        &mut self,
        user: &Arc<User>,
        repository: RepositoryName,
        words: Option<Words>,
    ) {
        self.note(user, Reference::Repository(repository.clone()));
        self.mentions.add(user, repository, words);
    }

    /// Notes that `user` names `image` and, if it is known, the digest that this was resolved to.
    ///
    /// # Errors
    /// Where the text or the digest looks like ECR and cannot be understood (U2).
    pub fn add(
        &mut self,
        user: &Arc<User>,
        image: &str,
        digest: Option<&str>,
    ) -> Result<(), ReferenceError> {
        let parsed = ImageReference::parse(image, &self.aliases)?;
        let resolved = match digest.map(str::parse::<Digest>) {
            Some(Err(error)) if matches!(parsed, Parsed::Ecr(_)) => {
                return Err(ReferenceError::new(image, error));
            }
            resolved => resolved.and_then(Result::ok),
        };
        match parsed {
            Parsed::Ecr(mut reference) => {
                if let Some(resolved) = resolved
                    && resolved != *reference.digest.get_or_insert(resolved)
                {
                    self.note(user, Reference::Digest(resolved));
                }
                self.through
                    .add(user, Host::Ecr(reference.registry.clone()), &reference);
                self.note(user, Reference::Image(reference));
            }
            Parsed::Digest(digest) => self.note_digests(user, [Some(digest), resolved]),
            Parsed::Elsewhere(digest) => {
                if let Some(reference) = ImageReference::parse_elsewhere(image) {
                    self.through.add(user, Host::Elsewhere, &reference);
                }
                self.note_digests(user, [digest, resolved]);
            }
        }
        Ok(())
    }

    /// Notes that `user` pulls `image` so, as it is written, and what it got by that, if it says so.
    pub(crate) fn add_pull(&mut self, user: &Arc<User>, image: &str, resolved: Option<&str>) {
        let digest =
            resolved.and_then(
                |resolved| match ImageReference::parse(resolved, &self.aliases) {
                    Ok(Parsed::Ecr(reference)) => reference.digest,
                    Ok(Parsed::Digest(digest)) => Some(digest),
                    Ok(Parsed::Elsewhere(digest)) => digest,
                    Err(_) => None,
                },
            );
        if let Ok(Parsed::Ecr(reference)) = ImageReference::parse(image, &self.aliases) {
            self.pulls.add(user, &reference, digest);
        }
    }

    fn note_digests(&mut self, user: &Arc<User>, digests: [Option<Digest>; 2]) {
        for digest in digests.into_iter().flatten() {
            self.note(user, Reference::Digest(digest));
        }
    }

    fn note(&mut self, user: &Arc<User>, reference: Reference) {
        self.found
            .entry(reference)
            .or_default()
            .insert(Arc::clone(user));
    }

    /// How many distinct references were found.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}
