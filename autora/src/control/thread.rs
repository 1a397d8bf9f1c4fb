//! The control thread, and the event loop's handle of it.

use std::{io, sync::Arc, thread};

use tokio::{
    net::{TcpListener, UnixListener},
    runtime,
    sync::watch,
    time::{Instant, sleep, timeout_at},
};
use tracing::warn;

use super::{
    context::{ControlContext, DaemonInfo},
    events::Events,
    limits::{CLOSE_LIMIT, STACK},
    query::{self, Queries, Query},
    server::{accept_local, accept_remote},
};
use crate::sys::control_socket::{Listeners, SocketFile};

/// The event loop's handle of the control thread.
#[derive(Debug)]
pub struct Control {
    /// The sending end of the events for clients.
    pub events: Events,
    queries: Option<Queries>,
    ending: watch::Sender<bool>,
    ended: Option<std::sync::mpsc::Receiver<()>>,
    /// Removes the socket when it is dropped.
    file: Option<SocketFile>,
}

impl Control {
    /// Returns a handle without a thread: no client can connect.
    #[must_use]
    pub fn none() -> Self {
        let (ending, _) = watch::channel(false);
        Self { events: Events::default(), queries: None, ending, ended: None, file: None }
    }

    /// Starts the thread that serves clients; without listeners, or if that fails, returns a handle without a
    /// thread.
    ///
    /// Call it after the capabilities are dropped: a thread inherits those of its creator
    /// (`capabilities(7)`).
    #[must_use]
    pub fn start(mut listeners: Listeners, info: DaemonInfo) -> Self {
        listeners.publish();
        let Listeners { local, remote } = listeners;
        let (local, file) = local.unzip();
        if local.is_none() && remote.is_none() {
            return Self::none();
        }
        let (event_loop, queries) = query::channel();
        let (ending, ends) = watch::channel(false);
        let (end, ended) = std::sync::mpsc::channel();
        let (started, has_started) = std::sync::mpsc::channel();
        let events = Events::default();
        let context = ControlContext::new(info, event_loop, events.clone(), ends);
        let spawned = thread::Builder::new().name("control".to_owned()).stack_size(STACK).spawn(move || {
            if let Err(error) = run(local, remote, &context, &started) {
                warn!(%error, "the control thread failed: status, wait, monitor and metrics do not work");
            }
            // An error means that the event loop has stopped waiting.
            _ = end.send(());
        });
        if let Err(error) = spawned {
            warn!(%error, "no control socket: its thread cannot be started; status, wait and monitor cannot reach the daemon");
            return Self::none();
        }
        // Waits until the thread has opened everything, as seccomp comes next. An error means that the thread
        // has ended.
        _ = has_started.recv();
        Self { events, queries: Some(queries), ending, ended: Some(ended), file }
    }

    /// Waits for the next query; forever if there is no thread.
    pub async fn next_query(&mut self) -> Query {
        if let Some(queries) = &mut self.queries
            && let Some(query) = queries.recv().await
        {
            return query;
        }
        std::future::pending().await
    }

    /// Removes the socket and waits a moment until clients have received the last events. Call it when the
    /// daemon stops.
    pub fn close(&mut self) {
        self.file = None;
        self.queries = None;
        self.ending.send_replace(true);
        if let Some(ended) = self.ended.take() {
            // An error means that clients read slowly; the process ends all the same.
            _ = ended.recv_timeout(CLOSE_LIMIT + CLOSE_LIMIT);
        }
    }
}

/// Serves clients until the daemon stops.
fn run(
    local: Option<std::os::unix::net::UnixListener>,
    remote: Option<std::net::TcpListener>,
    context: &Arc<ControlContext>,
    started: &std::sync::mpsc::Sender<()>,
) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        if let Some(listener) = local {
            tokio::spawn(accept_local(UnixListener::from_std(listener)?, Arc::clone(context)));
        }
        if let Some(listener) = remote {
            tokio::spawn(accept_remote(TcpListener::from_std(listener)?, Arc::clone(context)));
        }
        _ = started.send(());
        context.ended().await;
        let until = Instant::now() + CLOSE_LIMIT;
        while context.clients() > 0 && timeout_at(until, sleep(CLOSE_LIMIT / 20)).await.is_ok() {}
        Ok(())
    })
}
