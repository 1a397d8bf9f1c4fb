//! bpf-linker, compiled into the checkout's own target folder, and the LLVM it is compiled against.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::apt::{self, Lists};
use super::needs::Remedy;
use crate::{process, workspace::Workspace};

pub(crate) const VERSION: &str = "0.13.0";

/// An installed LLVM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Llvm {
    pub(crate) major: u32,
    /// The folder above its `bin` and `lib`.
    pub(crate) prefix: PathBuf,
}

/// Whether this bpf-linker has a feature for that major version.
pub(crate) fn reads(llvm: u32) -> bool {
    (21..=23).contains(&llvm)
}

/// Debian's name for the LLVM to compile against.
pub(crate) fn llvm_package(major: u32) -> String {
    format!("llvm-{major}-dev")
}

pub(crate) fn path(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("bin/bpf-linker")
}

/// Whether the linker is there, of our version, made for that LLVM, and still starts (its libLLVM may have gone).
pub(crate) fn is_here(workspace: &Workspace, llvm: u32) -> bool {
    let says = process::query(Command::new(path(workspace)).arg("--version"));
    let record = fs::read_to_string(workspace.tools().join(".crates2.json")).unwrap_or_default();
    says.is_some_and(|says| says.trim().ends_with(VERSION)) && was_built_with(&record, llvm)
}

/// Reads cargo's record of what it installed, which names the features.
fn was_built_with(record: &str, llvm: u32) -> bool {
    record.contains(&format!(r#""features":["llvm-{llvm}"]"#))
}

impl Llvm {
    /// Where Debian and Fedora put it; `LLVM_PREFIX`, as bpf-linker's build knows it, goes first.
    pub(crate) fn find(major: u32) -> Option<Self> {
        let named = env::var_os("LLVM_PREFIX").map(PathBuf::from);
        let usual = [format!("/usr/lib/llvm-{major}"), format!("/usr/lib64/llvm{major}")].map(PathBuf::from);
        let prefix = named.into_iter().chain(usual).find(|prefix| is_llvm(prefix, major))?;
        Some(Self { major, prefix })
    }

    /// As in `22.1.8`.
    pub(crate) fn version(&self) -> String {
        version_of(&self.prefix).unwrap_or_default()
    }
}

fn is_llvm(prefix: &Path, major: u32) -> bool {
    let has_library =
        ["lib/libLLVM.so", "lib64/libLLVM.so"].iter().any(|library| prefix.join(library).exists());
    has_library
        && version_of(prefix).is_some_and(|version| version.split('.').next() == Some(&major.to_string()))
}

fn version_of(prefix: &Path) -> Option<String> {
    let says = process::query(Command::new(prefix.join("bin/llvm-config")).arg("--version"))?;
    Some(says.trim().to_owned())
}

/// What to do when LLVM is not there.
pub(crate) fn llvm_remedy(major: u32, lists: Lists) -> Remedy {
    apt::offer(&llvm_package(major), lists).unwrap_or_else(|| {
        Remedy::ByHand(format!(
            "LLVM {major} (the compiler's own major version) is not here, nor does a package manager known to this \
             program offer it. Install it with llvm-config and libLLVM.so, and set LLVM_PREFIX to the folder above \
             its bin and lib"
        ))
    })
}

/// Compiles it. Cargo puts the program in place by renaming, so what is there is whole.
pub(crate) fn install(workspace: &Workspace, llvm: &Llvm) -> Result<()> {
    let feature = format!("llvm-{}", llvm.major);
    let args =
        ["install", "bpf-linker", "--version", VERSION, "--locked", "--force", "--no-default-features"];
    let mut command = workspace.cargo(args);
    command.args(["--features", &feature]).arg("--root").arg(workspace.tools());
    // A target directory of its own, gone afterwards: shared with ours, it would stay for good.
    command.env_remove("CARGO_TARGET_DIR").env("LLVM_PREFIX", &llvm.prefix);
    let label = format!("cargo install bpf-linker {VERSION} (for LLVM {})", llvm.major);
    process::run_logged(&label, &mut command, &workspace.log("bpf-linker"))
        .context("bpf-linker could not be compiled")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_tells_the_llvm() {
        let record = r#"{"installs":{"bpf-linker 0.13.0 (registry)":{"bins":["bpf-linker"],"features":["llvm-22"],
            "all_features":false,"rustc":"LLVM version: 23.1.0"}}}"#;
        assert!(was_built_with(record, 22));
        assert!(!was_built_with(record, 23));
        assert!(!was_built_with("", 22));
    }
}
