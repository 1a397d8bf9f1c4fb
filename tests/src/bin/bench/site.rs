//! Links by the thousand: a host's namespace that routes, and one that holds the other ends and only listens.

use std::{
    collections::HashSet,
    fmt::Write as _,
    io::Write as _,
    ops::Range,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use autora_tests::{Mac, Namespace, Solicit, eventually};

use crate::ears::Ears;

/// Interface indices tell number and generation: 20,001 is the first life of `vm1`, 40,001 the second.
const GENERATION: u32 = 20_000;

/// The other end has another index: of a veth with the same one at both ends the kernel thinks that it is no tunnel of
/// any kind, and announces its carrier only once a second (`linkwatch_urgent_event`).
const OTHER_END: u32 = 10_000;

/// How many further numbers a site knows, for links that come later.
pub(crate) const MORE: u32 = 500;

/// The host with its links, all of them fit to be served, and what is heard at their other ends.
pub(crate) struct Site {
    pub(crate) host: Namespace,
    pub(crate) guest: Namespace,
    pub(crate) ears: Ears,
    size: u32,
    /// By number: in which of its lives each link is.
    generations: Vec<AtomicU32>,
}

/// One interface in one of its lives: `vm<number>` in the host, `e<number>` behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) number: u32,
    pub(crate) generation: u32,
}

impl Site {
    /// Links 1 to `size`, once all of them are fit.
    pub(crate) fn build(size: u32) -> Self {
        let host = Namespace::host();
        host.default_sysctls(&[("dad_transmits", 0)]);
        // Nobody but the benchmark speaks here: no stack, no neighbour entries, no work behind the measured one.
        let guest = Namespace::new("guests");
        guest.default_sysctls(&[("disable_ipv6", 1)]);
        let ears = Ears::open(&guest);
        let generations = (0..=size + MORE).map(|_| AtomicU32::new(0)).collect();
        let site = Self { host, guest, ears, size, generations };
        let links = site.links(site.numbers());
        site.plug(&links);
        site.finish(&links);
        site.wait_fit();
        site
    }

    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    pub(crate) fn numbers(&self) -> Range<u32> {
        1..self.size + 1
    }

    /// Numbers of links that are not there at first.
    pub(crate) fn more(&self, count: u32) -> Range<u32> {
        self.size + 1..self.size + 1 + count.min(MORE)
    }

    /// A link in its current life.
    pub(crate) fn link(&self, number: u32) -> Link {
        Link { number, generation: self.generations[number as usize].load(Ordering::Relaxed) }
    }

    pub(crate) fn links(&self, numbers: impl IntoIterator<Item = u32>) -> Vec<Link> {
        numbers.into_iter().map(|number| self.link(number)).collect()
    }

    /// Links in their next life, which begins now.
    pub(crate) fn reborn(&self, numbers: impl IntoIterator<Item = u32> + Clone) -> Vec<Link> {
        for number in numbers.clone() {
            self.generations[number as usize].fetch_add(1, Ordering::Relaxed);
        }
        self.links(numbers)
    }

    /// Makes links, but for what [`Site::finish`] does.
    pub(crate) fn plug(&self, links: &[Link]) {
        // The peer of a new veth cannot be brought up in the same breath, so each side is made up by its own.
        let (host, mut lines) = (self.host.name(), String::new());
        for link in links {
            let (number, index) = (link.number, link.guest_index());
            let peer = format!("peer name vm{number} index {} netns {host}", link.index());
            writeln!(lines, "link add e{number} index {index} up type veth {peer}").expect("it grows");
        }
        ip(&self.guest, &lines);
    }

    /// Gives links in the host their address and brings them up, with one run of `ip`: now they are fit.
    pub(crate) fn finish(&self, links: &[Link]) {
        let mut lines = String::new();
        for Link { number, .. } in links {
            let prefix = prefix(*number);
            writeln!(lines, "address add {prefix}1/64 dev vm{number}\nlink set vm{number} up")
                .expect("it grows");
        }
        ip(&self.host, &lines);
    }

    /// Deletes links.
    pub(crate) fn delete(&self, numbers: impl IntoIterator<Item = u32>) {
        let mut lines = String::new();
        for number in numbers {
            writeln!(lines, "link delete vm{number}").expect("it grows");
        }
        ip(&self.host, &lines);
    }

    /// Waits until every interface has its link-local address, and its /64 still or again.
    pub(crate) fn wait_fit(&self) {
        eventually(Duration::from_secs(60), "addresses on every interface", || {
            (self.fit() == self.size).then_some(())
        });
    }

    /// Whether it is still as it was made: a daemon of another kind may have touched it.
    pub(crate) fn is_fit(&self) -> bool {
        self.fit() == self.size
    }

    fn fit(&self) -> u32 {
        let names = |scope: &str| -> HashSet<String> {
            let listing = self.host.ip(&format!("-6 -o addr show scope {scope} -tentative"));
            let names = listing.lines().filter_map(|line| line.split_whitespace().nth(1));
            names.filter(|name| name.starts_with("vm")).map(str::to_owned).collect()
        };
        let both = names("link").intersection(&names("global")).count();
        u32::try_from(both).expect("as many as were made")
    }
}

impl Link {
    /// Its interface index in the host.
    pub(crate) fn index(self) -> u32 {
        (self.generation + 1) * GENERATION + self.number
    }

    /// Its interface index behind it.
    pub(crate) fn guest_index(self) -> u32 {
        self.index() + OTHER_END
    }

    pub(crate) fn of_guest_index(index: u32) -> Option<Self> {
        let generation = (index / GENERATION).checked_sub(1)?;
        let number = (index % GENERATION).checked_sub(OTHER_END)?;
        Some(Self { number, generation })
    }

    /// A good solicitation by the guest behind it.
    pub(crate) fn solicit(self) -> Solicit {
        let [_, _, c, d] = self.number.to_be_bytes();
        Solicit::new(Mac([0x02, 0xbe, 0, 0, c, d]))
    }
}

/// Runs `ip` once with these lines of commands.
fn ip(namespace: &Namespace, lines: &str) {
    let mut ip = Command::new("ip");
    ip.args(["-n", namespace.name(), "-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = ip.spawn().expect("ip can be started");
    let mut input = child.stdin.take().expect("stdin is piped");
    input.write_all(lines.as_bytes()).expect("ip reads its commands");
    drop(input);
    let output = child.wait_with_output().expect("it is our child");
    assert!(output.status.success(), "ip -batch: {}", String::from_utf8_lossy(&output.stderr));
}

/// The /64 of an interface, up to the double colon.
pub(crate) fn prefix(number: u32) -> String {
    format!("2001:db8:0:{number:x}::")
}
