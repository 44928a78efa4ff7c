use std::slice;

use super::*;
use crate::{
    evidence::Uses,
    image::{Aliases, ArtifactType, Image, MediaType, Status},
};

const HOST: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";

fn location() -> Registry {
    Registry {
        account: "111111111111".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    }
}

fn user(name: &str) -> Arc<User> {
    Arc::new(User {
        location: location(),
        kind: "ECS service".into(),
        name: name.to_owned(),
        cluster: None,
        live: true,
        used_at: None,
    })
}

fn usage(uses: &[(&str, Option<Digest>)]) -> UsageIndex {
    let aliases = Aliases::new(&["proxy.example.com".to_owned()]);
    let mut found = Uses::new(Arc::new(aliases));
    for (image, digest) in uses {
        let digest = digest.map(|digest| digest.to_string());
        found
            .add(&user(image), image, digest.as_deref(), EvidenceKind::Field)
            .unwrap();
    }
    let status = SourceStatus {
        source: "test",
        location: location(),
        cluster: None,
        coverage: found.coverage(),
        references: found.count_references(&BTreeSet::from([location().account])),
        note: None,
    };
    UsageIndex::from(vec![Evidence {
        status,
        uses: found.into_vec(),
        locations: BTreeSet::new(),
        unread: Vec::new(),
    }])
}

fn image(digest: Digest, tags: &[&str]) -> Image {
    Image {
        digest,
        tags: tags.iter().map(|tag| Tag::new(tag).unwrap()).collect(),
        pushed_at: None,
        pulled_at: None,
        archival: None,
        bytes: 0,
        media_type: MediaType::Image,
        artifact_type: ArtifactType::ContainerImage,
        subject: None,
        status: Status::Active,
    }
}

#[test]
fn a_resolved_digest_counts_beside_the_tag_it_came_from() {
    let pinned = Digest::from_bytes([1; 32]);
    let usage = usage(&[(&format!("{HOST}/team/app:prod"), Some(pinned))]);
    let app = RepositoryName::new("team/app").unwrap();
    let uses = |image| {
        usage
            .with_stored([])
            .uses_of(&location(), &app, &image)
            .len()
    };
    assert_eq!(uses(image(pinned, &[])), 1, "the digest it was resolved to");
    assert_eq!(
        uses(image(Digest::from_bytes([2; 32]), &["prod"])),
        1,
        "what the tag means now"
    );
    assert_eq!(uses(image(Digest::from_bytes([3; 32]), &["other"])), 0);
    assert_eq!(
        usage
            .with_stored([])
            .uses_of(
                &location(),
                &RepositoryName::new("team/app-api").unwrap(),
                &image(pinned, &["prod"])
            )
            .len(),
        1
    );
}

#[test]
fn a_named_digest_and_another_resolved_one_both_count() {
    let (named, resolved) = (Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32]));
    let usage = usage(&[(&format!("{HOST}/team/app@{named}"), Some(resolved))]);
    let app = RepositoryName::new("team/app").unwrap();
    assert_eq!(
        usage
            .with_stored([])
            .uses_of(&location(), &app, &image(named, &[]))
            .len(),
        1
    );
    assert_eq!(
        usage
            .with_stored([])
            .uses_of(&location(), &app, &image(resolved, &[]))
            .len(),
        1
    );
}

#[test]
fn a_path_behind_a_proxy_or_before_a_cache_counts() {
    let tagged = image(Digest::from_bytes([1; 32]), &["1.0"]);
    let uses = |by: &str, repository: &str| {
        let repository = RepositoryName::new(repository).unwrap();
        usage(&[(by, None)])
            .with_stored([])
            .uses_of(&location(), &repository, &tagged)
            .len()
    };
    let other = "222222222222.dkr.ecr.us-east-1.amazonaws.com";
    for (by, repository, count) in [
        (format!("{other}/shared/team/app:1.0"), "team/app", 1),
        (format!("{other}/app:1.0"), "team/app", 1),
        (format!("{HOST}/shared/team/app:1.0"), "team/app", 0),
        (format!("{other}/shared/team/app:1.1"), "team/app", 0),
        (format!("{other}/shared/my-app:1.0"), "app", 0),
        (
            "proxy.example.com/ecr/team/app:1.0".to_owned(),
            "team/app",
            1,
        ),
        (
            "docker.io/library/nginx:1.0".to_owned(),
            "docker-hub/library/nginx",
            1,
        ),
        ("nginx:1.0".to_owned(), "docker-hub/library/nginx", 1),
        ("mirror.example.com:5000/x/nginx:1.0".to_owned(), "nginx", 0),
        ("nginx:1.0".to_owned(), "nginx", 1),
        ("docker.io/library/nginx:1.0".to_owned(), "nginx", 1),
        ("docker.io/team/nginx:1.0".to_owned(), "team/nginx", 1),
        (
            "mirror.example.com/team/nginx:1.0".to_owned(),
            "team/nginx",
            1,
        ),
        (
            "oci://mirror.example.com/team/nginx:1.0".to_owned(),
            "team/nginx",
            1,
        ),
        ("docker.io/team/nginx:1.1".to_owned(), "team/nginx", 0),
        ("docker.io/team/nginx:1.0".to_owned(), "nginx", 0),
    ] {
        assert_eq!(uses(&by, repository), count, "{by} for {repository}");
    }
}

/// A host under which an image was resolved to one that is stored here stands for this registry
/// (U1).
#[test]
fn a_resolved_digest_proves_what_a_host_stands_for() {
    let stored = image(Digest::from_bytes([1; 32]), &["old"]);
    let usage = usage(&[
        ("mirror.example.com/x/nginx:1.0", Some(stored.digest)),
        ("mirror.example.com/x/redis:7", None),
        (
            "other.example.com/x/redis:8",
            Some(Digest::from_bytes([9; 32])),
        ),
    ]);
    let uses = |stored: &[Image], repository: &str, tag: &str| {
        let repository = RepositoryName::new(repository).unwrap();
        let image = image(Digest::from_bytes([2; 32]), &[tag]);
        let usage = usage.with_stored(stored);
        let by_path = usage.uses_of(&location(), &repository, &image).len();
        by_path + usage.resolved_to(stored).uses_of(&image).count()
    };
    for (repository, tag, proven, unproven) in [
        // By the repository that holds the digest, whatever its name is.
        ("renamed", "1.0", 1, 0),
        ("renamed", "1.1", 0, 0),
        // By the host.
        ("redis", "7", 1, 0),
        ("redis", "8", 0, 0),
    ] {
        assert_eq!(
            uses(slice::from_ref(&stored), repository, tag),
            proven,
            "{repository}:{tag}"
        );
        assert_eq!(uses(&[], repository, tag), unproven, "{repository}:{tag}");
    }
}

/// A doubt about no repository that there is makes nothing incomplete (U2).
#[test]
fn a_doubt_is_settled_by_the_repositories_that_there_are() {
    let in_doubt = || usage(&[(&format!("{HOST}/App:1"), None)]);
    let (location, app) = (location(), RepositoryName::new("app").unwrap());
    for (names, complete) in [(vec![&app], false), (vec![], true)] {
        let mut usage = in_doubt();
        assert!(!usage.is_complete() && !usage.has_gaps());
        usage.settle_doubts(names.into_iter().map(|name| (&location, name)));
        assert_eq!(usage.is_complete(), complete);
        assert_eq!(usage.sources()[0].note.is_some(), complete);
        let doubts = usage.with_stored([]).doubts_about(&location, &app);
        assert_eq!(
            doubts.len(),
            1,
            "a repository that is new is in doubt all the same"
        );
    }
}
