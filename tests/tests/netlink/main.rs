//! The mirror of the kernel's interfaces: it has every fact, and follows every change of one.

mod stress;
mod watch;

use std::{fs, time::Duration};

use autora::{
    addr::IfIndex,
    engine::{
        BootInstant,
        interface::{Address, AddressScope, GroupMapping, Interface, LinkFlags, Master, Preferred},
    },
    sys::{
        clock,
        netlink::{Queries, default_routes_by_ra},
    },
};
use autora_tests::{Mac, Namespace, Tap, eventually};
use watch::{SOON, Watch};

/// Duplicate address detection waits up to 1 s and listens for 1 s, for the link-local address first.
const DETECTION: Duration = Duration::from_secs(6);

/// A host with the veth `v0`, whose other end is `peer`; both ends are down, and duplicate address detection
/// is on.
struct Setup {
    host: Namespace,
    guest: Namespace,
    index: IfIndex,
    mac: Mac,
}

impl Setup {
    fn disable_ipv6(&self, value: u32) {
        self.host.sysctl("ipv6/conf/v0/disable_ipv6", value);
    }

    fn new() -> Self {
        let (host, guest, mac) = (Namespace::new("netlink"), Namespace::quiet(), Mac::unique());
        host.ip(&format!("link add v0 address {mac} type veth peer name peer netns {}", guest.name()));
        let index = IfIndex::new(autora_tests::Interface::existing(&host, "v0").index()).expect("never 0");
        Self { host, guest, index, mac }
    }

    fn up() -> Self {
        let setup = Self::new();
        setup.guest.ip("link set peer up");
        setup.host.ip("link set v0 up");
        setup
    }
}

fn address(interface: &Interface, wanted: &str) -> Option<Address> {
    interface.addresses.iter().copied().find(|found| found.address.to_string() == wanted)
}

fn has(wanted: &'static str) -> impl Fn(&Interface) -> bool {
    move |interface| address(interface, wanted).is_some_and(|address| address.flags.usable())
}

#[test]
fn a_new_link_is_in_a_notification_and_in_a_dump() {
    let host = Namespace::new("netlink");
    Watch::within(&host, |watch| {
        watch.drain();
        host.ip("link add v0 mtu 1400 address 02:00:00:00:00:77 type veth peer name v1");
        let changes = watch.drain();
        let index = IfIndex::new(autora_tests::Interface::existing(&host, "v0").index()).expect("never 0");
        assert!(changes.changed.contains(&index) && changes.changed.len() == 2, "{changes:?}");
        assert_eq!(watch.netlink.counts().single_reads, 0, "no single read was needed");
        watch.expect_truth(SOON);
        let found = watch.known[&index].as_ref().clone();
        let settings = found.ipv6.expect("an MTU of 1400 is enough for IPv6");
        let expected = Interface {
            index,
            name: "v0".into(),
            flags: LinkFlags { up: false, multicast: true, loopback: false, carrier: false },
            master: None,
            ipv6: Some(settings),
            mtu: 1400,
            link_address: Some([2, 0, 0, 0, 0, 0x77]),
            group_mapping: GroupMapping::Ethernet,
            tun: false,
            addresses: Vec::new(),
        };
        assert_eq!(found, expected);
        assert!(!settings.disabled && !settings.forwarding && !settings.force_forwarding, "{settings:?}");
        assert_eq!(watch.dump().interfaces.len(), 3, "with the loopback and the other end");
    });
}

#[test]
fn the_dump_has_the_loopback_without_its_host_address() {
    let host = Namespace::new("netlink");
    host.ip("address add 2001:db8::1/128 dev lo");
    let mut queries = host.enter(|| Queries::open().expect("netlink needs no privilege"));
    let interfaces = queries.dump().expect("the kernel replies").interfaces;
    let [lo] = interfaces.as_slice() else { panic!("the loopback alone: {interfaces:?}") };
    assert!(lo.flags.loopback && !lo.flags.multicast);
    let [address] = lo.addresses.as_slice() else { panic!("without ::1: {:?}", lo.addresses) };
    assert_eq!((address.address.to_string().as_str(), address.prefix_len), ("2001:db8::1", 128));
}

