//! `--router-preference`: its bits, and which of two routers a guest's kernel takes.

use std::{path::Path, time::Duration};

use autora_tests::{Advert, Daemon, Guest, Namespace, Veth, eventually};
use nix::sys::signal::Signal;

use crate::bench::{Line, SOON};

/// Starts a daemon for one interface.
fn serve(host: &Namespace, interface: &str, arguments: &[&str]) -> Daemon {
    Daemon::start(host, &[&[format!("--interface-regex=^{interface}$").as_str()], arguments].concat())
}

#[test]
fn the_preference_is_two_bits_and_none_in_a_final_ra() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let rows: [(&[&str], u8); 4] = [
        (&[], 0),
        (&["--router-preference=medium"], 0),
        (&["--router-preference=high"], 0b0000_1000),
        (&["--router-preference=low"], 0b0001_1000),
    ];
    let mut lines = Line::several(&host, &guest, 4);
    let start = |(line, (arguments, _)): (&Line, &(&[&str], u8))| serve(&host, line.name(), arguments);
    let mut daemons: Vec<_> = lines.iter().zip(&rows).map(start).collect();
    for (line, (arguments, bits)) in lines.iter_mut().zip(&rows) {
        assert_eq!(line.expect_served(SOON).advert.flags, *bits, "{arguments:?}");
    }
    for daemon in &daemons {
        daemon.signal(Signal::SIGTERM);
    }
    for ((line, daemon), (arguments, _)) in lines.iter_mut().zip(&mut daemons).zip(&rows) {
        assert_eq!(daemon.wait_exit(SOON), 0);
        let (_, adverts) = line.seen(Duration::ZERO);
        let finals: Vec<_> = adverts.iter().filter(|advert| advert.is_final()).collect();
        // "If the Router Lifetime value is zero, the preference value MUST be set to (00)" [RFC 4191 2.2].
        assert!(matches!(finals[..], [Advert { advert, .. }] if advert.flags == 0), "{arguments:?}: {adverts:?}");
    }
}

/// What Linux has only with `CONFIG_IPV6_ROUTER_PREF`.
const SYSCTL: &str = "/proc/sys/net/ipv6/conf/all/accept_ra_rtr_pref";

/// An address behind either router.
const OUTSIDE: &str = "2001:db8:ffff::1";

/// Two hosts, and a guest with an interface on each.
#[test]
fn a_guest_takes_the_preferred_router() {
    if !Path::new(SYSCTL).exists() {
        eprintln!("NOT TESTED: this kernel has no CONFIG_IPV6_ROUTER_PREF, so no guest takes a preferred router");
        return;
    }
    for (first, second, expected) in [
        ("high", "low", "eth1"),
        // The control: the order of names, indices and RAs is the same.
        ("low", "high", "eth2"),
        ("medium", "high", "eth2"),
        ("medium", "low", "eth1"),
        ("low", "medium", "eth2"),
    ] {
        let (hosts, guest) = ([Namespace::host(), Namespace::host()], Guest::new());
        let links: Vec<_> = hosts.iter().zip(1..).map(|(host, number)| attach(host, &guest, number)).collect();
        let mut daemons = [first, second].map(|preference| format!("--router-preference={preference}"));
        let mut daemons: Vec<_> =
            hosts.iter().zip(&mut daemons).map(|(host, one)| serve(host, "vm1", &[one])).collect();
        eventually(SOON, "two default routes", || (guest.default_routes().len() == 2).then_some(()));
        assert_eq!(way_out(&guest), expected, "{first} on eth1, {second} on eth2");

        // When the preferred router withdraws, the guest has the other one.
        let preferred = usize::from(expected == "eth2");
        daemons[preferred].signal(Signal::SIGTERM);
        guest.wait_for_default_route_to(links[1 - preferred].host.link_local(), SOON);
        assert_eq!(way_out(&guest), ["eth2", "eth1"][preferred]);
        assert_eq!(daemons[preferred].wait_exit(SOON), 0);
    }
}

/// Makes interface `eth<number>` of the guest, whose other end is `vm1` of `host`.
fn attach(host: &Namespace, guest: &Guest, number: u16) -> Veth {
    let link = Veth::new((host, "vm1"), (guest.namespace(), &format!("eth{number}")));
    link.host.add_address(&format!("2001:db8:0:{number}::1/64"));
    link
}

/// Returns the interface through which the guest's kernel sends to [`OUTSIDE`].
fn way_out(guest: &Guest) -> String {
    let route = guest.namespace().ip(&format!("-6 route get {OUTSIDE}"));
    let device = route.split_whitespace().skip_while(|word| *word != "dev").nth(1);
    device.unwrap_or_else(|| panic!("a route has a device: {route}")).to_owned()
}
