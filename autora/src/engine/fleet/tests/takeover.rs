//! What guests hold of another daemon, when an interface is taken over from it.

use super::*;
use crate::{
    addr::LinkLocal,
    engine::handover::{Advertised, AdvertisedPrefix, AdvertisedRouter, Ending},
    wire::PrefixInformation,
};

fn source(text: &str) -> LinkLocal {
    LinkLocal::new(text.parse().unwrap()).unwrap()
}

fn prefix(number: u32) -> Prefix64 {
    Prefix64::containing(format!("2001:db8:{number}::").parse().unwrap())
}

/// The pair of `tap(1)` as another daemon has advertised it for the last time long ago, as far as it is known: that may
/// have been 5 s before.
fn pair(router: &str, number: u32, now: BootInstant) -> Advertised {
    let router = AdvertisedRouter { source: source(router), until: now };
    let prefix = AdvertisedPrefix { prefix: prefix(number), valid_until: now };
    Advertised { router: Some(router), prefix: Some(prefix), ..Advertised::default() }
}

/// Returns a bench in which another daemon had interface 1, which looks like this, and has just been gone for long
/// enough.
fn taken_over(interface: Interface, left: impl FnOnce(BootInstant) -> Advertised) -> Bench {
    let mut bench = Bench::new();
    bench.others.insert(index(1));
    bench.see(interface);
    bench.run_for(secs(10));
    bench.take_events();
    let ending = Ending::Unclean { valid_lifetime: secs(600), router_lifetime: secs(180) };
    bench.left.insert(index(1), TakenOver { ending, advertised: left(bench.now) });
    bench.others.clear();
    bench.fleet.try_again(bench.now);
    bench.run_for(Duration::ZERO);
    bench
}

/// Returns the prefixes of the last RA, each with whether it is retired.
fn prefixes(bench: &Bench) -> Vec<(Prefix64, bool)> {
    let options = bench.last_advert.iter().flat_map(|advert| &advert.options);
    let prefixes = options.filter_map(|option| match option {
        NdOption::PrefixInformation(PrefixInformation { prefix, valid, .. }) => Some((*prefix, valid.is_zero())),
        NdOption::SourceLinkLayerAddress(_) | NdOption::Mtu(_) | NdOption::Other { .. } => None,
    });
    prefixes.collect()
}

/// The 3 s since the last RA of the other daemon are over.
#[test]
fn the_same_pair_is_advertised_at_once() {
    let mut bench = taken_over(tap(1), |now| pair("fe80::1", 1, now));
    assert_eq!(bench.take_events(), ["tap1 serving", "+1", "RA 1"]);
    assert_eq!(prefixes(&bench), [(prefix(1), false)]);
}

#[test]
fn what_the_other_daemon_had_retired_stays_retired() {
    let retired = AdvertisedPrefix { prefix: prefix(98), valid_until: BootInstant::from_boot(secs(1_100)) };
    let left = |now| Advertised { retired: vec![retired], ..pair("fe80::1", 1, now) };
    let mut bench = taken_over(tap(1), left);
    assert_eq!(bench.take_events(), ["tap1 serving", "+1", "RA 1"]);
    assert_eq!(prefixes(&bench), [(prefix(98), true), (prefix(1), false)]);
    bench.run_for(secs(200));
    assert_eq!(prefixes(&bench), [(prefix(1), false)], "its lifetime is over");
}

/// It changed while neither daemon served the interface.
#[test]
fn another_prefix_is_retired() {
    let mut bench = taken_over(tap(1), |now| pair("fe80::1", 99, now));
    assert_eq!(bench.take_events(), [""; 0], "the one that guests hold is waited for");
    bench.run_for(GRACE);
    assert_eq!(bench.take_events(), ["tap1 serving", "+1", "RA 1"]);
    assert_eq!(prefixes(&bench), [(prefix(99), true), (prefix(1), false)]);
    bench.run_for(secs(590));
    assert_eq!(prefixes(&bench).len(), 2, "for as long as an RA just now would have told");
    bench.run_for(secs(100));
    assert_eq!(prefixes(&bench), [(prefix(1), false)]);
}

#[test]
fn another_source_is_withdrawn_once_the_new_one_has_spoken() {
    let mut bench = taken_over(tap(1), |now| pair("fe80::9", 1, now));
    bench.run_for(GRACE + MIN_DELAY_BETWEEN_RAS);
    assert_eq!(bench.take_events(), ["tap1 serving", "+1", "RA 1", "final 1"]);
}

#[test]
fn the_source_that_guests_hold_is_kept() {
    let two = || changed(1, |i| i.addresses.push(address("fe80::2", 64)));
    for (held, expected) in [("fe80::2", "fe80::2"), ("fe80::1", "fe80::1")] {
        let bench = taken_over(two(), |now| pair(held, 1, now));
        let row = bench.fleet.row(index(1)).unwrap();
        assert_eq!(row.service.map(|service| service.source), Some(source(expected)));
    }
}

#[test]
fn what_guests_no_longer_hold_changes_nothing() {
    let over = |now| Advertised { router: None, prefix: None, ..pair("fe80::9", 99, now) };
    let mut bench = taken_over(tap(1), over);
    assert_eq!(bench.take_events(), ["tap1 serving", "+1", "RA 1"]);
    assert_eq!(prefixes(&bench), [(prefix(1), false)]);
}

/// What is not to be served is claimed for a moment only, before a final RA.
#[test]
fn an_interface_that_is_not_to_be_served_takes_nothing_over() {
    let mut bench = Bench::new();
    bench.see(tap(1));
    bench.run_for(secs(10));
    let ending = Ending::Clean;
    bench.left.insert(index(1), TakenOver { ending, advertised: pair("fe80::9", 99, bench.now + secs(100)) });
    bench.see(changed(1, forwarding_off));
    bench.take_events();
    bench.run_for(GRACE);
    assert_eq!(bench.take_events(), ["final 1"]);
    assert!(bench.left.is_empty(), "the control");
    assert_eq!(prefixes(&bench), [(prefix(1), false)]);
}
