//! The table of docs/guides/selectors.md: what other cleaners select, said in keep rules (K2).

use std::{collections::BTreeMap, sync::Arc};

use ecr_cleanup::{
    config::Config,
    image::Time,
    policy::git::{Document, Expected, GitImage, GitRules, History},
};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::repository_builder::{RepositoryBuilder, candidate_names, plan_one};

const PAGE: &str = include_str!("../../docs/guides/selectors.md");
/// The section whose rows are rules of `git`.
const GIT: &str = "## werf, by Git history";
const NOW: i64 = 1_795_262_400;

/// A row: the selector of another tool, the rules, and the images that they keep.
struct Row {
    selector: String,
    rules: String,
    kept: Vec<String>,
}

impl Row {
    fn read(line: &str) -> Option<Self> {
        let line = line.replace(r"\|", "\u{0}");
        let cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let cells: Vec<String> = cells.map(|cell| cell.replace('\u{0}', "|")).collect();
        let [selector, rules, kept] = <[String; 3]>::try_from(cells).unwrap();
        let rules = rules.strip_prefix('`')?.strip_suffix('`')?.to_owned();
        let mut kept: Vec<String> = kept.split(", ").map(ToOwned::to_owned).collect();
        kept.sort_unstable();
        Some(Self {
            selector,
            rules,
            kept,
        })
    }

    fn check(&self, images: &RepositoryBuilder) {
        let Self {
            selector,
            rules,
            kept,
        } = self;
        let policy = format!("policies: [{{repositories: ['**'], keep: [{rules}]}}]");
        let plan = plan_one(images, &[], &policy);
        let candidates = candidate_names(&plan, "team/app", images);
        let mut stay: Vec<_> = images.names().map(ToOwned::to_owned).collect();
        stay.retain(|name| !candidates.contains(name));
        stay.sort_unstable();
        assert_eq!(stay, *kept, "{selector}: {rules}");
    }
}

#[test]
fn what_other_cleaners_select_can_be_said_here() {
    let mut count = 0;
    let page = PAGE.split(GIT).next().unwrap();
    for part in page.split("```text\n").skip(1) {
        let (images, rest) = part.split_once("```").unwrap();
        let images = RepositoryBuilder::read(images);
        let rows: Vec<Row> = rest.lines().filter_map(Row::read).collect();
        for row in &rows {
            row.check(&images);
        }
        count += rows.len();
    }
    let tools = page.lines().filter(|line| line.starts_with("## ")).count();
    assert!(count > 4 * tools, "{count} rows of {tools} tools");
}

/// The history of the page: of each line the name of a commit, its age in days, a ref if one names
/// it, and its parents.
struct Commits(BTreeMap<String, i64>, Document);

impl Commits {
    fn read(fixture: &str) -> Self {
        let lines = fixture
            .lines()
            .map(|line| line.split_whitespace().collect());
        let lines: Vec<Vec<&str>> = lines.collect();
        let at = |name: &str| lines.iter().position(|line| line[0] == name).unwrap();
        let ages = lines.iter().map(|line| line[1].strip_suffix('d').unwrap());
        let ages: Vec<i64> = ages.map(|age| age.parse().unwrap()).collect();
        let time = |at: usize| NOW - ages[at] * 86_400;
        let parents = lines.iter().map(|line| {
            let parents = line.iter().skip_while(|word| **word != "of").skip(1);
            parents.map(|name| at(name)).collect::<Vec<_>>()
        });
        let refs = (0..lines.len()).filter_map(|at| {
            let kind = match *lines[at].get(2)? {
                "branch" => "heads",
                "tag" => "tags",
                _ => return None,
            };
            let name = format!("refs/{kind}/{}", lines[at][3]);
            Some(json!({"name": name, "commit": at, "time": time(at)}))
        });
        let document = json!({
            "schema": ecr_cleanup::policy::git::SCHEMA,
            "repository": "app",
            "generated_at": "2026-11-21T12:00:00Z",
            "complete": true,
            "shallow": false,
            "default_branch": "main",
            "since": null,
            "refs": refs.collect::<Vec<_>>(),
            "commits": {
                "id": lines.iter().map(|line| id(line[0])).collect::<Vec<_>>(),
                "time": (0..lines.len()).map(time).collect::<Vec<_>>(),
                "parents": parents.collect::<Vec<_>>(),
            },
        });
        let names = lines.iter().map(|line| line[0].to_owned());
        Self(
            names.zip(ages.iter().copied()).collect(),
            serde_json::from_value(document).unwrap(),
        )
    }

    /// Returns the commits whose images rules keep.
    fn kept(&self, mut rules: GitRules) -> Vec<String> {
        let now = Time::from_millis(NOW * 1000).unwrap();
        let max_age = SignedDuration::from_hours(1);
        let expected = Expected {
            repository: "app",
            max_age,
            last: None,
            now,
        };
        rules.history = Some(History::of(self.1.clone(), &expected).map(Arc::new));
        let tags: Vec<String> = self.0.keys().map(|name| id(name)).collect();
        let tags: Vec<[&str; 1]> = tags.iter().map(|tag| [tag.as_str()]).collect();
        let images = self.0.values().zip(&tags).map(|(age, tags)| GitImage {
            tags,
            counts: true,
            revisions: Some(&[]),
            pushed_at: Time::from_millis((NOW - age * 86_400) * 1000),
            pulled_at: None,
        });
        let reasons = rules.judge(&images.collect::<Vec<_>>(), now).unwrap();
        let kept = self
            .0
            .keys()
            .zip(reasons)
            .filter(|(_, reason)| reason.is_some());
        kept.map(|(name, _)| name.clone()).collect()
    }
}

fn id(name: &str) -> String {
    format!("{}{:036x}", hex::encode(name), 0)
}

#[test]
fn the_policies_of_werf_can_be_said_as_rules_of_git() {
    let section = PAGE.split(GIT).nth(1).unwrap();
    let fixture = section.split("```").nth(1).unwrap();
    let commits = Commits::read(fixture.strip_prefix("text\n").unwrap());
    let rows: Vec<Row> = section.lines().filter_map(Row::read).collect();
    assert_eq!(rows.len(), 7);
    for Row {
        selector,
        rules,
        kept,
    } in rows
    {
        let git = format!("{{document: 's3://bucket/a.json', repository: app, keep: [{rules}]}}");
        let policies = format!("policies: [{{repositories: ['**'], git: {git}}}]");
        let config = Config::parse(&policies).unwrap();
        let git = config.policies.all[0].git().unwrap().clone();
        assert_eq!(commits.kept(git), kept, "{selector}: {rules}");
    }
}
