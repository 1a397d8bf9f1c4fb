//! The paths of the checkout, and the cargo that builds it.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::architecture::Architecture;

/// The checkout this xtask belongs to.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    /// Cargo's target directory.
    target: PathBuf,
}

impl Workspace {
    pub(crate) fn locate() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("the xtask package lies directly in the workspace")
            .to_owned();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) if !dir.is_empty() => {
                std::path::absolute(&dir).expect("the current directory is readable and the path is not empty")
            }
            Some(_) | None => root.join("target"),
        };
        Self { root, target }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target directory.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Cargo's target directory for the eBPF program.
    pub(crate) fn bpf_target(&self) -> PathBuf {
        self.target.join("bpf-build")
    }

    /// Root of the tools that `setup` compiles, as `cargo install --root` wants it. Like the object below it
    /// stays in the checkout wherever `CARGO_TARGET_DIR` points: both belong to these sources.
    pub(crate) fn tools(&self) -> PathBuf {
        self.root.join("target/tools")
    }

    /// The filter's object, where the daemon's build script looks for it.
    pub(crate) fn object(&self) -> PathBuf {
        self.root.join("target/ebpf/autora.bpf.o")
    }

    /// The release daemon of this machine's architecture.
    pub(crate) fn daemon(&self) -> PathBuf {
        self.daemon_for(Architecture::OWN)
    }

    /// The release daemon of an architecture, where cargo puts it.
    pub(crate) fn daemon_for(&self, architecture: Architecture) -> PathBuf {
        daemon_in(&self.target, architecture)
    }

    /// The release daemon that is packaged: `debian/rules` builds in the checkout, wherever `CARGO_TARGET_DIR` points.
    pub(crate) fn packaged_daemon(&self, architecture: Architecture) -> PathBuf {
        daemon_in(&self.root.join("target"), architecture)
    }

    /// The crates, in the sources of a release, which build without a network.
    pub(crate) fn vendor(&self) -> Option<PathBuf> {
        Some(self.root.join("vendor")).filter(|folder| folder.is_dir())
    }

    /// Libraries of another architecture, to compile and link with.
    pub(crate) fn sysroot(&self, architecture: Architecture) -> PathBuf {
        self.tools().join("sysroot").join(architecture.debian())
    }

    /// The folder of the daemon without the filter.
    pub(crate) fn without_filter(&self) -> PathBuf {
        self.target.join("without-ebpf")
    }

    /// The daemon of the dev profile.
    pub(crate) fn debug_daemon(&self) -> PathBuf {
        self.target.join("debug/autora")
    }

    /// Where the manual pages are written.
    pub(crate) fn manual_pages(&self) -> PathBuf {
        self.root.join("target/man")
    }

    /// Where the completions are written.
    pub(crate) fn completions(&self) -> PathBuf {
        self.root.join("target/completions")
    }

    /// Where the package's documents are written.
    pub(crate) fn documents(&self) -> PathBuf {
        self.root.join("target/documents")
    }

    /// The licences of what is linked into the daemon.
    pub(crate) fn notices(&self) -> PathBuf {
        self.root.join("target/notices/THIRD-PARTY-NOTICES")
    }

    /// Where the Debian package is put.
    pub(crate) fn package(&self) -> PathBuf {
        self.root.join("target/package")
    }

    /// Where the RPM is put.
    pub(crate) fn rpm(&self) -> PathBuf {
        self.root.join("target/rpm")
    }

    /// Where a release is put.
    pub(crate) fn dist(&self) -> PathBuf {
        self.root.join("target/dist")
    }

    /// Where the package is built from the sources of a release.
    pub(crate) fn source_test(&self) -> PathBuf {
        self.target.join("source-test")
    }

    /// Where Prometheus is unpacked.
    pub(crate) fn monitoring(&self) -> PathBuf {
        self.tools().join("monitoring")
    }

    /// What is known of mutants, and the copy in which they are made.
    pub(crate) fn mutants(&self) -> PathBuf {
        self.root.join("target/mutants")
    }

    /// Kernels and programs for virtual machines.
    pub(crate) fn vm(&self) -> PathBuf {
        self.root.join("target/vm")
    }

    /// The log of a step whose output is not shown.
    pub(crate) fn log(&self, step: &str) -> PathBuf {
        self.root.join("target/xtask").join(step).with_extension("log")
    }

    /// Returns a path relative to the checkout, for messages.
    pub(crate) fn display(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Returns a command of the cargo that runs this program, in the root of the workspace.
    pub(crate) fn cargo<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).args(args).env("CARGO_TARGET_DIR", &self.target);
        command
    }
}

fn daemon_in(target: &Path, architecture: Architecture) -> PathBuf {
    let folder = if architecture.is_own() { target.to_owned() } else { target.join(architecture.target()) };
    folder.join("release/autora")
}
