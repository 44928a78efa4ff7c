//! Annotations that name the commit of an image (K14).

use serde::Deserialize;
use serde_json::Value;

/// Commits that the annotations of a manifest name, as they are written.
pub type Revisions = Vec<Box<str>>;

#[derive(Deserialize)]
struct Annotated {
    annotations: Option<Annotations>,
    #[serde(default)]
    manifests: Vec<Annotated>,
}

#[derive(Deserialize)]
struct Annotations {
    #[serde(rename = "org.opencontainers.image.revision")]
    revision: Option<Value>,
}

impl Annotated {
    fn revision(&self) -> Option<Box<str>> {
        let revision = self.annotations.as_ref()?.revision.as_ref()?;
        revision.as_str().map(Into::into)
    }
}

/// Returns the revisions in the annotations of a manifest and, in an index, of what it names; `None`
/// if it is no manifest.
#[must_use]
pub fn revisions(manifest: &str) -> Option<Revisions> {
    let manifest: Annotated = serde_json::from_str(manifest).ok()?;
    let named = manifest.manifests.iter().filter_map(Annotated::revision);
    Some(manifest.revision().into_iter().chain(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_those_of_a_manifest_and_of_what_it_names() {
        let revision = |text: &str| format!(r#"{{"org.opencontainers.image.revision": {text}}}"#);
        let of = |manifest: &str| revisions(manifest).map(|all| all.join(" "));
        let (a, b) = (revision("\"a\""), revision("\"b\""));
        let index = format!(
            r#"{{"annotations": {a}, "manifests": [{{"digest": "x", "annotations": {b}}}, {{"annotations": {{}}}}, {{}}]}}"#
        );
        for (manifest, expected) in [
            (index.as_str(), Some("a b")),
            (
                &format!(r#"{{"annotations": {a}, "layers": []}}"#),
                Some("a"),
            ),
            (
                &format!(r#"{{"annotations": {}}}"#, revision("1")),
                Some(""),
            ),
            (r#"{"annotations": null}"#, Some("")),
            ("{}", Some("")),
            ("[1]", None),
            (r#"{"annotations": "a"}"#, None),
        ] {
            assert_eq!(of(manifest).as_deref(), expected, "{manifest}");
        }
    }
}
