//! The mirror with many interfaces, with a small receive buffer, without privileges.

use std::{
    fmt, fs,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use autora::{
    addr::IfIndex,
    engine::{BootInstant, interface::Interface},
    sys::{
        clock,
        netlink::{Change, Netlink, Queries},
    },
};
use autora_tests::Namespace;
use nix::libc;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::watch::{Changes, SOON, Watch};

/// The receive buffer is far too small for the notifications of a thousand links.
#[test]
fn after_an_overrun_the_mirror_is_right_within_two_seconds() {
    const COUNT: usize = 1_000;
    const RECOVERY: Duration = Duration::from_secs(2);
    let host = Namespace::new("netlink");
    host.enter(|| {
        let mut watch = Watch::open(|| Netlink::open_with_receive_buffer(None, 4096));
        watch.drain();
        let before = watch.netlink.counts();
        add_links(&host, COUNT);
        let last_change = Instant::now();
        watch.drain();
        let took = last_change.elapsed();
        assert!(took <= RECOVERY, "{took:?}");
        assert_eq!(watch.known.len(), COUNT + 1);
        watch.expect_truth(Duration::ZERO);
        let after = watch.netlink.counts();
        assert!(after.overruns > before.overruns && after.resyncs > before.resyncs, "{after:?}");

        // The socket works again: the overrun has emptied its queue.
        assert!(watch.drain().is_empty());
        let index = index_of(&mut watch, "d7");
        watch.after("a notification again", index, || _ = host.ip("link set d7 mtu 1400"), |found| found.mtu == 1400);
    });
}

/// Applies what comes at `now`, a time that the test chooses, until nothing is left to do before the next deadline.
fn process_all(watch: &mut Watch, now: BootInstant) -> Changes {
    let mut changes = Changes::default();
    loop {
        watch.netlink.process(64, now).expect("the kernel replies");
        watch.collect(&mut changes);
        if !watch.netlink.is_busy() && watch.netlink.deadline().is_none_or(|at| at > now) {
            return changes;
        }
    }
}

/// Notifications are lost before each datagram of a dump that is applied, and again after its end.
#[test]
fn a_dump_ends_during_overruns_and_one_more_follows_a_second_later() {
    const COUNT: usize = 300;
    let host = Namespace::new("netlink");
    add_links(&host, COUNT);
    let lose = |mtu: usize| batch(&host, (0..100).map(|link| format!("link set d{link} mtu {mtu}")));
    host.enter(|| {
        let mut watch = Watch::open(|| Netlink::open_with_receive_buffer(None, 16 << 10));
        watch.drain();
        let (before, now) = (watch.netlink.counts(), clock::now());
        let mut changes = Changes::default();
        let mut mtu = 1_400;
        while changes.resynced.is_none() {
            mtu += 1;
            assert!(mtu < 1_500, "the dump never ends: {:?}", watch.netlink.counts());
            lose(mtu);
            watch.netlink.process(64, now).expect("the kernel replies");
            watch.collect(&mut changes);
        }
        assert_eq!(changes.resynced, Some(false), "notifications were lost since it began");
        let after = watch.netlink.counts();
        assert!(after.overruns > before.overruns + 2, "the control: {after:?}");

        lose(mtu + 1);
        process_all(&mut watch, now + Duration::from_millis(999));
        assert_eq!(watch.netlink.counts().resyncs, before.resyncs + 1, "one dump so far");
        assert_eq!(watch.netlink.deadline(), Some(now + Duration::from_secs(1)));
        assert_eq!(process_all(&mut watch, now + Duration::from_secs(1)).resynced, Some(true));
        assert_eq!(watch.netlink.counts().resyncs, before.resyncs + 2);
        assert!(watch.known.values().filter(|link| link.mtu == u32::try_from(mtu + 1).expect("small")).count() == 100);
        watch.expect_truth(SOON);
    });
}

/// The address is added while notifications are lost, and a notification about the link's MTU comes during the dump, so
/// that the dump passes it over.
#[test]
fn a_change_that_was_lost_is_found_though_a_notification_comes_during_the_dump() {
    let host = Namespace::new("netlink");
    add_links(&host, 100);
    host.enter(|| {
        let mut watch = Watch::open(|| Netlink::open_with_receive_buffer(None, 16 << 10));
        let index = index_of(&mut watch, "d99");
        watch.drain();
        let before = watch.netlink.counts();
        batch(&host, (0..99).map(|link| format!("link set d{link} mtu 1400")));
        host.ip("address add 2001:db8::1/64 dev d99 nodad");
        let now = clock::now();
        watch.netlink.process(64, now).expect("the kernel replies");
        assert!(watch.netlink.counts().overruns == before.overruns + 1 && watch.netlink.is_busy(), "a dump has begun");
        host.ip("link set d99 mtu 1300");
        process_all(&mut watch, now);
        assert_eq!(watch.known[&index].addresses, [], "the control: the dump passes it over");
        process_all(&mut watch, now + Duration::from_millis(10));
        assert_eq!(watch.known[&index].addresses.len(), 1);
        assert_eq!(watch.netlink.counts().overruns, before.overruns + 1, "the control");
        watch.expect_truth(SOON);
    });
}

#[test]
fn without_an_overrun_there_is_a_notification_of_every_new_interface() {
    const COUNT: usize = 200;
    let host = Namespace::new("netlink");
    Watch::within(&host, |watch| {
        watch.drain();
        let before = watch.netlink.counts();
        add_links(&host, COUNT);
        let changes = watch.drain();
        let there: Vec<_> = watch.dump().interfaces.iter().map(|interface| interface.index).collect();
        assert_eq!(watch.netlink.counts(), before, "nothing was lost, and no single read was needed");
        assert_eq!(changes.changed.into_iter().collect::<Vec<_>>(), there[1..], "all but the loopback");
        watch.expect_truth(SOON);
    });
}

#[test]
fn a_budget_is_kept_and_the_rest_stays_readable() {
    let host = Namespace::new("netlink");
    Watch::within(&host, |watch| {
        watch.drain();
        add_links(&host, 10);
        let mut changes = Changes::default();
        assert!(watch.take(SOON, 0, &mut changes) && changes.is_empty());
        while changes.changed.len() < 10 {
            let before = changes.changed.len();
            assert!(watch.take(SOON, 1, &mut changes), "{changes:?}");
            assert!(changes.changed.len() <= before + 1, "a datagram is about one interface");
        }
    });
}

/// An interface is deleted and another one made with its index and name, before the mirror reads an
/// notification.
#[test]
fn an_interface_that_reuses_an_index_comes_after_the_deletion() {
    let host = Namespace::new("netlink");
    host.ip("link add x index 77 address 02:00:00:00:00:01 type veth peer name y");
    host.ip("address add 2001:db8:1::1/64 dev x nodad");
    Watch::within(&host, |watch| {
        watch.drain();
        let before = watch.netlink.counts();
        let lines = [
            "link delete x",
            "link add x index 77 address 02:00:00:00:00:02 type veth peer name y",
            // The notification of an address with `nodad` would come a moment later (`addrconf_dad_work()`).
            "address add 2001:db8:2::1/64 dev x",
        ];
        batch(&host, lines.into_iter().map(str::to_owned));
        let mut order = Vec::new();
        let index = IfIndex::new(77).expect("not 0");
        while order.last().is_none_or(|seen| !matches!(seen, Some(address) if *address == "2001:db8:2::1")) {
            watch.netlink.process(64, clock::now()).expect("the kernel replies");
            order.extend(std::iter::from_fn(|| watch.netlink.poll_change()).filter_map(|change| match change {
                Change::Gone(gone) if gone == index => Some(None),
                Change::Seen(seen) if seen.index == index => {
                    Some(Some(seen.addresses.first().map_or_else(String::new, |one| one.address.to_string())))
                }
                Change::Gone(_) | Change::Seen(_) | Change::HostForwarding(_) | Change::Resynced { .. } => None,
            }));
        }
        assert_eq!(order, [None, Some("2001:db8:2::1".to_owned())], "one deletion, one interface");
        assert_eq!(watch.netlink.counts(), before, "no single read was needed");
    });
}

/// Random changes of links and addresses. The mirror equals the kernel's dump after each burst, and it
/// queries only changes whose notifications are incomplete.
#[test]
fn after_random_changes_the_mirror_equals_the_dump() {
    const BURSTS: usize = 12;
    let host = Namespace::new("netlink");
    host.ip("link add br0 type bridge");
    let mut storm = Storm::new(1);
    Watch::within(&host, |watch| {
        let mut reads = 0;
        for burst in 0..BURSTS {
            let silent = burst % 2 == 1;
            let lines: Vec<_> = (0..60).flat_map(|_| storm.line(silent)).collect();
            batch_forced(&host, &lines);
            watch.expect_truth(SOON);
            let more = watch.netlink.counts().single_reads - reads;
            reads += more;
            assert!(silent || more == 0, "burst {burst}: {more} single reads after {lines:#?}");
        }
        assert_eq!(watch.netlink.counts().overruns, 0);
        // A resync changes only facts of which the kernel sends no notification.
        let known = watch.notified();
        for _ in 0..2 {
            watch.netlink.resync(clock::now()).expect("the kernel replies");
            let changes = watch.drain();
            assert_eq!((changes.resynced, changes.gone.len()), (Some(true), 0), "{changes:?}");
            assert_eq!(watch.notified(), known);
        }
    });
}

/// A source of random changes.
struct Storm(StdRng);

impl Storm {
    fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Returns lines for `ip`, some of which fail; with `silent`, also changes whose notifications are
    /// incomplete.
    fn line(&mut self, silent: bool) -> Vec<String> {
        let Self(rng) = self;
        let name = format!("s{}", rng.random_range(0..6));
        let (index, suffix) = (rng.random_range(100..106), rng.random_range(1..4));
        let change = rng.random_range(0..if silent { 16 } else { 13 });
        let line = match change {
            0 | 1 => format!("link add {name} index {index} type veth peer name {name}p"),
            2 => format!("link delete {name}"),
            3 | 4 => format!("link set {name} up"),
            5 => format!("link set {name}p up"),
            6 => format!("link set {name} down"),
            7 | 8 => format!("address add 2001:db8::{suffix}/64 dev {name} nodad"),
            9 => format!("address change 2001:db8::{suffix}/64 dev {name} preferred_lft 0"),
            10 => format!("link set {name} mtu {}", [1300, 1400][rng.random_range(0..2)]),
            11 => format!("link set {name} multicast {}", ["on", "off"][rng.random_range(0..2)]),
            12 => format!("link set {name} name s{}", rng.random_range(0..6)),
            13 => format!("address delete 2001:db8::{suffix}/64 dev {name}"),
            14 => format!("link set {name} {}", ["master br0", "nomaster"][rng.random_range(0..2)]),
            _ => {
                return vec![format!("link set {name} mtu 1279"), format!("link set {name} mtu 1500")];
            }
        };
        vec![line]
    }
}

/// Links are made and deleted during the dump, so that the kernel marks it as interrupted. It is complete for
/// the links that stay.
#[test]
fn an_interrupted_dump_is_complete_for_links_that_stay() {
    /// Enough addresses that the kernel needs several datagrams.
    const EACH: usize = 6;
    const COUNT: usize = 300;
    let host = Namespace::new("netlink");
    add_links(&host, COUNT);
    add_addresses(&host, COUNT, EACH);
    let (stop, stopped) = mpsc::channel::<()>();
    let interrupted = thread::scope(|scope| {
        let host = &host;
        scope.spawn(move || {
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                batch(host, (0..100).map(|number| format!("link add noise{number} group 7 type bridge")));
                host.ip("link delete group 7");
            }
        });
        let interrupted = host.enter(|| {
            let mut queries = Queries::open().expect("netlink needs no privilege");
            let deadline = Instant::now() + Duration::from_mins(1);
            let mut interrupted = 0;
            while interrupted < 3 && Instant::now() < deadline {
                let snapshot = queries.dump().expect("the kernel replies");
                let stays = |found: &&Interface| found.name.starts_with('d') && found.addresses.len() == EACH;
                assert_eq!(snapshot.interfaces.iter().filter(stays).count(), COUNT);
                interrupted += usize::from(!snapshot.complete);
            }
            interrupted
        });
        drop(stop);
        interrupted
    });
    assert!(interrupted > 0, "no dump was interrupted");
}

