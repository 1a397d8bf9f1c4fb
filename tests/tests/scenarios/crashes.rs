//! Daemons that are killed, and those that come after them.

use std::{
    collections::BTreeSet,
    fs, thread,
    time::{Duration, Instant},
};

use autora_tests::{Daemon, Launch, Namespace, eventually};
use nix::sys::signal::Signal;

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, rarely};

/// Within this time after a crash every interface advertises again.
const AGAIN: Duration = Duration::from_secs(4);

const TIMES: u64 = 20;

/// What a daemon has in the kernel that would outlive it if somebody else held it.
#[derive(Debug, PartialEq, Eq)]
struct Belongings {
    programs: BTreeSet<u32>,
    maps: BTreeSet<u32>,
}

impl Belongings {
    /// By the ids that the kernel shows of its file descriptors.
    fn of(daemon: &Daemon) -> Self {
        let folder = format!("/proc/{}/fdinfo", daemon.pid());
        let infos: Vec<String> = fs::read_dir(folder)
            .expect("the daemon runs")
            .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok())
            .collect();
        let ids = |name: &str| -> BTreeSet<u32> {
            let lines = infos.iter().flat_map(|info| info.lines());
            lines.filter_map(|line| line.strip_prefix(name)?.trim().parse().ok()).collect()
        };
        Self { programs: ids("prog_id:"), maps: ids("map_id:") }
    }

    /// Those of them that are still there.
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

/// The namespace's raw and packet sockets, none of which is the test's: it watches the guests' ends.
fn sockets(host: &Namespace) -> usize {
    let table = |name: &str| {
        host.enter(|| fs::read_to_string(format!("/proc/thread-self/net/{name}")).expect("the kernel has it"))
    };
    ["raw6", "packet"].iter().map(|name| table(name).lines().count() - 1).sum()
}

fn forget_what_was_seen(lines: &mut [Line]) {
    for line in lines {
        line.capture.clear();
    }
}

fn kill(mut daemon: Daemon) {
    daemon.signal(Signal::SIGKILL);
    assert_eq!(daemon.wait_exit(SOON), -9);
}

#[test]
fn killed_twenty_times_the_next_one_serves_all_again_and_nothing_is_left() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 6);
    // One launch, so that all have whatever one leaves behind for the next.
    let launch = Launch::new(&rarely(&[]));
    for round in 0..TIMES {
        // One that does not live to see everything open, each time a little longer.
        let early = launch.start(&host);
        thread::sleep(Duration::from_millis(2 * round));
        kill(early);
        forget_what_was_seen(&mut lines);

        let started = Instant::now();
        let daemon = launch.start(&host);
        for line in &mut lines {
            line.expect_served((AGAIN + SLACK).saturating_sub(started.elapsed()));
        }
        let belongings = Belongings::of(&daemon);
        assert_eq!((belongings.programs.len(), belongings.maps.len() >= 3), (1, true), "{belongings:?}");
        assert_eq!(belongings.left(), belongings, "the control: they are found while it lives");
        assert_eq!(sockets(&host), 2, "the control: one that receives and one that sends");

        // Some answer is pending when the end comes.
        lines.iter().for_each(Line::solicit);
        kill(daemon);
        eventually(SOON, "the end of programs and maps", || belongings.left().is_empty().then_some(()));
        assert_eq!(sockets(&host), 0, "round {round}");
    }

    // What the guests asked the dead is forgotten: the living one answers.
    forget_what_was_seen(&mut lines);
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
