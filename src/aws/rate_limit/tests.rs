use super::*;

/// A service's own token bucket.
struct Service {
    rate: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl Service {
    fn new(rate: f64, burst: f64, now: Instant) -> Self {
        Self {
            rate,
            burst,
            tokens: burst,
            at: now,
        }
    }

    fn allows(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + seconds * self.rate).min(self.burst);
        let allowed = self.tokens >= 1.0;
        self.tokens -= f64::from(u8::from(allowed));
        allowed
    }
}

/// Makes calls, each again until it is answered, and says how many were throttled and how long all
/// took.
fn make(calls: u32, bucket: Bucket, rate: f64, burst: f64) -> (u32, f64) {
    let start = Instant::now();
    let (mut tokens, mut service) = (
        TokenBucket::new(bucket.quota(), start),
        Service::new(rate, burst, start),
    );
    let (mut now, mut throttled) = (start, 0);
    for _ in 0..calls {
        now += tokens.take(now);
        while !service.allows(now) {
            throttled += 1;
            tokens.slow_down(now);
            now += Duration::from_millis(500);
        }
    }
    (throttled, now.duration_since(start).as_secs_f64())
}

#[test]
fn what_a_service_documents_is_used_and_never_exceeded() {
    for (bucket, rate, burst) in [
        (Bucket::TaskDefinitions, 20.0, 50.0),
        (Bucket::EcrRead, 20.0, 40.0),
        (Bucket::EcrDelete, 20.0, 40.0),
    ] {
        let (throttled, seconds) = make(10_000, bucket, rate, burst);
        assert_eq!(throttled, 0, "{bucket:?}");
        let bound = (10_000.0 - burst) / rate;
        assert!(
            seconds < bound * 1.15,
            "{bucket:?}: {seconds} of {bound} seconds"
        );
    }
}

#[test]
fn a_service_that_bears_less_is_asked_for_that_with_few_retries() {
    for rate in [10.0, 5.0, 2.5] {
        let (throttled, seconds) = make(10_000, Bucket::EcrRead, rate, rate);
        assert!(throttled < 100, "{rate}: {throttled} throttled");
        let bound = 10_000.0 / rate;
        assert!(
            seconds < bound * 1.5,
            "{rate}: {seconds} of {bound} seconds"
        );
    }
}

/// Templates are asked for and change sets listed side by side, once for each stack.
#[test]
fn five_hundred_stacks_take_less_than_a_minute_also_at_half_the_rate() {
    for bucket in [Bucket::Templates, Bucket::ChangeSets] {
        for rate in [10.0, 20.0] {
            let (throttled, seconds) = make(500, bucket, rate, rate);
            assert!(
                throttled < 20,
                "{bucket:?} at {rate}: {throttled} throttled"
            );
            assert!(seconds < 60.0, "{bucket:?} at {rate}: {seconds} seconds");
        }
    }
}

#[test]
fn calls_that_are_throttled_together_slow_down_once_and_it_passes() {
    let start = Instant::now();
    let mut tokens = TokenBucket::new(Bucket::EcrRead.quota(), start);
    for _ in 0..8 {
        tokens.slow_down(start);
    }
    assert!(
        (tokens.rate - 10.0).abs() < 1e-9 && tokens.tokens <= 0.0,
        "{tokens:?}"
    );
    for _ in 0..210 {
        tokens.take(start);
    }
    assert!((tokens.rate - 20.0).abs() < 1e-9, "{tokens:?}");
    for second in 1..60 {
        tokens.slow_down(start + ONE_SIGN * second);
    }
    assert!(tokens.rate >= 20.0 * LEAST, "{tokens:?}");
}
