//! The kinds of links, on which hosts they are tried, and what has to be seen of each.

/// What is seen of a link, in the columns of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// Whether it is served, or why not.
    State,
    /// Whether the guest has its address and its default route, by the guest's own kernel.
    Guest,
    /// Whether a solicitation of the guest is answered.
    Solicitation,
    /// What `autora probe` says of the guest.
    Probe,
    /// Whether the guest loses its route when the daemon stops.
    Stop,
}

impl Column {
    pub(super) const COUNT: usize = 5;
}

/// What stands in a column of which nothing is seen.
pub(super) const NOTHING: &str = "-";

/// What is seen where a guest has all that it needs.
pub(super) const SERVED: [&str; Column::COUNT] = ["served", CONFIGURED, ANSWERED, "works", WITHDRAWN];
pub(super) const CONFIGURED: &str = "configured";
pub(super) const ANSWERED: &str = "answered";
pub(super) const WITHDRAWN: &str = "withdrawn";

/// A link of which an RA stays in the queue has none of that at first.
pub(super) const HELD: &str = "held";

/// A kind of link.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// The functions of `links.sh` that make it.
    pub(super) make: &'static str,
    /// Those that follow once it is up and has its /64.
    pub(super) then: &'static str,
    /// The function that lets go what its queue holds.
    pub(super) release: Option<&'static str>,
    /// What has to be seen.
    pub(super) expected: [&'static str; Column::COUNT],
}

/// A host with links of some kinds.
#[derive(Debug)]
pub(super) struct Scene {
    /// What is special about it.
    pub(super) title: &'static str,
    /// Settings below `net`.
    pub(super) settings: &'static [(&'static str, u32)],
    /// The VRF in which the daemon runs, by `ip vrf exec`.
    pub(super) vrf: Option<&'static str>,
    /// Further arguments of the daemon.
    pub(super) arguments: &'static [&'static str],
    pub(super) kinds: &'static [Kind],
}

pub(super) static SCENES: [Scene; 4] = [
    Scene { title: "links of every kind", settings: &[], vrf: None, arguments: &[], kinds: &KINDS },
    Scene {
        title: "a host with net.ipv4.raw_l3mdev_accept=0",
        settings: &[("ipv4/raw_l3mdev_accept", 0)],
        vrf: None,
        arguments: &[],
        kinds: &[VETH, VRF_PORT],
    },
    Scene {
        title: "a daemon that `ip vrf exec` started",
        settings: &[],
        // That of the first link.
        vrf: Some("red1"),
        arguments: &[],
        kinds: &[VRF_PORT, VETH],
    },
    Scene {
        title: "a daemon with --send raw",
        settings: &[],
        vrf: None,
        arguments: &["--send=raw"],
        kinds: &[VETH, VRF_PORT, IP6GRE_THAT_LISTENS, NETEM, HELD_BY_PLUG],
    },
];

const VETH: Kind = Kind::served("veth", "veth");
const VRF_PORT: Kind = Kind::served("VRF port", "vrf_port");
const NETEM: Kind = Kind::served("netem", "netem");

/// A tunnel has no multicast, until an operator sets the flag. The kernel joins the group of all routers when the flag
/// is there and forwarding begins (`dev_forward_change()`, `net/ipv6/addrconf.c`, Linux 6.12).
const IP6GRE_THAT_LISTENS: Kind =
    Kind { then: "multicast; forward_again", ..Kind::served("ip6gre multicast", "ip6gre") };

/// RAs through a packet socket pass the queue by, but the host's neighbour advertisements do not.
const PLUG: Kind =
    Kind { expected: ["served", CONFIGURED, ANSWERED, "unknown", WITHDRAWN], ..Kind::served("plug", "plug") };

const HELD_BY_PLUG: Kind = Kind {
    release: Some("unplug"),
    expected: ["served", "held, then configured", ANSWERED, "works", WITHDRAWN],
    ..Kind::served("plug", "plug")
};

const KINDS: [Kind; 29] = [
    VETH,
    VRF_PORT,
    Kind::refused("VRF", "vrf", "no-link-local,no-multicast"),
    Kind::served("bridge", "bridge_device"),
    Kind::refused("bridge port", "bridge_port", "enslaved"),
    Kind::served("bond", "bond"),
    Kind::refused("bond port", "bond_port", "enslaved,no-link-local"),
    Kind::served("team", "team"),
    Kind::refused("team port", "team_port", "enslaved"),
    Kind::served("Open vSwitch", "openvswitch"),
    Kind::refused("Open vSwitch port", "openvswitch_port", "enslaved"),
    Kind::served("VLAN", "vlan"),
    Kind::served("VLAN on bridge", "vlan_on_bridge"),
    Kind::served("macvlan", "macvlan"),
    // What the guest sends beyond the link enters by the device below (`ipvlan_xmit_mode_l2()`,
    // `drivers/net/ipvlan/ipvlan_core.c`, Linux 6.12).
    Kind { expected: ["served", CONFIGURED, ANSWERED, "no-route", WITHDRAWN], ..Kind::served("ipvlan l2", "ipvlan") },
    Kind {
        expected: ["No buffer space available", NOTHING, NOTHING, NOTHING, NOTHING],
        ..Kind::served("ipvlan l3", "ipvlan_l3")
    },
    Kind::served("vxlan", "vxlan"),
    Kind::served("ip6gretap", "ip6gretap"),
    Kind::refused("ip6gre", "ip6gre", "no-multicast"),
    Kind {
        then: "multicast",
        expected: ["served", CONFIGURED, "unanswered", "works", WITHDRAWN],
        ..Kind::served("ip6gre multicast late", "ip6gre")
    },
    IP6GRE_THAT_LISTENS,
    Kind::refused("ip6tnl", "ip6tnl", "no-multicast"),
    Kind { then: "multicast; forward_again", ..Kind::served("ip6tnl multicast", "ip6tnl") },
    Kind::refused("gre", "gre", "no-multicast"),
    Kind { then: "multicast; forward_again", ..Kind::served("gre multicast", "gre") },
    Kind::refused("wireguard", "wireguard", "no-link-local,no-multicast"),
    Kind { then: "wireguard_addresses; multicast; forward_again", ..Kind::served("wireguard multicast", "wireguard") },
    NETEM,
    PLUG,
];

impl Kind {
    const fn served(name: &'static str, make: &'static str) -> Self {
        Self { name, make, then: "", release: None, expected: SERVED }
    }

    const fn refused(name: &'static str, make: &'static str, reasons: &'static str) -> Self {
        let expected = [reasons, NOTHING, NOTHING, NOTHING, NOTHING];
        Self { expected, ..Self::served(name, make) }
    }
}
