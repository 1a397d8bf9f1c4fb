//! Rules of RFC 4861 6.2 that no other scenario shows, and the router's cases of the IPv6 Ready core tests
//! (v6LC) with their values and times. CONFORMANCE.md says which test shows which rule.

use std::{ops::RangeInclusive, thread, time::Duration};

use autora_tests::{Checksum, Daemon, Direction, Fragments, Interface, Mac, Namespace, Solicit, eventually};

use crate::{
    bench::{FLOOR, Line, MAX_DELAY, SLACK, SOON, rarely},
    routers::advertisement,
};

/// A part of v6LC 2.2.7: the settings, and the RAs that they cause.
struct Part {
    name: char,
    arguments: &'static [&'static str],
    address: &'static str,
    /// Seconds between two RAs.
    intervals: RangeInclusive<u64>,
    /// Router, valid and preferred lifetime in seconds.
    lifetimes: [u64; 3],
}

const INFINITY: u64 = 0xffff_ffff;

const UNSOLICITED: &[Part] = &[
    Part {
        name: 'A',
        arguments: &["--min-ra-interval=5s", "--max-ra-interval=10s"],
        address: "2001:db8:0:1::1/64",
        intervals: 5..=10,
        lifetimes: [180, 86_400, 14_400],
    },
    Part {
        name: 'B',
        arguments: &["--min-ra-interval=198s", "--max-ra-interval=600s"],
        address: "2001:db8:0:2::1/64",
        intervals: 16..=16,
        lifetimes: [1_800, 86_400, 14_400],
    },
    Part {
        name: 'C',
        arguments: &[
            "--min-ra-interval=3s",
            "--max-ra-interval=4s",
            "--router-lifetime=0s",
            "--pio-valid-lifetime=0s",
            "--pio-preferred-lifetime=0s",
        ],
        address: "2001:db8:0:3::1/64",
        intervals: 3..=4,
        lifetimes: [0, 0, 0],
    },
    Part {
        name: 'D',
        arguments: &[
            "--min-ra-interval=1350s",
            "--max-ra-interval=1800s",
            "--router-lifetime=9000s",
            "--pio-valid-lifetime=infinity",
            "--pio-preferred-lifetime=infinity",
        ],
        address: "2001:db8:0:4::1/64",
        intervals: 16..=16,
        lifetimes: [9_000, INFINITY, INFINITY],
    },
    Part {
        name: 'E',
        arguments: &["--min-ra-interval=3s", "--max-ra-interval=4s"],
        address: "8000::1/64",
        intervals: 3..=4,
        lifetimes: [180, 86_400, 14_400],
    },
];

#[test]
fn unsolicited_ras_have_the_configured_intervals_and_values() {
    let guest = Namespace::quiet();
    let mut running: Vec<_> = (1..)
        .zip(UNSOLICITED)
        .map(|(number, part)| {
            let host = Namespace::host();
            let line = Line::without_prefix(&host, &guest, "vm1", number);
            line.link.host.add_address(part.address);
            let arguments = [&["--interface-regex=^vm1$"], part.arguments].concat();
            (part, line, Daemon::start(&host, &arguments))
        })
        .collect();
    // The first RA, and 32 s for the two intervals of the initial burst.
    thread::sleep(Duration::from_secs(34));
    for (part, line, _daemon) in &mut running {
        let (_, adverts) = line.seen(Duration::ZERO);
        let (shortest, longest) = (*part.intervals.start(), *part.intervals.end());
        let fewest = 1 + usize::try_from(32 / longest).expect("a few");
        assert!(adverts.len() >= fewest, "{}: {} advertisements", part.name, adverts.len());
        for pair in adverts.windows(2) {
            let interval = pair[1].since(pair[0].at);
            let bounds = Duration::from_secs(shortest)..=Duration::from_secs(longest) + SLACK;
            assert!(bounds.contains(&interval), "{}: {interval:?}", part.name);
        }
        for advert in &adverts {
            let [option] = advert.prefixes()[..] else { panic!("{}: one prefix: {advert:?}", part.name) };
            let lifetimes = [advert.advert.router_lifetime, option.valid, option.preferred];
            assert_eq!(lifetimes.map(|lifetime| lifetime.as_secs()), part.lifetimes, "{}", part.name);
            assert!(part.address.starts_with(&option.prefix.network().to_string()), "{}", part.name);
        }
    }
}

