//! "Did you mean ...?"

use strsim::osa_distance;

/// Returns the name that was probably meant: one begins with the other, or they differ in at most a
/// third of their letters.
pub(crate) fn nearest<'n>(written: &str, names: &[&'n str]) -> Option<&'n str> {
    nearest_name(&written.replace('-', "_"), names)
}

/// Returns the name that was probably meant, of names in which `-` is no mistake for `_`.
#[must_use]
pub fn nearest_name<'n>(written: &str, names: &[&'n str]) -> Option<&'n str> {
    const LONGEST: usize = 60;
    if written.len() > LONGEST {
        return None;
    }
    let written = written.to_lowercase();
    let names = names.iter();
    let distances = names.map(|name| (osa_distance(&written, name), *name));
    let near = distances.filter(|(distance, name)| {
        let begins = (written.len() >= 3 && name.starts_with(&written))
            || (name.len() >= 4 && written.starts_with(name));
        begins || *distance <= name.len().div_ceil(3).min(written.len().div_ceil(2))
    });
    near.min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_recognised() {
        let names = "mode policies keep tags newest newest_groups usd_per_gb_month";
        let names: Vec<&str> = names.split(' ').collect();
        for (written, expected) in [
            ("mdoe", Some("mode")),
            ("Mode", Some("mode")),
            ("policy", Some("policies")),
            ("tgas", Some("tags")),
            ("tag", Some("tags")),
            ("newst", Some("newest")),
            ("newest-groups", Some("newest_groups")),
            ("usd", Some("usd_per_gb_month")),
            ("mode_of_run", Some("mode")),
            ("colour", None),
            ("oldest", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, &names), expected, "{written}");
        }
        assert_eq!(nearest(&"m".repeat(1_000_000), &names), None);
    }
}
