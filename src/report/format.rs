//! Numbers as people read them.

use std::fmt;

/// Bytes of the gigabyte in which AWS prices storage.
const PRICED_GIGABYTE: f64 = 1_073_741_824.0;

/// A size in bytes, displayed in decimal megabytes, gigabytes or terabytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // From here on the next unit is shorter.
        const UNITS: [(u64, f64, &str); 2] =
            [(999_950_000, 1e6, "MB"), (999_950_000_000, 1e9, "GB")];
        let unit = UNITS.iter().find(|(next, ..)| self.0 < *next);
        let (unit, name) = unit.map_or((1e12, "TB"), |(_, unit, name)| (*unit, *name));
        write!(f, "{:.1} {name}", self.0 as f64 / unit)
    }
}

/// Returns the US dollars a month for the storage of so many bytes, to the cent.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub fn usd_a_month(bytes: u64, usd_per_gb_month: f64) -> f64 {
    (bytes as f64 / PRICED_GIGABYTE * usd_per_gb_month * 100.0).round() / 100.0
}

/// Returns a number with commas: `10,000`.
#[must_use]
pub fn thousands(number: impl fmt::Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number with commas and its noun: `1 image`, `10,000 images`.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", thousands(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_unit_that_makes_it_short() {
        let sizes = [
            0,
            52_429,
            999_949_999,
            999_950_000,
            1_560_000_000,
            1_300_000_000_000,
        ];
        assert_eq!(
            sizes.map(|bytes| Size(bytes).to_string()),
            ["0.0 MB", "0.1 MB", "999.9 MB", "1.0 GB", "1.6 GB", "1.3 TB"]
        );
    }

    #[test]
    fn storage_is_priced_in_gigabytes_of_1024() {
        assert!((usd_a_month(107_374_182_400, 0.1) - 10.0).abs() < f64::EPSILON);
    }

    #[test]
    fn numbers_have_commas_and_one_is_singular() {
        let numbers = [0, 999, 1000, 17_243, 1_234_567].map(thousands);
        assert_eq!(numbers, ["0", "999", "1,000", "17,243", "1,234,567"]);
        assert_eq!(
            [0, 1, 2, 1000].map(|number| count(number, "repository", "repositories")),
            [
                "0 repositories",
                "1 repository",
                "2 repositories",
                "1,000 repositories"
            ]
        );
    }
}
