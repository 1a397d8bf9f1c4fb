//! The id of this boot: instants since it mean nothing in another one.

use std::{env, fs, io};

/// Environment variable with the boot id (systemd's `%b`), for a service manager that hides /proc/sys from
/// the daemon.
const BOOT_ID_VARIABLE: &str = "AUTORA_BOOT_ID";

pub(super) const BOOT_ID_FILE: &str = "/proc/sys/kernel/random/boot_id";

/// Returns the id of this boot.
///
/// # Errors
///
/// The kernel's error.
pub(super) fn boot_id() -> io::Result<String> {
    match env::var(BOOT_ID_VARIABLE) {
        Ok(boot_id) if !boot_id.is_empty() => Ok(boot_id.replace('-', "")),
        Ok(_) | Err(_) => Ok(fs::read_to_string(BOOT_ID_FILE)?.trim().replace('-', "")),
    }
}
