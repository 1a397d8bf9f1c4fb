//! Interfaces that are deleted and made again with the same index: each is a new one, and nothing of its predecessor's
//! concerns it, neither prefix nor address nor floor nor pending mark.

use std::time::Duration;

use autora_tests::{Advert, Capture, Daemon, Interface, Mac, Namespace, Sender, Solicit};
use nix::sys::signal::Signal;

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, live, on_both_paths, rarely};

on_both_paths!(a_hundred_interfaces_with_reused_indices_are_served_each_for_itself);

const PLACES: u16 = 10;
const ROUNDS: u16 = 10;

/// A name and an index that one interface after the other has.
struct Place(u16);

/// One of them, from the guest's side.
struct Tenant {
    mac: Mac,
    prefix: std::net::Ipv6Addr,
    guest: Interface,
    capture: Capture,
    sender: Sender,
}

impl Place {
    fn index(&self) -> u32 {
        1_000 + u32::from(self.0)
    }

    /// The lines of `ip` that end the present tenant and let the next one in, with nothing in between. The cable has no
    /// other end yet that is up.
    fn succession(&self, guest: &Namespace, round: u16, mac: Mac) -> Vec<String> {
        let (number, index) = (self.0, self.index());
        let delete = (round > 0).then(|| format!("link delete vm{number}"));
        let rest = [
            format!(
                "link add vm{number} index {index} address {mac} type veth peer name g{number} netns {}",
                guest.name()
            ),
            format!("link set vm{number} up"),
            format!("address add {}1/64 dev vm{number} nodad", self.prefix(round)),
        ];
        delete.into_iter().chain(rest).collect()
    }

    fn prefix(&self, round: u16) -> std::net::Ipv6Addr {
        std::net::Ipv6Addr::new(0x2001, 0xdb8, round + 1, self.0, 0, 0, 0, 0)
    }
}

impl Tenant {
    /// Opens eyes and ears before the guest's end comes up, and with it the carrier.
    fn arrive(guest: &Namespace, place: &Place, round: u16, mac: Mac) -> Self {
        let interface = Interface::existing(guest, &format!("g{}", place.0));
        let (capture, sender) = (Capture::on(&interface), Sender::on(&interface));
        Self { mac, prefix: place.prefix(round), guest: interface, capture, sender }
    }

    fn solicit(&self) {
        self.sender.send(&Solicit::from(&self.guest).frame());
    }

    /// One that knows nothing of any predecessor.
    fn expect_served(&mut self, timeout: Duration) -> Advert {
        let advert = self.capture.expect_advert(timeout);
        assert_eq!((advert.source, advert.is_final()), (self.mac.link_local(), false), "{advert:?}");
        assert_eq!((live(&advert), advert.prefixes().len()), (vec![self.prefix], 1), "{advert:?}");
        advert
    }
}

fn a_hundred_interfaces_with_reused_indices_are_served_each_for_itself(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut control = Line::new(&host, &guest, 100);
    let daemon = Daemon::start(&host, &rarely(arguments));
    control.expect_served(SOON);
    let places: Vec<_> = (1..=PLACES).map(Place).collect();
    for round in 0..ROUNDS {
        let macs: Vec<_> = places.iter().map(|_| Mac::unique()).collect();
        let lines = places.iter().zip(&macs).flat_map(|(place, mac)| place.succession(&guest, round, *mac));
        // By turns it sees the one go before the other comes, and finds the other in the first one's place.
        let sees_only_the_outcome = round % 2 == 1;
        if sees_only_the_outcome {
            daemon.signal(Signal::SIGSTOP);
        }
        host.ip_batch(&lines.collect::<Vec<_>>());
        if sees_only_the_outcome {
            daemon.signal(Signal::SIGCONT);
        }
        let mut tenants: Vec<_> =
            places.iter().zip(&macs).map(|(place, mac)| Tenant::arrive(&guest, place, round, *mac)).collect();
        guest.ip_batch(
            &tenants.iter().map(|one| format!("link set {} up", one.guest.name())).collect::<Vec<_>>(),
        );
        control.solicit();
        live_and_leave(&mut tenants);
        control.expect_served(FLOOR + MAX_DELAY + SLACK);
    }
    for place in &places {
        assert_eq!(daemon.served(&format!("vm{}", place.0)), usize::from(ROUNDS));
    }
}

/// Served at once, though its predecessor's last advertisement was sent less than 3 s ago; its first solicitation is
/// answered, though its predecessor's last one was not. It leaves in the same way.
fn live_and_leave(tenants: &mut [Tenant]) {
    let first: Vec<_> = tenants.iter_mut().map(|tenant| tenant.expect_served(AT_ONCE)).collect();
    tenants.iter().for_each(Tenant::solicit);
    for (tenant, first) in tenants.iter_mut().zip(&first) {
        let answer = tenant.expect_served(FLOOR + MAX_DELAY + SLACK);
        let wait = answer.since(first.at);
        assert!((FLOOR..FLOOR + MAX_DELAY + SLACK).contains(&wait), "{wait:?}");
    }
    tenants.iter().for_each(Tenant::solicit);
}
