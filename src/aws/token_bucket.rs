//! A token bucket whose rate follows what the service bears. It is given the time, and waits for
//! nothing itself.
//!
//! A throttled call halves the rate at once, and it comes back up to below the rate that was
//! throttled, as TCP does on a line that it shares. A bucket that probes goes beyond the rate that it
//! began with, while nothing is throttled and answers do not slow down.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::cache::FoundRate;

/// Limits that a bucket keeps to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Calls a second at first.
    pub(super) first: f64,
    /// Calls a second at the most.
    pub(super) most: f64,
    /// Calls at once after a pause.
    pub(super) burst: f64,
    /// Time for which the first throttled call keeps the rate from rising; each further one does so
    /// for twice as long.
    pub(super) hold: Duration,
    /// Whether it finds out what the service bears.
    pub(super) probes: bool,
}

#[derive(Debug)]
pub(super) struct TokenBucket {
    limits: Limits,
    /// Tokens a second for now.
    rate: f64,
    /// Tokens a second up to which the rate rises.
    ceiling: f64,
    /// Calls that may be made at once after a pause.
    burst: f64,
    /// As many as the service was found to let through, if it throttled more.
    borne_burst: Option<f64>,
    /// Calls that may be made at once; if negative, as many are repeated first.
    tokens: f64,
    /// When `tokens` was brought up to date.
    filled_at: Instant,
    /// When there were as many as there may be, since no calls had been made for a while.
    full_at: Instant,
    throttled_at: Option<Instant>,
    /// Number of calls that had to wait since calls were throttled.
    unthrottled: u32,
    /// Time for which the last throttled call keeps the rate from rising.
    hold: Duration,
    /// Whether `ceiling` follows from throttled calls.
    is_bounded: bool,
    /// Part by which each call that has to wait raises `ceiling`, for each one before it since calls
    /// were throttled.
    creep: f64,
    /// When calls were throttled, if there was no pause since; and the number of answers since.
    throttled_since: Option<Instant>,
    answered: u32,
    answers: Answers,
}

/// Calls that were under way together are throttled together, and some of them again when they are
/// repeated: that is one sign, not several.
const ONE_SIGN: Duration = Duration::from_secs(3);
/// Multiple of the first hold that none exceeds.
const LONGEST_HOLD: u32 = 8;
/// Part of the first rate that is left at the least.
const LEAST: f64 = 1.0 / 16.0;
/// Part by which each call that has to wait raises the rate.
const GROWTH: f64 = 1.0 / 100.0;
/// Part of a throttled rate up to which it rises again.
const BACK_OFF: f64 = 0.9;
/// Part by which each call that has to wait raises what the rate may rise to, for each one before it
/// since calls were throttled: a twentieth after a thousand calls, five times as much after six thousand.
const CREEP: f64 = 1.0 / 10_000_000.0;
/// Factors by which it creeps up faster after the first throttled call, so that a second one tells
/// what the service lets through, and slower once that is known.
const FASTER: f64 = 20.0;
const SLOWER: f64 = 100.0;
/// Number of answers between throttled calls from which on they tell the rate.
const TELLING: u32 = 200;
/// Time without a call that fills the bucket of a service.
const PAUSE: Duration = Duration::from_secs(2);
/// Part of the rate that a service lets through which is made use of.
pub(super) const BELOW: f64 = 0.98;
/// Part of the rate that a service seems to let through, by how many seconds of it others let through at once.
const BELOW_GUESS: f64 = 0.95;
/// Part of what would be guessed without it, below which what was measured is not believed: the
/// bucket of the service was full meanwhile.
const BELIEVED: f64 = 0.8;

