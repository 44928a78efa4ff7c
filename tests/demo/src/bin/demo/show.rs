//! What the demo prints, apart from what the programs do.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, stdout},
};

use demo::{Snapshot, Stored};

const WIDTH: usize = 96;

pub(crate) fn heading(text: &str) {
    if stdout().is_terminal() {
        println!("\n\x1b[1m{text}\x1b[0m");
    } else {
        println!("\n{text}\n{}", "-".repeat(text.len()));
    }
}

pub(crate) fn indented(text: &str) {
    for line in text.trim_end().lines() {
        println!("{}", format!("  {line}").trim_end());
    }
}

pub(crate) fn account(snapshot: &Snapshot) {
    for (repository, images) in by_repository(&snapshot.images) {
        println!("  {repository:<16} {:>3} images", images.len());
    }
    println!("  clusters: {}", snapshot.clusters.join(", "));
}

pub(crate) fn difference(before: &Snapshot, after: &Snapshot) {
    let kept = by_repository(&after.images);
    for (repository, images) in by_repository(&before.images) {
        let kept = kept.get(repository).map_or(&[][..], Vec::as_slice);
        let deleted = images.iter().filter(|image| !kept.contains(image));
        let labels: Vec<&str> = deleted.map(|image| image.label.as_str()).collect();
        println!(
            "  {repository}: {} kept, {} deleted",
            kept.len(),
            labels.len()
        );
        fill(&labels);
    }
}

/// Prints a list in lines of at most [`WIDTH`] characters, and nothing if it is empty.
fn fill(items: &[&str]) {
    let mut line = String::new();
    for (position, item) in items.iter().enumerate() {
        let comma = if position + 1 < items.len() { "," } else { "" };
        if !line.is_empty() && line.len() + item.len() + 2 > WIDTH {
            println!("    {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += &format!("{item}{comma}");
    }
    if !line.is_empty() {
        println!("    {line}");
    }
}

fn by_repository(images: &[Stored]) -> BTreeMap<&str, Vec<&Stored>> {
    let mut found = BTreeMap::<&str, Vec<&Stored>>::new();
    for image in images {
        found.entry(&image.repository).or_default().push(image);
    }
    for images in found.values_mut() {
        images.sort_unstable();
    }
    found
}
