//! Clients of the control socket: one that scrapes all the time, and others that connect and read nothing.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crate::agenda::Client;

/// What is asked in turn.
const PATHS: [&str; 3] = ["/metrics", "/v1/status", "/v1/interfaces"];

const PAUSE: Duration = Duration::from_secs(2);

/// Longer than any answer takes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The most clients that stall at a time; then the oldest leaves.
pub(crate) const STALLED: usize = 8;

/// More bytes of answers than the buffers of both sides hold.
const REQUESTS: usize = 64;

/// Counts of the client that scrapes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scrapes {
    answered: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

impl Scrapes {
    /// Begins to scrape at `socket`, whether a daemon is there or not.
    pub(crate) fn begin(socket: PathBuf) -> Self {
        let scrapes = Self::default();
        let counts = scrapes.clone();
        thread::spawn(move || {
            for path in PATHS.into_iter().cycle() {
                let count = if is_answered(&socket, path).unwrap_or(false) { &counts.answered } else { &counts.failed };
                count.fetch_add(1, Ordering::Relaxed);
                thread::sleep(PAUSE);
            }
        });
        scrapes
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Those without a daemon, as during a restart, included.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

fn is_answered(socket: &Path, path: &str) -> io::Result<bool> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(request(path, "close").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200 "))
}

fn request(path: &str, connection: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: autora\r\nconnection: {connection}\r\n\r\n")
}

/// Clients that read nothing, until the daemon closes the connection or others take their place.
#[derive(Debug, Default)]
pub(crate) struct Stalled(VecDeque<UnixStream>);

impl Stalled {
    /// Connects one more; without a daemon there is none.
    pub(crate) fn connect(&mut self, socket: &Path, client: Client) {
        let Ok(stream) = UnixStream::connect(socket) else { return };
        // What finds no room is not sent.
        drop(stream.set_nonblocking(true));
        drop((&stream).write(first_words(client).as_bytes()));
        self.0.truncate(STALLED - 1);
        self.0.push_front(stream);
    }
}

fn first_words(client: Client) -> String {
    match client {
        Client::Nothing => String::new(),
        Client::HalfARequest => "GET /metrics HTTP/1.1\r\nhost: ".to_owned(),
        Client::Requests => request("/v1/interfaces", "keep-alive").repeat(REQUESTS),
        Client::Events => request("/v1/events", "keep-alive"),
    }
}