impl TokenBucket {
    pub(super) fn new(limits: Limits, found: Option<FoundRate>, now: Instant) -> Self {
        let found = found.filter(|_| limits.probes);
        let rate = found.map_or(limits.first, |found| found.rate.min(limits.most));
        let is_bounded = found.is_some_and(|found| found.is_most);
        let is_measured = found.is_some_and(|found| found.is_measured);
        let borne_burst = found.and_then(|found| found.burst);
        let burst = if is_bounded {
            borne_burst.unwrap_or(BURST_SECONDS * rate).max(1.0)
        } else {
            limits.burst
        };
        Self {
            limits,
            rate,
            ceiling: if is_bounded { rate } else { limits.most },
            burst,
            borne_burst,
            tokens: burst,
            filled_at: now,
            full_at: now,
            throttled_at: None,
            unthrottled: 0,
            hold: limits.hold / 2,
            is_bounded,
            creep: if is_measured { CREEP / SLOWER } else { CREEP },
            throttled_since: None,
            answered: 0,
            answers: Answers::default(),
        }
    }

    /// Takes a token for a call.
    ///
    /// # Errors
    /// Returns the time until there is one, as far as is known now.
    pub(super) fn take(&mut self, now: Instant, has_waited: bool) -> Result<(), Duration> {
        if now.saturating_duration_since(self.filled_at) > PAUSE {
            self.throttled_since = None;
            self.full_at = now;
        }
        self.fill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            // While calls do not wait, the rate is more than is asked for.
            if has_waited {
                self.rise(now);
            }
            return Ok(());
        }
        let seconds = (1.0 - self.tokens) / self.rate;
        // Rounded up, so that there is one then.
        Err(Duration::from_secs_f64(seconds) + Duration::from_nanos(1))
    }

    fn rise(&mut self, now: Instant) {
        let is_held = |at: Instant| now.saturating_duration_since(at) < self.hold;
        let is_slow = self.limits.probes && self.answers.slowed_down();
        if !is_slow && !self.throttled_at.is_some_and(is_held) {
            self.unthrottled = self.unthrottled.saturating_add(1);
            let crept = self.ceiling * (1.0 + self.creep * f64::from(self.unthrottled));
            self.ceiling = crept.min(self.limits.most);
            let raised = self.rate * (1.0 + GROWTH);
            self.rate = raised.min(self.ceiling).max(self.rate);
        }
    }

    /// Takes in that a call was answered, and how long that took.
    pub(super) fn answered(&mut self, now: Instant, took: Duration) {
        if self.limits.probes {
            self.answers.add(now, took);
            self.answered = self.answered.saturating_add(1);
        }
    }

    /// Takes in that a call was throttled, and will be made again: halves the rate, and leaves no
    /// tokens for a burst.
    pub(super) fn throttled(&mut self, now: Instant) {
        self.fill(now);
        self.tokens = self.tokens.min(0.0) - 1.0;
        let is_same = |at: Instant| now.saturating_duration_since(at) < ONE_SIGN;
        if self.throttled_at.is_some_and(is_same) {
            return;
        }
        // The rate is known, so it was too many at once.
        let is_at_once = now.saturating_duration_since(self.full_at) < ONE_SIGN;
        if self.is_bounded && self.limits.probes && is_at_once {
            let most = self.borne_burst.unwrap_or(BURST_SECONDS * self.ceiling);
            self.borne_burst = Some((most / 2.0).max(1.0));
        } else {
            (self.ceiling, self.creep) = self.borne(now);
        }
        self.throttled_since = Some(now);
        self.answered = 0;
        let halved = (self.rate / 2.0).min(self.ceiling);
        self.rate = halved.max(self.limits.first * LEAST);
        self.unthrottled = 0;
        self.burst = (self.burst / 2.0).max(1.0);
        self.throttled_at = Some(now);
        self.hold = (self.hold * 2).min(self.limits.hold * LONGEST_HOLD);
        self.is_bounded = true;
    }

    /// Returns the rate that the service bears, if it throttles calls at the rate of now, and how
    /// that creeps up.
    fn borne(&self, now: Instant) -> (f64, f64) {
        let least = self.limits.first * LEAST;
        let rate = self.rate.min(self.ceiling) * BACK_OFF;
        if !self.limits.probes {
            return (rate.max(least), CREEP);
        }
        if let Some(measured) = self.measured(now).filter(|it| *it > rate * BELIEVED) {
            return (measured.max(least), CREEP / SLOWER);
        }
        if self.is_bounded {
            return (rate.max(least), CREEP);
        }
        // The burst of the service hid for a while that the rate was too high for it.
        let sustained = self.answers.sustained(now) * BELOW_GUESS;
        let rate = rate.min(sustained.max(self.limits.first / 2.0));
        (rate, CREEP * FASTER)
    }

    /// Returns what the service lets through, less a little, if that can be told: as much as its
    /// bucket took in since calls were throttled, for it was empty then, is empty now and hardly full
    /// meanwhile.
    fn measured(&self, now: Instant) -> Option<f64> {
        let since = now.saturating_duration_since(self.throttled_since?);
        let rate = f64::from(self.answered) / since.as_secs_f64();
        (self.answered >= TELLING).then_some(rate * BELOW)
    }

    /// Returns how many calls a second are made for now.
    #[cfg(test)]
    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }

    /// Returns what it found out; `None` if it does not probe, or knows nothing new yet.
    pub(super) fn found(&self) -> Option<FoundRate> {
        let is_most = self.is_bounded;
        let rate = if is_most { self.ceiling } else { self.rate };
        let is_new = is_most || rate > self.limits.first;
        let found = FoundRate {
            rate,
            is_most,
            is_measured: self.creep < CREEP,
            burst: self.borne_burst,
        };
        (self.limits.probes && is_new).then_some(found)
    }

    fn fill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = self.filled_at.max(now);
        self.tokens = (self.tokens + seconds * self.rate).min(self.burst);
    }
}

