//! eBPF programs that are missing, or that the kernel refuses.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use autora::sys::filter::embedded;
use autora_tests::{Launch, Namespace, binary, binary_without_program, copy_program};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, rarely};

/// Checks that the daemon `binary` serves and answers behind the classic filter. Returns its warnings.
fn works(binary: &Path, filter: &str) -> Vec<String> {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let (mut line, mut other) = (Line::new(&host, &guest, 1), Line::new(&host, &guest, 2));
    let launch = Launch::new(&rarely(&[filter])).binary(binary).unprivileged(&["net_raw", "bpf"]);
    let mut daemon = launch.start(&host);
    line.expect_served(SOON);
    other.expect_served(SOON);
    line.solicit();
    line.expect_served(FLOOR + MAX_DELAY + SLACK);
    daemon.wait_for_log(&["started", "filter=classic"], SOON);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(SOON), 0);
    daemon.warnings()
}

/// Returns the one line of a daemon that ends at the start.
fn refuses(binary: &Path, filter: &str) -> String {
    let host = Namespace::host();
    let mut daemon = Launch::new(&rarely(&[filter])).binary(binary).unprivileged(&["net_raw", "bpf"]).start(&host);
    assert_eq!(daemon.wait_exit(SOON), 1);
    let lines = daemon.log();
    let [line] = &lines[..] else { panic!("more than a line: {lines:#?}") };
    line.clone()
}

/// Checks a daemon without a working program: `auto` warns once and serves, `ebpf` ends with the cause, and
/// `classic` serves without a warning.
fn does_without(binary: &Path, why: &[&str]) {
    let all_in = |line: &str| why.iter().all(|word| line.contains(word));
    let warnings = works(binary, "--filter=auto");
    assert!(matches!(&warnings[..], [warning] if all_in(warning)), "{why:?}: {warnings:#?}");
    let refusal = refuses(binary, "--filter=ebpf");
    assert!(all_in(&refusal), "{why:?}: {refusal}");
    assert_eq!(works(binary, "--filter=classic"), [""; 0]);
}

#[test]
fn a_daemon_built_without_a_program() {
    does_without(&binary_without_program(), &["carries no eBPF program", "cargo xtask build-ebpf"]);
}

#[test]
fn a_program_that_the_verifier_refuses() {
    // Every exit instruction becomes `r0 = 0`, so the program runs past its end.
    let (_folder, binary) = damaged(|object| {
        replace_all(object, [0x95, 0, 0, 0, 0, 0, 0, 0], [0xb7, 0, 0, 0, 0, 0, 0, 0]);
    });
    does_without(&binary, &["the kernel's verifier refuses the eBPF filter, please report", "last insn"]);
}

#[test]
fn a_program_without_its_map() {
    let (_folder, binary) = damaged(|object| replace_all(object, *b"\0SERVED\0", *b"\0DEVOUR\0"));
    does_without(&binary, &["the eBPF filter cannot be loaded"]);
}

/// Returns a copy of the daemon that every user may run, with a changed object in it.
fn damaged(damage: impl FnOnce(&mut [u8])) -> (TempDir, PathBuf) {
    let mut daemon = fs::read(binary()).expect("it is there");
    let object = embedded().expect("these tests carry no eBPF program: run `cargo xtask build-ebpf` first");
    // The object is aligned to 8 bytes.
    let places = find_all(&daemon, object, 8);
    let [at] = places[..] else {
        panic!("the daemon carries another eBPF program than these tests: `cargo xtask build` makes it anew")
    };
    damage(&mut daemon[at..at + object.len()]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("it is ours");
    let copy = folder.path().join("autora");
    let bytes = folder.path().join("bytes");
    fs::write(&bytes, daemon).expect("it can be written");
    copy_program(&bytes, &copy);
    fs::set_permissions(&copy, PermissionsExt::from_mode(0o755)).expect("it is ours");
    (folder, copy)
}

/// Returns the offsets of `needle` in `hay` that are multiples of `step`.
fn find_all(hay: &[u8], needle: &[u8], step: usize) -> Vec<usize> {
    (0..hay.len().saturating_sub(needle.len())).step_by(step).filter(|&at| hay[at..].starts_with(needle)).collect()
}

fn replace_all(bytes: &mut [u8], from: [u8; 8], to: [u8; 8]) {
    let places = find_all(bytes, &from, 1);
    assert!(!places.is_empty(), "the program holds no {from:x?}");
    for at in places {
        bytes[at..at + from.len()].copy_from_slice(&to);
    }
}
