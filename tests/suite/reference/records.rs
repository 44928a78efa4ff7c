//! The fields of what is written as JSON, with what the source says of them.

use std::collections::BTreeMap;

use regex::Regex;

use super::cell;

/// A field or variant in the source.
struct Item {
    name: String,
    /// Its type in Rust; empty for a variant.
    of: String,
    comment: String,
}

/// Returns the fields or variants of a type that are written.
fn items(source: &str, name: &str) -> Vec<Item> {
    let begin = Regex::new(&format!(
        r"(?m)^(?:pub(?:\([^)]*\))? )?(?:struct|enum) {name}(?:<[^>]*>)? \{{$"
    ))
    .unwrap();
    let begin = begin
        .find(source)
        .unwrap_or_else(|| panic!("no `{name}`"))
        .end();
    let (body, _) = source[begin..].split_once("\n}").unwrap();
    let member = Regex::new(r"^    (?:pub(?:\([^)]*\))? )?(\w+)(?:: (.+))?,$").unwrap();
    let mut items = Vec::new();
    let (mut comment, mut skipped) = (Vec::new(), false);
    for line in body.lines() {
        if let Some(text) = line.trim_start().strip_prefix("///") {
            comment.push(text.trim().to_owned());
        } else if line.trim_start().starts_with("#[") {
            skipped |= line.contains("serde(skip)");
        } else if let Some(found) = member.captures(line) {
            let item = Item {
                name: found[1].to_owned(),
                of: found
                    .get(2)
                    .map_or_else(String::new, |of| of.as_str().to_owned()),
                comment: left_out(&comment.join(" ")),
            };
            if !skipped {
                items.push(item);
            }
            (comment, skipped) = (Vec::new(), false);
        }
    }
    items
}

/// Returns the comment for people who read JSON.
fn left_out(comment: &str) -> String {
    let comment = comment.replace("; `None`", "; left out");
    comment.replace("`None`", "Left out").replace("  ", " ")
}

/// Returns the type as JSON has it.
fn json_type(of: &str) -> String {
    let inner = |outer: &str| {
        of.strip_prefix(outer)
            .and_then(|rest| rest.strip_suffix('>'))
    };
    if let Some(inner) = inner("Option<") {
        return json_type(inner);
    }
    if let Some(inner) = inner("Vec<") {
        return format!("list of {}", json_type(inner));
    }
    if let Some(inner) = inner("Findings<") {
        return format!("`count`, and the `first` of them: {}", json_type(inner));
    }
    match of {
        "u64" | "usize" | "i64" | "f64" | "u32" => "number".to_owned(),
        "bool" => "`true` or `false`".to_owned(),
        "Timestamp" | "Time" => "time".to_owned(),
        "String" | "&'static str" | "Box<str>" | "AccountId" | "Region" | "Digest"
        | "RepositoryName" | "ImageReference" | "Status" | "Mode" | "Ceiling" | "Guard"
        | "MissingReason" | "UnreadKind" => "text".to_owned(),
        "&'a [Tag]" => "list of text".to_owned(),
        "&'a Verdict" | "Failure" | "Key" | "Location" | "UseLine" | "MentionLine"
        | "PartsLine" | "DoubtLine" => "object".to_owned(),
        _ if of.starts_with("BTreeMap<") => "text by name".to_owned(),
        name => format!("`{name}`"),
    }
}

/// Returns a table of the fields. What the source says nothing of keeps what the page says.
pub(super) fn fields(source: &str, name: &str, before: &str) -> String {
    let row = Regex::new(r"(?m)^\| `(\w+)` \| (.*?) \| (.*) \|$").unwrap();
    let written = row.captures_iter(before);
    let written: BTreeMap<String, String> = written
        .map(|row| (row[1].to_owned(), row[3].to_owned()))
        .collect();
    let mut text = "\n| field | value | meaning |\n| --- | --- | --- |\n".to_owned();
    for Item {
        name: field,
        of,
        comment,
    } in items(source, name)
    {
        let comment = match comment.as_str() {
            "" => written.get(&field).cloned().unwrap_or_default(),
            comment => cell(comment),
        };
        assert!(!comment.is_empty(), "say what `{field}` of `{name}` means");
        text += &format!("| `{field}` | {} | {comment} |\n", json_type(&of));
    }
    text + "\n"
}

/// Returns a table of the variants of an enum that is written in snake case.
pub(super) fn variants(source: &str, name: &str) -> String {
    let capital = Regex::new("([a-z])([A-Z])").unwrap();
    let mut text = "\n| value | meaning |\n| --- | --- |\n".to_owned();
    for Item {
        name: variant,
        comment,
        ..
    } in items(source, name)
    {
        let value = capital.replace_all(&variant, "${1}_$2").to_lowercase();
        text += &format!("| `{value}` | {} |\n", cell(&comment));
    }
    text + "\n"
}
