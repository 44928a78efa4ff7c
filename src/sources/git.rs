//! Git history (K14): the documents that CI exports, each read once.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use crate::{
    aws::{Clients, s3},
    config::S3Objects,
    image::Time,
    policy::{
        Action, Policies, Policy,
        git::{DocumentSizes, Expected, GitRules, History, HistoryError},
    },
};

/// Returns policies with the histories that they ask for. `last` are the sizes of the documents that
/// were last accepted; if they cannot be read, no document is believed.
pub(crate) async fn with_histories(
    policies: &Policies,
    clients: &Clients,
    last: &Result<DocumentSizes, HistoryError>,
    now: Time,
) -> Policies {
    let mut policies = policies.clone();
    let (mut texts, mut histories) = (BTreeMap::new(), BTreeMap::new());
    for rules in git_of(&mut policies) {
        let text = match texts.entry(rules.document.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(read(clients, &rules.document).await),
        };
        let asked = (&rules.document, &rules.repository, rules.max_age);
        let asked = (asked.0.clone(), asked.1.clone(), asked.2);
        let history = histories.entry(asked);
        let history = history.or_insert_with(|| parsed(text, rules, last, now));
        rules.history = Some(history.clone());
    }
    policies
}

/// Returns the sizes of the documents that were accepted.
pub(crate) fn accepted(policies: &Policies) -> DocumentSizes {
    let rules = policies.all.iter().filter_map(Policy::git);
    let accepted = rules.filter_map(|rules| {
        let history = rules.history.as_ref()?.as_ref().ok()?;
        Some((key(rules), history.counts()))
    });
    accepted.collect()
}

/// Returns the policies that ask for Git history.
fn git_of(policies: &mut Policies) -> impl Iterator<Item = &mut GitRules> {
    let policies = policies.all.iter_mut();
    policies.filter_map(|policy| match &mut policy.action {
        Action::Keep(keep) => keep.git.as_deref_mut(),
        Action::LeaveAlone => None,
    })
}

/// Returns the name by which the sizes of a document are remembered.
pub(crate) fn key(rules: &GitRules) -> String {
    format!("{} of {}", rules.document, rules.repository)
}

async fn read(clients: &Clients, address: &str) -> Result<Vec<u8>, HistoryError> {
    let unreadable = |error: &dyn ToString| HistoryError::Unreadable(error.to_string());
    let object: S3Objects = address.parse().map_err(|error| unreadable(&error))?;
    let object = s3::get(clients, &object.bucket, &object.key).await;
    let object = object.map_err(|error| unreadable(&error))?;
    s3::decompressed(object.bytes).map_err(|error| HistoryError::Malformed(error.to_string()))
}

fn parsed(
    text: &Result<Vec<u8>, HistoryError>,
    rules: &GitRules,
    last: &Result<DocumentSizes, HistoryError>,
    now: Time,
) -> Result<Arc<History>, HistoryError> {
    let (text, last) = (
        text.as_ref().map_err(Clone::clone)?,
        last.as_ref().map_err(Clone::clone)?,
    );
    let expected = Expected {
        repository: &rules.repository,
        max_age: rules.max_age,
        last: last.get(&key(rules)).copied(),
        now,
    };
    History::parse(text, &expected).map(Arc::new)
}
