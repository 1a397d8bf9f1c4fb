//! Debian's packages, unpacked into the target folder and not installed.
//!
//! So nothing of the machine changes: no user is made, no service is enabled or started, no file of /etc is written. The
//! libraries that they need and the machine lacks come along.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::apt;
use crate::{process, workspace::Workspace};

/// Unpacks `packages` below `root`, once; returns the names of all that is there. `log` names the log.
pub(crate) fn unpack(workspace: &Workspace, root: &Path, packages: &[&str], log: &str) -> Result<String> {
    let record = root.join("packages");
    if let Ok(packages) = fs::read_to_string(&record) {
        return Ok(packages);
    }
    let folder = root.join("archive");
    fs::create_dir_all(&folder)?;
    let missing = missing(packages).or_else(|_| {
        apt::update(workspace)?;
        missing(packages)
    })?;
    let mut download = Command::new("apt-get");
    // As root, whose folder this may be, rather than as apt's own user.
    download.current_dir(&folder).args(["-q", "-o", "APT::Sandbox::User=root", "download"]).args(&missing);
    process::run_logged(
        &format!("apt-get download {}", packages.join(" ")),
        &mut download,
        &workspace.log(log),
    )?;
    for archive in fs::read_dir(&folder)?.flatten() {
        process::run(Command::new("dpkg-deb").arg("--extract").arg(archive.path()).arg(root))?;
    }
    let missing = missing.join(" ");
    fs::write(record, &missing)?;
    Ok(missing)
}

/// These packages and those that they need, as far as they are not installed.
fn missing(packages: &[&str]) -> Result<Vec<String>> {
    let mut simulate = Command::new("apt-get");
    simulate.env("LC_ALL", "C").args(["--simulate", "--no-install-recommends", "install"]).args(packages);
    let says = process::query(&mut simulate).context("apt-get cannot tell what they need")?;
    let missing = to_install(&says);
    ensure!(!missing.is_empty() || !says.is_empty(), "apt-get says nothing");
    Ok(missing)
}

fn to_install(says: &str) -> Vec<String> {
    let names = says.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_installed_is_read() {
        let says = "Reading package lists...\nInst libyang2 (2.1.30-2 Debian [amd64])\nInst frr (8.4.4 Debian)\n\
                    Conf libyang2 (2.1.30-2 Debian [amd64])\n";
        assert_eq!(to_install(says), ["libyang2", "frr"]);
        assert_eq!(to_install(""), [""; 0]);
    }
}
