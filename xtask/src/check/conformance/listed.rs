//! The tests of the workspace, as `cargo test -- --list` prints them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};

use super::super::kernel::ALONE;
use crate::{
    build::dev::{PRIVILEGED, UNPRIVILEGED, cargo_test},
    process,
    workspace::Workspace,
};

/// The names of tests and of the modules that they are in.
#[derive(Debug)]
pub(super) struct Tests {
    root: PathBuf,
    names: BTreeSet<String>,
    /// Tests with `#[ignore]`.
    ignored: BTreeSet<String>,
}

impl Tests {
    /// Runs the compiled test programs with `--list`.
    pub(super) fn list(workspace: &Workspace) -> Result<Self> {
        let list = |options: &[&str]| {
            let mut cargo = cargo_test(workspace);
            cargo.arg("--quiet").args(UNPRIVILEGED).args(PRIVILEGED).args(["--", "--list"]).args(options);
            let output = cargo.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
            ensure!(output.status.success(), "{} failed", process::line(&cargo));
            Ok(names(&String::from_utf8_lossy(&output.stdout)))
        };
        Ok(Self { root: workspace.root().to_owned(), names: list(&[])?, ignored: list(&["--ignored"])? })
    }

    /// Returns why a cited test does not count, if so. `test` is its file without `.rs`, and its name.
    pub(super) fn fault(&self, test: &str, file: &str) -> Option<String> {
        let (module, name) = test.rsplit_once("::").unwrap_or(("", test));
        let content = fs::read_to_string(self.root.join(file)).unwrap_or_default();
        let why = if !Path::new(file).ends_with(format!("{module}.rs")) {
            "is linked to another file"
        } else if !content.split(|c: char| c != '_' && !c.is_alphanumeric()).any(|word| word == name) {
            "is not in its file"
        } else if !self.names.contains(name) {
            "is in its file, but cargo does not list it"
        } else if self.ignored.contains(name) && !ALONE.contains(&name) {
            "is ignored, and `cargo xtask test` does not run it"
        } else {
            return None;
        };
        Some(format!("the test {test} {why}"))
    }
}

/// A line is `module::name: test`. Where a macro makes several tests of one function, its name is that of a
/// module.
fn names(listed: &str) -> BTreeSet<String> {
    let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    tests.flat_map(|path| path.split("::")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Tests {
        pub(in super::super) fn of(root: &Path, names: &[&str], ignored: &[&str]) -> Self {
            let [names, ignored] = [names, ignored].map(|set| set.iter().map(ToString::to_string).collect());
            Self { root: root.to_owned(), names, ignored }
        }
    }

    #[test]
    fn names_are_read_from_the_list() {
        let listed =
            "running 2 tests\nfleet::one: test\ntwo::classic: test\nthree: benchmark\n\n2 tests, 0 benchmarks\n";
        assert_eq!(names(listed), BTreeSet::from(["fleet", "one", "two", "classic"].map(str::to_owned)));
    }
}
