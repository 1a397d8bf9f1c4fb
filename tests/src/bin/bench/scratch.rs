//! Where the daemons' files lie: in a folder of the parent, which removes it however the measuring ends.

use std::{env, fs, os::unix::process::parent_id, path::PathBuf};

use tempfile::TempDir;

/// The folder, for as long as this exists.
#[derive(Debug)]
pub(crate) struct Scratch;

impl Scratch {
    /// Of this process, for its child.
    pub(crate) fn make() -> Self {
        fs::create_dir_all(folder(std::process::id())).expect("a folder for the daemons' files");
        Self
    }

    /// In the child: a folder in the parent's.
    pub(crate) fn folder() -> TempDir {
        tempfile::tempdir_in(folder(parent_id())).expect("a folder for a daemon's files")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(folder(std::process::id())));
    }
}

fn folder(parent: u32) -> PathBuf {
    env::temp_dir().join(format!("autora-bench-{parent}"))
}
