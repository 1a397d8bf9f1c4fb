//! Errors for people.

use std::{error::Error, iter};

/// `error` and everything that it came from, in one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    iter::successors(error.source(), |&cause| cause.source())
        .fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
