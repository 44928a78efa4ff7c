//! Guards: what has to hold before anything is deleted (A1).
//!
//! A [`Clearance`] is the only way to a delete call, and only [`evaluate`] makes one, from a plan
//! and complete evidence.

mod change_window;
mod limits;
mod principal;
mod pull_principals;
mod refusal;
mod settings;
mod soak_ledger;
mod trusted_pullers;
mod unread_puller;
mod usage_counts;
mod veto;

use std::collections::BTreeSet;

use crate::{
    evidence::{Coverage, Reference, SourceError, SourceStatus, UsageIndex},
    image::{AccountId, Digest, Time},
    plan::{Plan, RepositoryPlan, SavedImages},
};

pub use limits::{RepositorySelection, Selection};
pub use principal::{Accounts, PullPrincipal};
pub use pull_principals::{PolicyError, pull_principals};
pub use refusal::{Guard, Refusal, StateProblem};
pub use settings::{ChangeWindow, Guards, PullAction, PullGuard, UnreadPullers};
pub use soak_ledger::SoakLedger;
pub use trusted_pullers::TrustedPullers;
pub use unread_puller::{KnownPullers, Organization};
pub use usage_counts::UsageCounts;
pub use veto::{Doubts, PullAccess, PullingAccounts, too_many_candidates, unread_pullers};

/// Proof that every guard passed, with the images that may be deleted.
#[derive(Debug)]
pub struct Clearance<'a> {
    plan: &'a Plan,
    selection: Selection<'a>,
}

impl<'a> Clearance<'a> {
    /// Returns the plan that was cleared.
    #[must_use]
    pub const fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// Returns the images of it that may be deleted in this run.
    #[must_use]
    pub fn into_selection(self) -> Selection<'a> {
        self.selection
    }
}

/// Memory of earlier runs that guards depend on.
#[derive(Debug, Default)]
pub struct Memory {
    /// Soak ledger; `None` if no soaking is configured.
    pub ledger: Option<SoakLedger>,
    /// References of each source in the last run; `None` if nothing is remembered.
    pub counts: Option<UsageCounts>,
}

/// Input of the guards.
#[derive(Debug, Clone, Copy)]
pub struct GuardInput<'a> {
    /// Plan.
    pub plan: &'a Plan,
    /// Images of a saved plan, beyond which nothing is deleted; `None` if there is no such plan.
    pub saved: Option<&'a SavedImages>,
    /// Evidence that the plan was made by.
    pub usage: &'a UsageIndex,
    /// Settings.
    pub guards: &'a Guards,
    /// Memory of earlier runs.
    pub memory: &'a Memory,
    /// Accounts that the policies of the repositories with candidates let pull.
    pub pulling: &'a PullingAccounts,
    /// Time.
    pub now: Time,
    /// Refusals that the run met already: a lock that another run holds, a store that cannot be
    /// read or written.
    pub preconditions: &'a [Refusal],
}