#[test]
fn the_mirror_needs_no_privilege() {
    let host = Namespace::new("netlink");
    add_links(&host, 2);
    let (ready, waiting) = mpsc::channel();
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            host.enter(|| {
                drop_privileges();
                let mut watch = Watch::open(|| Netlink::open(None));
                let index = index_of(&mut watch, "d0");
                watch.drain();
                ready.send(()).expect("the test waits");
                watch.within_time("an event", index, SOON, |found| found.mtu == 1400)
            })
        });
        waiting.recv().expect("the watch is set up");
        host.ip("link set d0 mtu 1400");
        watching.join().expect("an unprivileged user may watch");
    });
}

/// Prints times: `cargo test --release -p autora-tests --test netlink speed -- --ignored --nocapture`.
#[test]
#[ignore = "measures; run it in release"]
fn speed() {
    for count in [10, 100, 1_000, 4_000] {
        let host = Namespace::new("netlink");
        add_links(&host, count);
        add_addresses(&host, count, 1);
        host.enter(|| {
            let mut watch = Watch::open(|| Netlink::open(None));
            let index = index_of(&mut watch, "d5");
            let dump = Figures::of(21, || _ = watch.netlink.dump().expect("a reply"));
            let read = Figures::of(2_001, || _ = watch.queries.read(index).expect("a reply"));
            let facts = Figures::of(2_001, || _ = watch.queries.read_forwarding().expect("a reply"));
            println!("{count:>5} links: dump {dump}; read {read}; conf.all.forwarding {facts}");

            watch.drain();
            let amid = thread::scope(|scope| {
                let storm = scope.spawn(|| {
                    let pairs = (0..250).map(|number| format!("link add x{number} type veth peer name y{number}"));
                    batch(&host, pairs);
                });
                Figures::while_running(|| !storm.is_finished(), || _ = watch.queries.read(index).expect("a reply"))
            });
            watch.drain();
            println!("      while 500 links are made: read {amid}; {:?}", watch.netlink.counts());
        });
    }
}

