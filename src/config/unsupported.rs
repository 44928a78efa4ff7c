//! What the grammar has and this version has not. Written, it is an error: nobody shall count on a protection that is not
//! there.

use super::{
    error::{Path, Problems},
    raw::{Document, InUse},
};

/// A setting that is not built yet. Building it deletes its line in [`UNSUPPORTED`].
struct Unsupported {
    /// Its keys, with dots.
    path: &'static str,
    /// Whether it is written so that it would have an effect.
    is_written: fn(&Document) -> bool,
    /// What to write instead.
    instead: &'static str,
}

const OMIT: &str = "leave it out";

/// One line per setting.
#[rustfmt::skip]
const UNSUPPORTED: &[Unsupported] = &[
    Unsupported { path: "registries", is_written: |d| d.registries.is_some(), instead: OMIT },
    Unsupported { path: "in_use.accounts", is_written: |d| in_use(d).is_some_and(|u| u.accounts.is_some()), instead: OMIT },
];

/// Records every unsupported setting of the document.
pub(super) fn refuse(document: &Document, problems: &mut Problems) {
    for setting in UNSUPPORTED {
        if (setting.is_written)(document) {
            let path = Path::of_keys(setting.path);
            problems.add(&path, format!("not supported by this version yet; {}", setting.instead));
        }
    }
}

fn in_use(document: &Document) -> Option<&InUse> {
    document.in_use.as_ref()
}
