//! What most scenarios have in common: a host, and cables with a quiet guest at each one's other end.

use std::{
    net::Ipv6Addr,
    time::{Duration, SystemTime},
};

use autora::wire::PrefixInformation;
use autora_tests::{Advert, Capture, Direction, Frame, Namespace, Sender, Solicit, Veth, eventually};

/// The bound for whatever has none of its own.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// The floor under the distance of two advertisements [RFC 4861 10, `MIN_DELAY_BETWEEN_RAS`].
pub(crate) const FLOOR: Duration = Duration::from_secs(3);

/// The longest delay of an answer [RFC 4861 10, `MAX_RA_DELAY_TIME`].
pub(crate) const MAX_DELAY: Duration = Duration::from_millis(500);

/// How late a busy machine may be.
pub(crate) const SLACK: Duration = Duration::from_millis(400);

/// Long enough for what happens "at once" to have happened.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(2);

/// Serves `vm1`, `vm2`, ...; nothing unsolicited but the first three advertisements, which are 16 s apart.
pub(crate) const RARELY: &[&str] =
    &["--interface-regex=^vm[0-9]+$", "--min-ra-interval=1000s", "--max-ra-interval=1400s"];

/// Makes two tests of a scenario, a function of the daemon's further arguments: one for each way to send.
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

/// `RARELY` and more.
pub(crate) fn rarely<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [RARELY, more].concat()
}

/// A cable whose host end is fit to serve, with eyes and a voice at the guest's end.
pub(crate) struct Line {
    pub(crate) link: Veth,
    pub(crate) capture: Capture,
    pub(crate) sender: Sender,
    number: u16,
}

impl Line {
    /// Line `number`: the host's end is `vm<number>`, or `name` if it is to be called otherwise.
    pub(crate) fn new(host: &Namespace, guest: &Namespace, number: u16) -> Self {
        let line = Self::without_prefix(host, guest, &format!("vm{number}"), number);
        line.add_prefix();
        line
    }

    /// The same under another name.
    pub(crate) fn named(host: &Namespace, guest: &Namespace, name: &str, number: u16) -> Self {
        let line = Self::without_prefix(host, guest, name, number);
        line.add_prefix();
        line
    }

    /// The same without an address of global scope.
    pub(crate) fn without_prefix(host: &Namespace, guest: &Namespace, name: &str, number: u16) -> Self {
        let link = Veth::new((host, name), (guest, &format!("g{number}")));
        let (capture, sender) = (Capture::on(&link.guest), Sender::on(&link.guest));
        Self { link, capture, sender, number }
    }

    /// `count` lines, numbered from 1.
    pub(crate) fn several(host: &Namespace, guest: &Namespace, count: u16) -> Vec<Self> {
        (1..=count).map(|number| Self::new(host, guest, number)).collect()
    }

    /// Gives the host's end its address of global scope.
    pub(crate) fn add_prefix(&self) {
        self.link.host.add_address(&self.global());
    }

    /// Takes it away.
    pub(crate) fn remove_prefix(&self) {
        self.link.host.remove_address(&self.global());
    }

    /// The host's end's address of global scope, as `Line::add_prefix` gives it.
    pub(crate) fn global(&self) -> String {
        format!("{}1/64", prefix(self.number))
    }

    /// The host's end's link-local address.
    pub(crate) fn link_local(&self) -> String {
        format!("{}/64", self.link.host.link_local())
    }

    /// Gives the host's end an address anew that is tentative for a minute, or until somebody else turns out to have it.
    pub(crate) fn begin_detection(&self, address: &str) {
        self.link.host.remove_address(address);
        self.link.host.sysctl("accept_dad", 1);
        self.link.host.sysctl("dad_transmits", 60);
        // The first question leaves at once, and not after up to a second.
        self.link.host.sysctl("router_solicitation_delay", 0);
        self.link.host.namespace().ip(&format!("address add {address} dev {}", self.name()));
    }

    /// Makes it usable at once.
    pub(crate) fn end_detection(&self, address: &str) {
        self.link.host.remove_address(address);
        self.link.host.add_address(address);
    }

    /// Takes the host's link-local address for the guest's end, and makes the host's kernel ask who has it.
    pub(crate) fn begin_conflict(&self) {
        self.link.guest.add_address(&self.link_local());
        self.begin_detection(&self.link_local());
        eventually(SOON, "the duplicate to be detected", || {
            let show = format!("address show dev {}", self.name());
            self.link.host.namespace().ip(&show).contains("dadfailed").then_some(())
        });
    }

    /// Ends it: the guest's end gives the address up.
    pub(crate) fn end_conflict(&self) {
        self.link.guest.remove_address(&self.link_local());
        self.end_detection(&self.link_local());
    }

    /// The name of the host's end.
    pub(crate) fn name(&self) -> &str {
        self.link.host.name()
    }

    /// Solicits.
    pub(crate) fn solicit(&self) {
        self.sender.send(&Solicit::from(&self.link.guest).frame());
    }

    /// Waits for an advertisement for this line's prefix, and no other, from the host's link-local address.
    pub(crate) fn expect_served(&mut self, timeout: Duration) -> Advert {
        let advert = self.capture.expect_advert(timeout);
        assert!(!advert.is_final(), "{}: {advert:?}", self.name());
        assert_eq!(advert.source, self.link.host.link_local());
        assert_eq!(live(&advert), [prefix(self.number)], "{}", self.name());
        advert
    }

    /// Solicits, and waits for the answer. Nothing that came before and was not read may take anything back.
    pub(crate) fn expect_answer(&mut self) -> Advert {
        let (_, before) = self.seen(Duration::ZERO);
        assert!(!before.iter().any(Advert::is_final), "{}: {before:#?}", self.name());
        self.solicit();
        self.expect_served(FLOOR + MAX_DELAY + SLACK)
    }

    /// When the guest solicited, and what the host advertised: all that is there already or comes within `duration`.
    pub(crate) fn seen(&mut self, duration: Duration) -> (Vec<SystemTime>, Vec<Advert>) {
        let (sent, received): (Vec<_>, Vec<_>) = self
            .capture
            .frames_within(duration)
            .into_iter()
            .partition(|frame| frame.direction == Direction::Outgoing);
        let solicits = sent.iter().filter(|frame| frame.is_solicit()).map(|frame| frame.at).collect();
        (solicits, received.iter().filter_map(Frame::advert).collect())
    }
}

/// The prefix of a line.
pub(crate) fn prefix(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, number, 0, 0, 0, 0)
}

/// The prefixes that an advertisement does not take back.
pub(crate) fn live(advert: &Advert) -> Vec<Ipv6Addr> {
    let is_live = |option: &&PrefixInformation| !option.valid.is_zero() && !option.preferred.is_zero();
    advert.prefixes().iter().filter(is_live).map(|option| option.prefix.network()).collect()
}

/// The prefixes that an advertisement takes back.
pub(crate) fn retired(advert: &Advert) -> Vec<Ipv6Addr> {
    let is_retired = |option: &&PrefixInformation| option.valid.is_zero() && option.preferred.is_zero();
    advert.prefixes().iter().filter(is_retired).map(|option| option.prefix.network()).collect()
}

/// No advertisement on any of the lines: none seen and not read yet, and none within `duration`.
pub(crate) fn expect_silence<'a>(lines: impl IntoIterator<Item = &'a mut Line>, duration: Duration) {
    std::thread::sleep(duration);
    for line in lines {
        let (_, adverts) = line.seen(Duration::ZERO);
        assert!(adverts.is_empty(), "{} should be silent: {adverts:#?}", line.name());
    }
}
