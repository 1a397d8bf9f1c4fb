//! The other end of the socket, for autora's own commands.

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

use super::model;

/// How long the daemon may take to begin an answer: longer than it gives its own event loop.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A whole answer is not larger: that of 65,536 interfaces, each with all it can have.
const MAX_ANSWER: usize = 256 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no daemon answers on {}", path.display())]
    Connect {
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// There is none to connect to.
    #[error("the control socket is switched off (none), so that no daemon can be asked")]
    Off,
    /// The connection broke off.
    #[error("the daemon has gone away")]
    Broken(#[source] hyper::Error),
    /// It has said all, and ends.
    #[error("the daemon ends")]
    Ended,
    /// It took too long.
    #[error("the daemon does not answer")]
    Silent,
    /// It is no JSON, or not what was expected.
    #[error("the daemon's answer is not understood: is it of another version?")]
    Misunderstood(#[from] serde_json::Error),
    /// It is larger than any that a daemon gives.
    #[error("the daemon's answer is too long")]
    TooLong,
    /// The daemon refuses.
    #[error("the daemon says: {}", .1.message)]
    Refused(StatusCode, model::Error),
}

/// A connection to the daemon.
#[derive(Debug)]
pub struct Client(SendRequest<String>);

impl Client {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Connect`] if nobody listens, or the socket is not for us.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let refused = |source| ClientError::Connect { path: path.to_owned(), source };
        let stream = UnixStream::connect(path).await.map_err(refused)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::Broken)?;
        // Its end shows in the answer that breaks off.
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// What is at `path`.
    ///
    /// # Errors
    ///
    /// Any [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, ClientError> {
        let mut lines = self.open(path).await?;
        let mut bytes = Vec::new();
        while let Some(piece) =
            timeout(ANSWER_LIMIT, lines.piece()).await.map_err(|_| ClientError::Silent)??
        {
            if bytes.len() + piece.len() > MAX_ANSWER {
                return Err(ClientError::TooLong);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// The lines of what is at `path`, as they come.
    ///
    /// # Errors
    ///
    /// Any [`ClientError`].
    pub async fn open(&mut self, path: &str) -> Result<Lines, ClientError> {
        let request = Request::get(path).header(HOST, "autora").body(String::new());
        let request = request.expect("paths are made of encoded parts");
        self.0.ready().await.map_err(ClientError::Broken)?;
        let response = timeout(ANSWER_LIMIT, self.0.send_request(request)).await;
        let response = response.map_err(|_| ClientError::Silent)?.map_err(ClientError::Broken)?;
        Lines::new(response).await
    }
}

/// An answer that comes line by line.
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

    /// The next one as `T`; `None` when the daemon has said all.
    ///
    /// # Errors
    ///
    /// Any [`ClientError`].
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ClientError> {
        Ok(self.line().await?.map(|line| serde_json::from_slice(&line)).transpose()?)
    }

    /// The next one as it is, without its end. It can be abandoned at any time: what has come stays.
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
            match self.piece().await? {
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

/// Everything but the unreserved characters of RFC 3986 2.3, and the `*` of patterns.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'*');

/// Returns `name` as a part of a path or a query: everything but letters, digits and a few signs as `%41` [RFC 3986 2.1].
#[must_use]
pub fn encode(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}
