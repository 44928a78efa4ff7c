use super::*;

fn now() -> Time {
    Time::from_millis(1_000_000_000_000).unwrap()
}

fn in_days(days: i64) -> Time {
    Time::from_millis(now().millis() + days * 24 * 60 * 60 * 1000).unwrap()
}

fn remembering(caches: &Arc<Caches>, clock: fn() -> Time) -> RateLimiter {
    let limiter = RateLimiter::new(AwsRates::default());
    let caches = Arc::clone(caches);
    limiter.remember(RateMemory { caches, clock });
    limiter
}

#[test]
fn what_was_found_out_is_remembered_for_a_week() {
    const OPERATION: Operation = Operation::DescribeImages;
    let caches = Arc::new(Caches::default());
    let limiter = remembering(&caches, now);
    assert_eq!(limiter.rate(OPERATION), Some(20.0));
    assert_eq!(caches.findings.changed(true), None, "nothing is new");
    limiter.with_bucket(OPERATION, TokenBucket::throttled);
    for _ in 0..50 {
        limiter.with_bucket(Operation::ListTasks, |bucket, now| bucket.take(now, true));
    }
    let found = caches.findings.changed(true).unwrap();
    let names: Vec<&String> = found.keys().collect();
    assert_eq!(names, ["ecr:DescribeImages"]);
    let next = remembering(&caches, || in_days(6)).rate(OPERATION).unwrap();
    assert!((5.0..20.0).contains(&next), "{next}");
    assert_eq!(
        remembering(&caches, || in_days(8)).rate(OPERATION),
        Some(20.0)
    );
    // A clock that was wrong.
    assert_eq!(
        remembering(&caches, || in_days(-1)).rate(OPERATION),
        Some(20.0)
    );
    assert_eq!(
        remembering(&caches, now).elsewhere().rate(OPERATION),
        Some(20.0)
    );
}

#[test]
fn what_service_quotas_lists_holds_for_a_week_unless_a_person_says_otherwise() {
    const OPERATION: Operation = Operation::GetFunction;
    let caches = Arc::new(Caches::default());
    let limiter = remembering(&caches, now);
    assert_eq!(limiter.rate(OPERATION), Some(90.0));
    let found = FoundRate {
        rate: 50.0,
        is_most: true,
        is_measured: false,
        burst: None,
    };
    let listed = Finding::new(FindingKind::Rate(found), now());
    let name = "quota of lambda:GetFunction".to_owned();
    caches.findings.learn(name, listed);
    assert_eq!(limiter.rate(OPERATION), Some(90.0), "in this run");
    let again = |clock| {
        let caches = Arc::clone(&caches);
        limiter.remember(RateMemory { caches, clock });
        limiter.rate(OPERATION)
    };
    assert_eq!(again(|| in_days(6)), Some(45.0));
    let rates = [("lambda:*".to_owned(), 20.0)].into();
    limiter.set_rates(&AwsRates { share: 0.5, rates });
    assert_eq!(limiter.rate(OPERATION), Some(10.0));
    limiter.set_rates(&AwsRates::default());
    assert_eq!(again(|| in_days(8)), Some(90.0));
}

#[test]
fn rates_are_those_of_one_account_and_region() {
    let limiter = RateLimiter::new(AwsRates::default());
    let rates = [("ecs:*".to_owned(), 200.0)];
    limiter.set_rates(&AwsRates {
        share: 0.5,
        rates: rates.into(),
    });
    assert_eq!(limiter.rate(Operation::ListTasks), Some(100.0));
    assert_eq!(limiter.elsewhere().rate(Operation::ListTasks), Some(10.0));
    assert_eq!(RateLimiter::unlimited().rate(Operation::ListTasks), None);
}
