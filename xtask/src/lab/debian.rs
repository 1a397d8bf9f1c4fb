//! Root file systems of Debian, which mmdebstrap makes below the folder of tools.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::{
    process,
    setup::{apt, packages::Archive},
    workspace::Workspace,
};

/// A release of Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Suite {
    /// Debian 12, the oldest that the package supports
    Bookworm,
    /// Debian 13
    Trixie,
    /// What becomes the next release
    Sid,
}

/// A minimal Debian with some packages more. It is made once, and again when this description has changed; the
/// tests do not change it.
#[derive(Debug)]
pub(super) struct Root {
    /// The name of the folder; one that ends with `.tar` is an archive instead.
    pub(super) name: &'static str,
    pub(super) suite: &'static str,
    /// The packages beside the minimal ones, with commas between them.
    pub(super) included: &'static str,
    /// A unit of systemd that is enabled.
    pub(super) enabled: Option<&'static str>,
}

/// What one root has beyond its description.
#[derive(Debug, Default)]
pub(super) struct Addition {
    /// Arguments of mmdebstrap: hooks, which run in the checkout, and lines of apt's sources.
    pub(super) arguments: Vec<String>,
    /// What the hooks read: the root is made again when it has changed.
    pub(super) input: String,
}

impl Root {
    /// Returns its path.
    pub(super) fn ready(&self, workspace: &Workspace) -> Result<PathBuf> {
        self.ready_with(workspace, &Addition::default())
    }

    /// Returns the path of a root that has an addition.
    pub(super) fn ready_with(&self, workspace: &Workspace, addition: &Addition) -> Result<PathBuf> {
        let root = workspace.tools().join(self.name);
        let note = workspace.tools().join(format!("{}.made-of", self.name));
        let description = format!("{self:?}{}", addition.input);
        if root.exists() && fs::read_to_string(&note).is_ok_and(|made_of| made_of == description) {
            return Ok(root);
        }
        remove(&root)?;
        fs::create_dir_all(workspace.tools())?;
        self.make(workspace, &root, addition)?;
        fs::write(note, description)?;
        Ok(root)
    }

    fn make(&self, workspace: &Workspace, root: &Path, addition: &Addition) -> Result<()> {
        if process::which("mmdebstrap").is_none() {
            ensure!(apt::is_here(), "mmdebstrap is missing: install it");
            apt::install(workspace, &["mmdebstrap"])?;
        }
        // Renamed in one step, so that an interrupted run leaves no partial root. The end of the name stays: mmdebstrap
        // goes by it.
        let draft = workspace.tools().join(format!("draft-{}", self.name));
        remove(&draft)?;
        let mirror = Archive::own(workspace)?.mirror()?;
        process::run_logged(
            &format!("mmdebstrap {}", self.name),
            self.mmdebstrap(&draft, &mirror).args(&addition.arguments).current_dir(workspace.root()),
            &workspace.log(self.name),
        )
        .context("mmdebstrap could not make a Debian")?;
        Ok(fs::rename(&draft, root)?)
    }

    fn mmdebstrap(&self, draft: &Path, mirror: &str) -> Command {
        let mut make = Command::new("timeout");
        make.args(["--kill-after=30s", "30m", "mmdebstrap", "--variant=minbase", "--include", self.included]);
        if apt::takes_old_lists() {
            make.args(["--aptopt", "Acquire::Check-Valid-Until \"false\""]);
        }
        if let Some(unit) = self.enabled {
            make.arg(format!("--customize-hook=chroot \"$1\" systemctl enable {unit}"));
        }
        make.arg(self.suite).arg(draft).arg(mirror);
        make
    }
}

/// Removes a folder or a file, and nothing that is mounted below it.
pub(super) fn remove(path: &Path) -> Result<()> {
    process::run(Command::new("rm").args(["--recursive", "--force", "--one-file-system"]).arg(path))
}
