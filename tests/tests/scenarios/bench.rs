//! What most scenarios share: a host, and veth links with a silent guest at the far end of each.

use std::{
    net::Ipv6Addr,
    time::{Duration, SystemTime},
};

use autora::wire::PrefixInformation;
use autora_tests::{Advert, Capture, Direction, Frame, Namespace, Sender, Solicit, Veth, eventually};

/// The timeout of a wait that has no bound of its own.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// The least time between two RAs on an interface: `MIN_DELAY_BETWEEN_RAS`
/// [RFC 4861 10](https://www.rfc-editor.org/rfc/rfc4861#section-10).
pub(crate) const FLOOR: Duration = Duration::from_secs(3);

/// The longest random delay of an answer: `MAX_RA_DELAY_TIME` [RFC 4861 10].
pub(crate) const MAX_DELAY: Duration = Duration::from_millis(500);

/// The time for which the daemon waits for a pair of source and prefix that went.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// The longest interval within the initial burst: `MAX_INITIAL_RTR_ADVERT_INTERVAL` [RFC 4861 10].
pub(crate) const BURST_INTERVAL: Duration = Duration::from_secs(16);

/// The delay that a busy machine may add to any measured time.
pub(crate) const SLACK: Duration = Duration::from_millis(400);

/// The timeout for an event that follows its cause without a delay of the protocol.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(2);

/// Serves `vm1`, `vm2`, ... with no unsolicited RA but the initial burst: three RAs, 16 s apart.
pub(crate) const RARELY: &[&str] =
    &["--interface-regex=^vm[0-9]+$", "--min-ra-interval=1000s", "--max-ra-interval=1400s"];

/// Makes two tests of a scenario, one for each way to send. The scenario takes further arguments of the
/// daemon.
macro_rules! on_both_paths {
    ($($scenario:ident),+ $(,)?) => {$(
        mod $scenario {
            #[test]
            fn through_the_packet_socket() {
                super::$scenario(&["--send=packet"]);
            }

            #[test]
            fn through_the_raw_socket() {
                super::$scenario(&["--send=raw"]);
            }
        }
    )+};
}
pub(crate) use on_both_paths;

/// Returns `RARELY` and further arguments.
pub(crate) fn rarely<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [RARELY, more].concat()
}

/// A veth link whose host end is fit, with a capture and a sender at the guest's end.
pub(crate) struct Line {
    pub(crate) link: Veth,
    pub(crate) capture: Capture,
    pub(crate) sender: Sender,
    pub(crate) number: u16,
}

impl Line {
    /// Creates line `number`, with `vm<number>` as the host's end.
    pub(crate) fn new(host: &Namespace, guest: &Namespace, number: u16) -> Self {
        let line = Self::without_prefix(host, guest, &format!("vm{number}"), number);
        line.add_prefix();
        line
    }

    /// Creates line `number`, with `name` as the host's end.
    pub(crate) fn named(host: &Namespace, guest: &Namespace, name: &str, number: u16) -> Self {
        let line = Self::without_prefix(host, guest, name, number);
        line.add_prefix();
        line
    }

    /// Creates line `number` without an address of global scope, so that it is not fit.
    pub(crate) fn without_prefix(host: &Namespace, guest: &Namespace, name: &str, number: u16) -> Self {
        let link = Veth::new((host, name), (guest, &format!("g{number}")));
        let (capture, sender) = (Capture::on(&link.guest), Sender::on(&link.guest));
        Self { link, capture, sender, number }
    }

    /// Creates `count` lines, numbered from 1.
    pub(crate) fn several(host: &Namespace, guest: &Namespace, count: u16) -> Vec<Self> {
        (1..=count).map(|number| Self::new(host, guest, number)).collect()
    }

    /// Adds the address of global scope to the host's end.
    pub(crate) fn add_prefix(&self) {
        self.link.host.add_address(&self.global());
    }

    /// Removes the address of global scope from the host's end.
    pub(crate) fn remove_prefix(&self) {
        self.link.host.remove_address(&self.global());
    }

    /// Returns the address of global scope that `Line::add_prefix` adds, with its length.
    pub(crate) fn global(&self) -> String {
        format!("{}1/64", prefix(self.number))
    }

    /// Returns the link-local address of the host's end, with its length.
    pub(crate) fn link_local(&self) -> String {
        format!("{}/64", self.link.host.link_local())
    }

