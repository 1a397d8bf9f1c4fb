//! Changes of the prefix, and prefixes that are retired.

use super::*;
use crate::{
    engine::handover::AdvertisedPrefix,
    wire::{ALL_NODES, ipv6},
};

#[test]
fn a_retired_prefix_is_sent_until_its_valid_lifetime_ends() {
    let mut bench = Bench::rested(7);
    let valid_until = bench.advertiser.advertised().last_sent.unwrap() + secs(86_400);
    bench.change_to(service(1, 2));
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(1), 0), (prefix(2), 86_400)]);
    bench.run_for(secs(86_500));
    assert_eq!(bench.gaps()[..2], [secs(16), secs(16)], "the burst restarts");
    for sent in &bench.sent {
        let count = prefixes(&sent.advert).len();
        assert_eq!(count, if sent.at < valid_until { 2 } else { 1 });
    }
    bench.change_to(service(1, 1));
    bench.run_for(secs(3));
    let last = &bench.sent.last().unwrap().advert;
    assert_eq!(prefixes(last), [(prefix(2), 0), (prefix(1), 86_400)], "a prefix that returns is current again");
}

#[test]
fn a_retired_prefix_that_returns_is_current_again() {
    let mut bench = Bench::settled(17);
    for number in [2, 1] {
        bench.run_for(secs(10));
        bench.change_to(service(1, number));
    }
    assert_eq!(prefixes(&bench.sent[1].advert), [(prefix(2), 0), (prefix(1), 86_400)]);
}

/// Returns a bench that has changed its prefix to 2, 3 and so on up to `last`.
fn renumbered(seed: u64, last: u8) -> Bench {
    let mut bench = Bench::settled(seed);
    for number in 2..=last {
        bench.run_for(secs(5));
        bench.change_to(service(1, number));
    }
    bench
}

#[test]
fn at_most_eight_retired_prefixes_are_carried() {
    let bench = renumbered(8, 14);
    let expected: Vec<_> = (6..14).map(|n| (prefix(n), 0)).chain([(prefix(14), 86_400)]).collect();
    assert_eq!(prefixes(&bench.sent.last().unwrap().advert), expected, "the oldest is dropped");
}

#[test]
fn the_largest_advertisement_fits_into_every_link() {
    let mut advert = renumbered(21, 14).sent.pop().unwrap().advert;
    assert_eq!(prefixes(&advert).len(), 1 + MAX_RETIRED);
    advert.options.splice(..0, [NdOption::SourceLinkLayerAddress([2; 6]), NdOption::Mtu(1280)]);
    let mut packet = Vec::new();
    ipv6::encode(&mut packet, link_local(1).get(), ALL_NODES, |out| advert.encode(out));
    // IPv6 header, RA, MAC, MTU, prefixes.
    assert_eq!(packet.len(), 40 + 16 + 8 + 8 + 9 * 32);
    assert!(packet.len() <= 1280, "the least MTU of IPv6 [RFC 8200 5]: {} bytes", packet.len());
}

#[test]
fn a_final_ra_carries_at_most_eight_retired_prefixes() {
    let mut bench = renumbered(22, 9);
    bench.run_for(secs(5));
    bench.follow_to_the_end(PREFIX_GONE);
    let expected: Vec<_> = (1..10).map(|n| (prefix(n), 0)).collect();
    assert_eq!(prefixes(&bench.sent.last().unwrap().advert), expected, "and the one in use");
}

#[test]
fn the_retired_prefix_that_expires_first_is_dropped_first() {
    let mut bench = Bench::rested(23);
    let left = |n: u8| secs(if n == 5 { 100 } else { 1_000 });
    bench.advertiser.held.advertised.retired =
        (2..10).map(|n| AdvertisedPrefix { prefix: prefix(n), valid_until: bench.now + left(n) }).collect();
    bench.change_to(service(1, 10));
    let expected: Vec<_> = [2, 3, 4, 6, 7, 8, 9, 1].map(|n| (prefix(n), 0)).into();
    assert_eq!(prefixes(&bench.sent[0].advert)[..8], expected);
}

