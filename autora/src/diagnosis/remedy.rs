//! What to do about each problem: a command with the interface's name in it, or advice.

use std::net::Ipv6Addr;

use super::{evidence::Evidence, problem::Problem, shell::Shell};
use crate::{
    addr::{LinkLocal, Prefix64},
    engine::{
        eligibility::{self, OtherDaemon, Reason, Uncounted, WhyUncounted},
        interface::{Address, Interface, MIN_MTU},
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
        Problem::HostDoesNotForward => vec![
            Remedy::Run(Shell::sysctl("all", "forwarding", "1")),
            advice("all interfaces of this host then forward; those with accept_ra 1, the default, then ignore RAs"),
        ],
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
                "the limit is for the whole machine; or start the daemon with --send packet, which needs no entries",
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

/// Returns the command after which the kernel ignores RAs that come in on an interface.
#[must_use]
pub fn refuse_ras(interface: &str) -> Shell {
    Shell::sysctl(interface, "accept_ra", "0")
}

fn another_daemon(other: Option<&OtherDaemon>) -> String {
    let directory = other.map_or("its runtime directory", |other| &other.directory);
    format!(
        "that daemon says more (--socket {directory}/control.sock); let one --interface-regex alone match the name: this \
         daemon takes over once the other has let go of it, and not come back for 5 s"
    )
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
        Reason::NoMulticast => vec![run("ip link set dev IFACE multicast on")],
        Reason::Enslaved { .. } => {
            let instead = evidence.master.unwrap_or("the device that it is a port of");
            vec![advice(format!("serve {instead} instead, or detach it:")), run("ip link set dev IFACE nomaster")]
        }
        Reason::ForwardingOff => vec![Remedy::Run(Shell::sysctl(name, "forwarding", "1"))],
        Reason::NoLinkLocal { required: Some(source), .. } => required_source(interface, *source),
        Reason::NoLinkLocal { unopened, required: None } => link_local(interface, *unopened),
        Reason::NoPrefix { others } => prefix(interface, others, &evidence.routes.routed),
        Reason::SeveralPrefixes(prefixes) => all_but_one(interface, prefixes, in_use(evidence)),
        Reason::FilterFull => vec![advice("start the daemon with a larger --max-interfaces")],
        Reason::FilterError { .. } => {
            vec![advice("the daemon tries again at each resync; if the error stays, check what denies it bpf(2)")]
        }
        Reason::ServedByAnother(other) => vec![advice(another_daemon(other.as_ref()))],
    }
}

fn link_local(interface: &Interface, unopened: bool) -> Vec<Remedy> {
    let is_off = interface.ipv6.is_none_or(|ipv6| ipv6.disabled) || !interface.flags.up;
    let own: Vec<_> = interface.addresses.iter().filter(|a| LinkLocal::new(a.address).is_some()).collect();
    let of_our_own = |dad: &str| run(interface, &format!("ip address add {}/64 dev IFACE{dad}", free_link_local(&own)));
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
    advice(if interface.flags.carrier {
        "duplicate address detection runs: wait a second or two"
    } else {
        "duplicate address detection continues when the link has a carrier"
    })
}

/// Returns `fe80::1`, or the next address that the interface does not have.
fn free_link_local(own: &[&Address]) -> Ipv6Addr {
    let candidates = (1..).map(|number| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number));
    candidates.into_iter().find(|new| own.iter().all(|a| a.address != *new)).expect("no interface has all of them")
}

fn prefix(interface: &Interface, others: &[Uncounted], routed: &[Prefix64]) -> Vec<Remedy> {
    if others.iter().any(|other| other.why == WhyUncounted::Tentative) {
        return vec![advice("duplicate address detection runs: wait until it is over")];
    }
    let address = |address: Ipv6Addr| run(interface, &format!("ip address add {address}/64 dev IFACE"));
    if let [prefix] = routed {
        return vec![
            advice(format!(
                "{prefix} is routed to it; a route alone does not say that guests are to form addresses there, an \
                 address of the interface does:"
            )),
            address(Ipv6Addr::from_bits(prefix.network().to_bits() | 1)),
        ];
    }
    // The example differs between interfaces, so that it is not used twice.
    let index = interface.index.get();
    let [high, low] = [index >> 16, index & 0xffff].map(|half| u16::try_from(half).expect("16 bits"));
    let example = Ipv6Addr::new(0x2001, 0xdb8, high, low, 0, 0, 0, 1);
    vec![advice("give it an address of a /64 that is routed to this host, like"), address(example)]
}

/// Returns the /64 that guests have, as far as a daemon knows.
fn in_use(evidence: Evidence<'_>) -> Option<Prefix64> {
    evidence.daemon.and_then(|daemon| daemon.in_use.prefix)
}

/// Returns the commands that remove the addresses of every one of `prefixes` but the one in use, or else the first. A
/// parked one is in no one's way.
fn all_but_one(interface: &Interface, prefixes: &[Prefix64], in_use: Option<Prefix64>) -> Vec<Remedy> {
    let Some(kept) = in_use.filter(|prefix| prefixes.contains(prefix)).or_else(|| prefixes.first().copied()) else {
        return Vec::new();
    };
    let others: Vec<_> = prefixes.iter().filter(|prefix| **prefix != kept).collect();
    let surplus = interface
        .addresses
        .iter()
        .filter(|a| eligibility::counts_for_prefix(a) && others.contains(&&Prefix64::containing(a.address)))
        .map(|a| run(interface, &format!("ip address delete {}/{} dev IFACE", a.address, a.prefix_len)));
    let first = advice(format!("keep one prefix and remove the others; to keep {kept}:"));
    std::iter::once(first).chain(surplus).collect()
}
