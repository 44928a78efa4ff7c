//! Keep rules for a lifecycle policy: they keep what it keeps, or more where rules that keep cannot
//! say exactly what rules that delete say.

use std::{fmt, num::NonZeroU32};

use jiff::SignedDuration;

use super::{
    LifecycleRule, LifecycleRules, Selection,
    conditions::{EVERY_TAG, Earlier, Retained, RulesFor, Selected},
};
use crate::policy::KeepRule;

/// The keep rules for a lifecycle policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// Rules, in the order of the lifecycle rules that they stand for, then those for all images
    /// that no lifecycle rule selects; `None` if not even what they select is known.
    pub rules: Option<Vec<ImportedRule>>,
    /// What cannot be translated, or not exactly.
    pub remarks: Vec<Remark>,
}

/// A keep rule with the lifecycle rule that it stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedRule {
    /// Rule.
    pub rule: KeepRule,
    /// The lifecycle rule in ECR's words; `None` for what no lifecycle rule selects.
    pub stands_for: Option<String>,
}

/// Something that cannot be translated, or not exactly. What it is about is kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Remark {
    /// It counts images that belong to rules before it, and no keep rule can.
    CountsOthers {
        /// Priority.
        rule: i64,
    },
    /// It counts what keep rules never count.
    CountsParts {
        /// Priority.
        rule: i64,
    },
    /// It archives images.
    Archives {
        /// Priority.
        rule: i64,
        /// Keep rules that say the same in mode `archive`.
        rules: Vec<KeepRule>,
    },
    /// It deletes from the archive.
    OfArchive {
        /// Priority.
        rule: i64,
        /// Days in the archive; `None` if it counts something else.
        days: Option<u32>,
    },
    /// It counts something that is not known here, or expires by the last pull, which ECR does not.
    UnknownCount {
        /// Priority.
        rule: i64,
        /// `countType`, `countUnit` and action.
        found: String,
    },
    /// Its tag status is not known.
    UnknownStatus {
        /// Priority.
        rule: i64,
        /// `tagStatus`.
        found: String,
    },
    /// So many rules before it name several tags that it would take too many keep rules.
    TooManyAlternatives {
        /// Priority; `None` if it is about what no rule selects.
        rule: Option<i64>,
    },
}

impl LifecycleRules {
    /// Returns keep rules that keep what this policy keeps, as far as patterns can be compiled.
    ///
    /// # Errors
    /// Returns an error if a pattern is too large.
    pub fn import(&self) -> Result<Imported, regex::Error> {
        let mut imported = Imported {
            rules: None,
            remarks: Vec::new(),
        };
        let archive = self.rules.iter().filter(|rule| rule.is_of_archive());
        let archive = archive.map(|rule| Remark::OfArchive {
            rule: rule.priority,
            days: (rule.selection.count_type.as_deref() == Some("sinceImageTransitioned"))
                .then_some(rule.selection.count_number)
                .flatten(),
        });
        let mut rules = Vec::new();
        let mut earlier = Earlier::default();
        for rule in self.of_active() {
            let Some(selected) = rule.selected() else {
                imported.remarks.push(Remark::UnknownStatus {
                    rule: rule.priority,
                    found: rule.selection.tag_status.clone(),
                });
                return Ok(imported);
            };
            let of_rule = earlier.rules_for(&selected);
            let (retained, remark) = rule.retained(&of_rule)?;
            imported.remarks.extend(remark);
            if let Retained::Newest(_) = retained {
                imported.remark_on_counting(rule.priority, &selected, &earlier, &of_rule);
            }
            if of_rule.left_out {
                let rule = Some(rule.priority);
                imported.remarks.push(Remark::TooManyAlternatives { rule });
            }
            let name = format!("rule {}", rule.priority);
            let keep = of_rule.keep_rules(&name, retained)?;
            rules.extend(keep.into_iter().map(|keep| ImportedRule {
                rule: keep,
                stands_for: Some(rule.to_string()),
            }));
            earlier.add(selected);
        }
        let others = earlier.rules_for(&Selected::Any);
        if others.left_out {
            let rule = None;
            imported.remarks.push(Remark::TooManyAlternatives { rule });
        }
        let keep = others.keep_rules("others", Retained::All)?;
        rules.extend(keep.into_iter().map(|rule| ImportedRule {
            rule,
            stands_for: None,
        }));
        imported.rules = Some(rules);
        imported.remarks.extend(archive);
        Ok(imported)
    }
}

impl Imported {
    /// Says where a rule that counts would count other images in ECR.
    fn remark_on_counting(
        &mut self,
        rule: i64,
        selected: &Selected,
        earlier: &Earlier,
        of_rule: &RulesFor,
    ) {
        let counts_others = match selected {
            Selected::Untagged => false,
            Selected::Tagged(_) => !earlier.tagged.is_empty(),
            Selected::Any => earlier.untagged || !earlier.tagged.is_empty(),
        };
        if of_rule.conditions.is_empty() {
            return;
        }
        if counts_others {
            self.remarks.push(Remark::CountsOthers { rule });
        }
        if !matches!(selected, Selected::Tagged(_)) {
            self.remarks.push(Remark::CountsParts { rule });
        }
    }
}

