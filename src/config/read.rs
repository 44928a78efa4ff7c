//! From the tree to what was written, with everything that does not fit the grammar collected.
//!
//! serde stops at the first error. So each error is recorded, what is wrong is taken out of the tree, and the tree is read
//! again: every setting may be left out, hence this ends with a tree that fits.

use serde_json::{Map, Value};
use serde_path_to_error::Segment as Step;

use super::{
    error::{ConfigError, Path, Place, Problem, Problems, Segment},
    mismatch::Mismatch,
    node::Node,
    raw::Document,
};

/// Records all that does not fit in `tree`, and returns what does.
pub(super) fn check(mut tree: Value, problems: &mut Problems) -> Value {
    if tree.is_null() {
        return Value::Object(Map::new());
    }
    let mut blanks = Vec::new();
    find_blanks(&tree, &Path::default(), &mut blanks);
    while let Err((path, mismatch)) = read(&tree) {
        problems.add(&path, mismatch.to_string());
        if problems.is_overfull() || !take_out(&mut tree, &path) {
            problems.end_reading();
            return Value::Object(Map::new());
        }
    }
    for blank in blanks {
        if !problems.covers(&blank) {
            let advice = match blank.segments().last() {
                Some(Segment::Key(_)) => "; leave the key out for its default",
                _ => "",
            };
            problems.add(&blank, format!("expected a value, found nothing{advice}"));
        }
        take_out(&mut tree, &blank);
    }
    problems.end_reading();
    tree
}

/// What was written, from a tree that [`check`] has passed.
pub(super) fn accepted(tree: Value) -> Result<Document, ConfigError> {
    let problem = |(path, mismatch): (Path, Mismatch)| {
        Problem::new(Place::Setting(path), mismatch.to_string())
    };
    let document = read(&tree).map_err(problem);
    drop(tree);
    Ok(document?)
}

fn read(tree: &Value) -> Result<Document, (Path, Mismatch)> {
    serde_path_to_error::deserialize(Node(tree)).map_err(|error| {
        let steps = error.path().iter().filter_map(|step| match step {
            Step::Seq { index } => Some(Segment::Index(*index)),
            Step::Map { key } => Some(Segment::Key(key.clone())),
            Step::Enum { .. } | Step::Unknown => None,
        });
        // The path of an unknown key ends with that key.
        (steps.collect(), error.into_inner())
    })
}

/// Paths of all that has nothing written after its key or dash: too easily a list whose items were all commented out.
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

/// Takes what is at `path` out of the tree; a list keeps a blank there, so that its other items keep their places.
/// False if there is nothing to take out.
fn take_out(tree: &mut Value, path: &Path) -> bool {
    let Some((last, parents)) = path.segments().split_last() else {
        return false;
    };
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
        (Some(Value::Object(entries)), Segment::Key(key)) => entries.remove(key).is_some(),
        _ => false,
    }
}
