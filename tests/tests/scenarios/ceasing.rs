//! Ceasing: every way in which an interface stops being fit, the final RA that leaves, and the return to
//! serving.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use autora_tests::{Advert, Daemon, Interface, Namespace, eventually};

use crate::bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, live, on_both_paths, rarely, retired};

on_both_paths!(an_interface_that_ceases_sends_a_final_ra_and_comes_back);

/// A cause that ends the serving of an interface, and its repair.
struct End {
    what: &'static str,
    cause: fn(&mut Line),
    /// All reasons of the daemon, sorted; empty if the interface no longer matches.
    reasons: &'static [&'static str],
    leaves: FinalRa,
    repair: fn(&mut Line),
}

/// The final RA of an interface that ceases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FinalRa {
    /// It has the prefix as last sent.
    AsLastSent,
    /// It has the prefix with lifetimes 0.
    Retiring,
    /// No final RA leaves: the kernel cannot send it, or the address belongs to another node.
    None,
}

const ENDS: &[End] = &[
    // First in the table: its detection has to be over before the 3 s floor lets a final RA leave.
    End {
        what: "the link-local address is another node's",
        cause: |line| line.begin_conflict(),
        reasons: &["no-link-local"],
        leaves: FinalRa::None,
        repair: |line| line.end_conflict(),
    },
    End {
        what: "forwarding off",
        cause: |line| line.link.host.sysctl("forwarding", 0),
        reasons: &["forwarding-off"],
        leaves: FinalRa::AsLastSent,
        repair: |line| line.link.host.sysctl("forwarding", 1),
    },
    End {
        what: "a second prefix",
        cause: |line| line.link.host.add_address("2001:db8:cafe::1/64"),
        reasons: &["several-prefixes"],
        leaves: FinalRa::AsLastSent,
        repair: |line| line.link.host.remove_address("2001:db8:cafe::1/64"),
    },
    End {
        what: "into a bridge",
        cause: |line| {
            Interface::add(line.link.host.namespace(), "br0", "bridge").set("up");
            line.link.host.set("master br0");
        },
        reasons: &["enslaved"],
        leaves: FinalRa::AsLastSent,
        repair: |line| line.link.host.set("nomaster"),
    },
    End {
        what: "no multicast",
        cause: |line| line.link.host.set("multicast off"),
        reasons: &["no-multicast"],
        leaves: FinalRa::AsLastSent,
        repair: |line| line.link.host.set("multicast on"),
    },
    End {
        what: "renamed out of the pattern",
        cause: |line| line.link.host.rename("other"),
        reasons: &[],
        leaves: FinalRa::AsLastSent,
        repair: |line| line.link.host.rename("vm77"),
    },
    End {
        what: "the prefix is removed",
        cause: |line| line.remove_prefix(),
        reasons: &["no-prefix"],
        leaves: FinalRa::Retiring,
        repair: |line| line.add_prefix(),
    },
    End {
        what: "the last link-local address is removed",
        cause: |line| line.link.host.remove_address(&line.link_local()),
        reasons: &["no-link-local"],
        leaves: FinalRa::AsLastSent,
        repair: |line| line.link.host.add_address(&line.link_local()),
    },
    End {
        what: "down",
        cause: |line| line.link.host.set("down"),
        reasons: &["down", "no-link-local", "no-prefix"],
        leaves: FinalRa::None,
        repair: |line| {
            line.link.host.set("up");
            line.add_prefix();
        },
    },
    End {
        what: "IPv6 disabled",
        cause: |line| line.link.host.sysctl("disable_ipv6", 1),
        reasons: &["ipv6-disabled", "no-link-local", "no-prefix"],
        leaves: FinalRa::None,
        repair: |line| {
            line.link.host.sysctl("disable_ipv6", 0);
            line.add_prefix();
        },
    },
    End {
        what: "an MTU too small for IPv6",
        cause: |line| line.link.host.set("mtu 1279"),
        reasons: &["forwarding-off", "ipv6-disabled", "no-link-local", "no-prefix"],
        leaves: FinalRa::None,
        // The kernel drops the interface's IPv6 settings with the MTU, so the operator sets them again.
        repair: |line| {
            line.link.host.set("mtu 1500");
            line.link.host.sysctl("forwarding", 1);
            line.add_prefix();
        },
    },
];

fn an_interface_that_ceases_sends_a_final_ra_and_comes_back(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, u16::try_from(ENDS.len()).expect("a table is short"));
    let mut control = Line::new(&host, &guest, 100);
    let daemon = Daemon::start(&host, &rarely(arguments));
    let first: Vec<_> = lines.iter_mut().map(|line| line.expect_served(SOON)).collect();
    for (end, line) in ENDS.iter().zip(&mut lines) {
        (end.cause)(line);
    }
    for (end, line) in ENDS.iter().zip(&lines) {
        wait_ceased(&daemon, end, line);
    }
    thread::sleep(FLOOR + SLACK);
    let mut final_ras = Vec::new();
    for ((end, line), first) in ENDS.iter().zip(&mut lines).zip(&first) {
        final_ras.push(expect_final_ra(end, line, first));
        line.solicit();
    }
    // From then on the interface answers no solicitation, and another interface is served as before.
    control.expect_answer();
    expect_silence(&mut lines, MAX_DELAY + SLACK);
    for (end, line) in ENDS.iter().zip(&mut lines) {
        (end.repair)(line);
    }
    for (((end, line), first), final_ra) in ENDS.iter().zip(&mut lines).zip(&first).zip(final_ras) {
        let again = line.expect_served(SOON);
        assert_eq!(again.prefixes(), first.prefixes(), "{}: the same prefixes as before", end.what);
        assert!(final_ra.is_none_or(|at| again.since(at) >= FLOOR), "{}", end.what);
        line.solicit();
    }
    for line in &mut lines {
        line.expect_served(FLOOR + MAX_DELAY + SLACK);
    }
    control.expect_answer();
}

fn wait_ceased(daemon: &Daemon, end: &End, line: &Line) {
    if end.reasons.is_empty() {
        daemon.wait_for_log(&["no longer matches"], SOON);
        return;
    }
    eventually(SOON, &format!("{}: {:?}", end.what, end.reasons), || {
        (daemon.last_reasons(line.name())? == end.reasons).then_some(())
    });
}

/// Checks what has left since `first`: one final RA, or none. Returns its time.
fn expect_final_ra(end: &End, line: &mut Line, first: &Advert) -> Option<SystemTime> {
    let what = end.what;
    let (_, adverts) = line.seen(Duration::ZERO);
    if end.leaves == FinalRa::None {
        assert!(adverts.is_empty(), "{what}: {adverts:#?}");
        return None;
    }
    let [final_ra] = &adverts[..] else { panic!("{what}: one final RA: {adverts:#?}") };
    assert!(final_ra.is_final(), "{what}: {final_ra:?}");
    assert_eq!(final_ra.source, first.source, "{what}");
    assert!(final_ra.since(first.at) >= FLOOR, "{what}: {:?}", final_ra.since(first.at));
    if end.leaves == FinalRa::AsLastSent {
        assert_eq!(final_ra.prefixes(), first.prefixes(), "{what}: as last sent");
    } else {
        assert_eq!((live(final_ra), retired(final_ra)), (vec![], live(first)), "{what}: {final_ra:?}");
    }
    Some(final_ra.at)
}
