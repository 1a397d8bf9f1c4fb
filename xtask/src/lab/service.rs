//! `cargo xtask service-test`: the package under the systemd of Debian's releases, in namespaces
//! (`tests/service.sh`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use super::debian::{Root, Suite};
use crate::{process, release::package, ui, workspace::Workspace};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The releases of Debian that the package is installed on
    #[arg(long, value_name = "SUITE", value_delimiter = ',', default_value = "bookworm")]
    suite: Vec<Suite>,
}

/// Runs the test on every release.
pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    run(workspace, &Args { suite: Suite::value_variants().to_vec() })
}

/// Builds the package and a newer one, and runs the test with them.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    ensure!(
        process::is_root(),
        "the service test runs systemd in namespaces, which only root may make: run it as root (in a root shell, as \
         `sudo -s` gives one, so that cargo is found)"
    );
    let package = package::build(workspace)?;
    let newer = newer(workspace, &package)?;
    args.suite.iter().try_for_each(|suite| test(workspace, &root(*suite), &package, &newer))
}

fn test(workspace: &Workspace, root: &Root, package: &Path, newer: &Path) -> Result<()> {
    ui::heading(&format!("service: the package under systemd, Debian {}", root.suite));
    let host = root.ready(workspace)?;
    let mut test = Command::new("timeout");
    test.args(["--kill-after=30s", "5m", "sh"]).arg(workspace.root().join("tests/service.sh"));
    process::run(test.arg(host).arg(package).arg(newer))
        .with_context(|| format!("the service test failed on {}", root.suite))
}

/// Returns what the package is installed on, with today's lintian: older ones have faults (`release/package.rs`).
const fn root(suite: Suite) -> Root {
    let (name, included) = match suite {
        Suite::Bookworm => ("bookworm", TOOLS),
        Suite::Trixie => ("trixie", TOOLS),
        Suite::Sid => ("sid", TOOLS_AND_LINTIAN),
    };
    Root { name, suite: name, included, enabled: None }
}

const TOOLS: &str = "systemd,systemd-sysv,dbus,iproute2,tcpdump,needrestart,unattended-upgrades";
const TOOLS_AND_LINTIAN: &str = "systemd,systemd-sysv,dbus,iproute2,tcpdump,needrestart,unattended-upgrades,lintian";

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
