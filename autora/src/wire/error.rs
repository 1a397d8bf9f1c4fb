//! Why bytes are not the expected message.

/// An error of decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than the fixed part of the message has.
    #[error("too short: {len} bytes, {needed} needed")]
    Truncated {
        /// Number of bytes present.
        len: usize,
        /// Number of bytes needed.
        needed: usize,
    },
    /// Another protocol, ICMPv6 type or code.
    #[error("not the expected message")]
    WrongType,
    /// An option of length 0, or one that reaches past the end of the message [RFC 4861
    /// 4.6](https://www.rfc-editor.org/rfc/rfc4861#section-4.6).
    #[error("an option has a wrong length")]
    OptionLength,
}
