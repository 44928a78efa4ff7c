//! Repositories that are named to push to them, which uses none of their images.

/// Arguments and commands whose value is a repository to push to.
const PUSHES: [&str; 4] = ["--destination", "--cache-repo", "--cache-to", "push"];
/// Commands that push the file that follows to a repository behind it.
const FILES: [&str; 2] = ["crane push", "helm push"];
/// Options of a builder, beside which a repository is one to push to.
const OUTPUTS: [&str; 2] = ["type=registry", "type=image"];

/// Returns whether what follows these texts is a repository to push to: `before` is the text before
/// in a list, `line` what is before it in its line.
pub(super) fn is_push(before: &str, line: &str) -> bool {
    let is_apart = |c: char| c.is_whitespace() || "\"'\\".contains(c);
    let word = line.rsplit(is_apart).next().unwrap_or(line);
    OUTPUTS.iter().any(|output| word.contains(output))
        || is_pushed_file(line, word)
        || follows_push(before, line)
}

/// Returns whether a command pushes a file to what follows: `helm push app.tgz oci://`. `word` is the
/// beginning of what follows.
fn is_pushed_file(line: &str, word: &str) -> bool {
    let command = line.strip_suffix(word).unwrap_or(line).trim_end();
    let command = command.rsplit_once(char::is_whitespace);
    let is_target = word.is_empty() || word.ends_with("://");
    let pushes = |command: &str| FILES.iter().any(|push| command.ends_with(push));
    is_target && command.is_some_and(|(command, _)| pushes(command.trim_end()))
}

fn follows_push(before: &str, line: &str) -> bool {
    let bare = line.trim_end_matches(|c: char| " \"'\\=,:".contains(c) || c == '[');
    let text = if bare.trim_start_matches(['-', ' ']).is_empty() {
        before.trim_end_matches(['"', '\'', ',', ' '])
    } else {
        bare
    };
    PUSHES.iter().any(|push| text.ends_with(push))
}
