use super::*;
use crate::{
    config::Config,
    evidence::UsageIndex,
    image::{ArtifactType, Image, MediaType, Status, Tag},
    inventory::{Content, Images, Inventory, Repository},
    plan::plan,
};

const NOW: i64 = 1_795_262_400_000;
const HOUR: i64 = 3_600_000;

fn hours_later(hours: i64) -> Time {
    Time::from_millis(NOW + hours * HOUR).unwrap()
}

fn registry(account: &str, region: &str) -> Registry {
    Registry {
        account: account.parse().unwrap(),
        region: region.parse().unwrap(),
    }
}

fn home() -> Registry {
    registry("111111111111", "eu-west-1")
}

/// Returns a plan of two registries, each with an untagged image and a release.
fn some_plan() -> Plan {
    let inventory = |registry: Registry, number: u8| {
        let image = |byte: u8, tags: &[&str]| Image {
            digest: Digest::from_bytes([byte; 32]),
            tags: tags.iter().map(|tag| Tag::new(tag).unwrap()).collect(),
            pushed_at: Some(hours_later(-99)),
            pulled_at: None,
            archival: None,
            bytes: 7,
            media_type: MediaType::Image,
            artifact_type: ArtifactType::ContainerImage,
            subject: None,
            status: Status::Active,
        };
        let images = Images {
            images: vec![image(number, &[]), image(number + 1, &["1.0"])],
            ..Images::default()
        };
        let repository = Repository {
            name: RepositoryName::new("team/app").unwrap(),
            policy: Some(0),
            mutable_tags: true,
            content: Content::Complete(images),
        };
        Inventory {
            registry,
            repositories: vec![repository],
        }
    };
    let inventories = vec![
        inventory(home(), 10),
        inventory(registry("222222222222", "us-east-1"), 20),
    ];
    let policies = Config::parse("").unwrap().policies;
    plan(
        inventories,
        &UsageIndex::default(),
        &policies,
        hours_later(0),
    )
}

fn file() -> Vec<u8> {
    let saved = ToSave {
        run_id: "run",
        home: &home(),
        configuration: "abc",
        plan: &some_plan(),
    };
    saved.to_bytes().unwrap()
}

fn read(bytes: &[u8]) -> Result<SavedPlan, SavedPlanError> {
    SavedPlan::read(bytes).map(|(plan, _)| plan)
}

#[test]
fn a_saved_plan_is_read_back() {
    let (saved, images) = SavedPlan::read(&file()).unwrap();
    assert_eq!(saved.images, SavedImages::from(&some_plan()));
    assert_eq!((saved.home, saved.made_at), (home(), hours_later(0)));
    let registries: Vec<String> = images.iter().map(|it| it.registry.to_string()).collect();
    assert_eq!(
        registries,
        ["111111111111 eu-west-1", "222222222222 us-east-1"]
    );
    assert_eq!(images[0].because, ["untagged; not in use"]);
}

#[test]
fn a_file_that_is_cut_or_changed_anywhere_is_not_used() {
    let whole = file();
    for end in 0..whole.len() {
        let error = read(&whole[..end]).unwrap_err();
        let expected = matches!(error, SavedPlanError::Cut | SavedPlanError::Foreign);
        assert!(expected, "cut at {end}: {error}");
    }
    for position in 0..whole.len() {
        let mut changed = whole.clone();
        changed[position] ^= 1;
        assert!(read(&changed).is_err(), "changed at {position}");
    }
    let text = String::from_utf8(whole).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    // A whole line that is taken out, or there twice.
    for position in 0..lines.len() {
        let mut without = lines.clone();
        let line = without.remove(position);
        assert!(read(without.concat().as_bytes()).is_err(), "without {line}");
        let mut twice = lines.clone();
        twice.insert(position, lines[position]);
        assert!(read(twice.concat().as_bytes()).is_err(), "twice {line}");
    }
}

#[test]
fn what_is_no_plan_of_this_version_is_named() {
    let error = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
    for foreign in [
        "",
        "mode: delete",
        "{}",
        "{\"schema\": \"ecr-cleanup/soaking\"}\n",
    ] {
        let expected = "it is no saved plan; write one with `ecr-cleanup plan --out FILE`";
        assert_eq!(error(foreign), expected, "{foreign}");
    }
    insta::assert_snapshot!(
        error("{\"schema\": \"ecr-cleanup/plan/2\", \"anything\": 1}\n"),
        @"it is `ecr-cleanup/plan/2`, and this version reads `ecr-cleanup/plan/1`; make it again with the version that is to apply it"
    );
}

/// (A11)
#[test]
fn a_saved_plan_is_for_one_account_region_configuration_and_day() {
    let saved = read(&file()).unwrap();
    let text = |here: &Registry, configuration: &str, hours: i64| {
        let checked = saved.check(here, configuration, hours_later(hours));
        checked.map_or_else(|error| error.to_string(), |()| "applied".to_owned())
    };
    let elsewhere = registry("222222222222", "eu-west-1");
    let other_region = registry("111111111111", "eu-central-1");
    let texts = [
        text(&home(), "abc", 0),
        text(&home(), "abc", 23),
        text(&home(), "abc", 24),
        text(&home(), "abc", -1),
        text(&home(), "abd", 0),
        text(&elsewhere, "abc", 0),
        text(&other_region, "abc", 0),
    ];
    insta::assert_snapshot!(texts.join("\n"));
    // Two clocks differ by a little.
    let a_little_before = Time::from_millis(NOW - 60_000).unwrap();
    assert!(saved.check(&home(), "abc", a_little_before).is_ok());
}
