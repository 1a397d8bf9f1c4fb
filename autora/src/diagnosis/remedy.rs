//! What to do about each problem: a command with the interface's name in it, or advice.

use std::net::Ipv6Addr;

use super::{daemon::FromDaemon, evidence::Evidence, problem::Problem, shell::Shell};
use crate::{
    addr::{LinkLocal, Prefix64},
    engine::{
        eligibility::{self, OtherDaemon, Reason, Uncounted, WhyUncounted},
        interface::{Interface, MIN_MTU},
        takeover::{ABSENCE, DEFAULT_RESYNC_INTERVAL, RETRY},
    },
};

/// What to do about a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A command to run as root.
    Run(Shell),
    /// A sentence: what no command can do, or what to know about the command beside it.
    Advice(String),
}

/// Returns a command in which `IFACE` is the interface.
fn run(interface: &Interface, command: &str) -> Remedy {
    Remedy::Run(Shell::on(&interface.name, command))
}

fn advice(text: impl Into<String>) -> Remedy {
    Remedy::Advice(text.into())
}

/// Returns what to do about `problem`.
pub(super) fn against(problem: &Problem, interface: &Interface, evidence: Evidence<'_>) -> Vec<Remedy> {
    match problem {
        Problem::NoMatch { .. } => {
            vec![advice("to serve it, give the daemon an --interface-regex that matches its name")]
        }
        Problem::NotServed(reason) => against_reason(reason, interface, evidence),
        Problem::UnknownToDaemon | Problem::DaemonDisagrees { .. } => vec![advice(
            "it may not have seen a change of a moment ago: run this again; else it runs in another network namespace: \
             give the socket of this one's daemon with --socket, or run this command in that one (ip netns exec)",
        )],
        // The page then has the commands, and once.
        Problem::HostDoesNotForward if has_remedy_against_forwarding_off(interface) => {
            vec![advice("what to do about forwarding-off ends this, too")]
        }
        Problem::HostDoesNotForward => host_forwarding(&evidence.routes.uplinks_by_ra),
        Problem::NoConnectedRoute(prefix) => interface
            .addresses
            .iter()
            .find(|a| eligibility::counts_for_prefix(a) && Prefix64::containing(a.address) == *prefix)
            .map(|a| run(interface, &format!("ip address change {}/{} dev IFACE", a.address, a.prefix_len)))
            .into_iter()
            .collect(),
        Problem::TooFewNeighbours { needed, .. } => vec![
            run(interface, &format!("sysctl -w net.ipv6.neigh.default.gc_thresh3={}", needed * 4)),
            advice(
                "the limit is for the whole machine, and lasts until the next boot unless a file in /etc/sysctl.d has \
                 it; or start the daemon with --send packet, which needs no entries",
            ),
        ],
        Problem::AnotherPrefix(prefix) => interface
            .addresses
            .iter()
            .filter(|a| eligibility::counts_for_prefix(a) && Prefix64::containing(a.address) == *prefix)
            .map(|a| {
                run(interface, &format!("ip address change {}/{} dev IFACE preferred_lft 0", a.address, a.prefix_len))
            })
            .collect(),
        Problem::SamePrefix(..) => vec![advice("give each interface an address of a /64 of its own")],
        Problem::AcceptsRa => vec![Remedy::Run(refuse_ras(&interface.name))],
        Problem::DefaultRouteByRa => vec![
            advice("if it is this host's uplink, leave it out of --interface-regex; if a guest is behind it:"),
            Remedy::Run(refuse_ras(&interface.name)),
            run(interface, "ip -6 route delete default dev IFACE proto ra"),
        ],
        Problem::RaNotSent { .. } => vec![
            advice(
                "the daemon tries again until it leaves; a guest that is paused, or does not read its queue, needs \
                 nothing else; a queue of this host that does not drain shows a backlog:",
            ),
            run(interface, "tc -s qdisc show dev IFACE"),
        ],
        Problem::OtherRouter { .. } => Vec::new(),
    }
}

