//! Warnings: findings that need attention but stop nothing.

use std::fmt;

use serde::Serialize;
use strum::{Display, EnumIter};

/// A finding that needs attention but stops nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What kind of finding it is.
    pub code: WarningCode,
    /// The repository that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// What was found, and what to do.
    pub message: String,
}

/// A kind of warning. The codes stay the same from version to version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Display, EnumIter)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum WarningCode {
    /// A repository is left alone.
    LeftAlone,
    /// Images of a repository are left alone, since no rule is about their tags.
    UnmatchedTags,
    /// A policy of AWS denies deletion.
    DeletionDenied,
    /// Something names a repository without a tag, so all of it is kept.
    RepositoryMentioned,
    /// Something names a registry without a repository.
    RegistryMentioned,
    /// Images are kept since an archived index may name them.
    PossibleChildren,
    /// Somebody pulled candidates.
    UnexplainedPulls,
    /// Somebody may pull from a repository whose use is not read.
    UnreadPullers,
    /// A source of use is switched off.
    SourceOff,
    /// AWS Config does not say of a task definition what ECS says.
    Misrecorded,
    /// A lifecycle policy of ECR may delete an image in use.
    LifecyclePolicy,
    /// A lifecycle policy of ECR could not be read.
    LifecyclePolicyUnread,
    /// A pull-through cache rule may fill any repository.
    RootCache,
    /// A Git document is not used.
    GitDocument,
    /// The use ledger does not reach back far enough.
    YoungLedger,
    /// Candidates have not soaked long enough.
    Soaking,
    /// A glob matches no repository.
    IdleGlob,
    /// No repository takes a policy.
    IdlePolicy,
    /// A rule keeps no image.
    IdleRule,
    /// A rate is given for what the program has no rate of its own.
    IdleRate,
    /// An object of the state store could not be used.
    StateUnusable,
    /// Another run took the lock.
    LockLost,
    /// The lock could not be given back.
    LockNotReleased,
    /// Evidence could not be published.
    EvidenceNotPublished,
    /// A turn of a distributed run ended without a report.
    TurnDied,
    /// Whether images in use still exist could not be checked after deletion.
    MissingUnchecked,
    /// A report could not be written.
    ReportUnwritable,
    /// A notification could not be sent.
    NotificationFailed,
}

impl Warning {
    pub(crate) fn new(code: WarningCode, message: impl Into<String>) -> Self {
        Self {
            code,
            repository: None,
            message: message.into(),
        }
    }

    /// Creates a warning about a repository.
    pub(crate) fn about(
        repository: impl Into<String>,
        code: WarningCode,
        message: impl Into<String>,
    ) -> Self {
        Self {
            repository: Some(repository.into()),
            ..Self::new(code, message)
        }
    }
}

/// Displays the message, which names the repository.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn each_code_is_documented() {
        let page = include_str!("../../docs/reference/observability.md");
        let (_, section) = page.split_once("\n## Warnings\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let documented: Vec<&str> = rows.map(|row| row.split('`').next().unwrap()).collect();
        let codes: Vec<String> = WarningCode::iter().map(|it| it.to_string()).collect();
        assert_eq!(documented, codes);
        let distinct: BTreeSet<_> = codes.iter().collect();
        assert_eq!(distinct.len(), codes.len());
    }

    #[test]
    fn a_warning_is_an_object_with_its_code() {
        let warning = Warning::about("team/app", WarningCode::LeftAlone, "it is left alone");
        let json = serde_json::to_string(&warning).unwrap();
        insta::assert_snapshot!(json, @r#"{"code":"left_alone","repository":"team/app","message":"it is left alone"}"#);
        let general = Warning::new(WarningCode::Soaking, "3 are kept");
        let json = serde_json::to_string(&general).unwrap();
        insta::assert_snapshot!(json, @r#"{"code":"soaking","message":"3 are kept"}"#);
    }
}
