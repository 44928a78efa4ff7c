//! Uses of images, as a source finds them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    Coverage, Doubt, Mentions, Narrowing, Parts, Reference, SourceError, User,
    doubt::{About, readable_digest},
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
        /// Host, in lower case; that of Docker Hub if the text has none.
        host: Box<str>,
        /// Repository with tag or digest; `None` if the text is not a reference.
        image: Option<ImageReference>,
        /// Digest.
        digest: Option<Digest>,
    },
    /// An image of a repository that is named without its tag.
    Mention {
        /// Repository.
        repository: RepositoryName,
        /// Tags and digests that tell the image, for each place at which the name stands.
        narrowing: Narrowing,
    },
    /// Images whose names stand in parts.
    Parts(Parts),
    /// Images of a repository, it is not known which.
    InDoubt(Doubt),
}

/// Kind of evidence for a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

impl From<Parsed> for UsedImage {
    fn from(parsed: Parsed) -> Self {
        match parsed {
            Parsed::Ecr(image) => Self::Ecr(image),
            Parsed::Digest(digest) => Self::Digest(digest),
            Parsed::Elsewhere {
                host,
                image,
                digest,
            } => Self::Elsewhere {
                host,
                image,
                digest,
            },
        }
    }
}

impl Use {
    /// Returns whether the image may be in a registry of these accounts, by what names it.
    fn may_be_in(&self, accounts: &BTreeSet<AccountId>) -> bool {
        match &self.image {
            UsedImage::Ecr(image) => {
                let registry = image.registry.as_ref();
                registry.is_none_or(|registry| accounts.contains(&registry.account))
            }
            UsedImage::Digest(_) | UsedImage::Mention { .. } | UsedImage::Parts(_) => true,
            UsedImage::Elsewhere { .. } | UsedImage::InDoubt(_) => false,
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
            // Which repositories are meant depends on those that there are.
            UsedImage::Parts(_) | UsedImage::InDoubt(_) => (None, [None; 2]),
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
    mentions: HashMap<(Arc<User>, RepositoryName), Narrowing>,
    parts: HashMap<Arc<User>, Parts>,
    /// Each word once, since most objects hold the same ones.
    words: HashSet<Arc<str>>,
}

impl Uses {
    /// Creates a collection; `aliases` are the host names that stand for the registries.
    #[must_use]
    pub fn new(aliases: Arc<Aliases>) -> Self {
        Self {
            aliases,
            images: HashSet::new(),
            mentions: HashMap::new(),
            parts: HashMap::new(),
            words: HashSet::new(),
        }
    }

    /// Returns the host names that stand for the registries.
    #[must_use]
    pub fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// Adds an image as a text names it, with the digest that the name was resolved to, and returns
    /// whether it is in ECR. If it looks like ECR and cannot be parsed, the repositories that it may
    /// mean are in doubt (U2).
    ///
    /// # Errors
    /// Returns an error if it may mean any repository.
    pub fn add(
        &mut self,
        user: &Arc<User>,
        text: &str,
        resolved: Option<&str>,
        evidence: EvidenceKind,
    ) -> Result<bool, ReferenceError> {
        let resolved = resolved.map(str::parse::<Digest>);
        let image = match self.parse(text) {
            Ok(image) => image,
            Err(error) => {
                self.add_unreadable(user, text, resolved.and_then(Result::ok), error)?;
                return Ok(true);
            }
        };
        let in_ecr = matches!(image, UsedImage::Ecr(_));
        if let Some(Err(error)) = &resolved
            && in_ecr
        {
            let error = ReferenceError::new(text, error.clone());
            self.add_unreadable(user, text, None, error)?;
        }
        self.insert(user, image, resolved.and_then(Result::ok), evidence);
        Ok(in_ecr)
    }

    /// Adds the image of a container, with what its runtime reports to have pulled.
    ///
    /// # Errors
    /// Returns an error if the image looks like ECR and may be of any repository (U2).
    pub fn add_container(
        &mut self,
        user: &Arc<User>,
        image: &str,
        reported: Option<&str>,
    ) -> Result<(), ReferenceError> {
        let reported = reported.and_then(|text| self.parse(text).ok());
        let resolved = match reported {
            Some(UsedImage::Ecr(image)) => image.digest,
            Some(UsedImage::Digest(digest)) => Some(digest),
            Some(UsedImage::Elsewhere { digest, .. }) => digest,
            _ => None,
        };
        match self.parse(image) {
            Ok(image) => self.insert(user, image, resolved, EvidenceKind::Container),
            Err(error) => self.add_unreadable(user, image, resolved, error)?,
        }
        Ok(())
    }

    /// Adds what a text tells that looks like ECR and cannot be parsed, with the digest that it was
    /// resolved to.
    fn add_unreadable(
        &mut self,
        user: &Arc<User>,
        text: &str,
        resolved: Option<Digest>,
        error: ReferenceError,
    ) -> Result<(), ReferenceError> {
        for digest in [readable_digest(text), resolved].into_iter().flatten() {
            self.add_digest(user, digest);
        }
        let is_bounded = self.add_doubt(user, text, &error.to_string());
        is_bounded.then_some(()).ok_or(error)
    }

    /// Adds that some images are in use of the repositories that a text names or may mean, and
    /// returns whether these are not just any; `why` says what is not known.
    #[must_use]
    pub fn add_doubt(&mut self, user: &Arc<User>, text: &str, why: &str) -> bool {
        let doubt = Doubt::of(text, &self.aliases, why);
        let is_bounded = doubt.is_some();
        if let Some(doubt) = doubt {
            self.insert(user, UsedImage::InDoubt(doubt), None, EvidenceKind::Field);
        }
        is_bounded
    }

    /// Returns whether everything is known of what was added.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let doubts = self.doubts(|about| *about != About::Nothing);
        let complete = || Coverage::Complete;
        doubts.map_or_else(complete, |doubts| {
            Coverage::Incomplete(SourceError::InDoubt(doubts))
        })
    }

    /// Returns what is named that nobody can pull, since no repository can have such a name.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let doubts = self.doubts(|about| *about == About::Nothing);
        doubts.map(|doubts| format!("no repository can be meant: {doubts}"))
    }

