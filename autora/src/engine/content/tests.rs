use super::*;
use crate::{
    addr::IfIndex,
    engine::interface::{GroupMapping, LinkFlags},
};

const PARAMETERS: Parameters = Parameters {
    min_interval: secs(20),
    max_interval: secs(60),
    router_lifetime: secs(180),
    valid_lifetime: secs(1_000),
    preferred_lifetime: secs(400),
    preference: RouterPreference::Medium,
};

const NOW: BootInstant = BootInstant::from_boot(secs(5_000));

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn in_millis(millis: u64) -> BootInstant {
    NOW + Duration::from_millis(millis)
}

fn prefix(number: u8) -> Prefix64 {
    Prefix64::containing(format!("2001:db8:{number}::").parse().unwrap())
}

#[test]
fn lifetimes_are_at_most_those_of_the_host_in_whole_seconds() {
    use Preferred::{ForEver, Until, Zero};
    let end = |millis: u64| Until(in_millis(millis));
    let past = Until(BootInstant::from_boot(secs(4_000)));
    for (valid, preferred, expected) in [
        (None, ForEver, (1_000, 400)),
        (Some(2_000_000), end(2_000_000), (1_000, 400)),
        (Some(1_000_000), end(400_000), (1_000, 400)),
        // Rounded down, so that no guest keeps an address longer than the host.
        (Some(999_999), end(399_999), (999, 399)),
        (Some(999_000), end(399_000), (999, 399)),
        (Some(500_000), end(100_000), (500, 100)),
        (None, end(100_000), (1_000, 100)),
        // Preferred is never above Valid.
        (Some(300_000), ForEver, (300, 300)),
        (Some(300_000), end(350_000), (300, 300)),
        (None, past, (1_000, 0)),
        (None, Zero, (1_000, 0)),
        (Some(999), ForEver, (0, 0)),
        (Some(0), ForEver, (0, 0)),
    ] {
        let lifetimes = Some(Lifetimes { valid: valid.map(in_millis), preferred });
        let current = CurrentPrefix { prefix: prefix(1), lifetimes };
        let (valid, preferred) = current.advertised(&PARAMETERS, NOW);
        assert_eq!((valid, preferred), (secs(expected.0), secs(expected.1)), "{lifetimes:?}");
    }
    let gone = CurrentPrefix { prefix: prefix(1), lifetimes: None };
    assert_eq!(gone.advertised(&PARAMETERS, NOW), (secs(0), secs(0)));
}

#[test]
fn an_infinite_lifetime_lasts_as_long_as_that_of_the_host() {
    let infinity = secs(u32::MAX.into());
    let parameters = Parameters { valid_lifetime: infinity, preferred_lifetime: infinity, ..PARAMETERS };
    for (end, expected) in [(None, infinity), (Some(in_millis(9_500)), secs(9))] {
        let lifetimes = Lifetimes { valid: end, preferred: end.map_or(Preferred::ForEver, Preferred::Until) };
        let current = CurrentPrefix { prefix: prefix(1), lifetimes: Some(lifetimes) };
        assert_eq!(current.advertised(&parameters, NOW), (expected, expected));
    }
}

#[test]
fn the_current_prefix_follows_the_retired_ones() {
    let retired = |number, seconds: u64| AdvertisedPrefix {
        prefix: prefix(number),
        valid_until: BootInstant::from_boot(secs(5_000 + seconds)),
    };
    let current = |lifetimes| Some(CurrentPrefix { prefix: prefix(1), lifetimes });
    let option = |number, valid, preferred| {
        let [valid, preferred] = [valid, preferred].map(secs);
        let (on_link, autonomous) = (false, true);
        NdOption::PrefixInformation(PrefixInformation { prefix: prefix(number), on_link, autonomous, valid, preferred })
    };
    // The lifetime of prefix 3 is over.
    let held = [retired(2, 9), retired(3, 0), retired(4, 1)];
    let zero = [option(2, 0, 0), option(4, 0, 0)];
    for cause in [Cause::Unsolicited, Cause::Solicited, Cause::Final] {
        for (current, expected) in [
            (current(Some(Lifetimes::default())), Some(option(1, 1_000, 400))),
            (current(None), Some(option(1, 0, 0))),
            (None, None),
        ] {
            let expected: Vec<_> = zero.iter().cloned().chain(expected).collect();
            let advert = router_advert(cause, current, &held, &PARAMETERS, NOW);
            assert_eq!(advert.options, expected, "{cause:?}, {current:?}");
        }
    }
}

#[test]
fn a_preference_needs_a_router_lifetime() {
    use RouterPreference::{High, Low, Medium};
    for (preference, cause, router_lifetime, expected) in [
        (Medium, Cause::Unsolicited, 180, 0b0000_0000),
        (High, Cause::Unsolicited, 180, 0b0000_1000),
        (High, Cause::Solicited, 180, 0b0000_1000),
        (Low, Cause::Unsolicited, 180, 0b0001_1000),
        // "If the Router Lifetime value is zero, the preference value MUST be set to (00)" [RFC 4191 2.2].
        (High, Cause::Final, 180, 0b0000_0000),
        (Low, Cause::Final, 180, 0b0000_0000),
        (High, Cause::Unsolicited, 0, 0b0000_0000),
    ] {
        let parameters = Parameters { preference, router_lifetime: secs(router_lifetime), ..PARAMETERS };
        let advert = router_advert(cause, None, &[], &parameters, NOW);
        assert_eq!(advert.flags, expected, "{preference:?}, {cause:?}, {router_lifetime}");
        let lifetime = if cause == Cause::Final { 0 } else { router_lifetime };
        assert_eq!(advert.router_lifetime, secs(lifetime));
    }
}

#[test]
fn link_options_are_off_by_default_and_need_a_six_byte_address() {
    let link = |link_address| Interface {
        index: IfIndex::new(7).unwrap(),
        name: "vm1".to_owned(),
        flags: LinkFlags { up: true, multicast: true, loopback: false, carrier: true },
        master: None,
        ipv6: None,
        mtu: 1400,
        link_address,
        group_mapping: GroupMapping::Ethernet,
        tun: false,
        addresses: Vec::new(),
    };
    let mac = [2, 0, 0, 0, 0, 7];
    let (address, mtu) = (NdOption::SourceLinkLayerAddress(mac), NdOption::Mtu(1400));
    for (source_link_layer_address, wants_mtu, link_address, expected) in [
        (false, false, Some(mac), vec![]),
        (true, false, Some(mac), vec![address.clone()]),
        (false, true, Some(mac), vec![mtu.clone()]),
        (true, true, Some(mac), vec![address, mtu.clone()]),
        (true, true, None, vec![mtu]),
    ] {
        let options = LinkOptions { source_link_layer_address, mtu: wants_mtu };
        assert_eq!(options.of(&link(link_address)).collect::<Vec<_>>(), expected, "{options:?}");
    }
    assert_eq!(LinkOptions::default(), LinkOptions { source_link_layer_address: false, mtu: false });
}
