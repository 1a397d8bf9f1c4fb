//! The SERVED map from outside: the entry of an interface is added with the first RA that may leave, and
//! removed before the final RA.

use std::{collections::BTreeSet, thread, time::Duration};

use autora_common::maps::{PendingMark, SERVED};
use autora_tests::{Capture, Daemon, Namespace, Veth, bpf_numbers, eventually};
use aya::maps::{HashMap, Map, MapData};
use nix::sys::signal::Signal;

use crate::bench::{AT_ONCE, FLOOR, Line, SLACK, SOON, on_both_paths, rarely};

on_both_paths!(
    an_entry_is_removed_before_the_final_ra_and_added_after_the_floor,
    all_entries_are_removed_when_the_daemon_stops,
    an_interface_that_is_paused_at_the_start_has_no_entry,
);

/// The SERVED map of one daemon.
struct Served(HashMap<MapData, u32, PendingMark>);

impl Served {
    /// Opens the map by the ids of the daemon's file descriptors.
    fn of(daemon: &Daemon) -> Self {
        let ids = bpf_numbers(daemon.pid(), "map_id:").into_iter();
        let maps = ids.map(|id| MapData::from_id(id).expect("a map that is in use"));
        let is_served = |map: &MapData| map.info().expect("it is there").name_as_str() == Some(SERVED);
        let served = maps.into_iter().find(is_served).expect("the daemon has a SERVED map");
        Self(HashMap::try_from(Map::from_map_data(served).expect("a hash map")).expect("of these types"))
    }

    fn indices(&self) -> BTreeSet<u32> {
        self.0.keys().collect::<Result<_, _>>().expect("the map can be read")
    }

    fn has(&self, line: &Line) -> bool {
        self.indices().contains(&line.link.host.index())
    }

    fn wait_until_gone(&self, line: &Line) {
        eventually(Duration::from_secs(1), "the end of the entry", || (!self.has(line)).then_some(()));
    }
}

fn an_entry_is_removed_before_the_final_ra_and_added_after_the_floor(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let [mut line, mut control] = [1, 2].map(|number| Line::new(&host, &guest, number));
    let daemon = Daemon::start(&host, &rarely(arguments));
    let first = line.expect_served(SOON);
    control.expect_served(SOON);
    let served = Served::of(&daemon);
    assert!(served.has(&line) && served.has(&control));

    line.link.host.sysctl("forwarding", 0);
    served.wait_until_gone(&line);
    // The floor still delays the final RA.
    assert!(line.seen(Duration::ZERO).1.is_empty());
    let final_ra = line.capture.expect_advert(FLOOR + SLACK);
    assert!(final_ra.is_final() && final_ra.since(first.at) >= FLOOR, "{final_ra:?}");
    assert!(!served.has(&line));

    // The interface is fit again. Until the floor is over it has no entry, so solicitations are dropped.
    line.link.host.sysctl("forwarding", 1);
    eventually(SOON, "the interface to be fit again", || (daemon.served("vm1") == 2).then_some(()));
    thread::sleep(Duration::from_millis(500));
    assert!(!served.has(&line));
    assert!(line.seen(Duration::ZERO).1.is_empty());
    assert!(line.expect_served(FLOOR + SLACK).since(final_ra.at) >= FLOOR);
    assert!(served.has(&line) && served.has(&control));
}

/// Through the raw socket: the packet socket passes by the queue.
#[test]
fn an_entry_is_removed_even_if_the_final_ra_cannot_be_sent() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let [mut line, mut control] = [1, 2].map(|number| Line::new(&host, &guest, number));
    let daemon = Daemon::start(&host, &rarely(&["--send=raw"]));
    line.expect_served(SOON);
    let served = Served::of(&daemon);
    thread::sleep(FLOOR);
    // A queue without room: the kernel refuses every packet.
    host.run(std::process::Command::new("tc").args("qdisc add dev vm1 root pfifo limit 0".split(' ')));
    line.link.host.sysctl("forwarding", 0);
    daemon.wait_for_log(&["could not be sent", "interface=vm1", "cause=final"], SOON);
    assert!(!served.has(&line));
    control.expect_answer();
    assert!(line.seen(Duration::ZERO).1.is_empty());
    assert!(!served.has(&line) && served.has(&control));

    // When the interface is served again, its entry is added, and its RA leaves once the queue has room.
    line.link.host.sysctl("forwarding", 1);
    host.run(std::process::Command::new("tc").args("qdisc delete dev vm1 root".split(' ')));
    line.expect_served(SOON);
    assert!(served.has(&line));
}

fn all_entries_are_removed_when_the_daemon_stops(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 5);
    let mut daemon = Daemon::start(&host, &rarely(arguments));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    let served = Served::of(&daemon);
    assert_eq!(served.indices().len(), lines.len());
    daemon.signal(Signal::SIGTERM);
    for line in &lines {
        served.wait_until_gone(line);
    }
    assert!(daemon.is_running(), "the floor delays the final RAs");
    for line in &mut lines {
        assert!(line.seen(Duration::ZERO).1.is_empty());
    }
    assert_eq!(daemon.wait_exit(SOON), 0);
    for line in &mut lines {
        assert!(line.capture.expect_advert(Duration::ZERO).is_final());
    }
}

fn an_interface_that_is_paused_at_the_start_has_no_entry(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "g1"));
    // The interface is fit but has no carrier, so it is paused.
    link.guest.set("down");
    link.host.add_address("2001:db8:0:1::1/64");
    let mut control = Line::new(&host, &guest, 2);
    let daemon = Daemon::start(&host, &rarely(arguments));
    control.expect_served(SOON);
    daemon.wait_for_log(&["paused", "interface=vm1"], SOON);
    let served = Served::of(&daemon);
    assert_eq!(served.indices(), [control.link.host.index()].into());

    let mut capture = Capture::on(&link.guest);
    link.guest.set("up");
    capture.expect_advert(AT_ONCE);
    assert_eq!(served.indices(), [control.link.host.index(), link.host.index()].into());
}
