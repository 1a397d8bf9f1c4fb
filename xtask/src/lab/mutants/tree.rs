//! The copy of the sources in which mutants are made: a workspace of the pure layers and their tests.
//!
//! The layers know nothing of what stands above them, so they compile by themselves, with a few of the daemon's crates
//! and none of its tests of sockets and files. That takes a fraction of the time; and an interrupted run leaves its
//! mutant in the copy.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{process, setup::cargo_tool::CARGO_MUTANTS, workspace::Workspace};

/// What is copied.
const SOURCES: &[&str] = &[
    "Cargo.lock",
    "autora-common/Cargo.toml",
    "autora-common/src",
    "autora/src/addr.rs",
    "autora/src/addr",
    "autora/src/diagnosis.rs",
    "autora/src/diagnosis",
    "autora/src/engine",
    "autora/src/wire",
    // The simulation restarts the fleet from the text of a state file.
    "autora/src/sys/state_file/format.rs",
    "autora/src/sys/state_file/format",
    "autora/tests/simulation",
];

/// The crate with the layers.
pub(super) const LIBRARY: &str = "\
pub mod addr;
pub mod diagnosis;
pub mod engine;
pub mod wire;

pub mod sys {
    pub mod state_file {
        mod format;
        pub use self::format::{DecodeError, State, decode, encode, encode_updates};
    }
}
";

/// Its manifest: the crates that the layers and their tests need.
const MANIFEST: &str = r#"[package]
name = "autora"
version.workspace = true
edition.workspace = true
rust-version.workspace = true

[dependencies]
autora-common.workspace = true
rand.workspace = true
regex.workspace = true
serde.workspace = true
serde_json.workspace = true
thiserror.workspace = true

[dev-dependencies]
humantime.workspace = true
proptest.workspace = true
schemars.workspace = true
"#;

/// The crates that the copies need are compiled once.
const PROFILE: &str = r#"
[profile.dev.package."*"]
opt-level = 3

[profile.dev]
debug = false
"#;

/// Where the time goes that a mutant takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Optimization {
    /// Into compiling, for each mutant.
    OfCompiling,
    /// Into the tests: all mutants are compiled together.
    OfTests,
}

impl Optimization {
    const fn level(self) -> u8 {
        match self {
            Self::OfCompiling => 0,
            Self::OfTests => 2,
        }
    }
}

/// A failing property must fail, and need not find its smallest case or keep it. Each mutant meets the same cases.
pub(super) const PROPERTIES: [(&str, &str); 3] =
    [("PROPTEST_MAX_SHRINK_ITERS", "0"), ("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1"), ("PROPTEST_RNG_SEED", "1")];

/// The copy.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    /// The workspace that it is a copy of.
    origin: PathBuf,
    /// Cargo's target directory: all copies have the crates in common that they need.
    target: PathBuf,
}

impl Tree {
    /// Writes what has changed since the last time, and what a mutant has changed, to a folder of this name.
    pub(super) fn write(workspace: &Workspace, name: &str, optimization: Optimization) -> Result<Self> {
        let (root, origin) = (workspace.mutants().join(name), workspace.root().to_owned());
        let tree = Self { root, origin, target: workspace.mutants().join("target") };
        for source in SOURCES {
            copy(&tree.origin(source), &tree.path(source))
                .with_context(|| format!("cannot copy {source} to {}", tree.root.display()))?;
        }
        let manifest = fs::read_to_string(tree.origin("Cargo.toml"))?;
        tree.update("Cargo.toml", &workspace_manifest(&manifest, optimization))?;
        tree.update("autora/Cargo.toml", MANIFEST)?;
        tree.update("autora/src/lib.rs", LIBRARY)?;
        Ok(tree)
    }

    /// Returns where a file is in the copy.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    /// Returns what it is a copy of.
    pub(super) fn origin(&self, file: &str) -> PathBuf {
        self.origin.join(file)
    }

    /// Writes a file of the copy.
    pub(super) fn update(&self, file: &str, content: &str) -> Result<()> {
        update(&self.path(file), content.as_bytes())
    }

    /// Returns what cargo-mutants lists: all mutants, in the order of the sources.
    pub(super) fn list(&self, workspace: &Workspace) -> Result<String> {
        let mut list = self.command(Command::new(CARGO_MUTANTS.path(workspace)));
        list.args(["mutants", "--workspace", "--no-config", "--list"]);
        process::query(&mut list).with_context(|| format!("{} failed", process::line(&list)))
    }

    /// Makes a command run in the copy.
    pub(super) fn command(&self, mut command: Command) -> Command {
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target).envs(PROPERTIES);
        // A backtrace of each failure would take longer than the tests.
        command.env("RUST_BACKTRACE", "0");
        command
    }
}

/// Returns the manifest of the copy: the workspace's versions and lints, with other members and another profile.
fn workspace_manifest(manifest: &str, optimization: Optimization) -> String {
    let shared = manifest.split_once("[workspace.package]").map_or("", |(_, rest)| rest);
    let shared = shared.split_once("\n[profile.").map_or(shared, |(shared, _)| shared);
    format!(
        "[workspace]\nresolver = \"3\"\nmembers = [\"autora\", \"autora-common\"]\n\n[workspace.package]{shared}\n{PROFILE}opt-level = {}\n",
        optimization.level()
    )
}

/// Copies a file, or a folder with all in it and nothing else.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return update(to, &fs::read(from)?);
    }
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        copy(&from.join(&name), &to.join(&name))?;
    }
    for entry in fs::read_dir(to)?.flatten().filter(|entry| !from.join(entry.file_name()).exists()) {
        let gone = entry.path();
        if gone.is_dir() { fs::remove_dir_all(&gone)? } else { fs::remove_file(&gone)? }
    }
    Ok(())
}

/// Writes a file unless it is so already: cargo compiles what is newer than its last result.
fn update(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|before| before == content) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_is_there() {
        let root = Workspace::locate().root().to_owned();
        let gone: Vec<_> = SOURCES.iter().filter(|source| !root.join(source).exists()).collect();
        assert!(gone.is_empty(), "{gone:?}");
    }

    #[test]
    fn the_copy_has_nothing_that_is_gone() {
        let folder = std::env::temp_dir().join(format!("autora-mutants-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("to"));
        update(&from.join("a/kept.rs"), b"1").unwrap();
        update(&to.join("a/gone.rs"), b"2").unwrap();
        update(&to.join("gone/x.rs"), b"3").unwrap();
        copy(&from, &to).unwrap();
        assert!(to.join("a/kept.rs").exists());
        assert!(!to.join("a/gone.rs").exists() && !to.join("gone").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_copy_shares_versions_and_lints_and_has_its_own_profile() {
        let manifest = fs::read_to_string(Workspace::locate().root().join("Cargo.toml")).expect("it is there");
        let made = workspace_manifest(&manifest, Optimization::OfTests);
        for part in ["[workspace.package]\nversion", "[workspace.dependencies]", "rand = ", "[workspace.lints.clippy]"]
        {
            assert_eq!(made.matches(part).count(), 1, "{part}");
        }
        assert!(!made.contains("xtask") && !made.contains("[profile.release]"), "{made}");
        assert!(made.ends_with(&format!("{PROFILE}opt-level = 2\n")));
    }
}
