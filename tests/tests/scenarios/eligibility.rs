//! Which interfaces are served: every reason against it is logged, and no RA leaves until it is repaired.

use std::time::Duration;

use autora_tests::{Capture, Daemon, Interface, Namespace};

use crate::bench::{Line, SOON, expect_silence, live, prefix};

/// A cause that makes an interface not fit, and its repair.
struct NotFit {
    what: &'static str,
    /// All reasons of the daemon, sorted.
    reasons: &'static [&'static str],
    spoil: fn(&Line),
    repair: fn(&Line),
}

const NOT_FIT: &[NotFit] = &[
    NotFit {
        what: "IPv6 disabled",
        reasons: &["ipv6-disabled", "no-link-local", "no-prefix"],
        spoil: |line| line.link.host.sysctl("disable_ipv6", 1),
        repair: |line| {
            line.link.host.sysctl("disable_ipv6", 0);
            line.add_prefix();
        },
    },
    NotFit {
        what: "an MTU too small for IPv6",
        reasons: &["forwarding-off", "ipv6-disabled", "no-link-local", "no-prefix"],
        spoil: |line| line.link.host.set("mtu 1200"),
        repair: |line| {
            line.link.host.set("mtu 1500");
            line.link.host.sysctl("forwarding", 1);
            line.add_prefix();
        },
    },
    NotFit {
        what: "down",
        reasons: &["down", "no-link-local", "no-prefix"],
        spoil: |line| line.link.host.set("down"),
        repair: |line| {
            line.link.host.set("up");
            line.add_prefix();
        },
    },
    NotFit {
        what: "no multicast",
        reasons: &["no-multicast"],
        spoil: |line| line.link.host.set("multicast off"),
        repair: |line| line.link.host.set("multicast on"),
    },
    NotFit {
        what: "port of a bridge",
        reasons: &["enslaved"],
        spoil: |line| {
            let bridge = format!("br-{}", line.name());
            Interface::add(line.link.host.namespace(), &bridge, "bridge").set("up");
            line.link.host.set(&format!("master {bridge}"));
        },
        repair: |line| line.link.host.set("nomaster"),
    },
    NotFit {
        what: "not forwarding",
        reasons: &["forwarding-off"],
        spoil: |line| line.link.host.sysctl("forwarding", 0),
        repair: |line| line.link.host.sysctl("forwarding", 1),
    },
    NotFit {
        what: "no link-local address",
        reasons: &["no-link-local"],
        spoil: |line| line.link.host.remove_address(&line.link_local()),
        repair: |line| line.link.host.add_address(&line.link_local()),
    },
    NotFit {
        what: "tentative link-local address",
        reasons: &["no-link-local"],
        spoil: |line| line.begin_detection(&line.link_local()),
        repair: |line| line.end_detection(&line.link_local()),
    },
    NotFit {
        what: "duplicate link-local address",
        reasons: &["no-link-local"],
        spoil: Line::begin_conflict,
        repair: Line::end_conflict,
    },
    NotFit {
        what: "no address of global scope",
        reasons: &["no-prefix"],
        spoil: Line::remove_prefix,
        repair: Line::add_prefix,
    },
    NotFit {
        what: "other prefix lengths only",
        reasons: &["no-prefix"],
        spoil: |line| {
            line.remove_prefix();
            line.link.host.add_address("2001:db8:cafe::1/48");
            line.link.host.add_address("2001:db8:cafe::2/128");
        },
        repair: Line::add_prefix,
    },
    NotFit {
        what: "site-local prefix only",
        reasons: &["no-prefix"],
        spoil: |line| {
            line.remove_prefix();
            line.link.host.add_address("fec0::1/64");
        },
        repair: Line::add_prefix,
    },
    NotFit {
        what: "tentative address of global scope",
        reasons: &["no-prefix"],
        spoil: |line| line.begin_detection(&line.global()),
        repair: |line| line.end_detection(&line.global()),
    },
    NotFit {
        what: "two prefixes",
        reasons: &["several-prefixes"],
        spoil: |line| line.link.host.add_address("2001:db8:cafe:2::1/64"),
        repair: |line| line.link.host.remove_address("2001:db8:cafe:2::1/64"),
    },
    NotFit {
        what: "three faults at once",
        reasons: &["forwarding-off", "no-multicast", "no-prefix"],
        spoil: |line| {
            line.link.host.sysctl("forwarding", 0);
            line.remove_prefix();
            line.link.host.set("multicast off");
        },
        repair: |line| {
            line.link.host.set("multicast on");
            line.link.host.sysctl("forwarding", 1);
            line.add_prefix();
        },
    },
];

