//! Which refs a rule is about.

use std::cmp::Reverse;

use jiff::SignedDuration;

use super::{
    GitRule, Limit, Operator,
    history::{History, Ref},
};
use crate::image::Time;

impl GitRule {
    /// Returns the refs that this rule is about, newest first.
    pub(super) fn select<'h>(&self, history: &'h History, now: Time) -> Vec<&'h Ref> {
        let refs = history.refs().iter();
        let mut refs: Vec<&Ref> = refs
            .filter(|it| it.kind == self.kind && self.names.matches(&it.name))
            .collect();
        refs.sort_by_key(|it| (Reverse(it.time), &it.name));
        let refs = refs.into_iter().enumerate();
        let limited = refs.filter(|(rank, it)| {
            let age = age(it.time, now);
            self.refs.holds(*rank, age)
        });
        limited.map(|(_, it)| it).collect()
    }
}

impl Limit {
    /// Returns whether what has this rank, from 0, and this age is within the limit.
    pub(super) fn holds(&self, rank: usize, age: SignedDuration) -> bool {
        let ranked = self.last.is_none_or(|last| rank < last.get() as usize);
        let young = self.within.is_none_or(|within| age <= within);
        match self.operator {
            Operator::And => ranked && young,
            Operator::Or => ranked || young,
        }
    }

    /// Returns whether something may be within the limit whatever its rank is.
    pub(super) const fn is_open(&self) -> bool {
        self.last.is_none() || matches!(self.operator, Operator::Or)
    }
}

/// Returns how long ago a time in seconds since 1970 was.
pub(super) fn age(seconds: i64, now: Time) -> SignedDuration {
    SignedDuration::from_millis(now.millis().saturating_sub(seconds.saturating_mul(1000)))
}
