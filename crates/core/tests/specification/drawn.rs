//! Images of small worlds: each is drawn from a few choices, and names others by their position.

use ecr_cleanup_core::{
    image::{Archival, ArtifactType, Digest, Image, MediaType, Status, Tag},
    inventory::{Child, Role},
};

use crate::world::hours_ago;

pub(crate) const DAY: i64 = 24;
/// Stands for an image that is nowhere.
pub(crate) const GONE: usize = 7;
/// Tags that rules are about.
pub(crate) const TAGS: [&str; 2] = ["v1.0-rc2", "v1.0-rc10"];

/// What an image is; others are bits by their position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Image,
    /// Index of these images as platforms.
    Index(u8),
    /// Index of these images without platforms.
    List(u8),
    /// Index whose children are not known.
    Opaque,
    Chart,
    Attestation,
    Cache,
}

/// What else an image is by itself. Times are hours ago.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    pub(crate) used: bool,
    pub(crate) status: Status,
    pub(crate) pushed: Option<i64>,
    pub(crate) pulled: Option<i64>,
    pub(crate) archived: Option<i64>,
    pub(crate) restored: bool,
    /// Last use that a run saw, and first sight of its tags.
    pub(crate) seen: (Option<i64>, Option<i64>),
}

/// An image of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Drawn {
    pub(crate) kind: Kind,
    pub(crate) subject: Option<usize>,
    /// Image whose digest is in a tag of it, and what follows that in the tag.
    pub(crate) signed: Option<(usize, &'static str)>,
    /// Those of [`TAGS`] that it has, as bits.
    pub(crate) tags: u8,
    /// Position among the states of its family.
    pub(crate) state: usize,
    /// Position of its repository.
    pub(crate) home: usize,
}

/// An image as both planners get it.
pub(crate) struct Built {
    pub(crate) drawn: Drawn,
    pub(crate) used: bool,
    pub(crate) seen: (Option<i64>, Option<i64>),
    pub(crate) image: Image,
    pub(crate) children: Option<Vec<Child>>,
}

/// Returns the positions of the bits that are set.
pub(crate) fn positions(bits: u8) -> impl Iterator<Item = usize> {
    (0..8).filter(move |it| bits >> it & 1 == 1)
}

pub(crate) fn digest(position: usize) -> Digest {
    Digest::from_bytes([u8::try_from(position).unwrap() + 1; 32])
}

impl Drawn {
    /// Returns the same image in a world whose images were moved.
    pub(crate) fn moved(&self, to: &[usize]) -> Self {
        let position = |position: usize| to.get(position).copied().unwrap_or(position);
        let bits = |bits| positions(bits).fold(0, |moved, it| moved | 1 << position(it));
        Self {
            kind: match self.kind {
                Kind::Index(children) => Kind::Index(bits(children)),
                Kind::List(children) => Kind::List(bits(children)),
                kind => kind,
            },
            subject: self.subject.map(position),
            signed: self.signed.map(|(to, ending)| (position(to), ending)),
            ..*self
        }
    }

    pub(crate) fn build(&self, position: usize, state: &State) -> Built {
        let children = match self.kind {
            Kind::Index(bits) => Some((bits, Some(Role::Platform("linux/amd64".into())))),
            Kind::List(bits) => Some((bits, None)),
            _ => None,
        };
        let artifact_type = match self.kind {
            Kind::Chart => Some("application/vnd.cncf.helm.config.v1+json"),
            Kind::Attestation => Some("application/vnd.docker.attestation.manifest.v1+json"),
            Kind::Cache => Some("application/vnd.buildkit.cacheconfig.v0"),
            _ => None,
        };
        let is_index = children.is_some() || self.kind == Kind::Opaque;
        let own = positions(self.tags).map(|tag| TAGS[tag].to_owned());
        let signed = self.signed.map(|(to, ending)| format!("sha256-{}{ending}", digest(to).hex()));
        let mut tags: Vec<Tag> = own.chain(signed).map(|tag| Tag::new(&tag).unwrap()).collect();
        tags.sort_unstable();
        let archival = Archival {
            archived_at: state.archived.map(hours_ago),
            restored_at: state.pushed.filter(|_| state.restored).map(hours_ago),
        };
        Built {
            drawn: *self,
            used: state.used,
            seen: state.seen,
            children: children.map(|(bits, role)| {
                let child = |it| Child { digest: digest(it), role };
                positions(bits).map(child).collect()
            }),
            image: Image {
                digest: digest(position),
                tags: tags.into(),
                pushed_at: state.pushed.map(hours_ago),
                pulled_at: state.pulled.map(hours_ago),
                archival: state.archived.is_some().then(|| Box::new(archival)),
                bytes: 1,
                media_type: if is_index { MediaType::Index } else { MediaType::Image },
                artifact_type: ArtifactType::new(artifact_type),
                subject: self.subject.map(|to| Box::new(digest(to))),
                status: state.status,
            },
        }
    }
}
