//! HTTP answers: whole ones, and ones that are written while they are made.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use http_body_util::{Either, Full};
use hyper::{
    Response, StatusCode,
    body::{Body, Bytes, Frame},
    header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue},
};
use serde::Serialize;
use tokio::sync::mpsc;

use super::{
    model::{self, ErrorName},
    places::Busy,
};

/// The body of an answer: whole, or piece by piece.
pub(super) type Content = Either<Full<Bytes>, Pieces>;

pub(super) type Answer = Response<Content>;

/// The sender of an answer's pieces. It waits until the client has read the piece before. An error breaks off
/// the connection, so that the client does not take a part for the whole.
pub(super) type PieceSender = mpsc::Sender<io::Result<Bytes>>;

/// The receiving end of a [`PieceSender`].
#[derive(Debug)]
pub(super) struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// Returns an answer of `value` as JSON, with a line end for terminals.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let mut bytes = serde_json::to_vec(value).expect("the model is representable as JSON");
    bytes.push(b'\n');
    whole(status, "application/json", bytes)
}

/// Returns an answer of `bytes` with the content type `kind`.
pub(super) fn whole(status: StatusCode, kind: &'static str, bytes: Vec<u8>) -> Answer {
    answer(status, kind, Either::Left(Full::from(bytes)))
}

/// Returns an error with `message` for the operator.
pub(super) fn error(status: StatusCode, error: ErrorName, message: impl Into<String>) -> Answer {
    json(status, &model::Error { error: error.into(), message: message.into(), matches: None })
}

/// Returns the error for an event loop that does not answer.
pub(super) fn unavailable() -> Answer {
    error(StatusCode::SERVICE_UNAVAILABLE, ErrorName::Unavailable, "the daemon's event loop does not answer")
}

/// Returns the error for a client beyond the limit of its kind.
pub(super) fn busy(busy: Busy) -> Answer {
    and_close(error(StatusCode::SERVICE_UNAVAILABLE, ErrorName::Busy, busy.to_string()))
}

/// Returns the error for a method other than GET and HEAD, with the header that RFC 9110 15.5.6 requires.
pub(super) fn read_only() -> Answer {
    let mut answer = error(
        StatusCode::METHOD_NOT_ALLOWED,
        ErrorName::ReadOnly,
        "the control API is read-only: it accepts GET and HEAD only",
    );
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

/// Returns `answer` as the last one on its connection.
pub(super) fn and_close(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Returns an answer that is written while it is made, and the sender of its pieces.
pub(super) fn pieces(kind: &'static str) -> (PieceSender, Answer) {
    let (pieces, content) = mpsc::channel(1);
    (pieces, answer(StatusCode::OK, kind, Either::Right(Pieces(content))))
}

fn answer(status: StatusCode, kind: &'static str, content: Content) -> Answer {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
        .header(CACHE_CONTROL, "no-store")
        .body(content)
        .expect("constant headers are valid")
}
