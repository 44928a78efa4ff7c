//! The keep rules for lifecycle policies of ECR, held against ECR's own rules as its user guide has
//! them.

use ecr_cleanup::{
    config::yaml,
    image::{Image, Tag},
    policy::{Imported, LifecycleRules, Remark, wildcard},
    report::ImportedPolicies,
};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use simulated_aws::{Fault, SimulatedAws};

use crate::{
    support::{
        WorldExt,
        repository_builder::{RepositoryBuilder, candidate_names, hours_ago, plan_one},
    },
    trust::command,
};

const PAGE: &str = include_str!("../../docs/guides/selectors.md");

fn lifecycle(rules: &[Value]) -> String {
    json!({ "rules": rules }).to_string()
}

fn imported(text: &str) -> Imported {
    LifecycleRules::parse(text).unwrap().import().unwrap()
}

/// Returns a whole configuration, as the command prints it.
fn document(imported: &Imported) -> String {
    let mut policies = ImportedPolicies::default();
    policies.add("team/app".to_owned(), imported.clone());
    policies.to_string()
}

/// Returns whether ECR keeps an image.
fn kept_by_ecr(rules: &[Value], images: &[Image], image: &Image) -> bool {
    let mut rules: Vec<&Value> = rules.iter().collect();
    rules.retain(|rule| rule["selection"]["storageClass"] != "archive");
    rules.sort_by_key(|rule| rule["rulePriority"].as_i64());
    let Some(rule) = rules.into_iter().find(|rule| selects(rule, image)) else {
        return true;
    };
    if rule["action"]["type"] != "expire" {
        return true;
    }
    let number = rule["selection"]["countNumber"].as_u64().unwrap();
    match rule["selection"]["countType"].as_str().unwrap() {
        "imageCountMoreThan" => {
            let newer = |other: &&Image| other.pushed_at > image.pushed_at && selects(rule, other);
            (images.iter().filter(newer).count() as u64) < number
        }
        "sinceImagePushed" => {
            let age = image.pushed_at.unwrap().age(hours_ago(0));
            u64::try_from(age.as_secs()).unwrap() <= number * 24 * 3600
        }
        _ => true,
    }
}

fn selects(rule: &Value, image: &Image) -> bool {
    let selection = &rule["selection"];
    let every = |list: &str, matches: &dyn Fn(&str, &Tag) -> bool| {
        let wanted = selection[list].as_array().into_iter().flatten();
        let mut wanted = wanted.map(|text| text.as_str().unwrap());
        wanted.all(|wanted| image.tags.iter().any(|tag| matches(wanted, tag)))
    };
    match selection["tagStatus"].as_str().unwrap() {
        "untagged" => image.tags.is_empty(),
        "tagged" => {
            every("tagPrefixList", &|prefix, tag| tag.starts_with(prefix))
                && every("tagPatternList", &|pattern, tag| {
                    wildcard::matches(pattern, tag)
                })
                && !image.tags.is_empty()
        }
        _ => true,
    }
}

fn selection() -> impl Strategy<Value = Value> {
    let prefixes = vec(prop_oneof![Just("prod-"), Just("v"), Just("dev")], 1..3);
    let patterns = prop_oneof![
        Just("v*"),
        Just("*-rc"),
        Just("prod-*"),
        Just("*"),
        Just("d*1")
    ];
    prop_oneof![
        Just(json!({"tagStatus": "untagged"})),
        Just(json!({"tagStatus": "any"})),
        prefixes.prop_map(|list| json!({"tagStatus": "tagged", "tagPrefixList": list})),
        vec(patterns, 1..3).prop_map(|list| json!({"tagStatus": "tagged", "tagPatternList": list})),
    ]
}

