//! What most scenarios have in common: a host, and cables with a quiet guest at each one's other end.

use std::{
    net::Ipv6Addr,
    time::{Duration, SystemTime},
};

use autora::wire::PrefixInformation;
use autora_tests::{Advert, Capture, Direction, Frame, Namespace, Sender, Solicit, Veth};

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
        self.link.host.add_address(&format!("{}1/64", prefix(self.number)));
    }

    /// Takes it away.
    pub(crate) fn remove_prefix(&self) {
        self.link.host.remove_address(&format!("{}1/64", prefix(self.number)));
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

/// No advertisement on any of the lines: none seen and not read yet, and none within `duration`.
pub(crate) fn expect_silence<'a>(lines: impl IntoIterator<Item = &'a mut Line>, duration: Duration) {
    std::thread::sleep(duration);
    for line in lines {
        let (_, adverts) = line.seen(Duration::ZERO);
        assert!(adverts.is_empty(), "{} should be silent: {adverts:#?}", line.name());
    }
}
