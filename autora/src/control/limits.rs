//! Limits of clients.

use std::time::Duration;

/// Simultaneous connections on the Unix socket that query or are idle, and as many again over TCP. Further ones
/// are answered 503 and closed.
pub const MAX_CLIENTS: usize = 32;

/// Simultaneous connections that wait for an RA (`autora wait`): as many guests may start at once.
pub const MAX_WAITS: usize = 128;

/// Simultaneous connections that read events (`autora monitor`).
pub const MAX_MONITORS: usize = 32;

/// Bytes of a request's head; a longer one is answered 431.
pub const MAX_HEAD: usize = 8 << 10;

/// Bytes that a connection buffers in each direction.
pub const MAX_BUFFER: usize = 16 << 10;

/// Time in which a request's head must arrive, and for which a connection may be idle between two requests.
pub const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// Time for which a client may leave pending data unread.
pub const STALL_LIMIT: Duration = Duration::from_secs(10);

/// Time for the event loop to answer one query; then the client is answered 503.
pub const QUERY_LIMIT: Duration = Duration::from_secs(5);

/// The same limit for `/healthz`.
pub const HEALTH_LIMIT: Duration = Duration::from_secs(1);

/// Number of interfaces that one query covers: a fraction of a millisecond for the event loop.
pub const PAGE: usize = 64;

/// Number of queries that may wait for the event loop; further ones wait in the control thread.
pub const QUERIES: usize = 16;

/// Number of events that are kept for slow clients. A client further behind gets the event `missed`.
pub const BACKLOG: usize = 2_048;

/// Interval at which the filter's counters are read while a client listens to events.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Longest silence in a stream of events, so that each side notices when the other has disconnected or hangs.
pub const ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Silence in a stream of events after which a client takes the daemon for dead: two lines were missed.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(25);

/// Time for which a stopping daemon waits until clients have read the last bytes.
pub const CLOSE_LIMIT: Duration = Duration::from_millis(100);

/// Bytes of the control thread's stack.
pub(super) const STACK: usize = 256 << 10;

/// Time for one scrape with metrics of each interface, the wait for those before it included.
pub(super) const SCRAPE_LIMIT: Duration = Duration::from_secs(30);
