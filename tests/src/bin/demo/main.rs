//! The main job of autora before your eyes, in network namespaces that are gone afterwards: `cargo xtask demo`.
//!
//! A host with four guests (and two interfaces that must be left alone), the real daemon as a user that is not root
//! with the eBPF filter, and what the guests' own kernels make of it. Every claim is a check; the exit code says whether
//! all of them held.

mod acts;
mod probe;
mod stage;

use std::{process::ExitCode, thread, time::Duration};

use autora_tests::{Launch, namespaces_of, supervise, terminal::Screen};

use crate::{probe::Start, stage::Stage};

/// What the daemon is told. A heartbeat each second, as that is where the filter's counters are read from.
const ARGUMENTS: [&str; 6] =
    ["--interface-regex", stage::REGEX, "--filter", "ebpf", "--heartbeat-interval", "1s"];

/// All that the daemon needs, and all that it is given.
const CAPABILITIES: [&str; 2] = ["net_raw", "bpf"];

fn main() -> ExitCode {
    supervise::supervised("autora-demo", || (), play)
}

fn play() -> ExitCode {
    let mut screen = Screen::new();
    screen.title("autora: addresses and default routes for guests, by Router Advertisement");
    let mut stage = Stage::build();
    let launch = Launch::new(&ARGUMENTS).unprivileged(&CAPABILITIES);
    let (arrivals, (mut daemon, start)) = probe::arrivals(&stage, || {
        let start = Start::now();
        (launch.start(&stage.host), start)
    });
    acts::scene(&mut screen, &stage, &daemon);
    acts::arrivals(&mut screen, &mut stage, &arrivals, start);
    acts::advertisement(&mut screen, &mut stage);
    // Two RAs on one link are never less than 3 s apart. From here on an answer is free to leave at once.
    thread::sleep(Duration::from_millis(3100).saturating_sub(start.instant.elapsed()));
    acts::burst(&mut screen, &mut stage, &daemon);
    acts::withdrawal(&mut screen, &mut stage, &mut daemon);
    screen.explain_failures(&daemon.log());
    drop((daemon, stage));
    screen.check(namespaces_of(std::process::id()).is_empty(), "nothing is left of the namespaces");
    screen.verdict()
}
