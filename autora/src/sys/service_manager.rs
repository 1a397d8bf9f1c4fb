//! Reports readiness, status and watchdog pings to the service manager, if there is one (`sd_notify(3)`).
//!
//! Never waits for it: a service manager that does not read fills its socket's queue
//! (`net.unix.max_dgram_qlen`, 10 in many containers), and a blocking send would then stop the event loop,
//! SIGTERM included. A message that finds no room is dropped and counted; READY=1 and the status are sent
//! again later.

use std::{
    env,
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    process,
    time::Duration,
};

use tracing::{debug, info, warn};

use crate::engine::BootInstant;

/// The shortest time between two reports of the status: thousands of interfaces change while a hypervisor
/// boots.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// The longest time between two attempts to report READY=1 or the status.
const MAX_RETRY: Duration = Duration::from_secs(16);

/// The reports to the service manager. Their deadlines are among those of the event loop, so that a loop that
/// hangs sends no watchdog ping.
#[derive(Debug)]
pub struct ServiceNotifier {
    socket: Option<NotifySocket>,
    watchdog: Option<Watchdog>,
    /// READY=1 is due and was not accepted yet.
    ready_pending: bool,
    /// The status that was accepted last.
    reported: String,
    /// The status may have changed since.
    is_stale: bool,
    /// The earliest time of the next report.
    next_report: BootInstant,
    /// How long to wait after a report that is not accepted.
    retry: Duration,
    dropped: u64,
    failing: bool,
}

/// The watchdog pings, at half of the service manager's timeout (`sd_watchdog_enabled(3)`).
#[derive(Debug)]
struct Watchdog {
    interval: Duration,
    next: BootInstant,
}

impl Watchdog {
    /// Sets the time of the next ping. One that was not accepted is sent again soon: with the second half of the
    /// timeout left, a full queue must not cost a healthy daemon its life.
    fn schedule(&mut self, now: BootInstant, accepted: bool) {
        self.next = now + if accepted { self.interval } else { (self.interval / 8).min(STATUS_INTERVAL) };
    }
}

impl ServiceNotifier {
    /// Opens a socket to the service manager that `NOTIFY_SOCKET` names.
    #[must_use]
    pub fn open(now: BootInstant) -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|address| {
            NotifySocket::open(&address)
                .inspect_err(|error| {
                    warn!(
                        address = %address.display(),
                        %error,
                        "NOTIFY_SOCKET cannot be used: the service manager will learn neither readiness nor status; it \
                         must be a path, or @ and a name"
                    );
                })
                .ok()
        });
        Self::new(socket, watchdog_interval(), now)
    }

    const fn new(socket: Option<NotifySocket>, watchdog: Option<Duration>, now: BootInstant) -> Self {
        let watchdog = match watchdog {
            Some(interval) => Some(Watchdog { interval, next: now }),
            None => None,
        };
        Self {
            socket,
            watchdog,
            ready_pending: false,
            reported: String::new(),
            is_stale: false,
            next_report: now,
            retry: STATUS_INTERVAL,
            dropped: 0,
            failing: false,
        }
    }

    /// Reports that the start is complete: READY=1 and the status.
    pub fn ready(&mut self, status: String, now: BootInstant) {
        self.ready_pending = true;
        self.report(status, now);
    }

    /// Reports that the daemon has begun to stop.
    pub fn stopping(&mut self) {
        self.send("STOPPING=1");
        (self.ready_pending, self.is_stale) = (false, false);
    }

    /// Notes that the status may have changed. It is computed when it can be reported.
    pub const fn touch(&mut self) {
        self.is_stale = true;
    }

    /// Returns when [`Self::attend`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<BootInstant> {
        let report = self.has_report().then_some(self.next_report);
        self.watchdog.iter().map(|watchdog| watchdog.next).chain(report).min()
    }

    /// Sends what is due at `now`. `status` computes the status, and is called only if it is reported.
    pub fn attend(&mut self, now: BootInstant, status: impl FnOnce() -> String) {
        if self.has_report() && self.next_report <= now {
            self.report(status(), now);
        }
        if self.watchdog.as_ref().is_some_and(|watchdog| watchdog.next <= now) {
            let accepted = self.send("WATCHDOG=1");
            self.watchdog.iter_mut().for_each(|watchdog| watchdog.schedule(now, accepted));
        }
    }

    /// Returns how many messages the service manager has not accepted.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    const fn has_report(&self) -> bool {
        self.socket.is_some() && (self.ready_pending || self.is_stale)
    }

    /// Reports READY=1 if it is pending, and `status` if it has changed. Either way the next report waits for
    /// a while, so that thousands of changes do not cost a report each.
    fn report(&mut self, status: String, now: BootInstant) {
        self.is_stale = false;
        let ready = if self.ready_pending { "READY=1\n" } else { "" };
        let is_change = self.ready_pending || status != self.reported;
        if !is_change || self.send(&format!("{ready}STATUS={status}")) {
            (self.ready_pending, self.reported) = (false, status);
            self.retry = STATUS_INTERVAL;
            self.next_report = now + STATUS_INTERVAL;
        } else {
            self.is_stale = true;
            self.next_report = now + self.retry;
            self.retry = MAX_RETRY.min(self.retry * 2);
        }
    }

    /// Sends `message` if there is room for it now. Returns whether it was accepted.
    fn send(&mut self, message: &str) -> bool {
        let Some(socket) = &self.socket else { return true };
        let result = socket.send(message);
        let failed_before = std::mem::replace(&mut self.failing, result.is_err());
        self.dropped += u64::from(result.is_err());
        match &result {
            Ok(()) if failed_before => {
                info!(dropped = self.dropped, "the service manager accepts notifications again");
            }
            Ok(()) => {}
            Err(error) if failed_before => {
                debug!(notification = message, %error, "the service manager did not accept a notification");
            }
            Err(error) => warn!(
                notification = message,
                %error,
                "the service manager did not accept a notification: going on; readiness, status and watchdog pings are sent again"
            ),
        }
        result.is_ok()
    }
}

