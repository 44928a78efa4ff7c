//! Lines of a text in YAML or of variables, and which of them stand side by side.

use super::{beside::Beside, object::is_of_others};

/// A map, or what is like one: lines with the same indentation.
struct Block {
    indentation: usize,
    /// Position among the results.
    number: usize,
    /// Whether nothing in it narrows.
    other: bool,
    /// Key of the last line, below which deeper lines stand.
    last_key: String,
}

/// Returns each line with the line before it and what the lines beside it tell.
pub(super) fn blocks(text: &str, pairs: impl Fn(&str) -> Beside) -> Vec<(&str, &str, Beside)> {
    let mut told: Vec<Beside> = Vec::new();
    let mut open: Vec<Block> = Vec::new();
    let mut lines = Vec::new();
    let mut before = "";
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with("---") {
            open.clear();
            continue;
        }
        let content = line.trim_start_matches([' ', '\t']);
        let item = content.trim_start_matches("- ").trim_start();
        let (outer, inner) = (line.len() - content.len(), line.len() - item.len());
        let is_item = inner > outer;
        // The first line of an item begins a map of its own.
        open.retain(|block| block.indentation < inner || (block.indentation == inner && !is_item));
        if open.last().is_none_or(|block| block.indentation < inner) {
            let above = open.last();
            open.push(Block {
                indentation: inner,
                number: told.len(),
                other: above.is_some_and(|above| above.other || is_of_others(&above.last_key)),
                last_key: String::new(),
            });
            told.push(Beside::default());
        }
        let Some(block) = open.last_mut() else {
            continue;
        };
        let key = item.split_once(':').map_or("", |(key, _)| key);
        key.trim_matches(['"', '\'', ' '])
            .clone_into(&mut block.last_key);
        if let Some(told) = told.get_mut(block.number).filter(|_| !block.other) {
            told.extend(pairs(line));
        }
        lines.push((line, before, block.number));
        before = line;
    }
    let with_told = lines.into_iter().map(|(line, before, number)| {
        let told = told.get(number).cloned();
        (line, before, told.unwrap_or_default())
    });
    with_told.collect()
}