#[test]
fn a_prefix_that_returned_unsent_and_went_again_is_retired() {
    for (what, gap) in [("another", Outlook::Serve(service(1, 2))), ("none", PREFIX_GONE)] {
        let mut bench = Bench::settled(24);
        bench.link_works = false;
        bench.follow_to_the_end(gap);
        bench.serve(service(1, 1));
        bench.change_to(service(1, 3));
        bench.link_works = true;
        bench.run_for(secs(8));
        let sent = prefixes(&bench.sent[0].advert);
        assert_eq!(sent, [(prefix(1), 0), (prefix(3), 86_400)], "{what} in between");
    }
}

#[test]
fn a_final_ra_carries_the_current_prefix() {
    let mut bench = Bench::rested(25);
    bench.change_to(service(2, 2));
    bench.run_for(secs(3));
    assert_eq!(bench.causes(), [Cause::Unsolicited, Cause::Final]);
    for sent in &bench.sent {
        assert_eq!(prefixes(&sent.advert), [(prefix(1), 0), (prefix(2), 86_400)]);
    }
}

#[test]
fn a_final_ra_prolongs_the_lifetime_of_its_prefix() {
    let mut bench = Bench::rested(26);
    bench.follow_to_the_end(NOT_SERVED);
    let prolonged = AdvertisedPrefix { prefix: prefix(1), valid_until: bench.now + secs(86_400) };
    assert_eq!((bench.causes(), bench.advertiser.advertised().prefix), (vec![Cause::Final], Some(prolonged)));
}

#[test]
fn a_prefix_that_was_never_advertised_is_not_retired() {
    let mut bench = Bench::settled(9);
    bench.change_to(service(1, 2));
    bench.serve(service(1, 3));
    bench.run_for(secs(3));
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(1), 0), (prefix(3), 86_400)]);
}

#[test]
fn a_removed_prefix_is_retired_and_sent_with_the_next_one() {
    let mut bench = Bench::rested(11);
    bench.follow_to_the_end(PREFIX_GONE);
    bench.run_for(secs(60));
    bench.serve(service(1, 2));
    assert_eq!(bench.causes(), [Cause::Final, Cause::Unsolicited]);
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(1), 0)]);
    assert_eq!(prefixes(&bench.sent[1].advert), [(prefix(1), 0), (prefix(2), 86_400)]);
}

#[test]
fn the_prefix_that_was_told_is_in_use_until_another_was_told() {
    let mut bench = Bench::settled(27);
    bench.change_to(service(1, 2));
    assert_eq!(bench.advertiser.in_use(bench.now).prefix, Some(prefix(1)), "the floor holds the RA");
    bench.run_for(secs(2));
    assert_eq!(bench.advertiser.in_use(bench.now).prefix, Some(prefix(2)));
}

#[test]
fn once_the_grace_of_a_prefix_is_over_nothing_more_is_waited_for() {
    let mut bench = Bench::rested(28);
    let start = bench.now;
    bench.link_works = false;
    bench.change_to(service(1, 2));
    bench.serve(service(1, 2));
    bench.run_for(millis(500));
    bench.follow(NOT_SERVED);
    bench.link_works = true;
    bench.run_for(secs(10));
    assert_eq!(bench.log(start), [entry(2_000, "final", 1)], "after the backoff");
}

#[test]
fn a_final_ra_does_not_retire_a_prefix_that_the_interface_still_has() {
    let mut bench = Bench::settled(29);
    bench.change_to(service(1, 2));
    bench.follow(NOT_SERVED);
    bench.run_for(secs(3));
    assert_eq!(bench.causes(), [Cause::Final]);
    assert_eq!(prefixes(&bench.sent[0].advert), [(prefix(1), 86_400)], "prefix 2 was never told");
}
