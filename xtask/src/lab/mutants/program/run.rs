//! Runs the tests of the program on one mutant.

use std::{
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use super::super::{
    mutant::Mutant,
    stage::Stage,
    tree::{PROPERTIES, Tree},
};

/// The most memory that the tests may have: a mutant may collect for ever.
const MEMORY: u64 = 2 << 30;

/// A test has failed, as libtest says it, and the first panic as well.
const FAILED: i32 = 101;

/// What ends tests that fail without a panic: processor time (SIGXCPU), memory or a stack that is full (SIGABRT,
/// SIGSEGV).
const SIGNALS: [i32; 3] = [24, 6, 11];

/// An executable with tests.
#[derive(Debug)]
pub(super) struct Tests {
    executable: PathBuf,
}

impl Tests {
    /// Finds the executables that cargo has named.
    pub(super) fn find(tree: &Tree, output: &str) -> Result<Vec<Self>> {
        let named = output.lines().filter_map(|line| line.trim_start().strip_prefix("Executable ")?.split_once('('));
        let paths = named.filter_map(|(_, path)| path.trim_end().strip_suffix(')'));
        let found: Vec<_> = paths.map(|path| Self { executable: tree.path(path) }).collect();
        ensure!(found.len() == 3, "cargo named {found:?}, and not the tests of two crates and the simulation");
        Ok(found)
    }

    /// Returns the stage that they belong to.
    pub(super) fn stage(&self) -> Stage {
        if self.name().starts_with("simulation-") { Stage::Simulation } else { Stage::Unit }
    }

    /// Returns whether they test the crate of a mutant.
    pub(super) fn are_for(&self, mutant: &Mutant) -> bool {
        self.name().starts_with("autora_common-") == mutant.file().starts_with("autora-common/")
    }

    fn name(&self) -> &str {
        self.executable.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// Returns whether a test fails on the mutant with this number, or takes more processor time than `limit`: a busy
    /// machine takes none of that away.
    pub(super) fn notice(&self, number: usize, limit: Duration) -> Result<bool> {
        let status = self.command(number, limit).status().context("cannot start prlimit, of util-linux")?;
        conclude(status).with_context(|| format!("with the mutant {number}, {}", self.executable.display()))
    }

    fn command(&self, number: usize, limit: Duration) -> Command {
        let seconds = limit.as_secs();
        let mut command = Command::new("prlimit");
        command.args([format!("--cpu={seconds}:{}", seconds + 5), format!("--as={MEMORY}"), "--core=0".to_owned()]);
        command.arg(&self.executable).args(["--test-threads=1", "--quiet"]);
        command.env("AUTORA_MUTANT", number.to_string()).env("RUST_BACKTRACE", "0").envs(PROPERTIES);
        command.current_dir(self.executable.parent().unwrap_or(Path::new("/")));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

fn conclude(status: ExitStatus) -> Result<bool> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(false),
        (Some(FAILED), _) => Ok(true),
        (_, Some(signal)) if SIGNALS.contains(&signal) => Ok(true),
        _ => bail!("the tests ended in a way that says nothing: {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_of_the_tests_counts() {
        let ended = |raw| conclude(ExitStatus::from_raw(raw)).ok();
        assert_eq!([ended(0), ended(101 << 8)], [Some(false), Some(true)]);
        assert_eq!([ended(24), ended(6)], [Some(true), Some(true)]);
        assert_eq!([ended(1 << 8), ended(127 << 8), ended(15), ended(9)], [None; 4]);
    }

    #[test]
    fn processor_time_is_limited_and_waiting_is_not() {
        let folder = std::env::temp_dir().join(format!("autora-mutants-run-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let tests = |script: &str| {
            let executable = folder.join("tests-1");
            // Written by another process: a file that is open for writing anywhere cannot be executed.
            let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod +x \"$0\"";
            Command::new("sh").args(["-c", write]).arg(&executable).arg(script).status().unwrap();
            Tests { executable }.notice(1, Duration::from_secs(1)).ok()
        };
        assert_eq!(tests("while :; do :; done"), Some(true));
        assert_eq!(tests("sleep 2"), Some(false), "the control");
        assert_eq!(tests("exit 101"), Some(true));
        assert_eq!(tests("exit 1"), None);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
