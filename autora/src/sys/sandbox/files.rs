//! Landlock: no file, no TCP port and no other process (`landlock(7)`, Linux 5.13).

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};
use tracing::debug;

use super::outcome::{SandboxError, Support};

/// The newest version whose restrictions this daemon was tried under. A kernel that knows fewer enforces
/// those.
const TRIED: ABI = ABI::V6;

/// What aya reads each time that it reads a map with a value per processor.
const PROCESSORS: &str = "/sys/devices/system/cpu/possible";

/// The only folders that are still to be written to. What has been opened before stays open.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// Where the state file is written, put in place and read.
    pub state: &'a Path,
    /// Where the control socket gets its name, and loses it in the end.
    pub socket: Option<&'a Path>,
}

/// Gives up everything but `places` and one file that tells how many processors there are, for this thread
/// and those it starts from here on. A place that is not there is none.
///
/// # Errors
///
/// A [`SandboxError`] when the kernel knows Landlock and does not do it. `no_new_privs` has to be set.
pub fn confine_files(places: &Places<'_>) -> Result<Support, SandboxError> {
    // Not the scope of abstract sockets: NOTIFY_SOCKET may be one.
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(TRIED))?
        .handle_access(AccessNet::from_all(TRIED))?
        .scope(Scope::Signal)?
        .create()?;
    ruleset = allow(
        ruleset,
        places.state,
        make_bitflags!(AccessFs::{
            ReadFile | WriteFile | Truncate | MakeReg | RemoveFile
        }),
    )?;
    ruleset = allow(ruleset, Path::new(PROCESSORS), AccessFs::ReadFile.into())?;
    if let Some(folder) = places.socket {
        ruleset = allow(ruleset, folder, make_bitflags!(AccessFs::{MakeSock | RemoveFile}))?;
    }
    let status = ruleset.restrict_self()?;
    debug!(?status, "confined to files of its own");
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Support::Enforced,
        RulesetStatus::NotEnforced => Support::Missing,
    })
}

fn allow(
    ruleset: RulesetCreated,
    place: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(place) {
        Ok(place) => ruleset.add_rule(PathBeneath::new(place, access)),
        Err(_) => Ok(ruleset),
    }
}
