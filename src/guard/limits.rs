//! Limits on how much may go: of one repository, and of all.

use crate::plan::{LeftAlone, Plan, RepositoryPlan, Unit};

/// The images that may go in this run.
#[derive(Debug, Default)]
pub struct Selection {
    /// For each repository of the plan, its doomed images in units, the oldest first.
    pub units: Vec<Vec<Unit>>,
    /// How many images that is.
    pub images: u64,
    /// How many doomed images are left for the next run, since the limit was reached.
    pub beyond_limit: u64,
    /// How many doomed images have not soaked long enough.
    pub soaking: u64,
}

impl Selection {
    /// Takes the oldest units of all repositories whose images have all soaked, up to `limit` images. The unit that
    /// reaches it is cut: its first levels can go without the rest.
    pub(super) fn new(
        plan: &Plan,
        limit: u64,
        has_soaked: impl Fn(&RepositoryPlan, u32) -> bool,
    ) -> Self {
        let mut soaking = 0;
        let mut all: Vec<(usize, Unit)> = Vec::new();
        for (position, repository) in plan.repositories.iter().enumerate() {
            for unit in repository.units() {
                if unit
                    .images
                    .iter()
                    .all(|doomed| has_soaked(repository, doomed.index))
                {
                    all.push((position, unit));
                } else {
                    soaking += unit.images.len() as u64;
                }
            }
        }
        // Stable: units of the same age stay in the order of their repositories.
        all.sort_by_key(|(_, unit)| unit.oldest);
        let mut selection = Self {
            units: plan.repositories.iter().map(|_| Vec::new()).collect(),
            images: 0,
            beyond_limit: 0,
            soaking,
        };
        for (position, mut unit) in all {
            let wanted = unit.images.len();
            let room = usize::try_from(limit - selection.images).unwrap_or(usize::MAX);
            unit.may_go = wanted.min(room);
            selection.images += unit.may_go as u64;
            selection.beyond_limit += (wanted - unit.may_go) as u64;
            if unit.may_go > 0 {
                selection.units[position].push(unit);
            }
        }
        selection
    }
}

/// Leaves alone every repository of which more than `limit` percent of the images would go, and says whether there
/// was one: then what is attached to its images has to be judged again.
pub fn spare_repositories(plan: &mut Plan, limit: u8) -> bool {
    let mut any = false;
    for repository in &mut plan.repositories {
        let all = repository.verdicts.len() as u64;
        let doomed = repository
            .verdicts
            .iter()
            .filter(|verdict| verdict.deletes())
            .count() as u64;
        if doomed * 100 > u64::from(limit) * all {
            let percent = u8::try_from((doomed * 100).div_ceil(all)).unwrap_or(100);
            repository.leave_alone(LeftAlone::TooMuch { percent, limit });
            any = true;
        }
    }
    any
}