/// v6LC 2.2.9 part A. The case wants both answers within half a second. The second solicitation comes within
/// 3 s of the first answer, so its delay begins at the end of these 3 s [RFC 4861
/// 6.2.6](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6).
#[test]
fn two_solicitations_three_seconds_apart_are_both_answered() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 5);
    let _daemon = Daemon::start(&host, &rarely(&[]));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    thread::sleep(FLOOR);
    for _ in 0..2 {
        for line in &lines {
            line.solicit();
        }
        thread::sleep(FLOOR);
    }
    for line in &mut lines {
        let (solicits, adverts) = line.seen(Duration::ZERO);
        let ([asked, again], [first, second]) = (&solicits[..], &adverts[..]) else {
            panic!("{}: {} asked, {} answered", line.name(), solicits.len(), adverts.len());
        };
        assert!(first.since(*asked) <= MAX_DELAY + SLACK, "{:?}", first.since(*asked));
        let earliest = (first.at + FLOOR).max(*again);
        assert!(second.since(earliest) <= MAX_DELAY + SLACK, "{:?}", second.since(*again));
    }
}

/// v6LC 2.2.9 part B.
#[test]
fn solicitations_two_seconds_apart_get_one_answer_in_three_seconds() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let arguments = ["--interface-regex=^vm1$", "--min-ra-interval=30s", "--max-ra-interval=40s"];
    let _daemon = Daemon::start(&host, &arguments);
    line.expect_served(SOON);
    thread::sleep(FLOOR);
    let nameless = Solicit::unspecified(line.link.guest.mac()).frame();
    for _ in 0..4 {
        line.sender.send(&nameless);
        thread::sleep(Duration::from_secs(2));
    }
    let (_, answers) = line.seen(FLOOR);
    assert!((2..=4).contains(&answers.len()), "{} answers to four", answers.len());
    for pair in answers.windows(2) {
        assert!(pair[1].since(pair[0].at) >= FLOOR, "{:?}", pair[1].since(pair[0].at));
    }
}

/// The neighbour cache after a solicitation [RFC 4861 6.2.6]: the kernel alone keeps it.
#[test]
fn a_solicitation_updates_the_neighbour_cache() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 4);
    let _daemon = Daemon::start(&host, &rarely(&[]));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    let moved = Mac::unique();
    let good = |line: &Line| Solicit::from(&line.link.guest);
    let [nameless, addressless, named, changed] = &lines[..] else { panic!("four lines") };
    nameless.sender.send(&Solicit::unspecified(nameless.link.guest.mac()).frame());
    addressless.sender.send(&Solicit { options: Vec::new(), ..good(addressless) }.frame());
    named.sender.send(&good(named).frame());
    changed.sender.send(&good(changed).frame());
    eventually(SOON, "an entry for the guest whose address changes", || {
        (neighbour(changed) == stale(changed.link.guest.mac())).then_some(())
    });
    changed.sender.send(&Solicit { options: Solicit::new(moved).options, ..good(changed) }.frame());
    thread::sleep(FLOOR + MAX_DELAY + SLACK);
    let expected = [Vec::new(), Vec::new(), stale(named.link.guest.mac()), stale(moved)];
    for (line, expected) in lines.iter_mut().zip(expected) {
        assert_eq!(neighbour(line), expected, "{}", line.name());
        line.expect_served(Duration::ZERO);
    }
}

fn stale(mac: Mac) -> Vec<String> {
    vec!["lladdr".to_owned(), mac.to_string(), "STALE".to_owned()]
}

/// Returns the words of the host's neighbour entry for a line's guest, without the address; empty without an
/// entry.
fn neighbour(line: &Line) -> Vec<String> {
    let show = format!("-6 neighbour show {} dev {}", line.link.guest.link_local(), line.name());
    line.link.host.namespace().ip(&show).split_whitespace().skip(1).map(str::to_owned).collect()
}

