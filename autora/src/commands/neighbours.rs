//! The neighbour table, as several commands show it.

use serde_json::{Value, json};

use super::{outcome::NETLINK_ADVICE, screen};
use crate::{
    addr::shown_link_address,
    error::Failure,
    sys::netlink::{Neighbour, Queries},
};

/// Reads the neighbours of all interfaces of this network namespace.
pub(super) fn read() -> Result<Vec<Neighbour>, Failure> {
    let mut queries = Queries::open().map_err(|error| Failure::new(&error).advise(NETLINK_ADVICE))?;
    queries.neighbours().map_err(|error| Failure::new(&error).advise(NETLINK_ADVICE))
}

/// Returns the first `most` of `neighbours`, and how many more there are.
pub(super) fn list(neighbours: &[Neighbour], most: usize) -> String {
    let more = neighbours.len().saturating_sub(most);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    screen::list(neighbours.iter().take(most).map(shown)) + &more
}

/// Returns a neighbour in JSON.
pub(super) fn json(Neighbour { address, link_address, state, .. }: &Neighbour) -> Value {
    json!({
        "address": address,
        "link_address": link_address.map(shown_link_address),
        "state": state.to_string(),
    })
}

fn shown(Neighbour { address, link_address, state, .. }: &Neighbour) -> String {
    let link_address = link_address.map(|octets| format!("{} ", shown_link_address(octets))).unwrap_or_default();
    format!("{address} ({link_address}{state})")
}
