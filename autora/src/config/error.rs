//! What is wrong with a setting.

use std::{net::Ipv6Addr, path::PathBuf};

use super::seconds::Seconds;

/// An invalid setting: the option, its value, and the bound that it breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The regular expression does not parse, or is too large.
    #[error("--interface-regex {regex:?}: {reason}")]
    Regex {
        /// The setting.
        regex: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The source is not a link-local address.
    #[error("--source-address {0}: must be in fe80::/64")]
    SourceAddress(Ipv6Addr),
    /// The directory's path is relative.
    #[error("--runtime-directory {0:?}: must be an absolute path")]
    RuntimeDirectory(PathBuf),
    /// The directory's path is relative.
    #[error("--claim-directory {0:?}: must be an absolute path, or none")]
    ClaimDirectory(PathBuf),
    /// The socket's path is relative.
    #[error("--control-socket {0:?}: must be an absolute path, or none")]
    ControlSocket(PathBuf),
    /// A duration is out of bounds.
    #[error("{option} {value}: must be {bound}")]
    OutOfBounds {
        /// The option.
        option: &'static str,
        /// Its value.
        value: Seconds,
        /// The bound, in words.
        bound: String,
    },
}
