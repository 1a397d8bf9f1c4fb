//! One link in one of its lives: its indices, its /64, its guest's solicitations.

use std::{fmt, net::Ipv6Addr};

use crate::{Mac, Solicit};

/// Interface indices tell number and generation: 40,001 is the first life of `vm1`, 80,001 the second.
const GENERATION: u32 = 40_000;

/// The other end has another index: of a veth with the same one at both ends the kernel thinks that it is no
/// tunnel of any kind, and notifies of its carrier only once a second (`linkwatch_urgent_event`).
const OTHER_END: u32 = 20_000;

/// One interface in one of its lives: `vm<number>` in the host, `e<number>` behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// Its number, from 1.
    pub number: u32,
    /// How often it was made anew.
    pub generation: u32,
}

impl Link {
    /// Returns its interface index in the host.
    pub fn index(self) -> u32 {
        (self.generation + 1) * GENERATION + self.number
    }

    /// Returns its interface index behind it.
    pub fn guest_index(self) -> u32 {
        self.index() + OTHER_END
    }

    /// Returns the link with this interface index behind it, if one of a site has it.
    pub fn of_guest_index(index: u32) -> Option<Self> {
        let generation = (index / GENERATION).checked_sub(1)?;
        let number = (index % GENERATION).checked_sub(OTHER_END)?;
        Some(Self { number, generation })
    }

    /// Returns a good solicitation by the guest behind it.
    pub fn solicit(self) -> Solicit {
        let [_, _, c, d] = self.number.to_be_bytes();
        Solicit::new(Mac([0x02, 0xbe, 0, 0, c, d]))
    }

    /// Returns its /64.
    pub fn network(self) -> Ipv6Addr {
        let number = u16::try_from(self.number).expect("a site has at most some ten thousand links");
        Ipv6Addr::new(0x2001, 0xdb8, 0, number, 0, 0, 0, 0)
    }
}

/// Writes the name that it has in the host.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vm{}", self.number)
    }
}

/// Returns the /64 of an interface, up to the double colon.
pub fn prefix(number: u32) -> String {
    format!("2001:db8:0:{number:x}::")
}