#[test]
fn an_interface_is_not_served_with_every_reason_until_it_is_repaired() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, u16::try_from(NOT_FIT.len()).expect("a table is short"));
    for (row, line) in NOT_FIT.iter().zip(&lines) {
        (row.spoil)(line);
    }
    let mut control = Line::new(&host, &guest, 100);

    let daemon =
        Daemon::start(&host, &["--interface-regex=^vm[0-9]+$", "--min-ra-interval=3s", "--max-ra-interval=4s"]);
    for (row, line) in NOT_FIT.iter().zip(&lines) {
        assert_eq!(daemon.wait_not_served(line.name(), SOON), row.reasons, "{}", row.what);
    }
    control.expect_served(SOON);
    // By the second RA of the control the others would have had one, too.
    control.expect_served(SOON);
    expect_silence(&mut lines, Duration::ZERO);

    for (row, line) in NOT_FIT.iter().zip(&lines) {
        assert_eq!(daemon.served(line.name()), 0, "{}", row.what);
        (row.repair)(line);
    }
    for line in &mut lines {
        line.expect_served(SOON);
        daemon.wait_serving(line.name(), SOON);
    }
}

#[test]
fn loopback_is_not_served() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let lo = Interface::existing(&host, "lo");
    lo.add_address("2001:db8:0:2::1/64");
    lo.add_address("fe80::1/64");
    let mut capture = Capture::on(&lo);
    let mut control = Line::new(&host, &guest, 1);
    let daemon = Daemon::start(&host, &["--interface-regex=^(lo|vm1)$"]);
    assert_eq!(daemon.wait_not_served("lo", SOON), ["loopback", "no-multicast"]);
    control.expect_served(SOON);
    capture.expect_silence(Duration::from_secs(1));
}

#[test]
fn an_interface_that_does_not_match_is_ignored() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut others = [(1, "eth7"), (2, "vm"), (3, "vm1x"), (4, "xvm1")]
        .map(|(number, name)| Line::named(&host, &guest, name, number));
    let mut control = Line::new(&host, &guest, 10);
    let daemon =
        Daemon::start(&host, &["--interface-regex=^vm[0-9]+$", "--min-ra-interval=3s", "--max-ra-interval=4s"]);
    control.expect_served(SOON);
    for line in &others {
        line.solicit();
    }
    control.expect_served(SOON);
    expect_silence(&mut others, Duration::ZERO);
    for line in &others {
        let about = daemon.lines_with(&[&format!("interface={}", line.name())]);
        assert!(about.is_empty(), "{about:?}");
    }
}

#[test]
fn without_a_regex_the_daemon_runs_and_serves_nothing() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let mut daemon = Daemon::start(&host, &[]);
    daemon.wait_for_log(&["started"], SOON);
    line.solicit();
    expect_silence([&mut line], Duration::from_secs(1));
    assert!(daemon.is_running());
    drop(daemon);
    let _control = Daemon::start(&host, &["--interface-regex=^vm1$"]);
    line.expect_served(SOON);
}

/// Interfaces with unusual addresses that are fit, with the prefix and source of their RAs.
#[test]
fn interfaces_with_unusual_addresses_are_served() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let line = |number, prepare: fn(&Line)| {
        let line = Line::without_prefix(&host, &guest, &format!("vm{number}"), number);
        prepare(&line);
        line
    };
    let unique_local = line(1, |line| line.link.host.add_address("fd12:3456:789a:1::1/64"));
    let two_addresses = line(2, |line| {
        line.add_prefix();
        line.link.host.add_address("2001:db8:0:2::2/64");
    });
    let other_lengths = line(3, |line| {
        line.add_prefix();
        line.link.host.add_address("2001:db8:cafe::1/48");
        line.link.host.add_address("2001:db8:cafe:3::1/128");
    });
    let lower_source = line(4, |line| {
        line.add_prefix();
        line.link.host.add_address("fe80::1/64");
    });
    let _daemon = Daemon::start(&host, &["--interface-regex=^vm[0-9]+$"]);
    for (mut line, network, source) in [
        (unique_local, "fd12:3456:789a:1::".parse().expect("an address"), None),
        (two_addresses, prefix(2), None),
        (other_lengths, prefix(3), None),
        (lower_source, prefix(4), Some("fe80::1".parse().expect("an address"))),
    ] {
        let advert = line.capture.expect_advert(SOON);
        let source = source.unwrap_or_else(|| line.link.host.link_local());
        assert_eq!((live(&advert), advert.source), (vec![network], source), "{}", line.name());
    }
}

#[test]
fn a_port_of_a_vrf_is_served() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    if !Interface::is_supported(&host, "vrf table 99") {
        eprintln!("NOT RUN: a_port_of_a_vrf_is_served: this kernel has no VRF (CONFIG_NET_VRF)");
        return;
    }
    Interface::add(&host, "red", "vrf table 100").set("up");
    let mut line = Line::new(&host, &guest, 2);
    line.link.host.set("master red");
    line.link.host.wait_link_local();
    // The kernel removed its addresses when it moved to another routing table.
    line.link.host.namespace().ip(&format!("address replace {} dev {} nodad", line.global(), line.name()));
    let _daemon = Daemon::start(&host, &["--interface-regex=^vm2$"]);
    let first = line.expect_served(SOON);
    line.solicit();
    assert!(line.expect_served(SOON).since(first.at) < Duration::from_secs(5), "its solicitation is answered");
}
