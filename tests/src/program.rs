//! Finds, copies and runs the programs under test.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Returns the root of the checkout.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it lies in the workspace")
}

/// Returns the daemon under test: `$AUTORA_BIN`, else the release build beside the running test.
pub fn binary() -> PathBuf {
    existing("AUTORA_BIN", "release/autora", "cargo xtask build")
}

/// Returns a daemon that was built without an eBPF program: `$AUTORA_BIN_WITHOUT_EBPF`, else the build of
/// `cargo xtask test`.
pub fn binary_without_program() -> PathBuf {
    existing("AUTORA_BIN_WITHOUT_EBPF", "without-ebpf/autora", "cargo xtask test --only kernel")
}

/// Returns the program that `variable` names, else `path` below the target folder, which the command `maker`
/// builds.
fn existing(variable: &str, path: &str, maker: &str) -> PathBuf {
    let file = env::var_os(variable).map_or_else(|| target().join(path), PathBuf::from);
    assert!(file.is_file(), "no daemon at {}: `{maker}` builds it", file.display());
    file.canonicalize().expect("it exists")
}

/// Returns `<target>` for a test that runs as `<target>/<profile>/deps/<name>`.
fn target() -> PathBuf {
    let test = env::current_exe().expect("/proc shows the program");
    test.ancestors().nth(3).expect("a test is three folders deep in the target folder").to_owned()
}

/// Returns a program of Prometheus: unpacked by `cargo xtask setup --tests`, else from the search path.
pub fn prometheus(program: &str) -> PathBuf {
    let unpacked = workspace().join("target/tools/monitoring/usr/bin").join(program);
    if unpacked.is_file() { unpacked } else { PathBuf::from(program) }
}

/// Copies a program in a process of its own. If this process had the copy open for writing, a child that
/// another test starts at that moment would inherit the descriptor, and the kernel executes no file that is
/// open for writing (ETXTBSY).
pub fn copy_program(from: &Path, to: &Path) {
    run(Command::new("cp").arg(from).arg(to));
}

/// Runs a command to its end; returns its standard output. Panics if it fails.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}: {}", output.status, text(&output.stderr));
    text(&output.stdout)
}
