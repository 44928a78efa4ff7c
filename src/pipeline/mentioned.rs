//! Warnings about repositories that are kept whole since something names them without a tag (U12).

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    evidence::{StoredUsage, UsageIndex},
    image::Registry,
    plan::{KeepReason, Plan, PlannedImage, RepositoryPlan, Verdict, first_of},
    report::{Warning, WarningCode},
};

/// Number of users of a repository that are named.
const USERS: usize = 3;
/// Number of repositories that are named.
const REPOSITORIES: usize = 20;

/// Returns a warning for each repository of which nothing but a mention keeps some images, those with
/// most of them first.
pub(super) fn warnings(plan: &Plan, usage: &UsageIndex) -> Vec<Warning> {
    let repositories = plan.repositories();
    let images = repositories.iter().flat_map(RepositoryPlan::images);
    let usage = usage.with_stored(images.map(|planned| planned.image));
    let kept = repositories.iter().map(|repository| {
        let images = repository.images();
        (
            images.filter(|it| is_kept_by_mention(*it)).count(),
            repository,
        )
    });
    let mut kept: Vec<_> = kept.filter(|(images, _)| *images > 0).collect();
    kept.sort_by_key(|(images, _)| std::cmp::Reverse(*images));
    let warnings = kept
        .into_iter()
        .filter_map(|(images, repository)| warning(images, repository, &usage));
    let mut warnings: Vec<Warning> = warnings.collect();
    let more = warnings.len().saturating_sub(REPOSITORIES);
    if more > 0 {
        warnings.truncate(REPOSITORIES);
        let message = format!(
            "{more} more repositories are kept whole since something names them without a tag"
        );
        warnings.push(Warning::new(WarningCode::RepositoryMentioned, message));
    }
    warnings
}

/// Returns whether nothing but a mention keeps an image, or what belongs to it.
fn is_kept_by_mention(planned: PlannedImage<'_>) -> bool {
    let Verdict::Keep(reasons) = planned.verdict else {
        return false;
    };
    let is_mention = |reason: &KeepReason| matches!(reason, KeepReason::RepositoryInUse { .. });
    let belongs = |reason: &KeepReason| {
        matches!(
            reason,
            KeepReason::PartOf { .. }
                | KeepReason::RefersTo { .. }
                | KeepReason::HasPartInUse { .. }
        )
    };
    reasons.iter().any(is_mention) && reasons.iter().all(|it| is_mention(it) || belongs(it))
}

/// Returns a warning for each registry that something names apart from every repository in it
/// (U12): it may make up the names of images in a way that nobody can tell.
pub(super) fn unmatched(plan: &Plan, usage: &UsageIndex) -> Vec<Warning> {
    const NAMED: usize = 5;
    let is_planned = |host: &str| {
        let registry = Registry::of_host(host);
        let mut planned = plan.registries().iter();
        planned.any(|it| registry.as_ref().is_none_or(|registry| *registry == **it))
    };
    let mut users: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let repositories = plan.repositories().iter().map(RepositoryPlan::name);
    for (user, hosts) in usage.unmatched_parts(repositories) {
        for host in hosts.filter(|host| is_planned(host)) {
            users.entry(host).or_default().insert(user.to_string());
        }
    }
    let warning = |(host, users): (&str, BTreeSet<String>)| {
        let first: Vec<&str> = users.iter().take(NAMED).map(String::as_str).collect();
        let more = match users.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "`{host}` is named without a repository that there is, by {}{more}: if images are named there in a way that cannot be read, protect them with a keep list",
            first.join(", ")
        );
        Warning::new(WarningCode::RegistryMentioned, message)
    };
    users.into_iter().map(warning).collect()
}

/// Returns the warning about a repository; `None` if what mentions it tells the images.
fn warning(kept: usize, repository: &RepositoryPlan, usage: &StoredUsage<'_>) -> Option<Warning> {
    let users = usage.users_of_all(repository.name(), repository.stored_images());
    let users: Vec<String> = users.into_iter().map(ToString::to_string).collect();
    (!users.is_empty()).then(|| {
        let title = repository.title();
        let users = first_of(&users, USERS);
        let message = format!(
            "`{title}` is kept whole, {kept} of its images by nothing else, since it is named without a tag: by {users}"
        );
        Warning::about(title, WarningCode::RepositoryMentioned, message)
    })
}
