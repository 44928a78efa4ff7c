use super::*;

fn rates(share: f64, rates: &[(&str, f64)]) -> AwsRates {
    let rates = rates.iter().map(|(name, rate)| ((*name).to_owned(), *rate));
    AwsRates {
        share,
        rates: rates.collect(),
    }
}

#[test]
fn a_rate_is_the_one_that_is_named_or_else_the_nearest_wildcard() {
    for (written, bucket, expected) in [
        (&[][..], Bucket::TaskDefinitions, 18.0),
        (&[("ecs:*", 100.0)], Bucket::TaskDefinitions, 90.0),
        (&[("ecs:*", 100.0)], Bucket::OtherEcs, 90.0),
        (&[("ecs:*", 100.0)], Bucket::Eks, 5.0),
        (
            &[("ecs:*", 100.0), ("ecs:DescribeTaskDefinition", 200.0)],
            Bucket::TaskDefinitions,
            180.0,
        ),
        (
            &[("ecs:*", 100.0), ("ecs:DescribeTaskDefinition", 200.0)],
            Bucket::Clusters,
            90.0,
        ),
        // Both draw from one bucket, and the lower holds.
        (
            &[
                ("ecs:ListTaskDefinitions", 50.0),
                ("ecs:DescribeTaskDefinition", 200.0),
            ],
            Bucket::TaskDefinitions,
            45.0,
        ),
        (
            &[("ecs:*", 10.0), ("ecs:Desc*", 60.0)],
            Bucket::ServiceRevisions,
            54.0,
        ),
        (&[("ecr:*", 5.0)], Bucket::EcrRead, 4.5),
        (&[("ecr:*", 500.0)], Bucket::EcrManifests, 450.0),
        // Only the program waits for these.
        (&[("ecr:*", 5.0)], Bucket::EcrImages, 4.9),
        (&[("organizations:*", 90.0)], Bucket::OtherService, 10.0),
    ] {
        let limits = bucket.limits(&rates(0.9, written), None);
        assert!(
            (limits.most - expected).abs() < 1e-9,
            "{written:?} {bucket:?}: {limits:?}"
        );
        assert!(!limits.probes);
    }
    let probed = Bucket::EcrImages.limits(&rates(0.9, &[("ecs:*", 100.0)]), None);
    assert!(probed.probes && probed.most > 900.0);
    // What Service Quotas lists, but for what a person writes.
    for (written, expected) in [(&[][..], 27.0), (&[("lambda:*", 10.0)], 9.0)] {
        let listed = Bucket::Lambda.limits(&rates(0.9, written), Some(30.0));
        assert!((listed.most - expected).abs() < 1e-9, "{listed:?}");
        assert!((listed.burst - expected).abs() < 1e-9, "{listed:?}");
    }
    let pulls = Bucket::EcrManifests.limits(&rates(0.5, &[]), None);
    assert!((pulls.most - 1000.0).abs() < 1e-9, "{pulls:?}");
}

#[test]
fn a_rate_that_concerns_no_bucket_is_told() {
    let rates = rates(
        0.9,
        &[
            ("ecs:*", 1.0),
            ("ecs:DescribeTaskDefinitions", 1.0),
            ("batch:*", 1.0),
            ("ecr:BatchGetImage", 1.0),
            ("s3:*", 1.0),
        ],
    );
    let idle: Vec<&str> = idle_rates(&rates).collect();
    assert_eq!(idle, ["batch:*", "ecs:DescribeTaskDefinitions", "s3:*"]);
}
