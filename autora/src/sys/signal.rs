//! What the parent process left for a signal.

use std::{io, mem::MaybeUninit, ptr};

use nix::libc::{self, c_int, sigaction};

/// Returns whether `signal` is ignored, which a program inherits: from `nohup` for SIGHUP, from a shell without job
/// control for SIGINT of what it starts in the background.
///
/// # Errors
///
/// The kernel's error, for a number that is no signal's.
pub fn is_ignored(signal: c_int) -> io::Result<bool> {
    let mut present = MaybeUninit::<sigaction>::uninit();
    // SAFETY: without a new action the call changes nothing, and `present` has room for the present one.
    if unsafe { sigaction(signal, ptr::null(), present.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so the kernel's answer is in it.
    Ok(unsafe { present.assume_init() }.sa_sigaction == libc::SIG_IGN)
}
