//! Why a state file cannot be decoded.

use crate::addr::IfIndex;

/// Why a file cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A newer daemon wrote it.
    #[error("it has version {found}, and this daemon knows {known}")]
    Newer {
        /// The version of the file.
        found: u32,
        /// The newest version that this daemon reads.
        known: u32,
    },
    /// It is not a state file, or an incomplete one.
    #[error("it is damaged")]
    Damaged(#[from] serde_json::Error),
    /// Lines are missing, or some follow a clean end.
    #[error("it is damaged: it has {found} lines of interfaces in place of {expected}")]
    Lines {
        /// The number of lines in the file.
        found: usize,
        /// The number of lines that its first line announces.
        expected: usize,
    },
    /// A value that no daemon writes.
    #[error("it is damaged: {what} {value}")]
    Value {
        /// The field.
        what: &'static str,
        /// The value.
        value: String,
    },
}

pub(super) fn invalid(what: &'static str, value: String) -> DecodeError {
    DecodeError::Value { what, value }
}

pub(super) fn ifindex(number: u32) -> Result<IfIndex, DecodeError> {
    IfIndex::new(number).ok_or_else(|| invalid("ifindex", number.to_string()))
}
