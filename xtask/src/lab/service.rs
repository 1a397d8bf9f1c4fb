//! `cargo xtask service-test`: the package under systemd in namespaces (`tests/service.sh`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::debian::Root;
use crate::{process, release::package, ui, workspace::Workspace};

/// What the package is installed on.
const HOST: Root =
    Root { name: "bookworm", suite: "bookworm", included: "systemd,systemd-sysv,dbus,iproute2,tcpdump", enabled: None };

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
    let root = HOST.ready(workspace)?;
    let newer = newer(workspace, &package)?;
    let mut test = Command::new("timeout");
    test.args(["--kill-after=30s", "5m", "sh"]).arg(workspace.root().join("tests/service.sh"));
    process::run(test.arg(root).arg(package).arg(newer)).context("the service test failed")
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
