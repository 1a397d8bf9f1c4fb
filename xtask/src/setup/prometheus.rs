//! Prometheus and promtool, for the tests of alerts, dashboard and metrics. They are unpacked and not
//! installed, since the package would start a service.

use anyhow::Result;

use super::{apt, packages, remedy::Remedy};
use crate::{process, workspace::Workspace};

const PACKAGE: &str = "prometheus";

/// Returns where promtool is: unpacked, or installed with prometheus on the search path.
pub(crate) fn find(workspace: &Workspace) -> Option<std::path::PathBuf> {
    let unpacked = workspace.monitoring().join("usr/bin/promtool");
    if unpacked.is_file() {
        return Some(unpacked);
    }
    process::which("prometheus").and(process::which("promtool"))
}

/// Returns what to do if they are missing.
pub(crate) fn remedy(lists: apt::Lists) -> Remedy {
    match Remedy::package(PACKAGE, lists) {
        Some(Remedy::PackageLists) => Remedy::PackageLists,
        Some(_) => Remedy::Prometheus,
        None => Remedy::ByHand("install prometheus and promtool on the search path".to_owned()),
    }
}

/// Unpacks them.
pub(crate) fn unpack(workspace: &Workspace) -> Result<()> {
    packages::unpack_once(workspace, &[PACKAGE], &workspace.monitoring()).map(drop)
}
