//! Landlock: no access to other files, to TCP ports or to other processes (`landlock(7)`, Linux 5.13).

use std::{path::Path, ptr};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};
use nix::{errno::Errno, libc};
use tracing::debug;

use super::outcome::{SandboxError, Support};

/// The newest version of Landlock whose restrictions this daemon was tested under. An older kernel enforces
/// those that it knows.
const TESTED: ABI = ABI::V6;

/// `LANDLOCK_CREATE_RULESET_VERSION` (include/uapi/linux/landlock.h).
const ASK_VERSION: libc::c_uint = 1;

/// The only directories that the daemon still writes to. Files that are already open stay open.
#[derive(Clone, Copy, Debug)]
pub struct WritableDirectories<'a> {
    /// The runtime directory: the state file is written, renamed and read there.
    pub state: &'a Path,
    /// The directory in which the control socket is bound, and removed at the end.
    pub socket: Option<&'a Path>,
}

/// Limits this thread, and those that it starts from here on, to `writable`. What is no directory, or does not exist,
/// is left out.
///
/// # Errors
///
/// A [`SandboxError`] if the kernel supports Landlock and fails to apply the rules. `no_new_privs` has to be
/// set.
pub fn confine_files(writable: &WritableDirectories<'_>) -> Result<Support, SandboxError> {
    if let Some(errno) = refusal() {
        return Ok(Support::Refused(errno));
    }
    // The scope of abstract sockets stays open: NOTIFY_SOCKET may be one.
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(TESTED))?
        .handle_access(AccessNet::from_all(TESTED))?
        .scope(Scope::Signal)?
        .create()?;
    ruleset = allow_directory(
        ruleset,
        writable.state,
        make_bitflags!(AccessFs::{
            ReadFile | WriteFile | Truncate | MakeReg | RemoveFile
        }),
    )?;
    if let Some(directory) = writable.socket {
        ruleset = allow_directory(ruleset, directory, make_bitflags!(AccessFs::{MakeSock | RemoveFile}))?;
    }
    let status = ruleset.restrict_self()?;
    debug!(?status, "confined to its own files");
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Support::Enforced,
        RulesetStatus::NotEnforced => Support::Missing,
    })
}

/// Returns the error of the call that asks for the version of Landlock, unless the kernel has none: the crate takes any
/// error for that.
fn refusal() -> Option<i32> {
    // SAFETY: with this flag the kernel takes no pointer (`landlock_create_ruleset(2)`).
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0_usize, ASK_VERSION) };
    Errno::result(version)
        .err()
        .filter(|errno| !matches!(errno, Errno::ENOSYS | Errno::EOPNOTSUPP))
        .map(|errno| errno as i32)
}

/// Allows `access`, which concerns directories. Something else at the path is left out: the kernel takes these rights
/// for no file (`landlock_append_fs_rule()`, security/landlock/fs.c, Linux 6.12).
fn allow_directory(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    if path.is_dir() { allow(ruleset, path, access) } else { Ok(ruleset) }
}

fn allow(ruleset: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(parent) => ruleset.add_rule(PathBeneath::new(parent, access)),
        Err(_) => Ok(ruleset),
    }
}
