//! What goes wrong, with which kind and on which page.

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// This status.
    Status(u16),
    /// 500: objects cannot be converted to the version that is asked for.
    Conversion,
    /// 404: this version of the kind was withdrawn a moment ago.
    Withdrawn,
    /// 429, with so many seconds to wait.
    TooMany(u64),
    /// 410: the `continue` token has expired. The answer carries another one, which must not be
    /// used.
    Expired,
    /// No answer until the client leaves.
    Hang,
    /// The connection closes without an answer.
    Drop,
    /// The answer ends before its announced length.
    Cut,
    /// The answer is not JSON.
    BadJson,
    /// The answer has no `items`.
    NoItems,
    /// The answer is one object and no list.
    NoList,
    /// The page belongs to another state than the others.
    OtherVersion,
    /// The page carries the token it was asked with.
    SameToken,
    /// The answer decompresses to 100 MiB.
    Bomb,
    /// An object nests 100,000 lists.
    Deep,
}

/// A fault: which lists, and what happens to them.
#[derive(Debug, Clone)]
#[must_use]
pub struct Fault {
    pub(crate) plural: String,
    pub(crate) later: bool,
    pub(crate) times: usize,
    pub(crate) kind: FaultKind,
}

impl Fault {
    /// Something goes wrong with every first page of a kind, by its plural, perhaps with a version
    /// (`v1/widgets`); `*` is every kind, `discovery` discovery.
    pub fn first(plural: &str, kind: FaultKind) -> Self {
        Self {
            plural: plural.to_owned(),
            later: false,
            times: usize::MAX,
            kind,
        }
    }

    /// Something goes wrong with every later page of a kind.
    pub fn later(plural: &str, kind: FaultKind) -> Self {
        Self {
            later: true,
            ..Self::first(plural, kind)
        }
    }

    /// So many pages go wrong.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    pub(crate) fn hits(&mut self, plural: &str, later: bool) -> bool {
        let hit =
            (self.plural == plural || self.plural == "*") && self.later == later && self.times > 0;
        if hit && self.times != usize::MAX {
            self.times -= 1;
        }
        hit
    }
}
