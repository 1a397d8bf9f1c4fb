//! The other daemons: Debian's packages, unpacked into the target folder and not installed.
//!
//! So nothing of the machine changes: no user is made, no service is enabled or started, no file of /etc is written. The
//! libraries that they need and the machine lacks come along.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{process, setup::apt, ui, workspace::Workspace};

/// systemd-networkd is part of Debian's systemd; where that is installed, it is there already.
const PACKAGES: [&str; 4] = ["radvd", "bird2", "frr", "dnsmasq-base"];

const NETWORKD: (&str, &str) = ("/lib/systemd/systemd-networkd", "systemd");

/// Where they are unpacked.
pub(crate) fn root(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("peers")
}

/// Brings them about as far as that can be done. What is missing then is not measured, which is said, and no failure.
pub(crate) fn fetch(workspace: &Workspace) {
    let root = root(workspace);
    if !apt::is_here() {
        ui::note("no apt-get here: only those that are installed are measured");
        return;
    }
    match unpack(workspace, &root) {
        Ok(packages) => ui::note(&format!("{}: {packages}", workspace.display(&root))),
        Err(error) => {
            ui::note(&ui::paint(
                ui::Paint::Bad,
                &format!("SOME OF THE OTHER DAEMONS ARE MISSING: {error:#}"),
            ));
        }
    }
}

/// Returns the names of what is unpacked.
fn unpack(workspace: &Workspace, root: &Path) -> Result<String> {
    let record = root.join("packages");
    if let Ok(packages) = fs::read_to_string(&record) {
        return Ok(packages);
    }
    let folder = root.join("archive");
    fs::create_dir_all(&folder)?;
    let packages = missing(&wanted()).or_else(|_| {
        apt::update(workspace)?;
        missing(&wanted())
    })?;
    let mut download = Command::new("apt-get");
    // As root, whose folder this may be, rather than as apt's own user.
    download.current_dir(&folder).args(["-q", "-o", "APT::Sandbox::User=root", "download"]).args(&packages);
    process::run_logged("apt-get download", &mut download, &workspace.log("peers"))?;
    for archive in fs::read_dir(&folder)?.flatten() {
        process::run(Command::new("dpkg-deb").arg("--extract").arg(archive.path()).arg(root))?;
    }
    let packages = packages.join(" ");
    fs::write(record, &packages)?;
    Ok(packages)
}

fn wanted() -> Vec<&'static str> {
    let (networkd, package) = NETWORKD;
    let systemd = (!Path::new(networkd).exists()).then_some(package);
    PACKAGES.into_iter().chain(systemd).collect()
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
