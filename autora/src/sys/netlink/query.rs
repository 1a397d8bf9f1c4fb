//! Queries: requests to which the kernel has replied before the system call returns.

pub(super) mod client;
mod routes;

use std::ops::ControlFlow;

use nix::libc::{ENODEV, ENXIO};
use tracing::warn;

use self::client::{Completeness, QueryClient, Reply, warn_skipped};
pub use self::{
    client::QueryError,
    routes::{RouteQueries, default_routes_by_ra, routed_prefixes},
};
use super::{
    decode,
    frame::Malformed,
    neighbour::{Neighbour, neighbour},
    request::Request,
    socket::NetlinkOpenError,
};
use crate::{
    addr::{IfIndex, name_bytes},
    engine::interface::Interface,
    sys::clock,
};

/// How often a dump is tried that changes of the interfaces interrupt. While hundreds of guests start, every dump may
/// be interrupted.
const DUMP_TRIES: usize = 2;

/// The text of the warning of [`neighbour_limit`].
const NO_LIMIT: &str = "cannot read the limit of the neighbour table: whether --send raw has room is not checked";

/// All interfaces, as they were within the time that a dump took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// `conf.all.forwarding`.
    pub forwarding: bool,
    /// The interfaces, sorted by index. Each one listed is as the kernel had it, also if others are missing.
    pub interfaces: Vec<Interface>,
    /// Whether an interface that is not listed does not exist. Otherwise changes interrupted every try, and the kernel
    /// may have left some out: the caller must not treat those as deleted, and has to dump again after a while.
    pub complete: bool,
}

/// The socket for requests. It can be used alone where no notifications are wanted.
#[derive(Debug)]
pub struct Queries {
    client: QueryClient,
}

impl Queries {
    /// Opens the socket in the network namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// When a netlink socket cannot be opened.
    pub fn open() -> Result<Self, NetlinkOpenError> {
        Ok(Self { client: QueryClient::open()? })
    }

    /// Reads all interfaces and `conf.all.forwarding`. The cost grows with the number of interfaces.
    ///
    /// # Errors
    ///
    /// When the kernel does not reply.
    pub fn dump(&mut self) -> Result<Snapshot, QueryError> {
        let forwarding = self.read_forwarding()?;
        let mut dump = self.dump_once()?;
        for _ in 1..DUMP_TRIES {
            if dump.addresses == Completeness::Complete && dump.links == Completeness::Complete {
                break;
            }
            dump = self.dump_once()?;
        }
        if dump.addresses == Completeness::Interrupted {
            // It may lack addresses of an interface that did not change. The dump of one interface's addresses is
            // interrupted by no change of another one.
            dump.interfaces = self.read_each(&dump.interfaces)?;
        }
        Ok(Snapshot { forwarding, interfaces: dump.interfaces, complete: dump.links == Completeness::Complete })
    }

    /// Reads one interface; `None` if it does not exist. The cost does not grow with the number of interfaces.
    ///
    /// # Errors
    ///
    /// When the kernel does not reply.
    pub fn read(&mut self, index: IfIndex) -> Result<Option<Interface>, QueryError> {
        let Some(mut interface) = none_if_gone(self.link(index))? else { return Ok(None) };
        for _ in 0..DUMP_TRIES {
            interface.addresses.clear();
            let request = Request::AddressesOf(index);
            let reply = self.client.query(request, |payload| match decode::address(payload, clock::now()) {
                Ok(Some((owner, address))) if owner == index => interface.addresses.push(address),
                Ok(_) => {}
                Err(Malformed) => warn_skipped(request),
            });
            match none_if_gone(reply.map(Some))? {
                None => return Ok(None),
                Some(Completeness::Complete) => break,
                // Only a change of this interface interrupts it, and a notification of that change follows.
                Some(Completeness::Interrupted) => {}
            }
        }
        interface.addresses.sort_unstable();
        interface.addresses.shrink_to_fit();
        Ok(Some(interface))
    }

    /// Reads `conf.all.forwarding`. The cost does not grow with the number of interfaces.
    ///
    /// # Errors
    ///
    /// When the kernel does not reply.
    pub fn read_forwarding(&mut self) -> Result<bool, QueryError> {
        let request = Request::HostSettings;
        let mut forwarding = Err(Malformed);
        self.client.query(request, |payload| forwarding = decode::host_forwarding(payload))?;
        forwarding.map_err(|Malformed| QueryError::Malformed { request: request.name() })
    }

    /// Reads the IPv6 neighbours of all interfaces, at most `gc_thresh3`. Those that change meanwhile may be missing.
    ///
    /// # Errors
    ///
    /// When the kernel does not reply.
    pub fn neighbours(&mut self) -> Result<Vec<Neighbour>, QueryError> {
        let request = Request::Neighbours;
        let mut neighbours = Vec::new();
        self.client.query(request, |payload| match neighbour(payload) {
            Ok(found) => neighbours.extend(found),
            Err(Malformed) => warn_skipped(request),
        })?;
        Ok(neighbours)
    }

