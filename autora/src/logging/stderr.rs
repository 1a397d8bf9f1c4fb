//! Standard error, which is never waited for.
//!
//! `O_NONBLOCK` belongs to the open file description, which a shell, and everything else that it starts on the
//! same terminal, shares with the daemon: it is not set on standard error itself. A pipe or a terminal is opened
//! anew instead, with a description of its own; a socket takes the flag with each call.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::fs::OpenOptionsExt,
    },
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nix::{
    errno::Errno,
    libc::{self, PIPE_BUF},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        socket::{MsgFlags, send},
        stat::{SFlag, fstat},
    },
    unistd::write,
};

use super::dropped;

/// How often the end of the process waits for room for its last line, and how long each time.
const LAST_WAITS: usize = 5;
const LAST_WAIT: Duration = Duration::from_millis(100);

static OUTPUT: LazyLock<Mutex<Output>> = LazyLock::new(|| Mutex::new(Output::new(Way::to(io::stderr().as_fd()))));

/// The writer of the log's lines: one call of [`Write::write`] for each.
pub(super) struct Stderr;

impl Stderr {
    /// Returns a writer. The first call opens standard error anew, which takes a process that is not confined.
    pub(super) fn open() -> Self {
        drop(output());
        Self
    }
}

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let accepted = output().offer(line);
        dropped::note(accepted);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a line before the process ends. Waits a moment for room, and gives up then: the exit code tells as much.
pub(crate) fn write_last(line: &str) {
    output().offer_patiently(line);
}

/// Writes what `panic!` says, before the process aborts. A panic while a line is written has no line of its own: the
/// lock is held then.
pub(super) fn write_panic(text: &str) {
    if let Ok(mut output) = OUTPUT.try_lock() {
        output.offer_patiently(text);
    }
}

/// Waits a moment for room for the rest of the last line.
pub fn finish() {
    let mut output = output();
    wait_until(|| output.write_rest());
}

/// Tries `write` until it succeeds, each time after a wait for room, and gives up soon.
fn wait_until(mut write: impl FnMut() -> bool) {
    let _ = (0..LAST_WAITS).any(|_| write() || !has_room(io::stderr().as_fd(), LAST_WAIT));
}

fn output() -> MutexGuard<'static, Output> {
    OUTPUT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How bytes are written without waiting.
#[derive(Debug)]
enum Way {
    /// To a description of our own, with `O_NONBLOCK`: a pipe, a terminal or another device.
    Reopened(File),
    /// With `MSG_DONTWAIT`: the journal's stream.
    Socket,
    /// After `poll(2)`, `PIPE_BUF` bytes at a time: a pipe that polls writable has room for as many (`pipe(7)`,
    /// `pipe_poll` in the kernel's fs/pipe.c), and a stopped terminal does not poll writable. For a pipe or terminal of
    /// another user, which may not be opened anew, and where there is no /proc.
    Polled,
    /// As they are: a file takes what it is given, or fails.
    Plain,
}

impl Way {
    fn to(fd: BorrowedFd<'_>) -> Self {
        let kind = fstat(fd).map_or(SFlag::empty(), |stat| SFlag::from_bits_truncate(stat.st_mode & libc::S_IFMT));
        match kind {
            SFlag::S_IFSOCK => Self::Socket,
            SFlag::S_IFIFO | SFlag::S_IFCHR => reopen(fd).map_or(Self::Polled, Self::Reopened),
            _ => Self::Plain,
        }
    }

    /// Writes what there is room for now; returns how many bytes that was.
    fn put(&self, bytes: &[u8]) -> Result<usize, Errno> {
        let stderr = io::stderr();
        match self {
            Self::Reopened(file) => write(file, bytes),
            Self::Socket => send(stderr.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL),
            Self::Polled if !has_room(stderr.as_fd(), Duration::ZERO) => Err(Errno::EAGAIN),
            Self::Polled => write(stderr, &bytes[..bytes.len().min(PIPE_BUF)]),
            Self::Plain => write(stderr, bytes),
        }
    }
}

fn reopen(fd: BorrowedFd<'_>) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    OpenOptions::new().write(true).custom_flags(flags).open(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

/// Returns whether `fd` polls writable within `wait`.
fn has_room(fd: BorrowedFd<'_>, wait: Duration) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
    let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::ZERO);
    poll(&mut fds, timeout).is_ok() && fds[0].revents().is_some_and(|events| events == PollFlags::POLLOUT)
}

#[derive(Debug)]
struct Output {
    way: Way,
    /// What is missing of a line of which some is written. No other line may come before it.
    rest: Vec<u8>,
}

impl Output {
    const fn new(way: Way) -> Self {
        Self { way, rest: Vec::new() }
    }

    /// Writes `line` if there is room for its first bytes; those without room follow before the next line. Returns
    /// whether it was accepted.
    fn offer(&mut self, line: &[u8]) -> bool {
        if !self.write_rest() {
            return false;
        }
        let written = self.write_some(line);
        if written > 0 {
            self.rest = line[written..].to_vec();
        }
        written > 0
    }

    /// Writes `line`, and waits a moment for room.
    fn offer_patiently(&mut self, line: &str) {
        wait_until(|| self.offer(line.as_bytes()));
        wait_until(|| self.write_rest());
    }

    /// Writes what is missing of the last line; returns whether nothing is missing any more.
    fn write_rest(&mut self) -> bool {
        let written = self.write_some(&self.rest);
        self.rest.drain(..written);
        self.rest.is_empty()
    }

    /// Writes until there is no room, or an error; returns how many bytes were written.
    fn write_some(&self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while written < bytes.len() {
            match self.way.put(&bytes[written..]) {
                Ok(more @ 1..) => written += more,
                Err(Errno::EINTR) => {}
                Ok(0) | Err(_) => break,
            }
        }
        written
    }
}

#[cfg(test)]
#[path = "stderr/tests.rs"]
mod tests;