#[test]
fn notifications_tell_up_carrier_and_down() {
    let setup = Setup::new();
    let Setup { ref host, ref guest, index, mac } = setup;
    Watch::within(host, |watch| {
        let only_up = |interface: &Interface| interface.flags.up && !interface.flags.carrier;
        let carrier = |interface: &Interface| interface.flags.up && interface.flags.carrier;
        watch.after_without_reads("up", index, || _ = host.ip("link set v0 up"), only_up);
        let interface = watch.after_without_reads("carrier", index, || _ = guest.ip("link set peer up"), carrier);
        assert_eq!(interface.link_address, Some(mac.0));
        watch.after_without_reads("carrier lost", index, || _ = guest.ip("link set peer down"), only_up);
        watch.after_without_reads("carrier back", index, || _ = guest.ip("link set peer up"), carrier);
        watch.after_without_reads("down", index, || _ = host.ip("link set v0 down"), |interface| !interface.flags.up);
    });
}

#[test]
fn notifications_tell_addresses_and_their_flags() {
    let setup = Setup::up();
    let Setup { ref host, ref guest, index, mac } = setup;
    let link_local = mac.link_local();
    let ready = move |interface: &Interface| {
        interface.addresses.iter().any(|found| found.address == link_local && found.flags.usable())
    };
    guest.ip("address add 2001:db8::99/64 dev peer nodad");
    Watch::within(host, |watch| {
        if !watch.known.get(&index).is_some_and(|interface| ready(interface)) {
            watch.within_time("link-local", index, DETECTION, ready);
        }
        let found = watch.read(index).and_then(|interface| address(&interface, &link_local.to_string()));
        assert_eq!(found.map(|found| (found.scope, found.prefix_len)), Some((AddressScope::Link, 64)));

        let tentative =
            |interface: &Interface| address(interface, "2001:db8::1").is_some_and(|found| found.flags.tentative);
        let found = watch.after_without_reads(
            "tentative",
            index,
            || _ = host.ip("address add 2001:db8::1/64 dev v0"),
            tentative,
        );
        assert!(found.addresses.is_sorted() && !has("2001:db8::1")(&found));
        let found = watch.within_time("usable", index, DETECTION, has("2001:db8::1"));
        let found = address(&found, "2001:db8::1").expect("it was found above");
        assert_eq!((found.scope, found.prefix_len), (AddressScope::Global, 64));

        let failed =
            |interface: &Interface| address(interface, "2001:db8::99").is_some_and(|found| found.flags.dadfailed);
        watch.drain();
        host.ip("address add 2001:db8::99/64 dev v0");
        watch.within_time("a duplicate", index, DETECTION, failed);

        for (what, flag, wanted) in
            [("deprecated", "preferred_lft 0", (true, false)), ("noprefixroute", "noprefixroute", (false, true))]
        {
            let add = format!("address replace 2001:db8::2/64 dev v0 nodad {flag}");
            let wanted = |interface: &Interface| {
                address(interface, "2001:db8::2")
                    .is_some_and(|found| (found.flags.deprecated, found.flags.noprefixroute) == wanted)
            };
            watch.after_without_reads(what, index, || _ = host.ip(&add), wanted);
        }
        let gone = |interface: &Interface| address(interface, "2001:db8::1").is_none();
        watch.after_without_reads("gone", index, || _ = host.ip("address delete 2001:db8::1/64 dev v0"), gone);
    });
}

