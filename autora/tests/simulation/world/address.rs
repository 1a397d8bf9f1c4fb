//! The addresses of a simulated link, with their lifetimes as the kernel keeps and reads them.

use std::{net::Ipv6Addr, time::Duration};

use autora::engine::{
    BootInstant,
    interface::{Address, AddressFlags, AddressScope, Interface, Lifetimes, Preferred},
};
use rand::{RngExt, rngs::StdRng};

use crate::chance::{any_scale, one_of};

/// Returns one of the link-local addresses that every link alternates between.
pub(super) fn link_local(suffix: u16) -> Address {
    address(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, suffix), AddressScope::Link)
}

/// Returns an address in one of the /64s of a link.
pub(super) fn global(number: u16, prefix: u16, suffix: u16) -> Address {
    address(Ipv6Addr::new(0x2001, 0xdb8, number, prefix, 0, 0, 0, suffix), AddressScope::Global)
}

/// Returns an address of global scope that no guest may use: multicast, mapped, compatible or site-local.
pub(super) fn not_unicast(number: u16, rng: &mut StdRng) -> Address {
    let [high, low] = number.to_be_bytes();
    address(
        one_of(
            rng,
            &[
                Ipv6Addr::new(0xff0e, 0, 0, 0, 0, 0, 0, number),
                Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0x0102, number),
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, u16::from_be_bytes([10, high]), u16::from(low) + 1),
                Ipv6Addr::new(0xfec0, 0, 0, number, 0, 0, 0, 1),
            ],
        ),
        AddressScope::Global,
    )
}

fn address(address: Ipv6Addr, scope: AddressScope) -> Address {
    Address { address, prefix_len: 64, scope, flags: AddressFlags::default(), lifetimes: Lifetimes::default() }
}

/// Gives an address lifetimes, as `ip addr change` does.
pub(super) fn set_lifetimes(address: &mut Address, now: BootInstant, rng: &mut StdRng) {
    let any = |rng: &mut StdRng| any_scale(rng, Duration::from_secs(2), Duration::from_secs(10_800));
    let end = |left: Duration| now + Duration::from_secs(left.as_secs() + 1);
    let valid = any(rng);
    let share = valid.mul_f64(rng.random_range(0.0..1.0));
    let (valid, preferred) = match rng.random_range(0..7) {
        0 => (None, Preferred::ForEver),
        1 | 2 => (Some(end(valid)), Preferred::Until(end(share))),
        3 => (None, Preferred::Until(end(share))),
        4 => (None, Preferred::Zero),
        5 => (Some(end(valid)), Preferred::Zero),
        _ => nudged(address.lifetimes, now, rng),
    };
    address.lifetimes = Lifetimes { valid, preferred };
    address.flags.deprecated = has_ended(preferred, now);
}

/// Returns lifetimes that end a few seconds earlier than before.
fn nudged(
    Lifetimes { valid, preferred }: Lifetimes,
    now: BootInstant,
    rng: &mut StdRng,
) -> (Option<BootInstant>, Preferred) {
    let by = Duration::from_secs(rng.random_range(1..6));
    let earlier = |end: BootInstant| now + end.saturating_since(now + by);
    let preferred = match preferred {
        Preferred::Until(end) => Preferred::Until(earlier(end)),
        Preferred::ForEver | Preferred::Zero => preferred,
    };
    (valid.map(earlier), preferred)
}

/// Deprecates an address for ever, as `preferred_lft 0` does.
pub(super) fn park(address: &mut Address) {
    address.lifetimes.preferred = Preferred::Zero;
    address.flags.deprecated = true;
}

/// Flips whether an address is deprecated.
pub(super) fn flip_deprecated(address: &mut Address) {
    if address.flags.deprecated {
        address.flags.deprecated = false;
        address.lifetimes.preferred = Preferred::ForEver;
    } else {
        park(address);
    }
}

/// Deprecates addresses whose preferred lifetime has ended and removes those whose valid lifetime has, as
/// `addrconf_verify_rtnl()` does. Returns whether any changed.
pub(super) fn age(link: &mut Interface, now: BootInstant) -> bool {
    let before = link.addresses.clone();
    link.addresses.retain(|address| address.lifetimes.valid.is_none_or(|end| end > now));
    for address in &mut link.addresses {
        address.flags.deprecated |= has_ended(address.lifetimes.preferred, now);
    }
    link.addresses != before
}

/// Returns when the next lifetime of the link ends.
pub(super) fn next_end(link: &Interface, now: BootInstant) -> Option<BootInstant> {
    let ends = |Lifetimes { valid, preferred }| {
        let preferred = match preferred {
            Preferred::Until(end) => Some(end),
            Preferred::ForEver | Preferred::Zero => None,
        };
        [valid, preferred].into_iter().flatten()
    };
    link.addresses.iter().flat_map(|address| ends(address.lifetimes)).filter(|end| *end > now).min()
}

/// Returns the link as a process reads it at `now`: the kernel tells what is left in whole seconds, so that an
/// end computed from it wanders by up to a second.
pub(super) fn read(link: &Interface, now: BootInstant) -> Interface {
    let mut link = link.clone();
    for Address { flags, lifetimes, .. } in &mut link.addresses {
        flags.deprecated |= has_ended(lifetimes.preferred, now);
        lifetimes.valid = lifetimes.valid.map(|end| now + whole_seconds(end.saturating_since(now)));
        lifetimes.preferred = match lifetimes.preferred {
            Preferred::Until(end) if end > now => Preferred::Until(now + whole_seconds(end.saturating_since(now))),
            Preferred::Until(_) | Preferred::Zero => Preferred::Zero,
            Preferred::ForEver => Preferred::ForEver,
        };
    }
    link.addresses.sort();
    link
}

fn has_ended(preferred: Preferred, now: BootInstant) -> bool {
    match preferred {
        Preferred::ForEver => false,
        Preferred::Until(end) => end <= now,
        Preferred::Zero => true,
    }
}

/// Rounds up to whole seconds.
fn whole_seconds(left: Duration) -> Duration {
    Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0))
}