/// Evaluates every guard.
///
/// # Errors
/// Returns all refusals, if there are any.
pub fn evaluate(input: GuardInput<'_>) -> Result<Clearance<'_>, Vec<Refusal>> {
    let refusals = refusals(input);
    if refusals.is_empty() {
        Ok(Clearance {
            plan: input.plan,
            selection: select(input),
        })
    } else {
        Err(refusals)
    }
}

/// Returns the images that may be deleted in this run: those that have soaked, up to the limit, and
/// of a run by a saved plan those that it has (A11).
#[must_use]
pub fn select(input: GuardInput<'_>) -> Selection<'_> {
    let GuardInput {
        plan,
        saved,
        guards,
        memory,
        now,
        ..
    } = input;
    let has_soaked = |repository: &RepositoryPlan, image: &Digest| {
        let soak = repository.limits().soak.unwrap_or(guards.soak);
        let ledger = memory.ledger.as_ref();
        let soaked = |ledger: &SoakLedger| ledger.has_soaked(repository, image, soak, now);
        soak.is_zero() || ledger.is_some_and(soaked)
    };
    Selection::new(plan, saved, guards.max_deletions_per_run, has_soaked)
}

/// Returns every reason for which a run may not delete.
#[must_use]
pub fn refusals(input: GuardInput<'_>) -> Vec<Refusal> {
    let GuardInput {
        plan,
        guards,
        now,
        preconditions,
        ..
    } = input;
    let mut refusals = usage_refusals(input);
    let registries = plan.registries().iter();
    let accounts: BTreeSet<AccountId> = registries.map(|registry| registry.account).collect();
    let accounts = accounts.into_iter();
    refusals.extend(accounts.filter_map(|account| unexpected(account, guards)));
    if let Some(window) = &guards.change_window
        && !window.is_open(now)
    {
        refusals.push(Refusal::change_window(window, now));
    }
    refusals.extend(preconditions.iter().cloned());
    refusals
}

/// Returns a refusal, if the account is not among those that are expected.
#[must_use]
pub fn unexpected(account: AccountId, guards: &Guards) -> Option<Refusal> {
    let expected = &guards.expected_accounts;
    let wrong = !expected.is_empty() && !expected.contains(&account);
    wrong.then(|| Refusal::wrong_account(account, expected))
}

/// Returns every reason for which evidence that was read again, later, does not allow to go on.
#[must_use]
pub fn fresh_usage_refusals(input: GuardInput<'_>, fresh: &UsageIndex) -> Vec<Refusal> {
    let mut refusals = usage_refusals(GuardInput {
        usage: fresh,
        ..input
    });
    // The plan was made before this was missing, and holds nothing because of it.
    let sources = fresh.sources().iter();
    let held = |status: &&SourceStatus| {
        let account = status.location.account;
        status.is_listing() || input.usage.gaps_in(account).next().is_some()
    };
    let new = sources.filter(|it| it.has_gap() && is_scoped(it, input) && !held(it));
    refusals.extend(new.filter_map(Refusal::source_incomplete));
    refusals.extend(not_asked_again(input.usage, fresh));
    if refusals.is_empty() {
        let began = UsageCounts::of(input.usage.sources());
        refusals.extend(drops(&began, "when this run began", fresh, input.guards));
    }
    refusals
}

/// Returns a refusal for each source that was read when the run began and cannot be asked any more:
/// what answered once is read whole, and something may use an image since then.
fn not_asked_again(began: &UsageIndex, fresh: &UsageIndex) -> Vec<Refusal> {
    let key = |status: &SourceStatus| (status.source, status.location.clone());
    let asked: BTreeSet<_> = fresh.sources().iter().map(key).collect();
    let began = began.sources().iter();
    let is_unread = |status: &SourceStatus| {
        let name = status.to_string();
        status.cluster.is_none() && fresh.unread().any(|unread| unread.hides(&name))
    };
    let lost = began.filter(|status| !asked.contains(&key(status)) && is_unread(status));
    let refusals = lost.filter_map(|status| {
        let why = "it answered when this run began, and cannot be asked any more";
        let coverage = Coverage::Incomplete(SourceError::Call(why.to_owned()));
        let status = status.clone();
        Refusal::source_incomplete(&SourceStatus { coverage, ..status })
    });
    refusals.collect()
}

fn usage_refusals(input: GuardInput<'_>) -> Vec<Refusal> {
    let GuardInput {
        plan,
        usage,
        guards,
        memory,
        ..
    } = input;
    let sources = usage.sources().iter();
    // What is in doubt is left alone by the plan.
    let sources = sources.filter(|status| status.has_gap() && !is_scoped(status, input));
    let mut refusals: Vec<Refusal> = sources.filter_map(Refusal::source_incomplete).collect();
    // What an incomplete source did not show says nothing of what is in use.
    if refusals.is_empty() {
        if !guards.allow_no_usage && !is_used(plan, usage) {
            refusals.push(Refusal::no_usage(plan.registries(), usage.sources()));
        }
        // Where nothing would be deleted, a drop does no harm yet.
        let may_delete = plan
            .repositories()
            .iter()
            .any(|it| it.candidates().next().is_some());
        let last = "in the last run that no guard stopped";
        let counts = memory.counts.iter().filter(|_| may_delete);
        refusals.extend(counts.flat_map(|counts| drops(counts, last, usage, guards)));
    }
    refusals
}

/// Sources whose location says where they are configured, and not whose use they read.
const OF_ANY_ACCOUNT: [&str; 2] = ["keep_lists", "kubernetes"];

/// Returns whether what a source may not have seen concerns only the repositories from which its
/// account may pull, which are left alone (U17): another account than those of the registries, if
/// it is known how it pulls.
fn is_scoped(status: &SourceStatus, input: GuardInput<'_>) -> bool {
    let account = status.location.account;
    let mut registries = input.plan.registries().iter();
    let is_of_one_account = registries.all(|registry| registry.account != account)
        && input.pulling.contains(account)
        && !OF_ANY_ACCOUNT.contains(&status.source);
    (is_of_one_account || status.is_listing())
        && input.guards.unread_pull_accounts == UnreadPullers::Refuse
}

/// Returns whether a reference is to the registries of a plan, rather than to others. One without a
/// registry is if the plan has what it names.
fn is_used(plan: &Plan, usage: &UsageIndex) -> bool {
    let (registries, repositories) = (plan.registries(), plan.repositories());
    usage.references().any(|(reference, _)| match reference {
        Reference::Image(image) => {
            let registry = image.registry.as_ref();
            registry.is_none_or(|registry| registries.iter().any(|it| **it == *registry))
        }
        Reference::Digest(digest) => repositories.iter().any(|it| it.image(digest).is_some()),
        Reference::Repository(name) => repositories.iter().any(|it| it.name() == name),
    })
}

/// Returns a refusal for each source that found much less than before, or that is not read any
/// more.
fn drops(
    before: &UsageCounts,
    when: &str,
    usage: &UsageIndex,
    guards: &Guards,
) -> impl Iterator<Item = Refusal> {
    let current = UsageCounts::of(usage.sources());
    let is_unknown = unknown(usage);
    before.iter().filter_map(move |(source, before)| {
        let now = current.get(source);
        let dropped = is_lost(source, before, now, usage) || is_drop(before, now, guards);
        let dropped = dropped && !is_unknown(source);
        dropped.then(|| Refusal::usage_drop(source, now, before, when, guards))
    })
}

/// Returns whether a source that found something before is unread now: that may be a mistake, or pass.
fn is_lost(source: &str, before: usize, now: Option<usize>, usage: &UsageIndex) -> bool {
    before > 0 && now.is_none() && usage.unread().any(|unread| unread.hides(source))
}

/// Returns whether a source found so much less than before that a run has to refuse.
fn is_drop(before: usize, now: Option<usize>, guards: &Guards) -> bool {
    let shrunk_by = before.saturating_sub(now.unwrap_or_default());
    shrunk_by >= guards.min_usage_drop
        && shrunk_by * 100 > usize::from(guards.max_usage_drop_percent) * before
}

/// Returns whether it is not known how much a source, as [`UsageCounts`] names it, finds: it has a
/// gap, or its account could not be entered or, in an organization, not found.
fn unknown(usage: &UsageIndex) -> impl Fn(&str) -> bool {
    let (sources, is_unlisted) = (usage.sources(), usage.unlisted().is_some());
    let incomplete = sources.iter().filter(|status| status.has_gap());
    let closed = incomplete.clone();
    let closed = closed.filter(|status| status.source == SourceStatus::ACCOUNT);
    let closed: BTreeSet<String> = closed.map(|it| it.location.to_string()).collect();
    let incomplete: BTreeSet<String> = incomplete.map(ToString::to_string).collect();
    let found: BTreeSet<String> = sources.iter().map(|it| it.location.to_string()).collect();
    move |source| {
        let location = usage_counts::location(source);
        incomplete.contains(source)
            || closed.contains(location)
            || (is_unlisted && !found.contains(location))
    }
}

/// Returns the counts for the next run to compare with. A source that dropped keeps its old count,
/// since a run that deletes nothing does not refuse and the next one may; so does one that could
/// not be read.
#[must_use]
pub fn counts_to_remember(input: GuardInput<'_>) -> UsageCounts {
    let mut counts = UsageCounts::of(input.usage.sources());
    let is_unknown = unknown(input.usage);
    for (source, before) in input.memory.counts.iter().flat_map(UsageCounts::iter) {
        let now = counts.get(source);
        let dropped =
            is_lost(source, before, now, input.usage) || is_drop(before, now, input.guards);
        if dropped || is_unknown(source) {
            counts.set(source, before);
        }
    }
    counts
}
