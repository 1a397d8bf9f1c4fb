//! Durations as fields of a message, and as text.

use std::time::Duration;

/// All ones in a prefix lifetime: it never ends [RFC 4861
/// 4.6.2](https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2).
pub const INFINITE_LIFETIME: Duration = Duration::from_secs(u32::MAX as u64);

/// Formats a lifetime for display: `180s`, or `infinity`.
pub(super) fn lifetime(duration: Duration) -> String {
    if duration >= INFINITE_LIFETIME { "infinity".to_owned() } else { format!("{}s", duration.as_secs()) }
}

/// Returns whole seconds for a 16-bit field: larger values saturate, fractions are cut off.
pub(super) fn seconds_u16(duration: Duration) -> u16 {
    duration.as_secs().try_into().unwrap_or(u16::MAX)
}

/// Returns whole seconds for a 32-bit field: larger values saturate at all ones (infinity), fractions are cut
/// off.
pub(super) fn seconds_u32(duration: Duration) -> u32 {
    duration.as_secs().try_into().unwrap_or(u32::MAX)
}

/// Returns whole milliseconds for a 32-bit field: larger values saturate, fractions are cut off.
pub(super) fn millis_u32(duration: Duration) -> u32 {
    duration.as_millis().try_into().unwrap_or(u32::MAX)
}
