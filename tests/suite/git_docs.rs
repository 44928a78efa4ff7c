//! The examples of docs/guides/git.md.

use ecr_cleanup::config::Config;
use serde_json::Value;

use crate::support::git::Origin;

const PAGE: &str = include_str!("../../docs/guides/git.md");

/// Returns the code blocks in YAML that name something.
fn blocks(named: &str) -> Vec<&'static str> {
    let parts = PAGE.split("```yaml\n").skip(1);
    let blocks = parts.map(|part| part.split("```").next().unwrap());
    blocks.filter(|block| block.contains(named)).collect()
}

/// Returns every command in a document.
fn commands(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.lines().map(|line| line.trim().to_owned()).collect(),
        Value::Array(items) => items.iter().flat_map(commands).collect(),
        Value::Object(keys) => keys.values().flat_map(commands).collect(),
        _ => Vec::new(),
    }
}

/// The pipelines are YAML, and their commands export the history of a clone like theirs.
#[test]
fn the_pipelines_export_a_history() {
    let origin = Origin::new(1_795_262_400);
    origin.commit("main", 1);
    let pipelines = blocks("ecr-cleanup git export");
    assert_eq!(pipelines.len(), 2);
    for pipeline in pipelines {
        let parsed: Value = serde_saphyr::from_str(pipeline).unwrap();
        let commands = commands(&parsed);
        let export = commands
            .iter()
            .filter_map(|it| it.strip_prefix("ecr-cleanup git export "));
        let [export] = *export.collect::<Vec<_>>() else {
            panic!("{commands:?}");
        };
        let words: Vec<&str> = export.split(' ').collect();
        let options: &[&str] = if words[0] == "." { &[] } else { &["--bare"] };
        let clone = origin.cloned(
            if words[0] == "." {
                "checkout"
            } else {
                words[0]
            },
            options,
        );
        let words = words[1..].iter().map(|word| word.trim_matches('"'));
        let words: Vec<&str> = words.collect();
        let to = words.iter().position(|word| *word == "--to").unwrap();
        assert_eq!(words[to + 1], "s3://bucket/git/org-app.json.gz");
        let rest = [&words[..to], &words[to + 2..]].concat();
        let document = origin.export(&clone, &rest).unwrap();
        assert!(document.contains("refs/heads/main"), "{document}");
    }
}

#[test]
fn the_policies_can_be_read() {
    let policies = blocks("policies:");
    assert_eq!(policies.len(), 2);
    for text in policies {
        let config = Config::parse(text).unwrap();
        let git = config.policies.all[0].git().unwrap();
        assert_eq!(git.document, "s3://bucket/git/org-app.json.gz");
    }
}
