//! Connections: how many, for how long, and what each is answered.

use std::{convert::Infallible, io, os::fd::AsFd, pin::pin, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::Semaphore,
    time::sleep,
};
use tracing::trace;

use super::{
    context::ControlContext,
    limits::{IDLE_LIMIT, MAX_BUFFER, MAX_HEAD},
    routes::{self, Access},
    write_timeout::WriteTimeout,
};

/// Answers one connection until it ends, for whatever reason.
pub async fn serve<Io>(io: Io, context: &Arc<ControlContext>, access: Access)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer =
        service_fn(
            |request| async move { Ok::<_, Infallible>(routes::answer(&request, context, access).await) },
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

/// Answers whoever connects to the Unix socket.
pub(super) async fn accept_local(listener: UnixListener, context: Arc<ControlContext>) {
    loop {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        take(accepted, &context, &context.local, Access::Everything).await;
    }
}

/// Answers whoever connects to the address for metrics.
pub(super) async fn accept_remote(listener: TcpListener, context: Arc<ControlContext>) {
    loop {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        take(accepted, &context, &context.remote, Access::Metrics).await;
    }
}

async fn take<Io>(
    accepted: io::Result<Io>,
    context: &Arc<ControlContext>,
    room: &Arc<Semaphore>,
    access: Access,
) where
    Io: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static,
{
    let stream = match accepted {
        Ok(stream) => stream,
        Err(error) => {
            trace!(%error, "accepting a control connection");
            // Out of descriptors, most likely: that does not pass at once, and the connection still waits.
            return sleep(ACCEPT_RETRY).await;
        }
    };
    let Ok(permit) = Arc::clone(room).try_acquire_owned() else { return turn_away(&stream) };
    let context = Arc::clone(context);
    tokio::spawn(async move {
        serve(stream, &context, access).await;
        drop(permit);
    });
}

/// Time to the next try after a connection could not be accepted.
const ACCEPT_RETRY: Duration = Duration::from_secs(1);

/// Says that there is no room; to one who does not take it, nothing.
fn turn_away(stream: &impl AsFd) {
    const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
        content-length: 61\r\nconnection: close\r\n\r\n\
        {\"error\":\"busy\",\"message\":\"too many connections; try again\"}\n";
    _ = SockRef::from(stream).send(NO_ROOM);
}

#[cfg(test)]
#[path = "server/tests.rs"]
mod tests;
