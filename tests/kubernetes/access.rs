//! Trying every right.
