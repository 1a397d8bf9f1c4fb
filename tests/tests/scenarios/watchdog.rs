//! The notifications to the service manager: readiness, the number of served interfaces, and the watchdog.

use std::{
    os::unix::net::UnixDatagram,
    thread,
    time::{Duration, Instant},
};

use autora_tests::{Launch, Namespace, RuntimeDirectory, eventually, field};
use nix::sys::signal::Signal;

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, rarely};

/// The other end of `sd_notify(3)`.
struct ServiceManager {
    socket: UnixDatagram,
    directory: RuntimeDirectory,
}

impl ServiceManager {
    fn new() -> Self {
        let directory = RuntimeDirectory::new();
        let socket = UnixDatagram::bind(directory.path().join("notify")).expect("an unused path");
        socket.set_nonblocking(true).expect("it is a socket");
        Self { socket, directory }
    }

    /// Returns a daemon that notifies this service manager.
    fn launch(&self) -> Launch {
        let path = self.directory.path().join("notify");
        Launch::new(&rarely(&["--heartbeat-interval=0s", "--forwarding-resync-interval=1h"]))
            .env("NOTIFY_SOCKET", path.to_str().expect("a plain path"))
    }

    /// Returns the messages since the last call.
    fn messages(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        std::iter::from_fn(|| self.socket.recv(&mut buffer).ok().map(|len| text(&buffer[..len]))).collect()
    }

    /// Fills the socket, so that it has no room for another message.
    fn fill(&self) {
        let sender = UnixDatagram::unbound().expect("a socket");
        sender.set_nonblocking(true).expect("it is a socket");
        while sender.send_to(b"filler", self.directory.path().join("notify")).is_ok() {}
    }

    fn wait_for(&self, line: &str) {
        eventually(SOON, line, || {
            self.messages().iter().any(|message| message.lines().any(|one| one == line)).then_some(())
        });
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn watchdog_notifications(messages: &[String]) -> usize {
    messages.iter().filter(|message| message.lines().any(|line| line == "WATCHDOG=1")).count()
}

#[test]
fn the_watchdog_is_notified_unless_the_loop_hangs() {
    let manager = ServiceManager::new();
    let host = Namespace::host();
    let daemon = manager.launch().env("WATCHDOG_USEC", "1000000").start(&host);
    manager.wait_for("READY=1");
    // The watchdog is notified twice a second, and nothing else wakes this daemon.
    thread::sleep(Duration::from_millis(3_250));
    let count = watchdog_notifications(&manager.messages());
    assert!((6..=8).contains(&count), "{count} in 3.25 s");

    daemon.signal(Signal::SIGSTOP);
    thread::sleep(SLACK);
    manager.messages();
    thread::sleep(Duration::from_secs(2));
    assert_eq!(manager.messages(), [""; 0], "no message while it is stopped");
    daemon.signal(Signal::SIGCONT);
    manager.wait_for("WATCHDOG=1");
}

#[test]
fn without_a_watchdog_there_are_no_notifications() {
    let manager = ServiceManager::new();
    let host = Namespace::host();
    let _daemon = manager.launch().start(&host);
    manager.wait_for("READY=1");
    // The watchdog is for another process: the variable was inherited.
    let _other = manager.launch().env("WATCHDOG_USEC", "1000000").env("WATCHDOG_PID", "1").start(&host);
    manager.wait_for("READY=1");
    thread::sleep(Duration::from_secs(2));
    assert_eq!(watchdog_notifications(&manager.messages()), 0);
}

#[test]
fn the_status_follows_the_counts_at_most_once_a_second() {
    let manager = ServiceManager::new();
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let line = Line::new(&host, &guest, 1);
    let _daemon = manager.launch().start(&host);
    manager.wait_for("STATUS=serving 1, paused 0, not served 0");
    line.link.host.sysctl("forwarding", 0);
    manager.wait_for("STATUS=serving 0, paused 0, not served 1");
    // A hundred changes within two or three seconds.
    let began = Instant::now();
    for _ in 0..50 {
        line.link.host.sysctl("forwarding", 1);
        thread::sleep(Duration::from_millis(20));
        line.link.host.sysctl("forwarding", 0);
        thread::sleep(Duration::from_millis(20));
    }
    line.link.host.sysctl("forwarding", 1);
    let mut messages = manager.messages();
    eventually(SOON, "the last status", || {
        messages.extend(manager.messages());
        messages.last().is_some_and(|last| last.contains("STATUS=serving 1,")).then_some(())
    });
    let seconds = usize::try_from(began.elapsed().as_secs()).expect("a few");
    assert!(messages.len() <= seconds + 2, "{messages:#?} within {seconds} s");
}

#[test]
fn a_service_manager_that_does_not_read_delays_nothing() {
    let manager = ServiceManager::new();
    manager.fill();
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let path = manager.directory.path().join("notify");
    let mut daemon = Launch::new(&rarely(&["--heartbeat-interval=1s"]))
        .env("NOTIFY_SOCKET", path.to_str().expect("a plain path"))
        .start(&host);
    line.expect_served(SOON);
    line.solicit();
    line.expect_served(FLOOR + MAX_DELAY + SLACK);
    eventually(SOON, "a count of what was dropped", || {
        let counts = |line: &String| field(line, "notifications_dropped").is_some_and(|count| count != "0");
        daemon.lines_with(&["heartbeat"]).iter().any(counts).then_some(())
    });
    // The control: a service manager that reads is notified.
    manager.wait_for("READY=1");

    manager.fill();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(FLOOR + SLACK), 0);
    assert!(line.capture.expect_advert(Duration::ZERO).is_final());
}
