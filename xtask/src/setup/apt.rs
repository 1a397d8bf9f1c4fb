//! Debian's and Ubuntu's package manager: what it offers, and installing from it.

use std::{fs, os::unix::process::CommandExt, process::Command};

use anyhow::{Result, bail};

use crate::{process, workspace::Workspace};

/// What is known of the package lists of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lists {
    /// Perhaps old, perhaps missing (as in a container image): a package that is not there may yet appear.
    AsTheyAre,
    /// Fetched a moment ago: what is not there does not exist.
    Fresh,
}

pub(crate) fn is_here() -> bool {
    process::which("apt-get").is_some() && process::which("apt-cache").is_some()
}

impl Lists {
    /// What to make of the lists on a machine where nobody is going to fetch newer ones: if any are there,
    /// they count.
    pub(crate) fn unchanged() -> Self {
        let any = fs::read_dir("/var/lib/apt/lists").is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
        });
        if any { Self::Fresh } else { Self::AsTheyAre }
    }
}

/// The version that would be installed.
pub(crate) fn candidate(package: &str) -> Option<String> {
    let policy = process::query(Command::new("apt-cache").env("LC_ALL", "C").args(["policy", package]))?;
    parse_candidate(&policy).map(str::to_owned)
}

fn parse_candidate(policy: &str) -> Option<&str> {
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (version != "(none)").then_some(version)
}

/// The LLVM that packages bring along, found before they are installed by following what they depend on.
pub(crate) fn llvm_behind(packages: &[&str]) -> Option<u32> {
    let mut command = Command::new("apt-cache");
    command.env("LC_ALL", "C").args(["depends", "--recurse", "--important"]).args(packages);
    parse_llvm(&process::query(&mut command)?)
}

fn parse_llvm(depends: &str) -> Option<u32> {
    depends.lines().find_map(|line| line.trim().strip_prefix("Depends: libllvm")?.parse().ok())
}

pub(crate) fn update(workspace: &Workspace) -> Result<()> {
    if !process::is_root() {
        bail!(
            "the package lists are missing or too old, and only root may fetch them. Run\n\n    sudo apt-get update\n\nand then this command again"
        );
    }
    process::run_logged("apt-get update", apt_get().arg("update"), &workspace.log("apt-update"))
}

/// Installs packages and removes none. A failure is answered once, by what helps against the two usual
/// causes: lists older than the archive, and a dpkg that was interrupted (by a power cut, say).
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

pub(crate) fn by_hand(packages: &[&str]) -> String {
    format!("sudo apt-get install -y --no-install-recommends {}", packages.join(" "))
}

fn install_command(packages: &[&str]) -> Command {
    let mut command = apt_get();
    command.args(["install", "-y", "--no-install-recommends"]).args(packages);
    // A newer qemu-utils of the backports, say, stands in the way of the release's QEMU.
    if !process::has_machine_of_its_own() {
        command.arg("--no-remove");
    }
    command
}

/// apt-get that asks nothing and waits five minutes for whoever holds its lock.
///
/// In a process group of its own: a Ctrl-C at the terminal thus ends us and not dpkg in the middle of
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
    fn candidates() {
        let known =
            "rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n  Version table:\n";
        let removed = "libstd-rust-dev-bpf:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n";
        assert_eq!(parse_candidate(known), Some("1.96.0+dfsg1-1~deb12u2"));
        assert_eq!(parse_candidate(removed), None);
        assert_eq!(parse_candidate(""), None, "a name that apt has never heard of");
    }

    #[test]
    fn llvm_is_found_among_dependencies() {
        let depends = "rustc-web\n  Depends: libc6\nlibstd-rust-web-1.96\n  Depends: libllvm22\nlibllvm22\n";
        assert_eq!(parse_llvm(depends), Some(22));
        assert_eq!(parse_llvm("rustc\n  Depends: libc6\n"), None);
    }
}
