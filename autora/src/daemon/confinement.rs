//! Shutting the doors, once everything is open and before the first packet leaves.

use std::path::Path;

use tracing::warn;

use crate::{
    config::Config,
    sys::sandbox::{self, Places, SandboxError, Support},
};

/// Before any other thread starts, and after the last file outside the folders of `config` was opened.
pub(super) fn confine_files(config: &Config) -> Result<(), SandboxError> {
    let socket = config.control.socket.as_deref().and_then(Path::parent);
    if sandbox::confine_files(&Places { state: &config.runtime_directory, socket })? == Support::Missing {
        warn!(
            "this kernel has no Landlock (Linux 5.13, CONFIG_SECURITY_LANDLOCK): files are out of reach by their \
             permissions alone"
        );
    }
    Ok(())
}

/// When every thread there will be has started.
pub(super) fn confine_calls() -> Result<(), SandboxError> {
    if sandbox::confine_calls()? == Support::Missing {
        warn!("this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER): every system call stays possible");
    }
    Ok(())
}