    /// Names the first of some doubts; `None` if there are none.
    fn doubts(&self, is_meant: impl Fn(&About) -> bool) -> Option<String> {
        let doubts = self.images.iter().filter_map(|it| match &it.image {
            UsedImage::InDoubt(doubt) if is_meant(&doubt.about) => Some(doubt.title(&it.user)),
            _ => None,
        });
        let doubts: BTreeSet<String> = doubts.collect();
        let first = doubts.first()?;
        Some(match doubts.len() - 1 {
            0 => first.clone(),
            more => format!("{first}; and {more} more like that"),
        })
    }

    /// Adds a digest, in whichever repository it is.
    pub fn add_digest(&mut self, user: &Arc<User>, digest: Digest) {
        self.insert(user, UsedImage::Digest(digest), None, EvidenceKind::Text);
    }

    /// Adds what an object mentions.
    ///
    /// The words of one user are taken together, since what shares a name was made from one
    /// template.
    pub fn add_mentions(&mut self, user: &Arc<User>, mentions: Mentions) {
        let Mentions {
            repositories,
            parts,
        } = mentions;
        for (repository, narrowing) in repositories {
            let key = (Arc::clone(user), repository);
            self.mentions.entry(key).or_default().extend(narrowing);
        }
        if parts.names_registry() {
            self.add_parts(Arc::clone(user), parts);
        }
    }

    fn add_parts(&mut self, user: Arc<User>, mut parts: Parts) {
        for words in [&mut parts.words, &mut parts.in_full] {
            *words = std::mem::take(words)
                .into_iter()
                .map(|word| self.shared(word))
                .collect();
        }
        self.parts.entry(user).or_default().merge(parts);
    }

    /// Adds uses that another collection found.
    pub fn extend(&mut self, uses: impl IntoIterator<Item = Use>) {
        for it in uses {
            match it.image {
                UsedImage::Mention {
                    repository,
                    narrowing,
                } => {
                    let known = self.mentions.entry((it.user, repository)).or_default();
                    known.extend(narrowing);
                }
                UsedImage::Parts(parts) => self.add_parts(it.user, parts),
                _ => drop(self.images.insert(it)),
            }
        }
    }

    fn shared(&mut self, word: Arc<str>) -> Arc<str> {
        if let Some(known) = self.words.get(&word) {
            return Arc::clone(known);
        }
        self.words.insert(Arc::clone(&word));
        word
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
            .map(|((user, repository), narrowing)| {
                let image = UsedImage::Mention {
                    repository,
                    narrowing,
                };
                (user, image)
            });
        // In order, so that each run names the same user of several.
        let parts: BTreeMap<Arc<User>, Parts> = self.parts.into_iter().collect();
        let parts = parts
            .into_iter()
            .map(|(user, parts)| (user, UsedImage::Parts(parts)));
        let mentions = mentions.chain(parts).map(|(user, image)| Use {
            user,
            image,
            resolved: None,
            evidence: EvidenceKind::Text,
        });
        self.images.into_iter().chain(mentions).collect()
    }

    fn parse(&self, text: &str) -> Result<UsedImage, ReferenceError> {
        ImageReference::parse(text, &self.aliases).map(UsedImage::from)
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
