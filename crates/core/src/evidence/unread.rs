//! What was not read, and what would read it (P7).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::image::{AccountId, Region, Registry, escaped};

/// Name of all of a kind that are not named.
pub const OTHERS: &str = "others";

/// Something that may use images and was not read, by choice or for lack of a permission. It stops
/// nothing, so it is said.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unread {
    /// Kind.
    pub kind: UnreadKind,
    /// Name: of the Region, the service, the cluster, ...
    pub name: String,
    /// Account that it belongs to, if it is in one.
    pub account: Option<AccountId>,
    /// Region that it belongs to, if it is in one.
    pub region: Option<Region>,
    /// Reason: a clause such as `the role may not call batch:DescribeJobs`.
    pub why: String,
    /// Setting or permission that would read it, as an order such as ``grant `batch:DescribeJobs` ``.
    pub setting: String,
}

/// Kind of what was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnreadKind {
    /// A Region of an account.
    Region,
    /// A service in an account and Region.
    Service,
    /// An account, organization or service that a policy lets pull.
    Principal,
    /// A Kubernetes cluster.
    Cluster,
    /// A kind of Kubernetes objects, or one object.
    Resource,
    /// The Secrets of a cluster.
    Secrets,
    /// Task definitions that nothing which is read names.
    TaskDefinitions,
}

impl UnreadKind {
    /// Returns what one and several are called.
    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Region => ("Region", "Regions"),
            Self::Service => ("service", "services"),
            Self::Principal => ("principal", "principals"),
            Self::Cluster => ("cluster", "clusters"),
            Self::Resource => ("kind of objects", "kinds of objects"),
            Self::Secrets => ("cluster's Secrets", "clusters' Secrets"),
            Self::TaskDefinitions => ("choice of task definitions", "choices of task definitions"),
        }
    }
}

/// Displays the kind as in documents.
impl fmt::Display for UnreadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Unread {
    /// Creates something that is not read in an account and Region.
    #[must_use]
    pub fn new(
        kind: UnreadKind,
        name: impl Into<String>,
        location: Option<&Registry>,
        why: impl Into<String>,
        setting: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            name: name.into(),
            account: location.map(|location| location.account),
            region: location.map(|location| location.region.clone()),
            why: why.into(),
            setting: setting.into(),
        }
    }
}

impl Unread {
    fn is_like(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.kind, it.account, it.region.clone(), it.setting.clone());
        let is_alone = self.kind == UnreadKind::Principal || self.name == OTHERS;
        !is_alone && of(self) == of(other)
    }

    /// Returns whether a source, written as its status is, is or would be in this. What the
    /// configuration leaves out is in no account, and hides nothing.
    #[must_use]
    pub fn hides(&self, source: &str) -> bool {
        let Some((name, location)) = source.split_once(" in ") else {
            return false;
        };
        let is_named = match self.kind {
            UnreadKind::Service => name == self.name,
            UnreadKind::Region => true,
            _ => false,
        };
        let own = |id: &str| self.account.as_deref() == Some(id);
        let there = |id: &str| self.region.as_deref().is_none_or(|own| own == id);
        let is_there = |(account, region)| own(account) && there(region);
        is_named && location.split_once(' ').is_some_and(is_there)
    }
}

/// ``service `batch` in 111111111111 eu-west-1: the role may not ask it; grant `batch:ListJobs` ``.
impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(&[self], f)
    }
}

/// What is not read in one place, for like reasons, and what would read all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadGroup<'a>(Vec<&'a Unread>);

impl<'a> UnreadGroup<'a> {
    /// Groups what is not read, in its order. Each principal has a reason of its own.
    pub fn of(all: impl IntoIterator<Item = &'a Unread>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for unread in all {
            let is_like = |group: &&mut Self| group.0.iter().all(|other| other.is_like(unread));
            match groups.iter_mut().find(is_like) {
                Some(group) => group.0.push(unread),
                None => groups.push(Self(vec![unread])),
            }
        }
        groups
    }
}

/// ``services `batch`, `pipes` in 111111111111 eu-west-1: the role may not ask `batch`; let it``
impl fmt::Display for UnreadGroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(&self.0, f)
    }
}

