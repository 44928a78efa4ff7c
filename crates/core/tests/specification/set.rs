//! Sets of up to 64 images, by position.

use std::ops::{BitAnd, BitOr};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set(pub(crate) u64);

impl Set {
    /// Returns those of the first `size` images for which something holds.
    pub(crate) fn of(size: usize, holds: impl Fn(usize) -> bool) -> Self {
        let members = (0..size).filter(|&image| holds(image));
        Self(members.fold(0, |set, image| set | 1 << image))
    }

    pub(crate) const fn one(image: usize) -> Self {
        Self(1 << image)
    }

    pub(crate) fn has(self, image: usize) -> bool {
        self.0 >> image & 1 == 1
    }

    pub(crate) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    pub(crate) fn complement(self) -> Self {
        Self(!self.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn len(self) -> u32 {
        self.0.count_ones()
    }
}

impl BitOr for Set {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Set {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}