/// Sorted times of repeated work.
struct Figures(Vec<Duration>);

impl Figures {
    fn of(times: usize, work: impl FnMut()) -> Self {
        let mut left = times;
        Self::while_running(|| left.checked_sub(1).inspect(|rest| left = *rest).is_some(), work)
    }

    fn while_running(mut running: impl FnMut() -> bool, mut work: impl FnMut()) -> Self {
        let mut taken = Vec::new();
        while running() {
            let start = Instant::now();
            work();
            taken.push(start.elapsed());
        }
        taken.sort_unstable();
        Self(taken)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(taken) = self;
        write!(
            f,
            "{:.1?} (99 % {:.1?}, max {:.1?})",
            taken[taken.len() / 2],
            taken[taken.len() * 99 / 100],
            taken[taken.len() - 1]
        )
    }
}

/// Makes `count` interfaces, an even number, from `d0` on: veth pairs.
fn add_links(host: &Namespace, count: usize) {
    let pairs = (0..count).step_by(2);
    batch(host, pairs.map(|number| format!("link add d{number} type veth peer name d{}", number + 1)));
}

/// Adds `each` addresses to each of them.
fn add_addresses(host: &Namespace, count: usize, each: usize) {
    let all = (0..count * each).map(|number| (number % count, number / count));
    batch(host, all.map(|(link, number)| format!("address add 2001:db8:{number}:{link:x}::1/64 dev d{link} nodad")));
}

