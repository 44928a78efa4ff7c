//! Texts within base64: what a Secret holds in a manifest of Helm's, or a `ConfigMap` as binary data.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};

/// The fewest characters that can hold an image of ECR.
const SHORTEST: usize = 64;
/// The fewest characters in a line of base64 that goes on in the next one.
const SHORTEST_LINE: usize = 60;

/// Returns every text that is written in base64 somewhere in another one, also over several lines.
pub(super) fn texts(text: &str) -> impl Iterator<Item = String> {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let words = text.split(move |c| !is_base64(c));
    let words = words.map(ToOwned::to_owned).chain(wrapped(text));
    let long = words.filter(|word| word.len() >= SHORTEST);
    long.filter_map(|word| {
        // What is before another `=` is the name of a variable.
        let word = word.trim_end_matches('=');
        let value = word.rsplit('=').next()?;
        String::from_utf8(BASE64_STANDARD_NO_PAD.decode(value).ok()?).ok()
    })
}

/// Returns what lines of nothing but base64 make up together.
fn wrapped(text: &str) -> Vec<String> {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let (mut all, mut goes_on): (Vec<Vec<&str>>, bool) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        let is_part = !line.is_empty() && line.chars().all(is_base64);
        match all.last_mut() {
            Some(last) if goes_on && is_part => last.push(line),
            _ if is_part => all.push(vec![line]),
            _ => {}
        }
        goes_on = is_part && line.len() >= SHORTEST_LINE;
    }
    all.retain(|lines| lines.len() > 1);
    all.iter().map(|lines| lines.concat()).collect()
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    /// A Secret may be wrapped, and a variable may hold base64: an image that begins in one line
    /// and ends in the next is found too.
    #[test]
    fn a_text_over_several_lines_or_behind_a_name_is_found() {
        let image = "a: bcd\nimage: 111111111111.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.2.3\n";
        let encoded = BASE64_STANDARD.encode(image);
        let lines: Vec<&str> = (0..encoded.len())
            .step_by(60)
            .map(|at| &encoded[at..encoded.len().min(at + 60)])
            .collect();
        assert!(lines.len() > 1);
        let block = format!(
            "data:\n  values: |\n    {}\nkind: Secret",
            lines.join("\n    ")
        );
        assert!(texts(&block).any(|text| text == image), "{block}");
        let variable = format!("CONFIG={encoded}\nOTHER=x");
        assert!(texts(&variable).any(|text| text == image));
    }

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
