//! Echo requests of a guest, and how many of them were not answered.

use std::{
    io::{self, ErrorKind, Read},
    net::{Ipv6Addr, SocketAddrV6},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::libc;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::{
    namespace::Namespace,
    wait::{SHORTLY, eventually},
};

/// The time between two echo requests.
const INTERVAL: Duration = Duration::from_millis(50);

/// How long an answer may take, on a busy machine.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;

/// Sends 20 echo requests a second ([RFC 4443 4.1](https://www.rfc-editor.org/rfc/rfc4443#section-4.1)) until
/// [`Pings::finish`].
#[derive(Debug)]
pub struct Pings {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Lost>,
}

/// The echo requests that were not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How many were sent, or could not be sent for want of a route.
    pub sent: usize,
    /// How many of these have no answer.
    pub lost: usize,
}

impl Lost {
    /// Returns how many echo requests are sent in `time`, or one more.
    #[must_use]
    pub fn within(time: Duration) -> usize {
        usize::try_from(time.as_millis().div_ceil(INTERVAL.as_millis())).unwrap_or(usize::MAX)
    }
}

impl Pings {
    /// Begins to send from a namespace to `target`, and waits for the first answer.
    #[must_use]
    pub fn start(from: &Namespace, target: Ipv6Addr) -> Self {
        let mut sequence = Sequence::open(from, target);
        eventually(SHORTLY, &format!("{target} to answer {}", from.name()), || {
            sequence.send();
            sequence.receive();
            sequence.answered.contains(&true).then_some(())
        });
        Self::run(sequence)
    }

    /// Begins to send from a namespace to `target`, whether it answers or not.
    #[must_use]
    pub fn begin(from: &Namespace, target: Ipv6Addr) -> Self {
        Self::run(Sequence::open(from, target))
    }

    fn run(sequence: Sequence) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || sequence.run(&stopped));
        Self { stop, thread }
    }

    /// Stops sending, and waits for the last answers.
    #[must_use]
    pub fn finish(self) -> Lost {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it ends without a panic")
    }
}

/// The echo requests by number, of which each is answered or not.
struct Sequence {
    socket: Socket,
    target: SocketAddrV6,
    answered: Vec<bool>,
}

impl Sequence {
    fn open(from: &Namespace, target: Ipv6Addr) -> Self {
        let open = || Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6));
        let socket = from.enter(open).expect("root may open a raw socket");
        socket.set_nonblocking(true).expect("a socket can be made nonblocking");
        Self { socket, target: SocketAddrV6::new(target, 0, 0, 0), answered: Vec::new() }
    }

    fn run(mut self, stopped: &AtomicBool) -> Lost {
        let mut due = Instant::now();
        while !stopped.load(Ordering::Relaxed) {
            self.send();
            due += INTERVAL;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.receive();
        }
        let last = Instant::now() + ANSWER_TIMEOUT;
        while self.is_answer_under_way() && Instant::now() < last {
            thread::sleep(INTERVAL);
            self.receive();
        }
        Lost { sent: self.answered.len(), lost: self.answered.iter().filter(|answered| !**answered).count() }
    }

    fn send(&mut self) {
        let number = u16::try_from(self.answered.len()).expect("a test is shorter than 50 minutes").to_be_bytes();
        // The kernel fills in the checksum.
        let request = [ECHO_REQUEST, 0, 0, 0, 0, 0, number[0], number[1]];
        if let Err(error) = self.socket.send_to(&request, &SockAddr::from(self.target)) {
            assert!(is_want_of_a_route(&error), "an echo request: {error}");
        }
        self.answered.push(false);
    }

    /// Returns whether an answer to what was sent within the last second is missing.
    fn is_answer_under_way(&self) -> bool {
        self.answered.iter().rev().take(20).any(|answered| !answered)
    }

    fn receive(&mut self) {
        let mut buffer = [0; 128];
        loop {
            let len = match self.socket.read(&mut buffer) {
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("receiving answers: {error}"),
            };
            if let [ECHO_REPLY, _, _, _, _, _, high, low] = buffer[..len] {
                self.answered[usize::from(u16::from_be_bytes([high, low]))] = true;
            }
        }
    }
}

/// Without a default route, or an address to send from, the kernel refuses to send.
fn is_want_of_a_route(error: &io::Error) -> bool {
    let refused = [libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EADDRNOTAVAIL, libc::EACCES];
    error.raw_os_error().is_some_and(|code| refused.contains(&code))
}
