//! Texts within base64: what a Secret holds in a manifest of Helm's, or a `ConfigMap` as binary data.

use base64::{Engine, prelude::BASE64_STANDARD};

/// The fewest characters that can hold an image of ECR.
const SHORTEST: usize = 64;

/// Returns every text that is written in base64 somewhere in another one.
pub(super) fn texts(text: &str) -> impl Iterator<Item = String> {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let words = text.split(move |c| !is_base64(c));
    let long = words.filter(|word| word.len() >= SHORTEST);
    long.filter_map(|word| {
        let bytes = BASE64_STANDARD.decode(word).ok()?;
        String::from_utf8(bytes).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_and_nothing_else() {
        let image = "image: 111111111111.dkr.ecr.eu-west-1.amazonaws.com/app:1\n";
        let encoded = BASE64_STANDARD.encode(image);
        let zeros = BASE64_STANDARD.encode([0xff; 90]);
        let text = format!(
            "data:\n  values.yaml: \"{encoded}\"\n  key: {zeros}\n  x: {}",
            "a".repeat(99)
        );
        assert_eq!(texts(&text).collect::<Vec<_>>(), [image]);
        assert_eq!(texts("c2hvcnQ=").next(), None);
    }
}
