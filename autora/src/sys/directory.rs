//! Directories that a daemon goes on writing to after it gave its capabilities up.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use nix::unistd::{getegid, geteuid};

/// A directory of another user, to which root can write only by a capability that the daemon gives up.
#[derive(Debug, thiserror::Error)]
#[error(
    "it belongs to user {0}, and the daemon gives up root's right to write there: run it as that user, as the service does, or \
     choose another directory"
)]
struct OfAnotherUser(u32);

/// Checks that root may write to `directory` without a capability. Other users have none that would matter.
///
/// # Errors
///
/// An error of kind `PermissionDenied` that names the directory's user, or the kernel's error.
pub(super) fn stays_writable(directory: &Path) -> io::Result<()> {
    let found = fs::metadata(directory)?;
    let class = match () {
        () if found.uid() == geteuid().as_raw() => 0o200,
        () if found.gid() == getegid().as_raw() => 0o020,
        () => 0o002,
    };
    if geteuid().is_root() && found.mode() & class == 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, OfAnotherUser(found.uid())));
    }
    Ok(())
}
