//! The table of docs/selectors.md: what other cleaners select, said in keep rules (K2).

use crate::support::repository_builder::{RepositoryBuilder, candidate_names, plan_one};

const PAGE: &str = include_str!("../../docs/selectors.md");

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
}

#[test]
fn what_other_cleaners_select_can_be_said_here() {
    let fixture = PAGE.split("```").nth(1).unwrap();
    let images = RepositoryBuilder::read(fixture.strip_prefix("text\n").unwrap());
    let rows: Vec<Row> = PAGE.lines().filter_map(Row::read).collect();
    for row in &rows {
        let Row {
            selector,
            rules,
            kept,
        } = row;
        let policy = format!("policies: [{{repositories: ['**'], keep: [{rules}]}}]");
        let plan = plan_one(&images, &[], &policy);
        let candidates = candidate_names(&plan, "team/app", &images);
        let mut stay: Vec<_> = images.names().map(ToOwned::to_owned).collect();
        stay.retain(|name| !candidates.contains(name));
        stay.sort_unstable();
        assert_eq!(stay, *kept, "{selector}: {rules}");
    }
    let tools = PAGE.lines().filter(|line| line.starts_with("## ")).count();
    assert!(
        rows.len() > 4 * tools,
        "{} rows of {tools} tools",
        rows.len()
    );
}
