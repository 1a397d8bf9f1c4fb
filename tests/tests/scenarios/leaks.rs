//! Interfaces that are created, served and deleted by the thousand: the daemon keeps nothing of them.

use std::{
    collections::BTreeSet,
    env,
    fmt::Write as _,
    fs,
    os::fd::{AsRawFd, OwnedFd},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use autora::{sys::state_file::decode, wire::ROUTER_ADVERTISEMENT};
use autora_tests::{Daemon, Namespace, eventually, held};
use nix::sys::{
    socket::{AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket, sockopt},
    time::{TimeVal, TimeValLike},
};

use crate::bench::{SOON, rarely};

/// The variable with the number of interfaces in all; `cargo xtask fuzz` sets ten thousand.
const CYCLES: &str = "AUTORA_LEAK_CYCLES";
const DEFAULT_CYCLES: usize = 300;

/// Interfaces at a time. Each takes some entries of the neighbour table, which all namespaces of a machine
/// share.
const BATCH: usize = 50;

/// Batches before the baseline is measured: by then the allocator has had its largest load.
const WARM_UP: usize = 4;

/// How many bytes of memory more may be in use at the end, whatever the number of cycles. The allocator's own
/// variation was below 100 kB in every run. Ten thousand cycles find a leak of 60 bytes each, three hundred
/// one of 2 kB, and every leak of a file or a map entry.
const RSS_TOLERANCE: u64 = 512 << 10;

/// The longest state file, in bytes, of a daemon that serves a batch at a time.
const STATE_LIMIT: u64 = 128 << 10;

/// The group of all links of a batch, so that one command deletes them.
const GROUP: u32 = 77;

#[test]
fn interfaces_that_come_and_go_leave_nothing_behind() {
    let cycles = env::var(CYCLES).ok().filter(|cycles| !cycles.is_empty());
    let cycles = cycles.map_or(DEFAULT_CYCLES, |cycles| cycles.parse().expect("a number of cycles"));
    let mut bench = Bench::new();
    for batch in 0..WARM_UP {
        bench.cycle(batch);
    }
    let (before, start) = (bench.measure(), Instant::now());
    for batch in 0..cycles.div_ceil(BATCH) {
        bench.cycle(WARM_UP + batch);
    }
    let after = bench.measure();

    let cycles = cycles.div_ceil(BATCH) * BATCH;
    println!("{cycles} cycles in {:.1?}\nbefore: {before:?}\nafter:  {after:?}", start.elapsed());
    assert!(after.files <= before.files, "file descriptors leak: {before:?}, {after:?}");
    assert_eq!((after.served, after.interfaces), (0, 0), "map entries leak");
    assert_eq!(after.saved, 0, "the state file keeps deleted interfaces");
    assert!(after.state <= STATE_LIMIT, "the state file grows: {before:?}, {after:?}");
    let grown = after.rss.saturating_sub(before.rss);
    assert!(grown <= RSS_TOLERANCE, "memory leaks: {grown} bytes in {cycles} cycles, {before:?}, {after:?}");
}

/// The daemon's resources while no interface exists.
#[derive(Debug)]
struct Held {
    files: usize,
    served: usize,
    interfaces: usize,
    /// Resident memory, in bytes.
    rss: u64,
    /// Length of the state file, in bytes, and the interfaces in it.
    state: u64,
    saved: usize,
}

/// A daemon, and one namespace with the guests' ends of all links.
struct Bench {
    host: Namespace,
    guests: Namespace,
    listener: Listener,
    daemon: Daemon,
    runtime: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let (host, guests) = (Namespace::host(), Namespace::quiet());
        // The guests receive RAs without an address.
        guests.default_sysctls(&[("disable_ipv6", 1)]);
        let runtime = tempfile::tempdir().expect("a folder");
        let folder = format!("--runtime-directory={}", runtime.path().display());
        let daemon = Daemon::start(&host, &rarely(&["--filter=ebpf", &folder]));
        daemon.wait_for_log(&["started"], SOON);
        Self { listener: Listener::open(&guests), host, guests, daemon, runtime }
    }

    /// Creates a batch of interfaces, waits until each has an RA, and deletes them.
    fn cycle(&mut self, batch: usize) {
        self.create(batch);
        self.listener.wait_for_all();
        // The control: entries are counted.
        assert_eq!(self.entries(), (BATCH, BATCH));
        self.host.ip(&format!("link delete group {GROUP}"));
        self.wait_until_gone();
    }

    fn create(&self, batch: usize) {
        let numbers = batch * BATCH + 1..=(batch + 1) * BATCH;
        let (mut links, mut addresses) = (String::new(), String::new());
        for number in numbers {
            let [high, low] = [number >> 16, number & 0xffff];
            writeln!(
                links,
                "link add vm{number} group {GROUP} type veth peer name g{number} netns {}",
                self.guests.name()
            )
            .expect("a string has room");
            writeln!(addresses, "address add 2001:db8:{high:x}:{low:x}::1/64 dev vm{number} nodad")
                .expect("a string has room");
        }
        ip_batch(&self.host, &links);
        self.guests.ip("link set group default up");
        self.host.ip(&format!("link set group {GROUP} up"));
        ip_batch(&self.host, &addresses);
    }

    fn wait_until_gone(&self) {
        eventually(SOON, "the end of all map entries", || (self.entries() == (0, 0)).then_some(()));
    }

    fn measure(&self) -> Held {
        // The state file is written a moment after the last change.
        thread::sleep(Duration::from_secs(1));
        let state = fs::read(self.runtime.path().join("state.json")).expect("a state file");
        let saved = decode(&state).expect("it is whole").saved.interfaces.len();
        let (served, interfaces) = self.entries();
        Held {
            // The least of several counts: the daemon opens some files for a moment, for the state and for
            // limits.
            files: (0..20).map(|_| self.files()).min().expect("twenty counts"),
            served,
            interfaces,
            rss: held::rss(self.daemon.pid()).expect("the daemon runs"),
            state: u64::try_from(state.len()).expect("a length has 64 bits at most"),
            saved,
        }
    }

    fn files(&self) -> usize {
        thread::sleep(Duration::from_millis(5));
        held::files(self.daemon.pid()).expect("the daemon runs")
    }

    /// Returns the number of entries in the daemon's maps of served interfaces and of their counters.
    fn entries(&self) -> (usize, usize) {
        let pid = self.daemon.pid();
        (held::served(pid).expect("a map"), held::interfaces(pid).expect("a map"))
    }
}

