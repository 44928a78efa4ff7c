mod world;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{ExclusiveBytes, MAX_BYTES, Page, fit::embedded};
use crate::{
    image::{Digest, MediaType, Time},
    inventory::{Child, Layer, Repository, Role},
    report::WarningCode,
    state::{Day, History},
};
use world::{HOUR, NOW, World, digest, images, repository};

/// What somebody might call a workload to have a reader's browser run it.
const HOSTILE: &str =
    "</script><script>alert(1)</script><!--\u{2028}\u{202e}\u{1b}\"'&amp;{{script}}";

/// Returns what a browser would read as the data of a page.
fn data(html: &str) -> Value {
    let (_, data) = html.split_once("id=\"data\">").unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    serde_json::from_str(data).unwrap()
}

fn sum(groups: &Value, of: &str) -> u64 {
    let groups = groups.as_array().unwrap().iter();
    groups.map(|group| group[of].as_u64().unwrap()).sum()
}

/// Returns the images that the groups of all repositories count, and those that rows list or leave
/// out.
fn counted(data: &Value) -> (u64, u64) {
    let repositories = data[0]["repositories"].as_array().unwrap().iter();
    let listed: u64 = repositories.map(|it| sum(&it["groups"], "images")).sum();
    let rows = &data[1]["rows"];
    let first = rows["first"].as_array().unwrap().len() as u64;
    (
        listed + sum(&data[0]["others"]["groups"], "images"),
        first + rows["omitted"].as_u64().unwrap(),
    )
}

/// Returns repositories with images of such tags.
fn many(number: usize, images_each: usize, tags: &dyn Fn(usize) -> Vec<String>) -> Vec<Repository> {
    let one = |number: usize| {
        let name = format!("a-team-with-a-long-name/an-application-{number}");
        repository(&name, images(number, 0..images_each, tags))
    };
    (0..number).map(one).collect()
}

/// Asserts that what a page lists and what it leaves out are together all that there is.
fn assert_whole(data: &Value, repositories: usize, images: usize, users: usize) {
    let (counted, listed) = counted(data);
    assert_eq!(counted, images as u64);
    let of_others = sum(&data[0]["others"]["groups"], "images");
    assert_eq!(listed + of_others, images as u64);
    let length = |list: &Value| list.as_array().unwrap().len() as u64;
    let others = data[0]["others"]["repositories"].as_u64().unwrap();
    let shown = length(&data[0]["repositories"]);
    assert_eq!(shown + others, repositories as u64);
    let all = &data[0]["users"];
    let left = all["omitted"].as_u64().unwrap();
    assert_eq!(length(&all["first"]) + left, users as u64);
}

/// Returns the kinds of the images that are listed.
fn listed_kinds(data: &Value) -> BTreeSet<&str> {
    let kind = |row: &Value| {
        let reason = usize::try_from(row[1].as_u64().unwrap()).unwrap();
        data[0]["reasons"][reason]["kind"].as_str().unwrap()
    };
    let rows = data[1]["rows"]["first"].as_array().unwrap();
    rows.iter().map(kind).collect()
}

#[test]
fn a_page_of_100_000_images_is_at_most_a_megabyte_and_counts_all_of_them() {
    let plain = |number: usize| vec![format!("1.{number}.0")];
    let long = |number: usize| -> Vec<String> {
        let tag = |tag: usize| format!("{number}-{tag}-{}", "x".repeat(110));
        (0..40).map(tag).collect()
    };
    let (short_tag, long_tag) = (plain(3).remove(0), long(3).remove(0));
    let worlds = [
        (many(100, 1_000, &plain), &short_tag, 100, 100_000),
        (many(20_000, 5, &plain), &short_tag, 20_000, 100_000),
        (many(10, 2_000, &long), &long_tag, 2_000, 20_000),
    ];
    for (repositories, tag, users, all) in worlds {
        let number = repositories.len();
        let name = |user: usize| format!("{user} {HOSTILE}{}", "<&>\u{202e}".repeat(200));
        let uses = (0..users).map(|user| {
            let repository = &repositories[user % number].name;
            (name(user), format!("{repository}:{tag}"))
        });
        let uses = uses.collect();
        let (html, data) = World { repositories, uses }.page();
        assert!(html.len() <= MAX_BYTES, "{} bytes", html.len());
        assert!(html.len() > MAX_BYTES * 4 / 5, "only {} bytes", html.len());
        assert_whole(&data, number, all, users);
        let kinds = listed_kinds(&data);
        let deletes = data[0]["counts"]["candidates"] != 0;
        assert_eq!(kinds.contains("delete"), deletes, "{kinds:?}");
        assert!(kinds.contains("in_use"), "{kinds:?}");
    }
}

