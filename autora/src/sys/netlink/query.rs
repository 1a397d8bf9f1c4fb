//! Questions to the kernel, answered before the system call returns.

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

/// How often a dump is begun that changes of the interfaces keep interrupting. A host on which hundreds of
/// guests start may never hold still long enough.
const DUMP_TRIES: usize = 2;

/// The warning of [`neighbour_limit`].
const NO_LIMIT: &str = "cannot read the limit of the neighbour table: whether --send raw has room is not checked";

/// Everything there is, at about one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// `conf.all.forwarding`.
    pub forwarding: bool,
    /// The interfaces, sorted by index. What is said of each is true in any case.
    pub interfaces: Vec<Interface>,
    /// Whether an interface that is not listed does not exist. Otherwise changes kept interrupting the
    /// kernel, which may then leave some out: take no absence for a deletion, and dump again after a while.
    pub complete: bool,
}

/// The socket that asks. Usable alone where no events are wanted.
#[derive(Debug)]
pub struct Queries {
    client: QueryClient,
}

impl Queries {
    /// Of the network namespace that the calling thread is in.
    ///
    /// # Errors
    ///
    /// When a netlink socket cannot be had.
    pub fn open() -> Result<Self, NetlinkOpenError> {
        Ok(Self { client: QueryClient::open()? })
    }

    /// Reads all interfaces and `conf.all.forwarding`. The cost grows with the number of interfaces.
    ///
    /// # Errors
    ///
    /// When the kernel does not answer.
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
            // It may have left out addresses of an interface that no change touched. Of each alone, no change
            // elsewhere can interrupt the reading.
            dump.interfaces = self.read_each(&dump.interfaces)?;
        }
        Ok(Snapshot { forwarding, interfaces: dump.interfaces, complete: dump.links == Completeness::Complete })
    }

    /// Reads one interface; `None` if there is none (any more). The cost does not grow with the number of
    /// interfaces.
    ///
    /// # Errors
    ///
    /// When the kernel does not answer.
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
                // Of one interface alone, only a change of its own can do this, and an event follows on that.
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
    /// When the kernel does not answer.
    pub fn read_forwarding(&mut self) -> Result<bool, QueryError> {
        let request = Request::HostSettings;
        let mut forwarding = Err(Malformed);
        self.client.query(request, |payload| forwarding = decode::host_forwarding(payload))?;
        forwarding.map_err(|Malformed| QueryError::Malformed { request: request.name() })
    }

    /// Reads the IPv6 neighbours of all interfaces, at most `gc_thresh3`. Some may be missing that changed meanwhile.
    ///
    /// # Errors
    ///
    /// When the kernel does not answer.
    pub fn neighbours(&mut self) -> Result<Vec<Neighbour>, QueryError> {
        let request = Request::Neighbours;
        let mut neighbours = Vec::new();
        self.client.query(request, |payload| match neighbour(payload) {
            Ok(found) => neighbours.extend(found),
            Err(Malformed) => warn_skipped(request),
        })?;
        Ok(neighbours)
    }

    /// Begins to read the links of all interfaces: all, or the IPv6 part of those that have one.
    pub(super) fn begin<'q>(&mut self, request: Request<'q>) -> Result<Reply<'q>, QueryError> {
        self.client.begin(request)
    }

    /// See [`QueryClient::fetch`].
    pub(super) fn fetch(&mut self, reply: &Reply<'_>) -> Result<(), QueryError> {
        self.client.fetch(reply)
    }

    /// See [`QueryClient::take`].
    pub(super) fn parse(
        &mut self,
        reply: &mut Reply<'_>,
        each: impl FnMut(&[u8], Completeness),
    ) -> Result<ControlFlow<()>, QueryError> {
        self.client.parse(reply, each)
    }

    /// See [`QueryClient::leave`].
    pub(super) fn leave(&mut self) {
        self.client.leave();
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
                    // An interface that came between the two has its event waiting.
                    if let Ok(place) = interfaces.binary_search_by_key(&owner, |interface| interface.index) {
                        let addresses = &mut interfaces[place].addresses;
                        if addresses.is_empty() {
                            // They are kept, and most interfaces have two: shrinking would leave holes.
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

/// One try at a dump: the interfaces in order, and whether the kernel listed all links and all addresses.
struct Dump {
    interfaces: Vec<Interface>,
    links: Completeness,
    addresses: Completeness,
}

/// `net.ipv6.neigh.default.gc_thresh3`: how many neighbours the kernel keeps at most, where it says.
///
/// On a socket of its own: after the table itself the kernel lists its settings per interface, which nothing here
/// wants to read, and a socket takes no other question before that is done.
#[must_use]
pub fn neighbour_limit() -> Option<u32> {
    let client = QueryClient::open().inspect_err(|error| warn!(%error, "{NO_LIMIT}")).ok()?;
    client
        .first(Request::NeighbourTables, decode::neighbour_limit)
        .inspect_err(|error| warn!(%error, "{NO_LIMIT}"))
        .ok()?
}

/// Returns the name of the link that has `name` as its own or as an alternative one, both as
/// [`shown_name`](crate::addr::shown_name) shows them; `None` if there is none, or the kernel does not answer.
#[must_use]
pub fn name_of(name: &str) -> Option<String> {
    let name = name_bytes(name);
    let request = Request::LinkNamed(&name);
    let mut found = None;
    let mut client = QueryClient::open().ok()?;
    client.query(request, |payload| found = decode::link(payload).ok().map(|link| link.name.into_owned())).ok()?;
    found
}

fn none_if_gone<T>(reply: Result<Option<T>, QueryError>) -> Result<Option<T>, QueryError> {
    match reply {
        Err(QueryError::Refused { source, .. }) if matches!(source.raw_os_error(), Some(ENODEV | ENXIO)) => Ok(None),
        reply => reply,
    }
}
