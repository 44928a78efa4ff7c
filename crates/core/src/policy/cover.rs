//! Whether globs match every name that others match.

use std::collections::HashSet;

use globset::Glob;
use regex_automata::{
    Anchored, MatchKind,
    hybrid::{
        LazyStateID,
        dfa::{Cache, DFA},
    },
    util::{start, syntax},
};

/// Most pairs of states that are looked at; where that is not enough, nothing is claimed.
const MOST_PAIRS: usize = 10_000;

/// Returns whether `wide` match every name that `narrow` match, and these match some name. It is
/// `false` where that cannot be told with a reasonable effort.
///
/// Both are run side by side over all texts that the characters of repository names can spell.
pub(super) fn covers(wide: &[Glob], narrow: &[Glob]) -> bool {
    find_gap(wide, narrow).is_some_and(|gap| gap == Gap::None)
}

/// What is left of the narrow globs beyond the wide ones.
#[derive(PartialEq, Eq)]
enum Gap {
    /// Nothing, though they match something.
    None,
    /// Some name.
    Some,
    /// They match no name at all.
    NoName,
}

/// Returns `None` where it takes too much to find out.
fn find_gap(wide: &[Glob], narrow: &[Glob]) -> Option<Gap> {
    let (mut wide, mut narrow) = (Automaton::new(wide)?, Automaton::new(narrow)?);
    let first = (wide.start()?, narrow.start()?);
    let (mut seen, mut open) = (HashSet::from([first]), vec![first]);
    let mut gap = Gap::NoName;
    while let Some((in_wide, in_narrow)) = open.pop() {
        if narrow.accepts(in_narrow)? {
            if !wide.accepts(in_wide)? {
                return Some(Gap::Some);
            }
            gap = Gap::None;
        }
        let bytes = (b'a'..=b'z').chain(b'0'..=b'9').chain(*b"._-/");
        for byte in bytes {
            let next = (wide.next(in_wide, byte)?, narrow.next(in_narrow, byte)?);
            if !next.1.is_dead() && seen.insert(next) {
                open.push(next);
            }
        }
        if seen.len() > MOST_PAIRS {
            return None;
        }
    }
    Some(gap)
}

/// Globs as one automaton, made from the regular expressions that they are matched by.
struct Automaton {
    dfa: DFA,
    cache: Cache,
}

impl Automaton {
    /// Returns `None` if it takes too much memory.
    fn new(globs: &[Glob]) -> Option<Self> {
        // As in globset.
        let syntax = syntax::Config::new().utf8(false).dot_matches_new_line(true);
        // A cache that is cleared would give the same name to another state.
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .minimum_cache_clear_count(Some(0));
        let regexes: Vec<&str> = globs.iter().map(Glob::regex).collect();
        let mut builder = DFA::builder();
        let builder = builder.configure(config).syntax(syntax);
        let dfa = builder.build_many(&regexes).ok()?;
        let cache = dfa.create_cache();
        Some(Self { dfa, cache })
    }

    fn start(&mut self) -> Option<LazyStateID> {
        let from = start::Config::new().anchored(Anchored::Yes);
        self.dfa.start_state(&mut self.cache, &from).ok()
    }

    fn next(&mut self, state: LazyStateID, byte: u8) -> Option<LazyStateID> {
        self.dfa.next_state(&mut self.cache, state, byte).ok()
    }

    /// Returns whether the text up to this state is matched whole.
    fn accepts(&mut self, state: LazyStateID) -> Option<bool> {
        let end = self.dfa.next_eoi_state(&mut self.cache, state).ok()?;
        Some(end.is_match())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::super::RepositoryGlobs;

    fn globs(texts: &[&str]) -> RepositoryGlobs {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        RepositoryGlobs::new(&texts).unwrap()
    }

    #[test]
    fn globs_that_match_more_cover_those_that_match_less() {
        for (wide, narrow, expected) in [
            (&["**"][..], &["**"][..], true),
            (&["**"], &["platform/**"], true),
            (&["**"], &["team/app"], true),
            (&["team/**"], &["team/*", "team/api/v1"], true),
            (&["team/*"], &["team/{app,web}", "team/[a-c]x"], true),
            (&["{team,platform}/**"], &["platform/*"], true),
            (&["*", "*/**"], &["**"], true),
            (&["team/[a-m]*", "team/[n-z]*"], &["team/[g-p]*"], true),
            (&["a*"], &["a?c"], true),
            (&["team/**"], &["team/**", "platform"], false),
            (&["team/*"], &["team/**"], false),
            (&["*"], &["**"], false),
            (&["**/app"], &["**/app-*"], false),
            (&["team/app"], &["team/*"], false),
            (&["a?c"], &["a*"], false),
            // They match no name, so nothing can be said of them.
            (&["**"], &["Team/App"], false),
        ] {
            let (wide, narrow) = (globs(wide), globs(narrow));
            assert_eq!(wide.cover(&narrow), expected, "{wide:?} {narrow:?}");
        }
    }

    /// Texts that are hard to tell apart: of few characters.
    fn name() -> impl Strategy<Value = String> {
        vec(select(vec!["a", "b", "-", "/"]), 0..8).prop_map(|parts| parts.concat())
    }

    fn glob() -> impl Strategy<Value = RepositoryGlobs> {
        let part = select(vec![
            "a", "b", "ab", "*", "a*", "*b", "?", "[ab]", "{a,b*}", "**", "{**,a}",
        ]);
        let text = vec(part, 1..4).prop_map(|parts| parts.join("/"));
        vec(text, 1..3).prop_map(|texts| RepositoryGlobs::new(&texts).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// No policy is refused for one that does not cover it.
        #[test]
        fn what_is_covered_is_matched(wide in glob(), narrow in glob(), names in vec(name(), 60)) {
            if wide.cover(&narrow) {
                for name in names.iter().filter(|name| narrow.matches(name)) {
                    prop_assert!(wide.matches(name), "{wide:?} {narrow:?} {name}");
                }
            }
            prop_assert!(narrow.cover(&narrow));
        }

        #[test]
        fn a_glob_covers_each_name_that_it_matches(glob in glob(), name in name()) {
            let exact = RepositoryGlobs::new(&[format!("x{name}")]).unwrap();
            prop_assert_eq!(glob.cover(&exact), glob.matches(&format!("x{name}")));
        }
    }
}
