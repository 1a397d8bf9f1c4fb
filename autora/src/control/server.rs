//! Connections of clients, and their limits.

use std::{convert::Infallible, io, os::fd::AsFd, pin::pin, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    task::yield_now,
    time::sleep,
};
use tracing::trace;

use super::{
    context::ControlContext,
    limits::{IDLE_LIMIT, MAX_BUFFER, MAX_HEAD},
    model::{self, ErrorName},
    places::{Busy, Place, Purpose},
    routes::{self, Access},
    write_timeout::WriteTimeout,
};

/// Answers the requests of one connection until it ends; none if all places are taken.
pub async fn serve<Io>(io: Io, context: &Arc<ControlContext>, access: Access)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if let Ok(place) = context.places.take(Purpose::Queries) {
        serve_at(place, io, context, access).await;
    }
}

async fn serve_at<Io>(place: Place, io: Io, context: &Arc<ControlContext>, access: Access)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let place = &place;
    let answer =
        service_fn(
            |request| async move { Ok::<_, Infallible>(routes::answer(&request, context, access, place).await) },
        );
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_LIMIT)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(WriteTimeout::new(io)), answer);
    let mut connection = pin!(connection);
    let done = tokio::select! {
        done = &mut connection => done,
        () = context.ended() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = done {
        trace!(%error, "a control connection broke off");
    }
}

/// Accepts and serves connections to the Unix socket.
pub(super) async fn accept_local(listener: UnixListener, context: Arc<ControlContext>) {
    loop {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        serve_accepted(accepted, &context, Purpose::Queries, Access::Everything).await;
    }
}

/// Accepts and serves connections to the metrics address.
pub(super) async fn accept_remote(listener: TcpListener, context: Arc<ControlContext>) {
    loop {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        serve_accepted(accepted, &context, Purpose::Scrapes, Access::Metrics).await;
    }
}

async fn serve_accepted<Io>(accepted: io::Result<Io>, context: &Arc<ControlContext>, purpose: Purpose, access: Access)
where
    Io: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static,
{
    let stream = match accepted {
        Ok(stream) => stream,
        Err(error) => {
            trace!(%error, "accepting a control connection");
            // Most likely EMFILE: the connection stays in the queue, and an immediate retry would fail again.
            return sleep(ACCEPT_RETRY).await;
        }
    };
    match context.places.take(purpose) {
        Ok(place) => {
            let context = Arc::clone(context);
            tokio::spawn(async move { serve_at(place, stream, &context, access).await });
        }
        Err(busy) => reject(&stream, busy),
    }
    // A connection that came just before may have its request already, and exchanges its place.
    yield_now().await;
}

/// Time until the next attempt after a connection could not be accepted.
const ACCEPT_RETRY: Duration = Duration::from_secs(1);

/// Answers 503 with one write that does not wait.
fn reject(stream: &impl AsFd, busy: Busy) {
    let error = model::Error { error: ErrorName::Busy.into(), message: busy.to_string(), matches: None };
    let body = serde_json::to_string(&error).expect("the model is representable as JSON");
    let length = body.len() + 1;
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}\n"
    );
    _ = SockRef::from(stream).send(answer.as_bytes());
}

#[cfg(test)]
#[path = "server/tests.rs"]
mod tests;
