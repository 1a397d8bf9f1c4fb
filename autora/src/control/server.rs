//! Connections: how many, for how long, and what each is answered.

use std::{
    convert::Infallible,
    io,
    pin::pin,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use regex::Regex;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{Semaphore, watch},
    time::sleep,
};
use tracing::trace;

use super::{
    events::Events,
    limits::{IDLE_LIMIT, MAX_BUFFER, MAX_CLIENTS, MAX_HEAD},
    model,
    patience::Patient,
    process::Accounts,
    query::Asker,
    routes::{self, Scope},
};
use crate::engine::{Instant, advertiser::Parameters};

/// What does not change while the daemon runs.
#[derive(Debug)]
pub struct Facts {
    /// When it started.
    pub started: Instant,
    /// Which names match.
    pub pattern: Regex,
    /// How often it advertises.
    pub parameters: Parameters,
    /// How it sends.
    pub send: String,
    /// What guards its socket.
    pub filter: model::Filter,
    /// Whether metrics tell of each interface.
    pub metrics_per_interface: bool,
    /// Where the kernel accounts for the process.
    pub accounts: Accounts,
}

/// All that an answer is made of.
#[derive(Debug)]
pub struct Service {
    pub(super) facts: Facts,
    pub(super) asker: Asker,
    pub(super) events: Events,
    /// Whether the filter's counters are being read for listeners.
    pub(super) watched: AtomicBool,
    /// Room for metrics of each interface: they take some memory.
    pub(super) large_scrapes: Semaphore,
    /// Turns true when the daemon ends.
    pub(super) ending: watch::Receiver<bool>,
    local: Arc<Semaphore>,
    remote: Arc<Semaphore>,
}

impl Service {
    /// One that asks `asker` and passes `events` on, until `ending` says true.
    #[must_use]
    pub fn new(facts: Facts, asker: Asker, events: Events, ending: watch::Receiver<bool>) -> Arc<Self> {
        let clients = || Arc::new(Semaphore::new(MAX_CLIENTS));
        let (local, remote) = (clients(), clients());
        let (watched, large_scrapes) = (AtomicBool::new(false), Semaphore::new(1));
        Arc::new(Self { facts, asker, events, watched, large_scrapes, ending, local, remote })
    }

    /// How many connections there are.
    pub(super) fn clients(&self) -> usize {
        2 * MAX_CLIENTS - self.local.available_permits() - self.remote.available_permits()
    }

    /// Resolves when the daemon ends.
    pub(super) async fn ended(&self) {
        // An error means that nobody is left to say so.
        _ = self.ending.clone().wait_for(|ending| *ending).await;
    }
}

/// Answers one connection until it ends, for whatever reason.
pub async fn serve<Io>(io: Io, service: &Arc<Service>, scope: Scope)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer =
        service_fn(
            |request| async move { Ok::<_, Infallible>(routes::answer(&request, service, scope).await) },
        );
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_LIMIT)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(Patient::new(io)), answer);
    let mut connection = pin!(connection);
    let done = tokio::select! {
        done = &mut connection => done,
        () = service.ended() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = done {
        trace!(%error, "a control connection broke off");
    }
}

/// Answers whoever connects to the Unix socket.
pub(super) async fn accept_local(listener: UnixListener, service: Arc<Service>) {
    loop {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        take(accepted, &service, &service.local, Scope::Everything).await;
    }
}

/// Answers whoever connects to the address for metrics.
pub(super) async fn accept_remote(listener: TcpListener, service: Arc<Service>) {
    loop {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        take(accepted, &service, &service.remote, Scope::Metrics).await;
    }
}

async fn take<Io>(accepted: io::Result<Io>, service: &Arc<Service>, room: &Arc<Semaphore>, scope: Scope)
where
    Io: AsyncRead + AsyncWrite + std::os::fd::AsFd + Unpin + Send + 'static,
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
    let service = Arc::clone(service);
    tokio::spawn(async move {
        serve(stream, &service, scope).await;
        drop(permit);
    });
}

/// Time to the next try after a connection could not be accepted.
const ACCEPT_RETRY: Duration = Duration::from_secs(1);

/// Says that there is no room; to one who does not take it, nothing.
fn turn_away(stream: &impl std::os::fd::AsFd) {
    const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
        content-length: 61\r\nconnection: close\r\n\r\n\
        {\"error\":\"busy\",\"message\":\"too many connections; try again\"}\n";
    _ = SockRef::from(stream).send(NO_ROOM);
}

#[cfg(test)]
#[path = "server/tests.rs"]
mod tests;
