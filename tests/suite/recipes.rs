//! The recipes of docs/guides/recipes.md, each on the images that stand below it (K2, K9).

use crate::support::repository_builder::{RepositoryBuilder, candidate_names, plan_one};

const PAGE: &str = include_str!("../../docs/guides/recipes.md");

/// Returns the line for each day of a range: `1d..3d build# | tag 1.#` are three, with the day for
/// each `#`.
fn unfolded(line: &str) -> Vec<String> {
    let (age, rest) = line.trim().split_once(' ').unwrap();
    let Some((first, last)) = age.split_once("d..") else {
        return vec![format!("{age} {}", rest.trim())];
    };
    let [first, last]: [u32; 2] =
        [first, last.trim_end_matches('d')].map(|days| days.parse().unwrap());
    let day = |day: u32| format!("{day}d {}", rest.trim().replace('#', &day.to_string()));
    (first..=last).map(day).collect()
}

#[test]
fn recipes_do_what_the_page_says() {
    let mut recipes = 0;
    for section in PAGE.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap();
        let mut blocks = section.split("```").skip(1).step_by(2);
        let recipe = blocks.next().unwrap().strip_prefix("yaml\n").unwrap();
        let lines = blocks
            .next()
            .unwrap()
            .strip_prefix("text\n")
            .unwrap()
            .lines();
        let (mut table, mut used, mut expected) = (String::new(), Vec::new(), Vec::new());
        for line in lines {
            let (fate, image) = line.split_once(' ').unwrap();
            for image in unfolded(image) {
                let (image, is_deployed) = match image.strip_suffix(" | deployed") {
                    Some(image) => (image, true),
                    None => (&*image, false),
                };
                let (_, name) = image
                    .split('|')
                    .next()
                    .unwrap()
                    .trim()
                    .split_once(' ')
                    .unwrap();
                used.extend(is_deployed.then(|| name.trim().to_owned()));
                match fate {
                    "keep" => {}
                    "delete" => expected.push(name.trim().to_owned()),
                    _ => panic!("{title}: {line}"),
                }
                table += &format!("{image}\n");
            }
        }
        let images = RepositoryBuilder::read(&table);
        let used: Vec<&str> = used.iter().map(String::as_str).collect();
        let plan = plan_one(&images, &used, recipe);
        expected.sort_unstable();
        assert_eq!(
            candidate_names(&plan, "team/app", &images),
            expected,
            "{title}"
        );
        assert!(!expected.is_empty() && !used.is_empty(), "{title}");
        recipes += 1;
    }
    assert_eq!(recipes, 6);
}
