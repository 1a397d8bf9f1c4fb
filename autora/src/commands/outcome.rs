//! How a command ends.

use std::{io, process::ExitCode};

use nix::libc;

use crate::{error::Failure, sys::netlink::QueryError};

/// The exit code of a command that worked and whose answer is no: an interface that was asked for is not
/// served.
pub(super) const EXIT_NOT_SERVED: u8 = 3;

/// Advice for every error of netlink.
pub(super) const NETLINK_ADVICE: &str =
    "if a sandbox confines autora, let it use AF_NETLINK (RestrictAddressFamilies= in a unit); else try again";

/// Advice for a kernel without IPv6.
const NO_IPV6: &str =
    "this kernel has no IPv6: ipv6.disable=1 on its command line turns it off, or its module is not loaded";

/// Returns advice for the error of a netlink dump. A kernel without IPv6 has no handler for a request for it
/// (`rtnetlink_rcv_msg()`, `net/core/rtnetlink.c`, Linux 6.12).
pub(super) fn dump_advice(error: &QueryError) -> &'static str {
    let is_refused = |source: &io::Error| matches!(source.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT));
    match error {
        QueryError::Refused { source, .. } if is_refused(source) => NO_IPV6,
        QueryError::Refused { .. } | QueryError::Socket { .. } | QueryError::Malformed { .. } => NETLINK_ADVICE,
    }
}

/// An exit code, or the [`Failure`] that is reported on standard error and has an exit code of its own.
pub(super) type CommandResult = Result<ExitCode, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_without_ipv6_is_called_so() {
        let refused = |errno| {
            let source = io::Error::from_raw_os_error(errno);
            dump_advice(&QueryError::Refused { request: "the host's IPv6 settings", reason: None, source })
        };
        assert_eq!(refused(libc::EOPNOTSUPP), NO_IPV6);
        assert_eq!(refused(libc::EPERM), NETLINK_ADVICE, "the control");
    }
}
