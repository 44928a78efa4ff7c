//! Lines of a document of evidence.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Doubt, EvidenceKind, Narrowing, Parts, PieceKey, Use, UsedImage, User,
        doubt::About,
        path::{Host, MirroredPath},
    },
    DocumentError,
};
use crate::image::{
    AccountId, Aliases, Digest, ImageReference, Region, Registry, RepositoryName, Time,
};

/// A source of the same location, or of another one if that is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) source: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<AccountId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<Region>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Location {
    pub(super) account: AccountId,
    pub(super) region: Region,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserLine {
    pub(super) kind: String,
    pub(super) name: String,
    /// Cluster.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<String>,
    /// Account, if it is not that of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<AccountId>,
    /// Region, if it is not that of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<Region>,
    /// Last time at which it used its images, if it is kept from the past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) used_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UseLine {
    pub(super) image: String,
    pub(super) user: UserLine,
    pub(super) live: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resolved: Option<Digest>,
    /// `None` for [`EvidenceKind::Field`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) evidence: Option<EvidenceKind>,
}

/// A place at which a repository is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MentionLine {
    pub(super) repository: String,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) words: BTreeSet<Box<str>>,
    pub(super) user: UserLine,
    #[serde(default)]
    pub(super) live: bool,
}

/// Names in parts, of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartsLine {
    pub(super) user: UserLine,
    #[serde(default)]
    pub(super) live: bool,
    pub(super) registries: BTreeSet<Box<str>>,
    pub(super) beginnings: BTreeSet<Box<str>>,
    pub(super) templates: Vec<(Box<str>, Box<str>, Narrowing)>,
    pub(super) named: BTreeMap<Arc<str>, Narrowing>,
    pub(super) words: BTreeSet<Arc<str>>,
    pub(super) in_full: BTreeSet<Arc<str>>,
}

/// Images of a repository, it is not known which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DoubtLine {
    pub(super) user: UserLine,
    #[serde(default)]
    pub(super) live: bool,
    /// Reason.
    pub(super) why: Box<str>,
    /// Host of the path; `None` for an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<Box<str>>,
    /// Path of the repository; `None` if only a part of it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<Box<str>>,
    /// Beginning and end of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) around: Option<(Box<str>, Box<str>)>,
}

impl DoubtLine {
    /// Returns the line; `None` if no repository can be meant.
    pub(super) fn of(user: UserLine, live: bool, doubt: &Doubt) -> Option<Self> {
        let (mut host, mut path, mut around) = (None, None, None);
        match &doubt.about {
            About::Path(mirrored) => {
                path = Some(mirrored.path.clone());
                host = match &mirrored.host {
                    Host::Ecr(registry) => registry.as_ref().map(|it| it.host().into()),
                    Host::Elsewhere(host) => Some(host.clone()),
                };
            }
            About::Around(begin, end) => around = Some((begin.clone(), end.clone())),
            About::Nothing => return None,
        }
        let why = doubt.why.clone();
        Some(Self {
            user,
            live,
            why,
            host,
            path,
            around,
        })
    }

    fn about(self) -> Option<About> {
        match (self.path, self.around) {
            (Some(path), None) => {
                let host = match self.host {
                    None => Host::Ecr(None),
                    Some(host) => match Registry::of_host(&host) {
                        Some(registry) => Host::Ecr(Some(registry)),
                        None => Host::Elsewhere(host),
                    },
                };
                Some(About::Path(MirroredPath { host, path }))
            }
            (None, Some((begin, end))) => Some(About::Around(begin, end)),
            _ => None,
        }
    }
}

impl Key {
    pub(super) fn of(key: &PieceKey, home: &Registry) -> Self {
        let Registry { account, region } = &key.location;
        Self {
            source: key.source.clone(),
            cluster: key.cluster.clone(),
            account: Some(*account).filter(|account| *account != home.account),
            region: Some(region.clone()).filter(|region| *region != home.region),
        }
    }

    pub(super) fn read(&self, home: &Registry) -> PieceKey {
        PieceKey {
            location: location(self.account, self.region.clone(), home),
            source: self.source.clone(),
            cluster: self.cluster.clone(),
        }
    }
}

impl Location {
    pub(super) fn of(Registry { account, region }: &Registry) -> Self {
        Self {
            account: *account,
            region: region.clone(),
        }
    }

