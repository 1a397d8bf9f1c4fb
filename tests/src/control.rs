//! A client of the daemon's control socket that can misbehave.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;

use crate::{program::binary, wait::eventually};

/// Longer than any answer takes.
const LONGEST: Duration = Duration::from_secs(20);

/// A daemon's control socket, by path.
#[derive(Clone, Debug)]
pub struct Control(PathBuf);

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub code: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    /// The body, joined from its chunks.
    pub body: String,
}

impl Control {
    /// Names the socket at `path`.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Returns the socket's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Opens a connection for raw bytes, with time limits. Waits for the socket.
    pub fn connect(&self) -> UnixStream {
        let stream = eventually(LONGEST, "the control socket", || UnixStream::connect(&self.0).ok());
        stream.set_read_timeout(Some(LONGEST)).expect("the time limit is above 0");
        stream.set_write_timeout(Some(LONGEST)).expect("the time limit is above 0");
        stream
    }

    /// Sends a GET request for `path` and reads the answer.
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path)
    }

    /// Sends a request with any method for `path` and reads the answer.
    pub fn ask(&self, method: &str, path: &str) -> Answer {
        let mut stream = self.connect();
        let request = format!("{method} {path} HTTP/1.1\r\nhost: autora\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the daemon reads");
        Answer::read(&mut stream)
    }

    /// Returns the JSON at `path`. Panics unless the status is 200.
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.code, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// Runs one of the daemon's subcommands to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the daemon can be run")
    }

    /// Returns one of the daemon's subcommands, unstarted. `timeout` ends it after [`LONGEST`], so that
    /// reading its output ends too.
    pub fn bounded_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command.arg(LONGEST.as_secs().to_string()).arg(binary()).args(arguments).env("AUTORA_CONTROL_SOCKET", &self.0);
        command
    }

    /// Returns one of the daemon's subcommands, unstarted.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).env_clear().env("AUTORA_CONTROL_SOCKET", &self.0);
        command
    }
}

impl Answer {
    /// Reads an answer to the end of the connection.
    pub fn read(from: &mut impl Read) -> Self {
        let mut bytes = Vec::new();
        match from.read_to_end(&mut bytes) {
            // The bytes before a reset are the answer.
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => {
                panic!("reading an answer: {error}")
            }
            Ok(_) | Err(_) => {}
        }
        let text = String::from_utf8(bytes).expect("answers are text");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
        let head = head.to_lowercase();
        let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let code = code.unwrap_or_else(|| panic!("no status in {head}"));
        let body = if head.contains("transfer-encoding: chunked") { dechunk(body) } else { body.to_owned() };
        Self { code, head, body }
    }

    /// Parses the body.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Joins chunks; the last one has length 0
/// ([RFC 9112 7.1](https://www.rfc-editor.org/rfc/rfc9112#section-7.1)).
fn dechunk(mut body: &str) -> String {
    let mut whole = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n").unwrap_or_else(|| panic!("an unfinished answer: {whole}"));
        let length = usize::from_str_radix(length, 16).expect("a length in hex");
        if length == 0 {
            return whole;
        }
        whole.push_str(&rest[..length]);
        body = &rest[length + 2..];
    }
}
