//! What makes a text no state file.

use crate::addr::IfIndex;

/// The version that is written and read.
pub(super) const VERSION: u32 = 2;

/// Why a file cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A newer daemon wrote it.
    #[error("it has version {0}, and this daemon knows {VERSION}")]
    Newer(u32),
    /// It is no state file, or not all of one.
    #[error("it is damaged")]
    Damaged(#[from] serde_json::Error),
    /// Lines are missing, or some follow a clean end.
    #[error("it is damaged: it has {found} lines of interfaces in place of {expected}")]
    Lines {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A value that no daemon writes.
    #[error("it is damaged: {what} {value}")]
    Value {
        /// What it stands for.
        what: &'static str,
        /// The value.
        value: String,
    },
}

pub(super) fn ifindex(number: u32) -> Result<IfIndex, DecodeError> {
    IfIndex::new(number).ok_or_else(|| invalid("ifindex", number.to_string()))
}

pub(super) fn invalid(what: &'static str, value: String) -> DecodeError {
    DecodeError::Value { what, value }
}
