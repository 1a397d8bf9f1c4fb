//! One link in one of its lives: its indices, its /64, its guest's solicitations.

use autora_tests::{Mac, Solicit};

/// Interface indices tell number and generation: 40,001 is the first life of `vm1`, 80,001 the second.
const GENERATION: u32 = 40_000;

/// The other end has another index: of a veth with the same one at both ends the kernel thinks that it is no
/// tunnel of any kind, and announces its carrier only once a second (`linkwatch_urgent_event`).
const OTHER_END: u32 = 20_000;

/// One interface in one of its lives: `vm<number>` in the host, `e<number>` behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) number: u32,
    pub(crate) generation: u32,
}

impl Link {
    /// Its interface index in the host.
    pub(crate) fn index(self) -> u32 {
        (self.generation + 1) * GENERATION + self.number
    }

    /// Its interface index behind it.
    pub(crate) fn guest_index(self) -> u32 {
        self.index() + OTHER_END
    }

    pub(crate) fn of_guest_index(index: u32) -> Option<Self> {
        let generation = (index / GENERATION).checked_sub(1)?;
        let number = (index % GENERATION).checked_sub(OTHER_END)?;
        Some(Self { number, generation })
    }

    /// A good solicitation by the guest behind it.
    pub(crate) fn solicit(self) -> Solicit {
        let [_, _, c, d] = self.number.to_be_bytes();
        Solicit::new(Mac([0x02, 0xbe, 0, 0, c, d]))
    }
}

/// The /64 of an interface, up to the double colon.
pub(crate) fn prefix(number: u32) -> String {
    format!("2001:db8:0:{number:x}::")
}
