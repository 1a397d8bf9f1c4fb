//! How a command ends.

use std::process::ExitCode;

use crate::error::Failure;

/// The exit code of a command that worked and whose answer is no: an interface that was asked for is not
/// served.
pub(super) const EXIT_NOT_SERVED: u8 = 3;

/// Advice for every error of netlink.
pub(super) const NETLINK_ADVICE: &str =
    "if a sandbox confines autora, let it use AF_NETLINK (RestrictAddressFamilies= in a unit); else try again";

/// An exit code, or the [`Failure`] that is reported on standard error and has an exit code of its own.
pub(super) type CommandResult = Result<ExitCode, Failure>;
