//! Programs that cargo compiles from their published sources into the checkout's own target folder.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{process, workspace::Workspace};

/// It runs for seconds and is compiled for minutes: with none of what its own release profile asks for.
const QUICKLY: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];

/// A program, of one version.
#[derive(Debug)]
pub(crate) struct CargoTool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// How it is asked for its version.
    asks: &'static [&'static str],
}

pub(crate) const BPF_LINKER: CargoTool =
    CargoTool { name: "bpf-linker", version: "0.13.0", asks: &["--version"] };

/// Programs compiled by others exist, but this is the one that is to say whom to trust.
pub(crate) const CARGO_DENY: CargoTool =
    CargoTool { name: "cargo-deny", version: "0.20.2", asks: &["--version"] };

pub(crate) const CARGO_FUZZ: CargoTool =
    CargoTool { name: "cargo-fuzz", version: "0.13.2", asks: &["fuzz", "--version"] };

impl CargoTool {
    pub(crate) fn path(&self, workspace: &Workspace) -> PathBuf {
        workspace.tools().join("bin").join(self.name)
    }

    /// Whether it is there, of this version, and starts.
    pub(crate) fn is_here(&self, workspace: &Workspace) -> bool {
        process::query(Command::new(self.path(workspace)).args(self.asks))
            .is_some_and(|says| says.trim().ends_with(self.version))
    }

    /// Compiles it as it comes.
    pub(crate) fn install(&self, workspace: &Workspace) -> Result<()> {
        self.install_with(workspace, |_| ())
    }

    /// Compiles it with what `adjust` adds. Cargo puts a program in place by renaming, so what is there is
    /// whole.
    pub(crate) fn install_with(
        &self,
        workspace: &Workspace,
        adjust: impl FnOnce(&mut Command),
    ) -> Result<()> {
        let Self { name, version, .. } = self;
        let mut command = workspace.cargo(["install", name, "--version", version, "--locked", "--force"]);
        // A target directory of its own, gone afterwards: shared with ours, it would stay for good.
        command.arg("--root").arg(workspace.tools()).env_remove("CARGO_TARGET_DIR");
        command.envs(QUICKLY);
        adjust(&mut command);
        process::run_logged(&format!("cargo install {name} {version}"), &mut command, &workspace.log(name))
            .with_context(|| format!("{name} could not be compiled"))
    }
}
