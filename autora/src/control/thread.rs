//! The control thread, and the event loop's end of it.

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
    limits::{FAREWELL, STACK},
    query::{self, Queries, Query},
    server::{accept_local, accept_remote},
};
use crate::sys::control_socket::{Listeners, SocketFile};

/// The event loop's end.
#[derive(Debug)]
pub struct Control {
    /// What happens, for whoever listens.
    pub events: Events,
    queries: Option<Queries>,
    ending: watch::Sender<bool>,
    ended: Option<std::sync::mpsc::Receiver<()>>,
    /// The socket goes with it.
    file: Option<SocketFile>,
}

impl Control {
    /// One that nobody can reach.
    #[must_use]
    pub fn none() -> Self {
        let (ending, _) = watch::channel(false);
        Self { events: Events::default(), queries: None, ending, ended: None, file: None }
    }

    /// Lets people in.
    ///
    /// After the capabilities were given up: a thread has those of the one that starts it.
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
        let (first_word, has_begun) = std::sync::mpsc::channel();
        let events = Events::default();
        let context = ControlContext::new(info, event_loop, events.clone(), ends);
        let spawned = thread::Builder::new().name("control".to_owned()).stack_size(STACK).spawn(move || {
            if let Err(error) = run(local, remote, &context, &first_word) {
                warn!(%error, "the control socket does not work");
            }
            // The loop may have given up waiting.
            _ = end.send(());
        });
        if let Err(error) = spawned {
            warn!(%error, "no control socket: its thread cannot be started");
            return Self::none();
        }
        // It has everything open: what comes next may take away the calls for that. No answer means that it has ended.
        _ = has_begun.recv();
        Self { events, queries: Some(queries), ending, ended: Some(ended), file }
    }

    /// Waits for the next question; forever, if there can be none.
    pub async fn next_query(&mut self) -> Query {
        if let Some(queries) = &mut self.queries
            && let Some(query) = queries.recv().await
        {
            return query;
        }
        // The thread is gone, or there was none.
        std::future::pending().await
    }

    /// The daemon ends: the socket goes, and who listens gets the last lines, if that does not take long.
    pub fn close(&mut self) {
        self.file = None;
        self.queries = None;
        self.ending.send_replace(true);
        if let Some(ended) = self.ended.take() {
            // Whether the thread is done or not: the process ends.
            _ = ended.recv_timeout(FAREWELL + FAREWELL);
        }
    }
}

/// Serves until the daemon ends.
fn run(
    local: Option<std::os::unix::net::UnixListener>,
    remote: Option<std::net::TcpListener>,
    context: &Arc<ControlContext>,
    first_word: &std::sync::mpsc::Sender<()>,
) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        if let Some(listener) = local {
            tokio::spawn(accept_local(UnixListener::from_std(listener)?, Arc::clone(context)));
        }
        if let Some(listener) = remote {
            tokio::spawn(accept_remote(TcpListener::from_std(listener)?, Arc::clone(context)));
        }
        // The loop waits for it.
        _ = first_word.send(());
        context.ended().await;
        let until = Instant::now() + FAREWELL;
        while context.clients() > 0 && timeout_at(until, sleep(FAREWELL / 20)).await.is_ok() {}
        Ok(())
    })
}
