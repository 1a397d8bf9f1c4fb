//! The programs that tests run: where they are, and how a copy of one is made.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The checkout.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it lies in the workspace")
}

/// The daemon under test: `$AUTORA_BIN`, else the release build beside the running test.
pub fn binary() -> PathBuf {
    existing("AUTORA_BIN", "release/autora", "cargo xtask build")
}

/// A daemon that was built without an eBPF program: `$AUTORA_BIN_WITHOUT_EBPF`, else the one that
/// `cargo xtask test` has built.
pub fn binary_without_program() -> PathBuf {
    existing("AUTORA_BIN_WITHOUT_EBPF", "without-ebpf/autora", "cargo xtask test --only kernel")
}

/// The program that `variable` names, else the one at `path` below the target folder, which `maker` makes.
fn existing(variable: &str, path: &str, maker: &str) -> PathBuf {
    let file = env::var_os(variable).map_or_else(|| target().join(path), PathBuf::from);
    assert!(file.is_file(), "no daemon at {}: `{maker}` makes it", file.display());
    file.canonicalize().expect("it is there")
}

/// `<target>` for a test that runs as `<target>/<profile>/deps/<name>`.
fn target() -> PathBuf {
    let test = env::current_exe().expect("a process knows its program");
    test.ancestors().nth(3).expect("a test is three folders deep in the target folder").to_owned()
}

/// A program of Prometheus: as `cargo xtask setup --tests` has unpacked it, else from the search path.
pub fn prometheus(program: &str) -> PathBuf {
    let unpacked = workspace().join("target/tools/monitoring/usr/bin").join(program);
    if unpacked.is_file() { unpacked } else { PathBuf::from(program) }
}

/// Copies a program that is to be run, in a process of its own: were the copy open for writing in this one, a
/// child that another test starts at the same time would hold it open too, and the kernel runs nothing that may
/// be written to (ETXTBSY).
pub fn copy_program(from: &Path, to: &Path) {
    run(Command::new("cp").arg(from).arg(to));
}

/// Runs a command to its end, which must be a success; returns its standard output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}: {}", output.status, text(&output.stderr));
    text(&output.stdout)
}