    /// Sends a request whose reply is read a datagram at a time.
    pub(super) fn begin<'q>(&mut self, request: Request<'q>) -> Result<Reply<'q>, QueryError> {
        self.client.begin(request)
    }

    /// See [`QueryClient::read`].
    pub(super) fn read_reply(&mut self, reply: &Reply<'_>) -> Result<(), QueryError> {
        self.client.read(reply)
    }

    /// See [`QueryClient::parse`].
    pub(super) fn parse(
        &mut self,
        reply: &mut Reply<'_>,
        each: impl FnMut(&[u8], Completeness),
    ) -> Result<ControlFlow<()>, QueryError> {
        self.client.parse(reply, each)
    }

    fn link(&mut self, index: IfIndex) -> Result<Option<Interface>, QueryError> {
        let request = Request::Link(index);
        let mut interface = Err(Malformed);
        self.client.query(request, |payload| interface = decode::interface(payload))?;
        interface.map(Some).map_err(|Malformed| QueryError::Malformed { request: request.name() })
    }

    fn read_each(&mut self, interfaces: &[Interface]) -> Result<Vec<Interface>, QueryError> {
        let mut afresh = Vec::with_capacity(interfaces.len());
        for interface in interfaces {
            match self.read(interface.index) {
                Err(QueryError::Malformed { .. }) => warn_skipped(Request::Link(interface.index)),
                reply => afresh.extend(reply?),
            }
        }
        Ok(afresh)
    }

    fn dump_once(&mut self) -> Result<Dump, QueryError> {
        let mut interfaces: Vec<Interface> = Vec::new();
        let links = self.client.query(Request::Links, |payload| match decode::interface(payload) {
            Ok(interface) => interfaces.push(interface),
            Err(Malformed) => warn_skipped(Request::Links),
        })?;
        interfaces.sort_unstable_by_key(|interface| interface.index);
        let addresses =
            self.client.query(Request::Addresses, |payload| match decode::address(payload, clock::now()) {
                Ok(Some((owner, address))) => {
                    // A notification of an interface that was created between the two dumps is waiting.
                    if let Ok(place) = interfaces.binary_search_by_key(&owner, |interface| interface.index) {
                        let addresses = &mut interfaces[place].addresses;
                        if addresses.is_empty() {
                            // Most interfaces have two, and they are kept: shrinking would leave holes in the heap.
                            addresses.reserve_exact(2);
                        }
                        addresses.push(address);
                    }
                }
                Ok(None) => {}
                Err(Malformed) => warn_skipped(Request::Addresses),
            })?;
        for interface in &mut interfaces {
            interface.addresses.sort_unstable();
            interface.addresses.shrink_to_fit();
        }
        Ok(Dump { interfaces, links, addresses })
    }
}

/// The result of one try at a dump: the interfaces in order, and whether the kernel listed all links and addresses.
struct Dump {
    interfaces: Vec<Interface>,
    links: Completeness,
    addresses: Completeness,
}

/// Returns `net.ipv6.neigh.default.gc_thresh3`, the number of neighbours that the kernel keeps at most; `None` if it
/// cannot be read.
///
/// It is read on a socket of its own: after the table itself the kernel lists the settings per interface, which are not
/// needed, and a socket takes no other dump request before that reply has been read.
#[must_use]
pub fn neighbour_limit() -> Option<u32> {
    let client = QueryClient::open().inspect_err(|error| warn!(%error, "{NO_LIMIT}")).ok()?;
    client
        .first(Request::NeighbourTables, decode::neighbour_limit)
        .inspect_err(|error| warn!(%error, "{NO_LIMIT}"))
        .ok()?
}

/// Returns the name of the link that has `name` as its own or as an alternative one, both as
/// [`shown_name`](crate::addr::shown_name) shows them; `None` if there is none, or the kernel does not reply.
#[must_use]
pub fn name_of(name: &str) -> Option<String> {
    let name = name_bytes(name);
    let request = Request::LinkNamed(&name);
    let mut found = None;
    let mut client = QueryClient::open().ok()?;
    client.query(request, |payload| found = decode::link(payload).ok().map(|link| link.name.into_owned())).ok()?;
    found
}

/// Turns the error that an interface does not exist into `None`.
fn none_if_gone<T>(reply: Result<Option<T>, QueryError>) -> Result<Option<T>, QueryError> {
    match reply {
        Err(QueryError::Refused { source, .. }) if matches!(source.raw_os_error(), Some(ENODEV | ENXIO)) => Ok(None),
        reply => reply,
    }
}
