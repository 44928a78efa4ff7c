use proptest::prelude::*;

use super::*;

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn parse(text: &str) -> Result<Parsed, ReferenceError> {
    ImageReference::parse(
        text,
        &Aliases::new(&["Registry.Example.com:5000".to_owned()]),
    )
}

/// Returns the digest of a reference to another registry.
fn elsewhere(text: &str) -> Option<Digest> {
    match parse(text) {
        Ok(Parsed::Elsewhere { digest, .. }) => digest,
        other => panic!("{text}: {other:?}"),
    }
}

fn ecr(text: &str) -> ImageReference {
    match parse(text) {
        Ok(Parsed::Ecr(reference)) => reference,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn all_spellings_of_a_host_name_the_same_registry() {
    for host in [
        "111111111111.dkr.ecr.eu-west-1.amazonaws.com",
        "111111111111.dkr.ecr-fips.eu-west-1.amazonaws.com",
        "111111111111.dkr.ecr.eu-west-1.amazonaws.com.cn",
        "111111111111.dkr.ecr.eu-west-1.amazonaws.eu",
        "111111111111.dkr-ecr.eu-west-1.on.aws",
        "111111111111.dkr-ecr-fips.eu-west-1.on.aws",
        "111111111111.dkr-ecr.eu-west-1.on.amazonwebservices.com.cn",
        "111111111111.dkr.ecr.eu-west-1.c2s.ic.gov",
        "111111111111.dkr.ecr.eu-west-1.example",
        "111111111111.DKR.ECR.EU-WEST-1.AmazonAWS.com",
        "111111111111.dkr.ecr.eu-west-1.amazonaws.com:443",
        "docker-pullable://111111111111.dkr.ecr.eu-west-1.amazonaws.com",
        " oci://111111111111.dkr.ecr.eu-west-1.amazonaws.com",
    ] {
        let reference = ecr(&format!("{host}/team/app:1.0"));
        let registry = Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        assert_eq!(reference.registry, Some(registry), "{host}");
        assert_eq!(reference.to_string(), "team/app:1.0", "{host}");
    }
}

#[test]
fn a_registry_has_the_host_of_its_partition() {
    for (region, suffix) in [
        ("eu-west-1", "amazonaws.com"),
        ("us-gov-west-1", "amazonaws.com"),
        ("cn-north-1", "amazonaws.com.cn"),
        ("eusc-de-east-1", "amazonaws.eu"),
        ("us-iso-east-1", "c2s.ic.gov"),
        ("us-isob-east-1", "sc2s.sgov.gov"),
        ("eu-isoe-west-1", "cloud.adc-e.uk"),
        ("us-isof-south-1", "csp.hci.ic.gov"),
        ("moon-east-1", "amazonaws.com"),
    ] {
        let registry = Registry {
            account: "111111111111".parse().unwrap(),
            region: region.parse().unwrap(),
        };
        let host = registry.host();
        assert_eq!(host, format!("111111111111.dkr.ecr.{region}.{suffix}"));
        assert_eq!(
            ecr(&format!("{host}/app")).registry,
            Some(registry),
            "{host}"
        );
    }
}

#[test]
fn tag_digest_both_or_neither() {
    let host = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
    for (written, meant) in [
        ("app".to_owned(), "app:latest".to_owned()),
        ("app:1".to_owned(), "app:1".to_owned()),
        (format!("app@sha256:{HEX}"), format!("app@sha256:{HEX}")),
        (format!("app:1@sha256:{HEX}"), format!("app:1@sha256:{HEX}")),
    ] {
        assert_eq!(ecr(&format!("{host}/{written}")).to_string(), meant);
    }
    assert_eq!(
        parse(&format!("sha256:{HEX}")),
        Ok(Parsed::Digest(Digest::from_hex(HEX).unwrap()))
    );
}

#[test]
fn an_alias_is_a_registry_of_its_own_name() {
    let reference = ecr("registry.example.com:5000/team/app:1");
    assert_eq!(
        (reference.registry.as_ref(), reference.to_string()),
        (None, "team/app:1".to_owned())
    );
    assert_eq!(
        elsewhere("registry.example.com/team/app:1"),
        None,
        "another port, another host"
    );
}

#[test]
fn what_is_clearly_elsewhere_is_no_error() {
    for text in [
        "",
        "nginx",
        "nginx:1",
        "team/app:1",
        "public.ecr.aws/x/y:1",
        "localhost:5000/x",
        "ghcr.io/A/B:1",
    ] {
        assert_eq!(elsewhere(text), None, "{text}");
    }
    let digest = Digest::from_hex(HEX).unwrap();
    assert_eq!(
        elsewhere(&format!("mirror.example/x:1@{digest}")),
        Some(digest)
    );
    assert_eq!(elsewhere(&format!("nginx@{digest}")), Some(digest));
}

#[test]
fn what_looks_like_ecr_and_cannot_be_parsed_is_an_error() {
    let host = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
    for text in [
        host.to_owned(),
        format!("{host}/"),
        format!("{host}/Team/App:1"),
        format!("{host}/app:"),
        format!("{host}/app:a:b"),
        format!("{host}/app@sha256:0"),
        format!("{host}/app@sha512:{HEX}{HEX}"),
        format!("{host}/app:${{TAG}}"),
        "11111111111.dkr.ecr.eu-west-1.amazonaws.com/app".to_owned(),
        "vpce-1.dkr.ecr.eu-west-1.vpce.amazonaws.com/app".to_owned(),
    ] {
        let error = parse(&text).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`{text}` looks like an image in ECR")),
            "{error}"
        );
    }
}

#[test]
fn a_person_may_leave_out_the_host() {
    let typed = |text: &str| ImageReference::parse_typed(text, &Aliases::default());
    assert_eq!(typed("team/app:1.2").unwrap().to_string(), "team/app:1.2");
    let digest = format!("sha256:{HEX}");
    assert_eq!(
        typed(&digest),
        Err(TypedReferenceError::NoRepository(digest))
    );
}

proptest! {
    #[test]
    fn never_panics_and_never_overlooks_an_ecr_host(text in "\\PC*", path in "\\PC{0,20}") {
        let _ = parse(&text);
        let hosted = format!("111111111111.dkr.ecr.eu-west-1.amazonaws.com/{path}");
        let overlooked = matches!(parse(&hosted), Ok(Parsed::Elsewhere { .. }));
        prop_assert!(!overlooked);
    }
}
