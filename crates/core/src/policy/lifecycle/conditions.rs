//! The conditions of the keep rules for what one lifecycle rule selects and none before it does.

use std::{collections::BTreeSet, num::NonZeroU32};

use jiff::SignedDuration;

use crate::policy::{KeepRule, Pattern};

/// Number of keep rules into which one lifecycle rule may be taken apart.
const ALTERNATIVES: usize = 16;
/// Pattern that every tag matches.
pub(super) const EVERY_TAG: &str = ".";

/// Tags that a lifecycle rule selects by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selected {
    Untagged,
    /// Some tag matches each of these.
    Tagged(Vec<String>),
    Any,
}

/// What a lifecycle rule does not delete of the images that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retained {
    Newest(NonZeroU32),
    PushedWithin(SignedDuration),
    PulledWithin(SignedDuration),
    All,
}

/// The selections of the rules before one.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    pub(super) untagged: bool,
    any: bool,
    pub(super) tagged: Vec<Vec<String>>,
}

/// The conditions of the keep rules for one selection, without those on age and rank. An image that
/// meets one of them belongs to the lifecycle rule.
pub(super) struct RulesFor {
    pub(super) conditions: Vec<Conditions>,
    /// Whether images may meet them that belong to a rule before.
    pub(super) left_out: bool,
}

/// Conditions on tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    tags: Vec<String>,
    no_tag: BTreeSet<String>,
    untagged: bool,
}

impl Earlier {
    pub(super) fn add(&mut self, selected: Selected) {
        match selected {
            Selected::Untagged => self.untagged = true,
            Selected::Tagged(tags) => self.tagged.push(tags),
            Selected::Any => self.any = true,
        }
    }

    /// Returns the conditions for what a rule selects and none before it does.
    pub(super) fn rules_for(&self, selected: &Selected) -> RulesFor {
        let mut of_rule = RulesFor {
            conditions: Vec::new(),
            left_out: false,
        };
        if self.any || (self.untagged && *selected == Selected::Untagged) {
            return of_rule;
        }
        let tags = match selected {
            Selected::Untagged => {
                of_rule.conditions.push(Conditions::UNTAGGED);
                return of_rule;
            }
            Selected::Tagged(tags) => tags.clone(),
            Selected::Any if self.untagged => vec![EVERY_TAG.to_owned()],
            Selected::Any => Vec::new(),
        };
        let (excluded, left_out) = self.excluded();
        of_rule.left_out = left_out;
        for no_tag in excluded {
            if tags.is_empty() && no_tag.contains(EVERY_TAG) {
                of_rule.conditions.push(Conditions::UNTAGGED);
            } else if !no_tag.contains(EVERY_TAG) && !tags.iter().any(|tag| no_tag.contains(tag)) {
                let tags = tags.clone();
                of_rule.conditions.push(Conditions {
                    tags,
                    no_tag,
                    untagged: false,
                });
            }
        }
        of_rule
    }

    /// Returns sets of patterns: what no rule before selects has no tag that matches one of the
    /// patterns of one of the sets. The second value tells whether some rules are not excluded.
    fn excluded(&self) -> (BTreeSet<BTreeSet<String>>, bool) {
        let (mut sets, mut left_out) = (BTreeSet::from([BTreeSet::new()]), false);
        for tags in &self.tagged {
            if sets.len() * tags.len() > ALTERNATIVES {
                left_out = true;
                continue;
            }
            let with = |set: &BTreeSet<String>, tag: &String| {
                let mut set = set.clone();
                set.insert(tag.clone());
                set
            };
            sets = sets
                .iter()
                .flat_map(|set| tags.iter().map(move |tag| with(set, tag)))
                .collect();
        }
        (sets, left_out)
    }
}

impl RulesFor {
    /// Returns the keep rules.
    pub(super) fn keep_rules(
        &self,
        name: &str,
        retained: Retained,
    ) -> Result<Vec<KeepRule>, regex::Error> {
        let mut conditions = self.conditions.clone();
        // A rule needs a condition: every image has a tag or none.
        if retained == Retained::All && conditions == [Conditions::default()] {
            let tagged = Conditions {
                tags: vec![EVERY_TAG.to_owned()],
                ..Conditions::default()
            };
            conditions = vec![tagged, Conditions::UNTAGGED];
        }
        let named = conditions.iter().enumerate();
        named
            .map(|(position, conditions)| {
                let name = match position {
                    0 => name.to_owned(),
                    _ => format!("{name} ({})", position + 1),
                };
                conditions.keep_rule(name, retained)
            })
            .collect()
    }
}

impl Conditions {
    const UNTAGGED: Self = Self {
        tags: Vec::new(),
        no_tag: BTreeSet::new(),
        untagged: true,
    };

    fn keep_rule(&self, name: String, retained: Retained) -> Result<KeepRule, regex::Error> {
        let mut rule = KeepRule {
            untagged: self.untagged,
            ..KeepRule::new(name)
        };
        match &self.tags[..] {
            [] => {}
            [tags] => rule.tags = Some(Pattern::new(tags)?),
            several => {
                let patterns = several.iter().map(|tags| Pattern::new(tags));
                rule.all_tags = patterns.collect::<Result<_, _>>()?;
            }
        }
        if !self.no_tag.is_empty() {
            let patterns: Vec<&str> = self.no_tag.iter().map(String::as_str).collect();
            rule.no_tag = Some(Pattern::new(&patterns.join("|"))?);
        }
        match retained {
            Retained::Newest(newest) => rule.newest = Some(newest),
            Retained::PushedWithin(age) => rule.pushed_within = Some(age),
            Retained::PulledWithin(age) => rule.pulled_within = Some(age),
            Retained::All => {}
        }
        Ok(rule)
    }
}