#[test]
fn notifications_and_single_reads_tell_lifetimes() {
    let setup = Setup::up();
    let Setup { ref host, index, .. } = setup;
    // Seconds of the valid and the preferred lifetime; `None` for ever.
    let left = |interface: &Interface| {
        let lifetimes = address(interface, "2001:db8::1")?.lifetimes;
        let now = clock::now();
        let seconds = |end: BootInstant| end.saturating_since(now).as_secs();
        let preferred = match lifetimes.preferred {
            Preferred::ForEver => None,
            Preferred::Until(end) => Some(seconds(end)),
            Preferred::Zero => Some(0),
        };
        Some([lifetimes.valid.map(seconds), preferred])
    };
    // The kernel rounds.
    let near = |(found, expected): (&Option<u64>, &Option<u64>)| match (found, expected) {
        (Some(found), Some(expected)) => found.abs_diff(*expected) <= 1,
        (found, expected) => found == expected,
    };
    Watch::within(host, |watch| {
        for (words, expected) in [
            ("valid_lft 120 preferred_lft 20", [Some(120), Some(20)]),
            ("valid_lft 90 preferred_lft 0", [Some(90), Some(0)]),
            ("valid_lft forever preferred_lft 20", [None, Some(20)]),
            ("valid_lft forever preferred_lft 0", [None, Some(0)]),
            ("valid_lft forever preferred_lft forever", [None, None]),
        ] {
            let replace = format!("address replace 2001:db8::1/64 dev v0 nodad {words}");
            let as_expected =
                |interface: &Interface| left(interface).is_some_and(|found| found.iter().zip(&expected).all(near));
            watch.after_without_reads(words, index, || _ = host.ip(&replace), as_expected);
            let read = watch.read(index).expect("it is there");
            assert!(as_expected(&read), "read: {words}: {:?}", left(&read));
        }
    });
}

/// A dump that the kernel filters.
#[test]
fn default_routes_that_ras_made_are_read() {
    let setup = Setup::up();
    let Setup { ref host, index, .. } = setup;
    host.ip("link add w0 type veth peer name w1");
    host.ip("link set w0 up");
    host.ip("link set w1 up");
    let other = IfIndex::new(autora_tests::Interface::existing(host, "w0").index()).expect("never 0");
    let found = |through| host.enter(|| default_routes_by_ra(through)).into_iter().collect::<Vec<_>>();
    for not_one in ["default via fe80::9 dev w0", "2001:db8:55::/64 dev w0 proto ra"] {
        host.ip(&format!("-6 route add {not_one}"));
    }
    assert_eq!(found(None), []);
    host.ip("-6 route add default via fe80::9 dev v0 proto ra metric 7");
    assert_eq!((found(None), found(Some(index)), found(Some(other))), (vec![index], vec![index], vec![]));
    host.ip("-6 route add default via fe80::9 dev w0 proto ra metric 9 table 77");
    assert_eq!((found(None).len(), found(Some(other))), (2, vec![other]));
}

/// The kernel sends no notification of `accept_ra`.
#[test]
fn accept_ra_is_found_by_a_resync() {
    let setup = Setup::up();
    let Setup { ref host, index, .. } = setup;
    let accepts = |interface: &Interface| interface.ipv6.is_some_and(|ipv6| ipv6.accepts_ra);
    Watch::within(host, |watch| {
        watch.drain();
        for value in [2, 1, 2] {
            host.sysctl("ipv6/conf/v0/accept_ra", value);
            assert!(watch.drain().is_empty(), "{value}: no notification");
            watch.netlink.resync(clock::now()).expect("the kernel replies");
            assert!(watch.drain().changed.contains(&index), "{value}");
            assert_eq!(accepts(&watch.known[&index]), value == 2, "{value}");
        }
    });
}

#[test]
fn a_point_to_point_address_is_the_local_one() {
    let setup = Setup::up();
    let Setup { ref host, index, .. } = setup;
    Watch::within(host, |watch| {
        let add = "address add 2001:db8::1 peer 2001:db8::2/128 dev v0 nodad";
        let found = watch.after_without_reads("with a peer", index, || _ = host.ip(add), has("2001:db8::1"));
        assert_eq!(address(&found, "2001:db8::2"), None);
    });
}

