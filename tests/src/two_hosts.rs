//! Two hosts between which a guest moves: each with a link to one switch, on which the guest has one of them at a time.

use std::{fs, net::Ipv6Addr, path::Path, process::Command};

use tempfile::TempDir;

use crate::{
    daemon::Daemon,
    guest::Guest,
    link::{Interface, Mac, Veth},
    namespace::Namespace,
    program::workspace,
};

/// The interface of the guest on either host.
const INTERFACE: &str = "vm1";

/// What both hosts have, and the guest can reach through either.
const TARGET: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0xff, 0, 0, 0, 1);

/// The /64 of the guest, which moves with it.
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 0);

/// What makes one host like the other.
#[derive(Clone, Copy, Debug)]
pub struct Likeness {
    /// The third field of the guest's line in the table of prefixes.
    pub source: Option<&'static str>,
    /// Whether the guest's interface has the same link-layer address on both.
    pub same_mac: bool,
    /// Further arguments of both daemons.
    pub arguments: &'static [&'static str],
}

/// The guest, the switch, and the hosts with their daemons. The guest is on the first one.
#[derive(Debug)]
pub struct TwoHosts {
    /// The guest, whose carrier stays when it moves.
    pub guest: Guest,
    links: [Veth; 2],
    daemons: [Daemon; 2],
    port: Veth,
    switch: Namespace,
    _table: TempDir,
}

impl TwoHosts {
    /// Makes all of them. The hook `autora-link` prepares the interfaces.
    #[must_use]
    pub fn new(likeness: &Likeness) -> Self {
        let (switch, guest, table) = (Namespace::quiet(), Guest::new(), table(likeness.source));
        Interface::add(&switch, "br0", "bridge mcast_snooping 0").set("up");
        let mac = likeness.same_mac.then(Mac::unique);
        let links = ["first", "second"].map(|port| link(&switch, port, mac.unwrap_or_else(Mac::unique), table.path()));
        links[1].guest.set("down");
        let arguments = [&["--interface-regex=^vm1$"], likeness.arguments].concat();
        let daemons = [0, 1].map(|number: usize| Daemon::start(links[number].host.namespace(), &arguments));
        let port = Veth::new((&switch, "port"), (guest.namespace(), "eth0"));
        port.host.set("master br0");
        Self { guest, links, daemons, port, switch, _table: table }
    }

    /// Returns an address that both hosts have.
    #[must_use]
    pub const fn target(&self) -> Ipv6Addr {
        TARGET
    }

    /// Returns the address that the guest forms.
    #[must_use]
    pub fn address(&self) -> Ipv6Addr {
        self.port.guest.mac().address_in(PREFIX)
    }

    /// Returns the daemon of the first or the second host.
    #[must_use]
    pub const fn daemon(&self, number: usize) -> &Daemon {
        &self.daemons[number]
    }

    /// Moves the guest: the one host's interface loses its carrier, the other one's gets it.
    pub fn move_to(&self, number: usize) {
        let [away, there] = [&self.links[1 - number].guest, &self.links[number].guest];
        let lines = [format!("link set {} down", away.name()), format!("link set {} up", there.name())];
        self.switch.ip_batch(&lines);
    }
}

fn table(source: Option<&str>) -> TempDir {
    let folder = TempDir::with_prefix("autora-test-").expect("a temporary directory can be made");
    let line = format!("{INTERFACE} {PREFIX}/64 {}\n", source.unwrap_or_default());
    fs::write(folder.path().join("prefixes"), line).expect("room for a short file");
    folder
}

/// Makes a host with the target and a link to the switch.
fn link(switch: &Namespace, port: &str, mac: Mac, table: &Path) -> Veth {
    let host = Namespace::host();
    host.ip(&format!("address add {TARGET}/128 dev lo"));
    let link = Veth::with_mac((&host, INTERFACE, mac), (switch, port, Mac::unique()));
    link.guest.set("master br0");
    let mut hook = Command::new(workspace().join("contrib/hooks/autora-link"));
    host.run(hook.arg(INTERFACE).env("AUTORA_PREFIXES", table.join("prefixes")));
    link
}
