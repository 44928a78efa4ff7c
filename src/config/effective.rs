//! Back from what the program uses to a document: the effective configuration, with every default
//! written out.

use std::{collections::BTreeMap, num::NonZeroU32};

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::{
    Config, InUse, Mode, Recipient, Regions, Service, Services, accounts,
    duration::Duration,
    git,
    notify::OneOrMore,
    raw::{self, Document, RegionsWord, ServicesWord},
    scalar::{Count, List, Switch, WordOrList},
};
use crate::{
    guard::Guards,
    policy::{
        Action, Ceiling, KeepRule, KeepRules, Order, Pattern, Policy, RepositoryGlobs,
        wildcard::Wildcard,
    },
};

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        document(self).serialize(serializer)
    }
}

impl Config {
    /// Returns a hash of everything that is configured, with all defaults.
    #[must_use]
    pub fn sha256(&self) -> String {
        // What can be read from a document can be written to one.
        let text = serde_json::to_vec(self).unwrap_or_default();
        hex::encode(Sha256::digest(text))
    }
}

fn document(config: &Config) -> Document {
    let registries = config.registries.iter().map(accounts::written_registry);
    Document {
        version: Count(NonZeroU32::MIN),
        mode: config.mode,
        registries: (!config.registries.is_empty()).then(|| registries.collect()),
        policy_tag: config.policies.tag.clone(),
        policies: config.policies.all.iter().map(policy).collect(),
        in_use: in_use(&config.in_use),
        registry_aliases: texts(&config.registry_aliases),
        guards: guards(&config.guards),
        state: config.state.as_ref().map(ToString::to_string),
        report: config.report.as_ref().map(ToString::to_string),
        publish: config.publish.as_ref().map(ToString::to_string),
        notify: notify(&config.notify),
        archive: raw::Archive {
            delete_after: config.archive.delete_after.map(Duration),
            restore_in_use: config.archive.restore_in_use,
        },
        aws: config.aws.clone(),
        cost: raw::Cost {
            usd_per_gb_month: config.usd_per_gb_month,
        },
    }
}

fn notify(recipients: &[Recipient]) -> Option<OneOrMore> {
    match recipients {
        [] => None,
        [one] => Some(OneOrMore::One(one.to_string())),
        more => Some(OneOrMore::More(texts(more))),
    }
}

fn texts<T: ToString>(items: &[T]) -> List<String> {
    items.iter().map(ToString::to_string).collect()
}

fn policy(policy: &Policy) -> raw::Policy {
    let keep = match &policy.action {
        Action::LeaveAlone => None,
        Action::Keep(keep) => Some(keep),
    };
    let at_least = |keep: &KeepRules| {
        let newest = keep.at_least.as_ref().and_then(|rule| rule.newest);
        newest.map_or(0, NonZeroU32::get)
    };
    let limits = policy.limits;
    let tags = policy.repository_tags.iter();
    let tags = tags.map(|(key, glob)| (key.clone(), glob.as_str().to_owned()));
    let tags: BTreeMap<String, String> = tags.collect();
    raw::Policy {
        name: policy.name.clone(),
        repositories: Some(texts(policy.repositories.patterns())),
        repository_tags: (!tags.is_empty()).then_some(tags),
        pull_through_cache: policy.pull_through_cache.then_some(true),
        mode: limits.mode.map(|ceiling| match ceiling {
            Ceiling::Plan => Mode::Plan,
            Ceiling::Archive => Mode::Archive,
        }),
        max_percent: limits.max_percent,
        max_deletions: limits.max_deletions,
        soak: limits.soak.map(Duration),
        keep: keep.map(|keep| keep.rules.iter().map(keep_rule).collect()),
        leave_alone: keep.is_none().then_some(true),
        delete_unmatched: keep.map(|keep| keep.delete_unmatched),
        keep_at_least: keep.map(at_least),
        git: keep.and_then(|keep| keep.git.as_deref()).map(git::written),
    }
}