fn rule() -> impl Strategy<Value = Value> {
    let count = prop_oneof![
        4 => (1..5_u32).prop_map(|number| ("imageCountMoreThan", number)),
        4 => (1..40_u32).prop_map(|number| ("sinceImagePushed", number)),
        1 => (1..40_u32).prop_map(|number| ("sinceImagePulled", number)),
        1 => (1..40_u32).prop_map(|number| ("sinceImageSigned", number)),
    ];
    let kinds = prop_oneof![
        8 => Just(("expire", "standard")),
        1 => Just(("transition", "standard")),
        1 => Just(("expire", "archive")),
    ];
    (selection(), count, kinds).prop_map(|(mut selection, (count, number), (action, class))| {
        selection["countType"] = json!(count);
        selection["countNumber"] = json!(number);
        selection["storageClass"] = json!(class);
        if count != "imageCountMoreThan" {
            selection["countUnit"] = json!("days");
        }
        json!({"selection": selection, "action": {"type": action}})
    })
}

fn rules() -> impl Strategy<Value = Vec<Value>> {
    (vec(rule(), 0..5), Just([7, 3, 20, 11, 5]).prop_shuffle()).prop_map(|(mut rules, numbers)| {
        for (rule, number) in rules.iter_mut().zip(numbers) {
            rule["rulePriority"] = json!(number);
        }
        rules
    })
}

/// An image of a random repository: its age in days, its tags, and whether it is an index of two or
/// is signed.
type Drawn = (u32, Vec<(&'static str, &'static str)>, bool, bool);

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let begin = prop_oneof![Just("prod-"), Just("v"), Just("dev"), Just("x")];
    let end = prop_oneof![Just(""), Just("-rc"), Just("1")];
    let image = (
        0..50_u32,
        vec((begin, end), 0..3),
        any::<bool>(),
        any::<bool>(),
    );
    vec(image, 1..12)
}

/// Builds the repository: no two images are pushed in the same hour, and parts before their index.
fn repository(drawn: &[Drawn], with_parts: bool) -> RepositoryBuilder {
    let mut table = String::new();
    for (number, (days, tags, index, signed)) in drawn.iter().enumerate() {
        let (name, hour) = (format!("image{number}"), number * 2);
        let tags = tags.iter().enumerate();
        let tags: Vec<String> = tags
            .map(|(position, (begin, end))| format!(" | tag {begin}{number}{position}{end}"))
            .collect();
        let mut line = format!("{days}d{hour}h {name}{}\n", tags.concat());
        if with_parts && *index {
            let part = format!("{name}part");
            line = line.replace('\n', &format!(" | index {part}=linux/amd64\n"));
            line += &format!("{days}d{}h {part}\n", hour + 1);
        }
        if with_parts && *signed {
            line += &format!("{days}d{hour}h {name}sig | attached {name} +.sig\n");
        }
        table += &line;
    }
    RepositoryBuilder::read(&table)
}

proptest! {
    /// Whatever ECR keeps, the imported policy keeps; and exactly that, where nothing else is
    /// said.
    #[test]
    fn no_import_deletes_more(rules in rules(), drawn in drawn()) {
        let imported = imported(&lifecycle(&rules));
        let is_inexact = imported.remarks.iter().any(|remark| {
            matches!(remark, Remark::CountsOthers { .. } | Remark::TooManyAlternatives { .. })
        });
        let document = document(&imported);
        let repository = repository(&drawn, false);
        let deleted = candidate_names(&plan_one(&repository, &[], &document), "team/app", &repository);
        for image in repository.images() {
            let name = repository.name(&image.digest);
            let kept = kept_by_ecr(&rules, repository.images(), image);
            let is_deleted = deleted.iter().any(|it| it == name);
            prop_assert!(!(kept && is_deleted), "{name} is kept by ECR\n{document}");
            prop_assert!(is_inexact || kept || is_deleted || is_new(image), "{name} is deleted by ECR\n{document}");
        }
    }

    /// Nor does it where images have parts and signatures, deleted with them, and which ECR counts.
    #[test]
    fn no_import_deletes_more_of_images_with_parts(rules in rules(), drawn in drawn()) {
        let document = document(&imported(&lifecycle(&rules)));
        let repository = repository(&drawn, true);
        let deleted = candidate_names(&plan_one(&repository, &[], &document), "team/app", &repository);
        for name in deleted {
            let whole = name.trim_end_matches("part").trim_end_matches("sig");
            let mut images = repository.images().iter();
            let image = images.find(|image| repository.name(&image.digest) == whole).unwrap();
            prop_assert!(
                !kept_by_ecr(&rules, repository.images(), image),
                "{whole} is kept by ECR, {name} is deleted\n{document}"
            );
        }
    }
}

