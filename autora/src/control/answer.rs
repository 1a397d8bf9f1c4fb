//! Answers: a whole one, or one that is written as it is made.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::{
    Response, StatusCode,
    body::{Body, Bytes, Frame, SizeHint},
    header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue},
};
use serde::Serialize;
use tokio::sync::mpsc;

use super::model;

/// What an answer consists of.
#[derive(Debug)]
pub(super) enum Content {
    /// All of it.
    Whole(Option<Bytes>),
    /// Piece by piece; an error breaks the connection off, so that nobody takes a part for the whole.
    Pieces(mpsc::Receiver<io::Result<Bytes>>),
}

/// Where the pieces of an answer go. It waits for whoever reads them.
pub(super) type Pieces = mpsc::Sender<io::Result<Bytes>>;

pub(super) type Answer = Response<Content>;

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => {
                pieces.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                let len = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(len).unwrap_or(u64::MAX))
            }
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

/// Anything as JSON, and a line end behind it, for people.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let mut bytes = serde_json::to_vec(value).expect("the model has nothing that is not JSON");
    bytes.push(b'\n');
    whole(status, "application/json", bytes)
}

pub(super) fn whole(status: StatusCode, kind: &'static str, bytes: Vec<u8>) -> Answer {
    answer(status, kind, Content::Whole(Some(bytes.into())))
}

pub(super) fn error(status: StatusCode, name: &'static str, message: impl Into<String>) -> Answer {
    json(status, &model::Error { error: name.into(), message: message.into(), matches: None })
}

/// The event loop does not answer.
pub(super) fn unavailable() -> Answer {
    error(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the daemon's event loop does not answer")
}

pub(super) fn read_only() -> Answer {
    let mut answer =
        error(StatusCode::METHOD_NOT_ALLOWED, "read-only", "only GET and HEAD, nothing can be changed");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

/// The last one on its connection.
pub(super) fn and_close(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// One that is written as it is made, and the place where its pieces go.
pub(super) fn pieces(kind: &'static str) -> (Pieces, Answer) {
    let (pieces, content) = mpsc::channel(1);
    (pieces, answer(StatusCode::OK, kind, Content::Pieces(content)))
}

fn answer(status: StatusCode, kind: &'static str, content: Content) -> Answer {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
        .header(CACHE_CONTROL, "no-store")
        .body(content)
        .expect("constant headers are valid")
}
