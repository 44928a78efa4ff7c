//! The reasons to keep an image.

use std::{fmt, ops::Deref, slice};

use serde::{Serialize, Serializer};

use super::KeepReason;

/// Every reason to keep an image: at least one, and mostly just that, which takes no memory of its
/// own.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptBy(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    One(KeepReason),
    Several(Box<[KeepReason]>),
}

impl From<KeepReason> for KeptBy {
    fn from(reason: KeepReason) -> Self {
        Self(Form::One(reason))
    }
}

impl From<Vec<KeepReason>> for KeptBy {
    fn from(reasons: Vec<KeepReason>) -> Self {
        match <[KeepReason; 1]>::try_from(reasons) {
            Ok([reason]) => reason.into(),
            Err(reasons) => Self(Form::Several(reasons.into())),
        }
    }
}

impl Deref for KeptBy {
    type Target = [KeepReason];

    fn deref(&self) -> &[KeepReason] {
        match &self.0 {
            Form::One(reason) => slice::from_ref(reason),
            Form::Several(reasons) => reasons,
        }
    }
}

impl<'a> IntoIterator for &'a KeptBy {
    type Item = &'a KeepReason;
    type IntoIter = slice::Iter<'a, KeepReason>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for KeptBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for KeptBy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}
