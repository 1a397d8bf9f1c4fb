//! The filter's map from outside: the entry of an interface comes with the first advertisement that may leave, and goes
//! before the final one.

use std::{collections::BTreeSet, fs, thread, time::Duration};

use autora_common::maps::{PendingMark, SERVED};
use autora_tests::{Capture, Daemon, Namespace, Veth, eventually};
use aya::maps::{HashMap, Map, MapData};
use nix::sys::signal::Signal;

use crate::bench::{AT_ONCE, FLOOR, Line, SLACK, SOON, on_both_paths, rarely};

on_both_paths!(
    it_goes_before_the_final_one_and_comes_when_the_floor_is_over,
    it_goes_though_the_final_one_is_refused,
    it_goes_everywhere_when_the_daemon_stops,
    without_a_carrier_there_is_none_yet,
);

/// The map of served interfaces of one daemon.
struct Served(HashMap<MapData, u32, PendingMark>);

impl Served {
    /// By way of the file descriptors that the daemon holds.
    fn of(daemon: &Daemon) -> Self {
        let folder = format!("/proc/{}/fdinfo", daemon.pid());
        let files = fs::read_dir(&folder).expect("the daemon runs");
        let ids = files.filter_map(|file| {
            let info = fs::read_to_string(file.ok()?.path()).ok()?;
            info.lines().find_map(|line| line.strip_prefix("map_id:")?.trim().parse::<u32>().ok())
        });
        let maps = ids.map(|id| MapData::from_id(id).expect("a map that is in use"));
        let is_served = |map: &MapData| map.info().expect("it is there").name_as_str() == Some(SERVED);
        let served = maps.into_iter().find(is_served).expect("the daemon has a map of served interfaces");
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

fn it_goes_before_the_final_one_and_comes_when_the_floor_is_over(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let [mut line, mut control] = [1, 2].map(|number| Line::new(&host, &guest, number));
    let daemon = Daemon::start(&host, &rarely(arguments));
    let first = line.expect_served(SOON);
    control.expect_served(SOON);
    let served = Served::of(&daemon);
    assert!(served.has(&line) && served.has(&control));

    line.link.host.sysctl("forwarding", 0);
    served.wait_until_gone(&line);
    // The floor still holds the final RA back.
    assert!(line.seen(Duration::ZERO).1.is_empty());
    let final_ra = line.capture.expect_advert(FLOOR + SLACK);
    assert!(final_ra.is_final() && final_ra.since(first.at) >= FLOOR, "{final_ra:?}");
    assert!(!served.has(&line));

    // Fit again, and it has to wait for the end of the 3 s: until then whoever asks is not heard.
    line.link.host.sysctl("forwarding", 1);
    eventually(SOON, "its being fit again", || (daemon.served("vm1") == 2).then_some(()));
    thread::sleep(Duration::from_millis(500));
    assert!(!served.has(&line));
    assert!(line.seen(Duration::ZERO).1.is_empty());
    assert!(line.expect_served(FLOOR + SLACK).since(final_ra.at) >= FLOOR);
    assert!(served.has(&line) && served.has(&control));
}

fn it_goes_though_the_final_one_is_refused(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let [mut line, mut control] = [1, 2].map(|number| Line::new(&host, &guest, number));
    let daemon = Daemon::start(&host, &rarely(arguments));
    line.expect_served(SOON);
    let served = Served::of(&daemon);
    thread::sleep(FLOOR);
    // A queue without room: the kernel refuses whatever is to leave.
    host.run(std::process::Command::new("tc").args("qdisc add dev vm1 root pfifo limit 0".split(' ')));
    line.link.host.sysctl("forwarding", 0);
    daemon.wait_for_log(&["could not be sent", "interface=vm1", "cause=final"], SOON);
    assert!(!served.has(&line));
    control.expect_answer();
    assert!(line.seen(Duration::ZERO).1.is_empty());
    assert!(!served.has(&line) && served.has(&control));

    // The next life is as good as any: its entry comes, and once there is room, its advertisement.
    line.link.host.sysctl("forwarding", 1);
    host.run(std::process::Command::new("tc").args("qdisc delete dev vm1 root".split(' ')));
    line.expect_served(SOON);
    assert!(served.has(&line));
}

fn it_goes_everywhere_when_the_daemon_stops(arguments: &[&str]) {
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
    assert!(daemon.is_running(), "the floor holds its final RAs back");
    for line in &mut lines {
        assert!(line.seen(Duration::ZERO).1.is_empty());
    }
    assert_eq!(daemon.wait_exit(SOON), 0);
    for line in &mut lines {
        assert!(line.capture.expect_advert(Duration::ZERO).is_final());
    }
}

fn without_a_carrier_there_is_none_yet(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "g1"));
    // It has everything, and nobody is there: it is fit, and waits.
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
