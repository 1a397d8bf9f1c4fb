//! `cargo xtask service-test`: the package under the systemd of Debian's releases, in namespaces
//! (`tests/service.sh`, and `tests/rpm.sh` for the RPM).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use super::debian::{Root, Suite};
use crate::{
    process,
    release::{Format, package, rpm},
    ui,
    workspace::Workspace,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Test the package of this format
    #[arg(long, value_name = "FORMAT", default_value = "deb")]
    format: Format,
    /// The releases of Debian that the package is installed on
    #[arg(long, value_name = "SUITE", value_delimiter = ',', default_value = "bookworm")]
    suite: Vec<Suite>,
}

/// Runs the tests of both packages on every release. Debian 12 and 13 have the systemd of EL 9 and 10: 252 and 257.
pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    let suite = Suite::value_variants().to_vec();
    Format::value_variants()
        .iter()
        .try_for_each(|format| run(workspace, &Args { format: *format, suite: suite.clone() }))
}

/// Builds the package and a newer one, and runs the test with them.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    ensure!(
        process::is_root(),
        "the service test runs systemd in namespaces, which only root may make: run it as root (in a root shell, as \
         `sudo -s` gives one, so that cargo is found)"
    );
    let (package, newer) = match args.format {
        Format::Deb => with_newer(workspace)?,
        Format::Rpm => rpm::with_newer(workspace)?,
    };
    args.suite.iter().try_for_each(|suite| test(workspace, (args.format, *suite), &package, &newer))
}

fn test(workspace: &Workspace, (format, suite): (Format, Suite), package: &Path, newer: &Path) -> Result<()> {
    let root = suite.root(format);
    ui::heading(&format!("service: {} under systemd, Debian {}", format.name(), root.suite));
    let host = root.ready(workspace)?;
    let mut test = Command::new("timeout");
    test.args(["--kill-after=30s", "5m", "sh"]).arg(workspace.root().join(script(format)));
    process::run(test.arg(host).arg(package).arg(newer))
        .with_context(|| format!("the service test failed on {}", root.suite))
}

const fn script(format: Format) -> &'static str {
    match format {
        Format::Deb => "tests/service.sh",
        Format::Rpm => "tests/rpm.sh",
    }
}

impl Suite {
    /// Returns what the package is installed on.
    const fn root(self, format: Format) -> Root {
        let suite = match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
            Self::Sid => "sid",
        };
        let name = match (format, self) {
            (Format::Deb, _) => suite,
            (Format::Rpm, Self::Bookworm) => "rpm-bookworm",
            (Format::Rpm, Self::Trixie) => "rpm-trixie",
            (Format::Rpm, Self::Sid) => "rpm-sid",
        };
        Root { name, suite, included: self.included(format), enabled: None }
    }

    /// Returns the packages of its root, with today's lintian: older ones have faults (`release/package.rs`).
    const fn included(self, format: Format) -> &'static str {
        match (format, self) {
            (Format::Deb, Self::Bookworm | Self::Trixie) => TOOLS,
            (Format::Deb, Self::Sid) => TOOLS_AND_LINTIAN,
            (Format::Rpm, _) => TOOLS_AND_RPM,
        }
    }
}

const TOOLS: &str = "systemd,systemd-sysv,dbus,iproute2,tcpdump,needrestart,unattended-upgrades";
const TOOLS_AND_LINTIAN: &str = "systemd,systemd-sysv,dbus,iproute2,tcpdump,needrestart,unattended-upgrades,lintian";
const TOOLS_AND_RPM: &str = "systemd,systemd-sysv,dbus,iproute2,tcpdump,rpm";

/// Builds the Debian package, and a newer one. Returns their paths.
fn with_newer(workspace: &Workspace) -> Result<(PathBuf, PathBuf)> {
    let package = package::build(workspace)?;
    let newer = newer(workspace, &package)?;
    Ok((package, newer))
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
