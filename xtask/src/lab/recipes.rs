//! `cargo xtask recipes-test`: the handbook's recipes, word for word, under systemd in namespaces
//! (`tests/recipes.sh`).

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::debian::Root;
use crate::{process, release::package, ui, workspace::Workspace};

/// The host, with all hypervisors that this release has.
const HOST: Root = Root {
    name: "recipes",
    suite: "trixie",
    included: "systemd,systemd-sysv,systemd-container,udev,dbus,procps,iproute2,libvirt-daemon-system,libvirt-clients,\
               qemu-system-x86,incus,lxc",
    enabled: None,
};

/// The containers.
const GUEST: Root = Root {
    name: "recipes-guest.tar",
    suite: "trixie",
    included: "systemd,systemd-sysv,iproute2",
    enabled: Some("systemd-networkd"),
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run only these recipes: libvirt, nspawn, qemu, incus, lxc
    #[arg(long, value_name = "PAGE", value_delimiter = ',')]
    only: Vec<String>,
}

/// Runs every recipe that can run here.
pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    run(workspace, &Args { only: Vec::new() })
}

/// Builds the package, and runs the recipes with it.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    ensure!(
        process::is_root(),
        "the recipes run under systemd in namespaces, which only root may make: run this as root (in a root shell, as \
         `sudo -s` gives one, so that cargo is found)"
    );
    let package = package::build(workspace)?;
    ui::heading("recipes: the handbook's commands on hypervisors");
    let (host, guest) = (HOST.ready(workspace)?, GUEST.ready(workspace)?);
    let mut test = Command::new("timeout");
    test.args(["--kill-after=30s", "10m", "sh"]).arg(workspace.root().join("tests/recipes.sh"));
    process::run(test.arg(host).arg(guest).arg(package).args(&args.only)).context("a recipe failed")
}