/// Returns whether the interface itself does not forward, either, and is not the loopback device, about which nothing
/// is to be done.
fn has_remedy_against_forwarding_off(interface: &Interface) -> bool {
    !interface.flags.loopback && interface.ipv6.is_none_or(|ipv6| !ipv6.forwarding)
}

/// Returns the command after which the kernel ignores RAs that come in on an interface.
#[must_use]
pub fn refuse_ras(interface: &str) -> Shell {
    Shell::sysctl(interface, "accept_ra", "0")
}

/// What to know comes before the command, which could cost the host its own default route.
fn host_forwarding(uplinks: &[String]) -> Vec<Remedy> {
    let in_general = || {
        vec![advice(
            "where an uplink of this host is configured by RAs, set its accept_ra to 2 first, or the host loses its \
             default route; then:",
        )]
    };
    let first = if uplinks.is_empty() { in_general() } else { keeping(uplinks) };
    let rest = [
        Remedy::Run(Shell::sysctl("all", "forwarding", "1")),
        advice(
            "all interfaces of this host then forward, until the next boot: a file in /etc/sysctl.d keeps such \
             settings",
        ),
    ];
    first.into_iter().chain(rest).collect()
}

/// Returns what keeps the default routes that the host has from RAs. Whichever interface begins to forward, the kernel
/// removes all that it has made itself, but those of interfaces with `accept_ra` 2 (`rt6_purge_dflt_routers()`,
/// `net/ipv6/route.c`, Linux 6.12). Netlink does not tell who has made one: networkd and NetworkManager make theirs.
fn keeping(uplinks: &[String]) -> Vec<Remedy> {
    if uplinks.is_empty() {
        return Vec::new();
    }
    let about = advice(format!(
        "this host has a default route from RAs ({}); when an interface begins to forward, the kernel removes one that \
         it has made itself (and not networkd or NetworkManager), unless accept_ra is 2 before:",
        uplinks.join(", ")
    ));
    let accept = uplinks.iter().map(|uplink| Remedy::Run(Shell::sysctl(uplink, "accept_ra", "2")));
    [about].into_iter().chain(accept).chain([advice("then:")]).collect()
}

fn another_daemon(other: Option<&OtherDaemon>, interface: &str) -> Vec<Remedy> {
    match other {
        Some(OtherDaemon { directory, pid: Some(_) }) => vec![
            advice("the guest gets its RAs from that one; to ask it (if it has no --control-socket of its own):"),
            Remedy::Run(Shell::status(directory, interface)),
            advice(format!(
                "to have this daemon serve it, let no other --interface-regex match the name, and restart the other \
                 one: this one takes over up to {} s after the other has let go (it looks every {} s, the default of \
                 --forwarding-resync-interval, and then waits {} s)",
                (DEFAULT_RESYNC_INTERVAL + ABSENCE).as_secs(),
                DEFAULT_RESYNC_INTERVAL.as_secs(),
                ABSENCE.as_secs()
            )),
        ],
        Some(OtherDaemon { pid: None, .. }) => {
            vec![advice(format!(
                "this daemon takes over in about {} s, unless that one comes back before: run this again",
                ABSENCE.as_secs()
            ))]
        }
        None => vec![advice(format!(
            "the table of claims is busy, and this daemon tries again {} s later: run this again",
            RETRY.as_secs()
        ))],
    }
}

