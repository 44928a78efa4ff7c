use std::{cmp::Reverse, collections::BinaryHeap};

use proptest::prelude::*;

use super::{super::Bucket, *};
use crate::{cache::FoundRate, config::AwsRates};

/// A service's own token bucket, from which a deployment may draw too.
#[derive(Debug, Clone, Copy)]
struct Service {
    rate: f64,
    burst: f64,
    tokens: f64,
    /// Seconds.
    at: f64,
    latency: f64,
    /// Calls a second that a deployment makes.
    drawn: f64,
    /// Number of the deployment's calls that were throttled.
    starved: f64,
    /// Calls a second beyond which answers take longer.
    slow_above: f64,
}

impl Service {
    fn new(rate: f64, burst: f64) -> Self {
        Self {
            rate,
            burst,
            tokens: burst,
            at: 0.0,
            latency: 0.025,
            drawn: 0.0,
            starved: 0.0,
            slow_above: f64::INFINITY,
        }
    }

    fn allows(&mut self, now: f64) -> bool {
        let seconds = now - self.at;
        self.at = now;
        let tokens = self.tokens + seconds * (self.rate - self.drawn);
        self.starved += (-tokens).max(0.0);
        self.tokens = tokens.clamp(0.0, self.burst);
        let allowed = self.tokens >= 1.0;
        self.tokens -= f64::from(u8::from(allowed));
        allowed
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Begin,
    /// The first of those that wait may have a token.
    Turn {
        has_waited: bool,
    },
    /// The number of attempts before.
    Attempt(u32),
    Answer {
        attempt: u32,
        allowed: bool,
    },
}

/// What became of calls.
#[derive(Debug)]
struct Outcome {
    throttled: u32,
    seconds: f64,
    bucket: TokenBucket,
}

impl Outcome {
    fn found(&self) -> FoundRate {
        self.bucket.found().unwrap()
    }
}

/// Makes calls, sixteen at once and each again until it is answered.
fn make(calls: u32, limits: Limits, found: Option<FoundRate>, service: &mut Service) -> Outcome {
    let start = Instant::now();
    let mut bucket = TokenBucket::new(limits, found, start);
    let (mut left, mut throttled, mut seconds) = (calls, 0, 0.0);
    let mut events = BinaryHeap::new();
    let (mut number, mut waiting) = (0_u64, 0);
    let mut add = |events: &mut BinaryHeap<_>, at: Duration, event: Event| {
        number += 1;
        events.push(Reverse((at, number, event)));
    };
    (0..16).for_each(|_| add(&mut events, Duration::ZERO, Event::Begin));
    while let Some(Reverse((at, _, event))) = events.pop() {
        let (now, so_far) = (start + at, at.as_secs_f64());
        match event {
            Event::Begin if left == 0 => {}
            Event::Begin => {
                left -= 1;
                waiting += 1;
                if waiting == 1 {
                    add(&mut events, at, Event::Turn { has_waited: false });
                }
            }
            Event::Turn { has_waited } => {
                let wait = match bucket.take(now, has_waited) {
                    Ok(()) => {
                        waiting -= 1;
                        add(&mut events, at, Event::Attempt(0));
                        Duration::ZERO
                    }
                    Err(wait) => wait,
                };
                if waiting > 0 {
                    add(&mut events, at + wait, Event::Turn { has_waited: true });
                }
            }
            Event::Attempt(attempt) => {
                let allowed = service.allows(so_far);
                let queue = (bucket.rate() / service.slow_above - 1.0).max(0.0);
                let took = Duration::from_secs_f64(service.latency + queue);
                add(&mut events, at + took, Event::Answer { attempt, allowed });
                if allowed {
                    bucket.answered(now, took);
                }
            }
            Event::Answer { allowed: true, .. } => {
                seconds = so_far;
                add(&mut events, at, Event::Begin);
            }
            Event::Answer { attempt, .. } => {
                throttled += 1;
                bucket.throttled(now);
                let pause = Duration::from_millis(500) * 2_u32.pow(attempt.min(5));
                add(&mut events, at + pause, Event::Attempt(attempt + 1));
            }
        }
    }
    Outcome {
        throttled,
        seconds,
        bucket,
    }
}

fn limits(bucket: Bucket) -> Limits {
    bucket.limits(&AwsRates::default(), None)
}

#[test]
fn what_a_service_documents_is_used_to_a_share_and_never_exceeded() {
    for (bucket, rate, burst) in [
        (Bucket::TaskDefinitions, 20.0, 50.0),
        (Bucket::Services, 20.0, 100.0),
        (Bucket::Lambda, 15.0, 15.0),
        (Bucket::EcrRead, 20.0, 40.0),
    ] {
        let service = &mut Service::new(rate, burst);
        let Outcome {
            throttled, seconds, ..
        } = make(10_000, limits(bucket), None, service);
        assert_eq!(throttled, 0, "{bucket:?}");
        let bound = (10_000.0 - burst) / rate;
        assert!(
            seconds < bound * 1.15,
            "{bucket:?}: {seconds} of {bound} seconds"
        );
    }
}

/// A deployment that needs half of what AWS documents.
#[test]
fn a_deployment_is_not_throttled_where_both_fit_and_halves_the_program_where_not() {
    let of_share = |share| {
        let rates = AwsRates {
            share,
            ..AwsRates::default()
        };
        Bucket::TaskDefinitions.limits(&rates, None)
    };
    for (limits, raised) in [(of_share(0.45), 1.0), (of_share(0.9), 2.0)] {
        let drawn = 10.0;
        let service = &mut Service {
            drawn,
            ..Service::new(20.0 * raised, 50.0 * raised)
        };
        let outcome = make(3000, limits, None, service);
        assert_eq!((outcome.throttled, service.starved), (0, 0.0));
    }
    let service = &mut Service {
        drawn: 10.0,
        ..Service::new(20.0, 50.0)
    };
    let outcome = make(3000, of_share(0.9), None, service);
    let rate = 3000.0 / outcome.seconds;
    assert!((8.0..10.0).contains(&rate), "{rate} calls a second");
    assert!(outcome.throttled < 30, "{} throttled", outcome.throttled);
    // Of the 3,000 and more calls that the deployment made in that time.
    assert!(service.starved < 60.0, "{} starved", service.starved);
}

#[test]
fn a_probing_bucket_finds_what_is_borne_at_any_multiple_of_what_is_assumed() {
    for raised in [1.0, 2.0, 5.0, 10.0] {
        let (rate, burst) = (20.0 * raised, 40.0 * raised);
        let service = &mut Service::new(rate, burst);
        let outcome = make(4000, limits(Bucket::EcrImages), None, service);
        let found = outcome.found();
        assert!(
            found.is_most && (rate * 0.95..rate).contains(&found.rate),
            "{found:?} of {rate}: {outcome:?}"
        );
        assert!(
            outcome.throttled < 40,
            "{rate}: {} throttled",
            outcome.throttled
        );
        let bound = (4000.0 - burst) / rate;
        let seconds = outcome.seconds;
        assert!(
            seconds < bound * 1.1 + 5.0,
            "{rate}: {seconds} of {bound} seconds"
        );
        // The next run begins there, and nothing is throttled.
        let outcome = make(
            4000,
            limits(Bucket::EcrImages),
            Some(found),
            &mut Service::new(rate, burst),
        );
        assert_eq!(outcome.throttled, 0, "{rate}");
        let seconds = outcome.seconds;
        assert!(
            seconds < 4000.0 / rate * 1.03,
            "{rate}: {seconds} seconds again"
        );
    }
}

#[test]
fn without_a_limit_it_rises_until_answers_slow_down() {
    let service = &mut Service::new(1e9, 1e9);
    let outcome = make(2000, limits(Bucket::EcrImages), None, service);
    assert!(outcome.seconds < 12.0, "{} seconds", outcome.seconds);
    assert!(!outcome.found().is_most && outcome.found().rate > 200.0);
    let service = &mut Service {
        slow_above: 100.0,
        ..Service::new(1e9, 1e9)
    };
    let outcome = make(2000, limits(Bucket::EcrImages), None, service);
    let rate = outcome.found().rate;
    assert!((50.0..150.0).contains(&rate), "{rate} calls a second");
}

/// Templates are asked for and change sets listed side by side, once for each stack.
#[test]
fn five_hundred_stacks_take_less_than_a_minute_also_at_half_the_rate() {
    for bucket in [Bucket::Templates, Bucket::ChangeSets] {
        for rate in [10.0, 20.0] {
            let service = &mut Service::new(rate, rate);
            let Outcome {
                throttled, seconds, ..
            } = make(500, limits(bucket), None, service);
            assert!(
                throttled < 40,
                "{bucket:?} at {rate}: {throttled} throttled"
            );
            assert!(seconds < 60.0, "{bucket:?} at {rate}: {seconds} seconds");
        }
    }
}

#[test]
fn calls_that_are_throttled_together_slow_down_once_and_a_little_is_left() {
    for bucket in [Bucket::EcrImages, Bucket::TaskDefinitions, Bucket::EcrRead] {
        let (start, limits) = (Instant::now(), limits(bucket));
        let mut tokens = TokenBucket::new(limits, None, start);
        for _ in 0..8 {
            tokens.throttled(start);
        }
        let halved = limits.first / 2.0;
        assert!((tokens.rate() - halved).abs() < 1e-9, "{tokens:?}");
        assert!(tokens.tokens <= 0.0);
        for second in 1..60 {
            tokens.throttled(start + ONE_SIGN * second);
        }
        assert!(tokens.rate() >= limits.first * LEAST, "{tokens:?}");
    }
}

fn is_used_well_with_few_retries(mut service: Service) {
    let possible = service.rate.min(16.0 / service.latency);
    let outcome = make(20_000, limits(Bucket::EcrImages), None, &mut service);
    let throttled = outcome.throttled;
    assert!(throttled < 200, "{service:?}: {throttled} throttled");
    let made = 20_000.0 / outcome.seconds;
    assert!(
        made > possible * 0.6,
        "{service:?}: {made} of {possible} calls a second"
    );
}

/// Where its burst is small, what is repeated after the first throttled call is throttled too.
#[test]
fn a_service_with_a_small_burst_is_used_well() {
    for rate in [5.0, 25.0] {
        let service = Service {
            latency: 0.01,
            ..Service::new(rate, rate / 2.0)
        };
        is_used_well_with_few_retries(service);
    }
}

/// Every run begins with what the one before found out, and none makes it worse.
#[test]
fn a_small_burst_is_found_out_and_slows_no_later_run_down() {
    for (rate, burst) in [(20.0, 10.0), (20.0, 20.0), (5.0, 5.0), (50.0, 25.0)] {
        let mut found = None;
        for run in 0..8 {
            let service = &mut Service::new(rate, burst);
            let outcome = make(1200, limits(Bucket::EcrImages), found, service);
            found = Some(outcome.found());
            let is_settled = outcome.seconds < 1560.0 / rate && outcome.throttled < 12;
            assert!(run < 3 || is_settled, "{rate} {burst} {run}: {outcome:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a service bears, a probing bucket uses most of it, and few calls are throttled.
    #[test]
    fn any_service_is_used_well_with_few_retries(
        rate in 5.0..500.0_f64,
        seconds in 0.5..5.0_f64,
        latency in 0.01..0.1_f64,
    ) {
        let service = Service { latency, ..Service::new(rate, (rate * seconds).max(1.0)) };
        is_used_well_with_few_retries(service);
    }

    /// A bucket that does not probe never exceeds its rate, whatever is throttled meanwhile.
    #[test]
    fn what_workloads_need_too_is_never_tried_out(
        pauses in prop::collection::vec((0_u64..3000, any::<bool>(), any::<bool>()), 1..300),
        share in 0.1..1.0_f64,
        known in prop::option::of(1.0..500.0_f64),
    ) {
        let mut rates = AwsRates { share, ..AwsRates::default() };
        rates.rates.extend(known.map(|known| ("ecs:*".to_owned(), known)));
        let limits = Bucket::TaskDefinitions.limits(&rates, None);
        let most = share * known.unwrap_or(20.0);
        let start = Instant::now();
        let (mut bucket, mut now, mut made) = (TokenBucket::new(limits, None, start), start, 0.0);
        for (pause, throttles, slow) in pauses {
            now += Duration::from_millis(if slow { pause } else { pause / 100 });
            if throttles && slow {
                bucket.throttled(now);
            }
            bucket.answered(now, Duration::from_millis(20));
            let mut has_waited = false;
            while let Err(wait) = bucket.take(now, has_waited) {
                now += wait;
                has_waited = true;
            }
            made += 1.0;
            let borne = limits.burst + (now - start).as_secs_f64() * most;
            prop_assert!(made <= borne + 1e-6, "{made} of {borne}");
            prop_assert!(bucket.rate() <= most + 1e-9);
        }
        prop_assert_eq!(bucket.found(), None);
    }
}

/// A pause between phases fills the bucket of the service, so what was answered meanwhile tells
/// nothing.
#[test]
fn a_pause_is_not_taken_for_a_slow_service() {
    let measured = |pause| {
        let mut now = Instant::now();
        let mut bucket = TokenBucket::new(limits(Bucket::EcrImages), None, now);
        bucket.throttled(now);
        for call in 0..300 {
            now += Duration::from_millis(50);
            if call == 150 {
                now += pause;
            }
            let _ = bucket.take(now, true);
            bucket.answered(now, Duration::from_millis(20));
        }
        bucket.measured(now)
    };
    assert_eq!(measured(Duration::ZERO), Some(20.0 * BELOW));
    assert_eq!(measured(PAUSE * 2), None);
}