impl LifecycleRule {
    /// Returns the tags that it selects by; `None` if that is not known.
    fn selected(&self) -> Option<Selected> {
        let prefixes = self.selection.tag_prefix_list.iter();
        let prefixes = prefixes.map(|prefix| regex_of(&format!("{prefix}*")));
        let patterns = self.selection.tag_pattern_list.iter();
        let mut tags = Vec::new();
        for tag in prefixes.chain(patterns.map(|pattern| regex_of(pattern))) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        match self.selection.tag_status.as_str() {
            "untagged" => Some(Selected::Untagged),
            "any" => Some(Selected::Any),
            "tagged" if tags.is_empty() => Some(Selected::Tagged(vec![EVERY_TAG.to_owned()])),
            "tagged" => Some(Selected::Tagged(tags)),
            _ => None,
        }
    }

    /// Returns what it does not delete, with a remark if no keep rule says that.
    fn retained(&self, of_rule: &RulesFor) -> Result<(Retained, Option<Remark>), regex::Error> {
        let counted = self.counted();
        let rule = self.priority;
        Ok(match (self.action(), counted) {
            ("expire", Some(retained @ (Retained::Newest(_) | Retained::PushedWithin(_)))) => {
                (retained, None)
            }
            ("transition", Some(retained)) => {
                let rules = of_rule.keep_rules(&format!("rule {rule}"), retained)?;
                (Retained::All, Some(Remark::Archives { rule, rules }))
            }
            (action, _) => {
                let Selection {
                    count_type,
                    count_unit,
                    ..
                } = &self.selection;
                let words = [count_type.as_deref(), count_unit.as_deref(), Some(action)];
                let words: Vec<&str> = words.into_iter().flatten().collect();
                let found = words.join(", ");
                (Retained::All, Some(Remark::UnknownCount { rule, found }))
            }
        })
    }

    /// Returns the images that are not counted out; `None` if what it counts is not known.
    fn counted(&self) -> Option<Retained> {
        let number = NonZeroU32::new(self.selection.count_number?)?;
        let days = || {
            let is_days = self.selection.count_unit.as_deref() == Some("days");
            is_days.then(|| SignedDuration::from_hours(24 * i64::from(number.get())))
        };
        match self.selection.count_type.as_deref()? {
            "imageCountMoreThan" => Some(Retained::Newest(number)),
            "sinceImagePushed" => days().map(Retained::PushedWithin),
            "sinceImagePulled" => days().map(Retained::PulledWithin),
            _ => None,
        }
    }
}

/// Returns the regular expression for a pattern in which `*` stands for any text.
fn regex_of(pattern: &str) -> String {
    let parts = pattern
        .split('*')
        .map(|part| regex::escape(part).replace(r"\-", "-"));
    let parts: Vec<String> = parts.collect();
    let inner = parts.join(".*");
    let open = inner.strip_prefix(".*");
    let text = open.map_or_else(|| format!("^{inner}"), ToOwned::to_owned);
    let text = text
        .strip_suffix(".*")
        .map_or_else(|| format!("{text}$"), ToOwned::to_owned);
    match text.as_str() {
        "" | "^" | "$" => EVERY_TAG.to_owned(),
        _ => text,
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CountsOthers { rule } => write!(
                f,
                "rule {rule} counts images of the rules before it too; here they take no place, so more may be kept"
            ),
            Self::CountsParts { rule } => write!(
                f,
                "rule {rule} counts parts of indexes, signatures and artifacts too; here only images count, so more may be kept"
            ),
            Self::Archives { rule, .. } => write!(
                f,
                "rule {rule} moves images to the archive, and keep rules do not: what it selects is kept"
            ),
            Self::OfArchive {
                rule,
                days: Some(days),
            } => write!(
                f,
                "rule {rule} deletes what was archived {days} days ago: that is `archive: {{ delete_after: {days}d }}`, for all repositories"
            ),
            Self::OfArchive { rule, days: None } => {
                write!(
                    f,
                    "rule {rule} deletes from the archive in a way that is not known here"
                )
            }
            Self::UnknownCount { rule, found } => write!(
                f,
                "rule {rule} says `{found}`, which is not known here: what it selects is kept"
            ),
            Self::UnknownStatus { rule, found } => write!(
                f,
                "rule {rule} has the tag status `{found}`, which is not known here: everything is kept"
            ),
            Self::TooManyAlternatives { rule } => {
                let rule =
                    rule.map_or_else(|| "`others`".to_owned(), |rule| format!("rule {rule}"));
                write!(
                    f,
                    "the rules before {rule} ask for too many tags at once: it may keep what is theirs"
                )
            }
        }
    }
}

impl fmt::Display for LifecycleRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Selection {
            tag_status,
            tag_prefix_list,
            tag_pattern_list,
            count_type,
            count_number,
            ..
        } = &self.selection;
        write!(f, "rule {}: {tag_status}", self.priority)?;
        for (name, list) in [
            ("tagPrefixList", tag_prefix_list),
            ("tagPatternList", tag_pattern_list),
        ] {
            if !list.is_empty() {
                write!(f, ", {name} [{}]", list.join(", "))?;
            }
        }
        let count_type = count_type.as_deref().unwrap_or("counts nothing");
        write!(f, ", {count_type}")?;
        if let Some(number) = count_number {
            write!(f, " {number}")?;
        }
        write!(f, ", {}", self.action())
    }
}
