//! Changes that are undone a moment later, as by `ifreload`, `sysctl --system` or a rename and back.

use autora::engine::interface::{Address, AddressScope, Interface, Master};
use rand::{RngExt, rngs::StdRng};

use super::change::{add, any_of, master, replace_prefix, with_ipv6};

/// What is changed for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blink {
    /// One address of this scope.
    Address(AddressScope),
    AllAddresses,
    Forwarding,
    Name,
    Master,
    Carrier,
    /// Down, which removes all addresses, and up again.
    Down,
}

/// How a change is undone.
#[derive(Clone, Debug)]
pub(super) enum Undo {
    Add(Vec<Address>),
    Forward,
    Rename(String),
    Release(Option<Box<Master>>),
    Carrier,
    /// Up again, with these addresses or with another /64.
    Up(Vec<Address>),
}

impl Blink {
    /// Changes `link`. Returns how to undo it, if anything changed.
    pub(super) fn apply(self, link: &mut Interface, number: u16, rng: &mut StdRng) -> Option<Undo> {
        let flags = &mut link.flags;
        Some(match self {
            Self::Address(scope) => Undo::Add(vec![link.addresses.remove(any_of(link, scope, rng)?)]),
            Self::AllAddresses => Undo::Add(std::mem::take(&mut link.addresses)),
            Self::Forwarding => {
                with_ipv6(link, |ipv6| ipv6.forwarding = false);
                Undo::Forward
            }
            Self::Name => Undo::Rename(std::mem::replace(&mut link.name, format!("old{number}"))),
            Self::Master => Undo::Release(std::mem::replace(&mut link.master, master(rng).map(Box::new))),
            Self::Carrier => {
                flags.carrier = false;
                Undo::Carrier
            }
            Self::Down => {
                (flags.up, flags.carrier) = (false, false);
                Undo::Up(std::mem::take(&mut link.addresses))
            }
        })
    }
}

impl Undo {
    pub(super) fn apply(self, link: &mut Interface, number: u16, prefixes: u16, rng: &mut StdRng) {
        match self {
            Self::Add(addresses) => add_back(link, addresses, rng),
            Self::Forward => with_ipv6(link, |ipv6| ipv6.forwarding = true),
            Self::Rename(name) => link.name = name,
            Self::Release(master) => link.master = master,
            Self::Carrier => link.flags.carrier = link.flags.up,
            Self::Up(addresses) => {
                (link.flags.up, link.flags.carrier) = (true, true);
                add_back(link, addresses, rng);
                if rng.random_bool(0.5) {
                    replace_prefix(link, number, prefixes, rng);
                }
            }
        }
    }
}

/// Adds addresses, with or without DAD.
fn add_back(link: &mut Interface, addresses: Vec<Address>, rng: &mut StdRng) {
    let tentative = rng.random_bool(0.4);
    for mut address in addresses {
        address.flags.tentative |= tentative;
        add(link, address);
    }
}