    pub(super) fn read(self) -> Registry {
        Registry {
            account: self.account,
            region: self.region,
        }
    }
}

impl UserLine {
    pub(super) fn of(user: &User, home: &Registry) -> Self {
        let Registry { account, region } = &user.location;
        Self {
            kind: user.kind.to_string(),
            name: user.name.clone(),
            cluster: user.cluster.clone(),
            account: Some(*account).filter(|account| *account != home.account),
            region: Some(region.clone()).filter(|region| *region != home.region),
            used_at: user
                .used_at
                .and_then(|at| Timestamp::from_millisecond(at.millis()).ok()),
        }
    }
}

impl PartsLine {
    pub(super) fn of(user: UserLine, live: bool, parts: &Parts) -> Self {
        let template = |((begin, end), places): (&(Box<str>, Box<str>), &Narrowing)| {
            (begin.clone(), end.clone(), places.clone())
        };
        Self {
            user,
            live,
            registries: parts.hosts.clone(),
            beginnings: parts.beginnings.clone(),
            templates: parts.templates.iter().map(template).collect(),
            named: parts.named.clone(),
            words: parts.words.clone(),
            in_full: parts.in_full.clone(),
        }
    }
}

/// Reads lines back.
pub(super) struct Reader {
    aliases: Aliases,
    home: Registry,
    /// Each user once, since most have several lines.
    users: HashSet<Arc<User>>,
}

impl Reader {
    pub(super) fn new(aliases: Aliases, home: Registry) -> Self {
        Self {
            aliases,
            home,
            users: HashSet::new(),
        }
    }

    pub(super) fn usage(&mut self, line: UseLine) -> Result<Use, DocumentError> {
        let image = UsedImage::from(ImageReference::parse(&line.image, &self.aliases)?);
        if matches!(
            image,
            UsedImage::Elsewhere {
                image: None,
                digest: None,
                ..
            }
        ) {
            return Err(DocumentError::NoImage(line.image));
        }
        Ok(Use {
            user: self.user(line.user, line.live),
            image,
            resolved: line.resolved,
            evidence: line.evidence.unwrap_or(EvidenceKind::Field),
        })
    }

    pub(super) fn mention(&mut self, line: MentionLine) -> Result<Use, DocumentError> {
        let image = UsedImage::Mention {
            repository: RepositoryName::new(&line.repository)?,
            narrowing: [Arc::new(line.words)].into(),
        };
        Ok(self.text(line.user, line.live, image))
    }

    pub(super) fn doubt(&mut self, line: DoubtLine) -> Result<Use, DocumentError> {
        let user = self.user(line.user.clone(), line.live);
        let why = line.why.clone();
        let about = line.about();
        let about = about.ok_or_else(|| DocumentError::NoImage(why.to_string()))?;
        Ok(Use {
            user,
            image: UsedImage::InDoubt(Doubt { about, why }),
            resolved: None,
            evidence: EvidenceKind::Field,
        })
    }

    pub(super) fn parts(&mut self, line: PartsLine) -> Use {
        let templates = line.templates.into_iter();
        let parts = Parts {
            hosts: line.registries,
            beginnings: line.beginnings,
            templates: templates
                .map(|(begin, end, places)| ((begin, end), places))
                .collect(),
            named: line.named,
            words: line.words,
            in_full: line.in_full,
        };
        self.text(line.user, line.live, UsedImage::Parts(parts))
    }

    fn text(&mut self, user: UserLine, live: bool, image: UsedImage) -> Use {
        Use {
            user: self.user(user, live),
            image,
            resolved: None,
            evidence: EvidenceKind::Text,
        }
    }

    fn user(&mut self, line: UserLine, live: bool) -> Arc<User> {
        let user = User {
            location: location(line.account, line.region, &self.home),
            kind: line.kind.into(),
            name: line.name,
            cluster: line.cluster,
            live,
            used_at: line.used_at.map(Time::from),
        };
        if let Some(known) = self.users.get(&user) {
            return Arc::clone(known);
        }
        let user = Arc::new(user);
        self.users.insert(Arc::clone(&user));
        user
    }
}

/// Returns a location, of which what is not written is as in another one.
fn location(account: Option<AccountId>, region: Option<Region>, home: &Registry) -> Registry {
    Registry {
        account: account.unwrap_or(home.account),
        region: region.unwrap_or_else(|| home.region.clone()),
    }
}