#[test]
fn notifications_tell_forwarding_of_one_interface_and_of_all() {
    let setup = Setup::new();
    let Setup { ref host, index, .. } = setup;
    let forwarding = |on: bool| move |interface: &Interface| interface.ipv6.is_some_and(|ipv6| ipv6.forwarding == on);
    let set = |name: &str, value: u32| host.sysctl(&format!("ipv6/conf/{name}/forwarding"), value);
    Watch::within(host, |watch| {
        watch.after_without_reads("one on", index, || set("v0", 1), forwarding(true));
        assert!(!watch.dump().forwarding);
        watch.after_without_reads("one off", index, || set("v0", 0), forwarding(false));
        for on in [true, false] {
            watch.after_without_reads("all", index, || set("all", on.into()), forwarding(on));
            watch.drain();
            let truth = watch.queries.read_forwarding().expect("the kernel replies");
            assert_eq!((watch.forwarding, truth), (Some(on), on));
        }
        // On everywhere already, so that only `all` changes.
        set("v0", 1);
        set("lo", 1);
        watch.drain();
        set("all", 1);
        let changes = watch.drain();
        assert_eq!(changes.forwarding, Some(true), "{changes:?}");
        set("default", 0);
        assert!(watch.drain().is_empty(), "the setting for new interfaces changes none of the existing ones");
    });
}

#[test]
fn force_forwarding_is_followed() {
    let setup = Setup::new();
    let Setup { ref host, index, .. } = setup;
    let path = "/proc/sys/net/ipv6/conf/v0/force_forwarding";
    if !host.enter(|| fs::exists(path).expect("/proc can be read")) {
        eprintln!("skipped: force_forwarding came with Linux 6.17");
        return;
    }
    Watch::within(host, |watch| {
        let forced =
            |on: bool| move |interface: &Interface| interface.ipv6.is_some_and(|ipv6| ipv6.force_forwarding == on);
        let set = |value: u32| host.sysctl("ipv6/conf/v0/force_forwarding", value);
        watch.after("on", index, || set(1), forced(true));
        watch.after("off", index, || set(0), forced(false));
    });
}

#[test]
fn disabling_ipv6_is_followed() {
    let setup = Setup::up();
    Watch::within(&setup.host, |watch| {
        let found = watch.after("off", setup.index, || setup.disable_ipv6(1), disabled(true));
        assert_eq!(found.addresses, []);
        watch.after("on", setup.index, || setup.disable_ipv6(0), disabled(false));
    });
}

/// Without an address to remove, the kernel does not always send a notification that IPv6 is disabled. It sends one
/// that IPv6 is enabled, to the group IPV6_IFINFO alone.
#[test]
fn a_notification_tells_that_ipv6_is_enabled_without_an_address() {
    let setup = Setup::new();
    setup.guest.ip("link set peer up");
    setup.host.ip("link set v0 up addrgenmode none");
    let is_ready = || setup.host.ip("-oneline link show v0").contains("state UP").then_some(());
    eventually(SOON, "the link is ready", is_ready);
    Watch::within(&setup.host, |watch| {
        setup.disable_ipv6(1);
        assert!(watch.drain().is_empty(), "this kernel sends a notification: good, and the comments are out of date");
        // The next resync finds it.
        watch.netlink.resync(clock::now()).expect("the kernel replies");
        assert!(watch.drain().changed.contains(&setup.index));
        watch.after_without_reads("on", setup.index, || setup.disable_ipv6(0), disabled(false));
    });
}

#[test]
fn ipv6_disabled_while_down_is_found_when_the_link_comes_up() {
    let setup = Setup::new();
    let Setup { ref host, index, .. } = setup;
    Watch::within(host, |watch| {
        watch.drain();
        host.sysctl("ipv6/conf/v0/disable_ipv6", 1);
        assert!(watch.drain().is_empty(), "this kernel sends a notification: good, and the comments are out of date");
        assert!(watch.read(index).is_some_and(|interface| disabled(true)(&interface)));
        let up = |interface: &Interface| interface.flags.up && disabled(true)(interface);
        watch.after_without_reads("up", index, || _ = host.ip("link set v0 up"), up);
    });
}

