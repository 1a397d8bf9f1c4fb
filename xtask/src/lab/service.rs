//! `cargo xtask service-test`: the package under systemd in namespaces (`tests/service.sh`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{process, release::package, setup::apt, ui, workspace::Workspace};

/// The Debian release that the package is installed on, and the packages that the test needs beside the
/// minimal ones.
const SUITE: &str = "bookworm";
const INCLUDED: &str = "systemd,systemd-sysv,dbus,iproute2,tcpdump";

/// Builds the package and a newer one, and runs the test with them.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    if !process::is_root() {
        bail!(
            "the service test runs systemd in namespaces, which only root may make: run it as root (in a root shell, \
             as `sudo -s` gives one, so that cargo is found)"
        );
    }
    let package = package::build(workspace)?;
    ui::heading("service: the package under systemd");
    let root = root(workspace)?;
    let newer = newer(workspace, &package)?;
    let mut test = Command::new("timeout");
    test.args(["--kill-after=30s", "5m", "sh"]).arg(workspace.root().join("tests/service.sh"));
    process::run(test.arg(root).arg(package).arg(newer)).context("the service test failed")
}

/// Returns the root of a minimal Debian. It is made once; the test does not change it.
fn root(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.tools().join(SUITE);
    if root.join("lib/systemd/systemd").exists() {
        return Ok(root);
    }
    if process::which("mmdebstrap").is_none() {
        ensure!(apt::is_here(), "mmdebstrap is missing: install it");
        apt::install(workspace, &["mmdebstrap"])?;
    }
    // Renamed in one step, so that an interrupted run leaves no partial root.
    let draft = root.with_extension("draft");
    if draft.exists() {
        process::run(Command::new("rm").args(["--recursive", "--one-file-system"]).arg(&draft))?;
    }
    let mut make = Command::new("timeout");
    make.args(["--kill-after=30s", "15m", "mmdebstrap", "--variant=minbase", "--include", INCLUDED, SUITE]).arg(&draft);
    process::run_logged(&format!("mmdebstrap {SUITE}"), &mut make, &workspace.log("mmdebstrap"))
        .context("mmdebstrap could not make a Debian")?;
    fs::rename(&draft, &root)?;
    Ok(root)
}

/// Makes a copy of the package with a higher version and nothing else changed. Returns its path.
fn newer(workspace: &Workspace, package: &Path) -> Result<PathBuf> {
    let folder = workspace.package().join("newer");
    let newer = workspace.package().join("newer.deb");
    process::run(Command::new("dpkg-deb").arg("--raw-extract").arg(package).arg(&folder))?;
    let control = folder.join("DEBIAN/control");
    let fields = fs::read_to_string(&control)?;
    fs::write(&control, fields.replacen("\nVersion: ", "\nVersion: 1:", 1))?;
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Znone", "--build"]).arg(&folder).arg(&newer);
    process::run_logged("dpkg-deb", &mut build, &workspace.log("newer-package"))?;
    Ok(newer)
}
