//! Links between documents lead somewhere, and those of the book stay in the book.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use regex::Regex;

/// How a page of the book names a file that is not in the book.
const REPOSITORY: &str = "https://github.com/ecr-cleanup/ecr-cleanup/blob/main/";
/// What has documents that people read.
const FOLDERS: [&str; 5] = ["", "docs", ".github", "infra", "events"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Collects the Markdown files of a folder; those of the folders below it only if `deep`.
fn collect(folder: &Path, deep: bool, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && deep && !path.ends_with("node_modules") {
            collect(&path, deep, files);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path.strip_prefix(root()).unwrap().to_owned());
        }
    }
}

pub(crate) fn documents() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&root().join(folder), !folder.is_empty(), &mut files);
    }
    files.sort();
    files
}

/// Returns a document's text without what stands in code blocks.
fn prose(document: &Path) -> String {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let blocks = Regex::new(r"(?ms)^ *```.*?^ *```$").unwrap();
    blocks.replace_all(&text, "").into_owned()
}

/// Returns the anchors of a document, as GitHub and mdBook make them of its headings.
fn anchors(document: &Path) -> BTreeSet<String> {
    let text = prose(document);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let of_headings = headings.map(|line| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    });
    let explicit = Regex::new(r#"<a (?:id|name)="([^"]+)""#).unwrap();
    let of_tags = explicit.captures_iter(&text).map(|tag| tag[1].to_owned());
    of_headings.chain(of_tags).collect()
}

/// Returns the path without `..`, or `None` if it leaves the repository.
fn normalized(path: &Path) -> Option<PathBuf> {
    let mut parts = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => parts.pop().then_some(())?,
            other => parts.push(other),
        }
    }
    Some(parts)
}

/// Returns what is wrong with a link that stands in a document; `None` if nothing is.
fn problem(document: &Path, link: &str) -> Option<&'static str> {
    let in_book = document.starts_with("docs");
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match (file.strip_prefix(REPOSITORY), file.contains("://")) {
        (Some(path), _) => PathBuf::from(path),
        (None, true) => return None,
        (None, false) if file.is_empty() => document.to_owned(),
        (None, false) => {
            let Some(path) = normalized(&document.parent().unwrap().join(file)) else {
                return Some("leaves the repository");
            };
            if in_book && !path.starts_with("docs") {
                return Some("leaves the book; name the file by its address on GitHub");
            }
            path
        }
    };
    // What is packed gets files of the repository's root beside it, such as the changelog.
    let is_packed = document.starts_with("infra") && root().join(file).is_file();
    if is_packed {
        return None;
    }
    if !root().join(&target).exists() {
        return Some("leads to no file");
    }
    let is_page = target
        .extension()
        .is_some_and(|extension| extension == "md");
    let lost = is_page && !anchor.is_empty() && !anchors(&target).contains(anchor);
    lost.then_some("leads to no heading")
}

#[test]
fn every_link_leads_somewhere() {
    let links = Regex::new(r"\]\(<?([^)\s>]+)>?\)").unwrap();
    let mut checked = 0;
    let mut problems = Vec::new();
    for document in documents() {
        for link in links.captures_iter(&prose(&document)) {
            checked += 1;
            if let Some(problem) = problem(&document, &link[1]) {
                problems.push(format!("{}: {} {problem}", document.display(), &link[1]));
            }
        }
    }
    assert_eq!(problems, Vec::<String>::new());
    assert!(checked > 40, "{checked}");
}

#[test]
fn the_summary_of_the_book_has_every_page_once() {
    let summary = prose(Path::new("docs/SUMMARY.md"));
    let links = Regex::new(r"\]\(([^)]+\.md)\)").unwrap();
    let mut listed: Vec<PathBuf> = links
        .captures_iter(&summary)
        .map(|link| Path::new("docs").join(&link[1]))
        .collect();
    listed.sort();
    let mut pages = documents();
    pages.retain(|page| page.starts_with("docs") && !page.ends_with("SUMMARY.md"));
    assert_eq!(listed, pages);
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = Path::new("docs/guides/git.md");
    for (link, expected) in [
        ("recipes.md", None),
        ("../design/rules.md#k14", None),
        ("https://example.com/x", None),
        (
            "https://github.com/ecr-cleanup/ecr-cleanup/blob/main/Makefile",
            None,
        ),
        ("nowhere.md", Some("leads to no file")),
        ("recipes.md#nowhere", Some("leads to no heading")),
        ("../../../x.md", Some("leaves the repository")),
        (
            "../../README.md",
            Some("leaves the book; name the file by its address on GitHub"),
        ),
        (
            "https://github.com/ecr-cleanup/ecr-cleanup/blob/main/x",
            Some("leads to no file"),
        ),
    ] {
        assert_eq!(problem(page, link), expected, "{link}");
    }
}
