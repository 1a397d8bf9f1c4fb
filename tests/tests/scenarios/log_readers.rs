//! A log whose reader stops: nothing waits for it, and what found no room is counted.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::{fs::OpenOptionsExt, net::UnixDatagram},
    time::Duration,
};

use autora_tests::{Daemon, Launch, Namespace, RuntimeDirectory, eventually};
use nix::{
    libc::O_NONBLOCK,
    sys::{signal::Signal, stat::Mode},
    unistd::mkfifo,
};

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, rarely};

/// Where the log goes.
trait Reader {
    /// Leaves no room.
    fn fill(&self);
    /// Reads what there is.
    fn read(&self) -> String;
    /// Returns a daemon that logs to it.
    fn launch(&self, arguments: &[&str]) -> Launch;

    fn wait_for(&self, text: &str) -> String {
        let mut log = String::new();
        eventually(SOON, text, || {
            log.push_str(&self.read());
            log.contains(text).then(|| log.clone())
        })
    }
}

/// A pipe as standard error.
struct Pipe {
    end: File,
    directory: RuntimeDirectory,
}

impl Pipe {
    fn new() -> Self {
        let directory = RuntimeDirectory::new();
        let path = directory.path().join("log");
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).expect("an unused path");
        let end = OpenOptions::new().read(true).write(true).custom_flags(O_NONBLOCK).open(path);
        Self { end: end.expect("a pipe can be opened"), directory }
    }
}

impl Reader for Pipe {
    fn fill(&self) {
        while (&self.end).write(&[b'\n'; 4_096]).is_ok() {}
    }

    fn read(&self) -> String {
        let mut bytes = Vec::new();
        let end = (&self.end).read_to_end(&mut bytes).expect_err("the pipe has a writer");
        assert_eq!(end.kind(), ErrorKind::WouldBlock);
        String::from_utf8(bytes).expect("the log is text")
    }

    fn launch(&self, arguments: &[&str]) -> Launch {
        Launch::new(arguments).after(&format!("exec 2<>{}", self.directory.path().join("log").display()))
    }
}

/// The journal's own socket.
struct Journal {
    socket: UnixDatagram,
    directory: RuntimeDirectory,
}

impl Journal {
    fn new() -> Self {
        let directory = RuntimeDirectory::new();
        let socket = UnixDatagram::bind(directory.path().join("socket")).expect("an unused path");
        socket.set_nonblocking(true).expect("it is a socket");
        Self { socket, directory }
    }
}

impl Reader for Journal {
    fn fill(&self) {
        let sender = UnixDatagram::unbound().expect("a socket");
        sender.set_nonblocking(true).expect("it is a socket");
        while sender.send_to(b"filler", self.directory.path().join("socket")).is_ok() {}
    }

    fn read(&self) -> String {
        let mut buffer = [0; 4_096];
        let entries = std::iter::from_fn(|| {
            let len = self.socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..len]).into_owned())
        });
        entries.collect()
    }

    fn launch(&self, arguments: &[&str]) -> Launch {
        let directory = self.directory.path().display();
        let mount = format!(
            "mount -t tmpfs none /run\nmkdir -p /run/systemd/journal\nmount --bind {directory} /run/systemd/journal"
        );
        Launch::new(arguments).env("AUTORA_LOG_FORMAT", "journald").after(&mount)
    }
}

fn lines_dropped(daemon: &Daemon) -> u64 {
    let metrics = daemon.control().get("/metrics").body;
    let value = metrics.lines().find_map(|line| line.strip_prefix("autora_log_lines_dropped_total "));
    value.unwrap_or_else(|| panic!("no count in {metrics}")).parse().expect("a number")
}

/// Checks that the daemon serves, answers and stops while the log's reader does not read.
fn check(reader: &impl Reader) {
    reader.fill();
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let mut daemon = reader.launch(&rarely(&["--heartbeat-interval=1s"])).start(&host);
    line.expect_served(SOON);
    line.solicit();
    line.expect_served(FLOOR + MAX_DELAY + SLACK);
    assert!(lines_dropped(&daemon) > 1);

    // The control: a reader that reads gets lines, and how many it has not got.
    let log = reader.wait_for("the log had no room for some lines");
    reader.wait_for("heartbeat");
    assert!(log.to_lowercase().contains("lines_dropped"), "{log}");
    let dropped = lines_dropped(&daemon);

    reader.fill();
    eventually(SOON, "more lines that are dropped", || (lines_dropped(&daemon) > dropped).then_some(()));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(FLOOR + SLACK + AT_ONCE), 0);
    assert!(line.capture.expect_advert(Duration::ZERO).is_final());
}

#[test]
fn a_pipe_that_is_not_read_delays_nothing() {
    check(&Pipe::new());
}

#[test]
fn a_journal_that_does_not_read_delays_nothing() {
    check(&Journal::new());
}

#[test]
fn an_error_that_ends_the_start_waits_for_no_reader() {
    let pipe = Pipe::new();
    let host = Namespace::host();
    let refused = ["--max-ra-interval=1s"];
    pipe.fill();
    assert_eq!(pipe.launch(&refused).start(&host).wait_exit(AT_ONCE), 2);
    // The control: with room the line is there.
    pipe.read();
    assert_eq!(pipe.launch(&refused).start(&host).wait_exit(AT_ONCE), 2);
    pipe.wait_for("error: --max-ra-interval");
}