fn against_reason(reason: &Reason, interface: &Interface, evidence: Evidence<'_>) -> Vec<Remedy> {
    let name = interface.name.as_str();
    let run = |command: &str| run(interface, command);
    match reason {
        Reason::Loopback => vec![advice("no guest is behind it: serve another interface")],
        // Whatever else it fails, `lo` is to stay as it is.
        _ if interface.flags.loopback => Vec::new(),
        Reason::Ipv6Disabled { mtu } if *mtu < MIN_MTU => vec![
            // Ethernet's MTU, or else the smallest that IPv6 needs.
            run(&format!(
                "ip link set dev IFACE mtu {}",
                if interface.link_address.is_some() { 1500 } else { MIN_MTU }
            )),
            advice("the kernel then enables IPv6 there with its default settings and without the addresses it had"),
        ],
        Reason::Ipv6Disabled { .. } => vec![Remedy::Run(Shell::sysctl(name, "disable_ipv6", "0"))],
        Reason::Down => vec![run("ip link set dev IFACE up")],
        Reason::NoMulticast => multicast(interface, evidence),
        Reason::Enslaved { .. } => {
            let instead = evidence.master.unwrap_or("the device that it is a port of");
            vec![advice(format!("serve {instead} instead, or detach it:")), run("ip link set dev IFACE nomaster")]
        }
        // The interface's own setting would have it served, and the host drop what its guest sends.
        Reason::ForwardingOff if evidence.host.drops_from(interface) => host_forwarding(&evidence.routes.uplinks_by_ra),
        Reason::ForwardingOff => {
            let command = Remedy::Run(Shell::sysctl(name, "forwarding", "1"));
            keeping(&evidence.routes.uplinks_by_ra).into_iter().chain([command]).collect()
        }
        Reason::NoLinkLocal { required: Some(source), .. } => required_source(interface, *source),
        Reason::NoLinkLocal { unopened, required: None } => link_local(interface, *unopened),
        Reason::NoPrefix { others } => prefix(interface, others, evidence),
        Reason::SeveralPrefixes(prefixes) => all_but_one(interface, prefixes, held(evidence)),
        Reason::FilterFull => vec![advice("start the daemon with a larger --max-interfaces")],
        Reason::FilterError { .. } => {
            vec![advice("the daemon tries again at each resync; if the error stays, check what denies it bpf(2)")]
        }
        Reason::ServedByAnother(other) => another_daemon(other.as_ref(), name),
    }
}

/// Returns what makes a link multicast-capable. Guests solicit to the group of all routers, which the kernel joins when
/// forwarding begins on a link that is (`dev_forward_change()`, `net/ipv6/addrconf.c`, Linux 6.12).
fn multicast(interface: &Interface, evidence: Evidence<'_>) -> Vec<Remedy> {
    let on = run(interface, "ip link set dev IFACE multicast on");
    if !interface.ipv6.is_some_and(|ipv6| ipv6.forwarding) {
        return vec![on];
    }
    let listen =
        advice("the kernel takes solicitations there once forwarding begins after that, so let it begin again:");
    let forwarding = |value| Remedy::Run(Shell::sysctl(&interface.name, "forwarding", value));
    let uplinks = keeping(&evidence.routes.uplinks_by_ra);
    [on, listen].into_iter().chain(uplinks).chain([forwarding("0"), forwarding("1")]).collect()
}

fn link_local(interface: &Interface, unopened: bool) -> Vec<Remedy> {
    let is_off = interface.ipv6.is_none_or(|ipv6| ipv6.disabled) || !interface.flags.up;
    let own: Vec<_> = interface.addresses.iter().filter(|a| LinkLocal::new(a.address).is_some()).collect();
    let free = free_address(interface, LINK_LOCAL);
    let of_our_own = |dad: &str| run(interface, &format!("ip address add {free}/64 dev IFACE{dad}"));
    match own.as_slice() {
        // Detection would fail for any address if a guest claims every address that is probed.
        [_, ..] if own.iter().all(|a| a.flags.dadfailed) => {
            vec![
                advice("another node on the link uses it; add one without duplicate address detection:"),
                of_our_own(" nodad"),
            ]
        }
        [_, ..] => vec![detection(interface)],
        [] if is_off => vec![advice("the kernel adds one when the interface is up and IPv6 is enabled")],
        [] if unopened => vec![advice("the kernel adds one when a program opens the tap: start the guest")],
        [] if !interface.flags.carrier => {
            vec![advice("the kernel adds one when the link has a carrier: start the other end")]
        }
        [] => vec![of_our_own("")],
    }
}