/// The kernel keeps the membership of the all-routers group and the Router flag [RFC 4861
/// 6.2.2](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.2), [6.2.5]: both need `forwarding`, so an
/// interface that does not forward is not served.
#[test]
fn an_interface_that_stops_forwarding_leaves_the_all_routers_group() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut line = Line::new(&host, &guest, 1);
    let daemon = Daemon::start(&host, &rarely(&[]));
    line.expect_served(SOON);
    assert!(listens_to_routers(&line.link.host));
    assert!(is_router(&mut line), "the Router flag is set");

    line.link.host.sysctl("forwarding", 0);
    daemon.wait_not_served("vm1", SOON);
    assert!(line.capture.expect_advert(FLOOR + SLACK).is_final());
    assert!(!listens_to_routers(&line.link.host));
    assert!(!is_router(&mut line), "the Router flag is clear");

    line.link.host.sysctl("forwarding", 1);
    line.expect_served(FLOOR + SLACK);
    assert!(listens_to_routers(&line.link.host));
}

fn listens_to_routers(interface: &Interface) -> bool {
    let groups = interface.namespace().ip(&format!("-6 maddress show dev {}", interface.name()));
    groups.split_whitespace().any(|word| word == "ff02::2")
}

/// Sends a Neighbor Solicitation to the host's end. Returns whether the Router flag of the answer is set.
fn is_router(line: &mut Line) -> bool {
    const NEIGHBOR_SOLICITATION: u8 = 135;
    const NEIGHBOR_ADVERTISEMENT: u8 = 136;
    const FLAGS: usize = 14 + 40 + 4;
    let good = Solicit::from(&line.link.guest);
    let target = line.link.host.link_local();
    let question = Solicit {
        kind: NEIGHBOR_SOLICITATION,
        link_destination: line.link.host.mac(),
        destination: target,
        options: [&target.octets()[..], &good.options].concat(),
        ..good
    };
    line.capture.clear();
    line.sender.send(&question.frame());
    let answer = eventually(SOON, "a Neighbor Advertisement", || {
        line.capture
            .frames_within(Duration::from_millis(50))
            .into_iter()
            .find(|frame| frame.direction == Direction::Incoming && frame.is_icmpv6(NEIGHBOR_ADVERTISEMENT))
    });
    answer.bytes[FLAGS] & 0x80 != 0
}

type Spoil = fn(Solicit) -> Solicit;

/// Invalid RAs ([RFC 4861 6.1.2](https://www.rfc-editor.org/rfc/rfc4861#section-6.1.2), [RFC 6980
/// 5](https://www.rfc-editor.org/rfc/rfc6980#section-5)), and whether the daemon counts them all the same.
const INVALID_RAS: &[(&str, Spoil, bool)] = &[
    ("hop limit 254", |good| Solicit { hop_limit: 254, ..good }, false),
    ("wrong checksum", |good| Solicit { checksum: Checksum::Wrong, ..good }, false),
    ("code 1", |good| Solicit { code: 1, ..good }, false),
    ("15 bytes", |good| Solicit { truncate: Some(15), ..good }, false),
    ("option of length 0", |good| Solicit { options: vec![0; 16], ..good }, false),
    (
        "from a global address",
        |good| Solicit { source: "2001:db8:ffff::1".parse().expect("an address"), ..good },
        false,
    ),
    ("an atomic fragment", |good| Solicit { fragments: Fragments::Atomic, ..good }, false),
    // A deviation: the filter sees the packet reassembled.
    ("two fragments", |good| Solicit { fragments: Fragments::Two, ..good }, true),
];

#[test]
fn an_invalid_ra_is_not_another_router() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, u16::try_from(INVALID_RAS.len()).expect("a table is short"));
    let daemon = Daemon::start(&host, &rarely(&["--heartbeat-interval=1s"]));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    for ((_, spoil, _), line) in INVALID_RAS.iter().zip(&lines) {
        line.sender.send_all(spoil(advertisement(line)).frames());
    }
    // Twice the time after which a valid RA is logged.
    thread::sleep(Duration::from_secs(2) + SLACK);
    for ((what, _, counts), line) in INVALID_RAS.iter().zip(&lines) {
        let lines = daemon.lines_with(&["another router", &field(line)]);
        assert_eq!(!lines.is_empty(), *counts, "{what}: {lines:?}");
    }
    for line in &lines {
        line.sender.send(&advertisement(line).frame());
    }
    for line in &lines {
        daemon.wait_for_log(&["another router", &field(line)], SOON);
    }
}

/// Returns the field of a log line that names the interface.
fn field(line: &Line) -> String {
    format!("interface={}", line.name())
}