/// A socket that receives on all interfaces of the guests.
struct Listener {
    socket: OwnedFd,
    /// The indices of guests with an RA; their namespace uses no index twice.
    advertised: BTreeSet<usize>,
}

impl Listener {
    fn open(guests: &Namespace) -> Self {
        guests.enter(|| {
            let kind = (AddressFamily::Packet, SockType::Datagram, SockFlag::SOCK_CLOEXEC);
            let socket = socket(kind.0, kind.1, kind.2, SockProtocol::EthIpv6).expect("root may open a packet socket");
            setsockopt(&socket, sockopt::RcvBufForce, &(8 << 20)).expect("root may set any buffer size");
            setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(10)).expect("sockets have one");
            Self { socket, advertised: BTreeSet::new() }
        })
    }

    /// Waits until every guest of a batch has an RA that is not final.
    fn wait_for_all(&mut self) {
        let all = self.advertised.len() + BATCH;
        let mut packet = [0; 2048];
        while self.advertised.len() < all {
            let (len, from) = recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut packet)
                .unwrap_or_else(|error| panic!("{} guests got no RA: {error}", all - self.advertised.len()));
            if len >= 56 && packet[40] == ROUTER_ADVERTISEMENT && packet[46..48] != [0, 0] {
                self.advertised.insert(from.expect("a packet comes from an interface").ifindex());
            }
        }
    }
}

/// Runs lines of `ip` in one process.
fn ip_batch(namespace: &Namespace, commands: &str) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), commands).expect("it takes the commands");
    namespace.run(Command::new("ip").arg("-batch").arg(file.path()));
}
