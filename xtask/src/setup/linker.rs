//! bpf-linker: whether it is made for the compiler's LLVM, and how it is.

use std::fs;

use anyhow::Result;

use super::cargo_tool::BPF_LINKER;
use super::llvm::Llvm;
use crate::workspace::Workspace;

/// Whether it is there, of our version, made for that LLVM, and still starts (its libLLVM may have gone).
pub(crate) fn is_here(workspace: &Workspace, llvm: u32) -> bool {
    let record = fs::read_to_string(workspace.tools().join(".crates2.json")).unwrap_or_default();
    BPF_LINKER.is_here(workspace) && was_built_with(&record, llvm)
}

/// Reads cargo's record of what it installed, which names the features.
fn was_built_with(record: &str, llvm: u32) -> bool {
    record.contains(&format!(r#""features":["llvm-{llvm}"]"#))
}

/// Compiles it.
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
    fn the_record_tells_the_llvm() {
        let record = r#"{"installs":{"bpf-linker 0.13.0 (registry)":{"bins":["bpf-linker"],"features":["llvm-22"],
            "all_features":false,"rustc":"LLVM version: 23.1.0"}}}"#;
        assert!(was_built_with(record, 22));
        assert!(!was_built_with(record, 23));
        assert!(!was_built_with("", 22));
    }
}
