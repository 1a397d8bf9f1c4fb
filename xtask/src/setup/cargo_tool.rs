//! Programs that cargo compiles from their published sources into the checkout's target folder.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{process, workspace::Workspace};

/// A quick release profile, since these programs run for seconds and would compile for minutes.
const QUICKLY: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];

/// A program in a fixed version.
#[derive(Debug)]
pub(crate) struct CargoTool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// The arguments that make it print its version.
    version_args: &'static [&'static str],
}

pub(crate) const BPF_LINKER: CargoTool =
    CargoTool { name: "bpf-linker", version: "0.13.0", version_args: &["--version"] };

/// Compiled here although binaries exist: this is the program that decides which crates are trusted.
pub(crate) const CARGO_DENY: CargoTool =
    CargoTool { name: "cargo-deny", version: "0.20.2", version_args: &["--version"] };

pub(crate) const CARGO_FUZZ: CargoTool =
    CargoTool { name: "cargo-fuzz", version: "0.13.2", version_args: &["fuzz", "--version"] };

pub(crate) const CARGO_MUTANTS: CargoTool =
    CargoTool { name: "cargo-mutants", version: "27.1.0", version_args: &["mutants", "--version"] };

impl CargoTool {
    /// Returns where it is, or will be.
    pub(crate) fn path(&self, workspace: &Workspace) -> PathBuf {
        workspace.tools().join("bin").join(self.name)
    }

    /// Returns whether it is there in this version, and starts.
    pub(crate) fn is_here(&self, workspace: &Workspace) -> bool {
        process::query(Command::new(self.path(workspace)).args(self.version_args))
            .is_some_and(|says| says.trim().ends_with(self.version))
    }

    /// Compiles it with its default features.
    pub(crate) fn install(&self, workspace: &Workspace) -> Result<()> {
        self.install_with(workspace, |_| ())
    }

    /// Compiles it with the arguments that `adjust` adds. Cargo renames the finished program into place, so
    /// an interrupted run leaves no partial one.
    pub(crate) fn install_with(&self, workspace: &Workspace, adjust: impl FnOnce(&mut Command)) -> Result<()> {
        let Self { name, version, .. } = self;
        let mut command = workspace.cargo(["install", name, "--version", version, "--locked", "--force"]);
        // Cargo then uses a temporary target directory, and removes it afterwards.
        command.arg("--root").arg(workspace.tools()).env_remove("CARGO_TARGET_DIR");
        command.envs(QUICKLY);
        if let Some(vendor) = workspace.vendor() {
            // It does not read the configuration of the folder that it runs in.
            command.args(["--config", "source.crates-io.replace-with='vendor'", "--config"]);
            command.arg(format!("source.vendor.directory='{}'", vendor.display()));
        }
        adjust(&mut command);
        process::run_logged(&format!("cargo install {name} {version}"), &mut command, &workspace.log(name))
            .with_context(|| format!("{name} could not be compiled"))
    }
}
