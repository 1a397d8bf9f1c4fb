//! Cleaning up whatever happens: Ctrl-C, a failed harness call, a kill.
//!
//! The demonstration runs as a child of itself. Normally it takes down its namespaces and its daemon as it ends; what it
//! could not, the parent does.

use std::{
    env, fs,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitCode},
};

use nix::{
    sys::signal::{SigHandler, Signal, signal},
    unistd::geteuid,
};

/// Tells the child that it is the child.
const PLAY: &str = "AUTORA_DEMO_PLAY";

/// Runs `play` in a child of this process, and cleans up behind it.
pub(crate) fn supervised(play: fn() -> ExitCode) -> ExitCode {
    if env::var_os(PLAY).is_some() {
        return play();
    }
    if !geteuid().is_root() {
        eprintln!("the demonstration makes network namespaces: run it as root");
        return ExitCode::FAILURE;
    }
    // SAFETY: the handler does nothing at all. A handler, unlike SIG_IGN, is not passed on to the child.
    unsafe { signal(Signal::SIGINT, SigHandler::Handler(outlive)) }.expect("SIGINT can be handled");
    let mut child = command().spawn().expect("this program can be started again");
    let status = child.wait().expect("it is our child");
    clean_up(&child);
    if status.code().is_none() {
        eprintln!("\nstopped early ({status}); everything is cleaned up");
    }
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Names of the namespaces that process `pid` has made.
pub(crate) fn namespaces(pid: u32) -> Vec<String> {
    let ours = format!("autora-{pid}-");
    let entries = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with(&ours)).collect()
}

extern "C" fn outlive(_: i32) {}

fn command() -> Command {
    let program = env::current_exe().expect("a process knows its program");
    let mut command = Command::new(&program);
    command.args(env::args_os().skip(1)).env(PLAY, "1").arg0("autora-demo");
    if env::var_os("AUTORA_BIN").is_none() {
        command.env("AUTORA_BIN", program.with_file_name("autora"));
    }
    command
}

fn clean_up(child: &Child) {
    for namespace in namespaces(child.id()) {
        let inside = ip(&["netns", "pids", &namespace]);
        let daemons: Vec<&str> = inside.split_whitespace().collect();
        if !daemons.is_empty() {
            drop(Command::new("kill").arg("-KILL").args(daemons).status());
        }
        ip(&["netns", "delete", &namespace]);
    }
}

fn ip(arguments: &[&str]) -> String {
    let output = Command::new("ip").args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}
