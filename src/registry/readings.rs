//! The program's own readings of manifests, as the state store remembers them: ECR counts each as a
//! pull (K12).

use std::{collections::HashMap, sync::LazyLock};

use aws_smithy_types::retry::RetryConfig;

use super::absences::Absences;
use crate::{
    aws::{ApiError, Clients, Identity, Operation},
    cache::{
        AllCaches, Cache, Caches, IndexManifest, ManifestReading, ReadingCache, RepositoryReadings,
    },
    image::{Arn, Digest, Image, Registry, RepositoryName, Time},
    inventory::{OwnReading, OwnReadings, Revisions},
};

/// Difference between the clocks of this program and ECR that is tolerated, in milliseconds.
pub(super) const CLOCK_SKEW: i64 = 120_000;

/// Number of roles and users that an account may exclude.
const MOST_EXCLUDED: i32 = 100;

/// What is known of a registry whose location is not read.
static NOTHING: LazyLock<Caches> = LazyLock::new(Caches::default);

/// The manifests that were read before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    caches: &'a AllCaches,
    pub(super) has_state: bool,
}

impl<'a> Known<'a> {
    /// Returns what caches hold. Without a state store, other runs read manifests too.
    pub(crate) const fn of(caches: &'a AllCaches, has_state: bool) -> Self {
        Self { caches, has_state }
    }

    /// Returns the manifests of indexes of a registry.
    pub(super) fn indexes(self, registry: &Registry) -> &'a Cache<Digest, IndexManifest> {
        &self.caches_of(registry).indexes
    }

    /// Returns the commits that annotations of images of a registry name.
    pub(super) fn revisions(self, registry: &Registry) -> &'a Cache<Digest, Revisions> {
        &self.caches_of(registry).revisions
    }

    /// Returns the policies that repositories of a registry lately did not have.
    pub(super) fn absences(self, registry: &Registry, now: Time) -> Absences<'a> {
        Absences {
            findings: &self.caches_of(registry).findings,
            now,
            are_believed: true,
        }
    }

    /// Returns when manifests of a registry were read; `None` if nothing lasts.
    fn readings(self, registry: &Registry) -> Option<&'a ReadingCache> {
        self.has_state.then(|| &self.caches_of(registry).readings)
    }

    fn caches_of(self, registry: &Registry) -> &'a Caches {
        self.caches.get(registry).unwrap_or(&NOTHING)
    }
}

/// The readings of the manifests of one repository.
pub(crate) struct Readings<'a> {
    /// What is remembered of all repositories; `None` without a state store.
    cache: Option<&'a ReadingCache>,
    repository: String,
    /// Whether ECR does not record them.
    excluded: bool,
}

impl ManifestReading {
    /// Returns whether the last pull of an image is this reading.
    fn is_pull_of(&self, image: &Image) -> bool {
        image.pulled_at.map(Time::millis).is_some_and(|pulled_at| {
            self.from - CLOCK_SKEW <= pulled_at && pulled_at <= self.to + CLOCK_SKEW
        })
    }

    fn is_over(&self, image: &Image) -> bool {
        let pulled_at = image.pulled_at.map(Time::millis);
        pulled_at.is_some_and(|pulled_at| pulled_at > self.to + CLOCK_SKEW)
    }
}

/// Returns whether ECR does not record what this program reads, since its role is excluded from
/// pull times.
pub(crate) async fn is_excluded(clients: &Clients, own: &Identity) -> Result<bool, ApiError> {
    let quick = aws_sdk_ecr::config::Builder::new()
        .retry_config(RetryConfig::standard().with_max_attempts(3));
    let request = |token| {
        let request = clients.ecr.list_pull_time_update_exclusions();
        let request = request.max_results(MOST_EXCLUDED).set_next_token(token);
        request.customize().config_override(quick.clone()).send()
    };
    let operation = Operation::ListPullTimeUpdateExclusions;
    let excluded = clients.list(operation, "", request, |answer| {
        let excluded = answer.pull_time_update_exclusions.unwrap_or_default();
        (Some(excluded), answer.next_token)
    });
    let (excluded, caller) = (excluded.await?, clients.caller(own));
    let is_caller = |arn: &String| Some(is_same(&arn.parse().ok()?, caller.as_ref()?));
    Ok(excluded.iter().any(|arn| is_caller(arn) == Some(true)))
}

