//! A demonstration of autora's main job in network namespaces, which are deleted afterwards: `cargo xtask
//! demo`.
//!
//! A host has four served interfaces and two that must not be served. The daemon runs as an unprivileged user
//! with the eBPF filter, and the guests' own kernels use its RAs. Every claim is a check; the exit code tells
//! whether all held.

mod probe;
mod sections;
mod topology;

use std::{process::ExitCode, thread, time::Duration};

use autora_tests::{Launch, namespaces_of, supervise, terminal::Screen};

use crate::{probe::Start, topology::Topology};

/// The daemon's arguments. A heartbeat each second, as it carries the filter's counters.
const ARGUMENTS: [&str; 6] = ["--interface-regex", topology::REGEX, "--filter", "ebpf", "--heartbeat-interval", "1s"];

/// The capabilities that the daemon starts with.
const CAPABILITIES: [&str; 2] = ["net_raw", "bpf"];

fn main() -> ExitCode {
    supervise::supervised("autora-demo", || (), demonstrate)
}

fn demonstrate() -> ExitCode {
    let mut screen = Screen::new();
    screen.title("autora: addresses and default routes for guests, by Router Advertisement");
    let mut topology = Topology::build();
    let launch = Launch::new(&ARGUMENTS).unprivileged(&CAPABILITIES);
    let (arrivals, (mut daemon, start)) = probe::arrivals(&topology, || {
        let start = Start::now();
        (launch.start(&topology.host), start)
    });
    sections::host(&mut screen, &topology, &daemon);
    sections::guests(&mut screen, &mut topology, &arrivals, start);
    sections::advertisement(&mut screen, &mut topology);
    // The 3 s floor since the first RA has to be over, so that an answer can leave at once.
    thread::sleep(Duration::from_millis(3100).saturating_sub(start.instant.elapsed()));
    sections::burst(&mut screen, &mut topology, &daemon);
    sections::withdrawal(&mut screen, &mut topology, &mut daemon);
    screen.explain_failures(&daemon.log());
    drop((daemon, topology));
    screen.check(namespaces_of(std::process::id()).is_empty(), "all namespaces of this demonstration are deleted");
    screen.verdict()
}
