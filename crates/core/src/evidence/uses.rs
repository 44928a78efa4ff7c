//! Uses of images, as a source finds them.

use std::{
    collections::{
        BTreeSet, HashMap, HashSet,
        hash_map::Entry::{Occupied, Vacant},
    },
    sync::Arc,
};

use super::{
    Reference, User,
    mention::{self, Words},
};
use crate::image::{
    AccountId, Aliases, Digest, ImageReference, Parsed, ReferenceError, RepositoryName,
};

/// A use of an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Use {
    /// User.
    pub user: Arc<User>,
    /// Image that the user names.
    pub image: UsedImage,
    /// Digest that the name was resolved to, if that is known.
    pub resolved: Option<Digest>,
    /// Strength of the evidence.
    pub evidence: EvidenceKind,
}

/// An image as a user names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UsedImage {
    /// An image in ECR.
    Ecr(ImageReference),
    /// A digest without a repository.
    Digest(Digest),
    /// An image in another registry, which may stand for one in ECR.
    Elsewhere {
        /// Repository with tag or digest; `None` if the text is not a reference.
        image: Option<ImageReference>,
        /// Digest.
        digest: Option<Digest>,
    },
    /// An image of a repository that is named without its tag.
    Mention {
        /// Repository.
        repository: RepositoryName,
        /// Words beside the name; `None` if the image may be any of the repository.
        words: Option<Words>,
    },
}

/// Kind of evidence for a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvidenceKind {
    /// The field that a service pulls by.
    Pull,
    /// The image of a container, with the digest that its runtime reports: maybe not that of a
    /// manifest.
    Container,
    /// Another field that holds an image.
    Field,
    /// A text in which an image is named.
    Text,
}

impl Use {
    /// Returns whether the image may be in a registry of these accounts, by what names it.
    fn may_be_in(&self, accounts: &BTreeSet<AccountId>) -> bool {
        match &self.image {
            UsedImage::Ecr(image) => {
                let registry = image.registry.as_ref();
                registry.is_none_or(|registry| accounts.contains(&registry.account))
            }
            UsedImage::Digest(_) | UsedImage::Mention { .. } => true,
            UsedImage::Elsewhere { .. } => false,
        }
    }

    /// Returns every reference that this use stands for.
    pub fn references(&self) -> impl Iterator<Item = Reference> {
        let (image, digests) = match &self.image {
            UsedImage::Ecr(named) if self.evidence == EvidenceKind::Container => {
                (Some(Reference::Image(named.clone())), [None; 2])
            }
            UsedImage::Ecr(named) => {
                let mut named = named.clone();
                let digest = named.digest.or(self.resolved);
                named.digest = digest;
                let other = self.resolved.filter(|_| self.resolved != digest);
                (Some(Reference::Image(named)), [None, other])
            }
            UsedImage::Digest(digest) => (None, [Some(*digest), self.resolved]),
            UsedImage::Elsewhere { digest, .. } if self.evidence == EvidenceKind::Container => {
                (None, [*digest, None])
            }
            UsedImage::Elsewhere { digest, .. } => (None, [*digest, self.resolved]),
            UsedImage::Mention { repository, .. } => {
                (Some(Reference::Repository(repository.clone())), [None; 2])
            }
        };
        let digests = digests.into_iter().flatten().map(Reference::Digest);
        image.into_iter().chain(digests)
    }
}

/// Collects the uses that a source finds, each of them once.
#[derive(Debug, Clone)]
pub struct Uses {
    aliases: Arc<Aliases>,
    images: HashSet<Use>,
    mentions: HashMap<(Arc<User>, RepositoryName), Option<Words>>,
}

impl Uses {
    /// Creates a collection; `aliases` are the host names that stand for the registries.
    #[must_use]
    pub fn new(aliases: Arc<Aliases>) -> Self {
        Self {
            aliases,
            images: HashSet::new(),
            mentions: HashMap::new(),
        }
    }