/// Returns whether a caller is this role or user, or has assumed it.
fn is_same(principal: &Arn, caller: &Arn) -> bool {
    name(principal).is_some_and(|it| name(caller) == Some(it))
        && principal.account == caller.account
}

/// Returns whether it is a role or a user, and the name without the path.
fn name(arn: &Arn) -> Option<(&'static str, &str)> {
    let mut parts = arn.resource.split('/');
    match parts.next()? {
        "assumed-role" => Some(("role", parts.next()?)),
        "role" => Some(("role", parts.next_back()?)),
        "user" => Some(("user", parts.next_back()?)),
        _ => None,
    }
}

impl<'a> Readings<'a> {
    pub(crate) fn of(known: Known<'a>, registry: &Registry, repository: &RepositoryName) -> Self {
        Self {
            cache: known.readings(registry),
            repository: format!("{}/{repository}", registry.host()),
            excluded: false,
        }
    }

    /// Returns the same, of a program whose readings ECR may not record.
    pub(super) const fn with_excluded(mut self, excluded: bool) -> Self {
        self.excluded = excluded;
        self
    }

    fn known(&self) -> RepositoryReadings {
        let known = self.cache.and_then(|cache| cache.get(&self.repository));
        known.unwrap_or_default()
    }

    fn learn(&self, readings: RepositoryReadings) {
        if let Some(cache) = self.cache {
            cache.learn(self.repository.clone(), readings);
        }
    }

    /// Returns which pulls of the images of the repository are readings, and forgets those after
    /// which an image was pulled.
    pub(super) fn own(&self, images: &[Image]) -> OwnReadings {
        match self.cache {
            None if self.excluded => return OwnReadings::NotRecorded,
            None => return OwnReadings::Unknown,
            Some(_) => {}
        }
        let (known, mut own) = (self.known(), HashMap::new());
        let mut kept = RepositoryReadings::with_capacity(known.len());
        for image in images {
            let Some(reading) = known.get(&image.digest) else {
                continue;
            };
            let at = Time::from_millis(reading.to);
            if let Some(at) = at.filter(|_| reading.is_pull_of(image)) {
                let earlier = reading.earlier.and_then(Time::from_millis);
                own.insert(image.digest, OwnReading { at, earlier });
            }
            if !reading.is_over(image) {
                kept.insert(image.digest, *reading);
            }
        }
        if kept != known {
            self.learn(kept);
        }
        OwnReadings::Known(own)
    }

    /// Remembers that manifests were read, or may have been.
    pub(super) fn record(&self, images: &[&Image], from: Time, to: Time) {
        if self.excluded {
            return;
        }
        let mut readings = self.known();
        readings.reserve(images.len());
        for image in images {
            let last = readings.get(&image.digest);
            let last = last.filter(|reading| reading.is_pull_of(image));
            let earlier = match last {
                Some(last) => last.earlier,
                None => image.pulled_at.map(Time::millis),
            };
            let (from, to) = (from.millis(), to.millis());
            let reading = ManifestReading { from, to, earlier };
            readings.insert(image.digest, reading);
        }
        self.learn(readings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_one_of_its_role_whatever_its_path() {
        let role = "arn:aws:iam::111111111111:role/team/cleaner";
        let user = "arn:aws:iam::111111111111:user/cleaner";
        let root = "arn:aws:iam::111111111111:root";
        let session = "arn:aws:sts::111111111111:assumed-role/cleaner/run";
        let elsewhere = "arn:aws:sts::222222222222:assumed-role/cleaner/run";
        let other = "arn:aws:sts::111111111111:assumed-role/other/cleaner";
        for (principal, caller, expected) in [
            (role, session, true),
            (role, "arn:aws:iam::111111111111:role/cleaner", true),
            (role, elsewhere, false),
            (role, other, false),
            (role, user, false),
            (user, user, true),
            (user, root, false),
            (root, root, false),
        ] {
            let [principal, caller] = [principal, caller].map(|arn| arn.parse().unwrap());
            assert_eq!(
                is_same(&principal, &caller),
                expected,
                "{principal} {caller}"
            );
        }
    }
}
