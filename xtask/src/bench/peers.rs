//! The other daemons: Debian's packages, unpacked and not installed.

use std::path::{Path, PathBuf};

use crate::{
    setup::{apt, unpacked},
    ui,
    workspace::Workspace,
};

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
    match unpacked::unpack(workspace, &root, &wanted(), "peers") {
        Ok(packages) => ui::note(&format!("{}: {packages}", workspace.display(&root))),
        Err(error) => {
            ui::note(&ui::paint(
                ui::Paint::Bad,
                &format!("SOME OF THE OTHER DAEMONS ARE MISSING: {error:#}"),
            ));
        }
    }
}

fn wanted() -> Vec<&'static str> {
    let (networkd, package) = NETWORKD;
    let systemd = (!Path::new(networkd).exists()).then_some(package);
    PACKAGES.into_iter().chain(systemd).collect()
}
