//! Reports readiness, status and signs of life to the service manager, where there is one (`sd_notify(3)`).
//!
//! Never waits for it: a service manager that does not read fills its socket's queue (`net.unix.max_dgram_qlen`, 10 in many
//! containers), and a blocking send would then keep the event loop from everything else, SIGTERM included. What finds no
//! room is dropped and counted; READY=1 and the status are tried again later.

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

/// The shortest time between two reports of the status: a hypervisor that boots has thousands of changes.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// The longest time between two tries to report READY=1 or the status.
const MAX_RETRY: Duration = Duration::from_secs(16);

/// The service manager's view of this daemon. All that is to be reported has a deadline among those of the event loop, so
/// that a loop that hangs gives no sign of life.
#[derive(Debug)]
pub struct ServiceNotifier {
    socket: Option<NotifySocket>,
    watchdog: Option<Watchdog>,
    /// READY=1 was not taken yet.
    owes_ready: bool,
    /// The status that was taken last.
    reported: String,
    /// The status may be another one now.
    is_stale: bool,
    /// The earliest time of the next report.
    next_report: BootInstant,
    /// How long to wait after a report that is not taken.
    retry: Duration,
    dropped: u64,
    failing: bool,
}

/// Signs of life, twice as often as the service manager misses them (`sd_watchdog_enabled(3)`).
#[derive(Debug)]
struct Watchdog {
    interval: Duration,
    next: BootInstant,
}

impl ServiceNotifier {
    /// Opens a socket to the service manager that the environment names. It knows nothing at `now`.
    #[must_use]
    pub fn open(now: BootInstant) -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|address| {
            NotifySocket::open(&address)
                .inspect_err(|error| warn!(?address, %error, "NOTIFY_SOCKET is of no use"))
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
            owes_ready: false,
            reported: String::new(),
            is_stale: false,
            next_report: now,
            retry: STATUS_INTERVAL,
            dropped: 0,
            failing: false,
        }
    }

    /// Reports that everything is open and every interface was read.
    pub fn ready(&mut self, status: String, now: BootInstant) {
        self.owes_ready = true;
        self.report(status, now);
    }

    /// Reports that the daemon has begun to stop.
    pub fn stopping(&mut self) {
        self.send("STOPPING=1");
        (self.owes_ready, self.is_stale) = (false, false);
    }

    /// Notes that the status may have changed. What it is gets worked out when it can be reported.
    pub const fn touch(&mut self) {
        self.is_stale = true;
    }

    /// When [`Self::attend`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<BootInstant> {
        let report = self.is_due_some_time().then_some(self.next_report);
        self.watchdog.iter().map(|watchdog| watchdog.next).chain(report).min()
    }

    /// Does what is due: in every turn of the loop.
    pub fn attend(&mut self, now: BootInstant, status: impl FnOnce() -> String) {
        if self.is_due_some_time() && self.next_report <= now {
            self.report(status(), now);
        }
        if let Some(watchdog) = &mut self.watchdog
            && watchdog.next <= now
        {
            watchdog.next = now + watchdog.interval;
            self.send("WATCHDOG=1");
        }
    }

    /// How many messages the service manager has not taken.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    const fn is_due_some_time(&self) -> bool {
        self.socket.is_some() && (self.owes_ready || self.is_stale)
    }

    /// Reports what the service manager does not know yet, if anything. Either way the status is looked at no more for a
    /// while: so many changes are not worth a look each.
    fn report(&mut self, status: String, now: BootInstant) {
        self.is_stale = false;
        let ready = if self.owes_ready { "READY=1\n" } else { "" };
        let is_change = self.owes_ready || status != self.reported;
        if !is_change || self.send(&format!("{ready}STATUS={status}")) {
            (self.owes_ready, self.reported) = (false, status);
            self.retry = STATUS_INTERVAL;
            self.next_report = now + STATUS_INTERVAL;
        } else {
            self.is_stale = true;
            self.next_report = now + self.retry;
            self.retry = MAX_RETRY.min(self.retry * 2);
        }
    }

    /// Sends `message` if there is room for it now. Whether it was taken.
    fn send(&mut self, message: &str) -> bool {
        let Some(socket) = &self.socket else { return true };
        let result = socket.send(message);
        let failed_before = std::mem::replace(&mut self.failing, result.is_err());
        self.dropped += u64::from(result.is_err());
        match &result {
            Ok(()) if failed_before => info!(dropped = self.dropped, "the service manager listens again"),
            Ok(()) => {}
            Err(error) if failed_before => {
                debug!(notification = ?message, %error, "the service manager does not listen");
            }
            Err(error) => warn!(
                notification = ?message,
                %error,
                "the service manager does not listen: going on without it"
            ),
        }
        result.is_ok()
    }
}