/// A socket that never blocks: a datagram is accepted at once, or not at all.
#[derive(Debug)]
struct NotifySocket {
    socket: UnixDatagram,
    /// The socket is not connected, since a service manager that restarts binds another socket to the same
    /// address.
    address: SocketAddr,
}

impl NotifySocket {
    /// Opens a socket to `address`: a path, or `@` and a name in the abstract namespace (`unix(7)`).
    fn open(address: &OsStr) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(address)?,
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address })
    }

    fn send(&self, message: &str) -> io::Result<()> {
        self.socket.send_to_addr(message.as_bytes(), &self.address).map(drop)
    }
}

/// Returns half of the service manager's watchdog timeout, if it watches this process. Variables that were
/// inherited from another service have that service's process id.
fn watchdog_interval() -> Option<Duration> {
    let variable = |name| env::var(name).ok()?.parse::<u64>().ok();
    let is_meant = env::var_os("WATCHDOG_PID").is_none() || variable("WATCHDOG_PID") == Some(process::id().into());
    let timeout = variable("WATCHDOG_USEC").filter(|&timeout| timeout > 0 && is_meant)?;
    Some(Duration::from_micros(timeout) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> BootInstant {
        BootInstant::from_boot(Duration::from_secs(1_000) + Duration::from_millis(millis))
    }

    /// A service manager, which holds the other end of the socket.
    struct Manager {
        socket: UnixDatagram,
        address: String,
        _directory: tempfile::TempDir,
    }

    impl Manager {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("notify");
            let socket = UnixDatagram::bind(&path).unwrap();
            socket.set_nonblocking(true).unwrap();
            Self { socket, address: path.to_str().unwrap().to_owned(), _directory: directory }
        }

        fn notifier(&self, watchdog: Option<Duration>) -> ServiceNotifier {
            let socket = NotifySocket::open(self.address.as_ref()).unwrap();
            ServiceNotifier::new(Some(socket), watchdog, at(0))
        }

        fn received(&self) -> Option<String> {
            let mut buffer = [0; 256];
            let length = self.socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
        }

        /// Fills the queue of the manager's socket.
        fn fill(&self) {
            let socket = NotifySocket::open(self.address.as_ref()).unwrap();
            while socket.send("filler").is_ok() {}
        }

        fn empty_queue(&self) {
            while self.received().is_some() {}
        }
    }

    fn attend(notifier: &mut ServiceNotifier, millis: u64, status: &str) {
        notifier.attend(at(millis), || status.to_owned());
    }

    #[test]
    fn watchdog_pings_come_at_half_the_timeout() {
        let manager = Manager::new();
        let mut notifier = manager.notifier(Some(Duration::from_secs(15)));
        for (millis, expected, next) in
            [(0, true, 15_000), (14_999, false, 15_000), (15_000, true, 30_000), (31_000, true, 46_000)]
        {
            attend(&mut notifier, millis, "");
            assert_eq!(manager.received().as_deref() == Some("WATCHDOG=1"), expected, "at {millis} ms");
            assert_eq!(notifier.deadline(), Some(at(next)));
        }
        assert_eq!(manager.notifier(None).deadline(), None, "no watchdog");
    }

    #[test]
    fn a_watchdog_ping_that_was_not_accepted_is_sent_again_within_a_second() {
        let manager = Manager::new();
        let mut notifier = manager.notifier(Some(Duration::from_secs(15)));
        manager.fill();
        attend(&mut notifier, 0, "");
        assert_eq!(notifier.deadline(), Some(at(1_000)));
        manager.empty_queue();
        attend(&mut notifier, 1_000, "");
        assert_eq!(manager.received().as_deref(), Some("WATCHDOG=1"));
        assert_eq!(notifier.deadline(), Some(at(16_000)), "as usual again");
    }

    #[test]
    fn a_changed_status_is_reported_at_most_once_a_second() {
        let manager = Manager::new();
        let mut notifier = manager.notifier(None);
        notifier.ready("0 served".to_owned(), at(0));
        assert_eq!(manager.received().as_deref(), Some("READY=1\nSTATUS=0 served"));
        for (millis, status, expected) in [
            (20, "1 served", None),
            (30, "2 served", None),
            (1_000, "2 served", Some("STATUS=2 served")),
            (1_500, "3 served", None),
            // A status that came and went in between is not reported.
            (2_100, "2 served", None),
            (2_200, "4 served", None),
            (3_100, "4 served", Some("STATUS=4 served")),
        ] {
            notifier.touch();
            attend(&mut notifier, millis, status);
            assert_eq!(manager.received().as_deref(), expected, "at {millis} ms");
        }
        notifier.attend(at(9_000), || panic!("nothing has changed"));
        assert_eq!(notifier.deadline(), None);
        notifier.touch();
        assert_eq!(notifier.deadline(), Some(at(4_100)));
    }

    #[test]
    fn a_status_is_computed_at_most_once_a_second() {
        let manager = Manager::new();
        let mut notifier = manager.notifier(None);
        notifier.ready("0 served".to_owned(), at(0));
        let mut computed = 0;
        for millis in (0..5_000).step_by(10) {
            notifier.touch();
            notifier.attend(at(millis), || {
                computed += 1;
                "0 served".to_owned()
            });
        }
        assert_eq!(computed, 4);
        assert_eq!(manager.received().as_deref(), Some("READY=1\nSTATUS=0 served"));
        assert_eq!(manager.received(), None);
    }

    #[test]
    fn a_dropped_message_is_counted_and_ready_is_retried_with_growing_intervals() {
        let manager = Manager::new();
        manager.fill();
        let mut notifier = manager.notifier(None);
        notifier.ready("0 served".to_owned(), at(0));
        for (next, dropped) in [(1_000, 1), (3_000, 2), (7_000, 3), (15_000, 4), (31_000, 5), (47_000, 6)] {
            assert_eq!((notifier.deadline(), notifier.dropped()), (Some(at(next)), dropped));
            attend(&mut notifier, next, "1 served");
        }
        manager.empty_queue();
        attend(&mut notifier, 62_999, "1 served");
        assert_eq!(manager.received(), None, "it is not due yet");
        attend(&mut notifier, 63_000, "2 served");
        assert_eq!(manager.received().as_deref(), Some("READY=1\nSTATUS=2 served"));
        assert_eq!((notifier.deadline(), notifier.dropped()), (None, 7));
    }

    #[test]
    fn without_a_service_manager_nothing_is_due() {
        let mut notifier = ServiceNotifier::new(None, None, at(0));
        notifier.ready("0 served".to_owned(), at(0));
        notifier.touch();
        notifier.attend(at(9_000), || panic!("a status is computed without a service manager"));
        assert_eq!((notifier.deadline(), notifier.dropped()), (None, 0));
    }

    #[test]
    fn an_address_is_a_path_or_an_abstract_name() {
        let name = format!("autora-test-{}", process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        NotifySocket::open(format!("@{name}").as_ref()).unwrap().send("READY=1").unwrap();
        let mut buffer = [0; 16];
        assert_eq!(manager.recv(&mut buffer).unwrap(), 7);
        for other in ["", "notify", "vsock:2:1"] {
            assert!(NotifySocket::open(other.as_ref()).is_err(), "{other:?}");
        }
    }
}
