//! Cleans up after a program, however it ends: Ctrl-C, a panic, a kill.
//!
//! The program runs as a child of itself. The child deletes its namespaces and ends their processes when it
//! ends normally; the parent deletes those that remain.
#![expect(clippy::print_stderr, reason = "it supervises programs for a terminal")]

use std::{
    env,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitCode},
    sync::atomic::{AtomicI32, Ordering},
};

use nix::{
    libc,
    sys::signal::{SigHandler, Signal, signal},
    unistd::geteuid,
};

use crate::namespace::{self, namespaces_of};

/// The environment variable that marks the child.
const SUPERVISED: &str = "AUTORA_SUPERVISED";

/// The child's process id, for the signal handler.
static CHILD: AtomicI32 = AtomicI32::new(0);

/// Runs `work` in a child of this process and cleans up after it; returns its exit code. `around` is called
/// in the parent, and its value is dropped after the child has ended.
pub fn supervised<T>(name: &str, around: impl FnOnce() -> T, work: impl FnOnce() -> ExitCode) -> ExitCode {
    if env::var_os(SUPERVISED).is_some() {
        return work();
    }
    if !geteuid().is_root() {
        eprintln!("{name} makes network namespaces: run it as root");
        return ExitCode::FAILURE;
    }
    // SAFETY: the handlers call async-signal-safe functions alone. A handler, unlike SIG_IGN, is not
    // inherited on exec.
    unsafe {
        signal(Signal::SIGINT, SigHandler::Handler(ignore)).expect("SIGINT can be handled");
        signal(Signal::SIGTERM, SigHandler::Handler(pass_on)).expect("SIGTERM can be handled");
        let before = signal(Signal::SIGHUP, SigHandler::Handler(pass_on)).expect("SIGHUP can be handled");
        if matches!(before, SigHandler::SigIgn) {
            // Started by `nohup`, which ignores SIGHUP.
            signal(Signal::SIGHUP, before).expect("SIGHUP can be ignored");
        }
    }
    let surroundings = around();
    let mut child = command(name).spawn().expect("this program can be started again");
    CHILD.store(child.id().cast_signed(), Ordering::Relaxed);
    let status = child.wait().expect("it is a child of this process");
    clean_up(&child);
    drop(surroundings);
    if status.code().is_none() {
        eprintln!("\nstopped early ({status}); its namespaces and processes are removed");
    }
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The terminal sends the signal of Ctrl-C to parent and child.
extern "C" fn ignore(_: i32) {}

extern "C" fn pass_on(signal: i32) {
    let child = CHILD.load(Ordering::Relaxed);
    if child > 0 {
        // SAFETY: `kill` is async-signal-safe, and the child keeps its process id until it is waited for.
        unsafe { libc::kill(child, signal) };
    }
}

fn command(name: &str) -> Command {
    let program = env::current_exe().expect("/proc shows the program");
    let mut command = Command::new(&program);
    command.args(env::args_os().skip(1)).env(SUPERVISED, "1").arg0(name);
    if env::var_os("AUTORA_BIN").is_none() {
        command.env("AUTORA_BIN", program.with_file_name("autora"));
    }
    command
}

fn clean_up(child: &Child) {
    for namespace in namespaces_of(child.id()) {
        let inside = Command::new("ip").args(["netns", "pids", &namespace]).output();
        let inside = inside.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let daemons = inside.unwrap_or_default();
        if !daemons.trim().is_empty() {
            drop(Command::new("kill").arg("-KILL").args(daemons.split_whitespace()).status());
        }
        namespace::delete(&namespace);
    }
}