    /// Adds `address` to the host's end again, with duplicate address detection that takes a minute.
    pub(crate) fn begin_detection(&self, address: &str) {
        self.link.host.remove_address(address);
        self.link.host.sysctl("accept_dad", 1);
        self.link.host.sysctl("dad_transmits", 60);
        // Without this the first probe leaves after a random delay of up to a second.
        self.link.host.sysctl("router_solicitation_delay", 0);
        self.link.host.namespace().ip(&format!("address add {address} dev {}", self.name()));
    }

    /// Makes `address` usable at once.
    pub(crate) fn end_detection(&self, address: &str) {
        self.link.host.remove_address(address);
        self.link.host.add_address(address);
    }

    /// Adds the host's link-local address to the guest's end, and waits until the host's kernel detects the
    /// duplicate.
    pub(crate) fn begin_conflict(&self) {
        self.link.guest.add_address(&self.link_local());
        self.begin_detection(&self.link_local());
        eventually(SOON, "the duplicate to be detected", || {
            let show = format!("address show dev {}", self.name());
            self.link.host.namespace().ip(&show).contains("dadfailed").then_some(())
        });
    }

    /// Removes the duplicate from the guest's end, and makes the host's address usable again.
    pub(crate) fn end_conflict(&self) {
        self.link.guest.remove_address(&self.link_local());
        self.end_detection(&self.link_local());
    }

    /// Returns the name of the host's end.
    pub(crate) fn name(&self) -> &str {
        self.link.host.name()
    }

    /// Sends a valid solicitation from the guest.
    pub(crate) fn solicit(&self) {
        self.sender.send(&Solicit::from(&self.link.guest).frame());
    }

    /// Waits for an RA from the host's link-local address with this line's prefix in use, and no other.
    pub(crate) fn expect_served(&mut self, timeout: Duration) -> Advert {
        let advert = self.capture.expect_advert(timeout);
        assert!(!advert.is_final(), "{}: {advert:?}", self.name());
        assert_eq!(advert.source, self.link.host.link_local());
        assert_eq!(live(&advert), [prefix(self.number)], "{}", self.name());
        advert
    }

    /// Solicits and waits for the answer. Panics if a final RA is among what was captured before.
    pub(crate) fn expect_answer(&mut self) -> Advert {
        let (_, before) = self.seen(Duration::ZERO);
        assert!(!before.iter().any(Advert::is_final), "{}: {before:#?}", self.name());
        self.solicit();
        self.expect_served(FLOOR + MAX_DELAY + SLACK)
    }

    /// Returns the times of the guest's solicitations and the host's RAs: those captured already, and those
    /// that come within `duration`.
    pub(crate) fn seen(&mut self, duration: Duration) -> (Vec<SystemTime>, Vec<Advert>) {
        let (sent, received): (Vec<_>, Vec<_>) =
            self.capture.frames_within(duration).into_iter().partition(|frame| frame.direction == Direction::Outgoing);
        let solicits = sent.iter().filter(|frame| frame.is_solicit()).map(|frame| frame.at).collect();
        (solicits, received.iter().filter_map(Frame::advert).collect())
    }
}

/// Returns the prefix of line `number`.
pub(crate) fn prefix(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, number, 0, 0, 0, 0)
}

/// Returns the prefixes of an RA whose lifetimes are not 0.
pub(crate) fn live(advert: &Advert) -> Vec<Ipv6Addr> {
    let is_live = |option: &&PrefixInformation| !option.valid.is_zero() && !option.preferred.is_zero();
    advert.prefixes().iter().filter(is_live).map(|option| option.prefix.network()).collect()
}

/// Returns the retired prefixes of an RA, those with lifetimes of 0.
pub(crate) fn retired(advert: &Advert) -> Vec<Ipv6Addr> {
    let is_retired = |option: &&PrefixInformation| option.valid.is_zero() && option.preferred.is_zero();
    advert.prefixes().iter().filter(is_retired).map(|option| option.prefix.network()).collect()
}

/// Checks that no line has an RA: none captured and not read yet, and none within `duration`.
pub(crate) fn expect_silence<'a>(lines: impl IntoIterator<Item = &'a mut Line>, duration: Duration) {
    std::thread::sleep(duration);
    for line in lines {
        let (_, adverts) = line.seen(Duration::ZERO);
        assert!(adverts.is_empty(), "{} should be silent: {adverts:#?}", line.name());
    }
}