/// A socket that a datagram to the service manager either leaves at once, or not at all.
#[derive(Debug)]
struct NotifySocket {
    socket: UnixDatagram,
    /// Not connected to it: a service manager that starts anew binds another socket to the same address.
    address: SocketAddr,
}

impl NotifySocket {
    /// A path, or `@` and a name in the abstract namespace (`unix(7)`).
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
        // A datagram is sent whole or not at all.
        self.socket.send_to_addr(message.as_bytes(), &self.address).map(drop)
    }
}

/// Half of the time after which the service manager gives this process up, if it watches it at all. Variables that were
/// inherited from another service name its process.
fn watchdog_interval() -> Option<Duration> {
    let variable = |name| env::var(name).ok()?.parse::<u64>().ok();
    let is_meant =
        env::var_os("WATCHDOG_PID").is_none() || variable("WATCHDOG_PID") == Some(process::id().into());
    let timeout = variable("WATCHDOG_USEC").filter(|&timeout| timeout > 0 && is_meant)?;
    Some(Duration::from_micros(timeout) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> BootInstant {
        BootInstant::from_boot(Duration::from_secs(1_000) + Duration::from_millis(millis))
    }

    /// The other end of the socket.
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

        /// Fills the queue to the last place.
        fn fill(&self) {
            let socket = NotifySocket::open(self.address.as_ref()).unwrap();
            while socket.send("filler").is_ok() {}
        }

        fn read_everything(&self) {
            while self.received().is_some() {}
        }
    }

    fn attend(notifier: &mut ServiceNotifier, millis: u64, status: &str) {
        notifier.attend(at(millis), || status.to_owned());
    }

    #[test]
    fn signs_of_life_come_twice_as_often_as_they_are_missed() {
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
    fn a_status_is_reported_when_it_changed_and_once_a_second_at_most() {
        let manager = Manager::new();
        let mut notifier = manager.notifier(None);
        notifier.ready("0 served".to_owned(), at(0));
        assert_eq!(manager.received().as_deref(), Some("READY=1\nSTATUS=0 served"));
        for (millis, status, expected) in [
            (20, "1 served", None),
            (30, "2 served", None),
            (1_000, "2 served", Some("STATUS=2 served")),
            (1_500, "3 served", None),
            // What has come and gone in between is not reported.
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

    /// Thousands of changes that leave it as it is must not cost a look each.
    #[test]
    fn a_status_is_worked_out_once_a_second_at_most() {
        let manager = Manager::new();
        let mut notifier = manager.notifier(None);
        notifier.ready("0 served".to_owned(), at(0));
        let mut worked_out = 0;
        for millis in (0..5_000).step_by(10) {
            notifier.touch();
            notifier.attend(at(millis), || {
                worked_out += 1;
                "0 served".to_owned()
            });
        }
        assert_eq!(worked_out, 4);
        assert_eq!(manager.received().as_deref(), Some("READY=1\nSTATUS=0 served"));
        assert_eq!(manager.received(), None);
    }

    #[test]
    fn what_finds_no_room_is_counted_and_ready_is_tried_again_ever_more_rarely() {
        let manager = Manager::new();
        manager.fill();
        let mut notifier = manager.notifier(None);
        notifier.ready("0 served".to_owned(), at(0));
        for (next, dropped) in [(1_000, 1), (3_000, 2), (7_000, 3), (15_000, 4), (31_000, 5), (47_000, 6)] {
            assert_eq!((notifier.deadline(), notifier.dropped()), (Some(at(next)), dropped));
            attend(&mut notifier, next, "1 served");
        }
        manager.read_everything();
        attend(&mut notifier, 62_999, "1 served");
        assert_eq!(manager.received(), None, "not before its time");
        attend(&mut notifier, 63_000, "2 served");
        assert_eq!(manager.received().as_deref(), Some("READY=1\nSTATUS=2 served"));
        assert_eq!((notifier.deadline(), notifier.dropped()), (None, 7));
    }

    #[test]
    fn without_a_service_manager_nothing_is_due() {
        let mut notifier = ServiceNotifier::new(None, None, at(0));
        notifier.ready("0 served".to_owned(), at(0));
        notifier.touch();
        notifier.attend(at(9_000), || panic!("the status is worked out for nothing"));
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
