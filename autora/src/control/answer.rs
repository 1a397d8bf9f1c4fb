//! Answers: a whole one, or one that is written as it is made.

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

use super::model::{self, ErrorName};

/// The content of an answer: all of it, or piece by piece.
pub(super) type Content = Either<Full<Bytes>, Pieces>;

pub(super) type Answer = Response<Content>;

/// Where the pieces of an answer go. It waits for the client to read them; an error breaks the connection off, so that no
/// client takes a part for the whole.
pub(super) type PieceSender = mpsc::Sender<io::Result<Bytes>>;

/// The other end of a [`PieceSender`].
#[derive(Debug)]
pub(super) struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// Anything as JSON, and a line end behind it, for people.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let mut bytes = serde_json::to_vec(value).expect("the model has nothing that is not JSON");
    bytes.push(b'\n');
    whole(status, "application/json", bytes)
}

pub(super) fn whole(status: StatusCode, kind: &'static str, bytes: Vec<u8>) -> Answer {
    answer(status, kind, Either::Left(Full::from(bytes)))
}

pub(super) fn error(status: StatusCode, error: ErrorName, message: impl Into<String>) -> Answer {
    json(status, &model::Error { error, message: message.into(), matches: None })
}

/// The event loop does not answer.
pub(super) fn unavailable() -> Answer {
    error(StatusCode::SERVICE_UNAVAILABLE, ErrorName::Unavailable, "the daemon's event loop does not answer")
}

pub(super) fn read_only() -> Answer {
    let mut answer = error(
        StatusCode::METHOD_NOT_ALLOWED,
        ErrorName::ReadOnly,
        "only GET and HEAD, nothing can be changed",
    );
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

/// The last one on its connection.
pub(super) fn and_close(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// One that is written as it is made, and the place where its pieces go.
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