#[test]
fn nothing_from_outside_is_read_as_html() {
    let world = World {
        repositories: vec![repository("app", images(0, 0..3, &|_| Vec::new()))],
        uses: vec![(HOSTILE.to_owned(), "app:gone".to_owned())],
    };
    world.show(|page, mut answer| {
        answer.warn(WarningCode::LeftAlone, HOSTILE.to_owned());
        answer.summary = HOSTILE.to_owned();
        let html = Page {
            answer: &answer,
            ..page
        }
        .to_html();
        assert_eq!(html.matches("<script").count(), 2);
        assert_eq!(html.matches("</script").count(), 2);
        assert_eq!(html.matches("\"use strict\"").count(), 1);
        assert!(!html.contains("<!--"));
        let (_, noscript) = html.split_once("<noscript>").unwrap();
        assert!(noscript.starts_with("<p class=\"card\">&lt;/script&gt;&lt;script&gt;"));
        let outside = |character: char| {
            (character.is_control() && character != '\n') || "\u{2028}\u{202e}".contains(character)
        };
        assert_eq!(html.find(outside), None);
        let data = data(&html);
        let expected = HOSTILE
            .replace('\u{2028}', "\\u2028")
            .replace('\u{202e}', "\\u202e");
        let expected = expected.replace('\u{1b}', "\\u001b");
        assert_eq!(data[0]["users"]["first"][0]["name"], expected);
        assert_eq!(
            data[0]["findings"][4]["entries"]["first"][0]["text"],
            expected
        );
    });
    assert_eq!(embedded(&"<>&"), "\"\\u003c\\u003e\\u0026\"");
}

/// The browser runs the one script and no other, and loads nothing.
#[test]
fn the_policy_of_a_page_names_its_style_and_its_script_alone() {
    let world = World {
        repositories: Vec::new(),
        uses: Vec::new(),
    };
    let (html, _) = world.page();
    let policy = super::policy();
    assert!(html.contains(&format!(
        "http-equiv=\"Content-Security-Policy\" content=\"{policy}\""
    )));
    for (element, directive) in [("style", "style-src"), ("script", "script-src")] {
        let (_, text) = html.split_once(&format!("<{element}>")).unwrap();
        let (text, _) = text.split_once(&format!("</{element}>")).unwrap();
        let hash = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, Sha256::digest(text));
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}'")));
    }
    assert!(policy.starts_with("default-src 'none'; "));
    assert!(!policy.contains("unsafe"));
    for loaded in [
        "src=",
        "href=\"http",
        "url(",
        "@import",
        "fetch(",
        "innerHTML",
        "eval(",
    ] {
        assert!(!html.contains(loaded), "{loaded}");
    }
}

