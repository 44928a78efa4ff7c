//! The plan of an account with thousands of repositories.

use std::collections::HashSet;

use ecr_cleanup::{
    config::Config,
    evidence::UsageIndex,
    image::{ArtifactType, Digest, Image, MediaType, Registry, RepositoryName, Status, Tag, Time},
    inventory::{Content, Images, Inventory, NotRead, Repository},
    plan::{Plan, plan},
    report::repository_lines,
};

use super::*;

const NOW: i64 = 1_795_262_400_000;
const DAY: i64 = 86_400_000;

/// Returns an image that was pushed so many days ago.
fn image(number: u32, days: i64, tags: &[String]) -> Image {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&number.to_be_bytes());
    let tags = tags.iter().map(|tag| Tag::new(tag).unwrap());
    Image {
        digest: Digest::from_bytes(digest),
        tags: tags.collect(),
        pushed_at: Time::from_millis(NOW - DAY * days),
        pulled_at: None,
        archival: None,
        bytes: 10_000_000,
        media_type: MediaType::Image,
        artifact_type: ArtifactType::ContainerImage,
        subject: None,
        status: Status::Active,
    }
}

/// Returns a repository with 10 releases that stay, and more that do not.
fn repository(number: u32) -> Repository {
    let images = (0..10 + number % 40).map(|position| {
        let tags = [format!("1.{position}.0"), format!("build-{position}")];
        image(position, i64::from(position) + 30, &tags)
    });
    let images = Images {
        images: images.collect(),
        ..Images::default()
    };
    let content = if number.is_multiple_of(100) {
        Content::NotRead(NotRead::NoPolicy)
    } else {
        Content::Complete(images)
    };
    Repository {
        name: RepositoryName::new(&format!(
            "team-{}/service-with-a-name-of-many-words-{number}",
            number % 7
        ))
        .unwrap(),
        policy: Some(0),
        mutable_tags: false,
        content,
    }
}

fn planned(repositories: u32) -> Plan {
    let registry = Registry {
        account: "111111111111".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    };
    let config = Config::parse("mode: delete").unwrap();
    let inventory = Inventory {
        registry,
        repositories: (0..repositories).map(repository).collect(),
    };
    let usage = UsageIndex::default();
    let now = Time::from_millis(NOW).unwrap();
    plan(inventory, &usage, &config.policies, now)
}

fn shown(repositories: u32, lines: usize, all: bool) -> String {
    let mut page = Page::new(Terminal {
        columns: 80,
        lines,
        colour: false,
        ascii: false,
        pages: false,
    });
    let plan = planned(repositories);
    let stored = Stored {
        lines: &repository_lines(&plan),
        exact: None,
    };
    super::repositories(&mut page, &plan, stored, all);
    page.text().to_owned()
}

#[test]
fn the_plan_of_five_thousand_repositories_takes_two_screens() {
    for (repositories, screen) in [(5_000, 24), (5_000, 50), (300, 24), (30, 24), (3, 24)] {
        let text = shown(repositories, screen, false);
        let lines = text.lines().count();
        assert!(
            lines <= 2 * screen,
            "{repositories} repositories take {lines} lines"
        );
        assert!(
            repositories < 30 || lines >= 2 * screen - 4,
            "{repositories}: {lines}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }
    insta::assert_snapshot!("five_thousand", shown(5_000, 24, false));
}

/// Whatever is folded is counted: the rows add up to the totals.
#[test]
fn nothing_is_left_out_of_the_rows() {
    for repositories in [1, 30, 300, 5_000] {
        let text = shown(repositories, 24, false);
        let rows = text.lines().skip(1).filter(|line| !line.starts_with(' '));
        let kept = |row: &str| {
            let row = row.replace(',', "");
            let numbers: String = row.chars().skip(41).collect();
            let numbers = numbers.split_whitespace();
            let numbers: Vec<u64> = numbers.take(3).map(|it| it.parse().unwrap()).collect();
            (numbers[1], numbers[2])
        };
        let mut rows: Vec<(u64, u64)> = rows.map(kept).collect();
        let total = rows.pop().unwrap();
        let sum = rows
            .iter()
            .fold((0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
        assert_eq!(sum, total, "{text}");
    }
}

#[test]
fn all_shows_every_image_with_all_its_tags() {
    let plan = planned(60);
    let text = shown(60, 24, true);
    let listed: HashSet<&str> = text
        .split(|letter: char| letter == ',' || letter.is_whitespace())
        .collect();
    for repository in plan.repositories() {
        for tag in repository.images().flat_map(|it| &*it.image.tags) {
            assert!(listed.contains(&**tag), "{tag}");
        }
    }
    let images: usize = plan.repositories().iter().map(|it| it.images().len()).sum();
    let rows = text
        .lines()
        .filter(|line| line.starts_with(" del") || line.starts_with("keep"));
    assert_eq!(rows.count(), images);
}
