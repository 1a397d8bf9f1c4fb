//! The client of the control socket, for autora's own commands.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use http_body_util::BodyExt;
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header::HOST,
};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use tokio::{net::UnixStream, time::timeout};

use super::{limits::SILENCE_LIMIT, model};

/// Time in which the daemon must answer; longer than [`QUERY_LIMIT`](super::limits::QUERY_LIMIT).
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Bytes of the longest answer: 65,536 interfaces, each with every field filled.
const MAX_ANSWER: usize = 256 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket does not exist, no daemon listens on it, or the kernel denies access.
    #[error("no daemon answers on {}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The error of connect(2).
        source: io::Error,
    },
    /// The socket is set to `none`.
    #[error("the control socket is switched off (none): no daemon can be reached")]
    Off,
    /// The connection broke off.
    #[error("the daemon closed the connection")]
    Broken(#[source] hyper::Error),
    /// The daemon completed its answer because it stops.
    #[error("the daemon has stopped")]
    Ended,
    /// The daemon did not answer in time.
    #[error("the daemon does not answer")]
    Silent,
    /// The answer is not JSON, or not of the expected shape.
    #[error("the daemon's answer cannot be read: is the daemon of another version?")]
    Misunderstood(#[from] serde_json::Error),
    /// The answer exceeds 256 MiB.
    #[error("the daemon's answer is too long")]
    TooLong,
    /// The daemon answered with an error.
    #[error("error from the daemon: {}", .1.message)]
    Refused(StatusCode, model::Error),
}

impl ClientError {
    /// Returns whether no daemon listens on the socket, or it is switched off.
    #[must_use]
    pub fn says_that_none_runs(&self) -> bool {
        match self {
            Self::Connect { source, .. } => {
                matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
            }
            Self::Off => true,
            Self::Broken(_)
            | Self::Ended
            | Self::Silent
            | Self::Misunderstood(_)
            | Self::TooLong
            | Self::Refused(..) => false,
        }
    }

    /// Returns whether another attempt may succeed: the daemon restarts, or is busy at the moment.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Broken(_) | Self::Connect { .. } | Self::Ended | Self::Silent => true,
            Self::Refused(status, _) => *status == StatusCode::SERVICE_UNAVAILABLE,
            Self::Off | Self::Misunderstood(_) | Self::TooLong => false,
        }
    }
}

/// A connection to the daemon.
#[derive(Debug)]
pub struct Client {
    sender: SendRequest<String>,
    daemon: Option<u32>,
}

impl Client {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Connect`] if no daemon listens, or the caller may not connect; [`ClientError::Silent`] if
    /// it accepts no more connections; [`ClientError::Broken`] if the handshake fails.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let refused = |source| ClientError::Connect { path: path.to_owned(), source };
        let stream = UnixStream::connect(path).await.map_err(|source| {
            // The daemon accepts no connection, and the queue of those before this one is full (connect(2)).
            let is_full = source.kind() == io::ErrorKind::WouldBlock;
            if is_full { ClientError::Silent } else { refused(source) }
        })?;
        // 0 stands for a process that this PID namespace does not see (`cred_to_ucred()`, `net/core/sock.c`,
        // Linux 6.12).
        let daemon = stream.peer_cred().ok().and_then(|peer| u32::try_from(peer.pid()?).ok()).filter(|&pid| pid > 0);
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::Broken)?;
        // An error of the connection shows as an error of the answer.
        tokio::spawn(connection);
        Ok(Self { sender, daemon })
    }

    /// Returns the process id of the daemon as this process sees it; `None` if it is in another PID namespace.
    #[must_use]
    pub const fn daemon(&self) -> Option<u32> {
        self.daemon
    }

    /// Gets the whole answer at `path`.
    ///
    /// # Errors
    ///
    /// Any [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, ClientError> {
        let mut lines = self.open(path).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = timeout(ANSWER_LIMIT, lines.piece()).await.map_err(|_| ClientError::Silent)?? {
            if bytes.len() + piece.len() > MAX_ANSWER {
                return Err(ClientError::TooLong);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Opens the answer at `path`, to be read line by line as it arrives.
    ///
    /// # Errors
    ///
    /// Any [`ClientError`].
    pub async fn open(&mut self, path: &str) -> Result<Lines, ClientError> {
        let request = Request::get(path).header(HOST, "autora").body(String::new());
        let request = request.expect("paths are made of encoded parts");
        let response = timeout(ANSWER_LIMIT, async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        });
        let response = response.await.map_err(|_| ClientError::Silent)?.map_err(ClientError::Broken)?;
        Lines::new(response).await
    }
}

/// An answer that is read line by line.
#[derive(Debug)]
pub struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Lines {
    async fn new(response: Response<Incoming>) -> Result<Self, ClientError> {
        let status = response.status();
        let mut lines = Self { body: response.into_body(), buffer: Vec::new() };
        if status.is_success() {
            return Ok(lines);
        }
        let line = lines.line().await?.unwrap_or_default();
        Err(ClientError::Refused(status, serde_json::from_slice(&line)?))
    }

    /// Reads the next line as `T`; `None` at the end of the answer.
    ///
    /// # Errors
    ///
    /// Any [`ClientError`].
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ClientError> {
        Ok(self.line().await?.map(|line| serde_json::from_slice(&line)).transpose()?)
    }

    /// Reads the next line, without its line end; `None` at the end of the answer. A daemon that sends nothing for
    /// [`SILENCE_LIMIT`] hangs. Cancel safe: what has arrived stays in the buffer.
    ///
    /// # Errors
    ///
    /// Any [`ClientError`].
    pub async fn line(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<_> = self.buffer.drain(..=end).collect();
                line.pop();
                return Ok(Some(line));
            }
            match timeout(SILENCE_LIMIT, self.piece()).await.map_err(|_| ClientError::Silent)?? {
                Some(piece) if self.buffer.len() + piece.len() <= MAX_ANSWER => {
                    self.buffer.extend_from_slice(&piece);
                }
                Some(_) => return Err(ClientError::TooLong),
                None => return Ok(None),
            }
        }
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, ClientError> {
        let frame = self.body.frame().await.transpose().map_err(ClientError::Broken)?;
        Ok(frame.map(|frame| frame.into_data().unwrap_or_default()))
    }
}

/// Everything but the unreserved characters of
/// [RFC 3986 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3), and the `*` of patterns.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'*');

/// Returns `name` percent-encoded, for a path or a query [RFC 3986 2.1].
#[must_use]
pub fn encode(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}
