//! Lifetimes that the host gave to its addresses: RAs promise no more than is left of them.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use autora_tests::{Advert, Daemon, Guest, Namespace, RouteMonitor};

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, expect_silence, on_both_paths, prefix, rarely};

on_both_paths!(lifetimes_follow_the_addresses);

/// The daemon's defaults in seconds.
const VALID: u64 = 86_400;
const PREFERRED: u64 = 14_400;

/// A change of the lifetimes of addresses of a /64.
struct Change {
    what: &'static str,
    /// What becomes of a further address in the same /64, if there is one.
    further: Option<&'static str>,
    flags: &'static str,
    valid: Told,
    preferred: Told,
}

/// What RAs say of a lifetime after a change.
#[derive(Clone, Copy)]
enum Told {
    /// The setting.
    Setting(u64),
    /// What is left of so many seconds since the change.
    Left(u64),
}

const CHANGES: &[Change] = &[
    Change {
        what: "both end",
        further: None,
        flags: "valid_lft 120 preferred_lft 20",
        valid: Told::Left(120),
        preferred: Told::Left(20),
    },
    Change {
        what: "the preferred lifetime alone ends",
        further: None,
        flags: "valid_lft forever preferred_lft 10",
        valid: Told::Setting(VALID),
        preferred: Told::Left(10),
    },
    Change {
        what: "another address of the same prefix lasts longer in one of them",
        further: Some("valid_lft 300 preferred_lft 5"),
        flags: "valid_lft 100 preferred_lft 15",
        valid: Told::Left(300),
        preferred: Told::Left(15),
    },
    Change {
        what: "lifetimes beyond the settings",
        further: None,
        flags: "valid_lft 200000 preferred_lft 100000",
        valid: Told::Setting(VALID),
        preferred: Told::Setting(PREFERRED),
    },
    Change {
        what: "deprecated for ever",
        further: None,
        flags: "valid_lft forever preferred_lft 0",
        valid: Told::Setting(VALID),
        preferred: Told::Setting(PREFERRED),
    },
];

impl Change {
    /// Returns the addresses and what becomes of their lifetimes.
    fn addresses(&self, line: &Line) -> Vec<(String, &str)> {
        let further = self.further.map(|flags| (format!("{}2/64", prefix(line.number)), flags));
        further.into_iter().chain([(line.global(), self.flags)]).collect()
    }

    fn prepare(&self, line: &Line) {
        for (address, _) in self.addresses(line) {
            line.link.host.namespace().ip(&format!("address replace {address} dev {} nodad", line.name()));
        }
    }

    fn make(&self, line: &Line) {
        let change = |(address, flags)| format!("address change {address} dev {} {flags}", line.name());
        let changes: Vec<_> = self.addresses(line).into_iter().map(change).collect();
        line.link.host.namespace().ip_batch(&changes);
    }

    /// Checks an RA that left `after` the change.
    fn check(&self, advert: &Advert, after: Duration, first: &Advert) {
        let [option] = advert.prefixes()[..] else { panic!("{}: one prefix: {advert:?}", self.what) };
        assert_eq!(advert.advert.router_lifetime, first.advert.router_lifetime, "{}: {after:?}", self.what);
        for (told, lifetime) in [(self.valid, option.valid), (self.preferred, option.preferred)] {
            assert!(told.is(lifetime, after), "{}: after {after:?}: {option:?}", self.what);
        }
    }

    fn is_shorter(&self) -> bool {
        [self.valid, self.preferred].iter().any(|told| matches!(told, Told::Left(_)))
    }
}

impl Told {
    /// Returns whether an RA that left `after` the change may say `lifetime`: whole seconds, rounded down.
    fn is(self, lifetime: Duration, after: Duration) -> bool {
        match self {
            Self::Setting(seconds) => lifetime == Duration::from_secs(seconds),
            Self::Left(seconds) => {
                let left = Duration::from_secs(seconds).saturating_sub(after);
                // The change took effect a little later than its command began.
                (left.as_secs()..=(left + SLACK).as_secs()).contains(&lifetime.as_secs())
            }
        }
    }
}

fn lifetimes_follow_the_addresses(arguments: &[&str]) {
    let (host, guest, quiet) = (Namespace::host(), Guest::new(), Namespace::quiet());
    let guest_of = |number| if number == 1 { guest.namespace() } else { &quiet };
    let mut lines: Vec<_> = (1..).zip(CHANGES).map(|(number, _)| Line::new(&host, guest_of(number), number)).collect();
    CHANGES.iter().zip(&lines).for_each(|(change, line)| change.prepare(line));
    // The kernel tells lifetimes in whole seconds, so what a resync reads differs from one to the next.
    let _daemon = Daemon::start(&host, &rarely(&[&["--forwarding-resync-interval=1s"], arguments].concat()));
    let first: Vec<_> = lines.iter_mut().map(|line| line.expect_served(SOON)).collect();
    guest.wait_for_default_route(SOON);
    let monitor = RouteMonitor::start(&guest);
    thread::sleep(FLOOR);

    let changed: Vec<_> = CHANGES
        .iter()
        .zip(&lines)
        .map(|(change, line)| {
            let began = SystemTime::now();
            change.make(line);
            began
        })
        .collect();
    // What became shorter is told at once, and nothing else.
    for ((change, line), (at, first)) in CHANGES.iter().zip(&mut lines).zip(changed.iter().zip(&first)) {
        if change.is_shorter() {
            let advert = line.capture.expect_advert(AT_ONCE);
            change.check(&advert, advert.since(*at), first);
        }
    }
    expect_silence(&mut lines, FLOOR);
    // Until all that ends has ended, but for what is valid.
    while changed[0].elapsed().expect("time goes on") < Duration::from_secs(25) {
        lines.iter().for_each(Line::solicit);
        thread::sleep(FLOOR + MAX_DELAY + SLACK);
        for ((change, line), (at, first)) in CHANGES.iter().zip(&mut lines).zip(changed.iter().zip(&first)) {
            let (_, adverts) = line.seen(Duration::ZERO);
            assert!(!adverts.is_empty(), "{}: it is served", change.what);
            for advert in &adverts {
                change.check(advert, advert.since(*at), first);
            }
        }
    }
    assert_eq!(monitor.absences(), [""; 0]);
    monitor.expect_deletion_seen();

    // A lifetime that ran out is no bound any more when the operator changes it.
    host.ip(&format!("address change {} dev vm1 valid_lft forever preferred_lft forever", lines[0].global()));
    lines[0].solicit();
    thread::sleep(FLOOR + MAX_DELAY + SLACK);
    let last = lines[0].capture.adverts_within(Duration::ZERO).pop().expect("an RA");
    assert_eq!(last.prefixes(), first[0].prefixes());
}

#[test]
fn a_sole_prefix_that_the_operator_deprecated_is_served() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut control = Line::new(&host, &guest, 1);
    let mut line = Line::without_prefix(&host, &guest, "vm2", 2);
    line.link.host.add_address(&format!("{} preferred_lft 0", line.global()));
    let _daemon = Daemon::start(&host, &rarely(&[]));
    let [expected, found] = [&mut control, &mut line].map(|line| line.expect_served(SOON).prefixes()[0]);
    assert_eq!((found.valid, found.preferred), (expected.valid, expected.preferred));
}
