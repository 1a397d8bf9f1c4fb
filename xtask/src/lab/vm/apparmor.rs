//! Hosts with libvirt on which AppArmor confines it: what `vm apparmor` boots.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::kernel;
use crate::{architecture::Architecture, lab::debian::Root, setup::packages::Archive, workspace::Workspace};

/// The releases. Both have AppArmor on by default.
const ROOTS: [Root; 2] = [root("apparmor-bookworm", "bookworm"), root("apparmor-trixie", "trixie")];

/// The packages of which one has the profile: the first since Debian 13, the second before. They are unpacked and not
/// installed, as nothing that they depend on runs.
const LIBVIRT: [&str; 2] = ["libvirt-daemon", "libvirt-daemon-system"];

const PROFILE: &str = "etc/apparmor.d/usr.sbin.libvirtd";

/// A host, unpacked.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) suite: &'static str,
    /// Folder with vmlinuz and modules.
    pub(super) kernel: PathBuf,
    /// Folders with its files.
    pub(super) roots: [PathBuf; 2],
}

const fn root(name: &'static str, suite: &'static str) -> Root {
    Root { name, suite, included: "apparmor,iproute2", enabled: None }
}

/// Returns the hosts of all releases.
pub(super) fn hosts(workspace: &Workspace) -> Result<Vec<Host>> {
    ROOTS.iter().map(|root| host(workspace, root)).collect()
}

fn host(workspace: &Workspace, root: &Root) -> Result<Host> {
    let suite = root.suite;
    let kernel = kernel::prepare(workspace, (suite, Architecture::OWN), || archive(workspace, suite))?;
    Ok(Host { suite, kernel, roots: [root.ready(workspace)?, libvirt(workspace, suite)?] })
}

fn archive<'a>(workspace: &'a Workspace, suite: &str) -> Result<Archive<'a>> {
    Archive::of(workspace, suite, Architecture::OWN)
}

/// Returns a folder with the files of libvirt's packages.
fn libvirt(workspace: &Workspace, suite: &str) -> Result<PathBuf> {
    let folder = workspace.vm().join("libvirt").join(suite);
    let profile = folder.join(PROFILE);
    if !profile.is_file() {
        archive(workspace, suite)?.unpack(&LIBVIRT.map(str::to_owned), &folder)?;
    }
    ensure!(profile.is_file(), "libvirt's packages of {suite} have no {PROFILE}");
    Ok(folder)
}