    /// Returns the host names that stand for the registries.
    #[must_use]
    pub fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// Adds an image as a text names it, with the digest that the name was resolved to, and returns
    /// whether it is in ECR.
    ///
    /// # Errors
    /// Returns an error if the text or the digest looks like ECR and cannot be parsed (U2).
    pub fn add(
        &mut self,
        user: &Arc<User>,
        text: &str,
        resolved: Option<&str>,
        evidence: EvidenceKind,
    ) -> Result<bool, ReferenceError> {
        let image = self.parse(text)?;
        let in_ecr = matches!(image, UsedImage::Ecr(_));
        let resolved = match resolved.map(str::parse::<Digest>) {
            Some(Err(error)) if in_ecr => {
                return Err(ReferenceError::new(text, error));
            }
            resolved => resolved.and_then(Result::ok),
        };
        self.insert(user, image, resolved, evidence);
        Ok(in_ecr)
    }

    /// Adds the image of a container, with what its runtime reports to have pulled.
    ///
    /// # Errors
    /// Returns an error if the image looks like ECR and cannot be parsed (U2).
    pub fn add_container(
        &mut self,
        user: &Arc<User>,
        image: &str,
        reported: Option<&str>,
    ) -> Result<(), ReferenceError> {
        let image = self.parse(image)?;
        let reported = reported.and_then(|text| self.parse(text).ok());
        let resolved = match reported {
            Some(UsedImage::Ecr(image)) => image.digest,
            Some(UsedImage::Digest(digest)) => Some(digest),
            Some(UsedImage::Elsewhere { digest, .. }) => digest,
            Some(UsedImage::Mention { .. }) | None => None,
        };
        self.insert(user, image, resolved, EvidenceKind::Container);
        Ok(())
    }

    /// Adds a digest, in whichever repository it is.
    pub fn add_digest(&mut self, user: &Arc<User>, digest: Digest) {
        self.insert(user, UsedImage::Digest(digest), None, EvidenceKind::Text);
    }

    /// Adds a repository that is named without a tag; `words` as in [`UsedImage::Mention`].
    ///
    /// The words of one user are taken together, since what shares a name was made from one
    /// template.
    pub fn add_mention(
        &mut self,
        user: &Arc<User>,
        repository: RepositoryName,
        words: Option<Words>,
    ) {
        match self.mentions.entry((Arc::clone(user), repository)) {
            Vacant(vacant) => drop(vacant.insert(words)),
            Occupied(mut known) => mention::merge(known.get_mut(), words),
        }
    }

    /// Returns the number of distinct references to images that may be in a registry of these
    /// accounts.
    #[must_use]
    pub fn count_references(&self, accounts: &BTreeSet<AccountId>) -> usize {
        let images = self.images.iter().filter(|it| it.may_be_in(accounts));
        let references: HashSet<Reference> = images.flat_map(Use::references).collect();
        let mentioned: HashSet<&RepositoryName> = self
            .mentions
            .keys()
            .map(|(_, repository)| repository)
            .collect();
        references.len() + mentioned.len()
    }

    /// Returns the uses.
    #[must_use]
    pub fn into_vec(self) -> Vec<Use> {
        let mentions = self
            .mentions
            .into_iter()
            .map(|((user, repository), words)| Use {
                user,
                image: UsedImage::Mention { repository, words },
                resolved: None,
                evidence: EvidenceKind::Text,
            });
        self.images.into_iter().chain(mentions).collect()
    }

    fn parse(&self, text: &str) -> Result<UsedImage, ReferenceError> {
        Ok(match ImageReference::parse(text, &self.aliases)? {
            Parsed::Ecr(image) => UsedImage::Ecr(image),
            Parsed::Digest(digest) => UsedImage::Digest(digest),
            Parsed::Elsewhere { image, digest } => UsedImage::Elsewhere { image, digest },
        })
    }

    fn insert(
        &mut self,
        user: &Arc<User>,
        image: UsedImage,
        resolved: Option<Digest>,
        evidence: EvidenceKind,
    ) {
        self.images.insert(Use {
            user: Arc::clone(user),
            image,
            resolved,
            evidence,
        });
    }
}
