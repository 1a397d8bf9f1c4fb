//! Many interfaces, little room, no privilege.

use std::{
    fmt, fs,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use autora::{
    addr::IfIndex,
    engine::interface::Interface,
    sys::netlink::{Changes, Netlink, Queries},
};
use autora_tests::Namespace;
use nix::libc;

use crate::watch::{SOON, Watch};

/// With a buffer that keeps next to nothing of what a thousand links announce.
#[test]
fn an_overrun_is_reported_and_the_dump_after_it_is_whole() {
    const COUNT: usize = 1_000;
    const RECOVERY: Duration = Duration::from_secs(2);
    let host = Namespace::new("netlink");
    host.enter(|| {
        let mut watch = Watch::open(|| Netlink::open_with_receive_buffer(4096));
        watch.settle();
        add_links(&host, COUNT);
        let mut changes = Changes::default();
        let last_change = Instant::now();
        assert!(watch.take(SOON, 1, &mut changes) && changes.overrun, "{changes:?}");
        let found = watch.dump().interfaces;
        let took = last_change.elapsed();
        assert!(took <= RECOVERY, "{took:?}");
        assert_eq!(found.len(), COUNT + 1);
        let mut queries = Queries::open().expect("netlink needs no privilege");
        assert_eq!(found, queries.dump().expect("an answer").interfaces, "what another one finds");

        // What was waiting is gone with the overrun: until then the socket would have been deaf.
        assert!(watch.settle().is_empty());
        let index = index_of(&mut watch, "d7");
        watch.after("heard again", index, || _ = host.ip("link set d7 mtu 1400"), |found| found.mtu == 1400);
    });
}

#[test]
fn without_an_overrun_every_interface_is_named() {
    const COUNT: usize = 200;
    let host = Namespace::new("netlink");
    Watch::within(&host, |watch| {
        watch.settle();
        add_links(&host, COUNT);
        let changes = watch.settle();
        let there: Vec<_> = watch.dump().interfaces.iter().map(|interface| interface.index).collect();
        assert!(!changes.overrun);
        assert_eq!(changes.dirty.into_iter().collect::<Vec<_>>(), there[1..], "all but the loopback");
    });
}

#[test]
fn a_budget_is_kept_and_the_rest_stays_readable() {
    let host = Namespace::new("netlink");
    Watch::within(&host, |watch| {
        watch.settle();
        add_links(&host, 10);
        let mut changes = Changes::default();
        assert!(watch.take(SOON, 0, &mut changes) && changes.is_empty());
        assert!(watch.take(SOON, 1, &mut changes));
        assert_eq!(changes.dirty.len(), 1, "a datagram is about one interface");
        while changes.dirty.len() < 10 {
            assert!(watch.take(SOON, 1, &mut changes), "{changes:?}");
        }
    });
}

/// Links come and go during the dump, so that the kernel interrupts it: what is said of those that stay is true all the
/// same.
#[test]
fn a_dump_amid_changes_is_true_of_what_stays() {
    /// So many addresses that the kernel does not list them in one go.
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
                let snapshot = queries.dump().expect("the kernel answers");
                let stays = |found: &&Interface| found.name.starts_with('d') && found.addresses.len() == EACH;
                assert_eq!(snapshot.interfaces.iter().filter(stays).count(), COUNT);
                interrupted += usize::from(!snapshot.complete);
            }
            interrupted
        });
        drop(stop);
        interrupted
    });
    assert!(interrupted > 0, "too quiet to show anything");
}

#[test]
fn no_privilege_is_needed() {
    let host = Namespace::new("netlink");
    add_links(&host, 2);
    let (ready, told) = mpsc::channel();
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            host.enter(|| {
                become_nobody();
                let mut watch = Watch::open(Netlink::open);
                let index = index_of(&mut watch, "d0");
                watch.settle();
                ready.send(()).expect("the test waits");
                watch.within_time("an event", index, SOON, |found| found.mtu == 1400)
            })
        });
        told.recv().expect("the watch is set up");
        host.ip("link set d0 mtu 1400");
        watching.join().expect("nobody may watch");
    });
}

/// Figures for a person: `cargo test --release -p autora-tests --test netlink speed -- --ignored --nocapture`.
#[test]
#[ignore = "measures; run it in release"]
fn speed() {
    for count in [10, 100, 1_000, 4_000] {
        let host = Namespace::new("netlink");
        add_links(&host, count);
        add_addresses(&host, count, 1);
        host.enter(|| {
            let mut watch = Watch::open(Netlink::open);
            let index = index_of(&mut watch, "d5");
            let dump = Figures::of(21, || _ = watch.netlink.dump().expect("an answer"));
            let read = Figures::of(2_001, || _ = watch.netlink.read(index).expect("an answer"));
            let facts = Figures::of(2_001, || _ = watch.netlink.read_host().expect("an answer"));
            println!("{count:>5} links: dump {dump}; read {read}; read_host {facts}");

            watch.settle();
            let amid = thread::scope(|scope| {
                let storm = scope.spawn(|| {
                    let pairs =
                        (0..250).map(|number| format!("link add x{number} type veth peer name y{number}"));
                    batch(&host, pairs);
                });
                Figures::while_running(
                    || !storm.is_finished(),
                    || _ = watch.netlink.read(index).expect("an answer"),
                )
            });
            println!("      while 500 links are made: read {amid}; events lost: {}", watch.settle().overrun);
        });
    }
}

/// How long something took, again and again.
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

/// Makes `count` interfaces, an even number, `d0` and up: each two are a veth.
fn add_links(host: &Namespace, count: usize) {
    let pairs = (0..count).step_by(2);
    batch(host, pairs.map(|number| format!("link add d{number} type veth peer name d{}", number + 1)));
}

/// Gives each of them that many addresses.
fn add_addresses(host: &Namespace, count: usize, each: usize) {
    let all = (0..count * each).map(|number| (number % count, number / count));
    batch(
        host,
        all.map(|(link, number)| format!("address add 2001:db8:{number}:{link:x}::1/64 dev d{link} nodad")),
    );
}

/// Runs the lines as commands of one `ip` process.
fn batch(host: &Namespace, lines: impl Iterator<Item = String>) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(&file, lines.collect::<Vec<_>>().join("\n") + "\n").expect("a temporary file can be written");
    host.ip(&format!("-batch {}", file.path().display()));
}

fn index_of(watch: &mut Watch, name: &str) -> IfIndex {
    let interfaces = watch.dump().interfaces;
    interfaces.iter().find(|interface| interface.name == name).expect("it is there").index
}

/// This thread alone: glibc's function would take the identity of every thread of the test process.
fn become_nobody() {
    const NOBODY: libc::c_long = 65_534;
    // SAFETY: the call takes three numbers and touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) };
    assert_eq!(result, 0, "root may become anybody");
    let status = fs::read_to_string("/proc/thread-self/status").expect("/proc can be read");
    for line in ["CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "Uid:\t65534\t65534"] {
        assert!(status.contains(line), "{line}: {status}");
    }
}
