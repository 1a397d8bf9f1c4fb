//! The time from a new interface to its first RA. The kernel's workers stay off the daemon's core: among thousands of
//! interfaces they keep it for milliseconds.

use std::{
    collections::HashMap,
    os::fd::{AsRawFd, OwnedFd},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use autora_tests::Namespace;
use nix::{
    libc,
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket, sockopt,
    },
};

use crate::{
    bench::Bench,
    link::Link,
    machine,
    results::{Metric, Sample, quantile},
    running::Launch,
    site::Site,
    subject::Subject,
    workers::{self, Workers},
};

const SIZE: u32 = 10;
const LINKS: u32 = 20;
const TIMEOUT: Duration = Duration::from_secs(5);

/// Among thousands the kernel takes most of it.
const FROM_IP: Metric =
    Metric { label: "start of `ip` to first RA, median of 20", unit: "ms", targets: &[(SIZE, 4_000)] };
const FROM_EVENT: Metric =
    Metric { label: "kernel's event to first RA, median of 20", unit: "ms", targets: &[(0, 1_000)] };

pub(crate) fn hotplug(bench: &mut Bench) {
    let workers = Workers::beside_the_load();
    let detail = if workers.is_some() { "" } else { workers::ANYWHERE };
    for size in bench.sizes(&[SIZE]) {
        bench.rounds(size, bench.runs(3), |bench, site, subject| {
            let outcome = plug_one_by_one(bench, site, subject);
            match outcome {
                Ok((from_ip, from_event)) => {
                    bench.record_detail(&FROM_IP, size, detail, subject, Sample::Is(quantile(&from_ip, 0.5)));
                    bench.record_detail(&FROM_EVENT, size, detail, subject, Sample::Is(quantile(&from_event, 0.5)));
                }
                Err(words) => bench.record_detail(&FROM_IP, size, detail, subject, Sample::Not(words)),
            }
        });
    }
}

/// Milliseconds for each link, from `ip` and from the event; or why there are none.
fn plug_one_by_one(bench: &Bench, site: &Site, subject: Subject) -> Result<(Vec<f64>, Vec<f64>), String> {
    let launch = Launch { more: site.more(LINKS).collect(), ..Launch::default() };
    let (mut running, _) = bench.up(&launch, subject, site);
    let links = site.next_generation(site.more(LINKS));
    let events = Events::watch(&site.host);
    site.plug(&links);
    // A daemon may take some time to handle links that are down.
    thread::sleep(Duration::from_millis(1500));
    let mut times = (Vec::new(), Vec::new());
    for link in &links {
        let begun = machine::now();
        site.finish(&[*link]);
        let arrivals = running.first_ras(site, [*link], TIMEOUT);
        if arrivals.complete() {
            times.0.push(since(begun, arrivals.last()));
            times.1.push(since(events.deciding(*link), arrivals.last()));
        }
        thread::sleep(Duration::from_millis(50));
        if times.0.is_empty() && link.number > links[0].number + 2 {
            break;
        }
    }
    site.delete(links.iter().map(|link| link.number));
    if running.has_ended() {
        return Err("exits".to_owned());
    }
    if times.0.len() < links.len() {
        return Err(format!("{} of {LINKS}", times.0.len()));
    }
    Ok(times)
}

/// Returns milliseconds. An RA may have an earlier timestamp than the reading of its event here.
fn since(from: u64, to: u64) -> f64 {
    (i128::from(to) - i128::from(from)) as f64 / 1e6
}

/// The kernel's notifications of each link.
struct Events(Arc<Mutex<HashMap<u32, Seen>>>);

/// When the notification of the last fact that makes a link fit came, in nanoseconds since the epoch.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    carrier: Option<u64>,
    link_local: Option<u64>,
    global: Option<u64>,
}

impl Events {
    /// Receives from now on, on a thread with real-time priority that ends with the process.
    fn watch(namespace: &Namespace) -> Self {
        let socket = namespace.enter(open);
        let seen = Arc::new(Mutex::new(HashMap::<u32, Seen>::new()));
        let shared = seen.clone();
        thread::spawn(move || {
            machine::raise_priority();
            let mut buffer = vec![0; 65_536];
            while let Some(shared) = Some(&shared).filter(|shared| Arc::strong_count(shared) > 1) {
                let Ok(len) = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) else { continue };
                let now = machine::now();
                let mut seen = shared.lock().unwrap_or_else(PoisonError::into_inner);
                messages(&buffer[..len], |message| note(&mut seen, message, now));
            }
        });
        Self(seen)
    }

    /// Returns when the link became fit.
    fn deciding(&self, link: Link) -> u64 {
        let read = || self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&link.index()).copied();
        let seen = autora_tests::eventually(TIMEOUT, "the kernel's notifications", || {
            let seen = read()?;
            Some([seen.carrier?, seen.link_local?, seen.global?])
        });
        seen.into_iter().max().unwrap_or_default()
    }
}

fn open() -> OwnedFd {
    let netlink = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)
        .expect("any user may open one");
    setsockopt(&netlink, sockopt::RcvBufForce, &(32 << 20)).expect("root may set any buffer size");
    // So that the thread ends when nothing reads from it.
    let second = nix::sys::time::TimeVal::new(1, 0);
    setsockopt(&netlink, sockopt::ReceiveTimeout, &second).expect("every socket has one");
    let groups = (libc::RTMGRP_LINK | libc::RTMGRP_IPV6_IFADDR).cast_unsigned();
    bind(netlink.as_raw_fd(), &NetlinkAddr::new(0, groups)).expect("any user may listen");
    netlink
}

/// Calls `each` with every message of a datagram, its header included.
fn messages(mut datagram: &[u8], mut each: impl FnMut(&[u8])) {
    while let Some(len) = u32_at(datagram, 0).map(|len| len as usize).filter(|len| (16..=datagram.len()).contains(len))
    {
        each(&datagram[..len]);
        datagram = &datagram[len.next_multiple_of(4).min(datagram.len())..];
    }
}

/// `struct ifinfomsg` has the index at 4 and the flags at 8; `struct ifaddrmsg` flags at 2, scope at 3, the index at 4.
fn note(seen: &mut HashMap<u32, Seen>, message: &[u8], now: u64) {
    let kind = u16::from_ne_bytes([message[4], message[5]]);
    let body = &message[16..];
    let Some(index) = u32_at(body, 4) else { return };
    let seen = seen.entry(index).or_default();
    if kind == libc::RTM_NEWLINK && u32_at(body, 8).is_some_and(|flags| flags & LOWER_UP != 0) {
        seen.carrier.get_or_insert(now);
    } else if kind == libc::RTM_NEWADDR && body[2] & TENTATIVE == 0 {
        let which = if body[3] == libc::RT_SCOPE_LINK { &mut seen.link_local } else { &mut seen.global };
        which.get_or_insert(now);
    }
}

const LOWER_UP: u32 = libc::IFF_LOWER_UP.cast_unsigned();
const TENTATIVE: u8 = 0x40;

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}