/// An index in use, one that nothing keeps, one that a rule keeps; an image of each kind besides.
fn kinds() -> World {
    let tags = |number: usize| match number {
        0 => vec!["used".to_owned()],
        3 => vec!["latest".to_owned()],
        8 => vec!["1.0.0".to_owned()],
        _ => Vec::new(),
    };
    let mut stored = images(0, 0..9, &tags);
    for index in [0, 3, 6] {
        let children = [1, 2].map(|part| Child {
            digest: digest(0, index + part),
            role: Some(Role::Platform("linux/arm64".into())),
        });
        stored.children.insert(digest(0, index), children.into());
        stored.images[index].media_type = MediaType::Index;
    }
    // Older than what a push may still be going on for, and than what the rules keep by age.
    for image in &mut stored.images {
        image.pushed_at = Time::from_millis(NOW - HOUR * 24 * 90);
    }
    World {
        repositories: vec![repository("app", stored)],
        uses: vec![("web".to_owned(), "app:used".to_owned())],
    }
}

/// Returns images and bytes by kind and reason.
fn groups(data: &Value) -> BTreeMap<String, (u64, u64)> {
    let groups = data[0]["repositories"][0]["groups"].as_array().unwrap();
    let groups = groups.iter().map(|group| {
        let reason = usize::try_from(group["reason"].as_u64().unwrap()).unwrap();
        let Value::Object(reason) = &data[0]["reasons"][reason] else {
            panic!("no reason {reason}");
        };
        let name = format!(
            "{}: {}",
            reason["kind"].as_str().unwrap(),
            reason["text"].as_str().unwrap()
        );
        (
            name,
            (
                group["images"].as_u64().unwrap(),
                group["bytes"].as_u64().unwrap(),
            ),
        )
    });
    groups.collect()
}

#[test]
fn a_part_counts_with_the_reason_of_what_it_belongs_to() {
    let (_, data) = kinds().page();
    let expected = [
        ("delete: untagged", (2, 1_000_007)),
        ("in_use: in use by ECS service", (3, 2_000_003)),
        ("rule: rule latest", (3, 2_000_009)),
    ];
    let mut expected: BTreeMap<String, (u64, u64)> = expected
        .map(|(name, group)| (name.to_owned(), group))
        .into();
    expected.insert("rule: rule releases".to_owned(), (1, 1_000_008));
    assert_eq!(groups(&data), expected);
}

#[test]
fn layers_count_where_they_are_needed_alone() {
    let layer = |name: &str, size| Layer {
        digest: name.into(),
        size,
    };
    let layers: HashMap<Digest, Vec<Layer>> = [
        (1, vec![layer("base", 100), layer("used", 10)]),
        (2, vec![layer("base", 100), layer("used", 10)]),
        (4, vec![layer("base", 100), layer("latest", 20)]),
        (5, vec![layer("latest", 20)]),
        (7, vec![layer("old", 40), layer("base", 100)]),
        (8, vec![layer("release", 80)]),
    ]
    .map(|(number, layers)| (digest(0, number), layers))
    .into();
    let data = kinds().show(|page, _| {
        let mut exclusive = ExclusiveBytes::default();
        exclusive.add(&page.plan.repositories()[0], &layers);
        let exclusive = Some(&exclusive);
        data(&Page { exclusive, ..page }.to_html())
    });
    let bytes: BTreeMap<String, u64> = groups(&data)
        .into_iter()
        .map(|(name, of)| (name, of.1))
        .collect();
    let expected = [
        ("delete: untagged", 40),
        ("in_use: in use by ECS service", 10),
        ("other: layers of several groups", 100),
        ("rule: rule latest", 20),
        ("rule: rule releases", 80),
    ];
    assert_eq!(
        bytes,
        expected
            .map(|(name, bytes)| (name.to_owned(), bytes))
            .into()
    );
}

#[test]
fn a_page_shows_the_history_of_earlier_runs() {
    let mut history = History::default();
    history.add(Day {
        bytes: 7,
        ..Day::of(Time::from_millis(NOW).unwrap())
    });
    let html = kinds().show(|page, _| {
        Page {
            history: Some(&history),
            ..page
        }
        .to_html()
    });
    assert_eq!(data(&html)[0]["history"][0]["bytes"], 7);
    let (_, without) = kinds().page();
    assert_eq!(without[0]["history"], json!(null));
}
