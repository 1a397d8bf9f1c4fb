//! A log whose reader stops: nothing waits for it, and what found no room is counted.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::{
        fd::AsRawFd,
        unix::{
            fs::OpenOptionsExt,
            net::{UnixDatagram, UnixStream},
        },
    },
    time::Duration,
};

use autora_tests::{Daemon, Launch, Namespace, Refusal, RuntimeDirectory, eventually};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    libc::{self, O_NONBLOCK, c_long},
    pty::{OpenptyResult, openpty},
    sys::{
        signal::Signal,
        socket::{MsgFlags, send},
        stat::Mode,
    },
    unistd::{mkfifo, read, ttyname, write},
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

/// A terminal as standard error, on which the operator may have pressed Ctrl-S.
struct Terminal(OpenptyResult);

impl Terminal {
    /// What a terminal takes for Ctrl-S and Ctrl-Q by default: stop, and go on.
    const STOP: &[u8] = b"\x13";
    const START: &[u8] = b"\x11";

    fn new() -> Self {
        let pair = openpty(None, None).expect("a terminal");
        fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("a terminal takes it");
        Self(pair)
    }

    fn press(&self, key: &[u8]) {
        assert_eq!(write(&self.0.master, key), Ok(1));
    }
}

impl Reader for Terminal {
    fn fill(&self) {
        self.press(Self::STOP);
    }

    fn read(&self) -> String {
        self.press(Self::START);
        let mut buffer = [0; 4_096];
        let pieces = std::iter::from_fn(|| {
            let len = read(&self.0.master, &mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..len]).into_owned())
        });
        pieces.collect()
    }

    fn launch(&self, arguments: &[&str]) -> Launch {
        let name = ttyname(&self.0.slave).expect("it has a name");
        Launch::new(arguments).after(&format!("exec 2<>{}", name.display()))
    }
}

/// A stream as standard error, as the service manager connects it to the journal.
struct Stream {
    ours: UnixStream,
    theirs: UnixStream,
}

impl Stream {
    fn new() -> Self {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        ours.set_nonblocking(true).expect("it is a socket");
        fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty())).expect("the daemon may inherit it");
        Self { ours, theirs }
    }
}

impl Reader for Stream {
    fn fill(&self) {
        while send(self.theirs.as_raw_fd(), &[b'\n'; 4_096], MsgFlags::MSG_DONTWAIT).is_ok() {}
    }

    fn read(&self) -> String {
        let mut bytes = Vec::new();
        let end = (&self.ours).read_to_end(&mut bytes).expect_err("the stream has a writer");
        assert_eq!(end.kind(), ErrorKind::WouldBlock);
        String::from_utf8(bytes).expect("the log is text")
    }

    fn launch(&self, arguments: &[&str]) -> Launch {
        // Other shells take no number of two digits there.
        let redirect = format!("exec bash -c 'exec 2<&{}; exec \"$0\" \"$@\"' \"$0\" \"$@\"", self.theirs.as_raw_fd());
        Launch::new(arguments).after(&redirect)
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
fn a_stopped_terminal_delays_nothing() {
    check(&Terminal::new());
}

#[test]
fn a_stream_to_the_journal_that_is_not_read_delays_nothing() {
    check(&Stream::new());
}

#[test]
fn an_error_that_ends_the_start_waits_for_no_reader() {
    for (refused, line) in
        [("--max-ra-interval=1s", "error: --max-ra-interval"), ("--max-ra-intervall=1s", "error: unexpected argument")]
    {
        let pipe = Pipe::new();
        let host = Namespace::host();
        pipe.fill();
        assert_eq!(pipe.launch(&[refused]).start(&host).wait_exit(AT_ONCE), 2);
        // The control: with room the line is there.
        pipe.read();
        assert_eq!(pipe.launch(&[refused]).start(&host).wait_exit(AT_ONCE), 2);
        pipe.wait_for(line);
    }
}

/// What the event loop waits with (mio calls glibc's `epoll_wait()`). Architectures that share the kernel's generic
/// list have the newer call alone.
#[cfg(target_arch = "x86_64")]
const WAITING: c_long = libc::SYS_epoll_wait;
#[cfg(not(target_arch = "x86_64"))]
const WAITING: c_long = libc::SYS_epoll_pwait;

/// The runtime takes a kernel that refuses to wait for a bug, and panics: no kernel does.
#[test]
fn a_panic_is_one_line_that_waits_for_no_reader_and_ends_the_daemon() {
    let host = Namespace::host();
    let refusal = Refusal { call: WAITING, argument: None, errno: Errno::EPERM };
    let pipe = Pipe::new();
    for format in ["text", "json"] {
        // One thread, and one panic.
        let arguments = rarely(&["--control-socket=none", "--log-format", format]);
        let panic = || pipe.launch(&arguments).refuse(refusal).start(&host).wait_exit(SOON);
        assert_eq!(panic(), -(Signal::SIGABRT as i32));
        let log = pipe.read();
        let reports: Vec<_> = log.lines().filter(|line| line.contains("a bug in autora")).collect();
        let [report] = reports[..] else { panic!("{format}: {log}") };
        assert!(report.starts_with("error: a bug in autora, please report it: panicked at "), "{report}");
        assert!(report.contains(": unexpected error when polling the I/O driver"), "{report}");
        assert_eq!(log.lines().last(), Some(report), "nothing after it");
        pipe.fill();
        assert_eq!(panic(), -(Signal::SIGABRT as i32));
        pipe.read();
    }
    // The control: a kernel that waits.
    let mut daemon = pipe.launch(&rarely(&["--control-socket=none"])).start(&host);
    pipe.wait_for("started");
    assert!(daemon.is_running());
}
