//! The policies for lifecycle policies of ECR, as a document to copy from.

use std::fmt;

use crate::{
    config::yaml,
    policy::{Imported, Remark},
};

/// Repositories of which the lifecycle policies are the same, with the keep rules for these.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedPolicy {
    /// Names of the repositories.
    pub repositories: Vec<String>,
    /// Keep rules.
    pub imported: Imported,
}

/// Policies for lifecycle policies, displayed as YAML.
#[derive(Debug, Default)]
pub struct ImportedPolicies(pub Vec<ImportedPolicy>);

impl ImportedPolicies {
    /// Adds a repository, with the keep rules for its lifecycle policy.
    pub fn add(&mut self, repository: String, imported: Imported) {
        match self.0.iter_mut().find(|it| it.imported == imported) {
            Some(policy) => policy.repositories.push(repository),
            None => self.0.push(ImportedPolicy {
                repositories: vec![repository],
                imported,
            }),
        }
    }
}

impl fmt::Display for ImportedPolicies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = "What ECR's lifecycle policies keep, as keep rules. Parts and signatures are kept or deleted with their image, and an image in use is kept whatever the rules say.";
        f.write_str(&yaml::comment(0, text))?;
        f.write_str("policies:\n")?;
        self.0.iter().try_for_each(|policy| policy.fmt(f))
    }
}

impl fmt::Display for ImportedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self
            .repositories
            .iter()
            .map(|it| yaml::scalar(it))
            .collect();
        writeln!(f, "  - repositories: [{}]", names.join(", "))?;
        if !self.imported.remarks.is_empty() {
            f.write_str(&yaml::comment(4, "Not exactly as in ECR:"))?;
        }
        for remark in &self.imported.remarks {
            f.write_str(&yaml::comment(4, &format!("- {remark}")))?;
            if let Remark::Archives { rules, .. } = remark {
                f.write_str(&yaml::comment(
                    4,
                    "  with `mode: archive`, write this for it instead:",
                ))?;
                for rule in rules {
                    writeln!(f, "    #     - {}", yaml::rule(rule))?;
                }
            }
        }
        let Some(rules) = &self.imported.rules else {
            return writeln!(f, "    leave_alone: true");
        };
        f.write_str("    keep:\n")?;
        let mut said = None;
        for rule in rules {
            let stands_for = rule.stands_for.as_deref();
            if said != Some(stands_for) {
                let text = stands_for.unwrap_or("what no rule selects");
                f.write_str(&yaml::comment(6, text))?;
                said = Some(stands_for);
            }
            writeln!(f, "      - {}", yaml::rule(&rule.rule))?;
        }
        Ok(())
    }
}
