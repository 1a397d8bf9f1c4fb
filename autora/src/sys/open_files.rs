//! The limit of open files.

use nix::sys::resource::{Resource, getrlimit};

/// The least limit with which the daemon starts: its own sockets and files, some room for clients, and for what the
/// start alone takes.
const NEEDED: u64 = 64;

/// The limit of open files is too low.
#[derive(Debug, thiserror::Error)]
#[error("the limit of open files is {0}, and the daemon takes {NEEDED} at least")]
pub struct TooFewFiles(u64);

/// Checks the limit (`RLIMIT_NOFILE`, getrlimit(2)), before anything fails by it in a less clear way.
///
/// # Errors
///
/// [`TooFewFiles`], with the limit.
pub fn check() -> Result<(), TooFewFiles> {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((limit, _)) if limit < NEEDED => Err(TooFewFiles(limit)),
        Ok(_) | Err(_) => Ok(()),
    }
}
