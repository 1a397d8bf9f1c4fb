//! Daemons that are killed, and the next daemons.

use std::{
    collections::BTreeSet,
    fs, thread,
    time::{Duration, Instant},
};

use autora_tests::{Daemon, Launch, Namespace, bpf_numbers, eventually};
use nix::sys::signal::Signal;

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, rarely};

/// The longest time from the next start until every interface has an RA.
const AGAIN: Duration = Duration::from_secs(4);

const TIMES: u64 = 20;

/// The ids of a daemon's BPF objects, which outlive it if another process holds them.
#[derive(Debug, PartialEq, Eq)]
struct BpfObjects {
    programs: BTreeSet<u32>,
    maps: BTreeSet<u32>,
}

impl BpfObjects {
    /// Reads the ids from `/proc/<pid>/fdinfo`.
    fn of(daemon: &Daemon) -> Self {
        Self { programs: bpf_numbers(daemon.pid(), "prog_id:"), maps: bpf_numbers(daemon.pid(), "map_id:") }
    }

    /// Returns those that still exist.
    fn left(&self) -> Self {
        let programs = aya::programs::loaded_programs().filter_map(|info| Some(info.ok()?.id()));
        let maps = aya::maps::loaded_maps().filter_map(|info| Some(info.ok()?.id()));
        Self {
            programs: programs.filter(|id| self.programs.contains(id)).collect(),
            maps: maps.filter(|id| self.maps.contains(id)).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.programs.is_empty() && self.maps.is_empty()
    }
}

/// Returns the number of raw and packet sockets in the namespace. The test's own are in the guests'
/// namespace.
fn sockets(host: &Namespace) -> usize {
    let table = |name: &str| {
        host.enter(|| fs::read_to_string(format!("/proc/thread-self/net/{name}")).expect("the kernel has it"))
    };
    ["raw6", "packet"].iter().map(|name| table(name).lines().count() - 1).sum()
}

fn clear_captures(lines: &mut [Line]) {
    for line in lines {
        line.capture.clear();
    }
}

fn kill(mut daemon: Daemon) {
    daemon.signal(Signal::SIGKILL);
    assert_eq!(daemon.wait_exit(SOON), -9);
}

#[test]
fn a_killed_daemon_leaves_nothing_and_the_next_serves_all() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 6);
    // One launch, so that all daemons share a runtime directory.
    let launch = Launch::new(&rarely(&[]));
    for round in 0..TIMES {
        // One daemon is killed during its start, a little later each time.
        let early = launch.start(&host);
        thread::sleep(Duration::from_millis(2 * round));
        kill(early);
        clear_captures(&mut lines);

        let started = Instant::now();
        let daemon = launch.start(&host);
        for line in &mut lines {
            line.expect_served((AGAIN + SLACK).saturating_sub(started.elapsed()));
        }
        let objects = BpfObjects::of(&daemon);
        assert_eq!((objects.programs.len(), objects.maps.len() >= 3), (1, true), "{objects:?}");
        assert_eq!(objects.left(), objects, "the control: they exist while the daemon runs");
        assert_eq!(sockets(&host), 11, "the control: one receives, eight send, and two send to long addresses");

        // Answers are pending when the daemon is killed.
        lines.iter().for_each(Line::solicit);
        kill(daemon);
        eventually(SOON, "the end of programs and maps", || objects.left().is_empty().then_some(()));
        assert_eq!(sockets(&host), 0, "round {round}");
    }

    // Solicitations to the killed daemon leave no pending mark: the next one answers.
    clear_captures(&mut lines);
    let _daemon = launch.start(&host);
    for line in &mut lines {
        line.expect_served(AGAIN + SLACK);
    }
    thread::sleep(FLOOR);
    for line in &mut lines {
        line.solicit();
        line.expect_served(MAX_DELAY + SLACK);
    }
}
