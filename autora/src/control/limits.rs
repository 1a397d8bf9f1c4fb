//! What clients may take.

use std::time::Duration;

/// Connections on the Unix socket at a time, and as many again on TCP; further ones are answered 503 and closed.
pub const MAX_CLIENTS: usize = 32;

/// Bytes that a request's head may have; a longer one is answered 431.
pub const MAX_HEAD: usize = 8 << 10;

/// Bytes of one connection that are buffered in each direction.
pub const MAX_BUFFER: usize = 16 << 10;

/// How long a request's head may take to arrive, and how long a connection may rest between two requests.
pub const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// How long a client may read nothing of what is there for it.
pub const STALL_LIMIT: Duration = Duration::from_secs(10);

/// How long the event loop may take for one question before a client is told that it does not answer.
pub const QUERY_LIMIT: Duration = Duration::from_secs(5);

/// The same for `/healthz`.
pub const HEALTH_LIMIT: Duration = Duration::from_secs(1);

/// How many interfaces the event loop tells of at a time: a fraction of a millisecond.
pub const PAGE: usize = 64;

/// How many questions wait for the event loop; whoever asks more waits.
pub const QUERIES: usize = 16;

/// How many events wait for whoever listens; a client further behind is told how many it missed.
pub const BACKLOG: usize = 2_048;

/// How often the filter's counters are read while somebody listens to events.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// A listener hears something at least this often, so that both sides notice when the other one is gone.
pub const ALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// How long an ending daemon waits for the last bytes to be written.
pub const FAREWELL: Duration = Duration::from_millis(100);

/// The thread's stack.
pub(super) const STACK: usize = 256 << 10;

/// All that one scrape with the metrics of each interface may take, the wait for those before it included.
pub(super) const SCRAPE_LIMIT: Duration = Duration::from_secs(30);