/// An untagged image is kept for its first hour, whatever the rules say.
fn is_new(image: &Image) -> bool {
    image.tags.is_empty() && image.pushed_at.unwrap() >= hours_ago(1)
}

/// Returns the rules in the row of docs/guides/selectors.md that begins so.
fn documented(selector: &str) -> String {
    let row = PAGE
        .lines()
        .find_map(|line| line.strip_prefix(&format!("| {selector} | `")));
    let row = row.unwrap_or_else(|| panic!("no row {selector}"));
    row.split_once("` |").unwrap().0.to_owned()
}

/// Returns the rules that a document holds, without their names.
fn nameless(rules: &str) -> Vec<Value> {
    let text = format!("policies: [{{repositories: ['**'], keep: [{rules}]}}]");
    let config =
        ecr_cleanup::config::Config::parse(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    let mut rules = serde_json::to_value(config).unwrap()["policies"][0]["keep"].take();
    for rule in rules.as_array_mut().unwrap() {
        rule.as_object_mut().unwrap().remove("name");
    }
    rules.as_array().unwrap().clone()
}

/// Returns the rules for a lifecycle policy, or those that it takes in mode `archive`.
fn written(imported: &Imported) -> String {
    let rules: Vec<String> = if let [Remark::Archives { rules, .. }] = &imported.remarks[..] {
        rules.iter().map(yaml::rule).collect()
    } else {
        let rules = imported.rules.iter().flatten();
        rules.map(|imported| yaml::rule(&imported.rule)).collect()
    };
    rules.join(", ")
}

#[test]
fn an_import_says_what_the_table_of_selectors_says() {
    let rule = |selection: Value, action: &str| json!({"rulePriority": 1, "selection": selection, "action": {"type": action}});
    let tagged = |list: &str, entries: Value, count: &str, number: u32| {
        let mut selection = json!({"tagStatus": "tagged", "countType": count, "countUnit": "days"});
        selection[list] = entries;
        selection["countNumber"] = json!(number);
        rule(selection, "expire")
    };
    let any = |count: &str, number: u32| json!({"tagStatus": "any", "countType": count, "countUnit": "days", "countNumber": number});
    for (selector, lifecycle_rule) in [
        (
            "`tagStatus: any`, `imageCountMoreThan: 3`",
            rule(any("imageCountMoreThan", 3), "expire"),
        ),
        (
            "`tagStatus: any`, `sinceImagePushed: 30`",
            rule(any("sinceImagePushed", 30), "expire"),
        ),
        (
            "`tagStatus: any`, `sinceImagePulled: 30`",
            rule(any("sinceImagePulled", 30), "transition"),
        ),
        (
            "`tagStatus: untagged`, `sinceImagePushed: 14`, and nothing else",
            rule(
                json!({"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}),
                "expire",
            ),
        ),
        (
            "`tagPrefixList: [prod-]`, `imageCountMoreThan: 1`, and nothing else",
            tagged("tagPrefixList", json!(["prod-"]), "imageCountMoreThan", 1),
        ),
        (
            "`tagPatternList: [v*]`, `sinceImagePushed: 30`, and nothing else",
            tagged("tagPatternList", json!(["v*"]), "sinceImagePushed", 30),
        ),
    ] {
        let imported = imported(&lifecycle(&[lifecycle_rule]));
        assert_eq!(
            nameless(&written(&imported)),
            nameless(&documented(selector)),
            "{selector}"
        );
    }
    let both = tagged(
        "tagPatternList",
        json!(["v*", "*-rc*"]),
        "sinceImagePushed",
        1,
    );
    let first = imported(&lifecycle(&[both])).rules.unwrap().remove(0).rule;
    let selector = r#"`tagPatternList: ["v*", "*-rc*"]` (an image needs a tag for each)"#;
    let mut first = nameless(&yaml::rule(&first)).remove(0);
    first.as_object_mut().unwrap().remove("pushed_within");
    assert_eq!([first], *nameless(&documented(selector)));
}

/// A policy as repositories have it, with a rule of each kind.
fn common() -> String {
    let rule = |priority: u32, action: Value, selection: Value| json!({"rulePriority": priority, "description": "for people", "selection": selection, "action": action});
    let expire = || json!({"type": "expire"});
    lifecycle(&[
        rule(
            1,
            expire(),
            json!({"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1}),
        ),
        rule(
            2,
            expire(),
            json!({"tagStatus": "tagged", "tagPrefixList": ["prod-"], "countType": "imageCountMoreThan", "countNumber": 30}),
        ),
        rule(
            3,
            expire(),
            json!({"tagStatus": "tagged", "tagPatternList": ["v*", "*-hotfix"], "countType": "imageCountMoreThan", "countNumber": 5}),
        ),
        rule(
            4,
            json!({"type": "transition", "targetStorageClass": "archive"}),
            json!({"tagStatus": "tagged", "tagPatternList": ["*-eol"], "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 60}),
        ),
        rule(
            9,
            expire(),
            json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 100}),
        ),
        rule(
            10,
            expire(),
            json!({"tagStatus": "any", "storageClass": "archive", "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 365}),
        ),
    ])
}

#[test]
fn an_import_is_a_policy_with_what_it_cannot_say() {
    insta::assert_snapshot!("import_lifecycle", document(&imported(&common())));
}

#[tokio::test]
async fn the_command_imports_the_policies_of_several_repositories() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        for name in ["team/app", "team/web", "team/none", "team/broken", "other"] {
            world.tagged(name, "1", 1);
        }
        for (name, text) in [
            ("team/app", common()),
            ("team/web", common()),
            ("team/broken", "{".to_owned()),
        ] {
            world.home().repository(name).lifecycle_policy = Some(text);
        }
    });
    let (text, code) = command(&aws, &["import-lifecycle", "team/app", "team/w*"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert_contains!(
        text,
        "repositories: [team/app, team/web]",
        "- rule 4 moves images to the archive"
    );
    let (checked, code) = command(&aws, &["check-config", "--config", &as_json(&text)]).await;
    assert_eq!(code, Some(0), "{checked}");
    for (arguments, expected, begins) in [
        (&["import-lifecycle", "team/*"][..], 1, "# What"),
        (&["import-lifecycle", "team/none"], 1, ""),
        (&["import-lifecycle", "team/broken"], 1, ""),
        (&["import-lifecycle", "team/appp"], 2, ""),
        (&["import-lifecycle", "team**"], 2, ""),
        (&["import-lifecycle"], 2, ""),
    ] {
        let (text, code) = command(&aws, arguments).await;
        assert_eq!(code, Some(expected), "{arguments:?}: {text}");
        assert_eq!(text.is_empty(), begins.is_empty(), "{arguments:?}: {text}");
        assert!(text.starts_with(begins), "{arguments:?}: {text}");
    }
    aws.fault(Fault::denied("ecr:GetLifecyclePolicy"));
    let (text, code) = command(&aws, &["import-lifecycle", "team/app"]).await;
    assert_eq!((text.as_str(), code), ("", Some(1)));
    assert!(aws.mutations().is_empty());
}

/// Returns a document as a configuration on the command line may be.
fn as_json(text: &str) -> String {
    let config = ecr_cleanup::config::Config::parse(text).unwrap();
    serde_json::to_string(&config).unwrap()
}
