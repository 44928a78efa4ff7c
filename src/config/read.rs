//! From the tree to what was written, with everything that does not fit the grammar collected.
//!
//! serde stops at the first error. So each error is recorded, what is wrong is taken out of the
//! tree, and the tree is read again. What has a default gets it back, and every other setting may
//! be left out, hence this ends with a tree that fits.

use serde_json::{Map, Value};
use serde_path_to_error::Segment as Step;

use super::{
    error::{ConfigError, Place, Problem},
    mismatch::Mismatch,
    node::Node,
    path::{Path, Segment},
    problems::Problems,
    raw::Document,
};

/// Lays what is written over the defaults, records all that does not fit, and returns what does.
pub(super) fn check(defaults: &Value, written: Value, problems: &mut Problems) -> Value {
    let written = match written {
        Value::Null => Map::new().into(),
        written => written,
    };
    let mut blanks = Vec::new();
    find_blanks(&written, &Path::default(), &mut blanks);
    let mut tree = lay_over(defaults, written);
    while let Err((path, mismatch)) = read(&tree) {
        match mismatch {
            Mismatch::Blank => problems.add(&path, blank_message(&path)),
            // The key may only seem to be missing, because its value was wrong or its name
            // misspelt.
            Mismatch::Missing(_) if problems.is_wrong_below(&path) => {}
            mismatch => problems.add(&path, mismatch.to_string()),
        }
        if problems.is_overfull() || !take_out(&mut tree, defaults, &path) {
            tree = defaults.clone();
            break;
        }
    }
    for blank in blanks {
        if !problems.covers(&blank) {
            problems.add(&blank, blank_message(&blank));
        }
    }
    problems.end_reading();
    tree
}

/// Returns `written` with the settings that it leaves out.
///
/// Mappings are completed key by key. Everything else, lists too, is returned as written.
fn lay_over(defaults: &Value, written: Value) -> Value {
    match (defaults, written) {
        (Value::Object(defaults), Value::Object(mut written)) => {
            for (key, default) in defaults {
                let value = match written.remove(key) {
                    Some(value) => lay_over(default, value),
                    None => default.clone(),
                };
                written.insert(key.clone(), value);
            }
            Value::Object(written)
        }
        (_, written) => written,
    }
}

fn blank_message(path: &Path) -> String {
    let advice = match path.0.last() {
        Some(Segment::Key(_)) => "; leave the key out for its default",
        _ => "",
    };
    format!("expected a value, found nothing{advice}")
}

/// Returns what was written, from a tree that [`check`] has passed.
pub(super) fn accepted(tree: &Value) -> Result<Document, ConfigError> {
    let problem = |(path, mismatch): (Path, Mismatch)| {
        Problem::new(Place::Setting(path), mismatch.to_string())
    };
    Ok(read(tree).map_err(problem)?)
}

fn read(tree: &Value) -> Result<Document, (Path, Mismatch)> {
    serde_path_to_error::deserialize(Node(tree)).map_err(|error| {
        let steps = error.path().iter().filter_map(|step| match step {
            Step::Seq { index } => Some(Segment::Index(*index)),
            Step::Map { key } => Some(Segment::Key(key.clone())),
            Step::Enum { .. } | Step::Unknown => None,
        });
        // The path of an unknown key ends with that key.
        (Path(steps.collect()), error.into_inner())
    })
}

/// Finds the paths of all that has nothing written after its key or dash.
///
/// Such a key may be a list whose items were all commented out.
fn find_blanks(tree: &Value, path: &Path, blanks: &mut Vec<Path>) {
    match tree {
        Value::Null => blanks.push(path.clone()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_blanks(item, &path.index(index), blanks);
            }
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                find_blanks(value, &path.key(key), blanks);
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Replaces what is at `path` by its default, or removes it if there is none.
///
/// A list keeps a blank there, so that its other items keep their indexes. Returns false if that
/// changes nothing.
fn take_out(tree: &mut Value, defaults: &Value, path: &Path) -> bool {
    let Some((last, parents)) = path.0.split_last() else {
        return false;
    };
    let default = path
        .0
        .iter()
        .try_fold(defaults, |tree, segment| match segment {
            Segment::Index(_) => None,
            Segment::Key(key) => tree.get(key),
        });
    let parent = parents
        .iter()
        .try_fold(tree, |tree, segment| match segment {
            Segment::Index(index) => tree.get_mut(index),
            Segment::Key(key) => tree.get_mut(key),
        });
    match (parent, last) {
        (Some(Value::Array(items)), Segment::Index(index)) => items
            .get_mut(*index)
            .is_some_and(|item| !item.take().is_null()),
        (Some(Value::Object(entries)), Segment::Key(key)) => match default {
            Some(default) => entries.insert(key.clone(), default.clone()).as_ref() != Some(default),
            None => entries.remove(key).is_some(),
        },
        _ => false,
    }
}
