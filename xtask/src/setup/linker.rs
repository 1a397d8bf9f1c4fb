//! bpf-linker, which has to be compiled against the compiler's LLVM.

use std::fs;

use anyhow::Result;

use super::cargo_tool::BPF_LINKER;
use super::llvm::Llvm;
use crate::workspace::Workspace;

/// Returns whether it is there in the right version, was compiled against that LLVM, and starts (its libLLVM
/// may have been removed).
pub(crate) fn is_here(workspace: &Workspace, llvm: u32) -> bool {
    let record = fs::read_to_string(workspace.tools().join(".crates2.json")).unwrap_or_default();
    BPF_LINKER.is_here(workspace) && was_built_with(&record, llvm)
}

/// Returns whether cargo's record of installed programs has the feature for that LLVM.
fn was_built_with(record: &str, llvm: u32) -> bool {
    record.contains(&format!(r#""features":["llvm-{llvm}"]"#))
}

/// Compiles it against `llvm`.
pub(crate) fn install(workspace: &Workspace, llvm: &Llvm) -> Result<()> {
    BPF_LINKER.install_with(workspace, |cargo| {
        cargo.args(["--no-default-features", "--features", &format!("llvm-{}", llvm.major)]);
        cargo.env("LLVM_PREFIX", &llvm.prefix);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_llvm_is_read_from_cargos_record() {
        let record = r#"{"installs":{"bpf-linker 0.13.0 (registry)":{"bins":["bpf-linker"],"features":["llvm-22"],
            "all_features":false,"rustc":"LLVM version: 23.1.0"}}}"#;
        assert!(was_built_with(record, 22));
        assert!(!was_built_with(record, 23));
        assert!(!was_built_with("", 22));
    }
}
