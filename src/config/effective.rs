//! Back from what the program uses to a document: the effective configuration, with every default written out.

use std::num::NonZeroU32;

use serde::{Serialize, Serializer};

use super::{
    Config, TaskDefinitions, accounts,
    duration::Duration,
    raw::{self, Document},
    scalar::{self, Count, Limit, Percent, Price, Switch},
};
use crate::policy::{Action, KeepRule, Order, Pattern, Policy};

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        document(self).serialize(serializer)
    }
}

fn document(config: &Config) -> Document {
    Document {
        version: NonZeroU32::new(config.version).map(Count),
        mode: Some(config.mode),
        registries: (!config.registries.is_empty()).then(|| {
            config
                .registries
                .iter()
                .map(accounts::written_registry)
                .collect()
        }),
        policies: Some(config.policies.0.iter().map(policy).collect()),
        in_use: Some(in_use(&config.in_use)),
        registry_aliases: Some(config.registry_aliases.iter().cloned().collect()),
        guards: Some(guards(&config.guards)),
        state: config.state.as_ref().map(ToString::to_string),
        report: config.report.as_ref().map(ToString::to_string),
        notify: config.notify.as_ref().map(ToString::to_string),
        archive: Some(raw::Archive {
            delete_after: config.archive.delete_after.map(Duration),
        }),
        cost: Some(raw::Cost {
            usd_per_gb_month: Some(Price(config.usd_per_gb_month)),
        }),
    }
}

fn policy(policy: &Policy) -> raw::Policy {
    let (keep, leave_alone, delete_unmatched) = match &policy.action {
        Action::LeaveAlone => (None, Some(true), None),
        Action::Keep(keep) => {
            let rules = keep.rules.iter().map(keep_rule).collect();
            (Some(rules), None, Some(keep.delete_unmatched))
        }
    };
    raw::Policy {
        repositories: Some(policy.repositories.patterns().iter().cloned().collect()),
        keep,
        leave_alone,
        delete_unmatched,
    }
}

fn keep_rule(rule: &KeepRule) -> raw::KeepRule {
    let text = |pattern: &Pattern| pattern.as_str().to_owned();
    let counts = rule.newest.is_some() || rule.newest_groups.is_some();
    raw::KeepRule {
        name: Some(rule.name.clone()),
        tags: rule.tags.as_ref().map(text),
        except: rule.except.as_ref().map(text),
        untagged: rule.untagged.then_some(true),
        pushed_within: rule.pushed_within.map(Duration),
        pulled_within: rule.pulled_within.map(Duration),
        newest: rule.newest.map(Count),
        per: rule.per.clone(),
        newest_groups: rule.newest_groups.map(Count),
        by: counts.then_some(match rule.by {
            Order::Pushed => raw::Order::Pushed,
            Order::Version => raw::Order::Version,
        }),
    }
}

fn in_use(in_use: &super::InUse) -> raw::InUse {
    let ecs = in_use.ecs.as_ref().map_or(Switch::Off, |ecs| {
        let task_definitions = match ecs.task_definitions {
            TaskDefinitions::Active => scalar::TaskDefinitions::Active,
            TaskDefinitions::Referenced => scalar::TaskDefinitions::Referenced,
            TaskDefinitions::Newest(count) => scalar::TaskDefinitions::Newest(Some(Count(count))),
        };
        Switch::On(raw::Ecs {
            task_definitions: Some(task_definitions),
        })
    });
    let eks = in_use.eks.as_ref().map_or(Switch::Off, |eks| {
        Switch::On(raw::Eks {
            clusters: Some(eks.clusters.patterns().iter().cloned().collect()),
            allow_empty: Some(eks.allow_empty.iter().cloned().collect()),
            helm_history: Some(eks.helm_history),
            custom_resources: Some(raw::CustomResources {
                exclude: Some(eks.exclude.patterns().iter().cloned().collect()),
            }),
        })
    });
    let contexts = in_use.kubernetes.iter().map(|cluster| raw::Context {
        kubeconfig: Some(cluster.kubeconfig.clone()),
        context: Some(cluster.context.clone()),
    });
    let kubernetes = Some(contexts.collect());
    let lambda = if in_use.lambda {
        Switch::On(raw::Lambda {})
    } else {
        Switch::Off
    };
    let keep_lists = Some(in_use.keep_lists.iter().map(ToString::to_string).collect());
    let accounts = Some(
        in_use
            .accounts
            .iter()
            .map(accounts::written_account)
            .collect(),
    );
    let services = Some(in_use.services.iter().copied().collect());
    raw::InUse {
        ecs: Some(ecs),
        eks: Some(eks),
        kubernetes,
        lambda: Some(lambda),
        services,
        accounts,
        keep_lists,
    }
}

fn guards(guards: &super::Guards) -> raw::Guards {
    raw::Guards {
        expected_accounts: Some(
            guards
                .expected_accounts
                .iter()
                .map(ToString::to_string)
                .collect(),
        ),
        allow_no_usage: Some(guards.allow_no_usage),
        max_deletions_per_run: Some(Limit(guards.max_deletions_per_run)),
        max_percent_per_repository: Some(Percent(guards.max_percent_per_repository)),
        max_usage_drop_percent: Some(Percent(guards.max_usage_drop_percent)),
        unread_pull_accounts: Some(guards.unread_pull_accounts),
        soak: Some(Duration(guards.soak)),
        change_window: guards.change_window.as_ref().map(super::guards::written),
    }
}