/// The answers of the last seconds, and how long they took.
#[derive(Debug, Default)]
struct Answers {
    /// Numbers of answers in slices of time, each with its beginning.
    slices: VecDeque<(Instant, u32)>,
    number: u32,
    /// Seconds that an answer takes lately, and that it took in the best time.
    lately: f64,
    usual: f64,
}

const SLICE: Duration = Duration::from_millis(250);
const SLICES: usize = 40;
/// Seconds of its rate that a service lets through at once after a pause, as buckets whose numbers are
/// published do.
const BURST_SECONDS: f64 = 2.0;
/// Number of answers over which the time that they take is averaged.
const AVERAGED: u32 = 16;

impl Answers {
    fn add(&mut self, now: Instant, took: Duration) {
        match self.slices.back_mut() {
            Some((from, answers)) if now.saturating_duration_since(*from) < SLICE => *answers += 1,
            _ => self.slices.push_back((now, 1)),
        }
        if self.slices.len() > SLICES {
            self.slices.pop_front();
        }
        self.number = self.number.saturating_add(1);
        let weight = 1.0 / f64::from(self.number.min(AVERAGED));
        self.lately += (took.as_secs_f64() - self.lately) * weight;
        if self.number == AVERAGED || self.number > AVERAGED && self.lately < self.usual {
            self.usual = self.lately;
        }
    }

    /// Returns whether answers take much longer than in the best time.
    fn slowed_down(&self) -> bool {
        self.number > AVERAGED && self.lately > 2.0 * self.usual + 0.05
    }

    /// Returns how many calls a second the service bears for long, if it has just used up its burst:
    /// the most that the answers of any time until now prove.
    fn sustained(&self, now: Instant) -> f64 {
        let (mut answers, mut most) = (0, 0.0_f64);
        for (from, number) in self.slices.iter().rev() {
            answers += number;
            let seconds = now.saturating_duration_since(*from).as_secs_f64();
            most = most.max(f64::from(answers) / (seconds + BURST_SECONDS));
        }
        most
    }
}

#[cfg(test)]
mod tests;
