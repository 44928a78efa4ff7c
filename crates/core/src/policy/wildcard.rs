//! Patterns with `*`, as AWS writes them.

use serde::Serialize;

/// A pattern on any text, in which `*` stands for any text and `?` for any one character.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Wildcard(String);

impl Wildcard {
    /// Creates a pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Creates the pattern that matches every text.
    #[must_use]
    pub fn any() -> Self {
        Self::new("*")
    }

    /// Returns the pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        matches_with_question_marks(&self.0, text)
    }
}

/// Tells whether the whole text matches a pattern in which `*` stands for any text.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    walk(pattern, text, |wanted, found| wanted == found)
}

/// Tells whether the whole text matches a pattern in which `*` stands for any text and `?` for any
/// one character.
#[must_use]
pub fn matches_with_question_marks(pattern: &str, text: &str) -> bool {
    walk(pattern, text, |wanted, found| {
        wanted == '?' || wanted == found
    })
}

/// Compares character by character; where one does not fit, the last `*` takes one more.
///
/// Earlier stars need not be tried again, so that there are at most as many comparisons as
/// characters of the pattern times characters of the text.
fn walk(pattern: &str, text: &str, mut fits: impl FnMut(char, char) -> bool) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut last_star = None;
    loop {
        let from_here = text.clone();
        match (pattern.next(), text.next()) {
            (Some('*'), _) => {
                text = from_here;
                last_star = Some((pattern.clone(), text.clone()));
            }
            (None, None) => return true,
            (Some(_), None) => return false,
            (Some(wanted), Some(found)) if fits(wanted, found) => {}
            (_, Some(_)) => {
                let Some((after, rest)) = &mut last_star else {
                    return false;
                };
                rest.next();
                (pattern, text) = (after.clone(), rest.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "a/b", true),
            ("a*", "a", true),
            ("*a", "ba", true),
            ("*a", "ab", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("**", "x", true),
            ("*-prod*.json", "a-prod-2.json", true),
            ("*-prod*.json", "a-test.json", false),
            ("ä*ö", "äüö", true),
            ("a?c", "abc", false),
            ("a?c", "a?c", true),
            ("A", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_question_mark_stands_for_one_character_if_asked() {
        for (pattern, text, expected) in [
            ("a?c", "abc", true),
            ("a?c", "aäc", true),
            ("a?c", "ac", false),
            ("?", "", false),
            ("*?", "", false),
            ("*?", "a", true),
            ("?*?", "a", false),
            ("ecr:Batch?etImage", "ecr:BatchGetImage", true),
        ] {
            assert_eq!(
                matches_with_question_marks(pattern, text),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn many_stars_take_few_steps() {
        let text = format!("ecr:{}", "batchgetimage".repeat(1000));
        for pattern in [
            format!("ecr:{}s", "*".repeat(16)),
            format!("ecr:{}s", "*a".repeat(16)),
            format!("ecr:{}s", "*?".repeat(16)),
        ] {
            let mut steps = 0;
            let matched = walk(&pattern, &text, |wanted, found| {
                steps += 1;
                wanted == '?' || wanted == found
            });
            assert!(!matched, "{pattern}");
            assert!(
                steps <= pattern.len() * text.len(),
                "{pattern}: {steps} steps"
            );
        }
    }

    /// Tries every text that each star can stand for.
    fn oracle(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|taken| oracle(rest, &text[taken..])),
            Some((wanted, rest)) => text
                .split_first()
                .is_some_and(|(found, text)| ['?', *found].contains(wanted) && oracle(rest, text)),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_trying_everything(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = oracle(&chars(&pattern), &chars(&text));
            prop_assert_eq!(matches_with_question_marks(&pattern, &text), expected);
            if !pattern.contains('?') {
                prop_assert_eq!(matches(&pattern, &text), expected);
            }
        }

        #[test]
        fn a_text_matches_itself_with_parts_left_out(parts in prop::collection::vec("\\PC{0,4}", 1..6)) {
            prop_assert!(matches(&parts.join("*").replace("**", "*"), &parts.concat()));
        }
    }
}
