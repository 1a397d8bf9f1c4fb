//! The addresses of guests, as far as the neighbour table has them: those that exchanged packets with the host lately.

use serde_json::Value;

use crate::{
    addr::Prefix64,
    commands::neighbours,
    error::Failure,
    sys::netlink::{Neighbour, NeighbourState},
};

/// The neighbours of all interfaces, by address.
pub(super) struct Guests(Vec<Neighbour>);

impl Guests {
    /// Reads the neighbour table of the network namespace that the process is in.
    pub(super) fn read() -> Result<Self, Failure> {
        let mut found = neighbours::read()?;
        found.retain(|neighbour| is_there(neighbour.state));
        found.sort_unstable_by_key(|neighbour| neighbour.address);
        Ok(Self(found))
    }

    /// Returns those of an interface in its /64.
    pub(super) fn of(&self, ifindex: u32, prefix: Option<&str>) -> Vec<Neighbour> {
        let is_inside = |neighbour: &&Neighbour| {
            neighbour.index.get() == ifindex
                && prefix == Some(Prefix64::containing(neighbour.address).to_string().as_str())
        };
        self.0.iter().filter(is_inside).copied().collect()
    }

    /// Adds `guests` to each interface of the daemon's JSON.
    pub(super) fn add_to(&self, interfaces: &mut Value) {
        for interface in interfaces.as_array_mut().into_iter().flatten() {
            let index = interface["ifindex"].as_u64().and_then(|index| u32::try_from(index).ok());
            let found = index.map(|index| self.of(index, interface["prefix"].as_str())).unwrap_or_default();
            interface["guests"] = found.iter().map(neighbours::json).collect();
        }
    }
}

/// Returns whether a node has the address: others are asked for when packets come for them, from anywhere.
const fn is_there(state: NeighbourState) -> bool {
    match state {
        NeighbourState::Incomplete | NeighbourState::Failed => false,
        NeighbourState::Reachable
        | NeighbourState::Stale
        | NeighbourState::Delay
        | NeighbourState::Probe
        | NeighbourState::Permanent => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::addr::IfIndex;

    #[test]
    fn guests_are_the_neighbours_in_the_prefix_of_their_interface() {
        let neighbour = |index, address: &str| Neighbour {
            index: IfIndex::new(index).unwrap(),
            address: address.parse().unwrap(),
            link_address: Some([2, 0, 0, 0, 0, 1]),
            state: NeighbourState::Stale,
        };
        let guests =
            Guests(vec![neighbour(7, "2001:db8:1::5"), neighbour(7, "fe80::5"), neighbour(8, "2001:db8:1::6")]);
        assert_eq!(guests.of(7, Some("2001:db8:1::/64")), [neighbour(7, "2001:db8:1::5")]);
        assert_eq!(guests.of(7, None), []);
        let mut interfaces = json!([{ "ifindex": 7, "prefix": "2001:db8:1::/64" }, { "ifindex": 9, "prefix": null }]);
        guests.add_to(&mut interfaces);
        let expected = json!([{ "address": "2001:db8:1::5", "link_address": "02:00:00:00:00:01", "state": "stale" }]);
        assert_eq!((&interfaces[0]["guests"], &interfaces[1]["guests"]), (&expected, &json!([])));
    }
}
