//! A second opinion on references: the parser of the OCI crate.

use ecr_cleanup::image::{Aliases, ImageReference, Parsed};
use proptest::prelude::*;

/// Repository, tag and digest of a reference.
type Read = (String, Option<String>, Option<String>);

fn read(text: &str) -> Option<Read> {
    let Ok(Parsed::Ecr(reference)) = ImageReference::parse(text, &Aliases::default()) else {
        return None;
    };
    Some((
        reference.repository.to_string(),
        reference.tag.map(|tag| tag.to_string()),
        reference.digest.map(|digest| digest.to_string()),
    ))
}

fn oracle(text: &str) -> Option<Read> {
    let reference: oci_spec::distribution::Reference = text.parse().ok()?;
    Some((
        reference.repository().to_owned(),
        reference.tag().map(ToOwned::to_owned),
        reference.digest().map(ToOwned::to_owned),
    ))
}

proptest! {
    #[test]
    fn well_formed_references_are_read_alike(
        repository in "[a-z0-9]{2,8}(/[a-z0-9]+([._-][a-z0-9]+)?){0,3}",
        tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}"),
        digest in proptest::option::of("[0-9a-f]{64}"),
        port in proptest::option::of(1u16..),
    ) {
        let mut text = "111111111111.dkr.ecr.eu-west-1.amazonaws.com".to_owned();
        if let Some(port) = port {
            text += &format!(":{port}");
        }
        text += &format!("/{repository}");
        if let Some(tag) = &tag {
            text += &format!(":{tag}");
        }
        if let Some(digest) = &digest {
            text += &format!("@sha256:{digest}");
        }
        let read = read(&text);
        prop_assert!(read.is_some());
        prop_assert_eq!(read, oracle(&text));
    }
}