fn disabled(yes: bool) -> impl Fn(&Interface) -> bool {
    move |interface| interface.ipv6.is_some_and(|ipv6| ipv6.disabled == yes)
}

#[test]
fn too_small_an_mtu_and_back() {
    let setup = Setup::up();
    let Setup { ref host, index, .. } = setup;
    Watch::within(host, |watch| {
        host.ip("address add 2001:db8::1/64 dev v0 nodad");
        let without = |interface: &Interface| interface.ipv6.is_none();
        let found = watch.after_without_reads("1279", index, || _ = host.ip("link set v0 mtu 1279"), without);
        assert_eq!((found.mtu, found.addresses.as_slice()), (1279, [].as_slice()));
        let with = |interface: &Interface| interface.ipv6.is_some() && interface.mtu == 1280;
        watch.after_without_reads("1280", index, || _ = host.ip("link set v0 mtu 1280"), with);
    });
}

#[test]
fn ports_of_a_bridge_and_of_a_vrf() {
    for (kind, options) in [("bridge", ""), ("vrf", "table 100")] {
        let setup = Setup::up();
        let Setup { ref host, index, .. } = setup;
        let kind_and_options = format!("{kind} {options}");
        if kind != "bridge" && !autora_tests::Interface::is_supported(host, kind_and_options.trim()) {
            continue;
        }
        host.ip(&format!("link add master0 type {kind_and_options}"));
        Watch::within(host, |watch| {
            let master = autora_tests::Interface::existing(host, "master0").index();
            let master = Master { index: IfIndex::new(master).expect("never 0"), kind: Some(kind.into()) };
            let enslaved = |interface: &Interface| interface.master.as_deref() == Some(&master);
            watch.after_without_reads(kind, index, || _ = host.ip("link set v0 master master0"), enslaved);
            watch.after_without_reads(
                kind,
                index,
                || _ = host.ip("link set v0 nomaster"),
                |found| found.master.is_none(),
            );
        });
    }
}

#[test]
fn notifications_tell_renaming_and_deletion() {
    let setup = Setup::new();
    let Setup { ref host, index, .. } = setup;
    Watch::within(host, |watch| {
        watch.after_without_reads(
            "renamed",
            index,
            || _ = host.ip("link set v0 name guest7"),
            |found| found.name == "guest7",
        );
        watch.drain();
        host.ip("link delete guest7");
        let changes = watch.drain();
        assert!(changes.gone.contains(&index), "{changes:?}");
        watch.expect_truth(SOON);
        assert_eq!(watch.read(index), None);
        assert_eq!(watch.read(IfIndex::new(1).expect("never 0")).map(|lo| lo.name).as_deref(), Some("lo"));
    });
}

#[test]
fn a_tap_is_recognised_and_notifications_tell_its_carrier() {
    let host = Namespace::new("netlink");
    Watch::within(&host, |watch| {
        let mut tap = Tap::new(&host, "tap0");
        let index = IfIndex::new(tap.interface.index()).expect("never 0");
        watch.drain();
        let found = watch.read(index).expect("it is there");
        assert!(found.tun && found.flags.up && !found.flags.carrier && found.addresses.is_empty(), "{found:?}");
        watch.after_without_reads("opened", index, || tap.open(), |found| found.flags.carrier);
        watch.after_without_reads("closed", index, || tap.close(), |found| !found.flags.carrier && found.tun);
    });
}

#[test]
fn the_neighbour_limit_is_the_one_of_the_first_namespace() {
    let path = "/proc/sys/net/ipv6/neigh/default/gc_thresh3";
    let limit: u32 = fs::read_to_string(path).expect("the first namespace has it").trim().parse().expect("a number");
    let found = Namespace::new("netlink").enter(autora::sys::netlink::neighbour_limit);
    assert_eq!(found, Some(limit));
}
