//! Debian's and Ubuntu's package manager: queries and installations.

use std::{fs, os::unix::process::CommandExt, process::Command};

use anyhow::{Result, bail};

use crate::{process, workspace::Workspace};

/// The state of the package lists of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lists {
    /// Perhaps old or missing (as in a container image): a package that they do not have may exist.
    AsTheyAre,
    /// Complete: a package that they do not have does not exist.
    Fresh,
}

/// Returns whether this machine has apt.
pub(crate) fn is_here() -> bool {
    process::which("apt-get").is_some() && process::which("apt-cache").is_some()
}

impl Lists {
    /// Returns the state of the lists where none will be fetched: complete, if there are any.
    pub(crate) fn unchanged() -> Self {
        let any = fs::read_dir("/var/lib/apt/lists").is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
        });
        if any { Self::Fresh } else { Self::AsTheyAre }
    }
}

/// Returns whether apt takes package lists whose time is over, as where the mirror is a copy of an earlier day.
pub(crate) fn takes_old_lists() -> bool {
    let mut ask = Command::new("apt-config");
    ask.args(["shell", "CHECKED", "Acquire::Check-Valid-Until/b"]);
    process::query(&mut ask).is_some_and(|says| says.contains("false"))
}

/// Returns the version of a package that would be installed.
pub(crate) fn candidate(package: &str) -> Option<String> {
    let policy = process::query(Command::new("apt-cache").env("LC_ALL", "C").args(["policy", package]))?;
    parse_candidate(&policy).map(str::to_owned)
}

fn parse_candidate(policy: &str) -> Option<&str> {
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (version != "(none)").then_some(version)
}

/// Returns the major version of the LLVM that packages depend on.
pub(crate) fn llvm_behind(packages: &[&str]) -> Option<u32> {
    let mut command = Command::new("apt-cache");
    command.env("LC_ALL", "C").args(["depends", "--recurse", "--important"]).args(packages);
    parse_llvm(&process::query(&mut command)?)
}

fn parse_llvm(depends: &str) -> Option<u32> {
    depends.lines().find_map(|line| line.trim().strip_prefix("Depends: libllvm")?.parse().ok())
}

/// Fetches the package lists, which only root may do.
pub(crate) fn update(workspace: &Workspace) -> Result<()> {
    if !process::is_root() {
        bail!(
            "the package lists are missing or too old, and only root may fetch them. Run\n\n    sudo apt-get update\n\n\
             and then this command again"
        );
    }
    process::run_logged("apt-get update", apt_get().arg("update"), &workspace.log("apt-update"))
}

/// Installs packages and removes none. After a failure it repairs the two usual causes, lists older than the
/// archive and a dpkg that was interrupted, and tries once more.
pub(crate) fn install(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    if !process::is_root() {
        bail!(
            "packages are missing, and only root may install them. Run\n\n    {}\n\nand then this command again",
            by_hand(packages)
        );
    }
    let label = format!("apt-get install {}", packages.join(" "));
    let log = workspace.log("apt-install");
    if process::run_logged(&label, &mut install_command(packages), &log).is_ok() {
        return Ok(());
    }
    process::run_logged(
        "dpkg --configure -a",
        Command::new("dpkg").args(["--configure", "-a"]),
        &workspace.log("dpkg"),
    )?;
    update(workspace)?;
    process::run_logged(&label, &mut install_command(packages), &log)
}

/// Returns the command that installs packages, for messages.
pub(crate) fn by_hand(packages: &[&str]) -> String {
    format!("sudo apt-get install -y --no-install-recommends {}", packages.join(" "))
}

fn install_command(packages: &[&str]) -> Command {
    let mut command = apt_get();
    command.args(["install", "-y", "--no-install-recommends"]).args(packages);
    // Some images have a newer qemu-utils from backports, which has to go before the release's QEMU can be
    // installed.
    if !process::has_machine_of_its_own() {
        command.arg("--no-remove");
    }
    command
}

/// Returns an apt-get that asks no questions and waits up to five minutes for its lock.
///
/// It has a process group of its own, so that Ctrl-C at the terminal does not end dpkg in the middle of
/// unpacking; the next run waits for it.
fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C").arg("-q").process_group(0);
    command.args(["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_candidate_of_a_package_is_read() {
        let known = "rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n  Version table:\n";
        let removed = "libstd-rust-dev-bpf:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n";
        assert_eq!(parse_candidate(known), Some("1.96.0+dfsg1-1~deb12u2"));
        assert_eq!(parse_candidate(removed), None);
        assert_eq!(parse_candidate(""), None, "a name that apt does not know");
    }

    #[test]
    fn llvm_is_found_among_dependencies() {
        let depends = "rustc-web\n  Depends: libc6\nlibstd-rust-web-1.96\n  Depends: libllvm22\nlibllvm22\n";
        assert_eq!(parse_llvm(depends), Some(22));
        assert_eq!(parse_llvm("rustc\n  Depends: libc6\n"), None);
    }
}