fn write(group: &[&Unread], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let [first, others @ ..] = group else {
        return Ok(());
    };
    let (one, many) = first.kind.words();
    if first.name == OTHERS {
        write!(f, "the other {many}")?;
    } else {
        let kind = if others.is_empty() { one } else { many };
        let names = group.iter().map(|it| format!("`{}`", escaped(&it.name)));
        write!(f, "{kind} {}", names.collect::<Vec<_>>().join(", "))?;
    }
    let is_other = |region: &&Region| ***region != *first.name;
    let region = first.region.as_ref().filter(is_other);
    let location = [first.account.as_deref(), region.map(|region| &**region)];
    let location: Vec<&str> = location.into_iter().flatten().collect();
    if !location.is_empty() {
        write!(f, " in {}", location.join(" "))?;
    }
    write!(f, ": {}", escaped(&first.why))?;
    if others.iter().any(|other| other.why != first.why) {
        write!(f, ", and the like")?;
    }
    write!(f, "; {}", escaped(&first.setting))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_hidden_by_its_service_its_region_and_what_stands_for_all_regions() {
        let location = Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let unread = |kind, name: &str| Unread::new(kind, name, Some(&location), "", "");
        let batch = unread(UnreadKind::Service, "batch");
        let region = unread(UnreadKind::Region, "eu-west-1");
        let account = Unread {
            region: None,
            ..unread(UnreadKind::Region, "others")
        };
        let by_configuration = Unread {
            account: None,
            region: None,
            ..batch.clone()
        };
        let principal = unread(UnreadKind::Principal, "batch");
        let all = [batch, region, account, by_configuration, principal];
        for (source, expected) in [
            (
                "batch in 111111111111 eu-west-1",
                [true, true, true, false, false],
            ),
            (
                "ecs in 111111111111 eu-west-1",
                [false, true, true, false, false],
            ),
            (
                "batch in 111111111111 us-east-1",
                [false, false, true, false, false],
            ),
            ("batch in 222222222222 eu-west-1", [false; 5]),
            ("batch", [false; 5]),
        ] {
            let hidden = all.each_ref().map(|unread| unread.hides(source));
            assert_eq!(hidden, expected, "{source}");
        }
    }

    #[test]
    fn what_one_permission_would_read_is_told_together() {
        let location = Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let unread = |kind, name, why| Unread::new(kind, name, Some(&location), why, "let it");
        let all = [
            unread(UnreadKind::Service, "batch", "it may not call `batch:List`"),
            unread(UnreadKind::Principal, "a", "a policy lets it pull from `x`"),
            unread(UnreadKind::Service, "pipes", "it may not call `pipes:List`"),
            unread(UnreadKind::Principal, "b", "a policy lets it pull from `y`"),
            Unread {
                region: None,
                ..unread(UnreadKind::Service, "ecs", "it is off")
            },
            Unread {
                region: None,
                ..unread(UnreadKind::Service, "eks", "it is off")
            },
            unread(UnreadKind::Region, OTHERS, "they cannot be listed"),
        ];
        let said = UnreadGroup::of(&all)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        insta::assert_snapshot!(said.join("\n"), @r"
        services `batch`, `pipes` in 111111111111 eu-west-1: it may not call `batch:List`, and the like; let it
        principal `a` in 111111111111 eu-west-1: a policy lets it pull from `x`; let it
        principal `b` in 111111111111 eu-west-1: a policy lets it pull from `y`; let it
        services `ecs`, `eks` in 111111111111: it is off; let it
        the other Regions in 111111111111 eu-west-1: they cannot be listed; let it
        ");
    }

    /// (P7)
    #[test]
    fn what_is_not_read_is_one_line_with_what_would_read_it() {
        let location = Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let said = [
            Unread::new(
                UnreadKind::Service,
                "batch",
                Some(&location),
                "the role may not ask it",
                "grant `batch:DescribeJobs`",
            ),
            Unread::new(
                UnreadKind::Region,
                "eu-west-1",
                Some(&location),
                "it did not answer",
                "let the function reach it",
            ),
            Unread::new(
                UnreadKind::Principal,
                "o-1\u{1b}[2J",
                None,
                "a policy\nlets it pull",
                "read it",
            ),
        ];
        insta::assert_snapshot!(said.map(|it| it.to_string()).join("\n"), @r"
        service `batch` in 111111111111 eu-west-1: the role may not ask it; grant `batch:DescribeJobs`
        Region `eu-west-1` in 111111111111: it did not answer; let the function reach it
        principal `o-1\u001b[2J`: a policy\u000alets it pull; read it
        ");
    }
}
