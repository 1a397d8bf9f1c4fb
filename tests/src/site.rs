//! Thousands of links: a host's namespace that routes, and one with the guests' ends, which only receives.
#![expect(clippy::similar_names, reason = "a site has a size")]

pub mod link;
pub mod receiver;

use std::{
    collections::HashSet,
    ops::Range,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use self::{
    link::{Link, prefix},
    receiver::RaReceiver,
};
use crate::{namespace::Namespace, wait::eventually};

/// The number of links that can be added later.
pub const MORE: u32 = 500;

/// The host with its links, all of them fit, and a receiver at the guests' ends.
#[derive(Debug)]
pub struct Site {
    /// The namespace of the daemon.
    pub host: Namespace,
    /// The namespace of the guests' ends.
    pub guest: Namespace,
    /// Receives what arrives there.
    pub receiver: RaReceiver,
    size: u32,
    /// How often each link was made, by number.
    generations: Vec<AtomicU32>,
}

impl Site {
    /// Makes links 1 to `size`, and waits until all of them are fit.
    pub fn build(size: u32) -> Self {
        let host = Namespace::host();
        host.default_sysctls(&[("dad_transmits", 0)]);
        // Only the program sends here: no stack, no neighbour entries, no work behind the measured one.
        let guest = Namespace::new("guests");
        guest.default_sysctls(&[("disable_ipv6", 1)]);
        let receiver = RaReceiver::open(&guest);
        let generations = (0..=size + MORE).map(|_| AtomicU32::new(0)).collect();
        let site = Self { host, guest, receiver, size, generations };
        let links = site.links(site.numbers());
        site.plug(&links);
        site.finish(&links);
        site.wait_fit();
        site
    }

    /// Returns the number of its links.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Returns the numbers of its links.
    pub fn numbers(&self) -> Range<u32> {
        1..self.size + 1
    }

    /// Returns the numbers of links that are added later.
    pub fn more(&self, count: u32) -> Range<u32> {
        self.size + 1..self.size + 1 + count.min(MORE)
    }

    /// Returns a link of its current generation.
    pub fn link(&self, number: u32) -> Link {
        Link { number, generation: self.generations[number as usize].load(Ordering::Relaxed) }
    }

    /// Returns links of their current generation.
    pub fn links(&self, numbers: impl IntoIterator<Item = u32>) -> Vec<Link> {
        numbers.into_iter().map(|number| self.link(number)).collect()
    }

    /// Returns links of their next generation, which are to be made.
    pub fn next_generation(&self, numbers: impl IntoIterator<Item = u32> + Clone) -> Vec<Link> {
        for number in numbers.clone() {
            self.generations[number as usize].fetch_add(1, Ordering::Relaxed);
        }
        self.links(numbers)
    }

    /// Makes links without addresses; [`Site::finish`] adds them.
    pub fn plug(&self, links: &[Link]) {
        // `ip link add` cannot bring up the peer.
        let host = self.host.name();
        let line = |link: &Link| {
            let (number, index) = (link.number, link.guest_index());
            let peer = format!("peer name vm{number} index {} netns {host}", link.index());
            format!("link add e{number} index {index} up type veth {peer}")
        };
        self.guest.ip_batch(&links.iter().map(line).collect::<Vec<_>>());
    }

    /// Gives the host's ends of links their addresses and brings them up, with one run of `ip`: then they are fit.
    pub fn finish(&self, links: &[Link]) {
        let line = |Link { number, .. }: &Link| {
            format!("address add {}1/64 dev vm{number}\nlink set vm{number} up", prefix(*number))
        };
        self.host.ip_batch(&links.iter().map(line).collect::<Vec<_>>());
    }

    /// Deletes links.
    pub fn delete(&self, numbers: impl IntoIterator<Item = u32>) {
        let lines = numbers.into_iter().map(|number| format!("link delete vm{number}"));
        self.host.ip_batch(&lines.collect::<Vec<_>>());
    }

    /// Waits until every interface has its link-local address, and its /64 still or again.
    pub fn wait_fit(&self) {
        eventually(self.timeout(), "addresses on every interface", || self.is_fit_or_pause());
    }

    /// To list thousands of addresses is work, too, so it is not done again at once.
    fn is_fit_or_pause(&self) -> Option<()> {
        let is_fit = self.is_fit();
        if !is_fit {
            thread::sleep(Duration::from_millis(u64::from(self.size) / 50));
        }
        is_fit.then_some(())
    }

    /// The kernel notifies of the carrier of about a hundred links a second (`linkwatch_run_queue()`,
    /// net/core/link_watch.c, Linux 6.12).
    fn timeout(&self) -> Duration {
        Duration::from_secs(60 + u64::from(self.size) / 50)
    }

    /// Returns whether all links are still fit: another daemon may have changed them.
    pub fn is_fit(&self) -> bool {
        self.fit() == self.size
    }

    fn fit(&self) -> u32 {
        u32::try_from(self.with_addresses().len()).expect("as many as were made")
    }

    /// Returns those of `links` that the kernel is done with: they have their carrier, a link-local address and a /64.
    pub fn fit_of(&self, links: &[Link]) -> Vec<Link> {
        let (addresses, carriers) =
            (self.with_addresses(), self.names("link show", |line| line.contains(" state UP ")));
        let is_fit = |name: &String| addresses.contains(name) && carriers.contains(name);
        links.iter().copied().filter(|link| is_fit(&link.to_string())).collect()
    }

    fn with_addresses(&self) -> HashSet<String> {
        let names = |scope: &str| self.names(&format!("-6 addr show scope {scope} -tentative"), |_| true);
        names("link").intersection(&names("global")).cloned().collect()
    }

    /// Returns the names of links in those lines of a listing by `ip` that are wanted.
    fn names(&self, listing: &str, is_wanted: impl Fn(&str) -> bool) -> HashSet<String> {
        let listing = self.host.ip(&format!("-o {listing}"));
        let names = listing.lines().filter(|line| is_wanted(line)).filter_map(|line| line.split_whitespace().nth(1));
        // A list of links has `vm1@if40001:`.
        let names = names.filter_map(|name| name.split(['@', ':']).next());
        names.filter(|name| name.starts_with("vm")).map(str::to_owned).collect()
    }
}
