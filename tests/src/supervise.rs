//! Cleaning up behind a program whatever happens: Ctrl-C, a failed harness call, a kill.
//!
//! Such a program runs as a child of itself. Normally it takes down its namespaces and what runs in them as it ends; what
//! it could not, the parent does.
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

/// Tells the child that it is the child.
const PLAY: &str = "AUTORA_PLAY";

/// The child, for the signal handler.
static CHILD: AtomicI32 = AtomicI32::new(0);

/// Runs `play` in a child of this process, and cleans up behind it. `around` is called in the parent; what it returns
/// lives as long as the child.
pub fn supervised<T>(name: &str, around: impl FnOnce() -> T, play: impl FnOnce() -> ExitCode) -> ExitCode {
    if env::var_os(PLAY).is_some() {
        return play();
    }
    if !geteuid().is_root() {
        eprintln!("{name} makes network namespaces: run it as root");
        return ExitCode::FAILURE;
    }
    // SAFETY: what the handlers do is safe in a handler. A handler, unlike SIG_IGN, is not passed on to the child.
    unsafe {
        signal(Signal::SIGINT, SigHandler::Handler(outlive)).expect("SIGINT can be handled");
        signal(Signal::SIGTERM, SigHandler::Handler(pass_on)).expect("SIGTERM can be handled");
        let before = signal(Signal::SIGHUP, SigHandler::Handler(pass_on)).expect("SIGHUP can be handled");
        if matches!(before, SigHandler::SigIgn) {
            // As `nohup` wants it.
            signal(Signal::SIGHUP, before).expect("SIGHUP can be ignored");
        }
    }
    let surroundings = around();
    let mut child = command(name).spawn().expect("this program can be started again");
    CHILD.store(child.id().cast_signed(), Ordering::Relaxed);
    let status = child.wait().expect("it is our child");
    clean_up(&child);
    drop(surroundings);
    if status.code().is_none() {
        eprintln!("\nstopped early ({status}); everything is cleaned up");
    }
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Ctrl-C reaches the child by itself, as the terminal sends it to both.
extern "C" fn outlive(_: i32) {}

extern "C" fn pass_on(signal: i32) {
    let child = CHILD.load(Ordering::Relaxed);
    if child > 0 {
        // SAFETY: `kill` may be called in a handler, and concerns our child, which nobody has waited for yet.
        unsafe { libc::kill(child, signal) };
    }
}

fn command(name: &str) -> Command {
    let program = env::current_exe().expect("a process knows its program");
    let mut command = Command::new(&program);
    command.args(env::args_os().skip(1)).env(PLAY, "1").arg0(name);
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
