//! Text from outside, for people: names and messages come from whoever may start a workload.

use std::borrow::Cow;

/// Returns a text in which control characters, and those that change the direction of text, are
/// written as `\u001b`, as in JSON. So it is one line, and does nothing to a terminal.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    escape(text, is_control)
}

/// Returns a text of several lines, escaped but for their ends.
#[must_use]
pub fn escaped_lines(text: &str) -> Cow<'_, str> {
    escape(text, |character| character != '\n' && is_control(character))
}

fn escape(text: &str, is_control: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_control) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_control(character) {
            // All of them are in the first plane.
            escaped += &format!("\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped.into()
}

fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_controls_a_terminal() {
        for (text, expected) in [
            ("plain \u{e4} \u{1f433}", "plain \u{e4} \u{1f433}"),
            ("a\u{1b}[2Jb", "a\\u001b[2Jb"),
            ("a\r\nb\tc", "a\\u000d\\u000ab\\u0009c"),
            ("\u{7f}\u{9b}31m\u{0}", "\\u007f\\u009b31m\\u0000"),
            ("\u{202e}gpj\u{2066}\u{200f}", "\\u202egpj\\u2066\\u200f"),
        ] {
            assert_eq!(escaped(text), expected);
            assert_eq!(escaped(expected), expected, "once is enough");
        }
        assert_eq!(escaped_lines("a\n\u{1b}b\n"), "a\n\\u001bb\n");
        let all = (0..=0xffff).filter_map(char::from_u32);
        let all: String = all.filter(|character| character.is_control()).collect();
        assert!(!escaped(&all).chars().any(char::is_control));
    }
}
