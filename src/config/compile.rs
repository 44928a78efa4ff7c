//! From what was written, completed by the defaults, to what the program uses. What is wrong
//! between keys is found here.
//!
//! Each function records what is wrong and continues. It returns `None` only if it recorded a
//! problem.

use super::{
    Archive, Config, Recipient, S3Location, accounts, aws_rates, git, guards, in_use, keep_rules,
    notify::OneOrMore, path::Path, policies, problems::Problems, raw::Document, registry,
    scalar::List,
};

/// Returns the configuration that `document` means; `defaults` has the keep rules of policies
/// without any.
pub(super) fn compile(
    document: &Document,
    defaults: &Document,
    problems: &mut Problems,
) -> Option<Config> {
    let version = document.version.0;
    if version.get() != 1 {
        let message = format!("expected 1, the only version there is, found {version}");
        problems.add(&Path::of("version"), message);
    }
    let registries = document.registries.as_ref();
    let registries = registries.map(|written| accounts::registries(written, problems));
    let mut default_policies = defaults.policies.items();
    let default_keep = default_policies.find_map(|(_, policy)| policy.keep.as_ref());
    let has_state = document.state.is_some() || problems.knows(&Path::of("state"));
    let policies = policies::compile(document, default_keep, has_state, problems);
    let in_use = in_use::compile(&document.in_use, problems);
    let registry_aliases = aliases(&document.registry_aliases, problems);
    if !has_state {
        keep_rules::check_without_state(&document.policies, problems);
    }
    let guards = guards::compile(&document.guards, has_state, problems);
    if let (Some(policies), false) = (&policies, has_state) {
        git::need_state(policies, problems);
    }
    let mut location = |key, written: &Option<String>| {
        let parsed = S3Location::parse(written.as_ref()?);
        problems.parsed(&Path::of(key), parsed).ok()
    };
    let state = location("state", &document.state);
    let report = location("report", &document.report);
    let publish = location("publish", &document.publish);
    let notify = document.notify.as_ref();
    let notify = notify.map(|written| recipients(written, problems));
    Some(Config {
        mode: document.mode,
        registries: registries.unwrap_or_default(),
        policies: policies?,
        in_use: in_use?,
        registry_aliases,
        guards: guards?,
        state,
        report,
        publish,
        notify: notify.unwrap_or_default(),
        archive: Archive {
            delete_after: document.archive.delete_after.map(|after| after.0),
            restore_in_use: document.archive.restore_in_use,
        },
        aws: aws_rates::compile(&document.aws, problems),
        usd_per_gb_month: document.cost.usd_per_gb_month,
    })
}

fn recipients(written: &OneOrMore, problems: &mut Problems) -> Vec<Recipient> {
    let path = Path::of("notify");
    match written {
        OneOrMore::One(text) => {
            let one = problems.parsed(&path, Recipient::parse(text));
            one.into_iter().collect()
        }
        OneOrMore::More(texts) => {
            let more = problems.all_parsed(&path, texts, Recipient::parse);
            more.into_iter().map(|(_, recipient)| recipient).collect()
        }
    }
}

fn aliases(written: &List<String>, problems: &mut Problems) -> Vec<String> {
    let path = Path::of("registry_aliases");
    let aliases = problems.all_parsed(&path, written, registry::alias);
    problems.distinct(&path, aliases)
}