/// Runs the lines as commands of one `ip` process.
fn batch(host: &Namespace, lines: impl Iterator<Item = String>) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(&file, lines.collect::<Vec<_>>().join("\n") + "\n").expect("a temporary file can be written");
    host.ip(&format!("-batch {}", file.path().display()));
}

/// Runs the lines likewise, and continues after one that fails.
fn batch_forced(host: &Namespace, lines: &[String]) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(&file, lines.join("\n") + "\n").expect("a temporary file can be written");
    let mut ip = Command::new("ip");
    ip.args(["-force", "-batch"]).arg(file.path()).stderr(Stdio::null()).stdout(Stdio::null());
    // Some lines fail, so the exit code is ignored.
    host.enter(|| ip.status()).expect("ip can be run");
}

fn index_of(watch: &mut Watch, name: &str) -> IfIndex {
    let interfaces = watch.dump().interfaces;
    interfaces.iter().find(|interface| interface.name == name).expect("it is there").index
}

/// Drops the privileges of this thread alone: glibc's `setresuid` changes every thread of the process.
fn drop_privileges() {
    const UNPRIVILEGED: libc::c_long = 65_534;
    // SAFETY: the call takes three numbers and touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_setresuid, UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED) };
    assert_eq!(result, 0, "root may change its user");
    let status = fs::read_to_string("/proc/thread-self/status").expect("/proc can be read");
    for line in ["CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "Uid:\t65534\t65534"] {
        assert!(status.contains(line), "{line}: {status}");
    }
}