fn required_source(interface: &Interface, source: LinkLocal) -> Vec<Remedy> {
    let run = |command: &str| run(interface, &format!("ip address {command} {source}/64 dev IFACE"));
    match interface.addresses.iter().find(|address| address.address == source.get()) {
        None => vec![run("add")],
        Some(address) if address.flags.dadfailed => vec![
            advice("another node on the link uses it; add it again without duplicate address detection:"),
            run("delete"),
            Remedy::Run(Shell::on(&interface.name, &format!("ip address add {source}/64 dev IFACE nodad"))),
        ],
        Some(_) => vec![detection(interface)],
    }
}

/// Returns what to do about duplicate address detection that is not over.
fn detection(interface: &Interface) -> Remedy {
    let flags = interface.flags;
    advice(match () {
        () if !flags.up => "duplicate address detection begins when the interface is up",
        () if !flags.carrier => "duplicate address detection continues when the link has a carrier",
        () => "duplicate address detection runs: wait a second or two",
    })
}

/// The network of link-local addresses.
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);

/// Returns the address `::1` of `network`, or the next one that the interface does not have.
fn free_address(interface: &Interface, network: Ipv6Addr) -> Ipv6Addr {
    let mut candidates = (1..).map(|number| Ipv6Addr::from_bits(network.to_bits() | number));
    let is_free = |new: &Ipv6Addr| interface.addresses.iter().all(|one| one.address != *new);
    candidates.find(is_free).expect("no interface has all of them")
}

fn prefix(interface: &Interface, others: &[Uncounted], evidence: Evidence<'_>) -> Vec<Remedy> {
    if others.iter().any(|other| other.why == WhyUncounted::Tentative) {
        return vec![detection(interface)];
    }
    let add = |prefix: Prefix64| {
        run(interface, &format!("ip address add {}/64 dev IFACE", free_address(interface, prefix.network())))
    };
    match (held(evidence), evidence.routes.routed.as_slice()) {
        (Some(held), _) => {
            vec![advice(format!("its guests have {held} from earlier RAs; to go on with it:")), add(held)]
        }
        (None, [routed]) => vec![
            advice(format!(
                "{routed} is routed to it; a route alone does not say that guests are to form addresses there, an \
                 address of the interface does:"
            )),
            add(*routed),
        ],
        (None, _) => vec![a_prefix_of_the_operators(interface)],
    }
}

/// Returns what to do where no /64 is known: no command, so that an example is never taken for an answer.
fn a_prefix_of_the_operators(interface: &Interface) -> Remedy {
    let interface = Shell::on(&interface.name, "dev IFACE");
    advice(format!(
        "give it an address of a /64 that is routed to this host: ip address add <your-prefix>::1/64 {interface}"
    ))
}

/// Returns the /64 that guests hold, as far as a daemon knows.
fn held(evidence: Evidence<'_>) -> Option<Prefix64> {
    evidence.daemon.and_then(FromDaemon::held_prefix)
}

/// Returns the commands that remove the addresses of every one of `prefixes` but the one that guests hold, or else the
/// first. A parked one is in no one's way.
fn all_but_one(interface: &Interface, prefixes: &[Prefix64], held: Option<Prefix64>) -> Vec<Remedy> {
    let Some(kept) = held.filter(|prefix| prefixes.contains(prefix)).or_else(|| prefixes.first().copied()) else {
        return Vec::new();
    };
    let others: Vec<_> = prefixes.iter().filter(|prefix| **prefix != kept).collect();
    let surplus = interface
        .addresses
        .iter()
        .filter(|a| eligibility::counts_for_prefix(a) && others.contains(&&Prefix64::containing(a.address)))
        .map(|a| run(interface, &format!("ip address delete {}/{} dev IFACE", a.address, a.prefix_len)));
    let whose = if held == Some(kept) { ", which guests have" } else { "" };
    let first = advice(format!(
        "keep one prefix and remove the others, or park them (ip address change, preferred_lft 0); to keep \
         {kept}{whose}:"
    ));
    std::iter::once(first).chain(surplus).collect()
}
