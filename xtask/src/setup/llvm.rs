//! The LLVM that bpf-linker is compiled against: the compiler's, whose code it has to read.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::process;

/// An installed LLVM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Llvm {
    pub(crate) major: u32,
    /// The folder above its `bin` and `lib`.
    pub(crate) prefix: PathBuf,
}

/// Returns whether bpf-linker has a feature for that major version.
pub(crate) fn reads(llvm: u32) -> bool {
    (21..=23).contains(&llvm)
}

/// Returns Debian's package of the LLVM to compile against.
pub(crate) fn package(major: u32) -> String {
    format!("llvm-{major}-dev")
}

impl Llvm {
    /// Finds an LLVM in `LLVM_PREFIX`, which bpf-linker's build reads too, or where Debian and Fedora put it.
    pub(crate) fn find(major: u32) -> Option<Self> {
        let named = env::var_os("LLVM_PREFIX").map(PathBuf::from);
        let usual = [format!("/usr/lib/llvm-{major}"), format!("/usr/lib64/llvm{major}")].map(PathBuf::from);
        let prefix = named.into_iter().chain(usual).find(|prefix| is_llvm(prefix, major))?;
        Some(Self { major, prefix })
    }

    /// Returns its version, as in `22.1.8`.
    pub(crate) fn version(&self) -> String {
        version_of(&self.prefix).unwrap_or_default()
    }
}

fn is_llvm(prefix: &Path, major: u32) -> bool {
    let has_library = ["lib/libLLVM.so", "lib64/libLLVM.so"].iter().any(|library| prefix.join(library).exists());
    has_library && version_of(prefix).is_some_and(|version| version.split('.').next() == Some(&major.to_string()))
}

fn version_of(prefix: &Path) -> Option<String> {
    let says = process::query(Command::new(prefix.join("bin/llvm-config")).arg("--version"))?;
    Some(says.trim().to_owned())
}
