//! Moments in which the machine itself held everything up: what a test measures then is not the daemon's doing.
//!
//! Scenarios run side by side, on machines that may have neighbours of their own. A thread takes the time of what
//! takes next to none: waking up, and a request for which the kernel takes its RTNL lock, as it does for every change
//! of a link or an address. A test that fails within a minute of a stall says so, and `cargo xtask test` then runs it
//! once more, by itself (`xtask/src/check/kernel/again.rs`).

use std::{
    collections::VecDeque,
    fmt, io,
    os::fd::{AsRawFd, OwnedFd},
    panic,
    sync::{
        Mutex, Once, PoisonError,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto, socket,
};

/// The words by which `cargo xtask test` knows the report.
const REPORT: &str = "THE MACHINE STALLED";

/// The shortest stall, a quarter of what scenarios allow a busy machine.
const STALL: Duration = Duration::from_millis(100);

/// The time between two measurements.
const INTERVAL: Duration = Duration::from_millis(20);

/// How long a stall is kept.
const KEPT: Duration = Duration::from_mins(1);

/// The most stalls that are kept.
const MOST: usize = 1_024;

static STALLS: Mutex<VecDeque<Stall>> = Mutex::new(VecDeque::new());

#[derive(Clone, Copy, Debug)]
struct Stall {
    what: What,
    lasted: Duration,
    ended: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Processors,
    Rtnl,
}

/// Begins to look for stalls, once in a process, and adds what it finds to the report of a test that fails. A program
/// that is no test, as a benchmark, is left alone.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    // The test harness gives the thread of a test its name.
    if thread::current().name().is_none_or(|name| name == "main") {
        return;
    }
    ONCE.call_once(|| {
        let rtnl = Rtnl::open().expect("root may change links");
        thread::spawn(move || measure(&rtnl));
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            default(info);
            report();
        }));
    });
}

/// A moment in which no processor was free.
#[derive(Clone, Copy, Debug)]
pub struct Standstill {
    /// When it ended.
    pub ended: SystemTime,
    /// How long it lasted.
    pub lasted: Duration,
}

/// Begins to look for moments in which no processor was free, for a program that takes them into account.
pub fn standstills() -> Receiver<Standstill> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        loop {
            let lasted = asleep();
            let found = Standstill { ended: SystemTime::now(), lasted };
            if lasted >= STALL && sender.send(found).is_err() {
                return;
            }
        }
    });
    receiver
}

#[expect(clippy::print_stderr, reason = "the machine's state belongs to the report of a failed test")]
fn report() {
    let recent = recent(Instant::now());
    for what in [What::Processors, What::Rtnl] {
        let lasted = || recent.iter().filter(|stall| stall.what == what).map(|stall| stall.lasted);
        if let Some(longest) = lasted().max() {
            eprintln!("--- {REPORT}: {what} {} times within a minute, for up to {longest:.1?}", lasted().count());
        }
    }
}

fn recent(now: Instant) -> Vec<Stall> {
    let stalls = STALLS.lock().unwrap_or_else(PoisonError::into_inner);
    stalls.iter().copied().filter(|stall| now.duration_since(stall.ended) < KEPT).collect()
}

fn measure(rtnl: &Rtnl) {
    loop {
        add(What::Processors, asleep());
        add(What::Rtnl, timed(|| rtnl.take()));
    }
}

/// Sleeps for a moment; returns how much longer that took.
fn asleep() -> Duration {
    timed(|| thread::sleep(INTERVAL)).saturating_sub(INTERVAL)
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn add(what: What, lasted: Duration) {
    if lasted >= STALL {
        let mut stalls = STALLS.lock().unwrap_or_else(PoisonError::into_inner);
        if stalls.len() == MOST {
            stalls.pop_front();
        }
        stalls.push_back(Stall { what, lasted, ended: Instant::now() });
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Processors => "no processor was free",
            Self::Rtnl => "the RTNL lock was held",
        })
    }
}

/// A netlink socket for a request that changes nothing of the loopback interface.
struct Rtnl(OwnedFd);

impl Rtnl {
    fn open() -> io::Result<Self> {
        let protocol = SockProtocol::NetlinkRoute;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        Ok(Self(fd))
    }

    /// Takes the lock, and lets go of it.
    fn take(&self) {
        const RTM_NEWLINK: u16 = 16;
        const REQUEST_AND_ACKNOWLEDGE: u16 = 5;
        // A header (length, type, flags), and an ifinfomsg whose fourth word is the index.
        let words: [u32; 8] = [32, pair(RTM_NEWLINK, REQUEST_AND_ACKNOWLEDGE), 0, 0, 0, 1, 0, 0];
        let request: Vec<_> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
        let sent = sendto(self.0.as_raw_fd(), &request, &NetlinkAddr::new(0, 0), MsgFlags::empty());
        sent.expect("the kernel takes a request");
        recv(self.0.as_raw_fd(), &mut [0; 256], MsgFlags::empty()).expect("the kernel answers");
    }
}

/// Returns two fields of 16 bits as they lie in memory.
fn pair(first: u16, second: u16) -> u32 {
    let ([a, b], [c, d]) = (first.to_ne_bytes(), second.to_ne_bytes());
    u32::from_ne_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_waits_alone_are_stalls() {
        add(What::Processors, STALL / 2);
        assert!(recent(Instant::now()).is_empty());
        add(What::Rtnl, STALL);
        let found = recent(Instant::now());
        assert!(found.len() == 1 && found[0].what == What::Rtnl, "{found:?}");
        assert!(recent(Instant::now() + KEPT).is_empty(), "a minute later it explains nothing");
    }
}