pub(super) fn keep_rule(rule: &KeepRule) -> raw::KeepRule {
    let text = |pattern: &Pattern| pattern.as_str().to_owned();
    let types = rule.artifacts.as_ref();
    let types = types.filter(|types| **types != Wildcard::any());
    let counts = rule.newest.is_some() || rule.newest_groups.is_some();
    raw::KeepRule {
        name: Some(rule.name.clone()),
        artifacts: rule.artifacts.as_ref().map(|_| true),
        artifact_type: types.map(|types| types.as_str().to_owned()),
        tags: rule.tags.as_ref().map(text),
        except: rule.except.as_ref().map(text),
        all_tags: (!rule.all_tags.is_empty()).then(|| rule.all_tags.iter().map(text).collect()),
        no_tag: rule.no_tag.as_ref().map(text),
        untagged: rule.untagged.then_some(true),
        pushed_within: rule.pushed_within.map(Duration),
        pulled_within: rule.pulled_within.map(Duration),
        used_within: rule.used_within.map(Duration),
        tagged_within: rule.tagged_within.map(Duration),
        newest: rule.newest.map(Count),
        per: rule.per.clone(),
        newest_groups: rule.newest_groups.map(Count),
        by: counts.then_some(match rule.by {
            Order::Pushed => raw::Order::Pushed,
            Order::Version => raw::Order::Version,
            Order::Pulled => raw::Order::Pulled,
            Order::Used => raw::Order::Used,
            Order::Tagged => raw::Order::Tagged,
        }),
        version: rule.version.as_ref().map(text),
    }
}

fn in_use(in_use: &InUse) -> raw::InUse {
    let eks = in_use.eks.as_ref().map(|eks| raw::Eks {
        clusters: eks.clusters.texts().map(str::to_owned).collect(),
        allow_empty: texts(&eks.allow_empty),
        helm_history: eks.helm_history,
        custom_resources: custom_resources(&eks.exclude),
    });
    let contexts = in_use.kubernetes.iter().map(|cluster| raw::Context {
        kubeconfig: Some(cluster.kubeconfig.clone()),
        context: Some(cluster.context.clone()),
        allow_empty: cluster.allow_empty,
        helm_history: cluster.helm_history,
        custom_resources: cluster.exclude.as_ref().map(custom_resources),
    });
    let accounts = in_use.accounts.iter().map(accounts::written_account);
    raw::InUse {
        ecs: Switch(in_use.ecs.clone()),
        eks: Switch(eks),
        kubernetes: contexts.collect(),
        lambda: Switch(in_use.lambda.then_some(raw::Lambda {})),
        services: services(&in_use.services),
        cloudformation: in_use.cloudformation,
        regions: regions(&in_use.regions),
        accounts: accounts.collect(),
        organization: in_use
            .organization
            .as_ref()
            .map(accounts::written_organization),
        keep_lists: texts(&in_use.keep_lists),
    }
}

fn custom_resources(exclude: &RepositoryGlobs) -> raw::CustomResources {
    raw::CustomResources {
        exclude: texts(exclude.patterns()),
    }
}

fn services(services: &Services) -> WordOrList<ServicesWord, Service> {
    match services {
        Services::Auto => WordOrList::Word(ServicesWord::Auto),
        Services::Demanded(named) if named.is_empty() => WordOrList::Word(ServicesWord::Off),
        Services::Demanded(named) => WordOrList::List(named.iter().copied().collect()),
    }
}

fn regions(regions: &Regions) -> WordOrList<RegionsWord, String> {
    match regions {
        Regions::Auto => WordOrList::Word(RegionsWord::Auto),
        Regions::Own => WordOrList::Word(RegionsWord::Own),
        Regions::All => WordOrList::Word(RegionsWord::All),
        Regions::Named(named) => WordOrList::List(texts(named)),
    }
}

fn guards(guards: &Guards) -> raw::Guards {
    raw::Guards {
        expected_accounts: texts(&guards.expected_accounts),
        allow_no_usage: guards.allow_no_usage,
        max_deletions_per_run: guards.max_deletions_per_run,
        max_percent_per_repository: guards.max_percent_per_repository,
        max_usage_drop_percent: guards.max_usage_drop_percent,
        min_usage_drop: guards.min_usage_drop as u64,
        unread_pull_accounts: guards.unread_pull_accounts,
        trusted_pullers: guards
            .trusted_pullers
            .names()
            .map(ToOwned::to_owned)
            .collect(),
        unexplained_pulls: raw::UnexplainedPulls {
            within: Duration(guards.unexplained_pulls.within),
            action: guards.unexplained_pulls.action,
        },
        soak: Duration(guards.soak),
        evidence_max_age: Duration(guards.evidence_max_age),
        change_window: guards.change_window.as_ref().map(super::guards::written),
    }
}
