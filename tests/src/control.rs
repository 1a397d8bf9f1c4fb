//! The daemon's control socket, as a client that can misbehave.

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

/// Where the daemon can be asked.
#[derive(Clone, Debug)]
pub struct Control(PathBuf);

/// What it says.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub code: u16,
    /// The lines above the body, in lower case.
    pub head: String,
    /// The body, put together from its chunks.
    pub body: String,
}

impl Control {
    /// The socket at `path`.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A connection, to say anything on.
    pub fn connect(&self) -> UnixStream {
        let stream = eventually(LONGEST, "the control socket", || UnixStream::connect(&self.0).ok());
        stream.set_read_timeout(Some(LONGEST)).expect("a time above 0");
        stream.set_write_timeout(Some(LONGEST)).expect("a time above 0");
        stream
    }

    /// Asks for a path.
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path)
    }

    /// Asks in any way.
    pub fn ask(&self, method: &str, path: &str) -> Answer {
        let mut stream = self.connect();
        let request = format!("{method} {path} HTTP/1.1\r\nhost: autora\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the daemon reads");
        Answer::read(&mut stream)
    }

    /// What is at a path, which must be there.
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.code, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// Runs one of the daemon's commands to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the daemon can be run")
    }

    /// One of the daemon's commands, to be run and read from: in the end it ends, so that nobody reads forever.
    pub fn bounded_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command
            .arg(LONGEST.as_secs().to_string())
            .arg(binary())
            .args(arguments)
            .env("AUTORA_CONTROL_SOCKET", &self.0);
        command
    }

    /// One of the daemon's commands, to be run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).env_clear().env("AUTORA_CONTROL_SOCKET", &self.0);
        command
    }
}

impl Answer {
    /// Reads one to the end of the connection.
    pub fn read(from: &mut impl Read) -> Self {
        let mut bytes = Vec::new();
        match from.read_to_end(&mut bytes) {
            // What came before the connection was reset is the answer.
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

    /// Its body.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Chunks in one; the last has no length [RFC 9112 7.1].
fn dechunk(mut body: &str) -> String {
    let mut whole = String::new();
    loop {
        let (length, rest) =
            body.split_once("\r\n").unwrap_or_else(|| panic!("an unfinished answer: {whole}"));
        let length = usize::from_str_radix(length, 16).expect("a length in hex");
        if length == 0 {
            return whole;
        }
        whole.push_str(&rest[..length]);
        body = &rest[length + 2..];
    }
}
