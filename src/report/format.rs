//! Numbers as people read them.

use std::fmt;

/// Bytes of a mebibyte.
const MEGABYTE: f64 = 1_048_576.0;
/// Bytes of a gibibyte, the unit in which storage is priced.
pub(super) const GIGABYTE: f64 = 1024.0 * MEGABYTE;

/// A size in bytes, displayed in megabytes or gigabytes of 1024 each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    #[expect(clippy::cast_precision_loss, reason = "at most two decimals are shown")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        if bytes < GIGABYTE {
            write!(f, "{:.1} MB", bytes / MEGABYTE)
        } else {
            write!(f, "{:.2} GB", bytes / GIGABYTE)
        }
    }
}

/// Returns a number with its noun: `1 image`, `2 images`.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{number} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_in_megabytes_below_a_gigabyte() {
        let sizes = [0, 52_429, 1_073_741_823, 1_073_741_824, 1_610_612_736];
        assert_eq!(
            sizes.map(|bytes| Size(bytes).to_string()),
            ["0.0 MB", "0.1 MB", "1024.0 MB", "1.00 GB", "1.50 GB"]
        );
    }

    #[test]
    fn one_is_singular_and_everything_else_is_plural() {
        assert_eq!(
            [0, 1, 2].map(|number| count(number, "repository", "repositories")),
            ["0 repositories", "1 repository", "2 repositories"]
        );
    }
}
