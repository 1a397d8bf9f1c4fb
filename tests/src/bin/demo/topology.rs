//! The host, its interfaces and the guests behind them.

use std::{
    net::Ipv6Addr,
    time::{Duration, SystemTime},
};

use autora_tests::{Advert, Capture, Guest, Interface, Mac, Namespace, Tap, Veth, within};

/// The interfaces that the daemon is to serve, if they are fit.
pub(crate) const REGEX: &str = "^vm[0-9]+$";

/// The host, its interfaces and the guests.
pub(crate) struct Topology {
    pub(crate) host: Namespace,
    /// Interfaces that match and are fit, each with a guest.
    pub(crate) guests: Vec<Member>,
    /// A tap that matches and is fit; this program holds its other end open, as a hypervisor does.
    pub(crate) tap: (Tap, Watch),
    /// An interface that matches, without forwarding and without a /64.
    pub(crate) not_fit: Member,
    /// An interface that is fit and does not match.
    pub(crate) unmatched: Member,
}

/// An interface of the host with a guest behind it.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) prefix: Ipv6Addr,
    pub(crate) link: Veth,
    pub(crate) guest: Guest,
    pub(crate) watch: Watch,
}

/// The RAs on one link.
pub(crate) struct Watch {
    capture: Capture,
    adverts: Vec<Advert>,
}

impl Topology {
    pub(crate) fn build() -> Self {
        let host = Namespace::host();
        let guests = [("vm1", 1), ("vm2", 2), ("vm3", 3)];
        let guests = guests.into_iter().map(|(name, number)| Member::fit(&host, name, number)).collect();
        let tap = served_tap(&host, "vm4", 4);
        let not_fit = Member::new(&host, "vm5", 5);
        not_fit.link.host.sysctl("forwarding", 0);
        let unmatched = Member::fit(&host, "storage0", 6);
        Self { host, guests, tap, not_fit, unmatched }
    }

    /// Returns every interface with a guest.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.guests.iter().chain([&self.not_fit, &self.unmatched])
    }

    /// Returns names and watches of the served interfaces.
    pub(crate) fn served(&mut self) -> impl Iterator<Item = (&str, &mut Watch)> {
        let guests = self.guests.iter_mut().map(|member| (member.name, &mut member.watch));
        let (tap, watch) = &mut self.tap;
        guests.chain([(tap.interface.name(), watch)])
    }
}

impl Member {
    /// Makes a fit interface: with a /64.
    fn fit(host: &Namespace, name: &'static str, number: u8) -> Self {
        let member = Self::new(host, name, number);
        member.link.host.add_address(&router_in(member.prefix));
        member
    }

    fn new(host: &Namespace, name: &'static str, number: u8) -> Self {
        let guest = Guest::new();
        let macs = [1, 2].map(|end| Mac([2, 0, 0, 0, number, end]));
        let link = Veth::with_mac((host, name, macs[0]), (guest.namespace(), "eth0", macs[1]));
        let watch = Watch::new(Capture::on(&link.guest));
        Self { name, prefix: prefix(number), link, guest, watch }
    }

    /// Returns the address that SLAAC forms from prefix and link-layer address of the guest.
    pub(crate) fn expected_address(&self) -> Ipv6Addr {
        self.link.guest.mac().address_in(self.prefix)
    }
}

impl Watch {
    fn new(capture: Capture) -> Self {
        Self { capture, adverts: Vec::new() }
    }

    /// Returns all RAs so far.
    pub(crate) fn adverts(&mut self) -> &[Advert] {
        self.adverts.extend(self.capture.adverts_within(Duration::ZERO));
        &self.adverts
    }

    /// Returns the first RA after `since` for which `wanted` holds; waits for it up to `timeout`.
    pub(crate) fn advert_after(
        &mut self,
        since: SystemTime,
        timeout: Duration,
        wanted: fn(&Advert) -> bool,
    ) -> Option<Advert> {
        within(timeout, || self.adverts().iter().find(|advert| advert.at >= since && wanted(advert)).cloned())
    }
}

fn served_tap(host: &Namespace, name: &str, number: u8) -> (Tap, Watch) {
    let mut tap = Tap::new(host, name);
    tap.open();
    let interface: &Interface = &tap.interface;
    interface.wait_link_local();
    interface.add_address(&router_in(prefix(number)));
    let watch = Watch::new(tap.capture());
    (tap, watch)
}

/// Returns `2001:db8:<number>::`, of the range for documentation
/// ([RFC 3849](https://www.rfc-editor.org/rfc/rfc3849)).
pub(crate) fn prefix(number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, number.into(), 0, 0, 0, 0, 0)
}

/// Returns the host's own address in a /64.
fn router_in(prefix: Ipv6Addr) -> String {
    format!("{prefix}1/64")
}
