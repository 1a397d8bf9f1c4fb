//! Interfaces that are deleted and created again with the same index: a new interface shares no prefix,
//! address, floor or pending mark with the deleted one.

use std::time::Duration;

use autora_tests::{Advert, Capture, Daemon, Interface, Mac, Namespace, Sender, Solicit};
use nix::sys::signal::Signal;

use crate::bench::{AT_ONCE, FLOOR, Line, MAX_DELAY, SLACK, SOON, live, on_both_paths, rarely};

on_both_paths!(interfaces_with_reused_indices_share_no_state);

const SLOTS: u16 = 10;
const ROUNDS: u16 = 10;

/// A name and an index that one interface after the other has.
struct Slot(u16);

/// An interface in a slot, from the guest's side.
struct Tenant {
    mac: Mac,
    prefix: std::net::Ipv6Addr,
    guest: Interface,
    capture: Capture,
    sender: Sender,
}

impl Slot {
    fn index(&self) -> u32 {
        1_000 + u32::from(self.0)
    }

    /// Returns the lines of `ip` that delete the present interface and create the next one. The guest's end
    /// stays down.
    fn replacement(&self, guest: &Namespace, round: u16, mac: Mac) -> Vec<String> {
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
    /// Opens capture and sender before the guest's end, and with it the carrier, comes up.
    fn open(guest: &Namespace, slot: &Slot, round: u16, mac: Mac) -> Self {
        let interface = Interface::existing(guest, &format!("g{}", slot.0));
        let (capture, sender) = (Capture::on(&interface), Sender::on(&interface));
        Self { mac, prefix: slot.prefix(round), guest: interface, capture, sender }
    }

    fn solicit(&self) {
        self.sender.send(&Solicit::from(&self.guest).frame());
    }

    /// Waits for an RA with nothing of a deleted interface in it.
    fn expect_served(&mut self, timeout: Duration) -> Advert {
        let advert = self.capture.expect_advert(timeout);
        assert_eq!((advert.source, advert.is_final()), (self.mac.link_local(), false), "{advert:?}");
        assert_eq!((live(&advert), advert.prefixes().len()), (vec![self.prefix], 1), "{advert:?}");
        advert
    }
}

fn interfaces_with_reused_indices_share_no_state(arguments: &[&str]) {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut control = Line::new(&host, &guest, 100);
    let daemon = Daemon::start(&host, &rarely(arguments));
    control.expect_served(SOON);
    let slots: Vec<_> = (1..=SLOTS).map(Slot).collect();
    for round in 0..ROUNDS {
        let macs: Vec<_> = slots.iter().map(|_| Mac::unique()).collect();
        let lines = slots.iter().zip(&macs).flat_map(|(slot, mac)| slot.replacement(&guest, round, *mac));
        // In every second round the daemon is stopped meanwhile, so it sees the new interface in place of the
        // old one.
        let sees_only_the_outcome = round % 2 == 1;
        if sees_only_the_outcome {
            daemon.signal(Signal::SIGSTOP);
        }
        host.ip_batch(&lines.collect::<Vec<_>>());
        if sees_only_the_outcome {
            daemon.signal(Signal::SIGCONT);
        }
        let mut tenants: Vec<_> =
            slots.iter().zip(&macs).map(|(slot, mac)| Tenant::open(&guest, slot, round, *mac)).collect();
        guest.ip_batch(&tenants.iter().map(|one| format!("link set {} up", one.guest.name())).collect::<Vec<_>>());
        control.solicit();
        serve_and_solicit(&mut tenants);
        control.expect_served(FLOOR + MAX_DELAY + SLACK);
    }
    for slot in &slots {
        assert_eq!(daemon.served(&format!("vm{}", slot.0)), usize::from(ROUNDS));
    }
}

/// Checks that each is served within 3 s, which is what the same index and name keep of the deleted interface, and
/// answered, though the deleted one's pending mark was set. Each has a pending mark at the end, too.
fn serve_and_solicit(tenants: &mut [Tenant]) {
    let first: Vec<_> = tenants.iter_mut().map(|tenant| tenant.expect_served(FLOOR + AT_ONCE)).collect();
    tenants.iter().for_each(Tenant::solicit);
    for (tenant, first) in tenants.iter_mut().zip(&first) {
        let answer = tenant.expect_served(FLOOR + MAX_DELAY + SLACK);
        let wait = answer.since(first.at);
        assert!((FLOOR..FLOOR + MAX_DELAY + SLACK).contains(&wait), "{wait:?}");
    }
    tenants.iter().for_each(Tenant::solicit);
}
